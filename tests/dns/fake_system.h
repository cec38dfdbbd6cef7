/* SPDX-License-Identifier: MIT */
/*
 * A getaddrinfo that answers what a test tells it, as slowly as the test likes;
 * and a count of what the library takes from malloc itself, which is where the
 * memory comes from that outlives a loop.
 *
 * For programs linked with --wrap of getaddrinfo, freeaddrinfo, flare__alloc,
 * flare__calloc, flare__realloc and flare__free.  Thread: any.
 */
#ifndef FLARE__TEST_FAKE_SYSTEM_H
#define FLARE__TEST_FAKE_SYSTEM_H

#include "tests/support/fault.h"

#include <netdb.h>

/* What the next calls say. */
struct fake_system {
    int eai;
    int number;             /* errno beside it */
    const char *const *ips; /* as inet_pton has them, "%1" for a zone */
    int count;
};

/* Starts anew: no calls seen, the gate open. */
void fake_system_set(const struct fake_system *script);

/* Says one address. */
void fake_system_one(const char *ip);

int fake_system_calls(void);
const char *fake_system_name(void);      /* of the last call */
struct addrinfo fake_system_hints(void); /* of the last call */

/* Calls wait inside until the gate is open again. */
void fake_gate_close(void);
void fake_gate_open(void);
void fake_gate_await(int inside);
int fake_gate_inside(void);

/* Blocks from malloc that are live. */
int fake_live_blocks(void);
void fake_live_await_none(void);

/* From now on these allocations are sites too; NULL: no more. */
void fake_fault(struct fault *f);

#endif
