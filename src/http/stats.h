/* SPDX-License-Identifier: MIT */
/*
 * A worker's numbers, published for other threads.  The worker counts in plain
 * memory (http.h) and copies its counters here after a turn of its loop: one
 * store each, without a lock or a fence, so a reader sees every number as it
 * was after some turn, and never one that goes back.
 */
#ifndef FLARE__HTTP_STATS_H
#define FLARE__HTTP_STATS_H

#include <flare/stats.h>

#include "http/http.h"

#include <stdatomic.h>

enum { FLARE__STATS_COUNT = sizeof(struct flare_stats) / sizeof(uint64_t) };

struct flare__stats_cell {
    _Atomic(uint64_t) values[FLARE__STATS_COUNT];
};

/* Counts a complete answer of 300 or more; the others are the rest. */
void flare__stats_status(struct flare_stats *counters, int status);

/* Thread: the worker. */
void flare__stats_publish(struct flare__stats_cell *cell, struct flare__http *h,
                          uint64_t turns);

/* Adds what is published to `*out`.  Thread: any. */
void flare__stats_add(const struct flare__stats_cell *cell,
                      struct flare_stats *out);

#endif
