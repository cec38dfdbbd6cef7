/* SPDX-License-Identifier: MIT */
/*
 * Addresses.  Whoever listens is 192.0.2.1 or 2001:db8::1 at its port (for
 * documentation: RFC 5737, RFC 3849), unless it was connected to, or made to
 * listen, at a certain one; whoever connects is 10.x.y.z or fd00::x:y by the
 * number of the connection, unless it is bound, so that the same run gives the
 * same ones.
 *
 * Routes: what becomes of connections and datagrams by where they go.
 */
#include "backends/sim_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum { PORT_FIRST = 1024, PORT_COUNT = 64512, V4_BYTES = 4, V6_BYTES = 16 };

static uint32_t ip_bytes(const struct sim_addr *a)
{
    return a->family == AF_INET6 ? V6_BYTES : V4_BYTES;
}

/* Another family's: only the port, which they have at the same place. */
struct sim_addr sim_addr_of(const struct sockaddr *addr, socklen_t len)
{
    struct sim_addr out = {.family = AF_UNSPEC};
    struct sockaddr_in6 in6 = {.sin6_family = AF_UNSPEC};
    struct sockaddr_in in = {.sin_family = AF_UNSPEC};

    memcpy(&in, addr, len < sizeof(in) ? len : sizeof(in));
    memcpy(&in6, addr, len < sizeof(in6) ? len : sizeof(in6));
    out.port = ntohs(in.sin_port);
    if (in.sin_family == AF_INET && len >= sizeof(in)) {
        out.family = AF_INET;
        memcpy(out.ip, &in.sin_addr, V4_BYTES);
    } else if (in.sin_family == AF_INET6 && len >= sizeof(in6)) {
        out.family = AF_INET6;
        memcpy(out.ip, &in6.sin6_addr, V6_BYTES);
    }
    return out;
}

void sim_addr_put(const struct sim_addr *a, struct sockaddr_storage *out,
                  socklen_t *len)
{
    *out = (struct sockaddr_storage){0};
    if (a->family == AF_INET6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                                   .sin6_port = htons(a->port)};

        memcpy(&in6.sin6_addr, a->ip, V6_BYTES);
        memcpy(out, &in6, sizeof(in6));
        *len = sizeof(in6);
    } else {
        struct sockaddr_in in = {.sin_family = AF_INET,
                                 .sin_port = htons(a->port)};

        memcpy(&in.sin_addr, a->ip, V4_BYTES);
        memcpy(out, &in, sizeof(in));
        *len = sizeof(in);
    }
}

bool sim_addr_is_any(const struct sim_addr *a)
{
    static const uint8_t zeros[V6_BYTES];

    return memcmp(a->ip, zeros, ip_bytes(a)) == 0;
}

bool sim_addr_is_same_ip(const struct sim_addr *a, const struct sim_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, ip_bytes(a)) == 0;
}

static struct sim_addr server_at(uint16_t family, uint16_t port)
{
    if (family == AF_INET6)
        return (struct sim_addr){.family = AF_INET6,
                                 .port = port,
                                 .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
    return (struct sim_addr){
        .family = AF_INET, .port = port, .ip = {192, 0, 2, 1}};
}

struct sim_addr sim_addr_client(uint16_t family, uint32_t number)
{
    const uint8_t tail[3] = {(uint8_t)(number >> 16), (uint8_t)(number >> 8),
                             (uint8_t)number};
    struct sim_addr a = {.family = AF_INET, .ip = {10}};

    if (family == AF_INET6)
        a = (struct sim_addr){.family = AF_INET6, .ip = {0xfd}};
    memcpy(a.ip + ip_bytes(&a) - sizeof(tail), tail, sizeof(tail));
    a.port = (uint16_t)(PORT_FIRST + number % PORT_COUNT);
    return a;
}

void sim_addr_connected(struct sim_end *client, struct sim_end *server)
{
    struct sim_addr near =
        sim_addr_client(client->remote.family, client->number);

    if (client->remote.family == AF_UNSPEC || sim_addr_is_any(&client->remote))
        client->remote = server_at(client->remote.family, client->port);
    if (client->local.family == near.family) {
        if (!sim_addr_is_any(&client->local))
            memcpy(near.ip, client->local.ip, sizeof(near.ip));
        if (client->local.port != 0)
            near.port = client->local.port;
    }
    client->local = server->remote = near;
    server->local = client->remote;
}

int sim_address_peer(struct flare__backend *b, struct flare__sock *sock,
                     struct sockaddr_storage *out, socklen_t *len)
{
    const struct sim_end *e = sim_slot_end(b, sim_slot_of(b, sock));

    if (e->kind == SIM_FOREIGN)
        return -ENOTSOCK;
    if ((e->kind != SIM_STREAM && e->kind != SIM_DATAGRAM) || e->is_reset ||
        e->remote.family == AF_UNSPEC)
        return -ENOTCONN;
    sim_addr_put(&e->remote, out, len);
    return 0;
}

int sim_address_local(struct flare__backend *b, struct flare__sock *sock,
                      struct sockaddr_storage *out, socklen_t *len)
{
    const struct sim_end *e = sim_slot_end(b, sim_slot_of(b, sock));
    struct sim_addr addr = e->local;

    if (e->kind == SIM_FOREIGN)
        return -ENOTSOCK;
    if (e->kind == SIM_LISTENER && addr.family == AF_UNSPEC)
        addr = server_at(AF_INET, e->port);
    sim_addr_put(&addr, out, len);
    return 0;
}

/* Routes. */

static bool route_matches(const struct sim_route *r, const struct sim_addr *to)
{
    uint32_t whole = r->bits / 8;
    uint32_t rest = r->bits % 8;

    if (r->to.family != to->family ||
        (r->to.port != 0 && r->to.port != to->port) ||
        memcmp(r->to.ip, to->ip, whole) != 0)
        return false;
    return rest == 0 || (r->to.ip[whole] ^ to->ip[whole]) >> (8 - rest) == 0;
}

struct sim_route sim_route_find(const struct flare__sim *w,
                                const struct sim_addr *to)
{
    for (uint32_t i = w->route_count; i-- > 0;)
        if (route_matches(&w->routes[i], to))
            return w->routes[i];
    return (struct sim_route){.res = FLARE__SIM_OPEN};
}

void flare__sim_route(struct flare__sim *w, const struct sockaddr *addr,
                      uint32_t bits, int res, uint32_t delay_ms)
{
    struct sim_route *r = &w->routes[w->route_count];

    SIM_CHECK(w, w->route_count < SIM_ROUTES_MAX, "too many routes");
    *r = (struct sim_route){.bits = bits, .res = res, .delay_ms = delay_ms};
    r->to = sim_addr_of(addr, addr->sa_family == AF_INET6
                                  ? sizeof(struct sockaddr_in6)
                                  : sizeof(struct sockaddr_in));
    SIM_CHECK(w, r->to.family != AF_UNSPEC && bits <= 8 * ip_bytes(&r->to),
              "a route is of an address and its first bits");
    w->route_count++;
}

void flare__sim_routes_clear(struct flare__sim *w)
{
    w->route_count = 0;
}
