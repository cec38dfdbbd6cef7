/* SPDX-License-Identifier: MIT */
/*
 * See system.h.  An option that only makes a socket better where the kernel has
 * it is tried and its refusal ignored; one that was asked for must succeed.
 */
#include "udp/system.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

_Static_assert(sizeof(struct sockaddr_in6) <= FLARE__UDP_ADDR_MAX,
               "a packet holds an address");

bool flare__udp_reaches(const struct flare__udp_fd *s,
                        const struct flare_ip *ip)
{
    if (s->is_v6)
        return ip->family == FLARE_IP_V6 || !s->is_v6only;
    return ip->family == FLARE_IP_V4;
}

uint8_t flare__udp_addr_write(uint8_t *out, const struct flare_addr *addr,
                              bool is_v6)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(addr->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(addr->port),
                               .sin6_scope_id = addr->ip.zone};

    if (is_v6) { /* the bytes of an IPv4 address are the mapped one's */
        memcpy(&in6.sin6_addr, addr->ip.bytes, 16);
        memcpy(out, &in6, sizeof(in6));
        return sizeof(in6);
    }
    memcpy(&in.sin_addr, addr->ip.bytes + 12, 4);
    memcpy(out, &in, sizeof(in));
    return sizeof(in);
}

/* The path of an IP address is empty; the rest of its bytes means nothing. */
static void addr_set(struct flare_addr *out, struct flare_ip ip, uint16_t port)
{
    out->kind = FLARE_ADDR_IP;
    out->ip = ip;
    out->port = ntohs(port);
    out->path_len = 0;
    out->path[0] = 0;
}

void flare__udp_addr_read(struct flare_addr *out,
                          const struct sockaddr_storage *in)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)in;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)in;
    uint8_t bytes[16];

    if (in->ss_family == AF_INET) {
        memcpy(bytes, &v4->sin_addr, 4);
        addr_set(out, flare_ip_v4(bytes), v4->sin_port);
    } else if (in->ss_family == AF_INET6) {
        memcpy(bytes, &v6->sin6_addr, 16);
        addr_set(out, flare_ip_v6(bytes, v6->sin6_scope_id), v6->sin6_port);
    } else {
        addr_set(out, (struct flare_ip){.family = FLARE_IP_NONE}, 0);
        out->kind = FLARE_ADDR_NONE;
    }
}

void flare__udp_addr_unwrite(struct flare_addr *out, const uint8_t *in,
                             uint8_t len)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};

    memcpy(&storage, in, len);
    flare__udp_addr_read(out, &storage);
}

int flare__udp_socket(const struct flare__udp_fd *s)
{
    return s->ops->socket(s->backend, s->is_v6 ? AF_INET6 : AF_INET,
                          SOCK_DGRAM);
}

static int option_set(const struct flare__udp_fd *s, int level, int name,
                      int value)
{
    return s->ops->option(s->backend, s->fd, level, name, &value,
                          sizeof(value));
}

/* One row of what is set: of a socket of that family, if it is wanted. */
struct option_row {
    int level;
    int name;
    int value;
    bool is_wanted;
    bool is_needed; /* a refusal is the caller's */
};

static int options_apply(const struct flare__udp_fd *s,
                         const struct option_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int rc = 0;

        if (rows[i].is_wanted)
            rc = option_set(s, rows[i].level, rows[i].name, rows[i].value);
        if (rc < 0 && rows[i].is_needed)
            return rc;
    }
    return 0;
}

static int options_socket(const struct flare__udp_fd *s,
                          const struct flare_udp_options *o)
{
    const struct option_row rows[] = {
        {SOL_SOCKET, SO_BROADCAST, 1, o->broadcast, true},
        {SOL_SOCKET, SO_REUSEADDR, 1, o->reuseaddr, true},
        {SOL_SOCKET, SO_REUSEPORT, 1, o->reuseport, true},
        {SOL_SOCKET, SO_SNDBUF, (int)o->send_buffer_bytes,
         o->send_buffer_bytes > 0, true},
        {SOL_SOCKET, SO_RCVBUF, (int)o->receive_buffer_bytes,
         o->receive_buffer_bytes > 0, true},
    };

    return options_apply(s, rows, sizeof(rows) / sizeof(rows[0]));
}

/*
 * An IPv6 socket that speaks IPv4 too has both sets of options; systems other
 * than Linux refuse the second, which then keeps its defaults.
 */
static int options_ip(const struct flare__udp_fd *s,
                      const struct flare_udp_options *o)
{
    bool v4 = !s->is_v6only;
    bool v6 = s->is_v6;
    bool ttl = o->ttl > 0;
    bool multicast_ttl = o->multicast_ttl > 0;
    const struct option_row rows[] = {
        /* whatever bindv6only says */
        {IPPROTO_IPV6, IPV6_V6ONLY, s->is_v6only, v6, true},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, o->ttl, v6 && ttl, true},
        {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, o->multicast_ttl,
         v6 && multicast_ttl, true},
        {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, v6 && o->multicast_loop_off,
         true},
        {IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)o->multicast_interface,
         v6 && o->multicast_interface > 0, true},
        {IPPROTO_IP, IP_TTL, o->ttl, v4 && ttl, !v6},
        {IPPROTO_IP, IP_MULTICAST_TTL, o->multicast_ttl, v4 && multicast_ttl,
         !v6},
        {IPPROTO_IP, IP_MULTICAST_LOOP, 0, v4 && o->multicast_loop_off, !v6},
    /* Linux delivers what any socket of the machine has joined to all that
     * are bound to the port: only one's own groups are wanted. */
#ifdef IP_MULTICAST_ALL
        {IPPROTO_IP, IP_MULTICAST_ALL, 0, v4, false},
#endif
#ifdef IPV6_MULTICAST_ALL /* Linux 4.20 */
        {IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0, v6, false},
#endif
    };

    return options_apply(s, rows, sizeof(rows) / sizeof(rows[0]));
}

#ifdef __NetBSD__ /* an address says which, no number */
static int option_multicast_interface(const struct flare__udp_fd *s,
                                      uint32_t number)
{
    return number == 0 || s->is_v6 ? 0 : -EOPNOTSUPP;
}
#else
static int option_multicast_interface(const struct flare__udp_fd *s,
                                      uint32_t number)
{
    struct ip_mreqn mreq = {.imr_ifindex = (int)number};
    int rc;

    if (number == 0 || s->is_v6only)
        return 0;
    rc = s->ops->option(s->backend, s->fd, IPPROTO_IP, IP_MULTICAST_IF, &mreq,
                        sizeof(mreq));
    return s->is_v6 ? 0 : rc;
}
#endif

int flare__udp_options_set(const struct flare__udp_fd *s,
                           const struct flare_udp_options *options)
{
    int rc = options_socket(s, options);

    if (rc == 0)
        rc = options_ip(s, options);
    if (rc == 0)
        rc = option_multicast_interface(s, options->multicast_interface);
    return rc;
}

unsigned flare__udp_offloads(const struct flare__udp_fd *s, bool gro)
{
    unsigned caps = 0;

#ifdef UDP_SEGMENT /* Linux 4.18 */
    /* 0 is its default: a kernel without it refuses the name.  It would ignore
     * the control message, and send one datagram of all segments. */
    if (option_set(s, IPPROTO_UDP, UDP_SEGMENT, 0) == 0)
        caps |= FLARE_UDP_CAN_GSO;
#endif
#ifdef UDP_GRO /* Linux 5.0 */
    if (gro && option_set(s, IPPROTO_UDP, UDP_GRO, 1) == 0)
        caps |= FLARE_UDP_CAN_GRO;
#endif
    (void)gro;
    (void)s;
    return caps;
}

#ifdef MCAST_JOIN_GROUP
int flare__udp_member(const struct flare__udp_fd *s,
                      const struct flare_ip *group, uint32_t interface_number,
                      bool is_join)
{
    bool is_v4 = group->family == FLARE_IP_V4;
    struct flare_addr addr = {.kind = FLARE_ADDR_IP, .ip = *group};
    struct group_req req = {.gr_interface = interface_number};

    (void)flare__udp_addr_write((uint8_t *)&req.gr_group, &addr, !is_v4);
#ifdef SIN6_LEN /* BSD, macOS: the kernel looks at it here */
    req.gr_group.ss_len =
        is_v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
#endif
    return s->ops->option(s->backend, s->fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
                          is_join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &req,
                          sizeof(req));
}
#else /* NetBSD, OpenBSD: one call for each family, not made here */
int flare__udp_member(const struct flare__udp_fd *s,
                      const struct flare_ip *group, uint32_t interface_number,
                      bool is_join)
{
    (void)s;
    (void)group;
    (void)interface_number;
    (void)is_join;
    return -EOPNOTSUPP;
}
#endif
