/* SPDX-License-Identifier: MIT */
/* A watch of flare/watch.h whose descriptor is the loop's own. */
#ifndef FLARE__NET_USER_WATCH_H
#define FLARE__NET_USER_WATCH_H

#include <flare/watch.h>

#include "net/loop.h"

/*
 * Attaches `fd`, which is the watch's on success; it waits for nothing yet, see
 * flare_watch_change.  -ENOMEM, and what the backend says.
 */
FLARE_MUST_USE
int flare__watch_adopt(struct flare_loop *loop, struct flare_watch **out,
                       int fd, flare_watch_fn fn, void *ctx);

#endif
