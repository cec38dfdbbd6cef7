/* SPDX-License-Identifier: MIT */
/* See steer.h.  Without programs of a group: not on Linux. */
#include "net/steer.h"

#include <errno.h>

int flare__steer(int fd, const bool *is_up, uint32_t count,
                 const struct flare_allocator *al)
{
    (void)fd;
    (void)is_up;
    (void)count;
    (void)al;
    return -EOPNOTSUPP;
}
