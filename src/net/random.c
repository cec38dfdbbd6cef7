/* SPDX-License-Identifier: MIT */
/*
 * getentropy: glibc 2.25, musl, the BSDs, macOS.  Up to 256 bytes come whole or
 * not at all, once the kernel's pool is ready.
 */
#include "net/random.h"

#include <errno.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

int flare__random(void *out, size_t size)
{
    return getentropy(out, size) < 0 ? -errno : 0;
}
