/* SPDX-License-Identifier: MIT */
/* UTF-8 validation with AVX2 (Haswell, Zen). */
#include "base/utf8_kernels.h"

#ifdef FLARE__UTF8_X86

#include <immintrin.h>
#include <string.h>

#define UTF8_SCAN flare__utf8_scan_avx2
#define UTF8_VECS 2

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))),                  \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

typedef __m256i utf8_vec;

UTF8_INLINE utf8_vec utf8_load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

UTF8_INLINE utf8_vec utf8_zero(void)
{
    return _mm256_setzero_si256();
}

UTF8_INLINE utf8_vec utf8_splat(int byte)
{
    return _mm256_set1_epi8((char)byte);
}

UTF8_INLINE utf8_vec utf8_or(utf8_vec a, utf8_vec b)
{
    return _mm256_or_si256(a, b);
}

UTF8_INLINE utf8_vec utf8_and(utf8_vec a, utf8_vec b)
{
    return _mm256_and_si256(a, b);
}

UTF8_INLINE utf8_vec utf8_xor(utf8_vec a, utf8_vec b)
{
    return _mm256_xor_si256(a, b);
}

UTF8_INLINE utf8_vec utf8_table(const uint8_t table[16])
{
    return _mm256_broadcastsi128_si256(
        _mm_loadu_si128((const __m128i *)(const void *)table));
}

UTF8_INLINE utf8_vec utf8_look(utf8_vec table, utf8_vec at)
{
    return _mm256_shuffle_epi8(table, at);
}

UTF8_INLINE utf8_vec utf8_low(utf8_vec v)
{
    return _mm256_and_si256(v, utf8_splat(0x0f));
}

UTF8_INLINE utf8_vec utf8_high(utf8_vec v)
{
    return utf8_low(_mm256_srli_epi16(v, 4));
}

UTF8_INLINE utf8_vec utf8_less(utf8_vec v, int byte)
{
    return _mm256_subs_epu8(v, utf8_splat(byte));
}

/* Across the middle: the half before each half. */
UTF8_INLINE utf8_vec halves_back(utf8_vec v, utf8_vec before)
{
    return _mm256_permute2x128_si256(before, v, 0x21);
}

#define utf8_back(v, before, n)                                                \
    _mm256_alignr_epi8(v, halves_back(v, before), 16 - (n))
#define utf8_back_1(v, before) utf8_back(v, before, 1)
#define utf8_back_2(v, before) utf8_back(v, before, 2)
#define utf8_back_3(v, before) utf8_back(v, before, 3)

UTF8_INLINE bool utf8_is_ascii(utf8_vec v)
{
    return _mm256_movemask_epi8(v) == 0;
}

UTF8_INLINE bool utf8_is_zero(utf8_vec v)
{
    return _mm256_testz_si256(v, v);
}

#include "base/utf8_scan.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
