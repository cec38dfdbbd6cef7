/* SPDX-License-Identifier: MIT */
/*
 * One schedule: a server in a world of faults, honest and hostile peers, then
 * calm, then a drain; with every invariant of the whole checked on the way.
 * A breach prints the seed and the tail of the trace, and aborts.
 */
#ifndef FLARE__TEST_SIM_RUN_H
#define FLARE__TEST_SIM_RUN_H

#include "tests/support/sim_client.h"
#include "tests/support/sim_hostile.h"

/* Why a client may be cut short while faults strike. */
enum sim_excuse {
    SIM_NO_EXCUSE,
    SIM_EXCUSE_WORLD,  /* it broke the connection */
    SIM_EXCUSE_CALLS,  /* backend calls failed */
    SIM_EXCUSE_FULL,   /* the server has all the connections it may have */
    SIM_EXCUSE_SLOW,   /* the network was slower than the deadlines */
    SIM_EXCUSE_LAST,   /* the server had said that no more is answered */
    SIM_EXCUSE_DRAIN,  /* no handler had seen the request yet */
    SIM_EXCUSE_BROKEN, /* it asked for an answer that breaks off */
    SIM_EXCUSES
};

/* What a number of runs came to. */
struct sim_run_sums {
    struct flare__sim_counts world;
    uint64_t runs;
    uint64_t clients_done, clients_cut, clients_refused;
    uint64_t answers;
    uint64_t excuses[SIM_EXCUSES];
    uint64_t failed_calls;
    uint64_t drains_in_flight; /* a drain began while clients were at work */
    uint64_t hostile[SIM_HOSTILE_KINDS];
    uint64_t requests[SIM_REQUEST_KINDS]; /* answered */
};

struct sim_run; /* reusable: its memory is kept from run to run */

struct sim_run *sim_run_new(void);
void sim_run_free(struct sim_run *r);

/* The run of a seed, or of a tape (NULL: the seed's); its hash. */
uint64_t sim_run_once(struct sim_run *r, uint64_t seed, const uint8_t *tape,
                      size_t tape_len, struct sim_run_sums *sums);

/* The trace of the next runs goes there; NULL: nowhere. */
void sim_run_trace(struct sim_run *r, FILE *out);

#endif
