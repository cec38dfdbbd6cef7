/* SPDX-License-Identifier: MIT */
/* The encoder over zlib.  See deflate_none.c for a build without it. */
#include "http/deflate.h"

#ifdef FLARE_HAVE_ZLIB

#include "base/alloc.h"
#include "base/assert.h"
#include "http/deflate_zlib.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum {
    WINDOW_BITS = 13, /* 8 KiB: what a reader of a page keeps, too */
    MEMORY_LEVEL = 6
};

struct flare__deflate {
    z_stream z;
    const struct flare_allocator *al;
    bool is_finished;
};

bool flare__deflate_is_here(void)
{
    return true;
}

int flare__z_window(enum flare__wrap wrap, int bits)
{
    switch (wrap) {
    case FLARE__WRAP_GZIP:
        return bits + 16;
    case FLARE__WRAP_ZLIB:
        return bits;
    case FLARE__WRAP_RAW:
        return -bits;
    case FLARE__WRAP_ZLIB_OR_RAW:
        break;
    }
    return 0;
}

int flare__deflate_new(struct flare__deflate **out,
                       const struct flare_allocator *al, enum flare__wrap wrap,
                       int level)
{
    struct flare__deflate *d;
    int window = flare__z_window(wrap, WINDOW_BITS);

    if (window == 0 || level < 1 || level > 9)
        return -EINVAL;
    d = flare__calloc(al, 1, sizeof(*d));
    if (d == NULL)
        return -ENOMEM;
    d->al = al;
    d->z.zalloc = flare__zalloc;
    d->z.zfree = flare__zfree;
    d->z.opaque = flare__z_opaque(al);
    if (deflateInit2(&d->z, level, Z_DEFLATED, window, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        flare__free(al, d);
        return -ENOMEM;
    }
    *out = d;
    return 0;
}

void flare__deflate_free(struct flare__deflate *d)
{
    if (d == NULL)
        return;
    (void)deflateEnd(&d->z); /* says whether output was pending */
    flare__free(d->al, d);
}

void flare__deflate_reset(struct flare__deflate *d)
{
    int rc = deflateReset(&d->z);

    FLARE_ASSERT(rc == Z_OK);
    d->is_finished = false;
}

int flare__deflate_feed(struct flare__deflate *d, struct flare_str *in,
                        enum flare__flush flush, char *out, int room)
{
    static const int modes[] = {
        [FLARE__FLUSH_NONE] = Z_NO_FLUSH,
        [FLARE__FLUSH_SYNC] = Z_SYNC_FLUSH,
        [FLARE__FLUSH_FINISH] = Z_FINISH,
    };
    int rc;

    FLARE_ASSERT(room >= FLARE__DEFLATE_ROOM_MIN);
    if (d->is_finished)
        return flush == FLARE__FLUSH_FINISH && in->len == 0 ? 0 : -EINVAL;
    d->z.next_out = (unsigned char *)out;
    d->z.avail_out = (unsigned)room;
    do {
        unsigned part = in->len > INT_MAX ? INT_MAX : (unsigned)in->len;

        d->z.next_in = flare__z_in(in->ptr);
        d->z.avail_in = part;
        rc = deflate(&d->z, part < in->len ? Z_NO_FLUSH : modes[flush]);
        part -= d->z.avail_in;
        if (part > 0) /* an empty flush may come without an address */
            in->ptr += part;
        in->len -= part;
        /* Z_BUF_ERROR: neither input nor pending output, which is no error */
        FLARE_ASSERT(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
    } while (in->len > 0 && d->z.avail_out > 0);
    d->is_finished = rc == Z_STREAM_END;
    return room - (int)d->z.avail_out;
}

int flare__deflate_once(const struct flare_allocator *al, enum flare__wrap wrap,
                        int level, struct flare_str in, struct flare_str *out)
{
    struct flare__deflate *d;
    char *block = NULL;
    size_t size, len = 0;
    int rc = flare__deflate_new(&d, al, wrap, level);

    if (rc < 0)
        return rc;
    /* deflateBound, which knows the window, and never less than a call's room
     */
    size = deflateBound(&d->z, in.len) + FLARE__DEFLATE_ROOM_MIN;
    rc = -ENOMEM;
    if (size > in.len)
        block = flare__alloc(al, size);
    while (block != NULL) {
        size_t left = size - len;
        int room = left > INT_MAX ? INT_MAX : (int)left;
        int n =
            flare__deflate_feed(d, &in, FLARE__FLUSH_FINISH, block + len, room);

        FLARE_ASSERT(n >= 0);
        len += (size_t)n;
        if (n < room) {
            *out = (struct flare_str){block, len};
            rc = 0;
            break;
        }
    }
    flare__deflate_free(d);
    return rc;
}

#endif
