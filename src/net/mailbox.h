/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of calls for one loop from any thread, without locks.
 * Every call that was accepted runs exactly once, in the order of each
 * poster; after `close` posting is refused.
 */
#ifndef FLARE__NET_MAILBOX_H
#define FLARE__NET_MAILBOX_H

#include <flare/alloc.h>
#include <flare/error.h>

typedef void (*flare__post_fn)(void *ctx);

struct flare__mailbox; /* aligned so that posters and the loop share no line */

/* `capacity` is a power of two, 2 to 2^20.  -ENOMEM. */
int flare__mailbox_new(struct flare__mailbox **out,
                       const struct flare_allocator *al, uint32_t capacity);

/* No poster may be left.  Accepts NULL. */
void flare__mailbox_free(struct flare__mailbox *m);

/*
 * Thread: any.  Returns 1 if the loop must be woken (it sleeps and nobody has
 * woken it yet), 0 if not, FLARE_E_MAILBOX_FULL or FLARE_E_STOPPED.
 */
FLARE_MUST_USE
int flare__mailbox_post(struct flare__mailbox *m, flare__post_fn fn, void *ctx);

/* Owner.  Runs at most `budget` calls; returns how many ran. */
uint32_t flare__mailbox_drain(struct flare__mailbox *m, uint32_t budget);

/* Owner.  Whether no call is waiting, nor about to. */
bool flare__mailbox_is_empty(struct flare__mailbox *m);

/*
 * Owner, before it waits: true if it may sleep (posters will say 1 from now
 * on), false if calls are waiting.  `awake` ends it.
 */
bool flare__mailbox_sleep(struct flare__mailbox *m);
void flare__mailbox_awake(struct flare__mailbox *m);

/* Owner.  Refuses later posts; what was accepted is still to be drained. */
void flare__mailbox_close(struct flare__mailbox *m);

#endif
