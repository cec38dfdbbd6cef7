/* SPDX-License-Identifier: MIT */
/*
 * Batches in.  The descriptor is read until it is empty, which a batch that is
 * not full says without another call, or until the socket has had its share of
 * the turn; the end of the turn goes on then.  A batch stays where it is until
 * its owner has had all of it, so that pausing in the middle loses nothing.
 */
#include "udp/udp.h"

#include "base/assert.h"

#include <errno.h>

/*
 * Bound to an address before it was connected, a socket may have got some of
 * strangers in between; the kernel keeps those.
 */
static bool recv_is_stranger(const struct flare_udp *udp,
                             const struct flare_addr *from)
{
    struct flare_ip ip = from->ip;

    if (udp->peer.kind == FLARE_ADDR_NONE)
        return false;
    if (udp->peer.ip.zone == 0) /* the kernel has chosen one */
        ip.zone = 0;
    return from->port != udp->peer.port || !flare_ip_equal(&ip, &udp->peer.ip);
}

/* Of the buffer `d` the datagram at `offset`; returns its length there. */
static uint32_t recv_cut(const struct flare_udp *udp,
                         const struct flare__datagram *d, uint32_t offset,
                         struct flare_datagram *out)
{
    uint32_t len = d->len - offset;
    uint32_t shown;

    if (d->segment > 0 && len > d->segment)
        len = d->segment;
    shown = len < udp->datagram_bytes_max ? len : udp->datagram_bytes_max;
    out->bytes.ptr = (const char *)d->data + offset;
    out->bytes.len = shown;
    out->is_truncated = d->is_truncated || shown < len;
    return len;
}

/* The next of the batch, if there is one. */
static bool recv_next(struct flare_udp *udp, struct flare_datagram *out)
{
    while (udp->in_next < udp->in_count) {
        const struct flare__datagram *d = &udp->in[udp->in_next];

        udp->in_offset += recv_cut(udp, d, udp->in_offset, out);
        if (udp->in_offset >= d->len) {
            udp->in_next++;
            udp->in_offset = 0;
        }
        flare__udp_addr_read(&out->peer, &d->addr);
        if (!recv_is_stranger(udp, &out->peer))
            return true;
    }
    return false;
}

/*
 * How many to ask for next: each costs a header in the call, also one that is
 * not filled.  It falls slowly and rises fast, as a call more costs much more
 * than some headers.
 */
static void recv_ask(struct flare_udp *udp, uint32_t got)
{
    if (got == udp->ask)
        udp->ask = 2 * got < udp->batch ? 2 * got : udp->batch;
    else if (2 * got < udp->ask && udp->ask > FLARE__UDP_ASK_MIN)
        udp->ask--;
}

/* A new batch: 0, or the error of an operation; -EAGAIN: there is nothing. */
static int recv_fill(struct flare_udp *udp)
{
    int rc;

    FLARE_ASSERT(udp->in_next == udp->in_count);
    udp->in_next = udp->in_count = 0;
    for (uint32_t i = 0; i < udp->ask; i++)
        udp->in[i].len = udp->buffer_bytes;
    rc = udp->loop->ops->datagram_recv(udp->loop->backend, &udp->sock, udp->in,
                                       udp->ask);
    udp->is_readable = rc != -EAGAIN && (rc < 0 || (uint32_t)rc == udp->ask);
    if (rc < 0)
        return rc;
    udp->in_count = (uint32_t)rc;
    udp->errors = 0;
    recv_ask(udp, udp->in_count);
    return 0;
}

static void recv_on_timer(struct flare__timer *timer)
{
    struct flare_udp *udp = FLARE_CONTAINER_OF(timer, struct flare_udp, timer);

    udp->errors = 0;
    flare__udp_later(udp);
}

/*
 * One error is one ICMP message, say.  Many in a row, and nothing between them,
 * are a shortage or worse: to try again at once would spin.
 */
static void recv_failed(struct flare_udp *udp, int rc)
{
    udp->errors++;
    if (udp->errors >= FLARE__UDP_ERRORS_MAX)
        flare__wheel_start(&udp->loop->wheel, &udp->timer,
                           udp->loop->now_ms + FLARE__UDP_ERRORS_MS,
                           recv_on_timer);
    if (udp->handler->on_error != NULL)
        udp->handler->on_error(
            udp, rc, udp->peer.kind != FLARE_ADDR_NONE ? &udp->peer : NULL,
            udp->ctx);
}

static bool recv_may_go_on(const struct flare_udp *udp)
{
    return udp->state == FLARE__UDP_OPEN && !udp->is_paused &&
           udp->handler->on_datagrams != NULL &&
           !flare__timer_is_armed(&udp->timer);
}

/* What is in hand, as many as one call may be; how many they were. */
static uint32_t recv_deliver(struct flare_udp *udp)
{
    uint32_t count = 0;

    while (count < FLARE__UDP_LIST_MAX && recv_next(udp, &udp->list[count]))
        count++;
    udp->in_hand = count;
    if (count > 0)
        udp->handler->on_datagrams(udp, udp->list, count, udp->ctx);
    udp->in_hand = 0;
    return count;
}

void flare__udp_receive(struct flare_udp *udp)
{
    uint32_t count = 0;

    while (recv_may_go_on(udp)) {
        int rc;

        if (count >= FLARE__UDP_TURN_MAX) {
            flare__udp_later(udp);
            return;
        }
        if (udp->in_next < udp->in_count) {
            count += recv_deliver(udp);
            continue;
        }
        if (!udp->is_readable)
            return;
        rc = recv_fill(udp);
        if (rc == -EAGAIN)
            return;
        if (rc < 0) {
            recv_failed(udp, rc);
            count++;
        }
    }
}

int flare__udp_pull(struct flare_udp *udp, struct flare_datagram *out)
{
    while (!recv_next(udp, out)) {
        int rc = udp->is_readable ? recv_fill(udp) : -EAGAIN;

        if (rc == -EAGAIN)
            return 0;
        if (rc < 0)
            return rc;
    }
    return 1;
}
