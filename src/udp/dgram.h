/* SPDX-License-Identifier: MIT */
/*
 * The blocking form of a datagram socket: one of the other form that is asked
 * instead of calling (flare__udp_pull), on a loop of its own.
 */
#ifndef FLARE__UDP_DGRAM_H
#define FLARE__UDP_DGRAM_H

#include <flare/udp.h>

/*
 * As flare_dgram_open, on a loop that is there: taken on success, and released
 * with it.  For tests in the simulated network too.
 */
FLARE_MUST_USE
int flare__dgram_open_on(struct flare_loop *loop, flare_dgram **out,
                         struct flare_str address,
                         const struct flare_udp_options *options,
                         struct flare_error *err);

#endif
