/* SPDX-License-Identifier: MIT */
/*
 * sendfile(2) for both kernel backends.  There is no MSG_NOSIGNAL for it, and
 * the disposition of SIGPIPE is the process's.  The signal goes to the thread,
 * so it is blocked here, and taken off if it came.
 *
 * Linux 2.6.33 is the floor.
 */
#include "backends/fd.h"

#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <time.h>

struct guard {
    sigset_t pipe; /* SIGPIPE alone */
    sigset_t old;
    bool is_blocked; /* by others, before */
    bool is_pending; /* likewise: not ours to take */
};

static void guard_enter(struct guard *g)
{
    sigset_t pending;

    (void)sigemptyset(&g->pipe);
    (void)sigaddset(&g->pipe, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &g->pipe, &g->old); /* cannot fail */
    g->is_blocked = sigismember(&g->old, SIGPIPE) == 1;
    g->is_pending = g->is_blocked && sigpending(&pending) == 0 &&
                    sigismember(&pending, SIGPIPE) == 1;
}

static void guard_leave(const struct guard *g, bool may_have_come)
{
    const struct timespec now = {.tv_sec = 0};

    if (may_have_come && !g->is_pending)
        while (sigtimedwait(&g->pipe, NULL, &now) < 0 && errno == EINTR)
            continue; /* another signal's handler ran */
    if (!g->is_blocked)
        (void)pthread_sigmask(SIG_SETMASK, &g->old, NULL); /* cannot fail */
}

/* As sendfile(2), -errno. */
static ssize_t file_call(int fd, int file, off_t offset, size_t count)
{
    ssize_t n;

    do
        n = sendfile(fd, file, &offset, count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t file_part(const struct flare__sock *sock)
{
    uint64_t offset = sock->file.offset + sock->sent;
    size_t count = sock->file.count - sock->sent;
    struct guard guard;
    ssize_t n;

    if (offset != (uint64_t)(off_t)offset)
        return -EOVERFLOW; /* where off_t has 32 bits */
    if (count > FLARE__FILE_PART)
        count = FLARE__FILE_PART;
    guard_enter(&guard);
    n = file_call(sock->fd, sock->file.fd, (off_t)offset, count);
    /* a short count may be a connection that broke in the middle */
    guard_leave(&guard, n != (ssize_t)count && n != -EAGAIN);
    return n;
}

enum flare__fd_progress flare__fd_send_file(struct flare__sock *sock,
                                            int32_t *res)
{
    ssize_t n = file_part(sock);

    if (n == -EAGAIN)
        return FLARE__FD_FULL;
    if (n > 0)
        sock->sent += (uint32_t)n;
    if (n > 0 && sock->sent < sock->file.count)
        return FLARE__FD_MORE;
    *res = n < 0 ? (int32_t)n : (int32_t)sock->sent; /* 0: the file's end */
    return FLARE__FD_DONE;
}

int flare__fd_peer(struct flare__backend *b, struct flare__sock *sock,
                   struct sockaddr_storage *out, socklen_t *len)
{
    struct sockaddr_storage addr;
    socklen_t size = sizeof(addr);

    (void)b;
    if (getpeername(sock->fd, (struct sockaddr *)&addr, &size) < 0)
        return -errno;
    *out = addr;
    *len = size;
    return 0;
}

int flare__fd_local(struct flare__backend *b, struct flare__sock *sock,
                    struct sockaddr_storage *out, socklen_t *len)
{
    struct sockaddr_storage addr;
    socklen_t size = sizeof(addr);

    (void)b;
    if (getsockname(sock->fd, (struct sockaddr *)&addr, &size) < 0)
        return -errno;
    *out = addr;
    *len = size;
    return 0;
}

int64_t flare__fd_queued(struct flare__backend *b, struct flare__sock *sock)
{
    int bytes = 0;

    (void)b;
    return ioctl(sock->fd, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

int flare__fd_socket(struct flare__backend *b, int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    (void)b;
    return fd < 0 ? -errno : fd;
}

int flare__fd_option(struct flare__backend *b, int fd, int level, int name,
                     const void *value, socklen_t len)
{
    (void)b;
    return setsockopt(fd, level, name, value, len) < 0 ? -errno : 0;
}

int flare__fd_bind(struct flare__backend *b, int fd,
                   const struct sockaddr *addr, socklen_t len)
{
    (void)b;
    return bind(fd, addr, len) < 0 ? -errno : 0;
}
