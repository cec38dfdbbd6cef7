/* SPDX-License-Identifier: MIT */
/*
 * Batches out.  What was queued in a turn leaves at its end, up to 64 datagrams
 * in a call.  One that the kernel refuses is told of and dropped, and the
 * others go on; a full buffer is waited for.
 */
#include "udp/udp.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

enum {
    SEND_LIST_MAX = 64,
    SEND_DIRECT_MIN = 8192, /* bytes */
    /* UDP_MAX_SEGMENTS of Linux before 6.9, which made it 128 */
    SEND_SEGMENTS_MAX = 64
};

static size_t send_bytes_max(const struct flare_ip *ip)
{
    return ip->family == FLARE_IP_V4 ? FLARE_UDP_BYTES_MAX
                                     : FLARE_UDP_V6_BYTES_MAX;
}

int flare__udp_target(const struct flare_udp *udp, const struct flare_addr *to,
                      size_t len, struct flare__udp_to *out)
{
    bool is_connected = udp->peer.kind != FLARE_ADDR_NONE;
    const struct flare_addr *whom = to != NULL ? to : &udp->peer;

    if (udp->state >= FLARE__UDP_CLOSING)
        return -EPIPE;
    if (is_connected == (to != NULL))
        return is_connected ? -EISCONN : -EDESTADDRREQ;
    if (whom->kind != FLARE_ADDR_IP || whom->ip.family == FLARE_IP_NONE)
        return FLARE_E_BAD_ADDRESS;
    if (!flare__udp_reaches(&udp->fd, &whom->ip))
        return -EAFNOSUPPORT;
    if (len > send_bytes_max(&whom->ip))
        return FLARE_E_DATAGRAM_TOO_LARGE;
    out->segment = 0;
    out->addr_len = 0;
    if (!is_connected)
        out->addr_len = flare__udp_addr_write(out->addr, to, udp->fd.is_v6);
    return 0;
}

static int send_queue(flare_udp *udp, const struct flare__udp_to *target,
                      struct flare_str bytes)
{
    int rc = flare__udp_queue_prepare(&udp->queue);

    if (rc == 0)
        rc = flare__udp_queue_push(&udp->queue, target, bytes);
    if (rc == 0)
        flare__udp_later(udp);
    else if (rc == FLARE_E_OUTPUT_FULL)
        udp->was_full = true;
    return rc;
}

/*
 * Whether it goes at once: to copy 8 KiB costs as much as a system call.  It
 * must be alone, or there would be calls for those of a turn that one call
 * could have sent.
 */
static bool send_is_direct(const struct flare_udp *udp, size_t len)
{
    return len >= SEND_DIRECT_MIN && udp->state == FLARE__UDP_OPEN &&
           udp->queue.count == 0 && !udp->is_blocked && udp->in_hand <= 1 &&
           udp->direct_ns != udp->loop->now_ns;
}

/* 0: it has left.  Else what the call has met. */
static int send_direct(flare_udp *udp, const struct flare__udp_to *target,
                       struct flare_str bytes)
{
    struct flare__datagram one;
    int rc;

    memcpy(&one.addr, target->addr, sizeof(target->addr));
    one.addr_len = target->addr_len;
    one.segment = 0;
    one.is_truncated = false;
    one.data = (void *)(uintptr_t)bytes.ptr; /* sendmsg's type is not const */
    one.len = (uint32_t)bytes.len;
    udp->direct_ns = udp->loop->now_ns;
    rc = udp->loop->ops->datagram_send(udp->loop->backend, &udp->sock, &one, 1);
    return rc < 0 ? rc : 0;
}

int flare_udp_send(flare_udp *udp, const struct flare_addr *to,
                   struct flare_str bytes)
{
    struct flare__udp_to target;
    int met = 0;
    int rc = flare__udp_target(udp, to, bytes.len, &target);

    if (rc < 0)
        return rc;
    if (send_is_direct(udp, bytes.len)) {
        met = send_direct(udp, &target, bytes);
        if (met == 0)
            return 0;
    }
    rc = send_queue(udp, &target, bytes);
    if (rc == 0 && met < 0) /* the end of the turn tells of it */
        flare__udp_queue_first(&udp->queue)->rc = met;
    return rc;
}

/* ---- segments ---- */

/* Queues all of it in packets of whole segments, or nothing. */
static int send_push_segments(struct flare__udp_queue *q,
                              const struct flare__udp_to *target,
                              struct flare_str bytes, size_t packet_max)
{
    struct flare__udp_queue before = *q;
    size_t room = packet_max / target->segment * target->segment;

    if (room > (size_t)SEND_SEGMENTS_MAX * target->segment)
        room = (size_t)SEND_SEGMENTS_MAX * target->segment;
    while (bytes.len > 0) {
        struct flare_str part = bytes;
        struct flare__udp_to to = *target;
        int rc;

        if (part.len > room)
            part.len = room;
        if (part.len <= to.segment)
            to.segment = 0;
        rc = flare__udp_queue_push(q, &to, part);
        if (rc < 0) {
            *q = before;
            return before.count > 0 ? rc : -EMSGSIZE;
        }
        bytes.ptr += part.len;
        bytes.len -= part.len;
    }
    return 0;
}

int flare_udp_send_segments(flare_udp *udp, const struct flare_addr *to,
                            struct flare_str bytes, uint16_t segment_bytes)
{
    const struct flare_addr *whom = to != NULL ? to : &udp->peer;
    struct flare__udp_to target;
    int rc = flare__udp_target(udp, to, segment_bytes, &target);

    if (rc == 0 && (segment_bytes == 0 || bytes.len == 0))
        rc = -EINVAL;
    if (rc == 0)
        rc = flare__udp_queue_prepare(&udp->queue);
    if (rc < 0)
        return rc;
    target.segment = segment_bytes;
    rc = send_push_segments(&udp->queue, &target, bytes,
                            send_bytes_max(&whom->ip));
    if (rc == 0)
        flare__udp_later(udp);
    else if (rc == FLARE_E_OUTPUT_FULL)
        udp->was_full = true;
    return rc;
}

size_t flare_udp_queued(const flare_udp *udp)
{
    return udp->queue.bytes;
}

/* ---- out of the queue ---- */

static bool send_is_whole(const struct flare_udp *udp,
                          const struct flare__udp_packet *p)
{
    return p->segment == 0 || ((udp->caps & FLARE_UDP_CAN_GSO) != 0 &&
                               (p->flags & FLARE__UDP_PACKET_CUT) == 0);
}

static void send_describe(struct flare__datagram *d,
                          struct flare__udp_packet *p, uint32_t offset,
                          bool is_whole)
{
    uint32_t len = p->len - offset;

    if (!is_whole && len > p->segment)
        len = p->segment;
    memcpy(&d->addr, p->addr, sizeof(p->addr));
    d->addr_len = p->addr_len;
    d->segment = is_whole ? p->segment : 0;
    d->is_truncated = false;
    d->data = flare__udp_packet_data(p) + offset;
    d->len = len;
}

/* The next datagrams of the queue; how many they are. */
static uint32_t send_list(const struct flare_udp *udp,
                          struct flare__datagram *list)
{
    struct flare__udp_packet *p = flare__udp_queue_first(&udp->queue);
    uint32_t count = 0;

    for (; p != NULL && count < SEND_LIST_MAX;
         p = flare__udp_queue_next(&udp->queue, p)) {
        bool is_whole = send_is_whole(udp, p);
        uint32_t offset = p->sent;

        do {
            send_describe(&list[count], p, offset, is_whole);
            offset += list[count++].len;
        } while (offset < p->len && count < SEND_LIST_MAX);
    }
    return count;
}

/* `len` bytes of the first packet are done with. */
static void send_done(struct flare_udp *udp, uint32_t len)
{
    struct flare__udp_packet *p = flare__udp_queue_first(&udp->queue);

    FLARE_ASSERT(p != NULL && len <= p->len - p->sent);
    p->sent += len;
    p->flags &= (uint8_t)~FLARE__UDP_PACKET_RETRIED;
    if (p->sent == p->len)
        flare__udp_queue_pop(&udp->queue);
}

static void send_tell(struct flare_udp *udp, int rc,
                      const struct flare_addr *peer)
{
    if (udp->state == FLARE__UDP_OPEN && udp->handler->on_error != NULL)
        udp->handler->on_error(udp, rc, peer, udp->ctx);
}

/*
 * Whether the kernel's answer is about segments: a device that computes no
 * checksums (EIO before Linux 6.2), a segment larger than the path takes
 * (EINVAL, EMSGSIZE), tunnels.  One by one they may pass.
 */
static bool send_is_of_segments(int rc)
{
    return rc == -EINVAL || rc == -EIO || rc == -EMSGSIZE || rc == -EOPNOTSUPP;
}

/* The first of the list has not left. */
static void send_failed(struct flare_udp *udp, int rc,
                        const struct flare__datagram *first)
{
    struct flare__udp_packet *p = flare__udp_queue_first(&udp->queue);
    struct flare_addr peer = udp->peer;

    if (first->segment > 0 && send_is_of_segments(rc)) {
        p->flags |= FLARE__UDP_PACKET_CUT;
        return;
    }
    if (p->addr_len > 0)
        flare__udp_addr_unwrite(&peer, p->addr, p->addr_len);
    /* an answer to an earlier one, which the kernel tells to the next call,
     * whatever that is; this one has not been tried */
    if (rc == -ECONNREFUSED && (p->flags & FLARE__UDP_PACKET_RETRIED) == 0)
        p->flags |= FLARE__UDP_PACKET_RETRIED;
    else
        send_done(udp, first->len);
    send_tell(udp, rc, &peer);
}

static void send_drained(struct flare_udp *udp)
{
    if (!udp->was_full || udp->queue.bytes > udp->queue.capacity / 2 ||
        udp->state != FLARE__UDP_OPEN)
        return;
    udp->was_full = false;
    if (udp->handler->on_drain != NULL)
        udp->handler->on_drain(udp, udp->ctx);
}

/* Gives the kernel what it takes of `list`; what the call says. */
static int send_call(struct flare_udp *udp, const struct flare__datagram *list,
                     uint32_t count)
{
    struct flare__udp_packet *p = flare__udp_queue_first(&udp->queue);
    int rc = p->rc;

    p->rc = 0;
    if (rc < 0) /* it was sent before, and this is the answer */
        return rc;
    return udp->loop->ops->datagram_send(udp->loop->backend, &udp->sock, list,
                                         count);
}

void flare__udp_flush(struct flare_udp *udp)
{
    struct flare__datagram list[SEND_LIST_MAX];

    while (udp->queue.count > 0 && !udp->is_blocked) {
        uint32_t count = send_list(udp, list);
        int rc = send_call(udp, list, count);

        if (rc == -EAGAIN)
            udp->is_blocked = true;
        else if (rc < 0)
            send_failed(udp, rc, &list[0]);
        for (int i = 0; i < rc; i++)
            send_done(udp, list[i].len);
    }
    if (udp->is_blocked || (udp->armed & POLLOUT))
        flare__udp_arm(udp);
    send_drained(udp);
}
