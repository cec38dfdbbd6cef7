/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses and listening sockets: the only system calls on sockets in
 * src/.  Every descriptor is close-on-exec from its birth, every failure
 * closes what it opened and names the address.
 */
#include "net/sock.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int bad_address(struct flare_error *err, struct flare_str text,
                       const char *what)
{
    char shown[160];

    flare__log_escape(shown, sizeof(shown), text);
    return flare__error(err, FLARE_E_BAD_ADDRESS, "address '%s': %s", shown,
                        what);
}

/* 0 to 65535 without leading zeros; -1: something else. */
static int port_parse(struct flare_str text)
{
    int port = 0;

    if (text.len == 0 || text.len > 5 || (text.ptr[0] == '0' && text.len > 1))
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -1;
        port = port * 10 + (text.ptr[i] - '0');
    }
    return port <= UINT16_MAX ? port : -1;
}

/* inet_pton wants a terminator, and stops at a NUL inside. */
static bool host_parse(int family, struct flare_str host, void *out)
{
    char copy[INET6_ADDRSTRLEN];

    if (host.len >= sizeof(copy) || memchr(host.ptr, 0, host.len) != NULL)
        return false;
    memcpy(copy, host.ptr, host.len);
    copy[host.len] = 0;
    return inet_pton(family, copy, out) == 1;
}

static int unix_parse(struct flare__addr *addr, struct flare_str text,
                      struct flare_str path, struct flare_error *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&addr->storage;
    bool is_abstract = path.len > 0 && path.ptr[0] == '@';

    if (path.len < 2 || (path.ptr[0] != '/' && !is_abstract))
        return bad_address(err, text, "not unix:/path or unix:@name");
    if (path.len >= sizeof(un->sun_path))
        return bad_address(err, text, "path is longer than 107 bytes");
    for (size_t i = 0; i < path.len; i++)
        if ((unsigned char)path.ptr[i] <= ' ' || path.ptr[i] == 0x7f)
            return bad_address(err, text, "space or control byte in path");

    memset(addr, 0, sizeof(*addr));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.ptr, path.len);
    if (is_abstract)
        un->sun_path[0] = 0;
    /* an abstract name is all of its length, a path ends with its NUL */
    addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len +
                            (is_abstract ? 0 : 1));
    return 0;
}

static int v6_parse(struct flare__addr *addr, struct flare_str text,
                    struct flare_error *err)
{
    const char *end = memchr(text.ptr, ']', text.len);
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct flare_str host;
    struct flare_str rest;
    int port;

    if (end == NULL)
        return bad_address(err, text, "']' is missing");
    host = (struct flare_str){text.ptr + 1, (size_t)(end - text.ptr - 1)};
    rest = (struct flare_str){end + 1, text.len - host.len - 2};
    if (!host_parse(AF_INET6, host, &in6.sin6_addr))
        return bad_address(err, text, "not an IPv6 address in brackets");
    if (rest.len == 0 || rest.ptr[0] != ':')
        return bad_address(err, text, "':port' is missing");
    port = port_parse((struct flare_str){rest.ptr + 1, rest.len - 1});
    if (port < 0)
        return bad_address(err, text, "port is not a number from 0 to 65535");

    in6.sin6_port = htons((uint16_t)port);
    memset(addr, 0, sizeof(*addr));
    memcpy(&addr->storage, &in6, sizeof(in6));
    addr->len = sizeof(in6);
    return 0;
}

static int v4_parse(struct flare__addr *addr, struct flare_str text,
                    struct flare_error *err)
{
    const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct flare_str host;
    int port;

    if (colon == NULL)
        return bad_address(err, text, "':port' is missing");
    host = (struct flare_str){text.ptr, (size_t)(colon - text.ptr)};
    if (host.len == 0)
        return bad_address(err, text,
                           "host is missing (all of them: 0.0.0.0 or [::])");
    if (!host_parse(AF_INET, host, &in.sin_addr))
        return bad_address(err, text,
                           "not an IPv4 address, an IPv6 one in brackets, or "
                           "unix: (names are not resolved here)");
    port = port_parse((struct flare_str){colon + 1, text.len - host.len - 1});
    if (port < 0)
        return bad_address(err, text, "port is not a number from 0 to 65535");

    in.sin_port = htons((uint16_t)port);
    memset(addr, 0, sizeof(*addr));
    memcpy(&addr->storage, &in, sizeof(in));
    addr->len = sizeof(in);
    return 0;
}

int flare__addr_parse(struct flare__addr *addr, struct flare_str text,
                      struct flare_error *err)
{
    if (text.len >= 5 && memcmp(text.ptr, "unix:", 5) == 0)
        return unix_parse(addr, text,
                          (struct flare_str){text.ptr + 5, text.len - 5}, err);
    if (text.len > 0 && text.ptr[0] == '[')
        return v6_parse(addr, text, err);
    return v4_parse(addr, text, err);
}

static void unix_format(const struct flare__addr *addr, char *out, size_t size)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&addr->storage;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t len = addr->len > head ? addr->len - head : 0;
    char name[2 * sizeof(un->sun_path)];

    if (len > sizeof(un->sun_path))
        len = sizeof(un->sun_path);
    if (len == 0) {
        snprintf(out, size, "unix:");
        return;
    }
    if (un->sun_path[0] != 0) {
        snprintf(out, size, "unix:%.*s", (int)len, un->sun_path);
        return;
    }
    flare__log_escape(name, sizeof(name),
                      (struct flare_str){un->sun_path + 1, len - 1});
    snprintf(out, size, "unix:@%s", name);
}

void flare__addr_format(const struct flare__addr *addr, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (addr->storage.ss_family == AF_INET) {
        const struct sockaddr_in *in =
            (const struct sockaddr_in *)&addr->storage;

        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(out, size, "%s:%u", host, ntohs(in->sin_port));
    } else if (addr->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 =
            (const struct sockaddr_in6 *)&addr->storage;

        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(out, size, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else if (addr->storage.ss_family == AF_UNIX) {
        unix_format(addr, out, size);
    } else {
        snprintf(out, size, "?");
    }
}

static int option_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

int flare__sock_open(const struct flare__addr *addr)
{
    int fd = socket(addr->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
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
        rc = option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
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
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
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
