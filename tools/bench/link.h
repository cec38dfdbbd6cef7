/* SPDX-License-Identifier: MIT */
/*
 * The stream of a slot, TCP or Unix, with TLS or without: what HTTP and
 * WebSocket have in common.
 */
#ifndef TOOL_BENCH_LINK_H
#define TOOL_BENCH_LINK_H

#include "tools/bench/worker.h"

/* Connects; `handler` is told of the slot, its on_closed is link_on_closed.
 * 0, or an error. */
int link_open(struct slot *slot, const struct flare_stream_handler *handler);

/* Lets go of the stream. */
void link_close(struct slot *slot);
void link_abort(struct slot *slot);

/* Tells the worker what became of it. */
void link_on_closed(flare_stream *stream, int rc, const struct flare_error *err,
                    void *ctx);

/* Writes; what cannot be written any more has ended, or will time out. */
void link_write(struct slot *slot, struct flare_str bytes);

/* What is always the same is kept `depth` times in the worker's block, as far
 * as there is room, so that what is sent at once is one write. */
void link_fill_block(struct worker *w, struct flare_str one);

/* Writes the block's text `count` times. */
void link_send_block(struct slot *slot, uint32_t count);

#endif
