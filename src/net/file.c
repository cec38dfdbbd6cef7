/* SPDX-License-Identifier: MIT */
/* See file.h. */
#include "net/file.h"

#include <errno.h>
#include <unistd.h>

int64_t flare__file_read(int fd, char *out, size_t len, uint64_t offset)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = pread(fd, out + got, len - got, (off_t)(offset + got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (int64_t)got;
}

void flare__file_close(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* only read from */
}
