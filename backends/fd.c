/* SPDX-License-Identifier: MIT */
/* See fd.h. */
#include "backends/fd.h"

#include "net/os.h"

#include <errno.h>

static ssize_t file_part(const struct flare__sock *sock)
{
    size_t count = sock->file.count - sock->sent;

    if (count > FLARE__FILE_PART)
        count = FLARE__FILE_PART;
    return flare__os_sendfile(sock->fd, sock->file.fd,
                              sock->file.offset + sock->sent, count);
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
    (void)b;
    return flare__os_queued(sock->fd);
}

int flare__fd_socket(struct flare__backend *b, int family, int type)
{
    (void)b;
    return flare__os_socket(family, type, 0);
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
