/* SPDX-License-Identifier: MIT */
/*
 * One connection on a loop: bytes in, bytes out, and one end.
 *
 * Phases:  CONNECTING -> SECURING -> OPEN -> CLOSING -> DEAD
 *   CONNECTING  attempts are under way (connect.c); what is written waits
 *   SECURING    connected, its TLS handshake is under way; likewise
 *   OPEN        both directions, or what is left of them
 *   CLOSING     its owner has let go: the queue is sent, then FIN; what comes
 *               is dropped unread until the peer has ended too or some time has
 *               passed, since a reset would destroy what was sent (FAILURES
 *               K03)
 *   DEAD        closing; only the backend's last events are awaited, then
 *               on_closed is called and the memory goes
 *
 * A stream has one socket, but several while addresses race: each is a link,
 * and the stream outlives them all.  Deadlines are lazy, as in http/conn.c: one
 * that moves away is a store.
 */
#ifndef FLARE__TCP_STREAM_H
#define FLARE__TCP_STREAM_H

#include "net/loop.h"
#include "net/stall.h"
#include "tcp/home.h"
#include "tcp/options.h"

enum flare__stream_phase {
    FLARE__STREAM_CONNECTING,
    FLARE__STREAM_SECURING,
    FLARE__STREAM_OPEN,
    FLARE__STREAM_CLOSING,
    FLARE__STREAM_DEAD
};

/* A socket of a stream. */
struct flare__link {
    struct flare__sock sock;
    struct flare_stream *stream;
    uint32_t index;  /* of its attempt */
    bool is_used;    /* attached, and CLOSED has not come */
    bool is_closing; /* nothing that comes of it matters any more */
};

struct flare__connect;

struct flare_stream {
    struct flare__link own;   /* of the first attempt, or the only one */
    struct flare__link *link; /* the one that is used; NULL: not yet */
    struct flare_loop *loop;
    struct flare__home *home;
    const struct flare_stream_handler *handler;
    void *ctx;
    struct flare__out out;
    struct flare__out held; /* came while reading was paused */
    struct flare__timer timer;
    uint64_t read_deadline_ms; /* UINT64_MAX: none */
    uint64_t named_ns;         /* its name was looked up; 0: it has none */
    uint64_t connected_ns;     /* 0: it was accepted or adopted */
    struct flare__stall stall; /* of the send in flight */
    struct flare__task task;
    struct flare__resident resident;
    struct flare__connect *connect; /* while it matters */
    struct flare_listener *listener;
    struct flare__stream_limits limits;
    struct flare_addr peer;
    struct flare_error *err; /* a filter's sentence for `rc`; NULL: none */
    int rc;                  /* what on_closed will say */
    int send_rc;             /* sending is over for that reason; 0: it is not */
    int32_t sent_res;        /* of a send whose memory is not back yet */
    uint32_t links;          /* attached, CLOSED to come */
    uint8_t phase;           /* enum flare__stream_phase */
    bool is_receiving;       /* the backend's receive is not back */
    bool is_stopping;        /* and it was told to stop */
    bool is_sending;
    bool is_paused;
    bool is_above;   /* queue_high was passed: on_drain is due */
    bool is_eof;     /* the peer sends nothing more */
    bool is_end_due; /* and on_end waits for what is held */
    bool is_shut;    /* FIN is to follow the queue */
    bool is_fin_sent;
    bool has_written; /* something that a reset could destroy */
};

/*
 * A stream without a socket, on the loop's list of what is open; `options` are
 * resolved.  -ENOMEM, -EMFILE (FLARE__HOME_STREAMS_MAX are open),
 * FLARE_E_STOPPED (the loop ends).
 */
FLARE_MUST_USE
int flare__stream_new(struct flare_stream **out, struct flare_loop *loop,
                      const struct flare_tcp_options *options);

/* Takes back one that was never given out; no link is used. */
void flare__stream_undo(struct flare_stream *stream);

/* Makes `fd` a link of the stream.  -errno, and then fd is the caller's. */
FLARE_MUST_USE
int flare__stream_attach(struct flare_stream *stream, struct flare__link *link,
                         int fd);

/* The end of a link that is not the stream's way of closing. */
void flare__stream_drop(struct flare_stream *stream, struct flare__link *link);

/* `link` is connected and its peer known: from now on it is OPEN. */
void flare__stream_open(struct flare_stream *stream, struct flare__link *link);

/*
 * `link` is connected, and is to speak TLS as `options` say, if they do:
 * `start` has the peer's name and port.  OPEN at once, and then true, or later,
 * or never.
 */
bool flare__stream_secure(struct flare_stream *stream, struct flare__link *link,
                          const struct flare_tcp_options *options,
                          struct flare__wire_start *start);

/* The end, for that reason. Nothing if it is DEAD. */
void flare__stream_die(struct flare_stream *stream, int rc,
                       enum flare__close_how how);

/*
 * Room for `size` bytes behind what is queued, to be written in place and then
 * committed: flare_stream_write without its copy.  0; FLARE_E_OUTPUT_FULL,
 * -EPIPE, -ENOMEM, and then `*out` is untouched.
 */
FLARE_MUST_USE
int flare__stream_reserve(struct flare_stream *stream, uint32_t size,
                          char **out);
/* 0; 1: more than queue_high bytes are unsent. */
int flare__stream_commit(struct flare_stream *stream, uint32_t size);

/* Whether nothing of an OPEN stream is on its way in or out. */
bool flare__stream_is_quiet(const struct flare_stream *stream);

/*
 * TLS over a stream that is quiet and spoke in clear so far, behind a proxy's
 * CONNECT say: `options` have tls_client and its timeout, `start` whom it is to
 * speak to.  SECURING; on_open is called again, or on_closed.
 */
void flare__stream_upgrade(struct flare_stream *stream,
                           const struct flare_tcp_options *options,
                           struct flare__wire_start *start);

/* At the end of the turn, does what is to be done. */
void flare__stream_touch(struct flare_stream *stream);

/* The address of one end, by the backend; NONE if it does not tell. */
typedef int (*flare__stream_ask_fn)(struct flare__backend *b,
                                    struct flare__sock *sock,
                                    struct sockaddr_storage *out,
                                    socklen_t *len);
struct flare_addr flare__stream_ask(struct flare_loop *loop,
                                    struct flare__sock *sock,
                                    flare__stream_ask_fn ask);

#endif
