/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate (RFC 7692 section 7.2): one direction of a connection
 * turned into deflated messages, the other back.  Sans-I/O: pieces of a
 * message in, pieces of payload out, into the caller's buffers; how they are
 * cut into frames is the caller's.
 *
 * Memory: nothing until the first message; then at most
 * flare__ws_deflate_bytes and flare__ws_inflate_bytes of the allocator, by the
 * window agreed on, until fini.  A direction without context takeover gives
 * all of it back where the owner says that it rests.  A server with many idle
 * connections asks for no takeover and calls _rest where a connection goes
 * idle.
 *
 * A window of 8 bits: zlib cannot deflate with one, and takes 9 for it
 * elsewhere.  With 9 its references reach back 512 - 262 bytes (deflate.h of
 * zlib, MAX_DIST), which a window of 256 holds; so 9 bits it is, and the tests
 * hold the zlib that is linked to it.
 *
 * Without zlib (--without-zlib) the extension is never agreed on, and a message
 * that is fed all the same fails with -EOPNOTSUPP.
 */
#ifndef FLARE__WS_DEFLATE_H
#define FLARE__WS_DEFLATE_H

#include <flare/alloc.h>
#include <flare/error.h>

/* The extension's name. */
#define FLARE__WS_DEFLATE "permessage-deflate"

enum {
    FLARE__WS_DEFLATE_ROOM_MIN = 64, /* smallest buffer of a call */
    FLARE__WS_DEFLATE_LEVEL = 4,     /* where not told: 1 (fast) to 9 */
    FLARE__WS_DEFLATE_MEMORY = 6 /* where not told: 1 to 9, zlib's memLevel */
};

bool flare__ws_deflate_is_here(void);

/* ---- sending ---- */

enum flare__ws_flush {
    FLARE__WS_FLUSH_NONE,     /* keeps what it likes: best ratio */
    FLARE__WS_FLUSH_FRAGMENT, /* all that was fed can be inflated */
    FLARE__WS_FLUSH_MESSAGE   /* ends the message */
};

/* The caller's memory; fields are the module's own. */
struct flare__ws_deflate {
    const struct flare_allocator *al;
    struct z_stream_s *z; /* NULL: nothing is held */
    uint8_t window_bits;
    uint8_t level;
    uint8_t memory_level;
    bool has_takeover;
    bool is_busy;
    bool is_inside; /* of a message */
    uint8_t held_len;
    char held[4]; /* of a message's end: what may be its tail, not sent */
};

/*
 * Prepares sending with a window of `window_bits` (8 to 15), with or without
 * context takeover.  Allocates nothing.  `al` must outlive it.  A level or
 * memory level may be set behind.
 */
void flare__ws_deflate_init(struct flare__ws_deflate *d,
                            const struct flare_allocator *al,
                            uint8_t window_bits, bool has_takeover);
void flare__ws_deflate_fini(struct flare__ws_deflate *d);

/* The most memory that such a direction takes. */
size_t flare__ws_deflate_bytes(const struct flare__ws_deflate *d);

/*
 * Gives memory back if that is possible: between messages, and not if the next
 * one builds on the last.
 */
void flare__ws_deflate_rest(struct flare__ws_deflate *d);

/*
 * Deflates from `in`, which is moved past what was taken, into `room` bytes at
 * `out` (at least FLARE__WS_DEFLATE_ROOM_MIN).  The first call after the end of
 * a message begins the next.
 *
 * Returns how many bytes were written, 0 too.  While flare__ws_deflate_is_busy,
 * empty the buffer and call again with what is left of `in` and the same
 * flush; then all is taken and the flush is done.  Or -ENOMEM, at a message's
 * start only: nothing was taken, and the message may go without RSV1.
 */
FLARE_MUST_USE
int flare__ws_deflate_feed(struct flare__ws_deflate *d, struct flare_str *in,
                           enum flare__ws_flush flush, char *out, int room);

static inline bool flare__ws_deflate_is_busy(const struct flare__ws_deflate *d)
{
    return d->is_busy;
}

/* ---- receiving ---- */

struct flare__ws_inflate {
    const struct flare_allocator *al;
    struct z_stream_s *z; /* NULL: nothing is held */
    uint64_t message_bytes_max;
    uint64_t message_bytes; /* given of this message */
    int rc;                 /* of a failure: there is no other answer */
    uint8_t window_bits;
    uint8_t tail_len; /* of this message's tail, fed */
    bool has_takeover;
    bool is_busy;
    bool is_inside; /* of a message */
    bool is_last;   /* behind a block with BFINAL */
};

/*
 * Prepares receiving, as above.  A message that inflates to more than
 * `message_bytes_max` bytes is refused as it streams (W17).
 */
void flare__ws_inflate_init(struct flare__ws_inflate *d,
                            const struct flare_allocator *al,
                            uint8_t window_bits, bool has_takeover,
                            uint64_t message_bytes_max);
void flare__ws_inflate_fini(struct flare__ws_inflate *d);
size_t flare__ws_inflate_bytes(const struct flare__ws_inflate *d);
void flare__ws_inflate_rest(struct flare__ws_inflate *d);

/*
 * Inflates from `in`, the next payload of a message with RSV1, which is moved
 * past what was taken, into `room` bytes at `out` (at least 1).  `is_end`: `in`
 * ends the message, and the 00 00 FF FF that its sender has cut off follow.
 *
 * Returns how many bytes were written, 0 too.  While flare__ws_inflate_is_busy,
 * call again with what is left of `in` and the same `is_end`.  Or
 *   FLARE_E_BAD_CODING    not deflated, or cut off: close code 1007
 *   FLARE_E_CODING_LIMIT  past message_bytes_max: 1009
 *   -ENOMEM
 * and what was written of the message is not to be used.
 *
 * Blocks with BFINAL are followed by others (section 7.2.3.4); a message may
 * end behind one.
 */
FLARE_MUST_USE
int flare__ws_inflate_feed(struct flare__ws_inflate *d, struct flare_str *in,
                           bool is_end, char *out, int room);

static inline bool flare__ws_inflate_is_busy(const struct flare__ws_inflate *d)
{
    return d->is_busy;
}

#endif
