/* SPDX-License-Identifier: MIT */
/*
 * The self-test of a fresh ring: the operations the backend lives on are run
 * once on sockets of its own, because a version number does not tell what a
 * filter, a sandbox or a distribution's kernel makes of them.  Multishot is
 * dropped where it is refused; anything else that fails fails the open.
 */
#include "backends/uring.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PROBE_FIRST = 1, PROBE_SECOND = 2, PROBE_WAIT_S = 2 };

/* Submits and waits for the next completion, which is taken off the ring. */
static int probe_next(struct flare__backend *b, struct io_uring_cqe *out)
{
    struct __kernel_timespec ts = {.tv_sec = PROBE_WAIT_S};
    struct io_uring_getevents_arg arg = {.sigmask_sz = _NSIG / 8,
                                         .ts = (uint64_t)(uintptr_t)&ts};
    struct io_uring_cq *cq = &b->ring.cq;
    unsigned head = *cq->khead;
    int rc = 0;

    if (head == io_uring_smp_load_acquire(cq->ktail))
        rc = uring_enter(b->ring.ring_fd, uring_queued(b), 1,
                         IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
                         sizeof(arg));
    if (rc < 0)
        return rc;
    if (head == io_uring_smp_load_acquire(cq->ktail))
        return -ETIME;
    *out = cq->cqes[head & cq->ring_mask];
    io_uring_cq_advance(&b->ring, 1);
    return 0;
}

int flare__uring_probe_nop(struct flare__backend *b)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
    struct io_uring_cqe cqe;
    int rc;

    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data64(sqe, PROBE_FIRST);
    rc = probe_next(b, &cqe);
    return rc < 0 ? rc : cqe.res;
}

/*
 * Cancels the multishot on `fd`, if `flags` say that it still stands, and
 * waits for the last completions of both.  (shutdown(2) would not do: nothing
 * tells the accept of a Unix socket.)
 */
static int probe_end(struct flare__backend *b, int fd, unsigned flags)
{
    struct io_uring_sqe *sqe;
    struct io_uring_cqe cqe;
    int left = 2;
    int rc = 0;

    if ((flags & IORING_CQE_F_MORE) == 0)
        return 0;
    sqe = io_uring_get_sqe(&b->ring);
    io_uring_prep_cancel_fd(sqe, fd, IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data64(sqe, PROBE_SECOND);
    while (rc == 0 && left > 0) {
        rc = probe_next(b, &cqe);
        if (rc == 0 && (cqe.flags & IORING_CQE_F_MORE) == 0)
            left--;
    }
    return rc;
}

/*
 * A byte from `fds[1]` must come out of a multishot receive on `fds[0]` in a
 * lease, and the receive must still be armed.  1: it did; 0: no multishot.
 */
static int probe_recv_on(struct flare__backend *b, const int fds[2])
{
    struct io_uring_cqe recv_cqe = {.flags = 0};
    struct io_uring_cqe send_cqe = {.flags = 0};
    struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
    bool is_lease;
    int rc = 0;

    io_uring_prep_recv_multishot(sqe, fds[0], NULL, 0, 0);
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = URING_LEASE_GROUP;
    io_uring_sqe_set_data64(sqe, PROBE_FIRST);
    sqe = io_uring_get_sqe(&b->ring);
    io_uring_prep_send(sqe, fds[1], "", 1, MSG_NOSIGNAL | MSG_WAITALL);
    io_uring_sqe_set_data64(sqe, PROBE_SECOND);
    for (int i = 0; i < 2 && rc == 0; i++) {
        struct io_uring_cqe cqe;

        rc = probe_next(b, &cqe);
        if (rc == 0 && cqe.user_data == PROBE_FIRST)
            recv_cqe = cqe;
        else if (rc == 0)
            send_cqe = cqe;
    }
    is_lease = (recv_cqe.flags & IORING_CQE_F_BUFFER) != 0;
    if (is_lease)
        flare__uring_lease_give(b, recv_cqe.flags >> IORING_CQE_BUFFER_SHIFT);
    if (rc == 0)
        rc = probe_end(b, fds[0], recv_cqe.flags);
    if (rc < 0)
        return rc;
    if (send_cqe.res != 1)
        return send_cqe.res < 0 ? send_cqe.res : -EIO;
    if (recv_cqe.res == 1 && is_lease)
        return (recv_cqe.flags & IORING_CQE_F_MORE) ? 1 : 0;
    if (recv_cqe.res == -EINVAL)
        return 0;
    return recv_cqe.res < 0 ? recv_cqe.res : -EIO;
}

int flare__uring_probe_recv(struct flare__backend *b)
{
    int fds[2];
    int rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    rc = probe_recv_on(b, fds);
    (void)close(fds[0]); /* ours, nothing to lose */
    (void)close(fds[1]);
    return rc;
}

/* More than one lease of bytes that tell their place. */
static int bundle_send(const struct flare__backend *b, int fd)
{
    uint8_t chunk[256];

    for (uint32_t at = 0; at <= b->leases.bytes;
         at += (uint32_t)sizeof(chunk)) {
        uint32_t left = b->leases.bytes + 1 - at;

        if (left > sizeof(chunk))
            left = sizeof(chunk);
        memset(chunk, (int)(at / sizeof(chunk) % 251), left);
        if (send(fd, chunk, left, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)left)
            return -EIO;
    }
    return 0;
}

/* Whether `lease` holds what was sent from `at` on. */
static bool bundle_is(const struct flare__backend *b, uint32_t lease,
                      uint32_t at, uint32_t len)
{
    const uint8_t *data = uring_lease_data(b, lease);

    FLARE__UNPOISON(data, b->leases.bytes);
    for (uint32_t i = 0; i < len; i++)
        if (data[i] != (at + i) / 256 % 251)
            return false;
    return true;
}

/* One completion with both leases, in the order they were given, or no. */
static int probe_bundle_on(struct flare__backend *b, const int fds[2])
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
    uint32_t bytes = b->leases.bytes;
    struct io_uring_cqe cqe;
    uint32_t first;
    uint32_t second;
    bool is_right;
    int rc = bundle_send(b, fds[1]);

    flare__uring_prep_bundle(b, sqe, fds[0]);
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = URING_LEASE_GROUP;
    io_uring_sqe_set_data64(sqe, PROBE_FIRST);
    if (rc == 0)
        rc = probe_next(b, &cqe);
    if (rc < 0)
        return rc;
    if ((cqe.flags & IORING_CQE_F_BUFFER) == 0)
        return cqe.res == -EINVAL || cqe.res >= 0 ? 0 : cqe.res;
    first = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
    second = b->leases.after[first];
    is_right = cqe.res == (int32_t)bytes + 1 && bundle_is(b, first, 0, bytes) &&
               bundle_is(b, second, bytes, 1);
    flare__uring_lease_give(b, first);
    if (cqe.res > (int32_t)bytes)
        flare__uring_lease_give(b, second);
    rc = probe_end(b, fds[0], cqe.flags);
    return rc < 0 ? rc : is_right;
}

int flare__uring_probe_bundle(struct flare__backend *b)
{
    int fds[2];
    int rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    rc = probe_bundle_on(b, fds);
    (void)close(fds[0]); /* ours, nothing to lose */
    (void)close(fds[1]);
    return rc;
}

/* A connection must come out of a multishot accept; likewise. */
static int probe_accept_on(struct flare__backend *b, int listening)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
    struct io_uring_cqe cqe;
    int rc;

    io_uring_prep_multishot_accept(sqe, listening, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, PROBE_FIRST);
    rc = probe_next(b, &cqe);
    if (rc < 0)
        return rc;
    if (cqe.res >= 0)
        (void)close(cqe.res);
    rc = probe_end(b, listening, cqe.flags);
    if (rc < 0)
        return rc;
    if (cqe.res >= 0)
        return (cqe.flags & IORING_CQE_F_MORE) ? 1 : 0;
    return cqe.res == -EINVAL ? 0 : cqe.res;
}

/* A nameless bind of a Unix socket gets an abstract name from the kernel. */
int flare__uring_probe_accept(struct flare__backend *b)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(addr.sun_family);
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = -errno;

    if (listening < 0 || client < 0)
        goto done;
    if (bind(listening, (struct sockaddr *)&addr, len) < 0 ||
        listen(listening, 1) < 0) {
        rc = -errno;
        goto done;
    }
    len = sizeof(addr);
    if (getsockname(listening, (struct sockaddr *)&addr, &len) < 0 ||
        connect(client, (struct sockaddr *)&addr, len) < 0) {
        rc = -errno;
        goto done;
    }
    rc = probe_accept_on(b, listening);
done:
    if (client >= 0)
        (void)close(client); /* ours, nothing to lose */
    if (listening >= 0)
        (void)close(listening);
    return rc;
}
