/* SPDX-License-Identifier: MIT */
/*
 * A datagram socket on a loop, as its files see it:
 *
 *   udp_open.c  options, memory, the descriptor
 *   udp.c       its life: events, pausing, closing
 *   udp_recv.c  batches in
 *   udp_send.c  batches out
 *
 *   CONNECTING -> OPEN -> CLOSING -> CLOSED
 *
 *   CONNECTING  it has a peer and its CONNECT event is not here; sends wait
 *   CLOSING     flare_udp_close was called, or something broke: nobody is told
 *               anything but on_closed; the end of the turn sends what is
 *               queued (a connecting one waits for that event first)
 *   CLOSED      the backend has it; its CLOSED event frees it
 *
 * A socket without a peer is OPEN from the start.
 */
#ifndef FLARE__UDP_UDP_H
#define FLARE__UDP_UDP_H

#include <flare/udp.h>

#include "net/loop.h"
#include "udp/queue.h"
#include "udp/system.h"

enum flare__udp_state {
    FLARE__UDP_CONNECTING,
    FLARE__UDP_OPEN,
    FLARE__UDP_CLOSING,
    FLARE__UDP_CLOSED
};

enum {
    FLARE__UDP_LIST_MAX = 64, /* datagrams of one on_datagrams */
    FLARE__UDP_ASK_MIN = 4,   /* and of one receive, if a batch is more */
    /* Datagrams that one socket takes before others have their turn. */
    FLARE__UDP_TURN_MAX = 256,
    /* Receives that may fail one after another; then it waits a while. */
    FLARE__UDP_ERRORS_MAX = 16,
    FLARE__UDP_ERRORS_MS = 100
};

struct flare_udp {
    struct flare__sock sock;
    struct flare_loop *loop;
    struct flare__resident resident;
    struct flare__task task;   /* the end of the turn: sends, goes on */
    struct flare__timer timer; /* receives have failed: later again */
    const struct flare_udp_handler *handler;
    void *ctx;
    struct flare__udp_fd fd;
    struct flare_addr peer; /* NONE: everybody */
    int rc;                 /* for on_closed */
    uint8_t state;          /* enum flare__udp_state */
    uint8_t caps;           /* FLARE_UDP_CAN_* */
    short armed;            /* poll(2)'s events that are watched */
    bool is_armed;          /* at all */
    bool is_connecting;     /* CONNECT is to come */
    bool is_pulled;         /* the blocking form: nobody is called */
    bool is_paused;
    bool is_readable; /* something may be there to be received */
    bool is_blocked;  /* the kernel's buffer is full */
    bool was_full;    /* a send was refused: on_drain is due */

    /* received, udp_recv.c */
    uint32_t batch;
    uint32_t ask; /* of the next receive, at most a batch */
    uint32_t datagram_bytes_max;
    uint32_t buffer_bytes; /* of each; more with GRO */
    uint32_t errors;       /* in a row */
    uint32_t in_count;     /* of the last batch */
    uint32_t in_next;      /* the first of it that was not delivered */
    uint32_t in_offset;    /* where, if it is several in one */
    char *buffer;          /* batch times buffer_bytes */
    struct flare__datagram *in;
    struct flare_datagram *list; /* FLARE__UDP_LIST_MAX */

    struct flare__udp_queue queue; /* udp_send.c */
    uint64_t direct_ns;            /* the turn of the last direct one */
    size_t in_hand;                /* datagrams of the call under way */
};

/* ---- udp_open.c ---- */

struct flare__udp_setup {
    struct flare_str address;
    const struct flare_udp_options *options; /* may be NULL */
    bool is_pulled;
};

/* As flare_udp_open. */
FLARE_MUST_USE
int flare__udp_open(struct flare_loop *loop, flare_udp **out,
                    const struct flare__udp_setup *setup,
                    struct flare_error *err);

/* Frees the memory of one that the backend does not know (any more). */
void flare__udp_free(struct flare_udp *udp);

/* ---- udp.c ---- */

void flare__udp_on_event(struct flare__sock *sock,
                         const struct flare__event *ev);
void flare__udp_evict(struct flare__resident *resident);

/* Watches what there is to watch for now.  A refusal closes the socket. */
void flare__udp_arm(struct flare_udp *udp);

/* Closes it with that for on_closed; nothing if it is closing. */
void flare__udp_fail(struct flare_udp *udp, int rc);

/* Has the end of the turn look at it. */
void flare__udp_later(struct flare_udp *udp);

/* ---- udp_recv.c ---- */

/* Delivers what there is, in its share of the turn. */
void flare__udp_receive(struct flare_udp *udp);

/*
 * The next datagram, lent until the next call: 1; 0: none now; or the error of
 * an operation.
 */
FLARE_MUST_USE
int flare__udp_pull(struct flare_udp *udp, struct flare_datagram *out);

/* ---- udp_send.c ---- */

/*
 * Whom `len` bytes go to.  0, or as flare_udp_send refuses; `to` may be NULL.
 */
FLARE_MUST_USE
int flare__udp_target(const struct flare_udp *udp, const struct flare_addr *to,
                      size_t len, struct flare__udp_to *out);

/* Sends what is queued, as far as the kernel takes it now. */
void flare__udp_flush(struct flare_udp *udp);

#endif
