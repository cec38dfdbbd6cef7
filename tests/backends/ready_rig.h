/* SPDX-License-Identifier: MIT */
/*
 * The readiness core under a poller that the test plays, and sockets of it that
 * are real pairs.  One at a time: `b`.
 */
#ifndef FLARE__TEST_READY_RIG_H
#define FLARE__TEST_READY_RIG_H

#include "backends/ready_turn.h"
#include "tests/support/test.h"

enum { LEASE_BYTES = 64, LEASES = 4, EDGES = 64 };

struct flare__backend {
    struct flare__ready ready; /* first, as the core wants it */
    struct flare__edge edges[EDGES];
    int edge_count;
    int waits;
    uint64_t timeout; /* of the last wait */
    int wait_rc;      /* negative: what the next wait returns */
    int add_rc;
    int wakes;
    int watches, arms;
    short events; /* of the last */
};

extern struct flare__backend *b;

/* A socket and its peer. */
struct pair {
    struct flare__sock sock;
    int peer;
};

/* Of the fixture. */
void ready_setup(void);
void ready_teardown(void);

int fake_poll(struct flare__event *events, int capacity, uint64_t deadline_ns);

void pair_open(struct pair *p);
void pair_close(struct pair *p);

/* The next wait finds it. */
void edge(const struct flare__sock *sock, uint32_t mask);

/* One event at most, its lease put back at once; its kind, -1: none. */
int next(struct flare__event *ev);

/* The peer writes `len` bytes. */
void put(const struct pair *p, size_t len);

#endif
