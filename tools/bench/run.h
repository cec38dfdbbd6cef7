/* SPDX-License-Identifier: MIT */
/*
 * All threads together: opened once, their connections with them, and then led
 * through one phase after the other.  Thread: the main one, but for what is
 * said to be a worker's.
 */
#ifndef TOOL_BENCH_RUN_H
#define TOOL_BENCH_RUN_H

#include "tools/bench/outcome.h"

struct run;
struct worker;

/* Told now and then of how it goes. */
struct run_watcher {
    /* While it connects. */
    void (*on_connecting)(void *ctx, uint64_t connected, uint64_t wanted);
    /* `left_s` is negative where nobody knows. */
    void (*on_sample)(void *ctx, const struct sample *sample, double left_s);
    void *ctx;
};

/*
 * Starts the threads and waits until every connection has been tried.  What
 * makes load impossible (no thread, no loop, no connection at all) ends the
 * program.  `watcher` is borrowed.
 */
struct run *run_open(const struct job *job, const struct run_watcher *watcher);

/* Whether SIGINT or SIGTERM has come. */
bool run_is_interrupted(const struct run *run);

/* Leads through a phase, until its end or a signal. */
void run_phase(struct run *run, const struct phase *phase,
               struct outcome *outcome);

/* Closes the connections and ends the threads. */
void run_close(struct run *run);

/* ---- the workers' ---- */

/* Calls `fn(worker)` in the main thread. */
void run_post(struct run *run, void (*fn)(void *ctx), struct worker *worker);

/* Waits until no call to a worker's loop is under way: before it is freed. */
void run_wait_posted(struct run *run);

/* Its connections have been tried, or worker->rc says why not. */
void run_on_ready(void *ctx);

/* Its phase has ended, or its loop has. */
void run_on_done(void *ctx);

#endif
