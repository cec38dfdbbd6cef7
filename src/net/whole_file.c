/* SPDX-License-Identifier: MIT */
/* See whole_file.h. */
#include "net/whole_file.h"

#include "base/alloc.h"
#include "net/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of all that was asked for; the file may have grown or shrunk meanwhile. */
static int read_all(int fd, char *out, size_t size, size_t *len)
{
    *len = 0;
    while (*len < size) {
        ssize_t got = read(fd, out + *len, size - *len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        *len += (size_t)got;
    }
    return 0;
}

static int read_open(const struct flare_allocator *al, int fd, size_t len_max,
                     char **out, size_t *len)
{
    struct stat st;
    char *bytes;
    int rc;

    *out = NULL;
    *len = 0;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if ((uint64_t)st.st_size > len_max)
        return -EFBIG;
    if (st.st_size == 0)
        return 0;
    bytes = flare__alloc(al, (size_t)st.st_size);
    if (bytes == NULL)
        return -ENOMEM;
    rc = read_all(fd, bytes, (size_t)st.st_size, len);
    if (rc < 0 || *len == 0) {
        flare__free(al, bytes);
        return rc;
    }
    *out = bytes;
    return 0;
}

int flare__whole_file_read(const struct flare_allocator *al, const char *path,
                           size_t len_max, char **out, size_t *len)
{
    /* NONBLOCK: a FIFO's other end is not waited for */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    int rc;

    if (fd < 0)
        return -errno;
    rc = read_open(al, fd, len_max, out, len);
    (void)close(fd); /* nothing was written */
    return rc;
}

/* Until it is on the disk: a name that is given before may outlive a crash that
 * the content does not. */
static int write_through(int fd, struct flare_str bytes)
{
    int rc = flare__file_write(fd, &bytes);

    if (rc == 0 && fsync(fd) < 0)
        rc = -errno;
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    return rc;
}

int flare__whole_file_replace(const struct flare_allocator *al,
                              const char *path, struct flare_str bytes)
{
    enum { LETTERS = 6 }; /* that mkostemp(3) chooses */
    size_t len = strlen(path);
    char *beside = flare__alloc(al, len + 1 + LETTERS + 1);
    int fd, rc;

    if (beside == NULL)
        return -ENOMEM;
    memcpy(beside, path, len);
    beside[len] = '.';
    memset(beside + len + 1, 'X', LETTERS);
    beside[len + 1 + LETTERS] = '\0';
    fd = mkostemp(beside, O_CLOEXEC); /* 0600 */
    if (fd < 0) {
        rc = -errno;
        flare__free(al, beside);
        return rc;
    }
    rc = write_through(fd, bytes);
    if (rc == 0 && rename(beside, path) < 0)
        rc = -errno;
    if (rc < 0)
        (void)unlink(beside); /* the first error is the one to be told */
    flare__free(al, beside);
    return rc;
}
