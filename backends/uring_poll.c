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
 * last of them is taken off again.  A poll for once that ends with nothing else
 * would do so again and again (K02): it becomes a watch, which hears of the FIN
 * once, and is taken back when what was asked for has come.
 */
#include "backends/uring.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

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

/* Once, or as a watch. */
static int poll_arm(struct flare__backend *b, struct flare__sock *sock)
{
    struct io_uring_sqe *sqe = flare__uring_sqe(b);

    if (sqe == NULL)
        return -EAGAIN;
    if (uring_has(sock, URING_WATCH))
        io_uring_prep_poll_multishot(sqe, sock->fd, sock->poll.wanted);
    else
        io_uring_prep_poll_add(sqe, sock->fd, sock->poll.wanted);
    uring_owned(sqe, sock, URING_OP_POLL);
    uring_set(sock, URING_POLLING | URING_POLLED);
    return 0;
}

int flare__uring_poll_fd(struct flare__backend *b, struct flare__sock *sock,
                         short events)
{
    int rc;

    FLARE_ASSERT(!uring_has(sock, URING_POLLING | URING_WATCH | URING_WANTED |
                                      URING_CLOSING));
    rc = flare__uring_embed_watch(b, sock, (uint16_t)events | EPOLLONESHOT);
    if (rc < 0)
        return rc;
    sock->poll.wanted = (uint16_t)events;
    sock->poll.due = 0;
    uring_clear(sock, URING_STOP);
    return poll_arm(b, sock);
}

void flare__uring_poll_rearm(struct flare__backend *b, struct flare__sock *sock)
{
    b->rearms++;
    if (poll_arm(b, sock) == 0)
        uring_clear(sock, URING_REPOLL);
    else
        flare__uring_due(b, sock, URING_RETRY_DUE);
}

void flare__uring_poll_renew(struct flare__backend *b, struct flare__sock *sock)
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
    FLARE_ASSERT(uring_has(sock, URING_WATCH)
                     ? !uring_has(sock, URING_STOP | URING_ONCE)
                     : !uring_has(sock, URING_POLLING));
    rc = flare__uring_embed_watch(b, sock, (uint16_t)events);
    if (rc < 0)
        return rc;
    sock->poll.wanted = (uint16_t)events;
    if (uring_has(sock, URING_WATCH)) {
        flare__uring_poll_renew(b, sock);
        return 0;
    }
    uring_clear(sock, URING_STOP);
    uring_set(sock, URING_WATCH);
    rc = poll_arm(b, sock);
    if (rc < 0)
        uring_clear(sock, URING_WATCH);
    return rc;
}

void flare__uring_poll_stop(struct flare__backend *b, struct flare__sock *sock)
{
    const unsigned armed = URING_POLLING | URING_WATCH | URING_REPOLL;

    if (!uring_has(sock, armed) || uring_has(sock, URING_STOP | URING_CLOSING))
        return;
    (void)flare__uring_embed_watch(b, sock, 0); /* at worst, vain wakes */
    uring_set(sock, URING_STOP);
    if (uring_has(sock, URING_POLLING))
        flare__uring_cancel(b, sock);
    else
        flare__uring_due(b, sock, URING_END_DUE);
}

static int poll_end(struct flare__sock *sock, struct flare__event *event,
                    int32_t res)
{
    uring_clear(sock, URING_WATCH | URING_REPOLL | URING_ONCE);
    return poll_event(sock, event, res, 0);
}

/* What poll_fd asked for has come: told when the watch is back. */
static int once_reap(struct flare__backend *b, struct flare__sock *sock,
                     int32_t news, struct flare__event *event)
{
    if (!uring_has(sock, URING_POLLING))
        return poll_end(sock, event, news);
    sock->poll.due = (uint16_t)news;
    uring_set(sock, URING_STOP);
    flare__uring_cancel(b, sock);
    return 0;
}

/* It goes on unless it was stopped, or the kernel will not have it. */
static int watch_reap(struct flare__backend *b, struct flare__sock *sock,
                      int32_t res, int32_t news, struct flare__event *event)
{
    bool is_armed = uring_has(sock, URING_POLLING);

    if (uring_has(sock, URING_STOP | URING_CLOSING)) {
        bool has_come = uring_has(sock, URING_ONCE) && sock->poll.due != 0;

        if (is_armed)
            return 0;
        return poll_end(sock, event, has_come ? sock->poll.due : -ECANCELED);
    }
    if (news && uring_has(sock, URING_ONCE))
        return once_reap(b, sock, news, event);
    if (!is_armed && res < 0 && res != -ECANCELED)
        return poll_end(sock, event, res);
    if (!is_armed)
        flare__uring_poll_rearm(b, sock);
    return news ? poll_event(sock, event, news, FLARE__EV_MORE) : 0;
}

int flare__uring_poll_reap(struct flare__backend *b, struct flare__sock *sock,
                           const struct io_uring_cqe *cqe,
                           struct flare__event *event)
{
    int32_t res = cqe->res;
    int32_t news = res > 0 ? res & (sock->poll.wanted | UNASKED) : 0;

    if (uring_has(sock, URING_WATCH))
        return watch_reap(b, sock, res, news, event);
    if (uring_has(sock, URING_CLOSING))
        return poll_end(sock, event, -ECANCELED);
    if (uring_has(sock, URING_STOP))
        return poll_end(sock, event, news ? news : -ECANCELED);
    if (res == -ECANCELED && uring_has(sock, URING_REPOLL)) {
        flare__uring_poll_rearm(b, sock);
        return 0;
    }
    if (res > 0 && news == 0) {
        uring_set(sock, URING_WATCH | URING_ONCE);
        flare__uring_poll_rearm(b, sock);
        return 0;
    }
    return poll_end(sock, event, res > 0 ? news : res);
}
