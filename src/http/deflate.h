/* SPDX-License-Identifier: MIT */
/*
 * The deflate family, encoding (RFC 1950, 1951, 1952): one stream, fed piece
 * by piece, into the caller's buffers.
 *
 * Memory: a window of 8 KiB and tables to match.  One stream is
 * at most FLARE__DEFLATE_BYTES of the allocator, all of it at
 * flare__deflate_new; feeding allocates nothing.  zlib's own default would be
 * 268 KiB.
 *
 * Without zlib (--without-zlib) every call that makes a stream returns
 * -EOPNOTSUPP, and flare__deflate_is_here is false.
 */
#ifndef FLARE__HTTP_DEFLATE_H
#define FLARE__HTTP_DEFLATE_H

#include <flare/alloc.h>
#include <flare/error.h>

/* What stands around the deflated bytes. */
enum flare__wrap {
    FLARE__WRAP_GZIP, /* Content-Encoding: gzip */
    FLARE__WRAP_ZLIB, /* Content-Encoding: deflate, as RFC 9110 means it */
    FLARE__WRAP_RAW,  /* nothing */
    FLARE__WRAP_ZLIB_OR_RAW /* decoding only: "deflate" as it is found */
};

enum flare__flush {
    FLARE__FLUSH_NONE,  /* keeps what it likes: best ratio */
    FLARE__FLUSH_SYNC,  /* all that was fed can be decoded from the output */
    FLARE__FLUSH_FINISH /* ends the stream */
};

enum {
    FLARE__DEFLATE_ROOM_MIN = 64, /* smallest output buffer of a call */
    FLARE__DEFLATE_LEVEL = 4,     /* what the library uses where not told */
    FLARE__DEFLATE_BYTES = 72 * 1024
};

struct flare__deflate;

bool flare__deflate_is_here(void);

/*
 * A stream; `level` is 1 (fast) to 9.  Returns 0, -ENOMEM, -EINVAL for a level
 * or wrap that is none, or -EOPNOTSUPP.  `al` must outlive it.
 */
FLARE_MUST_USE
int flare__deflate_new(struct flare__deflate **out,
                       const struct flare_allocator *al, enum flare__wrap wrap,
                       int level);
void flare__deflate_free(struct flare__deflate *d);

/* Begins another stream of the same kind; allocates nothing. */
void flare__deflate_reset(struct flare__deflate *d);

/*
 * Encodes from `in`, which is moved past what was taken, into `room` bytes
 * at `out` (at least FLARE__DEFLATE_ROOM_MIN).
 *
 * Returns how many bytes were written.  If that is `room`, there may be more:
 * empty the buffer and call again with what is left of `in` and the same
 * flush, until it is less; then all of `in` is taken and the flush is done.
 * After FINISH nothing more may be fed: -EINVAL.
 */
FLARE_MUST_USE
int flare__deflate_feed(struct flare__deflate *d, struct flare_str *in,
                        enum flare__flush flush, char *out, int room);

/*
 * Encodes `in` in one go.  Gives `*out`, to be freed with flare__free, of
 * `*len` bytes.  Returns 0 or an error of flare__deflate_new.
 */
FLARE_MUST_USE
int flare__deflate_once(const struct flare_allocator *al, enum flare__wrap wrap,
                        int level, struct flare_str in, struct flare_str *out);

#endif
