/* SPDX-License-Identifier: MIT */
/*
 * The kernel resolves below the root's descriptor (openat2, Linux 5.6); where
 * it cannot, each component is opened by itself and no link is followed.
 */
#include "tools/serve/root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

bool root_is_served(struct flare_str name)
{
    if (name.len == 0 || name.len > 255 || memchr(name.ptr, '/', name.len) ||
        memchr(name.ptr, '\0', name.len))
        return false;
    if (name.ptr[0] != '.')
        return true;
    if (name.len <= 2 && name.ptr[name.len - 1] == '.')
        return false;
    return serve.dotfiles;
}

/* Adds a segment as it was sent. */
static int path_add(struct root_path *path, struct flare_str raw)
{
    char name[3 * 255 + 1];
    int len =
        flare_percent_decode(FLARE_PERCENT_VALUE, raw, name, sizeof(name));

    if (len < 0)
        return len == -ENOBUFS ? FLARE_E_NOT_FOUND : FLARE_E_BAD_INPUT;
    if (!root_is_served((struct flare_str){name, (size_t)len}))
        return FLARE_E_NOT_FOUND;
    for (int i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F || name[i] == '\\')
            return FLARE_E_BAD_INPUT;
    if (path->len + (size_t)len + 2 > sizeof(path->text))
        return FLARE_E_NOT_FOUND;
    if (path->len > 0)
        path->text[path->len++] = '/';
    memcpy(path->text + path->len, name, (size_t)len);
    path->len += (size_t)len;
    path->text[path->len] = '\0';
    return 0;
}

int root_path_of(struct root_path *path, const flare_req *req)
{
    struct flare_str rest = flare_req_path(req);

    path->len = 0;
    path->text[0] = '\0';
    path->is_directory = rest.ptr[rest.len - 1] == '/';
    rest.ptr++, rest.len--;
    while (rest.len > 0) {
        const char *slash = memchr(rest.ptr, '/', rest.len);
        size_t len = slash != NULL ? (size_t)(slash - rest.ptr) : rest.len;
        int rc = path_add(path, (struct flare_str){rest.ptr, len});

        if (rc < 0)
            return rc;
        len += slash != NULL;
        rest.ptr += len, rest.len -= len;
    }
    return 0;
}

static int open_each(const char *path, int flags)
{
    int at = serve.root_fd;

    for (;;) {
        const char *slash = strchr(path, '/');
        char name[256];
        int fd;

        if (slash == NULL || slash - path >= (int)sizeof(name)) {
            fd = openat(at, path[0] != '\0' ? path : ".", flags);
        } else {
            memcpy(name, path, (size_t)(slash - path));
            name[slash - path] = '\0';
            fd = openat(at, name,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        if (fd < 0)
            fd = -errno;
        if (at != serve.root_fd)
            (void)close(at); /* nothing was written to it */
        if (fd < 0 || slash == NULL)
            return fd;
        at = fd;
        path = slash + 1;
    }
}

int root_open(const char *path, int flags)
{
    flags |= O_CLOEXEC | O_NONBLOCK;
#ifdef SYS_openat2
    struct open_how how = {
        .flags = (unsigned)flags | (serve.symlinks ? 0 : (unsigned)O_NOFOLLOW),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
                   (serve.symlinks ? 0 : RESOLVE_NO_SYMLINKS),
    };
    long fd = syscall(SYS_openat2, serve.root_fd, path[0] ? path : ".", &how,
                      sizeof(how));

    if (fd >= 0)
        return (int)fd;
    if (errno != ENOSYS && errno != EPERM)
        return -errno;
#endif
    return open_each(path, flags | O_NOFOLLOW);
}

int root_open_file(const char *path, struct stat *facts)
{
    int fd = root_open(path, O_RDONLY);

    if (fd < 0)
        return fd;
    if (fstat(fd, facts) == 0 && S_ISREG(facts->st_mode))
        return fd;
    (void)close(fd); /* nothing was written to it */
    return FLARE_E_NOT_FOUND;
}
