/* SPDX-License-Identifier: MIT */
/* The loop of a worker, as seen from other threads. */
#ifndef FLARE_LOOP_H
#define FLARE_LOOP_H

#include <flare/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One thread's event loop; everything on it runs on that thread. */
typedef struct flare_loop flare_loop;

/*
 * Runs `fn(ctx)` on the loop's thread, soon: the one way across threads.  Calls
 * of one thread run in the order it posted them, each exactly once.
 *
 * Returns 0; FLARE_E_MAILBOX_FULL (try later: the loop is not keeping up) or
 * FLARE_E_STOPPED (it never will), and then `fn` does not run.
 * Borrows `ctx` until `fn` has run.  Thread: any, while the loop's server
 * exists.
 */
FLARE_API FLARE_MUST_USE int flare_loop_post(flare_loop *loop,
                                             void (*fn)(void *ctx), void *ctx);

/* The backend's name: "uring", "epoll"; static.  Thread: any. */
FLARE_API const char *flare_loop_backend(const flare_loop *loop);

#ifdef __cplusplus
}
#endif
#endif
