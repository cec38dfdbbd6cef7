/* SPDX-License-Identifier: MIT */
/* The rows of tests/ws/frames_table.h as the bytes that a peer sends. */
#ifndef FLARE__TEST_WS_FRAMES_WIRE_H
#define FLARE__TEST_WS_FRAMES_WIRE_H

#include "tests/ws/frames_table.h"

enum { FRAMES_WIRE_MAX = 160000 };

/*
 * Writes to `out`, of FRAMES_WIRE_MAX bytes, what the peer of a client or a
 * server sends by the row; a client masks with three keys in turn.  Returns
 * the length.
 */
size_t frames_wire(char *out, const struct table_row *row, bool is_client);

#endif
