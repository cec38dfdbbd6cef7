/* SPDX-License-Identifier: MIT */
/*
 * A simulated network under test, and sockets of datagrams in it whose events
 * are counted.  One at a time: `dg`.
 */
#ifndef FLARE__TEST_SIM_RIG_H
#define FLARE__TEST_SIM_RIG_H

#include "backends/sim.h"
#include "tests/support/test.h"

enum { DG_SIZE = 1000, MS = 1000000 };

#define DG_IP UINT32_C(0xc0000205) /* 192.0.2.5, fd00::5 */

struct dg_net {
    struct flare__sim *w;
    const struct flare__backend_ops *ops;
    struct flare__backend *b;
};

struct dg_end {
    struct flare__sock sock; /* first: found by its address */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    int revents; /* of all POLL events since it was cleared */
    int connects, connect_res;
    bool is_closed;
};

extern struct dg_net dg;

/* What dg_take received. */
extern uint8_t dg_bytes[DG_SIZE];
extern struct flare__datagram dg_got;

/* A world of its own. */
void dg_open(uint64_t seed, bool is_calm);
void dg_open_with(const struct flare__sim_config *config);

/* Closes both, which may be NULL or closed, and the world. */
void dg_close(struct dg_end *a, struct dg_end *b);

/* One poll of so long at most; `count` of a millisecond. */
void dg_turn(uint64_t wait_ns);
void dg_turns(int count);

void dg_on_event(struct flare__sock *sock, const struct flare__event *ev);

/* Of IPv6: fd00:: and the last byte of `ip`; 0: any. */
socklen_t dg_address(struct sockaddr_storage *out, int family, uint32_t ip,
                     uint16_t port);
uint16_t dg_port(const struct sockaddr_storage *addr);

/* Bound to `ip` at `port`, 0: any, and watched for input. */
void dg_end_open(struct dg_end *e, int family, uint32_t ip, uint16_t port);
void dg_end_connect(struct dg_end *e, const struct dg_end *to);
void dg_end_close(struct dg_end *e);
void dg_watch(struct dg_end *e, short events);

/* One datagram; `to` NULL: to the peer.  The backend's results. */
int dg_put(struct dg_end *from, const struct dg_end *to, const void *data,
           size_t len);
int dg_take(struct dg_end *e);

/* How many there are now. */
int dg_drain(struct dg_end *e);

#endif
