/* SPDX-License-Identifier: MIT */
/*
 * The kernel's form of addresses, and listening sockets: the only system calls
 * on sockets in src/.  Every descriptor is close-on-exec from its birth, every
 * failure closes what it opened and names the address.
 */
#include "net/sock.h"

#include "base/log.h"
#include "net/addr.h"
#include "net/os.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void ip_set(struct flare__addr *addr, const struct flare_addr *value)
{
    const struct flare_ip *ip = &value->ip;
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(value->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(value->port),
                               .sin6_scope_id = ip->zone};

    if (ip->family == FLARE_IP_V4) {
        memcpy(&in.sin_addr, ip->bytes + 12, 4);
        memcpy(&addr->storage, &in, sizeof(in));
        addr->len = sizeof(in);
    } else {
        memcpy(&in6.sin6_addr, ip->bytes, 16);
        memcpy(&addr->storage, &in6, sizeof(in6));
        addr->len = sizeof(in6);
    }
}

static void unix_set(struct flare__addr *addr, const struct flare_addr *value)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&addr->storage;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t room = sizeof(un->sun_path);
    size_t len = value->path_len;

    un->sun_family = AF_UNIX;
    if (value->kind == FLARE_ADDR_ABSTRACT) {
        len = len < room ? len : room - 1; /* behind its NUL */
        memcpy(un->sun_path + 1, value->path, len);
        addr->len = (socklen_t)(head + 1 + len);
        return;
    }
    len = len < room ? len : room;
    memcpy(un->sun_path, value->path, len);
    /* a path ends with its NUL where there is room for one; none: nameless */
    addr->len = (socklen_t)(head + len + (len > 0 && len < room));
}

void flare__addr_set(struct flare__addr *addr, const struct flare_addr *value)
{
    memset(addr, 0, sizeof(*addr));
    switch (value->kind) {
    case FLARE_ADDR_IP:
        ip_set(addr, value);
        break;
    case FLARE_ADDR_UNIX:
    case FLARE_ADDR_ABSTRACT:
        unix_set(addr, value);
        break;
    case FLARE_ADDR_NONE:
        addr->storage.ss_family = AF_UNSPEC;
        addr->len = sizeof(addr->storage.ss_family);
        break;
    }
}

static struct flare_addr unix_get(const struct flare__addr *addr)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&addr->storage;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t len = addr->len > head ? addr->len - head : 0;

    /* the kernel counts the NUL after a path that fills sun_path */
    if (len > sizeof(un->sun_path))
        len = sizeof(un->sun_path);
    return flare__addr_of_unix(un->sun_path, len);
}

struct flare_addr flare__addr_get(const struct flare__addr *addr)
{
    struct flare_addr none = {.kind = FLARE_ADDR_NONE};
    struct flare_ip ip;
    uint8_t bytes[16];

    if (addr->storage.ss_family == AF_INET) {
        const struct sockaddr_in *in =
            (const struct sockaddr_in *)&addr->storage;

        memcpy(bytes, &in->sin_addr, 4);
        ip = flare_ip_v4(bytes);
        return flare__addr_of_ip(&ip, ntohs(in->sin_port));
    }
    if (addr->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 =
            (const struct sockaddr_in6 *)&addr->storage;

        memcpy(bytes, &in6->sin6_addr, 16);
        ip = flare_ip_v6(bytes, in6->sin6_scope_id);
        return flare__addr_of_ip(&ip, ntohs(in6->sin6_port));
    }
    return addr->storage.ss_family == AF_UNIX ? unix_get(addr) : none;
}

int flare__addr_parse(struct flare__addr *addr, struct flare_str text,
                      struct flare_error *err)
{
    struct flare_addr value;
    int rc = flare_addr_parse(&value, text, err);

    if (rc == 0)
        flare__addr_set(addr, &value);
    return rc;
}

void flare__addr_format(const struct flare__addr *addr, char *out, size_t size)
{
    struct flare_addr value = flare__addr_get(addr);

    flare_addr_format(&value, out, size);
}

static int option_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

int flare__sock_open(const struct flare__addr *addr)
{
    int fd = flare__os_socket(addr->storage.ss_family, SOCK_STREAM, 0);
    int rc;

    if (fd < 0)
        return fd;
    if (addr->storage.ss_family == AF_UNIX)
        return fd;
    rc = option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (rc < 0) {
        (void)close(fd); /* never used; the first error is the one to tell */
        return rc;
    }
    return fd;
}

static int listen_options(int fd, int family, unsigned flags)
{
    int rc = 0;

    if (family == AF_UNIX)
        return flags & FLARE__SOCK_REUSEPORT ? -EOPNOTSUPP : 0;
    rc = option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && (flags & FLARE__SOCK_REUSEPORT))
        rc = flare__os_reuse_port(fd);
    if (rc == 0 && family == AF_INET6) /* whatever bindv6only says */
        rc = option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY,
                        (flags & FLARE__SOCK_V6ONLY) != 0);
    return rc;
}

/*
 * Whether `addr` is the file of a Unix socket nobody listens on.  Anything
 * else is left alone: a regular file, a link, a socket that answers.
 */
static bool unix_is_stale(const struct flare__addr *addr)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&addr->storage;
    struct stat st;
    bool is_refused;
    int fd;

    if (addr->storage.ss_family != AF_UNIX || un->sun_path[0] == 0)
        return false;
    if (lstat(un->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    fd = flare__os_socket(AF_UNIX, SOCK_STREAM, FLARE__OS_NONBLOCK);
    if (fd < 0)
        return false;
    is_refused = connect(fd, (const struct sockaddr *)un, addr->len) < 0 &&
                 errno == ECONNREFUSED;
    (void)close(fd); /* a probe: nothing was written */
    return is_refused;
}

static int sock_bind(int fd, const struct flare__addr *addr)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&addr->storage;
    const struct sockaddr *sa = (const struct sockaddr *)&addr->storage;
    int rc = bind(fd, sa, addr->len) < 0 ? -errno : 0;

    if (rc != -EADDRINUSE || !unix_is_stale(addr))
        return rc;
    if (unlink(un->sun_path) < 0 && errno != ENOENT)
        return -errno;
    return bind(fd, sa, addr->len) < 0 ? -errno : 0;
}

int flare__sock_listen(int *fd, struct flare_str text, int backlog,
                       unsigned flags, struct flare_error *err)
{
    struct flare__addr addr;
    char name[FLARE__SOCK_TEXT_MAX];
    int s;
    int rc = flare__addr_parse(&addr, text, err);

    if (rc < 0)
        return rc;
    flare__addr_format(&addr, name, sizeof(name));
    s = flare__sock_open(&addr);
    if (s < 0)
        return flare__error(err, s, "%s: %s", name, flare_strerror(s));

    rc = listen_options(s, addr.storage.ss_family, flags);
    if (rc == 0)
        rc = sock_bind(s, &addr);
    if (rc == 0 && listen(s, backlog > 0 ? backlog : FLARE__SOCK_BACKLOG) < 0)
        rc = -errno;
    if (rc < 0) {
        (void)close(s); /* the first error is the one to tell */
        return flare__error(err, rc, "%s: %s", name, flare_strerror(rc));
    }
    *fd = s;
    return 0;
}

typedef int (*name_fn)(int fd, struct sockaddr *addr, socklen_t *len);

static int sock_name(int fd, struct flare__addr *addr, name_fn fn)
{
    memset(addr, 0, sizeof(*addr));
    addr->len = sizeof(addr->storage);
    return fn(fd, (struct sockaddr *)&addr->storage, &addr->len) < 0 ? -errno
                                                                     : 0;
}

int flare__sock_local(int fd, struct flare__addr *addr)
{
    return sock_name(fd, addr, getsockname);
}

int flare__sock_peer(int fd, struct flare__addr *addr)
{
    return sock_name(fd, addr, getpeername);
}

void flare__sock_unlink(int fd)
{
    struct flare__addr addr;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&addr.storage;

    if (flare__sock_local(fd, &addr) < 0 || addr.storage.ss_family != AF_UNIX ||
        un->sun_path[0] == 0)
        return;
    (void)unlink(un->sun_path); /* another server may have replaced it */
}

int flare__sock_dup(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? -errno : copy;
}

void flare__sock_close(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* nothing of it is left unwritten */
}
