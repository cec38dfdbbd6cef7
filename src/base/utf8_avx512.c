/* SPDX-License-Identifier: MIT */
/* UTF-8 validation with AVX-512 F and BW (Skylake-X, Zen 4). */
#include "base/utf8_kernels.h"

#ifdef FLARE__UTF8_X86

#include <immintrin.h>
#include <string.h>

#define UTF8_SCAN flare__utf8_scan_avx512
#define UTF8_VECS 1

#if defined(__clang__) && __clang_major__ >= 18 && __clang_major__ < 22
/* these may be told to have no 512 bits, as Zig does: say so here, too */
#pragma clang attribute push(                                                  \
    __attribute__((target("avx512f,avx512bw,evex512"))), apply_to = function)
#elif defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw"))),      \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw")
#endif

typedef __m512i utf8_vec;

UTF8_INLINE utf8_vec utf8_load(const char *p)
{
    return _mm512_loadu_si512((const void *)p);
}

UTF8_INLINE utf8_vec utf8_zero(void)
{
    return _mm512_setzero_si512();
}

UTF8_INLINE utf8_vec utf8_splat(int byte)
{
    return _mm512_set1_epi8((char)byte);
}

UTF8_INLINE utf8_vec utf8_or(utf8_vec a, utf8_vec b)
{
    return _mm512_or_si512(a, b);
}

UTF8_INLINE utf8_vec utf8_and(utf8_vec a, utf8_vec b)
{
    return _mm512_and_si512(a, b);
}

UTF8_INLINE utf8_vec utf8_xor(utf8_vec a, utf8_vec b)
{
    return _mm512_xor_si512(a, b);
}

UTF8_INLINE utf8_vec utf8_table(const uint8_t table[16])
{
    return _mm512_broadcast_i32x4(
        _mm_loadu_si128((const __m128i *)(const void *)table));
}

UTF8_INLINE utf8_vec utf8_look(utf8_vec table, utf8_vec at)
{
    return _mm512_shuffle_epi8(table, at);
}

UTF8_INLINE utf8_vec utf8_low(utf8_vec v)
{
    return _mm512_and_si512(v, utf8_splat(0x0f));
}

UTF8_INLINE utf8_vec utf8_high(utf8_vec v)
{
    return utf8_low(_mm512_srli_epi16(v, 4));
}

UTF8_INLINE utf8_vec utf8_less(utf8_vec v, int byte)
{
    return _mm512_subs_epu8(v, utf8_splat(byte));
}

/* Across the quarters: the quarter before each. */
UTF8_INLINE utf8_vec quarters_back(utf8_vec v, utf8_vec before)
{
    return _mm512_alignr_epi64(v, before, 6);
}

#define utf8_back(v, before, n)                                                \
    _mm512_alignr_epi8(v, quarters_back(v, before), 16 - (n))
#define utf8_back_1(v, before) utf8_back(v, before, 1)
#define utf8_back_2(v, before) utf8_back(v, before, 2)
#define utf8_back_3(v, before) utf8_back(v, before, 3)

UTF8_INLINE bool utf8_is_ascii(utf8_vec v)
{
    return _mm512_movepi8_mask(v) == 0;
}

UTF8_INLINE bool utf8_is_zero(utf8_vec v)
{
    return _mm512_test_epi8_mask(v, v) == 0;
}

#include "base/utf8_scan.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
