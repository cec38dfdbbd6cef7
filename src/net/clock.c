/* SPDX-License-Identifier: MIT */
/*
 * Reading a clock cannot fail for these two ids and a valid address (POSIX
 * clock_gettime), so that is asserted, not returned.
 */
#include "net/clock.h"

#include "base/assert.h"

#include <time.h>

int64_t flare__clock_realtime(void)
{
    struct timespec now;
    int rc = clock_gettime(CLOCK_REALTIME, &now);

    FLARE_ASSERT(rc == 0);
    return now.tv_sec > 0 ? (int64_t)now.tv_sec : 0;
}

uint64_t flare__clock_monotonic(void)
{
    struct timespec now;
    int rc = clock_gettime(CLOCK_MONOTONIC, &now);

    FLARE_ASSERT(rc == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
