/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite's other side on real sockets: TCP over 127.0.0.1, with
 * small buffers, so that a few kilobytes already meet a full one.
 */
#include "tests/backends/conformance.h"

#include "net/sock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SEND_BYTES = 16384, RECV_BYTES = 32768, SEGMENT_BYTES = 1400 };

struct conf_world {
    struct flare__addr refused;
    int refused_fd; /* bound, and not listening */
    struct rlimit files;
};

struct conf_peer {
    int fd;
};

static struct conf_world *world_open(char *why)
{
    struct conf_world *w = calloc(1, sizeof(*w));
    const struct sockaddr *sa;
    int rc;

    ck_assert_ptr_nonnull(w);
    (void)why;
    rc = flare__addr_parse(&w->refused, FLARE_STR("127.0.0.1:0"), NULL);
    ck_assert_int_eq(rc, 0);
    sa = (const struct sockaddr *)&w->refused.storage;
    w->refused_fd = flare__sock_open(&w->refused);
    ck_assert_int_ge(w->refused_fd, 0);
    ck_assert_int_eq(bind(w->refused_fd, sa, w->refused.len), 0);
    rc = flare__sock_local(w->refused_fd, &w->refused);
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &w->files), 0);
    return w;
}

static void world_close(struct conf_world *w)
{
    close(w->refused_fd);
    free(w);
}

static void buffer_shrink(int fd, int option, int size)
{
    const int segment = SEGMENT_BYTES;
    int rc = setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size));

    ck_assert_int_eq(rc, 0);
    /* bbr paces by what a slow reader took: minutes for 8 MiB */
    rc = setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    ck_assert_int_eq(rc, 0);
    rc = setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
    ck_assert_int_eq(rc, 0);
}

static int kernel_listen(struct conf_world *w, int backlog,
                         struct sockaddr_storage *addr, socklen_t *len)
{
    struct flare__addr local;
    struct flare_error err;
    int fd = -1;
    int rc =
        flare__sock_listen(&fd, FLARE_STR("127.0.0.1:0"), backlog, 0, &err);

    (void)w;
    ck_assert_msg(rc == 0, "%s", err.text);
    buffer_shrink(fd, SO_SNDBUF, SEND_BYTES); /* accepted sockets inherit it */
    rc = flare__sock_local(fd, &local);
    ck_assert_int_eq(rc, 0);
    *addr = local.storage;
    *len = local.len;
    return fd;
}

static int kernel_socket(struct conf_world *w)
{
    return flare__sock_open(&w->refused);
}

static void kernel_refused(struct conf_world *w, struct sockaddr_storage *addr,
                           socklen_t *len)
{
    *addr = w->refused.storage;
    *len = w->refused.len;
}

static int kernel_foreign(struct conf_world *w)
{
    (void)w;
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void kernel_foreign_set(struct conf_world *w, int fd, bool is_readable)
{
    uint64_t n = 1;

    (void)w;
    if (is_readable)
        ck_assert_int_eq(write(fd, &n, sizeof(n)), sizeof(n));
    else
        ck_assert_int_eq(read(fd, &n, sizeof(n)), sizeof(n));
}

static struct conf_peer *peer_connect(struct conf_world *w,
                                      const struct sockaddr_storage *addr,
                                      socklen_t len)
{
    struct conf_peer *p = calloc(1, sizeof(*p));
    int rc;

    (void)w;
    ck_assert_ptr_nonnull(p);
    p->fd =
        socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(p->fd, 0);
    buffer_shrink(p->fd, SO_RCVBUF, RECV_BYTES);
    rc = connect(p->fd, (const struct sockaddr *)addr, len);
    ck_assert(rc == 0 || errno == EINPROGRESS);
    return p;
}

static long io_result(ssize_t n)
{
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    ck_assert_msg(errno == ECONNRESET || errno == EPIPE, "%s", strerror(errno));
    return CONF_RST;
}

static long peer_send(struct conf_peer *p, const void *data, size_t len)
{
    return io_result(send(p->fd, data, len, MSG_NOSIGNAL));
}

static long peer_recv(struct conf_peer *p, void *out, size_t size)
{
    ssize_t n = recv(p->fd, out, size, 0);

    return n == 0 ? CONF_FIN : io_result(n);
}

static void peer_shutdown(struct conf_peer *p)
{
    (void)shutdown(p->fd, SHUT_WR);
}

static void peer_close(struct conf_peer *p, bool is_abort)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (is_abort)
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(p->fd);
    free(p);
}

static uint32_t descriptors(struct conf_world *w)
{
    DIR *dir = opendir("/proc/self/fd");
    uint32_t count = 0;

    (void)w;
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* The limit is a number that no new descriptor may reach. */
static void descriptors_deny(struct conf_world *w, bool is_denied)
{
    struct rlimit files = w->files;

    if (is_denied) {
        int lowest = dup(w->refused_fd);

        ck_assert_int_ge(lowest, 0);
        close(lowest);
        files.rlim_cur = (rlim_t)lowest;
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
}

const struct conf_harness conf_harness_kernel = {
    .open = world_open,
    .close = world_close,
    .listen = kernel_listen,
    .socket = kernel_socket,
    .refused = kernel_refused,
    .foreign = kernel_foreign,
    .foreign_set = kernel_foreign_set,
    .peer_connect = peer_connect,
    .peer_send = peer_send,
    .peer_recv = peer_recv,
    .peer_shutdown = peer_shutdown,
    .peer_close = peer_close,
    .descriptors = descriptors,
    .descriptors_deny = descriptors_deny,
};
