/* SPDX-License-Identifier: MIT */
/* The codings of a build without zlib: there are none. */
#include "http/inflate.h"

#ifndef FLARE_HAVE_ZLIB

#include "base/assert.h"

#include <errno.h>

bool flare__deflate_is_here(void)
{
    return false;
}

int flare__deflate_new(struct flare__deflate **out,
                       const struct flare_allocator *al, enum flare__wrap wrap,
                       int level)
{
    (void)out;
    (void)al;
    (void)wrap;
    (void)level;
    return -EOPNOTSUPP;
}

void flare__deflate_free(struct flare__deflate *d)
{
    FLARE_ASSERT(d == NULL);
}

void flare__deflate_reset(struct flare__deflate *d)
{
    FLARE_ASSERT(d == NULL);
}

int flare__deflate_feed(struct flare__deflate *d, struct flare_str *in,
                        enum flare__flush flush, char *out, int room)
{
    (void)d;
    (void)in;
    (void)flush;
    (void)out;
    (void)room;
    return -EOPNOTSUPP;
}

int flare__deflate_once(const struct flare_allocator *al, enum flare__wrap wrap,
                        int level, struct flare_str in, struct flare_str *out)
{
    (void)al;
    (void)wrap;
    (void)level;
    (void)in;
    (void)out;
    return -EOPNOTSUPP;
}

int flare__inflate_new(struct flare__inflate **out,
                       const struct flare_allocator *al, enum flare__wrap wrap,
                       const struct flare__inflate_limits *limits)
{
    (void)out;
    (void)al;
    (void)wrap;
    (void)limits;
    return -EOPNOTSUPP;
}

void flare__inflate_free(struct flare__inflate *d)
{
    FLARE_ASSERT(d == NULL);
}

int flare__inflate_feed(struct flare__inflate *d, struct flare_str *in,
                        char *out, int room)
{
    (void)d;
    (void)in;
    (void)out;
    (void)room;
    return -EOPNOTSUPP;
}

int flare__inflate_finish(struct flare__inflate *d)
{
    (void)d;
    return -EOPNOTSUPP;
}

int flare__inflate_once(const struct flare_allocator *al, enum flare__wrap wrap,
                        const struct flare__inflate_limits *limits,
                        struct flare_str in, struct flare_str *out)
{
    (void)al;
    (void)wrap;
    (void)limits;
    (void)in;
    (void)out;
    return -EOPNOTSUPP;
}

#endif
