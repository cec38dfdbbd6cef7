/* SPDX-License-Identifier: MIT */
/*
 * Datagrams for both kernel backends: system calls that do not wait, many
 * datagrams each.  The ring has no operation that would be worth it: a receive
 * there is one completion, and one buffer, for each datagram, where
 * recvmmsg(2) takes 64 for one entry into the kernel (on a BSD, one by one).
 *
 * MSG_DONTWAIT, as descriptors may block or not.  Linux 3.0 is the floor
 * (sendmmsg).  Segments: Linux 4.18 sends them (UDP_SEGMENT), 5.0 receives
 * them merged where the socket has the option UDP_GRO.  An older kernel does
 * not know the first, and sends one large datagram: who wants to send segments
 * asks with setsockopt(2) before.
 */
#include "backends/datagram.h"

#include "base/assert.h"
#include "net/os.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* <netinet/udp.h> of older C libraries lacks them. */
enum { OPTION_SEGMENT = 103, OPTION_GRO = 104 };

/* UDP_SEGMENT takes 16 bits, UDP_GRO gives an int. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static void recv_prepare(struct msghdr *msg, struct iovec *iov,
                         union control *control, struct flare__datagram *d)
{
    *iov = (struct iovec){.iov_base = d->data, .iov_len = d->len};
    *msg = (struct msghdr){.msg_name = &d->addr,
                           .msg_namelen = sizeof(d->addr),
                           .msg_iov = iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(*control)};
}

/* 0: it is a single one. */
static uint16_t segment_of(struct msghdr *msg, uint32_t len)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    int segment = 0;

    for (; c != NULL; c = CMSG_NXTHDR(msg, c))
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == OPTION_GRO)
            memcpy(&segment, CMSG_DATA(c), sizeof(segment));
    return segment > 0 && (uint32_t)segment < len ? (uint16_t)segment : 0;
}

static void recv_finish(struct flare__datagram *d, struct msghdr *msg,
                        uint32_t len)
{
    d->addr_len = msg->msg_namelen;
    d->is_truncated = (msg->msg_flags & MSG_TRUNC) != 0;
    d->segment = segment_of(msg, len);
    d->len = len;
}

int flare__datagram_recv(struct flare__backend *b, struct flare__sock *sock,
                         struct flare__datagram *list, uint32_t count)
{
    struct flare__os_message msgs[FLARE__DATAGRAMS_MAX];
    struct iovec iovs[FLARE__DATAGRAMS_MAX];
    union control controls[FLARE__DATAGRAMS_MAX];
    int n;

    (void)b;
    FLARE_ASSERT(count >= 1 && count <= FLARE__DATAGRAMS_MAX);
    for (uint32_t i = 0; i < count; i++)
        recv_prepare(&msgs[i].head, &iovs[i], &controls[i], &list[i]);
    n = flare__os_recv_many(sock->fd, msgs, count);
    for (int i = 0; i < n; i++)
        recv_finish(&list[i], &msgs[i].head, msgs[i].len);
    return n;
}

static void send_prepare(struct msghdr *msg, struct iovec *iov,
                         union control *control,
                         const struct flare__datagram *d)
{
    struct cmsghdr *c;

    *iov = (struct iovec){.iov_base = d->data, .iov_len = d->len};
    *msg = (struct msghdr){.msg_iov = iov, .msg_iovlen = 1};
    if (d->addr_len > 0) {
        msg->msg_name = (void *)(uintptr_t)&d->addr; /* only read */
        msg->msg_namelen = d->addr_len;
    }
    if (d->segment == 0 || d->segment >= d->len)
        return;
    msg->msg_control = control;
    msg->msg_controllen = CMSG_SPACE(sizeof(d->segment));
    memset(control, 0, sizeof(*control));
    c = CMSG_FIRSTHDR(msg);
    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = OPTION_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof(d->segment));
    memcpy(CMSG_DATA(c), &d->segment, sizeof(d->segment));
}

int flare__datagram_send(struct flare__backend *b, struct flare__sock *sock,
                         const struct flare__datagram *list, uint32_t count)
{
    struct flare__os_message msgs[FLARE__DATAGRAMS_MAX];
    struct iovec iovs[FLARE__DATAGRAMS_MAX];
    union control controls[FLARE__DATAGRAMS_MAX];

    (void)b;
    FLARE_ASSERT(count >= 1 && count <= FLARE__DATAGRAMS_MAX);
    for (uint32_t i = 0; i < count; i++)
        send_prepare(&msgs[i].head, &iovs[i], &controls[i], &list[i]);
    return flare__os_send_many(sock->fd, msgs, count);
}
