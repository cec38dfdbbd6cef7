/* SPDX-License-Identifier: MIT */
/* See stall.h. */
#include "net/stall.h"

#include "net/wire.h"

bool flare__stall_look(struct flare__stall *stall, struct flare_loop *loop,
                       struct flare__sock *sock, uint32_t timeout_ms)
{
    int64_t queued = loop->ops->queued(loop->backend, sock);
    uint32_t taken =
        flare__wire_sent(sock) - (uint32_t)(queued < 0 ? 0 : queued);
    bool is_idle =
        stall->idle_looks != FLARE__STALL_NOT_LOOKED && stall->taken == taken;
    uint8_t looks = is_idle ? (uint8_t)(stall->idle_looks + 1) : 0;

    flare__stall_start(stall, loop->now_ms, timeout_ms);
    stall->taken = taken;
    stall->idle_looks = looks;
    return looks >= FLARE__STALL_LOOKS;
}
