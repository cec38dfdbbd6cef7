/* SPDX-License-Identifier: MIT */
/*
 * Which sockets of a SO_REUSEPORT group get new connections.  By itself the
 * kernel spreads over all, also over those that nobody accepts from.
 *
 * A classic BPF program of the group chooses one of those that are up, at
 * random; a socket's number in it is the order of listen(2).  Linux 4.6, and
 * 5.3 to take it away again.
 */
#ifndef FLARE__NET_STEER_H
#define FLARE__NET_STEER_H

#include <flare/alloc.h>

/*
 * Only those of `count` (2 to 1024) sockets whose `is_up` is set; with all or
 * none up the kernel's own way.  `fd` is any of the group.  -ENOMEM, -errno:
 * as before.
 */
FLARE_MUST_USE
int flare__steer(int fd, const bool *is_up, uint32_t count,
                 const struct flare_allocator *al);

#endif
