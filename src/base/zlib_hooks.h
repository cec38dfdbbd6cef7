/* SPDX-License-Identifier: MIT */
/*
 * What zlib asks of whoever uses it: memory from a flare allocator, and
 * pointers without const.  Knows no zlib, so that it is there without it too.
 */
#ifndef FLARE__BASE_ZLIB_HOOKS_H
#define FLARE__BASE_ZLIB_HOOKS_H

#include "base/alloc.h"

/* zalloc: sizes are products of small numbers, but nobody promised. */
static inline void *flare__zalloc(void *al, unsigned count, unsigned size)
{
    size_t bytes;

    if (__builtin_mul_overflow((size_t)count, (size_t)size, &bytes) ||
        bytes == 0)
        return NULL;
    return flare__alloc(al, bytes);
}

static inline void flare__zfree(void *al, void *block)
{
    flare__free(al, block);
}

/* next_in: zlib takes no const, and does not write through it. */
static inline unsigned char *flare__z_in(const char *bytes)
{
    return (unsigned char *)(uintptr_t)bytes;
}

/* opaque, likewise. */
static inline void *flare__z_opaque(const struct flare_allocator *al)
{
    return (void *)(uintptr_t)al;
}

#endif
