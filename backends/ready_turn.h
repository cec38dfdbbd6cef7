/* SPDX-License-Identifier: MIT */
/*
 * The turns of the readiness core: what runs for every request, as one inlined
 * function that a poller instantiates with its own wait.
 *
 * Why inlined, and why `send` writes nothing but leaves it to the next turn: a
 * return right after a system call is dear (see syscall.h), and here wait,
 * recv and send follow each other without one.
 *
 * System calls per request and connection: one recv, one send, and a share of
 * one wait.  To that end
 *   - nothing is read before an edge said so, and a read that did not fill its
 *     buffer has emptied the socket (edges that came since are kept by the
 *     kernel); only after the peer's FIN, an error or urgent data is it read
 *     on until it says EAGAIN or the end, and so is always a socket with the
 *     kernel's TLS, where a read ends before a record that is not data;
 *   - a send writes without asking first, and a short write waits for an edge;
 *   - what was queued since the last turn has a turn of its own, without
 *     asking the kernel; the one after it asks, so that neither side starves.
 *
 * For the .c file of a poller only.
 */
#ifndef FLARE__READY_TURN_H
#define FLARE__READY_TURN_H

#include "backends/ready_sock.h"
#include "backends/syscall.h"

#include <errno.h>

typedef int (*flare__ready_wait_fn)(struct flare__backend *b,
                                    struct flare__edge *edges,
                                    uint64_t timeout_ns);

static inline struct flare__sock *list_pop(struct flare__ready_list *list)
{
    struct flare__sock *sock = list->head;

    list->head = sock->next;
    list->count--;
    return sock;
}

/* Receive. */

HOT int step_recv(struct flare__ready *r, struct flare__sock *sock,
                  struct flare__event *ev, int room)
{
    uint32_t lease;
    uint8_t *data;
    long n;

    if (FLARE_UNLIKELY(r->leases.free == 0)) {
        bits_set(sock, ON_STARVED);
        list_push(&r->starved, sock);
        return 0;
    }
    if (has_any(sock, DEEP))
        return flare__ready_recv_deep(r, sock, ev, room);
    lease = flare__leases_take(&r->leases);
    data = flare__lease_data(&r->leases, lease);
    do
        n = flare__sys_recv(sock->fd, data, r->leases.bytes, MSG_DONTWAIT);
    while (FLARE_UNLIKELY(n == -EINTR));

    if (FLARE_LIKELY(n > 0)) {
        if (FLARE_UNLIKELY(n == (long)r->leases.bytes))
            bits_set(sock, DEEP);
        else if (!has_any(sock, READ_ON))
            bits_clear(sock, READABLE);
        event_put(ev, sock, FLARE__EV_RECV, (int)n,
                  FLARE__EV_MORE | FLARE__EV_LEASE);
        ev->data = data;
        ev->lease = lease;
        return 1;
    }
    flare__leases_give(&r->leases, lease);
    if (n == -EAGAIN) {
        bits_clear(sock, READABLE | READ_ON);
        return 0;
    }
    bits_clear(sock, RECV);
    event_put(ev, sock, FLARE__EV_RECV, (int)n, 0);
    return 1;
}

/* Send. */

/* Writes what the kernel takes; a short write waits for the next edge. */
HOT void send_try(struct flare__ready *r, struct flare__sock *sock)
{
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    size_t left;
    long n;

    if (FLARE_UNLIKELY(sock->iov_count == 0)) {
        flare__ready_send_file(r, sock);
        return;
    }
    left = sock->one.iov_len - sock->sent;
    do
        if (FLARE_LIKELY(sock->iov_count == 1))
            n = flare__sys_send(sock->fd,
                                (const char *)sock->one.iov_base + sock->sent,
                                left, flags);
        else
            n = flare__ready_send_vector(sock, flags);
    while (FLARE_UNLIKELY(n == -EINTR));

    if (FLARE_LIKELY(n == (long)left)) {
        send_finish(sock, (int)sock->one.iov_len);
        return;
    }
    if (n < 0 && n != -EAGAIN) {
        send_finish(sock, (int)n);
        return;
    }
    if (n > 0)
        sock->sent += (uint32_t)n;
    bits_clear(sock, WRITABLE);
}

/* Turns. */

static inline void edge_take(struct flare__ready *r,
                             const struct flare__edge *edge)
{
    const uint32_t broken = FLARE__EDGE_ERR | FLARE__EDGE_HUP;
    const uint32_t unusual = broken | FLARE__EDGE_RDHUP | FLARE__EDGE_PRI;
    struct flare__sock *sock;

    if (edge->mask & FLARE__EDGE_WAKE) {
        /* an exchange, to see what was written before any wake it ends */
        r->is_wake_due |= atomic_exchange(&r->is_waking, false);
        return;
    }
    sock = flare__handles_get(&r->handles, edge->index, edge->generation);
    if (sock == NULL)
        return;
    if (has_any(sock, CONNECT))
        flare__ready_connect_edge(sock, edge->mask);
    if (has_any(sock, POLL))
        flare__ready_poll_edge(sock, edge->mask);
    if (edge->mask & (FLARE__EDGE_IN | unusual))
        bits_set(sock, READABLE);
    if ((edge->mask & unusual) || has_any(sock, RECORDS))
        bits_set(sock, READ_ON);
    if (edge->mask & (FLARE__EDGE_OUT | broken))
        bits_set(sock, WRITABLE);
    work_add(r, sock);
}

/* What is due once the operation that was the reason for it is back. */
HOT int step_due(struct flare__ready *r, struct flare__sock *sock,
                 struct flare__event *ev)
{
    if (has_any(sock, SEND_DONE)) {
        bits_clear(sock, SEND | SEND_DONE);
        event_put(ev, sock, FLARE__EV_SENT, (int)sock->sent, 0);
        return 1;
    }
    if (has_any(sock, CONNECT_DONE)) {
        bits_clear(sock, CONNECT | CONNECT_DONE);
        event_put(ev, sock, FLARE__EV_CONNECT, (int)sock->sent, 0);
        return 1;
    }
    if (has_any(sock, POLL_DONE)) {
        flare__ready_poll_tell(sock, ev);
        return 1;
    }
    if (has_any(sock, STOPPED)) {
        event_put(ev, sock,
                  has_any(sock, RECV) ? FLARE__EV_RECV : FLARE__EV_ACCEPT,
                  -ECANCELED, 0);
        bits_clear(sock, RECV | ACCEPT | STOPPED);
        return 1;
    }
    if (has_any(sock, CLOSING)) {
        r->open--;
        sock->state = 0;
        event_put(ev, sock, FLARE__EV_CLOSED, 0, 0);
        return 1;
    }
    return 0;
}

/*
 * One visit: at most one event, of a listener or of one who sends much more.
 * Returns their number;
 * `sock` is back on a list if there is more to do, and not touched after its
 * CLOSED.
 */
HOT int sock_step(struct flare__ready *r, struct flare__sock *sock,
                  struct flare__event *events, int room)
{
    int n;

    bits_clear(sock, ON_WORK);
    if (has_all(sock, SEND | WRITABLE) && !has_any(sock, SEND_DONE))
        send_try(r, sock);
    n = step_due(r, sock, events);
    if (n > 0 && events->kind == FLARE__EV_CLOSED)
        return n;
    if (n == 0 && has_all(sock, RECV | READABLE))
        n = step_recv(r, sock, events, room);
    else if (n == 0 && has_all(sock, ACCEPT | READABLE))
        n = flare__ready_step_accept(sock, events, room);
    work_add(r, sock);
    return n;
}

/*
 * Begins a turn over what is on the work list now.  Events made since the last
 * one are given first, without asking the kernel; after that it is asked, and
 * waited for if there is nothing else.  Edges taken, 0: none; -errno.
 */
HOT int turn_begin(struct flare__backend *b, uint64_t deadline_ns,
                   flare__ready_wait_fn wait)
{
    struct flare__ready *r = ready_of(b);
    struct flare__edge edges[FLARE__EDGES_MAX];
    uint64_t timeout = 0;
    int n = 0;

    if (r->starved.head != NULL)
        flare__ready_resume(r);
    r->is_local = r->work.count > 0 && !r->is_local;
    if (!r->is_local) {
        if (r->work.count == 0)
            timeout = deadline_ns;
        if (timeout != 0 && timeout != UINT64_MAX) {
            uint64_t now = flare__ready_now(b);

            timeout = deadline_ns > now ? deadline_ns - now : 0;
        }
        n = wait(b, edges, timeout);
        for (int i = 0; i < n; i++)
            edge_take(r, &edges[i]);
    }
    r->turn_left = r->work.count;
    return n;
}

/*
 * The `poll` of a backend.  `wait` waits `timeout_ns` (0: not; UINT64_MAX: for
 * ever), never returning early without an edge but for -EINTR, and returns the
 * number of edges, up to FLARE__EDGES_MAX, or -errno.
 */
HOT int flare__ready_poll_with(struct flare__backend *b,
                               struct flare__event *events, int capacity,
                               uint64_t deadline_ns, flare__ready_wait_fn wait)
{
    struct flare__ready *r = ready_of(b);
    int n = 0;

    FLARE_ASSERT(capacity > 0);

    for (;;) {
        int rc = 0;

        if (r->turn_left == 0)
            rc = turn_begin(b, deadline_ns, wait);
        if (rc < 0 && rc != -EINTR)
            return rc;
        if (r->is_wake_due) {
            r->is_wake_due = false;
            event_put(&events[n++], NULL, FLARE__EV_WAKE, 0, 0);
        } else if (rc <= 0 && r->turn_left == 0) {
            return 0; /* nothing came by the deadline */
        }
        while (n < capacity && r->turn_left > 0) {
            r->turn_left--;
            n += sock_step(r, list_pop(&r->work), events + n, capacity - n);
        }
        if (n > 0 || r->has_moved_file) {
            r->has_moved_file = false; /* the loop's timers have their turn */
            if (n == 0 && r->is_embedded)
                flare__ready_wake(b); /* the kernel knows nothing of it */
            return n;
        }
    }
}

#endif
