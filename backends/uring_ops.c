/* SPDX-License-Identifier: MIT */
/*
 * Submissions.  They are written to the queue and taken by the kernel at the
 * next poll; when the queue is full it is handed over at once, and should the
 * kernel not take it, what may fail returns -EAGAIN and what may not is left
 * on the local list for the next poll.  Nothing is ever dropped.
 *
 * Descriptors must block: with O_NONBLOCK the kernel answers -EAGAIN instead
 * of waiting.  uring_reap.c clears the flag when it meets that answer.
 */
#include "backends/uring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct io_uring_sqe *flare__uring_sqe(struct flare__backend *b)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);

    if (FLARE_LIKELY(sqe != NULL))
        return sqe;
    (void)uring_enter(b->ring.ring_fd, uring_queued(b), 0, 0, NULL, _NSIG / 8);
    return io_uring_get_sqe(&b->ring);
}

static union uring_slot *sqe_slot(struct flare__backend *b,
                                  const struct io_uring_sqe *sqe)
{
    return &b->slots[sqe - b->ring.sq.sqes];
}

void flare__uring_due(struct flare__backend *b, struct flare__sock *sock,
                      unsigned due)
{
    uring_set(sock, due);
    if (uring_has(sock, URING_STARVED)) {
        b->starved_gone++; /* flare__uring_resume moves it over */
        return;
    }
    if (uring_has(sock, URING_LOCAL))
        return;
    uring_set(sock, URING_LOCAL);
    uring_push(&b->local, sock);
}

int flare__uring_attach(struct flare__backend *b, struct flare__sock *sock,
                        int fd)
{
    int rc = flare__handles_add(&b->handles, sock);

    if (rc < 0)
        return rc;
    sock->fd = fd;
    sock->state = 0;
    sock->in_flight = 0;
    sock->next = NULL;
    return 0;
}

void flare__uring_discard(struct flare__backend *b, int fd)
{
    (void)b;
    (void)close(fd); /* closed whatever it returns */
}

/* ---- accept and receive */

static void prep_accept(struct flare__backend *b, struct io_uring_sqe *sqe,
                        const struct flare__sock *sock)
{
    if (b->caps & FLARE__CAP_MULTISHOT_ACCEPT)
        io_uring_prep_multishot_accept(sqe, sock->fd, NULL, NULL, SOCK_CLOEXEC);
    else
        io_uring_prep_accept(sqe, sock->fd, NULL, NULL, SOCK_CLOEXEC);
}

/*
 * A multishot receive with a length gets no more than that before others have
 * their turn (Linux 6.17).  It is a multiple of the leases' size: a kernel that
 * takes half a buffer would shorten it for whoever gets it next.
 */
void flare__uring_prep_bundle(const struct flare__backend *b,
                              struct io_uring_sqe *sqe, int fd)
{
    io_uring_prep_recv_multishot(sqe, fd, NULL, b->leases.bundle_bytes, 0);
    sqe->ioprio |= IORING_RECVSEND_BUNDLE;
}

static void prep_recv(struct flare__backend *b, struct io_uring_sqe *sqe,
                      struct flare__sock *sock, bool is_single)
{
    uring_clear(sock, URING_BUNDLED);
    if (is_single || !(b->caps & FLARE__CAP_MULTISHOT_RECV)) {
        io_uring_prep_recv(sqe, sock->fd, NULL, b->leases.bytes, 0);
    } else if (uring_has(sock, URING_DEEP)) {
        flare__uring_prep_bundle(b, sqe, sock->fd);
        uring_set(sock, URING_BUNDLED);
    } else {
        io_uring_prep_recv_multishot(sqe, sock->fd, NULL, 0, 0);
    }
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = URING_LEASE_GROUP;
}

static int stream_arm(struct flare__backend *b, struct flare__sock *sock,
                      bool is_single)
{
    struct io_uring_sqe *sqe = flare__uring_sqe(b);

    if (sqe == NULL)
        return -EAGAIN;
    if (uring_has(sock, URING_LISTENER)) {
        prep_accept(b, sqe, sock);
        uring_owned(sqe, sock, URING_OP_ACCEPT);
    } else {
        prep_recv(b, sqe, sock, is_single);
        uring_owned(sqe, sock, URING_OP_RECV);
    }
    uring_set(sock, URING_ARMED);
    return 0;
}

static int stream_start(struct flare__backend *b, struct flare__sock *sock)
{
    int rc;

    FLARE_ASSERT(!uring_has(sock, URING_WANTED | URING_CLOSING));
    uring_clear(sock, URING_STOP);
    rc = stream_arm(b, sock, /* is_single = */ false);
    if (rc == 0)
        uring_set(sock, URING_WANTED);
    return rc;
}

int flare__uring_accept_start(struct flare__backend *b,
                              struct flare__sock *sock)
{
    uring_set(sock, URING_LISTENER);
    return stream_start(b, sock);
}

int flare__uring_recv_start(struct flare__backend *b, struct flare__sock *sock)
{
    uring_clear(sock, URING_LISTENER);
    return stream_start(b, sock);
}

static void stream_rearm(struct flare__backend *b, struct flare__sock *sock,
                         bool is_single)
{
    b->rearms++;
    if (stream_arm(b, sock, is_single) < 0)
        flare__uring_due(b, sock, URING_RETRY_DUE);
}

void flare__uring_rearm(struct flare__backend *b, struct flare__sock *sock)
{
    stream_rearm(b, sock, /* is_single = */ false);
}

void flare__uring_stream_stop(struct flare__backend *b,
                              struct flare__sock *sock)
{
    if (!uring_has(sock, URING_WANTED) ||
        uring_has(sock, URING_STOP | URING_CLOSING))
        return;
    uring_set(sock, URING_STOP);
    if (uring_has(sock, URING_ARMED))
        flare__uring_cancel(b, sock);
    else
        flare__uring_due(b, sock, URING_END_DUE);
}

/* Those that got other work while parked go to the local list. */
static void starved_filter(struct flare__backend *b)
{
    struct uring_list old = b->starved;

    b->starved_gone = 0;
    b->starved.head = NULL;
    while (old.head != NULL) {
        struct flare__sock *sock = uring_pop(&old);

        if (!uring_has(sock, URING_DUE)) {
            uring_push(&b->starved, sock);
            continue;
        }
        uring_clear(sock, URING_STARVED);
        flare__uring_due(b, sock, URING_RETRY_DUE);
    }
}

/*
 * As many as there are leases, each for a single one: a multishot receive
 * would take them all for the first socket, again and again.
 */
void flare__uring_resume(struct flare__backend *b)
{
    uint32_t room = b->leases.count - b->leases.held;

    if (b->starved_gone > 0)
        starved_filter(b);
    for (; b->starved.head != NULL && room > 0; room--) {
        struct flare__sock *sock = uring_pop(&b->starved);

        uring_clear(sock, URING_STARVED);
        stream_rearm(b, sock, /* is_single = */ true);
    }
}

/* ---- send */

/*
 * A single buffer, also the rest of a half-sent one of a vector, is a SEND;
 * more are a SENDMSG.  MSG_WAITALL: the kernel itself goes on after a short
 * send, so that nearly always one completion is the whole vector.
 */
static void prep_send(struct flare__backend *b, struct io_uring_sqe *sqe,
                      struct flare__sock *sock)
{
    const struct iovec *iov = sock->iov_count > 1 ? sock->iov : &sock->one;
    int flags =
        MSG_NOSIGNAL | (uring_has(sock, URING_NO_WAITALL) ? 0 : MSG_WAITALL);
    size_t skip = sock->sent;
    uint32_t count = sock->iov_count;
    struct msghdr *msg;

    while (skip > 0 && skip >= iov->iov_len) {
        skip -= iov->iov_len;
        iov++;
        count--;
    }
    if (count == 1 || skip > 0) {
        io_uring_prep_send(sqe, sock->fd, (char *)iov->iov_base + skip,
                           iov->iov_len - skip, flags);
        return;
    }
    msg = &sqe_slot(b, sqe)->msg;
    memset(msg, 0, sizeof(*msg));
    msg->msg_iov = (struct iovec *)(uintptr_t)iov;
    msg->msg_iovlen = count;
    io_uring_prep_sendmsg(sqe, sock->fd, msg, (unsigned)flags);
}

static int send_submit(struct flare__backend *b, struct flare__sock *sock)
{
    struct io_uring_sqe *sqe = flare__uring_sqe(b);

    if (sqe == NULL)
        return -EAGAIN;
    prep_send(b, sqe, sock);
    uring_owned(sqe, sock, URING_OP_SEND);
    return 0;
}

int flare__uring_send(struct flare__backend *b, struct flare__sock *sock,
                      const struct iovec *iov, uint32_t count)
{
    int rc;

    FLARE_ASSERT(count >= 1 && count <= 64);
    FLARE_ASSERT(!uring_has(sock, URING_SENDING | URING_CLOSING));
    sock->iov = iov;
    sock->iov_count = (uint16_t)count;
    sock->sent = 0;
    if (count == 1) {
        sock->one = *iov;
    } else {
        sock->one.iov_len = 0; /* of a vector: its total length */
        for (uint32_t i = 0; i < count; i++)
            sock->one.iov_len += iov[i].iov_len;
    }
    rc = send_submit(b, sock);
    if (rc == 0)
        uring_set(sock, URING_SENDING);
    return rc;
}

void flare__uring_send_rest(struct flare__backend *b, struct flare__sock *sock)
{
    if (send_submit(b, sock) < 0)
        flare__uring_due(b, sock, URING_SEND_DUE);
}

void flare__uring_shutdown_send(struct flare__backend *b,
                                struct flare__sock *sock)
{
    (void)b;
    FLARE_ASSERT(!uring_has(sock, URING_SENDING | URING_CLOSING));
    /* Not the ring's operation, which goes to a kernel thread.  It fails only
     * if the connection is gone: then the receive says so. */
    (void)shutdown(sock->fd, SHUT_WR);
}

/* ---- connect */

static void make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && (flags & O_NONBLOCK))
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK); /* else -EAGAIN comes */
}

int flare__uring_connect(struct flare__backend *b, struct flare__sock *sock,
                         const struct sockaddr *addr, socklen_t len)
{
    struct io_uring_sqe *sqe;
    union uring_slot *slot;

    FLARE_ASSERT(!uring_has(sock, URING_CONNECTING | URING_CLOSING));
    if (len > sizeof(slot->addr))
        return -EINVAL;
    sqe = flare__uring_sqe(b);
    if (sqe == NULL)
        return -EAGAIN;
    make_blocking(sock->fd);
    slot = sqe_slot(b, sqe);
    memcpy(&slot->addr, addr, len);
    io_uring_prep_connect(sqe, sock->fd, (struct sockaddr *)&slot->addr, len);
    uring_owned(sqe, sock, URING_OP_CONNECT);
    uring_set(sock, URING_CONNECTING);
    return 0;
}

/* ---- wake */

int flare__uring_wake_arm(struct flare__backend *b)
{
    struct io_uring_sqe *sqe = flare__uring_sqe(b);

    b->is_wake_armed = sqe != NULL;
    if (sqe == NULL)
        return -EAGAIN;
    io_uring_prep_poll_multishot(sqe, b->wake_fd, POLLIN);
    io_uring_sqe_set_data64(sqe, URING_OP_WAKE);
    return 0;
}

/* ---- stop and close */

void flare__uring_cancel(struct flare__backend *b, struct flare__sock *sock)
{
    struct io_uring_sqe *sqe = flare__uring_sqe(b);
    enum uring_op op;

    if (sqe == NULL) {
        flare__uring_due(b, sock, URING_RETRY_DUE);
        return;
    }
    if (uring_has(sock, URING_CLOSING)) {
        io_uring_prep_cancel_fd(sqe, sock->fd, IORING_ASYNC_CANCEL_ALL);
        uring_owned(sqe, sock, URING_OP_CANCEL);
        return;
    }
    if (uring_has(sock, URING_POLLING))
        op = URING_OP_POLL;
    else
        op = uring_has(sock, URING_LISTENER) ? URING_OP_ACCEPT : URING_OP_RECV;
    io_uring_prep_cancel64(sqe, uring_key(sock, op), 0);
    uring_owned(sqe, sock, URING_OP_STOP);
}

void flare__uring_renew(struct flare__backend *b, struct flare__sock *sock)
{
    struct io_uring_sqe *sqe = flare__uring_sqe(b);

    if (sqe == NULL)
        return; /* as if it had come too late: asked for again */
    io_uring_prep_cancel64(sqe, uring_key(sock, URING_OP_RECV), 0);
    uring_owned(sqe, sock, URING_OP_STOP);
}

void flare__uring_finish(struct flare__backend *b, struct flare__sock *sock)
{
    if (uring_has(sock, URING_ABORT)) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};

        /* fails on what is no socket, where there is nothing to reset */
        (void)setsockopt(sock->fd, SOL_SOCKET, SO_LINGER, &linger,
                         sizeof(linger));
    }
    flare__uring_embed_forget(b, sock);
    (void)close(sock->fd); /* closed whatever it returns */
    sock->fd = -1;
    flare__handles_remove(&b->handles, sock);
    flare__uring_due(b, sock, URING_CLOSED_DUE);
}

/*
 * A closing socket's operations must be back before close(2), which would
 * neither end them nor send FIN while they hold the file.  shutdown(2) ends
 * those of a connection, and sends FIN; it would end a listener or a connect
 * for every process that shares the descriptor, one that was ever polled for
 * whoever gave it away, a reset needs a connection that still stands, and a
 * multishot poll goes on: these are cancelled.
 */
void flare__uring_close(struct flare__backend *b, struct flare__sock *sock,
                        enum flare__close_how how)
{
    const unsigned gentle =
        URING_LISTENER | URING_CONNECTING | URING_POLLED | URING_FILE_ARMED;

    FLARE_ASSERT(!uring_has(sock, URING_CLOSING));
    uring_set(sock, URING_CLOSING);
    uring_clear(sock, URING_RETRY_DUE);
    if (how == FLARE__CLOSE_ABORT)
        uring_set(sock, URING_ABORT);
    if ((uring_has(sock, URING_WANTED) && !uring_has(sock, URING_ARMED)) ||
        (uring_has(sock, URING_WATCH | URING_REPOLL) &&
         !uring_has(sock, URING_POLLING)))
        flare__uring_due(b, sock, URING_END_DUE);
    if (sock->in_flight == 0) {
        if (!uring_has(sock, URING_SENDING)) /* else SEND_DUE ends it */
            flare__uring_finish(b, sock);
        return;
    }
    if (how == FLARE__CLOSE_GRACEFUL && !uring_has(sock, gentle) &&
        shutdown(sock->fd, SHUT_RDWR) == 0)
        return;
    flare__uring_cancel(b, sock);
}
