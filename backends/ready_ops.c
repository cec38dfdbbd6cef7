/* SPDX-License-Identifier: MIT */
/*
 * The readiness core: what is not on the way of every request.  Operations are
 * started and stopped here by setting bits; a descriptor is closed at once.
 */
#include "backends/fd.h"
#include "backends/ready_sock.h"
#include "net/os.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_STEP = 32 /* of one listener, before others have their turn */
};

static int nonblock_set(struct flare__sock *sock)
{
    int flags;

    if (has_any(sock, NONBLOCK))
        return 0;
    flags = fcntl(sock->fd, F_GETFL);
    if (flags < 0 || (!(flags & O_NONBLOCK) &&
                      fcntl(sock->fd, F_SETFL, flags | O_NONBLOCK) < 0))
        return -errno;
    bits_set(sock, NONBLOCK);
    return 0;
}

/* Accept. */

int flare__ready_accept_start(struct flare__backend *b,
                              struct flare__sock *sock)
{
    int rc;

    FLARE_ASSERT(!has_any(sock, RECV | ACCEPT | CLOSING));

    rc = nonblock_set(sock);
    if (rc < 0)
        return rc;
    bits_set(sock, ACCEPT);
    work_add(ready_of(b), sock);
    return 0;
}

void flare__ready_accept_stop(struct flare__backend *b,
                              struct flare__sock *sock)
{
    if (!has_any(sock, ACCEPT) || has_any(sock, STOPPED | CLOSING))
        return;
    bits_set(sock, STOPPED);
    work_add(ready_of(b), sock);
}

/*
 * Whether `rc` is a failure of the connection at the head of the queue, or of
 * a filter that refused it, and no reason to end accepting (accept(2)).
 */
static bool accept_is_skipped(int rc)
{
    switch (-rc) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
#ifdef ENONET
    case ENONET:
#endif
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

int flare__ready_step_accept(struct flare__sock *sock,
                             struct flare__event *events, int room)
{
    int n = 0;
    int fd = 0;

    if (room > ACCEPTS_PER_STEP)
        room = ACCEPTS_PER_STEP;
    for (int tries = 0; tries < ACCEPTS_PER_STEP && n < room; tries++) {
        fd = flare__os_accept(sock->fd);
        if (fd >= 0)
            event_put(&events[n++], sock, FLARE__EV_ACCEPT, fd, FLARE__EV_MORE);
        else if (!accept_is_skipped(fd))
            break;
    }
    if (fd >= 0)
        return n;
    if (fd == -EAGAIN || n == 0)
        bits_clear(sock, READABLE); /* failures only: as if it were empty */
    if (fd == -EAGAIN || accept_is_skipped(fd))
        return n;
    if (n == room)
        return n;             /* the next step finds the error again */
    bits_set(sock, READABLE); /* what is still queued, for the next start */
    bits_clear(sock, ACCEPT | STOPPED);
    event_put(&events[n++], sock, FLARE__EV_ACCEPT, fd, 0);
    return n;
}

/* Connect. */

int flare__ready_connect(struct flare__backend *b, struct flare__sock *sock,
                         const struct sockaddr *addr, socklen_t len)
{
    int rc = nonblock_set(sock);

    FLARE_ASSERT(!has_any(sock, CONNECT | SEND | CLOSING));

    if (rc < 0)
        return rc;
    /* edges of the unconnected socket say nothing of the connected one */
    bits_clear(sock, READABLE | READ_ON);
    bits_set(sock, CONNECT | WRITABLE);
    rc = connect(sock->fd, addr, len) < 0 ? -errno : 0;
    if (rc == -EINPROGRESS || rc == -EINTR) /* both go on by themselves */
        return 0;
    sock->sent = (uint32_t)rc;
    bits_set(sock, CONNECT_DONE);
    work_add(ready_of(b), sock);
    return 0;
}

void flare__ready_connect_edge(struct flare__sock *sock, uint32_t mask)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (has_any(sock, CONNECT_DONE))
        return;
    if (getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    /* HUP without an error: not connected yet, an edge of before */
    if (error == 0 && (!(mask & FLARE__EDGE_OUT) || (mask & FLARE__EDGE_HUP)))
        return;
    sock->sent = (uint32_t)-error;
    bits_set(sock, CONNECT_DONE);
}

/* Receive. */

int flare__ready_recv_start(struct flare__backend *b, struct flare__sock *sock)
{
    FLARE_ASSERT(!has_any(sock, RECV | ACCEPT | CLOSING));

    bits_set(sock, RECV);
    work_add(ready_of(b), sock);
    return 0;
}

void flare__ready_recv_stop(struct flare__backend *b, struct flare__sock *sock)
{
    if (!has_any(sock, RECV) || has_any(sock, STOPPED | CLOSING))
        return;
    bits_set(sock, STOPPED);
    work_add(ready_of(b), sock);
}

void flare__ready_record_start(struct flare__backend *b,
                               struct flare__sock *sock)
{
    (void)b;
    FLARE_ASSERT(!has_any(sock, RECV | CLOSING));
    bits_set(sock, RECORDS | READ_ON);
}

/* Files. */

int flare__ready_sendfile(struct flare__backend *b, struct flare__sock *sock,
                          int file, uint64_t offset, uint32_t count)
{
    int rc;

    FLARE_ASSERT(!has_any(sock, SEND | CONNECT | CLOSING));
    FLARE_ASSERT(count >= 1 && count <= INT32_MAX &&
                 offset <= INT64_MAX - (uint64_t)count);

    rc = nonblock_set(sock); /* an accepted one has it; others may not */
    if (rc < 0)
        return rc;
    sock->file =
        (struct flare__file){.fd = file, .count = count, .offset = offset};
    sock->iov_count = 0;
    sock->sent = 0;
    bits_set(sock, SEND);
    work_add(ready_of(b), sock);
    return 0;
}

void flare__ready_send_file(struct flare__ready *r, struct flare__sock *sock)
{
    int32_t res = 0;

    switch (flare__fd_send_file(sock, &res)) {
    case FLARE__FD_DONE:
        send_finish(sock, res);
        break;
    case FLARE__FD_MORE:
        r->has_moved_file = true;
        break;
    case FLARE__FD_FULL:
        bits_clear(sock, WRITABLE);
        break;
    }
}

void flare__ready_shutdown_send(struct flare__backend *b,
                                struct flare__sock *sock)
{
    (void)b;
    FLARE_ASSERT(!has_any(sock, SEND | CLOSING));

    (void)shutdown(sock->fd, SHUT_WR); /* the peer has left: recv will tell */
}

/* Polling: foreign descriptors, and datagrams. */

int flare__ready_poll_fd(struct flare__backend *b, struct flare__sock *sock,
                         short events)
{
    int rc;

    FLARE_ASSERT(!has_any(sock, POLL | RECV | SEND | CLOSING));

    rc = ready_of(b)->poller->arm(b, sock->fd, sock->index, sock->generation,
                                  events);
    if (rc == 0) {
        sock->poll.due = 0;
        bits_set(sock, POLL | FOREIGN);
    }
    return rc;
}

int flare__ready_poll_start(struct flare__backend *b, struct flare__sock *sock,
                            short events)
{
    int rc;

    FLARE_ASSERT(!has_any(sock, RECV | ACCEPT | SEND | CLOSING));
    FLARE_ASSERT(!has_any(sock, POLL) || has_any(sock, WATCH));

    rc = ready_of(b)->poller->watch(b, sock->fd, sock->index, sock->generation,
                                    events);
    if (rc < 0)
        return rc;
    sock->poll.due = 0; /* what is still so is reported again */
    bits_clear(sock, POLL_DONE);
    bits_set(sock, POLL | WATCH | FOREIGN);
    return 0;
}

void flare__ready_poll_edge(struct flare__sock *sock, uint32_t mask)
{
    if (has_any(sock, POLL_DONE) && !has_any(sock, WATCH))
        return; /* it has its result */
    sock->poll.due |= (uint16_t)mask;
    bits_set(sock, POLL_DONE);
}

void flare__ready_poll_tell(struct flare__sock *sock, struct flare__event *ev)
{
    bool goes_on = has_any(sock, WATCH);

    bits_clear(sock, goes_on ? POLL_DONE : POLL | POLL_DONE);
    event_put(ev, sock, FLARE__EV_POLL,
              sock->poll.due ? sock->poll.due : -ECANCELED,
              goes_on ? FLARE__EV_MORE : 0);
    sock->poll.due = 0;
}

/* Edges not told yet are not: it would say that it goes on. */
static void poll_cut(struct flare__ready *r, struct flare__sock *sock)
{
    if (!has_any(sock, POLL) || has_any(sock, CLOSING) ||
        (has_any(sock, POLL_DONE) && !has_any(sock, WATCH)))
        return;
    bits_clear(sock, WATCH);
    sock->poll.due = 0;
    bits_set(sock, POLL_DONE);
    work_add(r, sock);
}

void flare__ready_poll_stop(struct flare__backend *b, struct flare__sock *sock)
{
    struct flare__ready *r = ready_of(b);

    if (has_any(sock, WATCH)) /* else each edge would be a wake for nothing */
        (void)r->poller->arm(b, sock->fd, sock->index, sock->generation, 0);
    poll_cut(r, sock);
}

/* Close. */

void flare__ready_discard(struct flare__backend *b, int fd)
{
    (void)b;
    (void)close(fd); /* the peer gets its RST or FIN from the kernel */
}

static void descriptor_close(int fd, enum flare__close_how how)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (how == FLARE__CLOSE_ABORT) /* not a socket, or no TCP: a plain close */
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    (void)close(fd); /* Linux frees the number even when it returns an error */
}

void flare__ready_close(struct flare__backend *b, struct flare__sock *sock,
                        enum flare__close_how how)
{
    struct flare__ready *r = ready_of(b);

    FLARE_ASSERT(!has_any(sock, CLOSING));

    if (has_any(sock, RECV | ACCEPT))
        bits_set(sock, STOPPED);
    if (has_any(sock, SEND) && !has_any(sock, SEND_DONE))
        send_finish(sock, -ECANCELED);
    if (has_any(sock, CONNECT) && !has_any(sock, CONNECT_DONE)) {
        sock->sent = (uint32_t)-ECANCELED;
        bits_set(sock, CONNECT_DONE);
    }
    poll_cut(r, sock);
    bits_set(sock, CLOSING);
    flare__handles_remove(&r->handles, sock);
    if (has_any(sock, FOREIGN) && r->poller->remove != NULL)
        r->poller->remove(b, sock->fd);
    descriptor_close(sock->fd, how);
    sock->fd = -1;
    work_add(r, sock);
}
