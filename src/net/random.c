/* SPDX-License-Identifier: MIT */
/*
 * getrandom(2), Linux 3.17: up to 256 bytes come whole or not at all, once the
 * kernel's pool is ready.
 */
#include "net/random.h"

#include <errno.h>
#include <sys/random.h>

int flare__random(void *out, size_t size)
{
    ssize_t got;

    do
        got = getrandom(out, size, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    return (size_t)got == size ? 0 : -EIO;
}
