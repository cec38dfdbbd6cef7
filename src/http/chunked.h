/* SPDX-License-Identifier: MIT */
/*
 * The chunked transfer coding (RFC 9112 section 7.1).  Its decoder is strict
 * and incremental: bytes in, slices of body out, O(1) state, cut anywhere.
 */
#ifndef FLARE__HTTP_CHUNKED_H
#define FLARE__HTTP_CHUNKED_H

#include <flare/error.h>

struct flare__chunked {
    uint64_t left;      /* of the present chunk */
    uint32_t overhead;  /* bytes of extensions and trailers so far */
    uint32_t line;      /* such bytes in the present line */
    uint8_t state;      /* the decoder's own */
    uint8_t digits;     /* of the present size */
    uint8_t name_row;   /* the first refused name the trailer's may become */
    uint8_t name_bytes; /* how much of it is there */
    uint32_t trailers;  /* fields of that section so far */
    /* Set by the caller after init: that many are given to it, more are
     * FLARE_E_HEAD_TOO_LARGE; 0: they are dropped. */
    uint32_t trailers_max;
};

/* An extension counts from its ';' to its CRLF, a trailer with its CRLF. */
struct flare__chunked_limits {
    uint32_t overhead_max; /* extensions and trailers together: HEAD_TOO_LARGE
                              in trailers, BAD_CHUNK in extensions */
    uint32_t line_max;     /* one line's extensions or trailer, likewise */
};

enum {
    FLARE__CHUNKED_MORE, /* all input is consumed, the body is not at its end */
    FLARE__CHUNKED_DATA, /* `*data` is body, inside the input */
    FLARE__CHUNKED_TRAILER, /* `*data` is of the trailer section, likewise */
    FLARE__CHUNKED_END      /* the body is complete; the rest is not ours */
};

void flare__chunked_init(struct flare__chunked *c);

/*
 * Takes from the front of `*in` (moved past what was consumed) until there is
 * something to say.  A run of one chunk's data in the input is given as one
 * slice, never empty.  Trailers are checked, and dropped unless `trailers_max`
 * is set: then their lines, with each CRLF but without the empty last line, are
 * given in slices cut anywhere.
 *
 * Returns FLARE__CHUNKED_*, or FLARE_E_BAD_CHUNK (syntax; a size past
 * 2^63 - 1 or 16 digits; too much extension), FLARE_E_HEAD_TOO_LARGE (too much
 * trailer), FLARE_E_BAD_FRAMING (a trailer whose field must have been in the
 * head: RFC 9110 section 6.5.1).  After an error or END it must not be called
 * again without init.
 */
FLARE_MUST_USE
int flare__chunked_decode(struct flare__chunked *c,
                          const struct flare__chunked_limits *limits,
                          struct flare_str *in, struct flare_str *data);

/* Whether a trailer called `name` is refused: its place is the head. */
bool flare__chunked_refuses(struct flare_str name);

enum { FLARE__CHUNK_LINE_MAX = 18 }; /* 16 digits and CRLF */

/*
 * Writes the line in front of a chunk of `size` bytes to `p`, which has room
 * for FLARE__CHUNK_LINE_MAX; behind the data comes CRLF.  Returns its end.
 */
char *flare__chunk_line(char *p, uint64_t size);

#endif
