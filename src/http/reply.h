/* SPDX-License-Identifier: MIT */
/*
 * Reading the answer to one request (RFC 9112 section 6.3): bytes in, events
 * out; no socket, no clock, no memory of its own.  A body is never shorter or
 * longer than its framing says without an error that names what happened.
 *
 *   HEAD -> [HEAD ...] -> BODY -> DONE       informational ones stay in HEAD
 *                      -> TUNNEL             CONNECT's 2xx; a 101 asked for
 *   any  -> FAILED                           the same error from then on
 *
 * The caller keeps a buffer.  It feeds what is there, and takes events until
 * MORE; what `*in` still holds then is the front of a head, which must stay
 * where it is, with more behind it, for the next feed.  In a body everything
 * is consumed.  Events and errors do not depend on how the bytes were cut,
 * but for the slices of a body and of trailers, which are cut where the input
 * is.
 *
 * The reader does not bound the body; who keeps it does.
 */
#ifndef FLARE__HTTP_REPLY_H
#define FLARE__HTTP_REPLY_H

#include "http/chunked.h"
#include "http/reply_head.h"

struct flare__reply_limits {
    struct flare__reply_head_limits head; /* of each head */
    struct flare__chunked_limits chunked;
    uint32_t heads_bytes_max; /* of all heads together, informational ones
                                 too: REPLY_TOO_LARGE */
    uint32_t interim_max;     /* informational heads: REPLY_INTERIM */
    uint32_t trailers_max;    /* fields, REPLY_TOO_LARGE; 0: checked, dropped */
};

/*
 * FAILURES C09, C10.  heads_bytes_max is what curl has (300 KiB); 16 heads of
 * 1xx are more than any server sends.  Extensions of chunks are nobody's, but
 * a long body may have one on each chunk.
 */
#define FLARE__REPLY_LIMITS                                                    \
    {                                                                          \
        .head = {.reason_bytes_max = 4096,                                     \
                 .fields_bytes_max = 64 * 1024,                                \
                 .fields_max = 256},                                           \
        .chunked = {.overhead_max = 1024 * 1024, .line_max = 16 * 1024},       \
        .heads_bytes_max = 300 * 1024, .interim_max = 16, .trailers_max = 64   \
    }

/* What the request says about its answer. */
enum {
    FLARE__REPLY_TO_HEAD = 1,    /* its method: the answer has no body */
    FLARE__REPLY_TO_CONNECT = 2, /* its method: behind a 2xx is a tunnel */
    FLARE__REPLY_TO_UPGRADE = 4  /* it had Upgrade: a 101 may come */
};

enum flare__reply_event {
    FLARE__REPLY_MORE = 0, /* nothing more to say about these bytes */
    FLARE__REPLY_INTERIM,  /* r->head is a 1xx other than 101; take another */
    FLARE__REPLY_HEAD,     /* r->head is the final one */
    FLARE__REPLY_BODY,     /* `*data` is body, inside the input, not empty */
    FLARE__REPLY_TRAILER,  /* `*data` is of the trailer section, likewise: put
                              together they are for flare__field_lines */
    FLARE__REPLY_DONE,     /* the answer is complete; `*in` is not of it */
    FLARE__REPLY_TUNNEL    /* behind the head: `*in` is the other protocol's */
};

/* How the end of the body is known; set with the final head. */
enum flare__reply_framing {
    FLARE__REPLY_NO_BODY,
    FLARE__REPLY_BY_LENGTH, /* r->left bytes are to come */
    FLARE__REPLY_BY_CHUNKS,
    FLARE__REPLY_BY_END, /* of the connection */
    FLARE__REPLY_NO_END  /* a tunnel */
};

struct flare__reply {
    /* The head last told of.  Its slices live as long as the bytes do. */
    struct flare__reply_head head;
    const struct flare__reply_limits *limits;
    struct flare__chunked chunked;
    uint64_t left;        /* of a body by length */
    uint32_t heads_bytes; /* of the heads so far */
    int error;            /* what it failed with */
    uint8_t state;        /* the reader's own */
    uint8_t framing;      /* enum flare__reply_framing */
    uint8_t request;      /* FLARE__REPLY_TO_* */
    bool has_begun;       /* a byte of the answer has come */
    bool has_extra;       /* bytes behind the answer have come */
    bool has_ended;       /* the peer's direction */
    bool is_suspect;      /* a body where none may be: 204 with a length */
    uint32_t interim_count;
};

/*
 * Starts a reader for the answer to a request that was FLARE__REPLY_TO_*.
 * Borrows `limits`, and `fields`, an array of limits->head.fields_max, until
 * the reader is no longer used.  There is nothing to free.
 */
void flare__reply_init(struct flare__reply *r,
                       const struct flare__reply_limits *limits,
                       unsigned request, struct flare__field *fields);

/*
 * Takes from the front of `*in`, moved past what was consumed, until there is
 * something to say; `*data` is set with BODY and TRAILER only.  To be called
 * again until MORE, DONE, TUNNEL or an error, and also with nothing in `*in`:
 * an answer without a body is DONE at once.
 *
 * Returns enum flare__reply_event, or the errors of flare__reply_head_parse, or
 *   FLARE_E_REPLY_CHUNK      a malformed chunk, or too much extension
 *   FLARE_E_REPLY_FIELD      a trailer whose place was the head
 *   FLARE_E_REPLY_TOO_LARGE  too much trailer, too much head in all
 *   FLARE_E_REPLY_INTERIM    one informational answer too many
 *   FLARE_E_REPLY_UPGRADE    a 101 that was not asked for, or on HTTP/1.0
 *   FLARE_E_REPLY_EXTRA      bytes for a reader that has said DONE
 * An error is final; the connection must be closed.
 */
FLARE_MUST_USE
int flare__reply_feed(struct flare__reply *r, struct flare_str *in,
                      struct flare_str *data);

/*
 * The peer has ended its direction, and all that came before was fed (`left`
 * bytes of the input, the front of a head, were not consumed).  `is_clean` is
 * false where that end may be an attacker's: TLS without close_notify.
 *
 * Returns FLARE__REPLY_DONE: a body up to the end is complete now, or the
 * answer was complete before; FLARE__REPLY_TUNNEL: the tunnel's end; or
 *   FLARE_E_REPLY_NONE       not one byte of an answer has come: an idle
 *                            connection that was closed as we took it, perhaps
 *   FLARE_E_REPLY_SHORT      in a head, or before the end of a body
 *   FLARE_E_TLS_TRUNCATED    a body up to the end, and the end is not clean
 */
FLARE_MUST_USE
int flare__reply_eof(struct flare__reply *r, bool is_clean);

/*
 * Whether another request may follow on the connection: the answer is DONE, it
 * and the version want it, its framing is beyond doubt, and nothing has come
 * behind it.  `is_request_sent`: the last byte of the request is out.  Where a
 * body was held back for a 100 that did not come, or broken off because the
 * answer came first, it is not, and the peer would read the next request as
 * that body (C11).
 */
bool flare__reply_is_reusable(const struct flare__reply *r,
                              bool is_request_sent);

#endif
