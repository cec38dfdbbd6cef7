/* SPDX-License-Identifier: MIT */
/*
 * Which backend runs: the option, else FLARE_BACKEND in the environment, else
 * the first of the ladder (uring, epoll; kqueue on BSD and macOS) that really
 * works here.
 *
 * What was asked for by name is opened or the call fails: it is never replaced
 * by another, and no system call of another is made.  Only the ladder falls
 * back, with one line to the log; flare_build_info() tells it later.
 */
#ifndef FLARE__NET_CHOOSE_H
#define FLARE__NET_CHOOSE_H

#include <flare/info.h>

#include "backends/backend.h"

/*
 * Opens a backend for the calling thread.  `wanted`: a name, or NULL, "" or
 * "auto" for no wish; FLARE_BACKEND likewise.
 *
 * 0; FLARE_E_BAD_CONFIG for a name that no build has;
 * FLARE_E_BACKEND_UNAVAILABLE if it, or none of the ladder, works here.  `why`
 * (may be NULL) then says which and why; `*out` and `*b` are untouched.
 */
FLARE_MUST_USE
int flare__backend_choose(const struct flare__backend_ops **out,
                          struct flare__backend **b, const char *wanted,
                          const struct flare__backend_config *config,
                          struct flare_error *why);

/*
 * For a single connection: the same with no wish but FLARE_BACKEND, and from
 * the ladder what costs least to open (epoll, kqueue; uring last).  `why` tells
 * of the first refusal.
 */
FLARE_MUST_USE
int flare__backend_choose_cheap(const struct flare__backend_ops **out,
                                struct flare__backend **b,
                                const struct flare__backend_config *config,
                                struct flare_error *why);

#endif
