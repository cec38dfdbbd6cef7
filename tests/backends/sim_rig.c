/* SPDX-License-Identifier: MIT */
/* Every event is checked: polls go on, and nothing follows CLOSED. */
#include "tests/backends/sim_rig.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>

struct dg_net dg;
uint8_t dg_bytes[DG_SIZE];
struct flare__datagram dg_got;

void dg_on_event(struct flare__sock *sock, const struct flare__event *ev)
{
    struct dg_end *e = (struct dg_end *)sock; /* its first member */

    ck_assert(!e->is_closed);
    if (ev->kind == FLARE__EV_POLL && (ev->flags & FLARE__EV_MORE))
        e->revents |= ev->res;
    else if (ev->kind == FLARE__EV_CONNECT) {
        e->connects++;
        e->connect_res = ev->res;
    } else if (ev->kind == FLARE__EV_CLOSED)
        e->is_closed = true;
    else
        ck_assert_int_eq(ev->kind, FLARE__EV_POLL);
}

void dg_open_with(const struct flare__sim_config *config)
{
    struct flare__backend_config bc = {.lease_count = 4};

    dg.w = flare__sim_new(config);
    dg.ops = &flare__backend_sim;
    bc.sim = dg.w;
    ck_assert_int_eq(dg.ops->open(&dg.b, &bc, NULL), 0);
}

void dg_open(uint64_t seed, bool is_calm)
{
    const struct flare__sim_config config = {.seed = seed, .is_calm = is_calm};

    dg_open_with(&config);
}

void dg_turn(uint64_t wait_ns)
{
    struct flare__event events[8];
    int count = dg.ops->poll(dg.b, events, 8, dg.ops->now(dg.b) + wait_ns);

    ck_assert_int_ge(count, 0);
    for (int i = 0; i < count; i++)
        if (events[i].sock != NULL) /* a spurious WAKE */
            events[i].sock->on_event(events[i].sock, &events[i]);
}

void dg_turns(int count)
{
    while (count-- > 0)
        dg_turn(MS);
}

socklen_t dg_address(struct sockaddr_storage *out, int family, uint32_t ip,
                     uint16_t port)
{
    const struct sockaddr_in in = {.sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(ip)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(port)};

    in6.sin6_addr.s6_addr[0] = ip != 0 ? 0xfd : 0;
    in6.sin6_addr.s6_addr[15] = (uint8_t)ip;
    memset(out, 0, sizeof(*out));
    if (family == AF_INET)
        memcpy(out, &in, sizeof(in));
    else
        memcpy(out, &in6, sizeof(in6));
    return family == AF_INET ? sizeof(in) : sizeof(in6);
}

void dg_watch(struct dg_end *e, short events)
{
    ck_assert_int_eq(dg.ops->poll_start(dg.b, &e->sock, events), 0);
    e->revents = 0;
}

void dg_end_open(struct dg_end *e, int family, uint32_t ip, uint16_t port)
{
    socklen_t len;
    int fd = dg.ops->socket(dg.b, family, SOCK_DGRAM);

    memset(e, 0, sizeof(*e));
    e->sock.on_event = dg_on_event;
    ck_assert_int_ge(fd, 0);
    len = dg_address(&e->addr, family, ip, port);
    ck_assert_int_eq(dg.ops->bind(dg.b, fd, (struct sockaddr *)&e->addr, len),
                     0);
    ck_assert_int_eq(dg.ops->attach(dg.b, &e->sock, fd), 0);
    ck_assert_int_eq(dg.ops->local(dg.b, &e->sock, &e->addr, &e->addr_len), 0);
    dg_watch(e, POLLIN);
}

void dg_end_connect(struct dg_end *e, const struct dg_end *to)
{
    int rc = dg.ops->connect(dg.b, &e->sock, (const struct sockaddr *)&to->addr,
                             to->addr_len);

    ck_assert_int_eq(rc, 0);
    for (e->connects = 0; e->connects == 0;)
        dg_turn(MS);
    ck_assert_int_eq(e->connect_res, 0);
}

void dg_end_close(struct dg_end *e)
{
    dg.ops->close(dg.b, &e->sock, FLARE__CLOSE_GRACEFUL);
    while (!e->is_closed)
        dg_turn(MS);
}

void dg_close(struct dg_end *a, struct dg_end *b)
{
    if (a != NULL && !a->is_closed)
        dg_end_close(a);
    if (b != NULL && !b->is_closed)
        dg_end_close(b);
    dg.ops->free(dg.b);
    ck_assert_uint_eq(flare__sim_fds(dg.w), 0);
    flare__sim_free(dg.w);
}

int dg_put(struct dg_end *from, const struct dg_end *to, const void *data,
           size_t len)
{
    struct flare__datagram d = {.data = (void *)(uintptr_t)data,
                                .len = (uint32_t)len};

    if (to != NULL) {
        d.addr = to->addr;
        d.addr_len = to->addr_len;
    }
    return dg.ops->datagram_send(dg.b, &from->sock, &d, 1);
}

int dg_take(struct dg_end *e)
{
    dg_got = (struct flare__datagram){.data = dg_bytes, .len = DG_SIZE};
    return dg.ops->datagram_recv(dg.b, &e->sock, &dg_got, 1);
}

int dg_drain(struct dg_end *e)
{
    int count = 0;

    while (dg_take(e) == 1)
        count++;
    return count;
}

uint16_t dg_port(const struct sockaddr_storage *addr)
{
    struct sockaddr_in in; /* at the same place in both families */

    memcpy(&in, addr, sizeof(in));
    return ntohs(in.sin_port);
}
