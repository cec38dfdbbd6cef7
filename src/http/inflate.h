/* SPDX-License-Identifier: MIT */
/*
 * The deflate family, decoding, with what a peer's bytes need: a cap on the
 * output, a cap on its ratio to the input, and no tolerance.
 *
 *   - Input that ends before its stream does is an error (U12).
 *   - Bytes behind the end are an error, zeros too; but behind a gzip member
 *     another may follow, and its output follows (RFC 1952 section 2.2).
 *   - A preset dictionary is an error.
 *   - Once there is an error, there is no other answer.
 *
 * Memory: at most FLARE__INFLATE_BYTES of the allocator, of which the 32 KiB
 * window come with the first output that needs it.
 */
#ifndef FLARE__HTTP_INFLATE_H
#define FLARE__HTTP_INFLATE_H

#include "http/deflate.h"

/* Past any of these: FLARE_E_CODING_LIMIT. */
struct flare__inflate_limits {
    uint64_t bytes_max;   /* of output */
    uint32_t ratio_max;   /* output to input; 0: not looked at */
    uint32_t ratio_grace; /* bytes of output before the ratio is looked at */
};

/* U10: deflate itself goes up to 1032:1, text seldom past 20:1. */
enum {
    FLARE__INFLATE_RATIO_MAX = 100,
    FLARE__INFLATE_RATIO_GRACE = 64 * 1024,
    FLARE__INFLATE_BYTES = 48 * 1024 /* of memory for a stream, at most */
};

struct flare__inflate;

/*
 * A stream; `limits` is copied.  Returns 0, -ENOMEM, -EINVAL for a wrap that
 * is none, or -EOPNOTSUPP without zlib.  `al` must outlive it.
 */
FLARE_MUST_USE
int flare__inflate_new(struct flare__inflate **out,
                       const struct flare_allocator *al, enum flare__wrap wrap,
                       const struct flare__inflate_limits *limits);
void flare__inflate_free(struct flare__inflate *d);

/*
 * Decodes from `in`, which is moved past what was taken, into `room` bytes
 * at `out` (at least 1).  Returns how many were written; if that is `room`,
 * there may be more: call again with what is left of `in`, until it is less.
 * Or FLARE_E_BAD_CODING, FLARE_E_CODING_LIMIT, -ENOMEM; what was written before
 * an error is not to be used.
 */
FLARE_MUST_USE
int flare__inflate_feed(struct flare__inflate *d, struct flare_str *in,
                        char *out, int room);

/* All input was fed: 0 if it was whole, else FLARE_E_BAD_CODING. */
FLARE_MUST_USE
int flare__inflate_finish(struct flare__inflate *d);

/*
 * Decodes `in` in one go.  Gives `*out`, to be freed with flare__free; its ptr
 * is NULL if nothing was in it.  Returns 0 or one of the errors above.
 */
FLARE_MUST_USE
int flare__inflate_once(const struct flare_allocator *al, enum flare__wrap wrap,
                        const struct flare__inflate_limits *limits,
                        struct flare_str in, struct flare_str *out);

#endif
