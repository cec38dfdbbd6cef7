/* SPDX-License-Identifier: MIT */
/*
 * The bytes are a schedule: every choice of the simulated world, its peers'
 * requests and garbage, in the order they are asked for; zeros follow them, and
 * zero is always the plain choice.  Property: every invariant of sim_run.h
 * holds, and the same bytes give the same run.
 */
#include "tests/support/sim_run.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim_run *run; /* kept: it costs more than a schedule */
    struct sim_run_sums sums = {0};
    uint64_t hash;

    if (run == NULL) {
        run = sim_run_new();
        if (getenv("FLARE_SIM_TRACE") != NULL)
            sim_run_trace(run, stderr);
    }
    hash = sim_run_once(run, 0, data, size, &sums);
    if (size % 4 == 1 && hash != sim_run_once(run, 0, data, size, &sums))
        abort();
    return 0;
}
