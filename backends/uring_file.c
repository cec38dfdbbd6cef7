/* SPDX-License-Identifier: MIT */
/*
 * Files.  Not the ring's SPLICE, which always goes to a kernel thread, but
 * sendfile(2), in parts from the local list.  Only O_NONBLOCK tells it not to
 * wait for the socket (SPLICE_F_NONBLOCK is for pipes: seen to block on 6.18).
 * The flag stays: the ring's receives and sends wait all the same (6.18), and
 * where they should answer -EAGAIN for it, uring_reap.c clears it and asks
 * again.  Toggling it around each call cost two system calls more.
 *
 * A socket that is full is waited for with a multishot poll, which is armed
 * at the first such time and stays for the connection's life.  A poll for one
 * shot would do nothing but spin once the peer has sent FIN: the kernel adds
 * POLLRDHUP to whatever is asked for, and that stays true.  The multishot one
 * tells it once, and then what changes.
 */
#include "backends/fd.h"
#include "backends/uring.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>

int flare__uring_sendfile(struct flare__backend *b, struct flare__sock *sock,
                          int file, uint64_t offset, uint32_t count)
{
    FLARE_ASSERT(count >= 1 && count <= INT32_MAX &&
                 offset <= INT64_MAX - (uint64_t)count);
    FLARE_ASSERT(!uring_has(sock, URING_SENDING | URING_CLOSING));
    sock->file =
        (struct flare__file){.fd = file, .count = count, .offset = offset};
    sock->iov_count = 0;
    sock->sent = 0;
    uring_set(sock, URING_SENDING);
    flare__uring_due(b, sock, URING_SEND_DUE);
    return 0;
}

static int file_end(struct flare__sock *sock, struct flare__event *event,
                    int32_t res)
{
    uring_clear(sock, URING_SENDING | URING_SEND_DUE);
    *event =
        (struct flare__event){.sock = sock, .res = res, .kind = FLARE__EV_SENT};
    return 1;
}

/* 0 or -errno. */
static int file_nonblock(struct flare__sock *sock)
{
    int is_on = 1;

    if (uring_has(sock, URING_NONBLOCK))
        return 0;
    if (ioctl(sock->fd, FIONBIO, &is_on) < 0)
        return -errno;
    uring_set(sock, URING_NONBLOCK);
    return 0;
}

/* -EAGAIN: no submission can be made now. */
static int file_poll_arm(struct flare__backend *b, struct flare__sock *sock)
{
    struct io_uring_sqe *sqe = flare__uring_sqe(b);

    if (sqe == NULL)
        return -EAGAIN;
    io_uring_prep_poll_multishot(sqe, sock->fd, POLLOUT);
    uring_owned(sqe, sock, URING_OP_FILE);
    uring_set(sock, URING_FILE_ARMED);
    return 0;
}

int flare__uring_file_step(struct flare__backend *b, struct flare__sock *sock,
                           struct flare__event *event)
{
    int32_t res;

    res = file_nonblock(sock);
    if (res < 0)
        return file_end(sock, event, res);
    switch (flare__fd_send_file(sock, &res)) {
    case FLARE__FD_DONE:
        return file_end(sock, event, res);
    case FLARE__FD_MORE:
        flare__uring_due(b, sock, URING_SEND_DUE);
        break;
    case FLARE__FD_FULL:
        /* room made since then is an event of the poll that is armed */
        if (!uring_has(sock, URING_FILE_ARMED) && file_poll_arm(b, sock) < 0)
            flare__uring_due(b, sock, URING_SEND_DUE);
        break;
    }
    return 0;
}

int flare__uring_file_reap(struct flare__backend *b, struct flare__sock *sock,
                           const struct io_uring_cqe *cqe,
                           struct flare__event *event)
{
    const int32_t news = POLLOUT | POLLERR | POLLHUP;

    if (!uring_has(sock, URING_SENDING) || sock->iov_count != 0)
        return 0; /* the poll outlived its file */
    if (uring_has(sock, URING_CLOSING))
        return file_end(sock, event, -ECANCELED);
    if (cqe->res < 0)
        return file_end(sock, event, cqe->res);
    if ((cqe->res & news) || !uring_has(sock, URING_FILE_ARMED))
        flare__uring_due(b, sock, URING_SEND_DUE);
    return 0;
}
