/* SPDX-License-Identifier: MIT */
/*
 * Loops that are not a server's: those of the public flare_loop_new, and the
 * small one inside a blocking object.  What they have in common with a worker's
 * is net/loop.h.
 */
#ifndef FLARE__NET_USER_LOOP_H
#define FLARE__NET_USER_LOOP_H

#include "net/loop.h"

struct flare__offload;

/*
 * A small loop for one blocking object: 8 queue entries, 4 leases of 16 KiB.
 * What FLARE_BACKEND names, else epoll, else kqueue, else uring: a ring costs
 * more to make than one connection gains by it.  Borrows `al`, NULL: malloc.
 *
 * 0; -ENOMEM; FLARE_E_BAD_CONFIG, FLARE_E_BACKEND_UNAVAILABLE as
 * flare__backend_choose; `err` (may be NULL) says why.  Release it with
 * flare_loop_free.  Thread: the one that calls is the owner.
 */
FLARE_MUST_USE
int flare__loop_private(struct flare_loop **out,
                        const struct flare_allocator *al,
                        struct flare_error *err);

/*
 * The loop's own threads for calls that block, made when first asked for; they
 * end with the loop.  Borrowed.  NULL: no memory.
 */
struct flare__offload *flare__loop_offload(struct flare_loop *loop);

#endif
