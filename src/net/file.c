/* SPDX-License-Identifier: MIT */
/* See file.h. */
#include "net/file.h"

#include "base/assert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    FILE_FLAGS = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
    FILE_STEP_FLAGS = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    /* A rename elsewhere in the tree may make the kernel ask for another try
     * (openat2(2), EAGAIN). */
    FILE_TRIES_MAX = 16,
    FILE_NAMES_BYTES = 8192 /* of directory entries read at once */
};

/* linux/openat2.h, which headers before Linux 5.6 lack. */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

struct file_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};

#define FILE_NO_MAGICLINKS UINT64_C(0x02)
#define FILE_NO_SYMLINKS UINT64_C(0x04)
#define FILE_BENEATH UINT64_C(0x08)

/* ---- below a root ---- */

static int file_resolve(const struct flare__root *root, const char *path)
{
    struct file_how how = {
        .flags = FILE_FLAGS,
        .resolve = FILE_BENEATH | FILE_NO_MAGICLINKS |
                   (root->has_symlinks ? 0 : FILE_NO_SYMLINKS),
    };

    for (int tries = 0; tries < FILE_TRIES_MAX; tries++) {
        long fd = syscall(SYS_openat2, root->fd, path, &how, sizeof(how));

        if (fd >= 0)
            return (int)fd;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
    return -EAGAIN;
}

static int file_openat(int fd, const char *name, int flags)
{
    int got;

    do
        got = openat(fd, name, flags);
    while (got < 0 && errno == EINTR);
    return got >= 0 ? got : -errno;
}

/* The same without openat2. */
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
            next = file_openat(at, name, FILE_STEP_FLAGS);
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
    int fd = file_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int probe;

    if (fd < 0)
        return fd;
    *root = (struct flare__root){.fd = fd, .has_symlinks = has_symlinks};
    probe = file_resolve(root, ".");
    /* ENOSYS before Linux 5.6, EPERM where a filter does not know it */
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
    fd = root->can_resolve ? file_resolve(root, path) : file_walk(root, path);
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

int flare__file_names(int fd, int (*on_name)(void *ctx, struct flare_str name),
                      void *ctx)
{
    _Alignas(struct dirent64) char block[FILE_NAMES_BYTES];

    for (;;) {
        ssize_t got = getdents64(fd, block, sizeof(block));

        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry =
                (const struct dirent64 *)(const void *)(block + at);
            int rc = 0;

            if (!file_is_dots(entry->d_name))
                rc = on_name(ctx, flare_str(entry->d_name));
            if (rc != 0)
                return rc;
            at += entry->d_reclen;
        }
    }
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

void flare__file_close(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* only read from */
}
