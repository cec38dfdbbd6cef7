/* SPDX-License-Identifier: MIT */
/*
 * Slow clients: many connections to one target, each of which sends a byte of
 * a request's head every second and never comes to its end.  They run inside
 * the turns of the load engine, spread evenly, so that they take no other
 * core's time.
 */
#ifndef BENCH_LOAD_SLOW_H
#define BENCH_LOAD_SLOW_H

#include "bench/load.h"

struct load_slow;

/* Connects `count` of them; exits on failure. */
struct load_slow *load_slow_open(const struct load_target *target,
                                 unsigned count);

/* For load_config.on_turn: sends the bytes that are due, notes who is gone. */
void load_slow_turn(void *slow, uint64_t now);

/* How many the server has not closed yet. */
unsigned load_slow_left(const struct load_slow *slow);

/* One line of JSON about how they ended, then closes the rest. */
void load_slow_close(struct load_slow *slow);

#endif
