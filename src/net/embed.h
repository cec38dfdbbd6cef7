/* SPDX-License-Identifier: MIT */
/*
 * A loop inside another one: one descriptor that is readable whenever a turn
 * of the loop would do something.
 *
 * It has two reasons, the backend's descriptor and a time for the wheel (struct
 * flare__os_nest).  What neither of them knows is what has been started
 * and not yet submitted, and what waits in the loop's own lists; so after each
 * turn the loop settles: it goes on turning until a turn has done nothing,
 * within bounds, and leaves the mailbox asleep, so that the next post wakes the
 * backend and with it the descriptor.  If the bounds end it before, the time is
 * set to one that has passed.  (Not in that account: files being sent,
 * which no public loop does.)
 */
#ifndef FLARE__NET_EMBED_H
#define FLARE__NET_EMBED_H

#include "net/loop.h"

/* Once, not from a callback.  -ENOTSUP, -ENOMEM, -EMFILE and the like. */
FLARE_MUST_USE int flare__embed_open(struct flare_loop *loop);

/* Nothing if it is not embedded. */
void flare__embed_close(struct flare_loop *loop);

/* Of an embedded loop. */
int flare__embed_fd(const struct flare_loop *loop);

/*
 * After a turn of an embedded loop: see above.  0, or -errno: the backend is
 * broken.
 */
FLARE_MUST_USE int flare__embed_settle(struct flare_loop *loop);

/* Makes it readable, where a turn is due that nothing else tells of. */
void flare__embed_alarm(struct flare_loop *loop);

#endif
