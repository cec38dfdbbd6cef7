/* SPDX-License-Identifier: MIT */
/*
 * What the streams of one loop share: their memory, and chunks for what they
 * send.  Made with the first of them, ends with the loop.
 *
 * Bytes that are written while they are being delivered need no copy: their
 * lease is kept until they are sent.  Only as many are as the pool can do
 * without (a quarter of it), since the leases of a peer that does not read
 * come back late.
 */
#ifndef FLARE__TCP_HOME_H
#define FLARE__TCP_HOME_H

#include "base/slab.h"
#include "net/loop.h"
#include "net/out.h"
#include "net/wire.h"

enum {
    FLARE__HOME_STREAMS_MAX = 1 << 24,
    FLARE__HOME_KEPT_MAX = 64, /* leases */
    /* Fewer bytes than these are copied: it is cheaper. */
    FLARE__HOME_KEEP_BYTES = 2048
};

struct flare__home;

/* A lease on its way out. */
struct flare__kept {
    struct flare__out_chunk chunk; /* first: nothing is behind its head */
    struct flare__home *home;
    struct flare__kept *next; /* while it is free */
    uint32_t lease;
};

struct flare__home {
    struct flare__out_pool pool;
    struct flare__slab streams;
    struct flare_loop *loop;
    /* The lease that is being delivered; len 0: none that could be kept. */
    struct flare_str delivered;
    uint32_t lease;
    struct flare__kept *kept_free;
    struct flare__kept kept[FLARE__HOME_KEPT_MAX];
};

/* The loop's; NULL: no memory. */
struct flare__home *flare__home_of(struct flare_loop *loop);

/*
 * A chunk of `bytes` that keeps the lease they lie in; NULL: they lie in none
 * that is being delivered, or it is better to copy them.
 */
struct flare__out_chunk *flare__home_keep(struct flare__home *home,
                                          struct flare_str bytes);

/* `data` of `lease` is delivered from now on, until flare__home_delivered. */
static inline void flare__home_deliver(struct flare__home *home,
                                       struct flare_str data, uint32_t lease)
{
    home->delivered = data;
    home->lease = lease;
}

/* Whether the lease is still the caller's: nobody has kept it. */
static inline bool flare__home_delivered(struct flare__home *home)
{
    bool is_ours = home->delivered.len != 0;

    home->delivered.len = 0;
    return is_ours;
}

#endif
