/* SPDX-License-Identifier: MIT */
/*
 * Keys of a client's frames: four bytes nobody can guess, new for each frame
 * (RFC 6455 sections 5.3, 10.3; FAILURES W23).  The system is asked for many at
 * a time.  Each is used once, also by a process that was forked in between.
 */
#ifndef FLARE__WS_KEYS_H
#define FLARE__WS_KEYS_H

#include <flare/error.h>

#include <stdint.h>

enum { FLARE__WS_KEYS_BYTES = 256 /* the most that flare__random gives */ };

/* Zero: none is there. */
struct flare__ws_keys {
    uint32_t left; /* bytes, at the end */
    uint32_t forks;
    char bytes[FLARE__WS_KEYS_BYTES];
};

/* The next.  0, or -errno of flare__random. */
FLARE_MUST_USE
int flare__ws_keys_take(struct flare__ws_keys *keys, char out[4]);

#endif
