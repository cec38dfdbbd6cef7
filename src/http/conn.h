/* SPDX-License-Identifier: MIT */
/*
 * One connection of the server: requests in, answers out, in order.
 *
 * Phases:  HEAD -> BODY -> HEAD ... -> LINGER -> DEAD
 *          HEAD -> STREAM -> ANSWER -> HEAD
 *          PROXY -> HEAD
 *          HEAD, ANSWER -> GUEST -> LINGER -> DEAD
 *   PROXY   a PROXY header must come, before it nothing else is looked at
 *   HEAD    between requests, or with a part of a head in `in`
 *   BODY    a head is in `in`, its body is being collected behind it
 *   STREAM  the request in `x` is given its body as it comes
 *   ANSWER  the request in `x` is whole, its answer is not
 *   GUEST   another protocol has taken over (upgrade.h); requests are over, and
 *           the room of theirs is its own
 *   LINGER  the last answer is queued; input is dropped unread, so that the
 *           peer gets to see the answer before a reset could destroy it (RFC
 *           9112 section 9.6).  Where the peer asked for the end and nothing
 *           of its input is left, there is nothing to wait for
 *   DEAD    closing; only the backend's last events are awaited
 *
 * While an answer is awaited or does not drain, what the peer sends on waits in
 * `in`, up to a bound; then nothing more is received.
 *
 * The heads and bodies that lie whole in a lease are used in place.  Idle
 * connections own no buffer.
 */
#ifndef FLARE__HTTP_CONN_H
#define FLARE__HTTP_CONN_H

#include "http/http.h"
#include "http/upgrade.h"
#include "net/stall.h"

enum flare__conn_phase {
    FLARE__CONN_PROXY,
    FLARE__CONN_HEAD,
    FLARE__CONN_BODY,
    FLARE__CONN_STREAM,
    FLARE__CONN_ANSWER,
    FLARE__CONN_GUEST,
    FLARE__CONN_LINGER,
    FLARE__CONN_DEAD
};

enum {
    /* What is read of a body that nobody wants, for the next request. */
    FLARE__CONN_DISCARD_MAX = 64 * 1024
};

/* Input that must be kept: what waits, or a head and its body so far. */
struct flare__inbuf {
    struct flare__inbuf *next; /* while the worker keeps it for another */
    uint32_t len;
    uint32_t cap;
    uint32_t head_len;     /* of the head whose body is being collected */
    uint32_t expected;     /* with its body, if Content-Length tells; else 0 */
    uint32_t trailers_len; /* behind that body */
    struct flare__body body;
    char bytes[];
};

struct flare__ends;

struct flare__conn {
    struct flare__sock sock;
    struct flare__http *http;
    union {
        struct { /* not in GUEST */
            struct flare__inbuf *in;
            struct flare__exchange *x; /* detached, in STREAM and ANSWER */
            uint32_t requests;
            uint32_t turn_requests; /* of them, those before this turn */
            uint32_t linger_bytes;
            int file; /* of a broken-off answer, until the send is back; -1 */
        };
        struct flare__guest guest;
        char room[FLARE__GUEST_BYTES]; /* the guest's */
    };
    struct flare__ends *ends; /* its addresses, if they were asked for */
    struct flare__out out;
    struct flare__timer timer; /* at or before the earlier deadline */
    uint64_t read_deadline_ms;
    struct flare__stall stall; /* of the send in flight */
    struct flare__task task;   /* goes on with paused input */
    uint32_t file_bytes;       /* of the send in flight, if it is of a file */
    uint8_t phase;             /* enum flare__conn_phase */
    bool is_receiving;         /* the backend's receive is not back */
    bool is_sending;
    bool is_stopping : 1;   /* the receive, and it was told to */
    bool is_sent_whole : 1; /* the send whose memory is not back yet */
    bool is_paused : 1;     /* requests in `in` wait until output has drained */
    bool is_eof : 1;        /* the peer sends nothing more */
    bool is_fin_sent : 1;
    bool is_tls : 1;
    bool is_over : 1; /* in LINGER: the peer wants the end and sent no more */
    bool is_tls_counted : 1; /* against the worker's budget */
};

/* The budget of CONTRACT: an idle connection within 256 bytes, all told: with
 * 8 of the slab and up to 12 of the backend's handles. */
_Static_assert(sizeof(struct flare__conn) <= 224, "idle connection too large");

/* Serves `fd`, which is taken in every case. */
void flare__conn_accept(struct flare__http *h, int fd, bool is_tls);

/* TLS begins, with the bytes of it that have come.  An error ends the
 * connection. */
void flare__conn_secure(struct flare__conn *conn, struct flare_str early);

/* Closes it if it is idle, else after the answers under way. */
void flare__conn_drain(struct flare__conn *conn);

/* The answer of conn->x is complete: on to the next request. */
void flare__conn_answered(struct flare__conn *conn);

/* The answer of conn->x goes on: it is given its time anew. */
void flare__conn_touch(struct flare__conn *conn);

/*
 * Whether the connection cannot go on after the answer, because too much of
 * the request's body is not there yet or may never come.
 */
bool flare__conn_must_end(const struct flare__exchange *x);

/* At the end of the turn, sends what is queued; see conn_input.h. */
void flare__conn_flush(struct flare__conn *conn);

/* The request in hand was answered with 101: its guest takes over. */
void flare__conn_switch(struct flare__conn *conn,
                        const struct flare__upgrade *upgrade);

/* Another phase than GUEST has begun: the guest is told, its room is back. */
void flare__conn_take_back(struct flare__conn *conn);

/* Resets it. */
void flare__conn_abort(struct flare__conn *conn);

#endif
