/* SPDX-License-Identifier: MIT */
/*
 * A counting allocator for runs by the thousand: cheaper than fault.h, and it
 * works where no Check suite runs (fuzzing).
 */
#ifndef FLARE__TEST_SIM_MEMORY_H
#define FLARE__TEST_SIM_MEMORY_H

#include <flare/alloc.h>

struct sim_memory {
    struct flare_allocator al;
    size_t live_blocks, live_bytes, peak_bytes;
};

void sim_memory_init(struct sim_memory *m);

#endif
