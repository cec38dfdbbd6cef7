/* SPDX-License-Identifier: MIT */
/*
 * One listening socket on one loop.
 *
 * States:  CLOSED -> OPEN <-> PAUSED -> CLOSING -> CLOSED
 *   OPEN     the backend delivers accepted descriptors
 *   PAUSED   not accepting: the owner is full, or descriptors or memory ran
 *            out (then it resumes by itself after a while: retrying at once
 *            would spin a core).  Late descriptors are still delivered.
 *   CLOSING  stopped; who was accepted meanwhile is still delivered, and the
 *            descriptor closes when the accept is back (FAILURES K14)
 */
#ifndef FLARE__NET_LISTENER_H
#define FLARE__NET_LISTENER_H

#include "net/loop.h"

struct flare__listener;

/* `fd` is connected and the callee's. */
typedef void (*flare__listener_conn_fn)(struct flare__listener *l, int fd);
typedef void (*flare__listener_closed_fn)(struct flare__listener *l);

enum flare__listener_state {
    FLARE__LISTENER_CLOSED,
    FLARE__LISTENER_OPEN,
    FLARE__LISTENER_PAUSED,
    FLARE__LISTENER_CLOSING
};

struct flare__listener {
    struct flare__sock sock;
    struct flare__timer timer; /* resumes after a shortage */
    struct flare_loop *loop;
    uint64_t quiet_until_ms; /* a shortage is logged once a second */
    flare__listener_conn_fn on_conn;
    flare__listener_closed_fn on_closed; /* the struct is free after it */
    void *owner;                         /* whatever the two need */
    uint64_t pauses;                     /* times accepting had to wait */
    uint8_t state;                       /* enum flare__listener_state */
    bool is_accepting;                   /* the backend's accept is not back */
    bool is_tls;                         /* the owner's, as `owner` */
};

/*
 * Starts accepting on `fd`, which is taken on success.  `l` is zeroed but for
 * `on_conn`, `on_closed` and `owner`.  -errno of the backend.
 */
int flare__listener_open(struct flare__listener *l, struct flare_loop *loop,
                         int fd);

/* The owner is full: no shortage's timer resumes it.  Nothing if closing. */
void flare__listener_pause(struct flare__listener *l);

/* The owner has room again; nothing if not paused. */
void flare__listener_resume(struct flare__listener *l);

/* `on_closed` follows.  Once. */
void flare__listener_close(struct flare__listener *l);

#endif
