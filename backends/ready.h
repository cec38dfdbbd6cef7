/* SPDX-License-Identifier: MIT */
/*
 * The readiness core: the backend contract emulated on a kernel that says when
 * a descriptor is ready instead of what came of an operation.  epoll and
 * kqueue share it; they differ in a poller of a few functions.
 *
 * Every descriptor is registered once, edge triggered, for both directions.
 * Edges become bits of the socket; a socket with something to do waits in a
 * FIFO, where each gets one step per turn, so that none starves another.
 */
#ifndef FLARE__READY_H
#define FLARE__READY_H

#include "backends/backend.h"
#include "backends/handles.h"
#include "backends/leases.h"

#include <stdatomic.h>

/* What a poller reports; the first five have poll(2)'s values on Linux. */
enum {
    FLARE__EDGE_IN = 0x001,
    FLARE__EDGE_PRI = 0x002,
    FLARE__EDGE_OUT = 0x004,
    FLARE__EDGE_ERR = 0x008,
    FLARE__EDGE_HUP = 0x010,
    FLARE__EDGE_RDHUP = 0x2000, /* the peer has finished */
    FLARE__EDGE_WAKE = 0x4000   /* not a socket: the poller's wake was called */
};

enum { FLARE__EDGES_MAX = 256 }; /* of one wait */

struct flare__edge {
    uint32_t index;
    uint32_t generation;
    uint32_t mask; /* FLARE__EDGE_* */
};

struct flare__poller_ops {
    /* Registers `fd` edge triggered, for both directions.  0 or -errno. */
    int (*add)(struct flare__backend *b, int fd, uint32_t index,
               uint32_t generation);

    /*
     * Makes a registered `fd` report once, and at once if it is ready, when
     * `events` (poll's bits; 0: never) are there.  0 or -errno.
     */
    int (*arm)(struct flare__backend *b, int fd, uint32_t index,
               uint32_t generation, short events);

    /*
     * Likewise for good, edge triggered: at once for what is there, then
     * whenever one of `events` comes about.  What `add` or an earlier call
     * asked for is of no interest any more.
     */
    int (*watch)(struct flare__backend *b, int fd, uint32_t index,
                 uint32_t generation, short events);

    /*
     * Forgets a registered `fd`, before it is closed: one of several of its
     * file, which would stay registered for as long as any is open.  NULL where
     * a close is enough.
     */
    void (*remove)(struct flare__backend *b, int fd);

    /* Thread: any.  Gives a WAKE edge. */
    void (*wake)(struct flare__backend *b);
};

/* Sockets through their `next`. */
struct flare__ready_list {
    struct flare__sock *head;
    struct flare__sock *tail;
    uint32_t count;
};

/* The first member of the backend's own struct flare__backend. */
struct flare__ready {
    const struct flare__poller_ops *poller;
    struct flare__handles handles;
    struct flare__leases leases;
    struct flare__ready_list work;    /* something to do */
    struct flare__ready_list starved; /* to read, but the pool was empty */
    uint32_t turn_left;    /* of `work`, still to be visited in this turn */
    uint32_t open;         /* sockets attached and not CLOSED */
    bool is_local;         /* this turn began without asking the kernel */
    bool is_starved_due;   /* a starved socket has an event */
    bool is_wake_due;      /* a WAKE event is to be given */
    bool has_moved_file;   /* and has more to send of it */
    bool is_embedded;      /* `descriptor` was asked for */
    atomic_bool is_waking; /* wake was called, its edge has not come */
};

/* Config's zeros are defaults.  0, -ENOMEM, -EINVAL. */
FLARE_MUST_USE
int flare__ready_init(struct flare__ready *r,
                      const struct flare__poller_ops *poller,
                      const struct flare__backend_config *config);

/* Every socket is CLOSED, every lease back. */
void flare__ready_fini(struct flare__ready *r);

/* Members of struct flare__backend_ops. */
uint64_t flare__ready_now(struct flare__backend *b);
int flare__ready_attach(struct flare__backend *b, struct flare__sock *sock,
                        int fd);
void flare__ready_discard(struct flare__backend *b, int fd);
int flare__ready_accept_start(struct flare__backend *b,
                              struct flare__sock *sock);
void flare__ready_accept_stop(struct flare__backend *b,
                              struct flare__sock *sock);
int flare__ready_connect(struct flare__backend *b, struct flare__sock *sock,
                         const struct sockaddr *addr, socklen_t len);
int flare__ready_recv_start(struct flare__backend *b, struct flare__sock *sock);
void flare__ready_recv_stop(struct flare__backend *b, struct flare__sock *sock);
void flare__ready_record_start(struct flare__backend *b,
                               struct flare__sock *sock);
void flare__ready_lease_put(struct flare__backend *b, uint32_t lease);
int flare__ready_send(struct flare__backend *b, struct flare__sock *sock,
                      const struct iovec *iov, uint32_t count);
int flare__ready_sendfile(struct flare__backend *b, struct flare__sock *sock,
                          int file, uint64_t offset, uint32_t count);
void flare__ready_shutdown_send(struct flare__backend *b,
                                struct flare__sock *sock);
void flare__ready_close(struct flare__backend *b, struct flare__sock *sock,
                        enum flare__close_how how);
int flare__ready_poll_fd(struct flare__backend *b, struct flare__sock *sock,
                         short events);
int flare__ready_poll_start(struct flare__backend *b, struct flare__sock *sock,
                            short events);
void flare__ready_poll_stop(struct flare__backend *b, struct flare__sock *sock);
void flare__ready_wake(struct flare__backend *b);

#endif
