/* SPDX-License-Identifier: MIT */
/* See record.h. */
#include "backends/record.h"

#include "base/assert.h"

#include <errno.h>
#include <linux/tls.h>
#include <string.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* The one control message there is: a record's type, a byte. */
union record_control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(1)];
};

static ssize_t record_sendmsg(int fd, const struct msghdr *msg)
{
    ssize_t n;

    do
        n = sendmsg(fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

int flare__record_send(struct flare__backend *b, struct flare__sock *sock,
                       uint8_t type, const void *bytes, size_t len)
{
    union record_control control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = &control.header;
    int error;
    socklen_t error_len = sizeof(error);
    ssize_t n;

    (void)b;
    FLARE_ASSERT(len >= 1 && len <= 16384);
    memset(&control, 0, sizeof(control));
    header->cmsg_level = SOL_TLS;
    header->cmsg_type = TLS_SET_RECORD_TYPE;
    header->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(header) = type;
    n = record_sendmsg(sock->fd, &msg);
    if (n < 0 && errno == EBADMSG) {
        /*
         * What came in was not authentic, and is the socket's error as well,
         * until somebody asks for it (Linux 6.1): the alert has to leave.
         */
        (void)getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
        n = record_sendmsg(sock->fd, &msg);
    }
    if (n < 0)
        return -errno;
    return (size_t)n == len ? 0 : -EIO; /* a record is made whole or not */
}

int flare__record_recv(struct flare__backend *b, struct flare__sock *sock,
                       uint8_t *type, void *buf, size_t room)
{
    union record_control control;
    struct iovec iov = {.iov_base = buf, .iov_len = room};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header;
    int error;
    socklen_t error_len = sizeof(error);
    ssize_t n;

    (void)b;
    FLARE_ASSERT(room >= 1);
    do
        n = recvmsg(sock->fd, &msg, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        int rc = -errno;

        if (rc == -EBADMSG) /* as above */
            (void)getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error,
                             &error_len);
        return rc;
    }
    *type = 0;
    header = CMSG_FIRSTHDR(&msg);
    if (header != NULL && header->cmsg_level == SOL_TLS &&
        header->cmsg_type == TLS_GET_RECORD_TYPE)
        *type = *CMSG_DATA(header);
    return (int)n;
}
