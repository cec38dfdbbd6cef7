/* SPDX-License-Identifier: MIT */
/*
 * The readiness core: operations, the work list, and the turns of `poll`.
 *
 * System calls per request and connection: one recv, one send, and a share of
 * one wait.  To that end
 *   - nothing is read before an edge said so, and a read that did not fill its
 *     buffer has emptied the socket (edges that came since are kept by the
 *     kernel); only after the peer's FIN, an error or urgent data is it read
 *     on until it says EAGAIN or the end;
 *   - `send` writes at once, and a short write waits for the next edge;
 *   - events made here are given without asking the kernel, in a turn of
 *     their own; the turn after it asks, so that neither side starves.
 *
 * A socket is on at most one list: WORK, or STARVED when it has data but the
 * pool was empty.  Its events to come are bits, not queue entries, so that
 * calls which cannot fail never need memory.
 *
 * A descriptor is closed at once, its events follow.  Registrations of a
 * descriptor that a forked child still holds keep reporting; the generation
 * drops them.
 */
#include "backends/ready_sock.h"

#include "backends/syscall.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    LEASE_BYTES_DEFAULT = 4096,
    LEASE_COUNT_DEFAULT = 1024,
    IOV_MAX_COUNT = 64
};

/* Lists. */

static struct flare__sock *list_pop(struct flare__ready_list *list)
{
    struct flare__sock *sock = list->head;

    list->head = sock->next;
    list->count--;
    return sock;
}

/* Puts the first `count` (at least 1) of `from` before `to`, in order. */
static void list_prepend(struct flare__ready_list *to,
                         struct flare__ready_list *from, uint32_t count)
{
    struct flare__sock *first = from->head;
    struct flare__sock *last = NULL;

    for (uint32_t i = 0; i < count; i++) {
        last = from->head;
        bits_clear(last, ON_STARVED);
        bits_set(last, ON_WORK);
        from->head = last->next;
    }
    from->count -= count;
    last->next = to->head;
    if (to->head == NULL)
        to->tail = last;
    to->head = first;
    to->count += count;
}

/* Takes back those that leases have come for, before all others. */
static void starved_resume(struct flare__ready *r)
{
    uint32_t count = r->starved.count;

    if (!r->is_starved_due && count > r->leases.free)
        count = r->leases.free;
    r->is_starved_due = false;
    if (count == 0)
        return;
    list_prepend(&r->work, &r->starved, count);
}

int flare__ready_init(struct flare__ready *r,
                      const struct flare__poller_ops *poller,
                      const struct flare__backend_config *config)
{
    uint32_t bytes = config->lease_bytes;
    uint32_t count = config->lease_count;

    memset(r, 0, sizeof(*r));
    r->poller = poller;
    atomic_init(&r->is_waking, false);
    flare__handles_init(&r->handles, config->al, 0);
    return flare__leases_init(&r->leases, config->al,
                              bytes ? bytes : LEASE_BYTES_DEFAULT,
                              count ? count : LEASE_COUNT_DEFAULT);
}

void flare__ready_fini(struct flare__ready *r)
{
    FLARE_ASSERT(r->open == 0);

    flare__leases_fini(&r->leases);
    flare__handles_fini(&r->handles);
}

uint64_t flare__ready_now(struct flare__backend *b)
{
    struct timespec ts;

    (void)b;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int flare__ready_attach(struct flare__backend *b, struct flare__sock *sock,
                        int fd)
{
    struct flare__ready *r = ready_of(b);
    int rc = flare__handles_add(&r->handles, sock);

    if (rc < 0)
        return rc;
    rc = r->poller->add(b, fd, sock->index, sock->generation);
    if (rc < 0) {
        flare__handles_remove(&r->handles, sock);
        return rc;
    }
    sock->fd = fd;
    sock->state = WRITABLE;
    sock->in_flight = 0;
    sock->next = NULL;
    r->open++;
    return 0;
}

/* Receive. */

void flare__ready_lease_put(struct flare__backend *b, uint32_t lease)
{
    flare__leases_give(&ready_of(b)->leases, lease);
}

HOT int step_recv(struct flare__ready *r, struct flare__sock *sock,
                  struct flare__event *ev)
{
    uint32_t lease;
    uint8_t *data;
    long n;

    if (FLARE_UNLIKELY(r->leases.free == 0)) {
        bits_set(sock, ON_STARVED);
        list_push(&r->starved, sock);
        return 0;
    }
    lease = flare__leases_take(&r->leases);
    data = flare__lease_data(&r->leases, lease);
    do
        n = flare__sys_recv(sock->fd, data, r->leases.bytes, MSG_DONTWAIT);
    while (FLARE_UNLIKELY(n == -EINTR));

    if (FLARE_LIKELY(n > 0)) {
        if (n < (long)r->leases.bytes && !has_any(sock, READ_ON))
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

/* Send.  `one` is the single buffer; of a vector its length is the total. */

/* The rest of the vector from `sent` on, in `rest`; returns its count. */
static uint32_t iov_rest(const struct flare__sock *sock, struct iovec *rest)
{
    size_t skip = sock->sent;
    uint32_t i = 0;
    uint32_t count;

    while (skip >= sock->iov[i].iov_len)
        skip -= sock->iov[i++].iov_len;
    count = sock->iov_count - i;
    memcpy(rest, sock->iov + i, count * sizeof(*rest));
    rest[0].iov_base = (char *)rest[0].iov_base + skip;
    rest[0].iov_len -= skip;
    return count;
}

static __attribute__((noinline)) long send_vector(struct flare__sock *sock)
{
    struct iovec rest[IOV_MAX_COUNT];
    struct msghdr msg = {.msg_iov = rest};

    msg.msg_iovlen = iov_rest(sock, rest);
    return flare__sys_sendmsg(sock->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Writes what the kernel takes; a short write waits for the next edge. */
HOT void send_try(struct flare__sock *sock)
{
    size_t left = sock->one.iov_len - sock->sent;
    long n;

    do
        if (FLARE_LIKELY(sock->iov_count == 1))
            n = flare__sys_send(sock->fd,
                                (const char *)sock->one.iov_base + sock->sent,
                                left, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            n = send_vector(sock);
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

int flare__ready_send(struct flare__backend *b, struct flare__sock *sock,
                      const struct iovec *iov, uint32_t count)
{
    FLARE_ASSERT(!has_any(sock, SEND | CONNECT | CLOSING) && count >= 1 &&
                 count <= IOV_MAX_COUNT);

    sock->one = iov[0];
    sock->iov = iov;
    sock->iov_count = count;
    sock->sent = 0;
    for (uint32_t i = 1; i < count; i++)
        sock->one.iov_len += iov[i].iov_len;
    FLARE_ASSERT(sock->one.iov_len >= 1 && sock->one.iov_len <= INT32_MAX);

    bits_set(sock, SEND);
    if (FLARE_LIKELY(has_any(sock, WRITABLE)))
        send_try(sock);
    work_add(ready_of(b), sock);
    return 0;
}

/* Turns. */

static void edge_take(struct flare__ready *r, const struct flare__edge *edge)
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
    if (has_any(sock, POLL) && !has_any(sock, POLL_DONE)) {
        sock->sent = edge->mask;
        bits_set(sock, POLL_DONE);
    }
    if (edge->mask & (FLARE__EDGE_IN | unusual))
        bits_set(sock, READABLE);
    if (edge->mask & unusual)
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
        bits_clear(sock, POLL | POLL_DONE);
        event_put(ev, sock, FLARE__EV_POLL, (int)sock->sent, 0);
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
 * One visit: at most one event, of a listener more.  Returns their number;
 * `sock` is back on a list if there is more to do, and not touched after its
 * CLOSED.
 */
HOT int sock_step(struct flare__ready *r, struct flare__sock *sock,
                  struct flare__event *events, int room)
{
    int n;

    bits_clear(sock, ON_WORK);
    if (has_all(sock, SEND | WRITABLE) && !has_any(sock, SEND_DONE))
        send_try(sock);
    n = step_due(r, sock, events);
    if (n > 0 && events->kind == FLARE__EV_CLOSED)
        return n;
    if (n == 0 && has_all(sock, RECV | READABLE))
        n = step_recv(r, sock, events);
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
static int turn_begin(struct flare__backend *b, uint64_t deadline_ns)
{
    struct flare__ready *r = ready_of(b);
    struct flare__edge edges[FLARE__EDGES_MAX];
    uint64_t timeout = 0;
    int n = 0;

    starved_resume(r);
    r->is_local = r->work.count > 0 && !r->is_local;
    if (!r->is_local) {
        if (r->work.count == 0)
            timeout = deadline_ns;
        if (timeout != 0 && timeout != UINT64_MAX) {
            uint64_t now = flare__ready_now(b);

            timeout = deadline_ns > now ? deadline_ns - now : 0;
        }
        n = r->poller->wait(b, edges, FLARE__EDGES_MAX, timeout);
        for (int i = 0; i < n; i++)
            edge_take(r, &edges[i]);
    }
    r->turn_left = r->work.count;
    return n;
}

int flare__ready_poll(struct flare__backend *b, struct flare__event *events,
                      int capacity, uint64_t deadline_ns)
{
    struct flare__ready *r = ready_of(b);
    int n = 0;

    FLARE_ASSERT(capacity > 0);

    for (;;) {
        int rc = 0;

        if (r->turn_left == 0)
            rc = turn_begin(b, deadline_ns);
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
        if (n > 0)
            return n;
    }
}

void flare__ready_wake(struct flare__backend *b)
{
    struct flare__ready *r = ready_of(b);

    if (!atomic_exchange(&r->is_waking, true))
        r->poller->wake(b);
}
