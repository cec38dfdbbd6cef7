/* SPDX-License-Identifier: MIT */
/*
 * Datagrams: sockets with a bounded queue each, all of them on one host, and
 * packets that are lost, doubled, overtaken, corrupted or forged on their way.
 *
 * The host has the address that is written to: a socket that is bound to none
 * in particular answers from the one it was last reached at, 10.0.0.1 or
 * fd00::1 before that.  A packet to a port where nobody is comes back as an
 * ICMP message, which a connected sender hears of.
 */
#include "backends/sim_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_COUNT = 256, /* power of two */
    QUEUE_BYTES = 212992,
    SEND_BYTES = 212992,
    V4_BYTES_MAX = 65507, /* 65535 - 20 - 8 */
    V6_BYTES_MAX = 65527, /* 65535 - 8 */
    SEGMENTS_MAX = 64,
    OPTION_SEGMENT = 103,
    OPTION_GRO = 104,
    PORT_FIRST = 49152
};

/* Sockets. */

int sim_datagram_socket(struct flare__sim *w, int family)
{
    struct sim_end *e;
    int fd;

    if (family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    fd = sim_fd_of_new(w, SIM_DATAGRAM);
    if (fd < 0)
        return fd;
    sim_random_datagrams(w);
    e = sim_end_of_fd(w, fd);
    e->local.family = (uint16_t)family;
    e->dg = sim_memory(NULL, sizeof(*e->dg));
    *e->dg = (struct sim_datagrams){
        .queue = sim_memory(NULL, QUEUE_COUNT * sizeof(struct sim_packet *))};
    return fd;
}

void sim_datagram_close(struct sim_end *e)
{
    struct sim_datagrams *dg = e->dg;

    for (uint32_t i = 0; i < dg->count; i++)
        free(dg->queue[(dg->first + i) % QUEUE_COUNT]);
    free(dg->queue);
    free(dg);
    e->dg = NULL;
}

int sim_datagram_option(struct sim_end *e, int level, int name, int value)
{
    if (level == SOL_SOCKET && (name == SO_REUSEADDR || name == SO_REUSEPORT))
        e->dg->is_shared = value != 0;
    if (level == IPPROTO_UDP && name == OPTION_GRO)
        e->dg->is_merging = value != 0;
    return 0;
}

/* The next socket of datagrams from descriptor number `*at` on; NULL: none. */
static struct sim_end *datagram_next(const struct flare__sim *w, uint32_t *at)
{
    while (*at < w->fd_count) {
        uint32_t id = w->fds[(*at)++];

        if (id != 0 && w->ends[id]->kind == SIM_DATAGRAM)
            return w->ends[id];
    }
    return NULL;
}

static bool is_free(const struct flare__sim *w, const struct sim_end *e,
                    const struct sim_addr *to)
{
    struct sim_end *other;
    uint32_t at = 0;

    while ((other = datagram_next(w, &at)) != NULL) {
        if (other == e || other->local.port != to->port ||
            other->local.family != to->family ||
            (other->dg->is_shared && e->dg->is_shared))
            continue;
        if (sim_addr_is_any(to) || sim_addr_is_any(&other->local) ||
            sim_addr_is_same_ip(to, &other->local))
            return false;
    }
    return true;
}

int sim_datagram_bind(struct flare__sim *w, struct sim_end *e,
                      const struct sim_addr *to)
{
    struct sim_addr at = *to;

    if (at.family != e->local.family)
        return -EAFNOSUPPORT;
    if (e->local.port != 0)
        return -EINVAL; /* it is bound */
    for (uint32_t tries = 0; at.port == 0; tries++) {
        struct sim_addr there = at;

        if (tries > UINT16_MAX - PORT_FIRST)
            return -EADDRINUSE;
        there.port = (uint16_t)(PORT_FIRST +
                                w->port_next++ % (UINT16_MAX + 1 - PORT_FIRST));
        if (is_free(w, e, &there))
            at = there;
    }
    if (!is_free(w, e, &at))
        return -EADDRINUSE;
    e->local = at;
    sim_trace(w, SIM_N_DG_BIND, e->index, at.port, 0);
    return 0;
}

/* Who is not bound is so by its first use. */
static int bind_to_any(struct flare__sim *w, struct sim_end *e)
{
    struct sim_addr any = {.family = e->local.family};

    return e->local.port != 0 ? 0 : sim_datagram_bind(w, e, &any);
}

/* The host's address as `e` has it. */
static struct sim_addr source_of(const struct sim_end *e)
{
    struct sim_addr from = e->local;

    if (!sim_addr_is_any(&from))
        return from;
    if (e->dg->reached.family != AF_UNSPEC)
        from = e->dg->reached;
    else
        from = sim_addr_client(from.family, 1);
    from.port = e->local.port;
    return from;
}

int sim_datagram_connect(struct flare__sim *w, struct sim_end *e,
                         const struct sim_addr *to)
{
    struct sim_route route = sim_route_find(w, to);
    int rc = bind_to_any(w, e);

    if (rc < 0)
        return rc;
    if (to->family != e->local.family)
        return -EAFNOSUPPORT;
    if (route.res < 0 && route.res != -ECONNREFUSED)
        return route.res;
    e->remote = *to;
    e->local = source_of(e);
    sim_trace(w, SIM_N_DG_CONNECT, e->index, to->port, 0);
    return 0;
}

uint16_t sim_datagram_level(const struct sim_end *e)
{
    const struct sim_datagrams *dg = e->dg;

    return (uint16_t)((dg->count > 0 ? POLLIN : 0) |
                      (dg->error != 0 ? POLLERR : 0) |
                      (dg->unsent < SEND_BYTES && !dg->is_held ? POLLOUT : 0));
}

static int error_take(struct sim_end *e)
{
    int error = e->dg->error;

    e->dg->error = 0;
    return error;
}

/* Packets on their way. */

static void packet_send(struct flare__sim *w, struct sim_packet *p,
                        uint64_t due)
{
    uint32_t at = 0;

    while (at < w->packet_count && w->packets[at] != NULL)
        at++;
    if (at == w->packet_count) {
        w->packet_count = at == 0 ? 64 : at * 2;
        w->packets = sim_memory(w->packets, w->packet_count * sizeof(p));
        memset(w->packets + at, 0, (w->packet_count - at) * sizeof(p));
    }
    w->packets[at] = p;
    sim_due_push(w, SIM_DUE_PACKET, due, at, 0);
}

static struct sim_packet *packet_new(const struct sim_addr *from,
                                     const struct sim_addr *to,
                                     const void *data, size_t len)
{
    struct sim_packet *p = sim_memory(NULL, sizeof(*p) + len);

    *p = (struct sim_packet){.from = *from, .to = *to, .len = (uint32_t)len};
    if (len > 0)
        memcpy(p->bytes, data, len);
    return p;
}

/* Another that looks like `p` and comes from somebody else. */
static void packet_spoof(struct flare__sim *w, const struct sim_packet *p,
                         uint64_t due)
{
    struct sim_packet *other = packet_new(&p->from, &p->to, p->bytes, p->len);

    other->from.ip[3] ^= 0x55;
    other->from.ip[15] ^= 0x55; /* of IPv4, not part of it */
    other->from.port ^= 1;
    for (uint32_t i = 0; i < other->len; i++)
        other->bytes[i] ^= 0xff;
    packet_send(w, other, due);
}

static void packet_launch(struct flare__sim *w, struct sim_packet *p,
                          uint64_t due)
{
    if (sim_chance(w, FLARE__SIM_DG_TWICE)) {
        struct sim_packet *twin =
            packet_new(&p->from, &p->to, p->bytes, p->len);

        packet_send(w, twin, due + sim_delay(w));
    }
    if (sim_chance(w, FLARE__SIM_DG_SPOOFED))
        packet_spoof(w, p, due);
    p->is_corrupt = sim_chance(w, FLARE__SIM_DG_CORRUPT);
    packet_send(w, p, due);
}

void flare__sim_datagram(struct flare__sim *w, const struct sockaddr *from,
                         const struct sockaddr *to, const void *data,
                         size_t len)
{
    socklen_t size = from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                 : sizeof(struct sockaddr_in);
    struct sim_addr f = sim_addr_of(from, size);
    struct sim_addr t = sim_addr_of(to, size);

    SIM_CHECK(w, from->sa_family == to->sa_family && f.family != AF_UNSPEC,
              "a datagram between families");
    sim_random_datagrams(w);
    packet_launch(w, packet_new(&f, &t, data, len),
                  sim_later(w, FLARE__SIM_DG_LATENCY));
}

/* Arriving. */

/* How well a socket fits: Linux's order; 0: not at all. */
static int fit_of(const struct sim_end *e, const struct sim_packet *p)
{
    int fit = 1;

    if (e->local.port != p->to.port || e->local.family != p->to.family)
        return 0;
    if (!sim_addr_is_any(&e->local)) {
        if (!sim_addr_is_same_ip(&e->local, &p->to))
            return 0;
        fit++;
    }
    if (e->remote.family != AF_UNSPEC) {
        if (e->remote.port != p->from.port ||
            !sim_addr_is_same_ip(&e->remote, &p->from))
            return 0;
        fit += 2;
    }
    return fit;
}

static struct sim_end *receiver_of(struct flare__sim *w,
                                   const struct sim_packet *p)
{
    struct sim_end *found = NULL;
    struct sim_end *e;
    uint32_t count = 0;
    uint32_t at = 0;
    int best = 0;

    while ((e = datagram_next(w, &at)) != NULL) {
        int fit = fit_of(e, p);

        if (fit == 0 || fit < best)
            continue;
        count = fit > best ? 1 : count + 1;
        best = fit;
        if (flare__sim_below(w, count) == 0)
            found = e;
    }
    return found;
}

static struct sim_end *sender_of(const struct flare__sim *w,
                                 const struct sim_packet *p)
{
    struct sim_end *e = p->sender == 0 ? NULL : w->ends[p->sender];

    return e != NULL && e->generation == p->generation ? e : NULL;
}

/* ICMP: it is about the last peer, so only a connected socket is told. */
static void error_tell(struct flare__sim *w, struct sim_end *e, int error)
{
    if (e == NULL || e->remote.family == AF_UNSPEC)
        return;
    e->dg->error = error;
    sim_trace(w, SIM_N_DG_ERROR, e->index, error, 0);
    sim_end_edge(w, e, POLLERR);
}

/* False: there is no room, it is gone. */
static bool queue_push(struct flare__sim *w, struct sim_end *e,
                       struct sim_packet *p)
{
    struct sim_datagrams *dg = e->dg;

    if (dg->count == QUEUE_COUNT || dg->bytes + p->len > QUEUE_BYTES) {
        w->counts.overflows++;
        return false;
    }
    dg->reached = p->to;
    dg->queue[(dg->first + dg->count++) % QUEUE_COUNT] = p;
    dg->bytes += p->len;
    w->counts.datagrams++;
    sim_trace(w, SIM_N_DG_ARRIVED, e->index, p->len, dg->count);
    return true;
}

static void packet_deliver(struct flare__sim *w, struct sim_packet *p)
{
    struct sim_end *e = receiver_of(w, p);

    if (e != NULL && !p->is_corrupt && queue_push(w, e, p)) {
        sim_end_edge(w, e, POLLIN);
        return;
    }
    if (e != NULL && p->is_corrupt)
        sim_end_edge(w, e, POLLIN); /* the checksum is looked at later */
    sim_trace(w, SIM_N_DG_GONE, e == NULL ? 0 : e->index, p->len, p->to.port);
    if (e == NULL)
        error_tell(w, sender_of(w, p), -ECONNREFUSED);
    free(p);
}

void sim_datagram_arrive(struct flare__sim *w, uint32_t packet)
{
    struct sim_packet *p = w->packets[packet];
    struct sim_end *sender = sender_of(w, p);

    w->packets[packet] = NULL;
    if (sender != NULL) {
        sender->dg->unsent -= p->len;
        sim_datagram_space(w, sender);
    }
    packet_deliver(w, p);
}

void sim_datagram_space(struct flare__sim *w, struct sim_end *e)
{
    struct sim_datagrams *dg = e->dg;

    dg->is_held = false;
    if (!dg->is_full || dg->unsent > SEND_BYTES / 2)
        return;
    dg->is_full = false;
    sim_end_edge(w, e, POLLOUT);
}

void sim_datagrams_clear(struct flare__sim *w)
{
    for (uint32_t i = 0; i < w->packet_count; i++) {
        free(w->packets[i]);
        w->packets[i] = NULL;
    }
    w->port_next = 0;
}

/* Sending. */

static uint64_t due_of(struct flare__sim *w, struct sim_end *e)
{
    uint64_t due = sim_later(w, FLARE__SIM_DG_LATENCY);

    if (due < e->dg->last_due)
        due = e->dg->last_due;
    e->dg->last_due = due;
    if (sim_chance(w, FLARE__SIM_DG_REORDER))
        due += 20 * sim_delay(w);
    return due;
}

/* One of a datagram's segments, or all of it. */
static void segment_send(struct flare__sim *w, struct sim_end *e,
                         const struct sim_addr *to, const uint8_t *data,
                         uint32_t len)
{
    struct sim_route route = sim_route_find(w, to);
    struct sim_addr from = source_of(e);
    struct sim_packet *p;

    sim_trace(w, SIM_N_DG_SEND, e->index, len, to->port);
    if (route.res == -ECONNREFUSED)
        error_tell(w, e, -ECONNREFUSED);
    if (sim_chance(w, FLARE__SIM_DG_ICMP))
        error_tell(w, e,
                   flare__sim_below(w, 2) == 0 ? -ECONNREFUSED : -EHOSTUNREACH);
    if (route.res != FLARE__SIM_OPEN || sim_chance(w, FLARE__SIM_DG_LOST)) {
        sim_trace(w, SIM_N_DG_GONE, e->index, len, to->port);
        return;
    }
    p = packet_new(&from, to, data, len);
    p->sender = e->index;
    p->generation = e->generation;
    e->dg->unsent += len;
    packet_launch(w, p, due_of(w, e) + route.delay_ms * SIM_MS);
}

/* Room for one more?  -EAGAIN, and POLLOUT follows. */
static int room_check(struct flare__sim *w, struct sim_end *e)
{
    struct sim_datagrams *dg = e->dg;

    if (!dg->is_held && sim_chance(w, FLARE__SIM_DG_FULL)) {
        dg->is_held = true;
        sim_due_push(w, SIM_DUE_SPACE, w->now + sim_delay(w), e->index, 0);
    }
    if (!dg->is_held && dg->unsent < SEND_BYTES)
        return 0;
    dg->is_full = true;
    return -EAGAIN;
}

/* Where it goes; -errno. */
static int target_of(const struct flare__sim *w, const struct sim_end *e,
                     const struct flare__datagram *d, struct sim_addr *to)
{
    uint32_t most = e->local.family == AF_INET ? V4_BYTES_MAX : V6_BYTES_MAX;
    uint32_t size = d->segment != 0 && d->segment < d->len ? d->segment : 0;
    struct sim_route route;

    if (d->addr_len == 0 && e->remote.family == AF_UNSPEC)
        return -EDESTADDRREQ;
    *to = d->addr_len == 0
              ? e->remote
              : sim_addr_of((const struct sockaddr *)&d->addr, d->addr_len);
    if (to->family != e->local.family)
        return -EAFNOSUPPORT;
    if (d->len > most)
        return -EMSGSIZE;
    if (to->port == 0 || (size != 0 && (d->len - 1) / size >= SEGMENTS_MAX))
        return -EINVAL;
    route = sim_route_find(w, to);
    return route.res < 0 && route.res != -ECONNREFUSED ? route.res : 0;
}

static int send_one(struct flare__sim *w, struct sim_end *e,
                    const struct flare__datagram *d)
{
    static const int errors[] = {-ENOBUFS, -EPERM, -ENETUNREACH};
    uint32_t size = d->segment != 0 ? d->segment : d->len;
    const uint8_t *data = d->data;
    uint32_t left = d->len;
    struct sim_addr to;
    int rc = bind_to_any(w, e);

    if (rc == 0)
        rc = error_take(e);
    if (rc == 0)
        rc = target_of(w, e, d, &to);
    if (rc == 0 && sim_chance(w, FLARE__SIM_DG_SEND_ERROR))
        rc = errors[flare__sim_below(w, 3)];
    if (rc == 0)
        rc = room_check(w, e);
    if (rc < 0)
        return rc;
    for (; left > size; left -= size, data += size)
        segment_send(w, e, &to, data, size);
    segment_send(w, e, &to, data, left);
    return 0;
}

int sim_datagram_send(struct flare__sim *w, struct sim_end *e,
                      const struct flare__datagram *list, uint32_t count)
{
    SIM_CHECK(w, count >= 1 && count <= 64, "%u datagrams at once", count);
    for (uint32_t i = 0; i < count; i++) {
        int rc = send_one(w, e, &list[i]);

        if (rc < 0)
            return i > 0 ? (int)i : rc;
    }
    return (int)count;
}

/* Receiving. */

static struct sim_packet *queue_head(const struct sim_datagrams *dg)
{
    return dg->count > 0 ? dg->queue[dg->first] : NULL;
}

static void queue_pop(struct sim_datagrams *dg)
{
    struct sim_packet *p = dg->queue[dg->first];

    dg->first = (dg->first + 1) % QUEUE_COUNT;
    dg->count--;
    dg->bytes -= p->len;
    free(p);
}

/* UDP_GRO: those that follow from the same sender, up to a shorter one. */
static void recv_merge(struct sim_end *e, struct flare__datagram *d,
                       const struct sim_addr *from, uint32_t size)
{
    const uint32_t one = d->len;
    uint32_t last = one;

    while (last == one && e->dg->count > 0) {
        const struct sim_packet *p = queue_head(e->dg);

        if (p->len == 0 || p->len > one || d->len + p->len > size ||
            p->from.port != from->port || !sim_addr_is_same_ip(&p->from, from))
            return;
        memcpy((uint8_t *)d->data + d->len, p->bytes, p->len);
        d->len += p->len;
        d->segment = (uint16_t)one;
        last = p->len;
        queue_pop(e->dg);
    }
}

static void recv_one(struct flare__sim *w, struct sim_end *e,
                     struct flare__datagram *d)
{
    struct sim_packet *p = queue_head(e->dg);
    struct sim_addr from = p->from;
    uint32_t size = d->len;

    sim_addr_put(&from, &d->addr, &d->addr_len);
    d->is_truncated = p->len > size;
    d->len = p->len < size ? p->len : size;
    d->segment = 0;
    if (d->len > 0)
        memcpy(d->data, p->bytes, d->len);
    queue_pop(e->dg);
    if (e->dg->is_merging && !d->is_truncated && d->len > 0)
        recv_merge(e, d, &from, size);
    w->hash = sim_hash_bytes(w->hash, d->data, d->len);
    sim_trace(w, SIM_N_DG_RECV, e->index, d->len, from.port);
}

int sim_datagram_recv(struct flare__sim *w, struct sim_end *e,
                      struct flare__datagram *list, uint32_t count)
{
    int error = error_take(e);
    uint32_t n = 0;

    SIM_CHECK(w, count >= 1 && count <= 64, "%u datagrams at once", count);
    if (error != 0)
        return error;
    for (; n < count && e->dg->count > 0; n++)
        recv_one(w, e, &list[n]);
    return n > 0 ? (int)n : -EAGAIN;
}
