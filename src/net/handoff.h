/* SPDX-License-Identifier: MIT */
/*
 * Hot restart: a server gives its listening sockets to the next one, a process
 * of the same user that asks for them at a Unix socket.  The kernel's queues
 * never close, so no connection is refused or lost (FAILURES M06, K14).
 *
 *   new                                old
 *   connect to the path           ->
 *                                 <-   offer: descriptors, and what each was
 *                                      asked for, in messages of up to 32
 *   opens, starts its workers            (both are there; the old one serves)
 *   "ready"                       ->     drains as after flare_server_stop
 *                                 <-   "gone": it accepts no more
 *   accepts; listens at the path         finishes its connections and ends
 *
 * A new one that ends before "ready" changes nothing.  One that takes longer
 * than a minute is told "late", and must not serve.  Only between "ready" and
 * "gone" does nobody accept, for some milliseconds; connections wait in the
 * kernel.  So the two never accept from one socket at a time: backends differ
 * in whether a descriptor may block, which is a property of the socket.
 */
#ifndef FLARE__NET_HANDOFF_H
#define FLARE__NET_HANDOFF_H

#include "net/listen_set.h"
#include "net/loop.h"

/* ---- the new server's side: blocking, with time limits ---- */

struct flare__takeover {
    const struct flare_allocator *al;
    int fd; /* to the old server; -1: there is none */
    uint32_t count;
    struct flare__listen_handed *handed;
};

/*
 * Asks at `path`.  0, also if nobody listens there (fd is -1 then);
 * -EACCES if it is another user's, -EPROTO if it says what it should not,
 * -ETIMEDOUT, -ENOMEM, -errno; `err` (may be NULL) has a sentence.
 */
FLARE_MUST_USE
int flare__takeover_open(struct flare__takeover *t,
                         const struct flare_allocator *al, const char *path,
                         struct flare_error *err);

/*
 * The workers run: the old server is to accept no more.  0 once it does not,
 * or has died; 1: it has heard it, but a worker of it is stuck; -ETIMEDOUT: it
 * serves on, "late".
 */
FLARE_MUST_USE
int flare__takeover_ready(struct flare__takeover *t);

/* Closes what was not taken; accepts a zeroed one. */
void flare__takeover_close(struct flare__takeover *t);

/* ---- the old server's side: on a loop ---- */

struct flare__handoff;
typedef void (*flare__handoff_fn)(void *ctx);

enum flare__handoff_state {
    FLARE__HANDOFF_CLOSED,  /* nothing is open */
    FLARE__HANDOFF_OPEN,    /* bound under a name of its own */
    FLARE__HANDOFF_IDLE,    /* on a loop, waits for the next server */
    FLARE__HANDOFF_OFFER,   /* its descriptors are going out */
    FLARE__HANDOFF_WAIT,    /* it has them all */
    FLARE__HANDOFF_TAKEN,   /* it is ready: "gone" is due */
    FLARE__HANDOFF_CLOSING, /* for good */
};

struct flare__handoff {
    struct flare__sock listener;
    struct flare__sock peer;
    struct flare__timer timer;
    struct flare_loop *loop;
    const struct flare__listen_set *set;
    flare__handoff_fn on_ready; /* the next server runs */
    void *ctx;
    const char *path; /* the user's */
    char own_path[108];
    int fd; /* until a loop has it */
    uint64_t path_dev;
    uint64_t path_ino;
    uint32_t offered;
    uint8_t state;      /* enum flare__handoff_state */
    uint8_t socks_open; /* of listener and peer, on the loop */
    bool has_peer;
    bool is_published;
};

/*
 * Binds beside `path` (borrowed), mode 0600.  FLARE_E_BAD_CONFIG or -errno,
 * with a sentence in `err`.
 */
FLARE_MUST_USE
int flare__handoff_open(struct flare__handoff *h, const char *path,
                        struct flare_error *err);

/*
 * Waits at `path` from now on, on `loop`; whoever waited there before is
 * replaced.  `set` is borrowed until closed.  -errno: nothing waits.
 */
FLARE_MUST_USE
int flare__handoff_start(struct flare__handoff *h, struct flare_loop *loop,
                         const struct flare__listen_set *set,
                         flare__handoff_fn on_ready, void *ctx);

/* Somebody else has the descriptors, and is alive as far as is known. */
bool flare__handoff_is_offered(const struct flare__handoff *h);

/* This server accepts no more: says so to the one that waits for it. */
void flare__handoff_gone(struct flare__handoff *h);

/* Once on a loop, the loop turns until flare__handoff_is_closed. */
void flare__handoff_close(struct flare__handoff *h);
bool flare__handoff_is_closed(const struct flare__handoff *h);

#endif
