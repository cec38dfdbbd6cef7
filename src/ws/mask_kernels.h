/* SPDX-License-Identifier: MIT */
/*
 * What the masking kernels share.  A kernel is mask_run.inc around a vector
 * type; this file has what is shorter than any vector.
 *
 * No kernel works byte by byte at an end: it loads its first and its last
 * vector before it stores anything, and stores them last.  They overlap what
 * is between them, which in place is then written twice with the same bytes.
 */
#ifndef FLARE__WS_MASK_KERNELS_H
#define FLARE__WS_MASK_KERNELS_H

#include "ws/mask.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define FLARE__MASK_X86 1
#elif defined(__aarch64__)
#define FLARE__MASK_NEON 1
#endif

#define MASK_INLINE static inline __attribute__((always_inline))

flare__mask_fn flare__mask_scalar;
#ifdef FLARE__MASK_X86
flare__mask_fn flare__mask_sse2;
flare__mask_fn flare__mask_avx2;
flare__mask_fn flare__mask_avx512;
#endif
#ifdef FLARE__MASK_NEON
flare__mask_fn flare__mask_neon;
#endif

MASK_INLINE uint64_t mask_load8(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

MASK_INLINE void mask_store8(char *p, uint64_t word)
{
    memcpy(p, &word, sizeof(word));
}

/* Twice the four bytes in memory, on any machine. */
MASK_INLINE uint64_t mask_double(uint32_t key)
{
    return (uint64_t)key << 32 | key;
}

/* 4 to 7 bytes. */
MASK_INLINE void mask_four(char *out, const char *in, size_t len, uint32_t key)
{
    uint32_t first, last;

    memcpy(&first, in, 4);
    memcpy(&last, in + len - 4, 4);
    first ^= key;
    last ^= flare__mask_turn(key, len);
    memcpy(out, &first, 4);
    memcpy(out + len - 4, &last, 4);
}

/* Up to 7 bytes. */
MASK_INLINE void mask_few(char *out, const char *in, size_t len, uint32_t key)
{
    unsigned char bytes[4];

    if (len >= 4) {
        mask_four(out, in, len, key);
        return;
    }
    memcpy(bytes, &key, 4);
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(in[i] ^ bytes[i]);
}

/* 8 to 16 bytes. */
MASK_INLINE void mask_eight(char *out, const char *in, size_t len, uint32_t key)
{
    uint64_t first = mask_load8(in) ^ mask_double(key);
    uint64_t last =
        mask_load8(in + len - 8) ^ mask_double(flare__mask_turn(key, len));

    mask_store8(out, first);
    mask_store8(out + len - 8, last);
}

#endif
