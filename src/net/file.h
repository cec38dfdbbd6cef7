/* SPDX-License-Identifier: MIT */
/*
 * Regular files and directories: what the server asks of them beside sending.
 *
 * A root is a directory below which names are looked up and never above: by
 * openat2 with RESOLVE_BENEATH (Linux 5.6), else component by component, each
 * opened without following links.
 */
#ifndef FLARE__NET_FILE_H
#define FLARE__NET_FILE_H

#include <flare/error.h>

enum flare__file_kind {
    FLARE__FILE_REGULAR,
    FLARE__FILE_DIRECTORY,
    FLARE__FILE_LINK, /* of flare__file_look only */
    FLARE__FILE_OTHER
};

struct flare__file_facts {
    enum flare__file_kind kind;
    uint64_t size;
    uint64_t inode;
    uint64_t device;
    int64_t modified_ns; /* since 1970 */
    int64_t changed_ns;  /* ctime: contents or attributes, not to be faked */
};

struct flare__root {
    int fd;            /* -1: closed */
    bool can_resolve;  /* the kernel has openat2 */
    bool has_symlinks; /* followed, as long as they stay below */
};

/* Opens a directory as root.  -errno. */
FLARE_MUST_USE
int flare__root_open(struct flare__root *root, const char *path,
                     bool has_symlinks);
void flare__root_close(struct flare__root *root);

/*
 * Opens `path` below the root to be read, and fills `facts`.  The path is
 * relative, without empty segments, "." and ".."; "" is the root itself.  Never
 * waits for a FIFO or a device.  Returns the descriptor, or -errno: -ENOENT,
 * -ENOTDIR, -ELOOP (a link that is not followed), -EXDEV (one that leaves).
 */
FLARE_MUST_USE
int flare__root_find(const struct flare__root *root, const char *path,
                     struct flare__file_facts *facts);

/* -errno. */
FLARE_MUST_USE
int flare__file_facts(int fd, struct flare__file_facts *facts);

/* Of an entry of directory `fd`; a link is not followed.  -errno. */
FLARE_MUST_USE
int flare__file_look(int fd, const char *name, struct flare__file_facts *facts);

/*
 * Gives the names in directory `fd`, but "." and "..", to `on_name` in no order
 * until there are no more or it returns other than 0, which is then returned.
 * Else 0 or -errno.
 */
FLARE_MUST_USE
int flare__file_names(int fd, int (*on_name)(void *ctx, struct flare_str name),
                      void *ctx);

/*
 * Reads `len` bytes at `offset` into `out`.  Returns how many there were, less
 * only at the file's end, or -errno.
 */
FLARE_MUST_USE
int64_t flare__file_read(int fd, char *out, size_t len, uint64_t offset);

/*
 * Writes all of `bytes` at the descriptor's position and advances the slice
 * past what was written, also on failure.  0 or -errno.
 */
FLARE_MUST_USE
int flare__file_write(int fd, struct flare_str *bytes);

/* Nothing for -1. */
void flare__file_close(int fd);

#endif
