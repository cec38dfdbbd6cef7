/* SPDX-License-Identifier: MIT */
/* The two clocks.  Beside the backends nobody else reads one. */
#ifndef FLARE__NET_CLOCK_H
#define FLARE__NET_CLOCK_H

#include <stdint.h>

/*
 * Seconds since 1970 for the Date field; it may step either way.  Never
 * negative: a clock set before 1970 reads 0.  Thread: any.
 */
int64_t flare__clock_realtime(void);

/* Nanoseconds since some moment; never goes back.  Thread: any. */
uint64_t flare__clock_monotonic(void);

#endif
