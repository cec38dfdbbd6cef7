/* SPDX-License-Identifier: MIT */
/*
 * The executor: N workers, each a thread with a loop of its own.  All start or
 * none runs.  Worker 0 is the calling thread.
 */
#ifndef FLARE__NET_WORKER_H
#define FLARE__NET_WORKER_H

#include <flare/error.h>

#include "base/log.h"
#include "net/loop.h"

struct flare__executor;

struct flare__worker {
    struct flare__executor *executor;
    struct flare_loop *loop;
    void *state; /* of the user of the executor */
    uint32_t index;
    int rc; /* how it started, then how it ended */
    unsigned long thread;
    struct flare_error error;
};

struct flare__executor_config {
    uint32_t count;      /* 1 to 1024 */
    bool is_pinned;      /* worker n to the n-th CPU it may use */
    const char *backend; /* NULL: the best there is */
    const struct flare_allocator *al;
    struct flare__log log;

    /* On the worker's thread, its loop is open.  Sets worker->state. */
    int (*start)(struct flare__worker *worker, void *ctx);
    /* All have started; worker 0 only, before its loop turns. */
    void (*on_started)(void *ctx);
    /* After each turn: false ends the worker. */
    bool (*goes_on)(struct flare__worker *worker, void *ctx);
    /* A worker's loop broke: in place of its finish, on its thread.  The others
     * are to be ended.  May be NULL. */
    void (*on_broken)(void *ctx);
    /* Undoes start; the loop is still open.  After it the loop is closed and
     * its memory is the user's (flare__loop_free). */
    void (*finish)(struct flare__worker *worker, void *ctx);
    void *ctx;
};

/* CPUs this process may use: affinity mask and, rounded up, cgroup quota. */
uint32_t flare__worker_cpus(void);

/* Descriptors this process may have open: RLIMIT_NOFILE. */
uint64_t flare__worker_descriptors(void);

/*
 * Runs until `goes_on` has ended every worker.  Returns 0, or the error of the
 * first that failed, with its sentence in `err`.
 */
int flare__executor_run(const struct flare__executor_config *config,
                        struct flare_error *err);

#endif
