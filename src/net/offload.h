/* SPDX-License-Identifier: MIT */
/*
 * A pool of threads for work that blocks: a query, getaddrinfo, a slow file.
 *
 * It knows nothing of loops.  A job brings its memory along and is its owner's
 * again when `run` or `cancel` is called, one of the two, once.  An answer for
 * a loop is a letter (flare__loop_send) in the same memory, sent at the end.
 *
 * Threads are started when there is work and none of them is free, up to
 * threads_max, and stay until the pool ends.  They block all signals and run
 * on every CPU that the process might use when the pool was made.
 *
 * A pool ends in one of two ways: stopped, when what runs is waited for; or
 * abandoned, when what runs may take for ever and its last thread frees it.
 */
#ifndef FLARE__NET_OFFLOAD_H
#define FLARE__NET_OFFLOAD_H

#include <flare/alloc.h>
#include <flare/error.h>

struct flare__offload;
struct flare__job;

typedef void (*flare__job_fn)(struct flare__job *job);

/* Embedded in its owner. */
struct flare__job {
    struct flare__job *next;
    flare__job_fn run;    /* on a thread of the pool; may free the job */
    flare__job_fn cancel; /* in its place, when the pool stops before */
};

/*
 * Starts no thread yet.  `queue_max` counts jobs that wait for one.  Copies
 * `*al`; what is behind it is used until the pool is free, which after
 * flare__offload_abandon may be at any time.  -ENOMEM.
 */
int flare__offload_new(struct flare__offload **out,
                       const struct flare_allocator *al, uint32_t threads_max,
                       uint32_t queue_max);

/*
 * Queues a job; jobs begin in the order they came.  FLARE_E_OVERLOADED if
 * queue_max wait; FLARE_E_STOPPED; -EAGAIN if not even one thread can be had:
 * the job is still the caller's.  Thread: any.
 */
FLARE_MUST_USE
int flare__offload_submit(struct flare__offload *pool, struct flare__job *job);

/*
 * Ends it: cancels the jobs that wait, from within, and waits for those that
 * run.  Submitting stays harmless.  Once, or never; not from a job.
 */
void flare__offload_stop(struct flare__offload *pool);

/* Stops it if that has not been done.  Accepts NULL. */
void flare__offload_free(struct flare__offload *pool);

/*
 * Ends it without waiting for a job: cancels those that wait, from within;
 * those that run go on, and the last thread to end frees the pool.  Nobody else
 * may touch it from this call on, and a running job must know by itself that
 * what it works for is gone.  Instead of the two above; not from a job. Accepts
 * NULL.
 */
void flare__offload_abandon(struct flare__offload *pool);

#endif
