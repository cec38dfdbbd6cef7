/* SPDX-License-Identifier: MIT */
/* See file.h. */
#include "net/file.h"

#include "base/assert.h"
#include "net/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_FLAGS = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY };

/* ---- below a root ---- */

static int file_openat(int fd, const char *name, int flags)
{
    int got;

    do
        got = openat(fd, name, flags);
    while (got < 0 && errno == EINTR);
    return got >= 0 ? got : -errno;
}

/* Where the system cannot: component by component, and no link. */
static int file_walk(const struct flare__root *root, const char *path)
{
    int at = root->fd, next;
    char name[NAME_MAX + 1];
    const char *slash;

    while ((slash = strchr(path, '/')) != NULL) {
        size_t len = (size_t)(slash - path);

        next = -ENAMETOOLONG;
        if (len <= NAME_MAX) {
            memcpy(name, path, len);
            name[len] = '\0';
            next = flare__os_open_place(at, name, O_NOFOLLOW);
        }
        if (at != root->fd)
            flare__file_close(at);
        if (next < 0)
            return next;
        at = next;
        path = slash + 1;
    }
    next = file_openat(at, path, FILE_FLAGS | O_NOFOLLOW);
    if (at != root->fd)
        flare__file_close(at);
    return next;
}

int flare__root_open(struct flare__root *root, const char *path,
                     bool has_symlinks)
{
    int fd = flare__os_open_place(AT_FDCWD, path, 0);
    int probe;

    if (fd < 0)
        return fd;
    *root = (struct flare__root){.fd = fd, .has_symlinks = has_symlinks};
    probe = flare__os_open_beneath(fd, ".", FILE_FLAGS, has_symlinks);
    root->can_resolve = probe != -ENOSYS && probe != -EPERM;
    flare__file_close(probe);
    return 0;
}

void flare__root_close(struct flare__root *root)
{
    flare__file_close(root->fd);
    root->fd = -1;
}

int flare__root_find(const struct flare__root *root, const char *path,
                     struct flare__file_facts *facts)
{
    int fd, rc;

    FLARE_ASSERT(path[0] != '/');
    if (path[0] == '\0')
        path = ".";
    fd = root->can_resolve ? flare__os_open_beneath(root->fd, path, FILE_FLAGS,
                                                    root->has_symlinks)
                           : file_walk(root, path);
    if (fd < 0)
        return fd;
    rc = flare__file_facts(fd, facts);
    if (rc < 0) {
        flare__file_close(fd);
        return rc;
    }
    return fd;
}

/* ---- facts ---- */

/* Some file systems hold any number: what does not fit is the year 2255. */
static int64_t file_ns(struct timespec t)
{
    const int64_t max = INT64_C(9000000000);
    int64_t s = t.tv_sec > max ? max : t.tv_sec < -max ? -max : t.tv_sec;

    return s * 1000000000 + t.tv_nsec;
}

static void file_facts_of(const struct stat *st,
                          struct flare__file_facts *facts)
{
    *facts = (struct flare__file_facts){
        .kind = S_ISREG(st->st_mode)   ? FLARE__FILE_REGULAR
                : S_ISDIR(st->st_mode) ? FLARE__FILE_DIRECTORY
                : S_ISLNK(st->st_mode) ? FLARE__FILE_LINK
                                       : FLARE__FILE_OTHER,
        .size = (uint64_t)st->st_size,
        .inode = (uint64_t)st->st_ino,
        .device = (uint64_t)st->st_dev,
        .modified_ns = file_ns(st->st_mtim),
        .changed_ns = file_ns(st->st_ctim),
    };
}

int flare__file_facts(int fd, struct flare__file_facts *facts)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    file_facts_of(&st, facts);
    return 0;
}

int flare__file_look(int fd, const char *name, struct flare__file_facts *facts)
{
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    file_facts_of(&st, facts);
    return 0;
}

/* ---- contents ---- */

static bool file_is_dots(const char *name)
{
    return name[0] == '.' &&
           (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* What flare__file_names was called with. */
struct file_namer {
    int (*on_name)(void *ctx, struct flare_str name);
    void *ctx;
};

static int file_on_name(void *ctx, const char *name)
{
    const struct file_namer *namer = ctx;

    return file_is_dots(name) ? 0 : namer->on_name(namer->ctx, flare_str(name));
}

int flare__file_names(int fd, int (*on_name)(void *ctx, struct flare_str name),
                      void *ctx)
{
    struct file_namer namer = {on_name, ctx};

    return flare__os_names(fd, file_on_name, &namer);
}

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

int flare__file_write(int fd, struct flare_str *bytes)
{
    while (bytes->len > 0) {
        ssize_t put = write(fd, bytes->ptr, bytes->len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        bytes->ptr += put;
        bytes->len -= (size_t)put;
    }
    return 0;
}

void flare__file_close(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* only read from */
}
