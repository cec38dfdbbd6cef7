/* SPDX-License-Identifier: MIT */
/* UTF-8 validation with SSE4.2 (what it uses is SSSE3's and SSE4.1's). */
#include "base/utf8_kernels.h"

#ifdef FLARE__UTF8_X86

#include <immintrin.h>
#include <string.h>

#define UTF8_SCAN flare__utf8_scan_sse42
#define UTF8_VECS 4

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("sse4.2"))),                \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("sse4.2")
#endif

typedef __m128i utf8_vec;

UTF8_INLINE utf8_vec utf8_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

UTF8_INLINE utf8_vec utf8_zero(void)
{
    return _mm_setzero_si128();
}

UTF8_INLINE utf8_vec utf8_splat(int byte)
{
    return _mm_set1_epi8((char)byte);
}

UTF8_INLINE utf8_vec utf8_or(utf8_vec a, utf8_vec b)
{
    return _mm_or_si128(a, b);
}

UTF8_INLINE utf8_vec utf8_and(utf8_vec a, utf8_vec b)
{
    return _mm_and_si128(a, b);
}

UTF8_INLINE utf8_vec utf8_xor(utf8_vec a, utf8_vec b)
{
    return _mm_xor_si128(a, b);
}

UTF8_INLINE utf8_vec utf8_table(const uint8_t table[16])
{
    return utf8_load((const char *)table);
}

UTF8_INLINE utf8_vec utf8_look(utf8_vec table, utf8_vec at)
{
    return _mm_shuffle_epi8(table, at);
}

UTF8_INLINE utf8_vec utf8_low(utf8_vec v)
{
    return _mm_and_si128(v, utf8_splat(0x0f));
}

UTF8_INLINE utf8_vec utf8_high(utf8_vec v)
{
    return utf8_low(_mm_srli_epi16(v, 4));
}

UTF8_INLINE utf8_vec utf8_less(utf8_vec v, int byte)
{
    return _mm_subs_epu8(v, utf8_splat(byte));
}

#define utf8_back_1(v, before) _mm_alignr_epi8(v, before, 15)
#define utf8_back_2(v, before) _mm_alignr_epi8(v, before, 14)
#define utf8_back_3(v, before) _mm_alignr_epi8(v, before, 13)

UTF8_INLINE bool utf8_is_ascii(utf8_vec v)
{
    return _mm_movemask_epi8(v) == 0;
}

UTF8_INLINE bool utf8_is_zero(utf8_vec v)
{
    return _mm_testz_si128(v, v);
}

#include "base/utf8_scan.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
