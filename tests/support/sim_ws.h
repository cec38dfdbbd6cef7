/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket server of ours that echoes, in a world that is not calm, and a
 * peer that says whatever it is given: bytes choose both.
 *
 * Invariants, whatever they are; what breaks one aborts with the world's trace:
 * what comes back is what an independent reader (ws_oracle.h) finds in what was
 * said, all of it unless the world broke the connection, with the close code
 * that is due; each connection is told its end once, and ends; memory has a
 * bound, and none is left.
 */
#ifndef FLARE__TEST_SIM_WS_H
#define FLARE__TEST_SIM_WS_H

#include <stddef.h>
#include <stdint.h>

enum {
    SIM_WS_DEFLATE = 1,
    SIM_WS_FRESH = 2,     /* without context takeover */
    SIM_WS_FRAGMENTS = 4, /* messages are echoed in parts */
    SIM_WS_PAUSES = 8,    /* after each message, for a while */
    SIM_WS_RAW = 16,      /* bytes as they are; else frames are made of them */
    SIM_WS_EARLY = 32,    /* they come with the handshake */
    SIM_WS_LEAVES = 64,   /* with FIN, wherever it is */
    SIM_WS_CALM = 128
};

enum { SIM_WS_SEED = 255 /* as the second byte */ };

/*
 * The first byte says how, by the bits above; the second how many behind it,
 * eight at a time, choose what the world does, or that a seed of eight bytes
 * does; the rest is said.  Without
 * SIM_WS_RAW that is: the first byte of a frame, its length, its payload, and
 * so on.
 *
 * Returns a hash of all that happened: the same for the same bytes.
 */
uint64_t sim_ws_run(const uint8_t *data, size_t size);

#endif
