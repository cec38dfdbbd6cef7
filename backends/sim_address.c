/* SPDX-License-Identifier: MIT */
/*
 * Addresses.  Whoever listens is 192.0.2.1 at its port (RFC 5737: for
 * documentation); whoever connects is 10.x.y.z by the number of the
 * connection, so that the same run gives the same ones.
 */
#include "backends/sim_impl.h"

#include <errno.h>
#include <netinet/in.h>

enum { PORT_FIRST = 1024, PORT_COUNT = 64512 };

static int address_put(struct sockaddr_storage *out, socklen_t *len,
                       uint32_t ip, uint16_t port)
{
    *out = (struct sockaddr_storage){0};
    *(struct sockaddr_in *)(void *)out =
        (struct sockaddr_in){.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(ip),
                             .sin_port = htons(port)};
    *len = sizeof(struct sockaddr_in);
    return 0;
}

static int address_server(const struct sim_end *e, struct sockaddr_storage *out,
                          socklen_t *len)
{
    return address_put(out, len, UINT32_C(0xc0000201), e->port);
}

static int address_client(const struct sim_end *e, struct sockaddr_storage *out,
                          socklen_t *len)
{
    return address_put(out, len, UINT32_C(10) << 24 | (e->number & 0xffffff),
                       (uint16_t)(PORT_FIRST + e->number % PORT_COUNT));
}

int sim_address_peer(struct flare__backend *b, struct flare__sock *sock,
                     struct sockaddr_storage *out, socklen_t *len)
{
    const struct sim_end *e = sim_slot_end(b, sim_slot_of(b, sock));

    if (e->kind == SIM_FOREIGN)
        return -ENOTSOCK;
    if (e->kind != SIM_STREAM || e->is_reset)
        return -ENOTCONN;
    return e->is_accepted ? address_client(e, out, len)
                          : address_server(e, out, len);
}

int sim_address_local(struct flare__backend *b, struct flare__sock *sock,
                      struct sockaddr_storage *out, socklen_t *len)
{
    const struct sim_end *e = sim_slot_end(b, sim_slot_of(b, sock));

    if (e->kind == SIM_FOREIGN)
        return -ENOTSOCK;
    if (e->kind == SIM_LISTENER || e->is_accepted)
        return address_server(e, out, len);
    if (e->kind == SIM_SOCKET)
        return address_put(out, len, INADDR_ANY, 0); /* not bound yet */
    return address_client(e, out, len);
}
