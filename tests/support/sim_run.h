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

/* What a number of runs came to. */
struct sim_run_sums {
    struct flare__sim_counts world;
    struct flare__http_counters http;
    uint64_t runs;
    uint64_t clients_done, clients_cut, clients_refused;
    uint64_t answers;
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
