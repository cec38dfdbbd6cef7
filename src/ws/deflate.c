/* SPDX-License-Identifier: MIT */
/* permessage-deflate over zlib.  See deflate_none.c for a build without it. */
#include "ws/deflate.h"

#ifdef FLARE_HAVE_ZLIB

#include "base/alloc.h"
#include "base/assert.h"
#include "base/zlib_hooks.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <zlib.h>

/* What a sender cuts off and a receiver adds: section 7.2.1 and 7.2.2. */
static const char tail[4] = {0, 0, (char)0xFF, (char)0xFF};

enum {
    BITS_OF_8 = 9,        /* see deflate.h */
    FINAL_BLOCK = 64,     /* of z_stream.data_type, as inflate sets it */
    BLOCK_BORDER = 128,   /* at the end of a block, and nowhere in the next */
    STATE_BYTES = 9 << 10 /* zlib's own of either direction, measured 1.2.13:
                             5.9 and 7.0 KiB */
};

bool flare__ws_deflate_is_here(void)
{
    return true;
}

/* A stream with its hooks, not begun; NULL: no memory. */
static z_stream *z_new(const struct flare_allocator *al)
{
    z_stream *z = flare__calloc(al, 1, sizeof(*z));

    if (z == NULL)
        return NULL;
    z->zalloc = flare__zalloc;
    z->zfree = flare__zfree;
    z->opaque = flare__z_opaque(al);
    return z;
}

/* Lends `in` to zlib, as much as it can count; returns how much. */
static unsigned z_lend(z_stream *z, const char *ptr, size_t len)
{
    z->next_in = flare__z_in(ptr);
    z->avail_in = len > INT_MAX ? INT_MAX : (unsigned)len;
    return z->avail_in;
}

/* Moves `in` past what zlib has taken of the `lent` bytes. */
static void z_took(const z_stream *z, struct flare_str *in, unsigned lent)
{
    unsigned part = lent - z->avail_in;

    if (part > 0) /* an empty piece may come without an address */
        in->ptr += part;
    in->len -= part;
}

/* ---- sending ---- */

void flare__ws_deflate_init(struct flare__ws_deflate *d,
                            const struct flare_allocator *al,
                            uint8_t window_bits, bool has_takeover)
{
    FLARE_ASSERT(window_bits >= 8 && window_bits <= MAX_WBITS);
    *d = (struct flare__ws_deflate){
        .al = al,
        .window_bits = window_bits == 8 ? BITS_OF_8 : window_bits,
        .level = FLARE__WS_DEFLATE_LEVEL,
        .memory_level = FLARE__WS_DEFLATE_MEMORY,
        .has_takeover = has_takeover,
    };
}

void flare__ws_deflate_fini(struct flare__ws_deflate *d)
{
    if (d->z == NULL)
        return;
    (void)deflateEnd(d->z); /* says whether output was pending */
    flare__free(d->al, d->z);
    d->z = NULL;
}

size_t flare__ws_deflate_bytes(const struct flare__ws_deflate *d)
{
    /* zconf.h's formula, and zlib's state */
    return ((size_t)1 << (d->window_bits + 2)) +
           ((size_t)1 << (d->memory_level + 9)) + STATE_BYTES;
}

void flare__ws_deflate_rest(struct flare__ws_deflate *d)
{
    if (!d->has_takeover && !d->is_inside)
        flare__ws_deflate_fini(d);
}

static int deflate_begin(struct flare__ws_deflate *d)
{
    z_stream *z = z_new(d->al);

    if (z == NULL)
        return -ENOMEM;
    if (deflateInit2(z, d->level, Z_DEFLATED, -d->window_bits, d->memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        flare__free(d->al, z);
        return -ENOMEM;
    }
    d->z = z;
    return 0;
}

/* Deflates into `room` bytes at `out`; returns how many are left of them. */
static unsigned deflate_run(z_stream *z, struct flare_str *in, int flush,
                            char *out, unsigned room)
{
    z->next_out = (unsigned char *)out;
    z->avail_out = room;
    do {
        unsigned lent = z_lend(z, in->ptr, in->len);
        int rc = deflate(z, lent < in->len ? Z_NO_FLUSH : flush);

        z_took(z, in, lent);
        /* Z_BUF_ERROR: neither input nor pending output, which is no error */
        FLARE_ASSERT(rc == Z_OK || rc == Z_BUF_ERROR);
    } while (in->len > 0 && z->avail_out > 0);
    return z->avail_out;
}

/*
 * The message is whole, and `len` bytes of it are at `out`: its tail goes.
 * Returns how many bytes stay.  Where all was flushed before, zlib gives no
 * empty block again: then the start of one is all that is missing (7.2.3.6).
 */
static int deflate_end(struct flare__ws_deflate *d, char *out, int len)
{
    int rc;

    if (len == 0) {
        *out = 0;
        len = 1;
    } else {
        FLARE_ASSERT(len >= (int)sizeof(tail));
        len -= (int)sizeof(tail);
        FLARE_ASSERT(memcmp(out + len, tail, sizeof(tail)) == 0);
    }
    if (!d->has_takeover) {
        rc = deflateReset(d->z);
        FLARE_ASSERT(rc == Z_OK);
    }
    d->is_inside = false;
    return len;
}

int flare__ws_deflate_feed(struct flare__ws_deflate *d, struct flare_str *in,
                           enum flare__ws_flush flush, char *out, int room)
{
    int mode = flush == FLARE__WS_FLUSH_NONE ? Z_NO_FLUSH : Z_SYNC_FLUSH;
    int len = d->held_len;
    unsigned left;

    FLARE_ASSERT(room >= FLARE__WS_DEFLATE_ROOM_MIN);
    FLARE_ASSERT(len == 0 || flush == FLARE__WS_FLUSH_MESSAGE);
    if (d->z == NULL && deflate_begin(d) < 0)
        return -ENOMEM;
    d->is_inside = true;
    memcpy(out, d->held, (size_t)len);
    d->held_len = 0;
    left = deflate_run(d->z, in, mode, out + len, (unsigned)(room - len));
    len = room - (int)left;
    d->is_busy = left == 0;
    if (flush != FLARE__WS_FLUSH_MESSAGE)
        return len;
    if (!d->is_busy)
        return deflate_end(d, out, len);
    len -= (int)sizeof(tail);
    memcpy(d->held, out + len, sizeof(tail));
    d->held_len = sizeof(tail);
    return len;
}

/* ---- receiving ---- */

void flare__ws_inflate_init(struct flare__ws_inflate *d,
                            const struct flare_allocator *al,
                            uint8_t window_bits, bool has_takeover,
                            uint64_t message_bytes_max)
{
    FLARE_ASSERT(window_bits >= 8 && window_bits <= MAX_WBITS);
    *d = (struct flare__ws_inflate){
        .al = al,
        .window_bits = window_bits,
        .has_takeover = has_takeover,
        .message_bytes_max = message_bytes_max,
    };
}

void flare__ws_inflate_fini(struct flare__ws_inflate *d)
{
    if (d->z == NULL)
        return;
    (void)inflateEnd(d->z); /* cannot fail: the stream was begun */
    flare__free(d->al, d->z);
    d->z = NULL;
}

size_t flare__ws_inflate_bytes(const struct flare__ws_inflate *d)
{
    return ((size_t)1 << d->window_bits) + STATE_BYTES;
}

void flare__ws_inflate_rest(struct flare__ws_inflate *d)
{
    if (!d->has_takeover && !d->is_inside)
        flare__ws_inflate_fini(d);
}

static int inflate_begin(struct flare__ws_inflate *d)
{
    z_stream *z = z_new(d->al);

    if (z == NULL)
        return -ENOMEM;
    if (inflateInit2(z, -d->window_bits) != Z_OK) {
        flare__free(d->al, z);
        return -ENOMEM;
    }
    d->z = z;
    return 0;
}

/* Behind a block with BFINAL: what was said before may still be meant, so the
 * window stays.  The call is one of zlib.h's undocumented ones, there since
 * 1.2.5.2; without it the window would have to be copied out and in. */
static void inflate_go_on(struct flare__ws_inflate *d)
{
    int rc = inflateResetKeep(d->z);

    FLARE_ASSERT(rc == Z_OK);
    d->is_last = false;
}

/* What zlib answered, and the cap. */
static int inflate_check(struct flare__ws_inflate *d, int rc)
{
    if (rc == Z_MEM_ERROR)
        return -ENOMEM;
    if (rc == Z_STREAM_END)
        d->is_last = true;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return FLARE_E_BAD_CODING;
    return d->message_bytes > d->message_bytes_max ? FLARE_E_CODING_LIMIT : 0;
}

/* One call of zlib; returns the bytes written. */
static int inflate_step(struct flare__ws_inflate *d, struct flare_str *in,
                        int mode, char *out, int room)
{
    uint64_t left = d->message_bytes_max - d->message_bytes;
    unsigned lent;
    int written, rc;

    /* one byte more than allowed shows that there is more than allowed */
    if (left < (uint64_t)room)
        room = (int)left + 1;
    lent = z_lend(d->z, in->ptr, in->len);
    d->z->next_out = (unsigned char *)out;
    d->z->avail_out = (unsigned)room;
    rc = inflate(d->z, mode);
    z_took(d->z, in, lent);
    written = room - (int)d->z->avail_out;
    d->message_bytes += (uint64_t)written;
    rc = inflate_check(d, rc);
    return rc < 0 ? rc : written;
}

/* The payload is read: its tail.  It has no output of its own, but what comes
 * before it may have waited for room.  Returns the bytes written. */
static int inflate_tail(struct flare__ws_inflate *d, char *out, int room)
{
    struct flare_str rest = {tail + d->tail_len, sizeof(tail) - d->tail_len};
    int rc = inflate_step(d, &rest, Z_BLOCK, out, room);

    d->tail_len = (uint8_t)(sizeof(tail) - rest.len);
    if (rc >= 0 && d->is_last) /* its zeros have ended a block of the peer's */
        return FLARE_E_BAD_CODING;
    return rc;
}

/* Whether the message is over; FLARE_E_BAD_CODING if it was cut off. */
static int inflate_is_over(const struct flare__ws_inflate *d)
{
    if (d->is_last)
        return 1;
    if (d->tail_len < sizeof(tail))
        return 0;
    return (d->z->data_type & (BLOCK_BORDER | FINAL_BLOCK)) == BLOCK_BORDER
               ? 1
               : FLARE_E_BAD_CODING;
}

static void inflate_end(struct flare__ws_inflate *d)
{
    if (d->is_last)
        inflate_go_on(d);
    if (!d->has_takeover) {
        int rc = inflateReset(d->z);

        FLARE_ASSERT(rc == Z_OK);
    }
    d->tail_len = 0;
    d->message_bytes = 0;
    d->is_inside = false;
}

/* One step of the payload, or of the tail behind it. */
static int inflate_next(struct flare__ws_inflate *d, struct flare_str *in,
                        bool is_end, char *out, int room)
{
    if (d->is_last && in->len > 0)
        inflate_go_on(d);
    if (in->len > 0 || !is_end)
        return inflate_step(d, in, Z_NO_FLUSH, out, room);
    return d->is_last ? 0 : inflate_tail(d, out, room);
}

/* Steps until the room is full, the piece read or the message over. */
static int inflate_run(struct flare__ws_inflate *d, struct flare_str *in,
                       bool is_end, char *out, int room)
{
    int total = 0, rc;

    d->is_busy = false;
    do {
        rc = inflate_next(d, in, is_end, out + total, room - total);
        if (rc < 0)
            return rc;
        total += rc;
        if (in->len == 0 && !is_end && total < room)
            return total;
        rc = in->len == 0 && is_end ? inflate_is_over(d) : 0;
        if (rc < 0)
            return rc;
        if (rc > 0) {
            inflate_end(d);
            return total;
        }
    } while (total < room);
    d->is_busy = true;
    return total;
}

int flare__ws_inflate_feed(struct flare__ws_inflate *d, struct flare_str *in,
                           bool is_end, char *out, int room)
{
    int rc = d->rc;

    FLARE_ASSERT(room > 0);
    if (rc == 0 && d->z == NULL)
        rc = inflate_begin(d);
    if (rc == 0) {
        d->is_inside = true;
        rc = inflate_run(d, in, is_end, out, room);
    }
    if (rc < 0)
        d->rc = rc;
    return rc;
}

#endif
