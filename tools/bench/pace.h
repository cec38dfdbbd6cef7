/* SPDX-License-Identifier: MIT */
/*
 * When requests are to be sent at a fixed rate: moments that depend on nothing
 * but the rate, so that a server that stalls does not slow the load down.  And
 * the clock that wakes a thread at such a moment, to the microsecond where the
 * system can.
 */
#ifndef TOOL_BENCH_PACE_H
#define TOOL_BENCH_PACE_H

#include "tools/bench/text.h"

#include <flare/flare.h>

struct pace {
    uint64_t base_ns;
    double gap_ns;
    double at_ns; /* of the next one, after base_ns */
    uint64_t sent;
    bool is_poisson;
};

/* Monotonic, in nanoseconds. */
uint64_t pace_now(void);

/* `rate` in requests a second from `base_ns` on; `share` of a gap (0 to 1) is
 * where the first one is. */
struct pace pace_begin(uint64_t base_ns, double rate, double share,
                       bool is_poisson);

/* When the next one is due. */
uint64_t pace_due(const struct pace *pace);

/* Goes on to the one after it. */
void pace_step(struct pace *pace, struct text_pen *pen);

struct pace_clock;

/* Calls `fn(ctx)` on the loop at the time that was set last.  0, or -errno. */
int pace_clock_open(struct pace_clock **out, flare_loop *loop,
                    void (*fn)(void *ctx), void *ctx);
void pace_clock_set(struct pace_clock *clock, uint64_t at_ns);
void pace_clock_close(struct pace_clock *clock);

#endif
