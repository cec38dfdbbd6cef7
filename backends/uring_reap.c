/* SPDX-License-Identifier: MIT */
/*
 * Completions into events.  One completion gives at most one event, a receive
 * one for each lease; what else it causes (a CLOSED, the end of a stopped
 * stream) goes to the local list and follows in the same batch if there is
 * room.
 *
 * Whether an operation is still in the kernel is told by IORING_CQE_F_MORE and
 * by nothing else, in one place, `reap_one`.
 */
#include "backends/uring.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* One completion and where its event goes. */
struct reap {
    struct flare__sock *sock;
    const struct io_uring_cqe *cqe;
    struct flare__event *event;
};

static int event_give(const struct reap *r, enum flare__event_kind kind,
                      int32_t res, unsigned flags)
{
    *r->event = (struct flare__event){.sock = r->sock,
                                      .res = res,
                                      .kind = (uint8_t)kind,
                                      .flags = (uint8_t)flags};
    return 1;
}

/*
 * What was asked of a non-blocking descriptor came back undone: clear the flag
 * once.  False if it was not that, and asking again would spin.
 */
static bool was_nonblocking(struct flare__sock *sock)
{
    int flags = fcntl(sock->fd, F_GETFL);

    uring_clear(sock, URING_NONBLOCK);
    return flags >= 0 && (flags & O_NONBLOCK) &&
           fcntl(sock->fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

/* The kernel's stream ended with `res`: the terminal event, or none yet. */
static int stream_end(struct flare__backend *b, const struct reap *r,
                      enum flare__event_kind kind, bool again)
{
    struct flare__sock *sock = r->sock;
    bool is_stopped = uring_has(sock, URING_STOP | URING_CLOSING);
    int32_t res = r->cqe->res;

    if (!uring_has(sock, URING_WANTED) || uring_has(sock, URING_END_DUE))
        return 0;
    if (again && !is_stopped) {
        flare__uring_rearm(b, sock);
        return 0;
    }
    if (again || uring_has(sock, URING_CLOSING))
        res = -ECANCELED;
    uring_clear(sock, URING_WANTED);
    return event_give(r, kind, res, 0);
}

/* No lease for it, or others wait for theirs: it goes on after them. */
static void recv_park(struct flare__backend *b, struct flare__sock *sock)
{
    b->parked++;
    if (uring_has(sock, URING_LOCAL)) { /* one list at a time */
        flare__uring_due(b, sock, URING_RETRY_DUE);
        return;
    }
    FLARE_ASSERT(!uring_has(sock, URING_STARVED));
    uring_set(sock, URING_STARVED);
    uring_push(&b->starved, sock);
}

/* It delivered; is it to go on, and is it not in the kernel any more? */
static void stream_continue(struct flare__backend *b, struct flare__sock *sock)
{
    if (FLARE_LIKELY(uring_has(sock, URING_ARMED)))
        return;
    if (uring_has(sock, URING_STOP | URING_CLOSING))
        flare__uring_due(b, sock, URING_END_DUE);
    else if (b->starved.head != NULL && !uring_has(sock, URING_LISTENER))
        recv_park(b, sock);
    else
        flare__uring_rearm(b, sock);
}

/* One connection's trouble, not the listener's (accept(2), FAILURES R10). */
static bool accept_may_go_on(int res, struct flare__sock *sock)
{
    switch (res) {
    case -ECONNABORTED:
    case -EPROTO:
    case -EPERM:
    case -EINTR:
    case -ENETDOWN:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -EHOSTUNREACH:
    case -ENONET:
    case -ENOPROTOOPT:
        return true;
    case -EAGAIN:
        return was_nonblocking(sock);
    default:
        return false;
    }
}

static int reap_accept(struct flare__backend *b, const struct reap *r)
{
    struct flare__sock *sock = r->sock;
    int res = r->cqe->res;

    if (res < 0)
        return stream_end(b, r, FLARE__EV_ACCEPT,
                          res == -ECANCELED || accept_may_go_on(res, sock));
    stream_continue(b, sock);
    if (uring_has(sock, URING_CLOSING)) {
        (void)close(res); /* its listener is gone */
        return 0;
    }
    return event_give(r, FLARE__EV_ACCEPT, res, FLARE__EV_MORE);
}

static bool recv_may_go_on(int res, struct flare__sock *sock)
{
    switch (res) {
    case -EINTR:
    case -ECANCELED:
    case -ENOBUFS: /* stopped; kernels before 6.5 end a receive so */
        return true;
    case -EAGAIN:
        return was_nonblocking(sock);
    default:
        return false;
    }
}

/* What came with it has been given on. */
static int reap_recv(struct flare__backend *b, const struct reap *r)
{
    struct flare__sock *sock = r->sock;
    int res = r->cqe->res;

    if (res > 0) {
        stream_continue(b, sock);
        return 0;
    }
    if (res == -ENOBUFS && !uring_has(sock, URING_STOP | URING_CLOSING)) {
        recv_park(b, sock);
        return 0;
    }
    return stream_end(b, r, FLARE__EV_RECV, recv_may_go_on(res, sock));
}

/* Whether a send that failed so is to be tried again. */
static bool send_may_go_on(struct flare__sock *sock, int res)
{
    switch (res) {
    case -EINTR:
        return true;
    case -EAGAIN:
        return was_nonblocking(sock);
    case -EOPNOTSUPP:
        if (uring_has(sock, URING_NO_WAITALL))
            return false;
        uring_set(sock, URING_NO_WAITALL);
        return true;
    default:
        return false;
    }
}

/*
 * A count below the total says that the kernel gave up half-way without
 * saying why (or was not told to wait): the rest is sent again, and if it
 * fails, that errno is the result of the whole.
 */
static int reap_send(struct flare__backend *b, const struct reap *r)
{
    struct flare__sock *sock = r->sock;
    int32_t res = r->cqe->res;

    if (res > 0)
        sock->sent += (uint32_t)res;
    if (FLARE_LIKELY(sock->sent >= sock->one.iov_len)) {
        res = (int32_t)sock->sent;
    } else if (uring_has(sock, URING_CLOSING)) {
        res = -ECANCELED;
    } else if (res > 0 || send_may_go_on(sock, res)) {
        flare__uring_send_rest(b, sock);
        return 0;
    } else if (res == 0) {
        res = (int32_t)sock->sent; /* never seen; asking again could spin */
    }
    uring_clear(sock, URING_SENDING);
    return event_give(r, FLARE__EV_SENT, res, 0);
}

static int reap_connect(const struct reap *r)
{
    int32_t res = r->cqe->res;

    uring_clear(r->sock, URING_CONNECTING);
    if (uring_has(r->sock, URING_CLOSING))
        res = -ECANCELED;
    return event_give(r, FLARE__EV_CONNECT, res, 0);
}

/*
 * A cancellation came back.  Its result says little: the target's own
 * completion may come before or after; -ENOENT, -EALREADY, or of all that
 * there are a number too small, may mean that one was just on its way from
 * the queue to the poll.  So, as long as there is something to cancel, again:
 * from the local list, when this batch has been read to its end.
 */
static int reap_cancel(struct flare__backend *b, const struct reap *r)
{
    struct flare__sock *sock = r->sock;
    bool is_left = uring_has(sock, URING_CLOSING)
                       ? sock->in_flight > 0
                       : r->cqe->res < 0 &&
                             uring_has(sock, URING_STOP | URING_REPOLL) &&
                             uring_has(sock, URING_ARMED | URING_POLLING);

    if (is_left)
        flare__uring_due(b, sock, URING_RETRY_DUE);
    return 0;
}

static int reap_wake(struct flare__backend *b, const struct reap *r)
{
    if ((r->cqe->flags & IORING_CQE_F_MORE) == 0)
        b->is_wake_armed = false; /* poll does it */
    atomic_store(&b->waking, 0);
    return event_give(r, FLARE__EV_WAKE, 0, 0);
}

/* Nobody's: what it carries is given back. */
static int reap_stale(struct flare__backend *b, const struct io_uring_cqe *cqe)
{
    if (cqe->flags & IORING_CQE_F_BUFFER)
        flare__uring_recv_drop(b, cqe);
    if ((cqe->user_data & 0xff) == URING_OP_ACCEPT && cqe->res >= 0)
        (void)close(cqe->res);
    return 0;
}

static int reap_op(struct flare__backend *b, const struct reap *r,
                   enum uring_op op)
{
    switch (op) {
    case URING_OP_RECV:
        return reap_recv(b, r);
    case URING_OP_SEND:
        return reap_send(b, r);
    case URING_OP_ACCEPT:
        return reap_accept(b, r);
    case URING_OP_CONNECT:
        return reap_connect(r);
    case URING_OP_POLL:
        return flare__uring_poll_reap(b, r->sock, r->cqe, r->event);
    case URING_OP_FILE:
        return flare__uring_file_reap(b, r->sock, r->cqe, r->event);
    case URING_OP_STOP:
    case URING_OP_CANCEL:
        return reap_cancel(b, r);
    case URING_OP_WAKE:
        break;
    }
    return 0;
}

/*
 * The events of the leases a receive came with; where there is no room for all
 * of them, the completion stays at the head of its queue.
 */
static int reap_leases(struct flare__backend *b, const struct reap *r, int room)
{
    int32_t res = r->cqe->res;
    uint32_t lease;

    if (FLARE_LIKELY(res > 0 && !uring_has(r->sock, URING_CLOSING))) {
        if ((uint32_t)res >= b->leases.bytes || r->sock->state >= URING_BUNDLED)
            return flare__uring_recv_give(b, r->sock, r->cqe, r->event, room);
        lease = r->cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        uring_lease_take(b, lease);
        uring_recv_event(b, r->sock, lease, (uint32_t)res, r->event);
        return 1;
    }
    flare__uring_recv_drop(b, r->cqe);
    return 0;
}

static void reap_last(struct flare__sock *sock, enum uring_op op)
{
    FLARE_ASSERT(sock->in_flight > 0);
    sock->in_flight--;
    if (op == URING_OP_RECV || op == URING_OP_ACCEPT)
        uring_clear(sock, URING_ARMED);
    else if (op == URING_OP_POLL)
        uring_clear(sock, URING_POLLING);
    else if (op == URING_OP_FILE)
        uring_clear(sock, URING_FILE_ARMED);
}

/* Up to `room` events. */
static int reap_one(struct flare__backend *b, const struct io_uring_cqe *cqe,
                    struct flare__event *events, int room)
{
    enum uring_op op = (enum uring_op)(cqe->user_data & 0xff);
    struct reap r = {.cqe = cqe, .event = events};
    int n = 0;

    if (op == URING_OP_WAKE)
        return reap_wake(b, &r);
    r.sock = flare__handles_get(
        &b->handles, (uint32_t)(cqe->user_data >> 8) & (FLARE__HANDLES_MAX - 1),
        (uint32_t)(cqe->user_data >> 36));
    if (FLARE_UNLIKELY(r.sock == NULL))
        return reap_stale(b, cqe);
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        n = reap_leases(b, &r, room);
        if (b->leases.rest_bytes > 0)
            return n;
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0)
        reap_last(r.sock, op);
    n += reap_op(b, &r, op);
    if (FLARE_UNLIKELY(uring_has(r.sock, URING_CLOSING)) &&
        r.sock->in_flight == 0 && !uring_has(r.sock, URING_SENDING))
        flare__uring_finish(b, r.sock);
    return n;
}

int flare__uring_reap(struct flare__backend *b, struct flare__event *events,
                      int capacity)
{
    struct io_uring_cq *cq = &b->ring.cq;
    unsigned head = *cq->khead;
    unsigned tail = io_uring_smp_load_acquire(cq->ktail);
    int n = 0;

    while (head != tail && n < capacity) {
        n += reap_one(b, &cq->cqes[head & cq->ring_mask], &events[n],
                      capacity - n);
        if (b->leases.rest_bytes == 0)
            head++;
    }
    io_uring_smp_store_release(cq->khead, head);
    return n;
}

/* ---- local work */

/* The submissions that found the queue full. */
static void local_retry(struct flare__backend *b, struct flare__sock *sock)
{
    if (!uring_has(sock, URING_RETRY_DUE))
        return;
    uring_clear(sock, URING_RETRY_DUE);
    if (uring_has(sock, URING_CLOSING)) {
        if (sock->in_flight > 0)
            flare__uring_cancel(b, sock);
    } else if (uring_has(sock, URING_STOP)) {
        if (uring_has(sock, URING_ARMED | URING_POLLING))
            flare__uring_cancel(b, sock);
    } else if (uring_has(sock, URING_WANTED) && !uring_has(sock, URING_ARMED)) {
        flare__uring_rearm(b, sock);
    } else if (uring_has(sock, URING_WATCH | URING_REPOLL) &&
               !uring_has(sock, URING_POLLING)) {
        flare__uring_poll_rearm(b, sock);
    } else if (uring_has(sock, URING_REPOLL)) {
        flare__uring_cancel(b, sock);
    }
}

/* The next event `sock` owes, or 0. */
static int local_event(struct flare__backend *b, struct flare__sock *sock,
                       struct flare__event *event)
{
    struct reap r = {.sock = sock, .event = event};

    if (uring_has(sock, URING_SEND_DUE)) {
        uring_clear(sock, URING_SEND_DUE);
        if (!uring_has(sock, URING_CLOSING) && sock->iov_count == 0)
            return flare__uring_file_step(b, sock, event);
        if (!uring_has(sock, URING_CLOSING)) {
            flare__uring_send_rest(b, sock);
            return 0;
        }
        uring_clear(sock, URING_SENDING);
        if (sock->in_flight == 0)
            flare__uring_finish(b, sock);
        return event_give(&r, FLARE__EV_SENT, -ECANCELED, 0);
    }
    if (uring_has(sock, URING_END_DUE)) {
        enum flare__event_kind kind = FLARE__EV_RECV;

        if (uring_has(sock, URING_WATCH | URING_REPOLL))
            kind = FLARE__EV_POLL;
        else if (uring_has(sock, URING_LISTENER))
            kind = FLARE__EV_ACCEPT;
        uring_clear(sock,
                    URING_END_DUE | URING_WANTED | URING_WATCH | URING_REPOLL);
        return event_give(&r, kind, -ECANCELED, 0);
    }
    if (uring_has(sock, URING_CLOSED_DUE)) {
        uring_clear(sock, URING_CLOSED_DUE);
        return event_give(&r, FLARE__EV_CLOSED, 0, 0);
    }
    return 0;
}

/*
 * Goes through those that are on the list now.  A socket that still owes
 * something stays at its head; after its CLOSED event it is not touched.
 */
int flare__uring_local(struct flare__backend *b, struct flare__event *events,
                       int capacity)
{
    struct flare__sock *last = b->local.tail;
    bool is_last = b->local.head == NULL;
    int n = 0;

    while (!is_last && n < capacity) {
        struct flare__sock *sock = b->local.head;
        int got;

        local_retry(b, sock);
        got = local_event(b, sock, &events[n]);
        n += got;
        if (got > 0 && uring_has(sock, URING_DUE))
            continue;
        is_last = sock == last;
        (void)uring_pop(&b->local);
        uring_clear(sock, URING_LOCAL);
        if (uring_has(sock, URING_DUE))
            flare__uring_due(b, sock, 0);
    }
    return n;
}
