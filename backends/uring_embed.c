/* SPDX-License-Identifier: MIT */
/*
 * A ring in somebody else's loop.  Its own descriptor will not do: with
 * DEFER_TASKRUN who looks at it sees that there is work, but who sleeps in
 * poll(2) or epoll is not woken (seen on 6.18).  An eventfd registered with the
 * ring is told, except of what another eventfd's write(2) caused: that is put
 * off until a grace period is over, and the next such is lost (likewise).
 *
 * So the descriptor is an epoll one, edge triggered, with the registered
 * eventfd, that of `wake`, and whatever is polled.  The latter enter it before
 * the ring's poll is armed: a wait queue calls its newest entry first, so that
 * the ring knows by the time that the sleeper is woken.
 *
 * Only a backend whose descriptor was asked for pays: a call of epoll_wait(2)
 * for each poll, one of epoll_ctl(2) for each start and stop of polling.
 */
#include "backends/uring.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { DRAIN_MAX = 64 };

static int embed_change(const struct flare__backend *b, int op, int fd,
                        uint32_t events)
{
    struct epoll_event ev = {.events = events | EPOLLET};

    return epoll_ctl(b->embed_fd, op, fd, &ev) < 0 ? -errno : 0;
}

int flare__uring_embed_watch(struct flare__backend *b, struct flare__sock *sock,
                             uint32_t events)
{
    int rc;

    if (b->embed_fd < 0)
        return 0;
    if (uring_has(sock, URING_EMBEDDED))
        return embed_change(b, EPOLL_CTL_MOD, sock->fd, events);
    rc = embed_change(b, EPOLL_CTL_ADD, sock->fd, events);
    if (rc == 0)
        uring_set(sock, URING_EMBEDDED);
    return rc == -EPERM ? 0 : rc; /* always ready: nobody waits for it */
}

void flare__uring_embed_forget(struct flare__backend *b,
                               struct flare__sock *sock)
{
    if (uring_has(sock, URING_EMBEDDED))
        (void)epoll_ctl(b->embed_fd, EPOLL_CTL_DEL, sock->fd, NULL);
    uring_clear(sock, URING_EMBEDDED);
}

void flare__uring_embed_clear(struct flare__backend *b)
{
    struct epoll_event list[DRAIN_MAX];

    while (epoll_wait(b->embed_fd, list, DRAIN_MAX, 0) == DRAIN_MAX)
        continue;
}

/* What is polled already is armed anew, for the order of the wait queue. */
static int embed_adopt(struct flare__backend *b)
{
    for (uint32_t i = 0; i < b->handles.size; i++) {
        struct flare__sock *sock = flare__handles_at(&b->handles, i);
        int rc;

        if (sock == NULL || !uring_has(sock, URING_POLLING | URING_WATCH) ||
            uring_has(sock, URING_STOP | URING_CLOSING))
            continue;
        rc = flare__uring_embed_watch(b, sock, sock->poll.wanted);
        if (rc < 0)
            return rc;
        flare__uring_poll_renew(b, sock);
    }
    return 0;
}

static void embed_fds_close(struct flare__backend *b)
{
    if (b->event_fd >= 0)
        (void)close(b->event_fd); /* nothing is buffered in either */
    if (b->embed_fd >= 0)
        (void)close(b->embed_fd); /* likewise */
    b->event_fd = b->embed_fd = -1;
}

static int embed_fds_open(struct flare__backend *b)
{
    int rc;

    b->embed_fd = epoll_create1(EPOLL_CLOEXEC);
    if (b->embed_fd < 0)
        return -errno;
    b->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->event_fd < 0)
        return -errno;
    rc = embed_change(b, EPOLL_CTL_ADD, b->event_fd, EPOLLIN);
    if (rc == 0)
        rc = embed_change(b, EPOLL_CTL_ADD, b->wake_fd, EPOLLIN);
    return rc;
}

/* As what is polled: its completion is a WAKE more, and arms it anew. */
static int embed_adopt_wake(struct flare__backend *b)
{
    struct io_uring_sqe *sqe = flare__uring_sqe(b);

    if (sqe == NULL)
        return -EAGAIN;
    io_uring_prep_cancel64(sqe, URING_OP_WAKE, 0);
    io_uring_sqe_set_data64(sqe, URING_OP_STOP); /* nobody's: it is dropped */
    return 0;
}

int flare__uring_descriptor(struct flare__backend *b)
{
    int rc;

    if (b->embed_fd >= 0)
        return b->embed_fd;
    rc = embed_fds_open(b);
    if (rc == 0)
        rc = embed_adopt(b);
    if (rc == 0)
        rc = embed_adopt_wake(b);
    if (rc == 0) /* last: it would have to be taken back */
        rc = io_uring_register_eventfd(&b->ring, b->event_fd);
    if (rc < 0) {
        for (uint32_t i = 0; i < b->handles.size; i++) {
            struct flare__sock *sock = flare__handles_at(&b->handles, i);

            if (sock != NULL)
                uring_clear(sock, URING_EMBEDDED);
        }
        embed_fds_close(b);
    }
    return rc < 0 ? rc : b->embed_fd;
}

void flare__uring_embed_close(struct flare__backend *b)
{
    embed_fds_close(b);
}
