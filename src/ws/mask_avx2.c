/* SPDX-License-Identifier: MIT */
/* The AVX2 masking kernel (Haswell, Zen). */
#include "ws/mask_kernels.h"

#ifdef FLARE__MASK_X86

#include <immintrin.h>

#define MASK_RUN flare__mask_avx2
#define MASK_VEC sizeof(__m256i)

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))),                  \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

typedef __m256i mask_vec;

MASK_INLINE mask_vec mask_load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

MASK_INLINE void mask_store(char *p, mask_vec v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

MASK_INLINE mask_vec mask_xor(mask_vec a, mask_vec b)
{
    return _mm256_xor_si256(a, b);
}

MASK_INLINE mask_vec mask_splat(uint32_t key)
{
    return _mm256_set1_epi32((int)key);
}

MASK_INLINE void mask_short(char *out, const char *in, size_t len, uint32_t key)
{
    flare__mask_sse2(out, in, len, key);
}

#include "ws/mask_run.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
