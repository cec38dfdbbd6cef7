/* SPDX-License-Identifier: MIT */
/*
 * Polled descriptors: once (poll_fd), or until stopped (poll_start).
 *
 * The latter is a multishot poll (Linux 5.13, less than the backend's floor;
 * `wake` needs it too).  It reports edges: what is there when it is armed, and
 * then each time the descriptor's wait queue is woken for one of its events.
 * Should the kernel end one by itself, it is armed again.  Other events for an
 * armed one: it is cancelled, and armed anew when it has come back; an edge of
 * meanwhile is found by that.
 *
 * The kernel adds POLLERR, POLLHUP and POLLRDHUP to whatever is asked for; the
 * last of them is taken off again.
 */
#include "backends/uring.h"

#include <errno.h>
#include <poll.h>

enum { UNASKED = POLLERR | POLLHUP | POLLNVAL };

static int poll_event(struct flare__sock *sock, struct flare__event *event,
                      int32_t res, unsigned flags)
{
    *event = (struct flare__event){.sock = sock,
                                   .res = res,
                                   .kind = FLARE__EV_POLL,
                                   .flags = (uint8_t)flags};
    return 1;
}

int flare__uring_poll_fd(struct flare__backend *b, struct flare__sock *sock,
                         short events)
{
    struct io_uring_sqe *sqe;

    FLARE_ASSERT(!uring_has(sock, URING_POLLING | URING_WATCH | URING_WANTED |
                                      URING_CLOSING));
    sqe = flare__uring_sqe(b);
    if (sqe == NULL)
        return -EAGAIN;
    io_uring_prep_poll_add(sqe, sock->fd, (unsigned short)events);
    uring_owned(sqe, sock, URING_OP_POLL);
    uring_clear(sock, URING_STOP);
    uring_set(sock, URING_POLLING);
    return 0;
}

static int watch_arm(struct flare__backend *b, struct flare__sock *sock)
{
    struct io_uring_sqe *sqe = flare__uring_sqe(b);

    if (sqe == NULL)
        return -EAGAIN;
    io_uring_prep_poll_multishot(sqe, sock->fd, sock->poll.wanted);
    uring_owned(sqe, sock, URING_OP_POLL);
    uring_set(sock, URING_POLLING);
    return 0;
}

void flare__uring_poll_rearm(struct flare__backend *b, struct flare__sock *sock)
{
    uring_clear(sock, URING_REPOLL);
    b->rearms++;
    if (watch_arm(b, sock) < 0)
        flare__uring_due(b, sock, URING_RETRY_DUE);
}

static void watch_change(struct flare__backend *b, struct flare__sock *sock)
{
    if (uring_has(sock, URING_REPOLL) || !uring_has(sock, URING_POLLING))
        return; /* it is on its way */
    uring_set(sock, URING_REPOLL);
    flare__uring_cancel(b, sock);
}

int flare__uring_poll_start(struct flare__backend *b, struct flare__sock *sock,
                            short events)
{
    int rc;

    FLARE_ASSERT(!uring_has(sock, URING_WANTED | URING_CLOSING));
    if (uring_has(sock, URING_WATCH)) {
        FLARE_ASSERT(!uring_has(sock, URING_STOP));
        sock->poll.wanted = (uint16_t)events;
        watch_change(b, sock);
        return 0;
    }
    FLARE_ASSERT(!uring_has(sock, URING_POLLING));
    sock->poll.wanted = (uint16_t)events;
    uring_clear(sock, URING_STOP);
    rc = watch_arm(b, sock);
    if (rc == 0)
        uring_set(sock, URING_WATCH);
    return rc;
}

void flare__uring_poll_stop(struct flare__backend *b, struct flare__sock *sock)
{
    if (!uring_has(sock, URING_POLLING | URING_WATCH) ||
        uring_has(sock, URING_STOP | URING_CLOSING))
        return;
    uring_set(sock, URING_STOP);
    if (uring_has(sock, URING_POLLING))
        flare__uring_cancel(b, sock);
    else
        flare__uring_due(b, sock, URING_END_DUE);
}

static int watch_reap(struct flare__backend *b, struct flare__sock *sock,
                      int32_t res, struct flare__event *event)
{
    int32_t news = res > 0 ? res & (sock->poll.wanted | UNASKED) : 0;

    if (uring_has(sock, URING_STOP | URING_CLOSING)) {
        if (uring_has(sock, URING_POLLING))
            return 0; /* an edge of before */
        uring_clear(sock, URING_WATCH | URING_REPOLL);
        return poll_event(sock, event, -ECANCELED, 0);
    }
    if (!uring_has(sock, URING_POLLING)) {
        if (res < 0 && res != -ECANCELED) {
            uring_clear(sock, URING_WATCH | URING_REPOLL);
            return poll_event(sock, event, res, 0);
        }
        flare__uring_poll_rearm(b, sock);
    }
    return news ? poll_event(sock, event, news, FLARE__EV_MORE) : 0;
}

int flare__uring_poll_reap(struct flare__backend *b, struct flare__sock *sock,
                           const struct io_uring_cqe *cqe,
                           struct flare__event *event)
{
    if (uring_has(sock, URING_WATCH))
        return watch_reap(b, sock, cqe->res, event);
    return poll_event(
        sock, event, uring_has(sock, URING_CLOSING) ? -ECANCELED : cqe->res, 0);
}
