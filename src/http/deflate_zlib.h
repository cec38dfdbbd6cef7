/* SPDX-License-Identifier: MIT */
/* What the encoder and the decoder share of zlib. */
#ifndef FLARE__HTTP_DEFLATE_ZLIB_H
#define FLARE__HTTP_DEFLATE_ZLIB_H

#include "http/deflate.h"

#include <zlib.h>

/* zlib's allocation hooks over a flare allocator. */
void *flare__zalloc(void *al, unsigned count, unsigned size);
void flare__zfree(void *al, void *block);

/* zlib's windowBits for a wrap; 0 for one that it has not. */
int flare__z_window(enum flare__wrap wrap, int bits);

/* zlib takes no const, and writes through neither. */
static inline unsigned char *flare__z_in(const char *bytes)
{
    return (unsigned char *)(uintptr_t)bytes;
}

static inline void *flare__z_opaque(const struct flare_allocator *al)
{
    return (void *)(uintptr_t)al;
}

#endif
