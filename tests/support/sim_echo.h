/* SPDX-License-Identifier: MIT */
/*
 * What the simulation is tried with: an owner that sends back what it
 * receives, and a peer that checks what comes back.
 */
#ifndef FLARE__TEST_SIM_ECHO_H
#define FLARE__TEST_SIM_ECHO_H

#include "backends/sim.h"
#include "tests/support/test.h"

enum { ECHO_PORT = 80, ECHO_CONNS = 8, ECHO_PAYLOAD = 3000, MS = 1000000 };

/* ck_assert writes to a pipe every time: too slow for every byte. */
#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            ck_abort_msg("%s, line %d", #condition, __LINE__);                 \
    } while (0)

struct echo {
    struct flare__sock sock;
    struct echo_loop *loop;
    uint8_t held[ECHO_PAYLOAD];
    uint32_t received, sending, sent;
    struct iovec iov[2];
    bool is_receiving, is_sending, is_closing, is_ended, is_used;
    int releases;
};

struct echo_loop {
    const struct flare__backend_ops *ops;
    struct flare__backend *b;
    struct flare__sock listener;
    bool is_accepting, is_listening;
    struct echo conns[ECHO_CONNS * 2];
    int conn_count; /* that are not CLOSED */
};

void echo_loop_open(struct echo_loop *l, struct flare__sim *w, uint32_t leases);
void echo_listen(struct echo_loop *l, struct flare__sim *w);

/* One poll and what follows from it: the number of events. */
int echo_loop_turn(struct echo_loop *l, uint64_t deadline);

/* Closes everything and waits for it. */
void echo_loop_free(struct echo_loop *l);

void echo_listener_on_event(struct flare__sock *sock,
                            const struct flare__event *ev);

/* Sends ECHO_PAYLOAD bytes and checks that they come back. */
struct asker {
    struct flare__sim_peer peer;
    uint32_t number;
    uint32_t sent, received;
    bool is_shut, is_done, is_broken;
};

void askers_start(struct asker *askers, uint32_t count, struct flare__sim *w);
bool askers_done(const struct asker *askers, uint32_t count);
void asker_on_event(struct flare__sim_peer *peer,
                    enum flare__sim_peer_event what);

#endif
