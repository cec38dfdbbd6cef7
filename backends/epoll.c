/* SPDX-License-Identifier: MIT */
/*
 * epoll under the readiness core.  Linux 2.6.27 is the floor; epoll_pwait2
 * (5.11) gives nanosecond deadlines, without it they round up to the next
 * millisecond.
 *
 * Sockets are added once, for all edges, and never changed: that is one system
 * call per connection.  Those that are polled are changed: an UDP socket that
 * is registered for output has an edge for each datagram that has left.  The
 * eventfd of `wake` is edge triggered, so that nobody needs to read it.
 */
#include "backends/ready_turn.h"

#include "backends/datagram.h"
#include "backends/fd.h"
#include "backends/record.h"
#include "base/alloc.h"
#include "base/assert.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Edges are what epoll reports, without a translation. */
_Static_assert((int)FLARE__EDGE_IN == (int)EPOLLIN &&
                   (int)FLARE__EDGE_PRI == (int)EPOLLPRI &&
                   (int)FLARE__EDGE_OUT == (int)EPOLLOUT &&
                   (int)FLARE__EDGE_ERR == (int)EPOLLERR &&
                   (int)FLARE__EDGE_HUP == (int)EPOLLHUP &&
                   (int)FLARE__EDGE_RDHUP == (int)EPOLLRDHUP,
               "FLARE__EDGE_* have epoll's values");

struct flare__backend {
    struct flare__ready ready; /* first: the core's view of it */
    const struct flare_allocator *al;
    int epoll_fd;
    int wake_fd;
    bool has_pwait2;
};

/* Of the eventfd; no socket has generation 0. */
#define WAKE_DATA UINT64_C(0)

static int epoll_change(struct flare__backend *b, int op, int fd,
                        uint32_t events, uint64_t data)
{
    struct epoll_event ev = {.events = events, .data.u64 = data};

    return epoll_ctl(b->epoll_fd, op, fd, &ev) < 0 ? -errno : 0;
}

/*
 * A registration is of a file and a number.  If another descriptor keeps the
 * file open, that of one closed before stays, and is found here when the number
 * comes again.
 */
static int poller_add(struct flare__backend *b, int fd, uint32_t index,
                      uint32_t generation)
{
    const uint32_t events =
        EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    const uint64_t data = (uint64_t)generation << 32 | index;
    int rc = epoll_change(b, EPOLL_CTL_ADD, fd, events, data);

    return rc == -EEXIST ? epoll_change(b, EPOLL_CTL_MOD, fd, events, data)
                         : rc;
}

static void poller_remove(struct flare__backend *b, int fd)
{
    (void)epoll_change(b, EPOLL_CTL_DEL, fd, 0, 0); /* it is registered */
}

static int poller_arm(struct flare__backend *b, int fd, uint32_t index,
                      uint32_t generation, short events)
{
    return epoll_change(b, EPOLL_CTL_MOD, fd,
                        (uint32_t)(uint16_t)events | EPOLLONESHOT,
                        (uint64_t)generation << 32 | index);
}

static int poller_watch(struct flare__backend *b, int fd, uint32_t index,
                        uint32_t generation, short events)
{
    return epoll_change(b, EPOLL_CTL_MOD, fd,
                        (uint32_t)(uint16_t)events | EPOLLET,
                        (uint64_t)generation << 32 | index);
}

/* The smallest number of milliseconds that is no less; -1: for ever. */
static int to_ms(uint64_t ns)
{
    if (ns == UINT64_MAX)
        return -1;
    if (ns > (uint64_t)INT32_MAX * 1000000)
        return INT32_MAX; /* 24 days: the caller waits again */
    return (int)((ns + 999999) / 1000000);
}

HOT int poller_wait(struct flare__backend *b, struct flare__edge *edges,
                    uint64_t timeout_ns)
{
    struct epoll_event list[FLARE__EDGES_MAX];
    long n;

    if (b->has_pwait2 && timeout_ns != 0 && timeout_ns != UINT64_MAX)
        n = flare__sys_epoll_wait_ns(b->epoll_fd, list, FLARE__EDGES_MAX,
                                     timeout_ns);
    else
        n = flare__sys_epoll_wait(b->epoll_fd, list, FLARE__EDGES_MAX,
                                  to_ms(timeout_ns));
    for (long i = 0; i < n; i++) {
        uint64_t data = list[i].data.u64;

        edges[i].index = (uint32_t)data;
        edges[i].generation = (uint32_t)(data >> 32);
        edges[i].mask =
            data == WAKE_DATA ? (uint32_t)FLARE__EDGE_WAKE : list[i].events;
    }
    return (int)n;
}

static void poller_wake(struct flare__backend *b)
{
    const uint64_t one = 1;
    ssize_t n;

    do
        n = write(b->wake_fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
    /* nothing else can fail: 2^64 - 2 wakes do not happen */
}

static const struct flare__poller_ops poller = {
    .add = poller_add,
    .arm = poller_arm,
    .watch = poller_watch,
    .remove = poller_remove,
    .wake = poller_wake,
};

static void backend_free(struct flare__backend *b)
{
    if (b == NULL)
        return;
    flare__ready_fini(&b->ready);
    (void)close(b->wake_fd);  /* nothing is buffered in either */
    (void)close(b->epoll_fd); /* likewise */
    flare__free(b->al, b);
}

static int descriptors_open(struct flare__backend *b)
{
    int rc;

    b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (b->epoll_fd < 0)
        return -errno;
    b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = b->wake_fd < 0 ? -errno
                        : epoll_change(b, EPOLL_CTL_ADD, b->wake_fd,
                                       EPOLLIN | EPOLLET, WAKE_DATA);
    if (rc == 0)
        return 0;
    if (b->wake_fd >= 0)
        (void)close(b->wake_fd); /* never used */
    (void)close(b->epoll_fd);    /* never used */
    return rc;
}

static int backend_open(struct flare__backend **out,
                        const struct flare__backend_config *config,
                        struct flare_error *why)
{
    struct flare__backend *b = flare__calloc(config->al, 1, sizeof(*b));
    struct epoll_event none;
    int rc;

    if (b == NULL)
        return flare__error(why, -ENOMEM, "epoll: out of memory");
    b->al = config->al;
    rc = flare__ready_init(&b->ready, &poller, config);
    if (rc < 0) {
        flare__free(config->al, b);
        return flare__error(why, rc, "epoll: receive buffers: %s",
                            flare_strerror(rc));
    }
    rc = descriptors_open(b);
    if (rc < 0) {
        flare__ready_fini(&b->ready);
        flare__free(config->al, b);
        return flare__error(why, rc, "epoll: %s", flare_strerror(rc));
    }
    /* absent before Linux 5.11, and unknown to older seccomp filters */
    b->has_pwait2 = !(config->caps_denied & FLARE__CAP_EPOLL_PWAIT2) &&
                    flare__sys_epoll_wait_ns(b->epoll_fd, &none, 1, 0) >= 0;
    *out = b;
    return 0;
}

static int backend_poll(struct flare__backend *b, struct flare__event *events,
                        int capacity, uint64_t deadline_ns)
{
    return flare__ready_poll_with(b, events, capacity, deadline_ns,
                                  poller_wait);
}

static int backend_descriptor(struct flare__backend *b)
{
    b->ready.is_embedded = true;
    return b->epoll_fd;
}

static uint32_t backend_caps(const struct flare__backend *b)
{
    return b->has_pwait2 ? FLARE__CAP_EPOLL_PWAIT2 : 0;
}

const struct flare__backend_ops flare__backend_epoll = {
    .name = "epoll",
    .open = backend_open,
    .free = backend_free,
    .caps = backend_caps,
    .now = flare__ready_now,
    .attach = flare__ready_attach,
    .peer = flare__fd_peer,
    .local = flare__fd_local,
    .queued = flare__fd_queued,
    .socket = flare__fd_socket,
    .option = flare__fd_option,
    .bind = flare__fd_bind,
    .discard = flare__ready_discard,
    .accept_start = flare__ready_accept_start,
    .accept_stop = flare__ready_accept_stop,
    .connect = flare__ready_connect,
    .recv_start = flare__ready_recv_start,
    .recv_stop = flare__ready_recv_stop,
    .lease_put = flare__ready_lease_put,
    .send = flare__ready_send,
    .sendfile = flare__ready_sendfile,
    .shutdown_send = flare__ready_shutdown_send,
    .close = flare__ready_close,
    .poll_fd = flare__ready_poll_fd,
    .poll_start = flare__ready_poll_start,
    .poll_stop = flare__ready_poll_stop,
    .datagram_recv = flare__datagram_recv,
    .datagram_send = flare__datagram_send,
    .record_start = flare__ready_record_start,
    .record_send = flare__record_send,
    .record_recv = flare__record_recv,
    .descriptor = backend_descriptor,
    .poll = backend_poll,
    .wake = flare__ready_wake,
};
