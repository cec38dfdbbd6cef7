/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket frame decoder, fed in pieces out of memory that ends where each
 * piece does, and what it gave as text, so that two runs can be compared.
 * Aborts with a sentence if the decoder does not keep what frame.h promises
 * whatever the bytes: progress, pieces that lie in the input, their order.
 */
#ifndef FLARE__TEST_FRAMES_CHECK_H
#define FLARE__TEST_FRAMES_CHECK_H

#include "ws/frame.h"

/* See tests/ws/frames_table.h for the words. */
struct frames_trace {
    char text[16384]; /* cut off if there is more */
    size_t len;
    uint64_t hash;   /* of every byte that was given */
    size_t consumed; /* bytes, up to an error */
    int rc;          /* the error, or 0 */
    const char *why;
};

/*
 * Decodes a copy of the `len` bytes at `wire`: the `first` of them, then
 * `piece` at a time (1 or more).  Not for two threads.
 */
void frames_decode(struct frames_trace *trace,
                   const struct flare__ws_rules *rules, bool has_deflate,
                   struct flare_str wire, size_t first, size_t piece);

/* NULL, or what differs, but for the bytes consumed. */
const char *frames_differ(const struct frames_trace *a,
                          const struct frames_trace *b);

#endif
