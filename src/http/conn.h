/* SPDX-License-Identifier: MIT */
/*
 * One connection of the server: requests in, answers out, in order.
 *
 * Phases:  HEAD -> BODY -> HEAD ... -> LINGER -> DEAD
 *   HEAD    between requests, or with a part of a head in `in`
 *   BODY    a head is in `in`, its body is being collected behind it
 *   LINGER  the last answer is queued; input is dropped unread, so that the
 *           peer gets to see the answer before a reset could destroy it (RFC
 *           9112 section 9.6)
 *   DEAD    closing; only the backend's last events are awaited
 *
 * The heads and bodies that lie whole in a lease are used in place.  Idle
 * connections own no buffer.
 */
#ifndef FLARE__HTTP_CONN_H
#define FLARE__HTTP_CONN_H

#include "http/http.h"

enum flare__conn_phase {
    FLARE__CONN_HEAD,
    FLARE__CONN_BODY,
    FLARE__CONN_LINGER,
    FLARE__CONN_DEAD
};

/* Input that must be kept: a part of a head, or a head and its body so far. */
struct flare__inbuf {
    uint32_t len;
    uint32_t cap;
    uint32_t head_len;   /* of the head whose body is being collected */
    bool is_chunked;     /* how it is framed */
    uint64_t body_left;  /* of Content-Length */
    uint64_t started_ms; /* of the body */
    uint64_t wire_bytes; /* of the body, with its framing */
    struct flare__chunked chunked;
    char bytes[];
};

struct flare__conn {
    struct flare__sock sock;
    struct flare__http *http;
    struct flare__inbuf *in;
    struct flare__out out;
    struct flare__timer timer; /* at or before the earlier deadline */
    uint64_t read_deadline_ms;
    uint64_t write_deadline_ms; /* UINT64_MAX: nothing to be sent */
    struct flare__task task;    /* goes on with paused input */
    uint32_t requests;
    uint32_t turn_requests; /* of them, those before this turn */
    uint32_t linger_bytes;
    int32_t sent_res;  /* of a send whose memory is not back yet */
    uint8_t phase;     /* enum flare__conn_phase */
    bool is_receiving; /* the backend's receive is not back */
    bool is_stopping;  /* and it was told to stop */
    bool is_sending;
    bool is_paused; /* requests in `in` wait until output has drained */
    bool is_eof;    /* the peer sends nothing more */
    bool is_fin_sent;
};

/* The budget of CONTRACT: an idle connection within 256 bytes, all told. */
_Static_assert(sizeof(struct flare__conn) <= 216, "idle connection too large");

/* Serves `fd`, which is taken in every case. */
void flare__conn_accept(struct flare__http *h, int fd);

/* Closes it if it is idle, else after the answers under way. */
void flare__conn_drain(struct flare__conn *conn);

/* Resets it. */
void flare__conn_abort(struct flare__conn *conn);

#endif
