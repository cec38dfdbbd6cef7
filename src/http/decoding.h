/* SPDX-License-Identifier: MIT */
/*
 * A body's content codings, all of them, for a client: the Content-Encoding
 * list becomes a chain of decoders, the one applied last first (RFC 9110
 * section 8.4), at most FLARE__DECODING_MAX (U11).
 *
 * The limits hold for the chain and not only for each link, or a thousandth of
 * a thousandth would pass (C12): what comes out of any link is compared with
 * what went into the first one.  Between two links there may be a little more
 * than the output's cap, since what cannot be compressed grows.
 *
 * Memory: FLARE__DECODING_LINK_BYTES at most for each link, of which the window
 * comes with the first output.  Sans I/O.  Thread: one at a time.
 */
#ifndef FLARE__HTTP_DECODING_H
#define FLARE__HTTP_DECODING_H

#include "http/inflate.h"
#include "http/list.h"

enum {
    FLARE__DECODING_MAX = 5,
    FLARE__DECODING_PIECE = 8 * 1024, /* between two links */
    FLARE__DECODING_LINK_BYTES = FLARE__INFLATE_BYTES + FLARE__DECODING_PIECE
};

struct flare__decoding;

/*
 * What the client asks for in Accept-Encoding: what a chain can decode; "" if
 * nothing, without zlib.
 */
struct flare_str flare__decoding_accept(void);

/*
 * A chain for the codings named; "identity" is none.  `limits` is copied, `al`
 * must outlive it.
 *
 * Returns 0 with `*out` NULL if there is nothing to decode; else with a chain,
 * to be freed.  FLARE_E_UNSUPPORTED_CODING for a name that is not gzip, x-gzip,
 * deflate or identity; FLARE_E_CODING_LIMIT for too many; -ENOMEM; -EOPNOTSUPP
 * without zlib.  On failure `*out` is NULL.
 */
FLARE_MUST_USE
int flare__decoding_new(struct flare__decoding **out,
                        const struct flare_allocator *al,
                        struct flare__values content_encoding,
                        const struct flare__inflate_limits *limits);
void flare__decoding_free(struct flare__decoding *d);

/*
 * As flare__inflate_feed: decodes from `in` into `room` bytes (at least 1) at
 * `out`; if it returns `room` there may be more, else all of `in` was taken.
 * An error stays.
 */
FLARE_MUST_USE
int flare__decoding_feed(struct flare__decoding *d, struct flare_str *in,
                         char *out, int room);

/* All was fed and all taken: 0 if every link was whole, else the error. */
FLARE_MUST_USE
int flare__decoding_finish(struct flare__decoding *d);

#endif
