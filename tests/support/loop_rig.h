/* SPDX-License-Identifier: MIT */
/* The public loop on each backend that there is, the simulated one included. */
#ifndef FLARE__TEST_LOOP_RIG_H
#define FLARE__TEST_LOOP_RIG_H

#include "backends/sim.h"
#include "net/user_loop.h"

enum {
    LOOP_RIG_URING,
    LOOP_RIG_EPOLL,
    LOOP_RIG_KQUEUE, /* where there is a kqueue, or one that plays it */
    LOOP_RIG_KERNELS,
    LOOP_RIG_SIM = LOOP_RIG_KERNELS,
    LOOP_RIG_BACKENDS
};

struct loop_rig {
    struct flare_loop *loop;
    struct flare__sim *world; /* NULL: a kernel's */
    const char *name;
};

/*
 * Opens it.  -errno; FLARE_E_BACKEND_UNAVAILABLE and _BAD_CONFIG mean that this
 * machine, or build, has no such backend.
 */
int loop_rig_try(struct loop_rig *rig, int backend,
                 const struct flare_allocator *al);

/* The same with malloc; false if there is none here, which is printed. */
bool loop_rig_open(struct loop_rig *rig, int backend);

void loop_rig_close(struct loop_rig *rig);

/* Turns until `condition`, at most for ten thousand turns. */
#define LOOP_RIG_UNTIL(rig, condition)                                         \
    for (int turns_ = 0; !(condition); turns_++) {                             \
        if (turns_ == 10000)                                                   \
            ck_abort_msg("%s: never: %s", (rig)->name, #condition);            \
        ck_assert_int_ge(flare_loop_run_once((rig)->loop, 1000), 0);           \
    }

#endif
