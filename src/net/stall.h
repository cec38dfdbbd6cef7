/* SPDX-License-Identifier: MIT */
/*
 * Whether the peer of a socket takes what is sent to it (FAILURES R03).
 *
 * What it has taken is what it acknowledged, and only the system knows that: a
 * kernel holds megabytes of a send that is long done for us, and asks for more
 * only when a third of them is gone.  So while a send is in flight the kernel
 * is looked at, four times in the time that a peer may take nothing.  A send
 * that is done sooner costs a store.  A stall is seen a quarter late at most,
 * never early.
 */
#ifndef FLARE__NET_STALL_H
#define FLARE__NET_STALL_H

#include <flare/base.h>

#include "net/loop.h"

enum { FLARE__STALL_LOOKS = 4, FLARE__STALL_NOT_LOOKED = UINT8_MAX };

struct flare__stall {
    uint64_t look_ms;   /* when to look next; UINT64_MAX: no send in flight */
    uint32_t taken;     /* of that send, at the last look; modulo 2^32 */
    uint8_t idle_looks; /* those that saw nothing taken, in a row */
};

static inline void flare__stall_end(struct flare__stall *stall)
{
    stall->look_ms = UINT64_MAX;
}

/* A send has been started; FLARE_UNLIMITED is as long as it likes. */
static inline void flare__stall_start(struct flare__stall *stall,
                                      uint64_t now_ms, uint32_t timeout_ms)
{
    stall->idle_looks = FLARE__STALL_NOT_LOOKED;
    stall->look_ms = timeout_ms == FLARE_UNLIMITED
                         ? UINT64_MAX
                         : now_ms + (timeout_ms + FLARE__STALL_LOOKS - 1u) /
                                        FLARE__STALL_LOOKS;
}

/* At `look_ms` or later: whether `sock`, with a send in flight, is stalled. */
FLARE_MUST_USE
bool flare__stall_look(struct flare__stall *stall, struct flare_loop *loop,
                       struct flare__sock *sock, uint32_t timeout_ms);

#endif
