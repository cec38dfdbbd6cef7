/* SPDX-License-Identifier: MIT */
/*
 * Work that blocks, off the loop: a query, a slow file, a computation.  The
 * server has a pool of threads for it (offload_threads, offload_queue_max of
 * its configuration), which no program that does not ask for it ever starts.
 */
#ifndef FLARE_OFFLOAD_H
#define FLARE_OFFLOAD_H

#include <flare/handler.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Runs `work(ctx)` on a thread of the pool, then `done` on the request's loop,
 * which gives the answer or a part of it as after flare_later_answer.  The
 * handler returns FLARE_LATER.  `work` must not touch the request.
 *
 * Borrows `ctx` until `done` is called, which happens exactly once, whatever
 * becomes of the request: with NULL for both if the peer has left, or the
 * server has ended (from another thread then; work that had not begun does not
 * run any more).  It is where ctx is freed.
 *
 * Returns 0; FLARE_E_OVERLOADED (a 503) if offload_queue_max jobs wait;
 * FLARE_E_ALREADY_ANSWERED after the answer or while a promise is open;
 * FLARE_E_STOPPED; -EAGAIN without a thread; -ENOMEM.  Then neither is called.
 *
 * The end of the server waits for work that runs, however long it takes.
 */
FLARE_API FLARE_MUST_USE int flare_offload(flare_res *res,
                                           void (*work)(void *ctx),
                                           flare_later_fn done, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
