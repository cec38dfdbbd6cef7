/* SPDX-License-Identifier: MIT */
/*
 * A connected socket as its owner uses it: the backend itself, or a filter
 * between the two (TLS) that keeps the same contract (backends/backend.h, rules
 * 1 to 7).  The owner calls flare__wire_* instead of the backend's operations
 * and need not know which it is; without a filter that costs one branch.
 *
 * A filter is set on a socket that is attached and connected, while nothing of
 * the owner's is under way but a receive it names, and stays until CLOSED.  Its
 * socket is the owner's: it stands in `on_event` and calls the owner's own with
 * what is left for it:
 *
 *   OPEN     once: res is 0, from then on bytes pass; or the reason why none
 *            ever will, and then only close is to be called
 *   RECV     of plaintext, in leases of the filter's; res below 0 may be a
 *            FLARE_E_... of the filter
 *   SENT     res counts plaintext; the memory is released with it
 *
 * Sending and receiving may be started before OPEN, they wait for it.
 */
#ifndef FLARE__NET_WIRE_H
#define FLARE__NET_WIRE_H

#include "base/assert.h"
#include "net/loop.h"

struct flare__wire_filter;

struct flare__wire_filter_ops {
    int (*recv_start)(struct flare__wire_filter *f);
    void (*recv_stop)(struct flare__wire_filter *f);
    int (*send)(struct flare__wire_filter *f, const struct iovec *iov,
                uint32_t count);
    int (*sendfile)(struct flare__wire_filter *f, int file, uint64_t offset,
                    uint32_t count);
    void (*shutdown_send)(struct flare__wire_filter *f);
    void (*close)(struct flare__wire_filter *f, enum flare__close_how how);
    /* While the owner is told OPEN with an error: where the peer's bytes were
     * never the filter's business, but seem to be HTTP in clear, the filter
     * goes, with those bytes, and the socket is the owner's as it was before.
     * false: it stays.  NULL: it always does. */
    bool (*leave)(struct flare__wire_filter *f);
    /* The sentence of a failure that an event told; lent while it lives. */
    const struct flare_error *(*error)(const struct flare__wire_filter *f);
};

struct flare__wire_filter {
    const struct flare__wire_filter_ops *ops;
    /* One send of the owner's is many of the socket's: bytes of those that are
     * done; modulo 2^32. */
    uint32_t sent;
};

/* What a filter is started with. */
struct flare__wire_start {
    uint32_t handshake_timeout_ms; /* until OPEN; absolute (T04) */
    struct flare_str host;         /* of a client: whom it speaks to */
    uint16_t port;                 /* likewise */
    /* What the owner has received of it already, and whether it still does: a
     * PROXY header comes before TLS. */
    struct flare_str early;
    bool is_receiving;
};

/*
 * Who makes filters; the first member of what users configure.  `start` sets
 * one on `sock` and begins.  0, or -ENOMEM, or what is wrong with the host, and
 * `err` (may be NULL) says it: then the socket has none.
 */
struct flare__wire_maker {
    int (*start)(struct flare__wire_maker *maker, struct flare_loop *loop,
                 struct flare__sock *sock,
                 const struct flare__wire_start *start,
                 struct flare_error *err);
};

enum {
    FLARE__WIRE_LEASE_BYTES = 16384, /* a record of TLS */
    FLARE__WIRE_LEASES = 128,        /* of one loop */
    /* Above all leases of a backend. */
    FLARE__WIRE_LEASE = 1 << 24,
    FLARE__WIRE_OUT_SMALL = 22 * 1024, /* of output, see flare__wire_out_take */
    FLARE__WIRE_OUT_LARGE = 72 * 1024,
    FLARE__WIRE_OUT_KEEP = 32 /* of each size, by one loop */
};

static inline int flare__wire_recv_start(struct flare_loop *loop,
                                         struct flare__sock *sock)
{
    if (FLARE_LIKELY(sock->filter == NULL))
        return loop->ops->recv_start(loop->backend, sock);
    return sock->filter->ops->recv_start(sock->filter);
}

static inline void flare__wire_recv_stop(struct flare_loop *loop,
                                         struct flare__sock *sock)
{
    if (FLARE_LIKELY(sock->filter == NULL))
        loop->ops->recv_stop(loop->backend, sock);
    else
        sock->filter->ops->recv_stop(sock->filter);
}

static inline int flare__wire_send(struct flare_loop *loop,
                                   struct flare__sock *sock,
                                   const struct iovec *iov, uint32_t count)
{
    if (FLARE_LIKELY(sock->filter == NULL))
        return loop->ops->send(loop->backend, sock, iov, count);
    return sock->filter->ops->send(sock->filter, iov, count);
}

static inline int flare__wire_sendfile(struct flare_loop *loop,
                                       struct flare__sock *sock, int file,
                                       uint64_t offset, uint32_t count)
{
    if (FLARE_LIKELY(sock->filter == NULL))
        return loop->ops->sendfile(loop->backend, sock, file, offset, count);
    return sock->filter->ops->sendfile(sock->filter, file, offset, count);
}

static inline void flare__wire_shutdown_send(struct flare_loop *loop,
                                             struct flare__sock *sock)
{
    if (FLARE_LIKELY(sock->filter == NULL))
        loop->ops->shutdown_send(loop->backend, sock);
    else
        sock->filter->ops->shutdown_send(sock->filter);
}

static inline void flare__wire_close(struct flare_loop *loop,
                                     struct flare__sock *sock,
                                     enum flare__close_how how)
{
    if (FLARE_LIKELY(sock->filter == NULL))
        loop->ops->close(loop->backend, sock, how);
    else
        sock->filter->ops->close(sock->filter, how);
}

/* See flare__wire_filter_ops. */
static inline bool flare__wire_leave(struct flare__sock *sock)
{
    return sock->filter != NULL && sock->filter->ops->leave != NULL &&
           sock->filter->ops->leave(sock->filter);
}

/* The filter's sentence for what went wrong; NULL: it has none. */
static inline const struct flare_error *flare__wire_error(
    const struct flare__sock *sock)
{
    return sock->filter == NULL ? NULL : sock->filter->ops->error(sock->filter);
}

/* What is known to be out of the owner's send in flight, and more that does not
 * change meanwhile; modulo 2^32. */
static inline uint32_t flare__wire_sent(const struct flare__sock *sock)
{
    return sock->sent + (sock->filter == NULL ? 0 : sock->filter->sent);
}

/* ---- memory that the filters of one loop share */

/*
 * A buffer of FLARE__WIRE_LEASE_BYTES for what is given to an owner, and its
 * number.  NULL: no memory, or all are out.
 */
char *flare__wire_lease_take(struct flare_loop *loop, uint32_t *lease);

void flare__wire_lease_give(struct flare_loop *loop, uint32_t lease);

/* A filter that waits for a lease; zeroed: does not. */
struct flare__wire_waiter {
    struct flare__wire_waiter *next;
    struct flare__wire_waiter **link; /* NULL: does not */
    void (*on_lease)(struct flare__wire_waiter *waiter);
};

/*
 * After flare__wire_lease_take has given none: calls `on_lease` when one comes
 * back, once, where nothing but a task may be started.  False, and nothing is
 * done, where it is memory that is missing.
 */
bool flare__wire_lease_wait(struct flare_loop *loop,
                            struct flare__wire_waiter *waiter,
                            void (*on_lease)(struct flare__wire_waiter *));

/* Waits no longer, if it does. */
void flare__wire_lease_unwait(struct flare_loop *loop,
                              struct flare__wire_waiter *waiter);

/*
 * FLARE__WIRE_LEASE_BYTES that are anybody's until he returns to the loop.
 * NULL: no memory.
 */
char *flare__wire_scratch(struct flare_loop *loop);

/* Gives back the lease of a RECV event, whosever it is. */
static inline void flare__wire_lease_put(struct flare_loop *loop,
                                         uint32_t lease)
{
    if (FLARE_LIKELY(lease < FLARE__WIRE_LEASE))
        loop->ops->lease_put(loop->backend, lease);
    else
        flare__wire_lease_give(loop, lease);
}

/*
 * Memory for output, `*cap` bytes: FLARE__WIRE_OUT_SMALL if `plain_bytes` are
 * one record, else _LARGE.  NULL: no memory.
 */
char *flare__wire_out_take(struct flare_loop *loop, size_t plain_bytes,
                           uint32_t *cap);

void flare__wire_out_give(struct flare_loop *loop, char *bytes, uint32_t cap);

#endif
