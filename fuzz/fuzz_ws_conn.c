/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a WebSocket peer says, and as the schedule of the world
 * between it and the server.  Properties: those of tests/support/sim_ws.h, and
 * the same bytes give the same run.
 */
#include "tests/support/sim_ws.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t hash = sim_ws_run(data, size);

    if (size % 4 == 1 && hash != sim_ws_run(data, size))
        abort();
    return 0;
}
