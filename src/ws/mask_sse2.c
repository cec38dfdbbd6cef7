/* SPDX-License-Identifier: MIT */
/* The SSE2 masking kernel: every x86-64 has it. */
#include "ws/mask_kernels.h"

#ifdef FLARE__MASK_X86

#include <immintrin.h>

#define MASK_RUN flare__mask_sse2
#define MASK_VEC sizeof(__m128i)

typedef __m128i mask_vec;

MASK_INLINE mask_vec mask_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

MASK_INLINE void mask_store(char *p, mask_vec v)
{
    _mm_storeu_si128((__m128i *)(void *)p, v);
}

MASK_INLINE mask_vec mask_xor(mask_vec a, mask_vec b)
{
    return _mm_xor_si128(a, b);
}

MASK_INLINE mask_vec mask_splat(uint32_t key)
{
    return _mm_set1_epi32((int)key);
}

MASK_INLINE void mask_short(char *out, const char *in, size_t len, uint32_t key)
{
    if (len >= 8)
        mask_eight(out, in, len, key);
    else
        mask_few(out, in, len, key);
}

#include "ws/mask_run.inc"

#endif
