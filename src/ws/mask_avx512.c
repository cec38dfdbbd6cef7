/* SPDX-License-Identifier: MIT */
/*
 * The AVX-512 masking kernel (Skylake-X, Zen 4): a vector is a cache line.
 * What is shorter is not done with masked loads and stores: a masked store is
 * not forwarded to a load behind it, and the message is read at once.
 */
#include "ws/mask_kernels.h"

#ifdef FLARE__MASK_X86

#include <immintrin.h>

#define MASK_RUN flare__mask_avx512
#define MASK_VEC sizeof(__m512i)

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

typedef __m512i mask_vec;

MASK_INLINE mask_vec mask_load(const char *p)
{
    return _mm512_loadu_si512((const void *)p);
}

MASK_INLINE void mask_store(char *p, mask_vec v)
{
    _mm512_storeu_si512((void *)p, v);
}

MASK_INLINE mask_vec mask_xor(mask_vec a, mask_vec b)
{
    return _mm512_xor_si512(a, b);
}

MASK_INLINE mask_vec mask_splat(uint32_t key)
{
    return _mm512_set1_epi32((int)key);
}

MASK_INLINE void mask_short(char *out, const char *in, size_t len, uint32_t key)
{
    flare__mask_avx2(out, in, len, key);
}

#include "ws/mask_run.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
