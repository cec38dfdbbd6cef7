/* SPDX-License-Identifier: MIT */
/*
 * What the connections of one handler share on one loop: its numbers with their
 * defaults, the rules of their frames.  Made when the first is accepted, kept
 * until the loop closes.  One per handler, so their number is the program's.
 */
#ifndef FLARE__WS_END_H
#define FLARE__WS_END_H

#include <flare/ws.h>

#include "http/upgrade.h"
#include "ws/extension.h"
#include "ws/frame.h"

struct flare__ws_end {
    struct flare__guest_kind kind; /* first: guests lead here */
    struct flare__ws_end *next;
    const struct flare_ws_handler *handler; /* borrowed */
    struct flare_stats *counters; /* of the worker; a client's: nobody's */
    struct flare__ws_rules rules;
    /* Where compression was agreed on: what cannot be compressed gets longer,
     * by less than a 64th, and that is not the message's length. */
    struct flare__ws_rules deflate_rules;
    struct flare__ws_deflate_params wish; /* of permessage-deflate */
    uint32_t queue_max;
    uint32_t queue_high;
    uint32_t queue_low;
    uint32_t ping_interval_ms; /* FLARE_UNLIMITED: none */
    uint32_t pong_timeout_ms;
    uint32_t close_timeout_ms;
    uint32_t deflate_min_bytes;
    uint8_t deflate_level;
};

/*
 * Fills all but `kind`, `next` and the rules' allocators.  0, or
 * FLARE_E_BAD_CONFIG with the culprit in `err` (may be NULL).
 */
FLARE_MUST_USE
int flare__ws_end_resolve(struct flare__ws_end *end,
                          const struct flare_ws_handler *handler,
                          struct flare_error *err);

/*
 * The end of `handler` on that loop, whose connections take memory of `al`: of
 * a server, or of clients that live in `host`.  It counts where nobody looks
 * until a server says where.  FLARE_E_BAD_CONFIG, -ENOMEM.
 */
FLARE_MUST_USE
int flare__ws_end_of(struct flare__ws_end **out, struct flare_loop *loop,
                     const struct flare_ws_handler *handler,
                     const struct flare_allocator *al,
                     const struct flare__guest_host *host);

#endif
