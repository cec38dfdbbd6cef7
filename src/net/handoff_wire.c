/* SPDX-License-Identifier: MIT */
/* See handoff_wire.h. */
#include "net/handoff_wire.h"

#include "net/os.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Aligned as its header must be. */
union wire_control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(FLARE__HANDOFF_BATCH * sizeof(int))];
};

int flare__handoff_check_peer(int fd)
{
    uid_t uid;
    int rc = flare__os_peer_uid(fd, &uid);

    if (rc < 0)
        return rc;
    return uid == geteuid() ? 0 : -EACCES;
}

int flare__handoff_send(int fd, const struct flare__listen_set *set,
                        uint32_t first)
{
    struct flare__handoff_offer offer = {
        .magic = FLARE__HANDOFF_MAGIC,
        .total = set->socket_count,
        .first = first,
    };
    union wire_control control = {.bytes = {0}};
    int fds[FLARE__HANDOFF_BATCH];
    struct iovec iov = {.iov_base = &offer};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes};
    struct cmsghdr *c = &control.header;

    while (offer.count < FLARE__HANDOFF_BATCH &&
           first + offer.count < set->socket_count) {
        const struct flare__listen_socket *s =
            &set->sockets[first + offer.count];
        struct flare__handoff_item *item = &offer.items[offer.count];

        memcpy(item->asked, set->addresses[s->address].asked,
               sizeof(item->asked));
        item->is_shared = s->is_shared;
        fds[offer.count++] = s->fd;
    }
    iov.iov_len = offsetof(struct flare__handoff_offer, items) +
                  offer.count * sizeof(offer.items[0]);
    msg.msg_controllen = CMSG_SPACE(offer.count * sizeof(int));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(offer.count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, offer.count * sizeof(int));
    if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return -errno;
    return (int)offer.count;
}

/* The descriptors of a message: their number, or -1 if there is more. */
static int wire_fds(struct msghdr *msg, int *fds)
{
    int count = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
         c = CMSG_NXTHDR(msg, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
            count != 0)
            continue;
        memcpy(fds, CMSG_DATA(c), n * sizeof(int));
        count = (int)n;
    }
    return count;
}

static bool wire_is_valid(const struct flare__handoff_offer *o, size_t len,
                          int fd_count)
{
    size_t head = offsetof(struct flare__handoff_offer, items);

    if (len < head || o->magic != FLARE__HANDOFF_MAGIC || fd_count <= 0 ||
        o->count != (uint32_t)fd_count || o->total > FLARE__HANDOFF_MAX ||
        o->first >= o->total || o->count > o->total - o->first ||
        len != head + o->count * sizeof(o->items[0]))
        return false;
    for (uint32_t i = 0; i < o->count; i++)
        if (memchr(o->items[i].asked, '\0', sizeof(o->items[i].asked)) == NULL)
            return false;
    return true;
}

int flare__handoff_recv(int fd, struct flare__handoff_offer *offer, int *fds)
{
    union wire_control control = {.bytes = {0}};
    struct iovec iov = {offer, sizeof(*offer)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t len;
    int count;

    len = flare__os_recv_fds(fd, &msg);
    if (len < 0)
        return len == -EAGAIN ? -ETIMEDOUT : (int)len;
    count = wire_fds(&msg, fds);
    if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        wire_is_valid(offer, (size_t)len, count))
        return 0;
    for (int i = 0; i < count; i++)
        (void)close(fds[i]); /* a copy of what is not wanted */
    return -EPROTO;
}
