/* SPDX-License-Identifier: MIT */
/*
 * What datagrams need of the system's headers: addresses in the kernel's form,
 * and socket options.  All calls go through the backend, so that they meet the
 * simulated network too.
 */
#ifndef FLARE__UDP_SYSTEM_H
#define FLARE__UDP_SYSTEM_H

#include <flare/udp.h>

#include "backends/backend.h"
#include "udp/queue.h"

#include <poll.h>

/* A descriptor and who knows it. */
struct flare__udp_fd {
    const struct flare__backend_ops *ops;
    struct flare__backend *backend;
    int fd;
    bool is_v6;
    bool is_v6only;
};

/* Whether a socket of that kind reaches the address: its family is right. */
bool flare__udp_reaches(const struct flare__udp_fd *s,
                        const struct flare_ip *ip);

/*
 * Writes the address for such a socket; an IPv4 one as mapped where the socket
 * is an IPv6 one.  Returns the length, at most FLARE__UDP_ADDR_MAX.
 */
uint8_t flare__udp_addr_write(uint8_t *out, const struct flare_addr *addr,
                              bool is_v6);

/* The other way; NONE for a family that is none of ours. */
void flare__udp_addr_read(struct flare_addr *out,
                          const struct sockaddr_storage *in);

/* What flare__udp_addr_write wrote. */
void flare__udp_addr_unwrite(struct flare_addr *out, const uint8_t *in,
                             uint8_t len);

/* A descriptor of that kind, or -errno. */
FLARE_MUST_USE
int flare__udp_socket(const struct flare__udp_fd *s);

/* Sets what is wished for, before it is bound.  0 or -errno. */
FLARE_MUST_USE
int flare__udp_options_set(const struct flare__udp_fd *s,
                           const struct flare_udp_options *options);

/* FLARE_UDP_CAN_*: what the kernel does; turns GRO on if it is wished for. */
unsigned flare__udp_offloads(const struct flare__udp_fd *s, bool gro);

/* As flare_udp_join and _leave, without FLARE_E_BAD_ADDRESS. */
FLARE_MUST_USE
int flare__udp_member(const struct flare__udp_fd *s,
                      const struct flare_ip *group, uint32_t interface_number,
                      bool is_join);

#endif
