/* SPDX-License-Identifier: MIT */
/*
 * What the streams of one loop share: their memory, and chunks for what they
 * send.  Made with the first of them, ends with the loop.
 */
#ifndef FLARE__TCP_HOME_H
#define FLARE__TCP_HOME_H

#include "base/slab.h"
#include "net/loop.h"
#include "net/out.h"

enum { FLARE__HOME_STREAMS_MAX = 1 << 24 };

struct flare__home {
    struct flare__out_pool pool;
    struct flare__slab streams;
};

/* The loop's; NULL: no memory. */
struct flare__home *flare__home_of(struct flare_loop *loop);

#endif
