/* SPDX-License-Identifier: MIT */
/*
 * The decoder over zlib.
 *
 * States:  BEGIN -> BODY -> END ( -> BODY ...), and BROKEN from each
 *   BEGIN  nothing was fed yet; a wrap to be found out is open
 *   BODY   inside a stream: an end of input is an error
 *   END    behind one; gzip may begin another, else input is an error
 */
#include "http/inflate.h"

#ifdef FLARE_HAVE_ZLIB

#include "base/alloc.h"
#include "base/assert.h"
#include "http/deflate_zlib.h"

#include <errno.h>
#include <limits.h>

enum { WINDOW_BITS = 15 }; /* the most that there is: peers use it */

enum state { STATE_BEGIN, STATE_BODY, STATE_END, STATE_BROKEN };

struct flare__inflate {
    z_stream z;
    const struct flare_allocator *al;
    struct flare__inflate_limits limits;
    uint64_t in_bytes;
    uint64_t out_bytes;
    int rc; /* of BROKEN */
    enum flare__wrap wrap;
    enum state state;
};

int flare__inflate_new(struct flare__inflate **out,
                       const struct flare_allocator *al, enum flare__wrap wrap,
                       const struct flare__inflate_limits *limits)
{
    struct flare__inflate *d;
    int window = wrap == FLARE__WRAP_ZLIB_OR_RAW
                     ? WINDOW_BITS
                     : flare__z_window(wrap, WINDOW_BITS);

    if (window == 0)
        return -EINVAL;
    d = flare__calloc(al, 1, sizeof(*d));
    if (d == NULL)
        return -ENOMEM;
    d->al = al;
    d->limits = *limits;
    d->wrap = wrap;
    d->z.zalloc = flare__zalloc;
    d->z.zfree = flare__zfree;
    d->z.opaque = flare__z_opaque(al);
    if (inflateInit2(&d->z, window) != Z_OK) {
        flare__free(al, d);
        return -ENOMEM;
    }
    *out = d;
    return 0;
}

void flare__inflate_free(struct flare__inflate *d)
{
    if (d == NULL)
        return;
    (void)inflateEnd(&d->z); /* cannot fail: the stream was initialised */
    flare__free(d->al, d);
}

static int inflate_fail(struct flare__inflate *d, int rc)
{
    d->state = STATE_BROKEN;
    d->rc = rc;
    return rc;
}

/* The first byte of a stream decides what the next ones are read as. */
static int inflate_begin(struct flare__inflate *d, unsigned char first)
{
    /* zlib's first byte ends in 8.  Of a raw stream that would be a stored
     * block, not the last, with a padding bit set: nobody writes that. */
    if (d->wrap == FLARE__WRAP_ZLIB_OR_RAW && (first & 15) != 8 &&
        inflateReset2(&d->z, -WINDOW_BITS) != Z_OK)
        return inflate_fail(d, -ENOMEM);
    d->state = STATE_BODY;
    return 0;
}

/* There is input behind the end of a stream. */
static int inflate_next_member(struct flare__inflate *d)
{
    int rc;

    if (d->wrap != FLARE__WRAP_GZIP)
        return inflate_fail(d, FLARE_E_BAD_CODING);
    rc = inflateReset(&d->z);
    FLARE_ASSERT(rc == Z_OK);
    d->state = STATE_BODY;
    return 0;
}

/* What zlib answered, and the limits. */
static int inflate_check(struct flare__inflate *d, int rc)
{
    if (rc == Z_MEM_ERROR)
        return inflate_fail(d, -ENOMEM);
    if (rc == Z_STREAM_END)
        d->state = STATE_END;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return inflate_fail(d, FLARE_E_BAD_CODING);
    if (d->out_bytes > d->limits.bytes_max)
        return inflate_fail(d, FLARE_E_CODING_LIMIT);
    if (d->limits.ratio_max > 0 && d->out_bytes > d->limits.ratio_grace &&
        d->out_bytes / d->limits.ratio_max > d->in_bytes)
        return inflate_fail(d, FLARE_E_CODING_LIMIT);
    return 0;
}

/* One call of zlib; returns the bytes written. */
static int inflate_step(struct flare__inflate *d, struct flare_str *in,
                        char *out, int room)
{
    uint64_t left = d->limits.bytes_max - d->out_bytes;
    unsigned part = in->len > INT_MAX ? INT_MAX : (unsigned)in->len;
    int written, rc;

    /* one byte more than allowed shows that there is more than allowed */
    if (left < (uint64_t)room)
        room = (int)left + 1;
    d->z.next_in = flare__z_in(in->ptr);
    d->z.avail_in = part;
    d->z.next_out = (unsigned char *)out;
    d->z.avail_out = (unsigned)room;
    rc = inflate(&d->z, Z_NO_FLUSH);
    written = room - (int)d->z.avail_out;
    part -= d->z.avail_in;
    if (part > 0) /* the end may come without an address */
        in->ptr += part;
    in->len -= part;
    d->in_bytes += part;
    d->out_bytes += (uint64_t)written;
    rc = inflate_check(d, rc);
    return rc < 0 ? rc : written;
}

int flare__inflate_feed(struct flare__inflate *d, struct flare_str *in,
                        char *out, int room)
{
    int total = 0, rc = 0;

    FLARE_ASSERT(room > 0);
    if (d->state == STATE_BROKEN)
        return d->rc;
    do {
        if (d->state == STATE_BEGIN && in->len > 0)
            rc = inflate_begin(d, (unsigned char)in->ptr[0]);
        else if (d->state == STATE_END && in->len > 0)
            rc = inflate_next_member(d);
        if (rc == 0 && d->state == STATE_BODY)
            rc = inflate_step(d, in, out + total, room - total);
        if (rc < 0)
            return rc;
        total += rc;
        rc = 0;
    } while (in->len > 0 && total < room);
    return total;
}

int flare__inflate_finish(struct flare__inflate *d)
{
    if (d->state == STATE_BROKEN)
        return d->rc;
    return d->state == STATE_END ? 0 : inflate_fail(d, FLARE_E_BAD_CODING);
}

/* Feeds all of `in` into a block that grows; the block is the caller's. */
static int inflate_all(struct flare__inflate *d, struct flare_str in,
                       char **block, size_t *len)
{
    size_t size = 0;
    int n, room;

    do {
        if (*len == size) {
            size_t bigger = size == 0 ? 4096 : size * 2;
            char *moved = size > SIZE_MAX / 2
                              ? NULL
                              : flare__realloc(d->al, *block, bigger);

            if (moved == NULL)
                return -ENOMEM;
            *block = moved;
            size = bigger;
        }
        room = size - *len > INT_MAX ? INT_MAX : (int)(size - *len);
        n = flare__inflate_feed(d, &in, *block + *len, room);
        if (n < 0)
            return n;
        *len += (size_t)n;
    } while (n == room);
    return flare__inflate_finish(d);
}

int flare__inflate_once(const struct flare_allocator *al, enum flare__wrap wrap,
                        const struct flare__inflate_limits *limits,
                        struct flare_str in, struct flare_str *out)
{
    struct flare__inflate *d;
    char *block = NULL;
    size_t len = 0;
    int rc = flare__inflate_new(&d, al, wrap, limits);

    if (rc < 0)
        return rc;
    rc = inflate_all(d, in, &block, &len);
    flare__inflate_free(d);
    if (rc < 0 || len == 0) {
        flare__free(al, block);
        block = NULL;
    }
    if (rc == 0)
        *out = (struct flare_str){block, len};
    return rc;
}

#endif
