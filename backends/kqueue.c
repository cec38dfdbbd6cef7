/* SPDX-License-Identifier: MIT */
/*
 * kqueue under the readiness core: FreeBSD 12, NetBSD 10, OpenBSD 6.2, macOS
 * 10.14, on 64-bit machines (`udata` carries a handle).
 *
 * A descriptor has two filters, added once, edge triggered (EV_CLEAR), for
 * input and for output: that is one system call per connection.  They report
 * one by one, so a socket may have two edges in one wait.  Closing a
 * descriptor takes its filters away.
 *
 * Urgent data has a filter of its own (NOTE_OOB) on macOS and OpenBSD.  The
 * others have none: what follows an urgent byte there is told with the next
 * segment, or not before the connection's deadline.
 *
 * `wake` is EVFILT_USER, or a pipe where there is none (older OpenBSD).
 */
#include "backends/ready_turn.h"

#include "backends/datagram.h"
#include "backends/fd.h"
#include "base/alloc.h"
#include "net/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#include <sys/event.h>
#include <sys/time.h>

_Static_assert(sizeof(void *) >= 8, "udata carries 28 + 24 + 1 bits");

/* Edges are told to those who asked by poll's bits. */
_Static_assert((int)FLARE__EDGE_IN == (int)POLLIN &&
                   (int)FLARE__EDGE_PRI == (int)POLLPRI &&
                   (int)FLARE__EDGE_OUT == (int)POLLOUT &&
                   (int)FLARE__EDGE_ERR == (int)POLLERR &&
                   (int)FLARE__EDGE_HUP == (int)POLLHUP,
               "FLARE__EDGE_* have poll's values");

struct flare__backend {
    struct flare__ready ready; /* first: the core's view of it */
    const struct flare_allocator *al;
    int kqueue_fd;
    int pipe_fds[2]; /* of `wake`; -1: it is an event of the user's */
};

enum {
    CHANGES_MAX = 4,
    /* macOS refuses more seconds than this: 3 years; the caller waits again */
    TIMEOUT_MAX_S = 100000000
};

/* Of the filter of `wake`; no socket has generation 0. */
#define WAKE_DATA UINT64_C(0)
/* The filter was armed for somebody who wants poll's bits. */
#define ARMED_DATA (UINT64_C(1) << 63)

_Static_assert(32 + FLARE__HANDLES_GENERATION_BITS < 63, "ARMED_DATA is free");

/* ---- changes ---- */

static struct kevent change_of(int fd, int filter, unsigned flags,
                               uint64_t data)
{
    struct kevent ev = {.ident = (uintptr_t)fd};

    /* their types are each system's own */
    ev.filter = (__typeof__(ev.filter))filter;
    ev.flags = (__typeof__(ev.flags))(flags | EV_RECEIPT);
    ev.udata = (void *)(uintptr_t)data;
    return ev;
}

/*
 * Each change is tried, and `errors[i]` is 0 or an errno.  -errno: none was.
 */
static int kqueue_change(struct flare__backend *b, const struct kevent *changes,
                         int count, int *errors)
{
    struct kevent answers[CHANGES_MAX];
    int n = kevent(b->kqueue_fd, changes, count, answers, count, NULL);

    if (n < 0)
        return -errno;
    if (n != count)
        return -EIO; /* EV_RECEIPT promises an answer to each, in order */
    for (int i = 0; i < n; i++)
        errors[i] = (int)answers[i].data;
    return 0;
}

static void kqueue_forget(struct flare__backend *b, int fd)
{
    const struct kevent changes[] = {
        change_of(fd, EVFILT_READ, EV_DELETE, 0),
        change_of(fd, EVFILT_WRITE, EV_DELETE, 0),
    };
    int errors[2];

    (void)kqueue_change(b, changes, 2, errors); /* ENOENT: it was not there */
}

/* What can never be written to: another kqueue, a pipe's end to read from. */
static bool is_input_only(int error)
{
    return error == EINVAL || error == EOPNOTSUPP || error == ENODEV ||
           error == EPIPE;
}

static void urgent_add(struct flare__backend *b, int fd, uint64_t data)
{
#ifdef NOTE_OOB
    struct kevent change =
        change_of(fd, EVFILT_EXCEPT, EV_ADD | EV_CLEAR, data);
    int error;

    change.fflags = NOTE_OOB;
    (void)kqueue_change(b, &change, 1, &error); /* no socket: it has none */
#else
    (void)b;
    (void)fd;
    (void)data;
#endif
}

static int poller_add(struct flare__backend *b, int fd, uint32_t index,
                      uint32_t generation)
{
    const uint64_t data = (uint64_t)generation << 32 | index;
    const struct kevent changes[] = {
        change_of(fd, EVFILT_READ, EV_ADD | EV_CLEAR, data),
        change_of(fd, EVFILT_WRITE, EV_ADD | EV_CLEAR, data),
    };
    int errors[2];
    int rc = kqueue_change(b, changes, 2, errors);

    if (rc < 0)
        return rc;
    if (errors[0] != 0 && errors[1] != 0)
        return -errors[0];
    if (errors[0] != 0 || (errors[1] != 0 && !is_input_only(errors[1]))) {
        kqueue_forget(b, fd);
        return errors[0] != 0 ? -errors[0] : -errors[1];
    }
    urgent_add(b, fd, data);
    flare__os_no_sigpipe(fd);
    return 0;
}

/* A filter that is there keeps its flags, so what there is goes first. */
static int filters_set(struct flare__backend *b, int fd, uint64_t data,
                       short events, unsigned flags)
{
    struct kevent changes[2];
    int errors[2];
    int count = 0;
    int rc;

    kqueue_forget(b, fd);
    if (events & POLLIN)
        changes[count++] = change_of(fd, EVFILT_READ, EV_ADD | flags, data);
    if (events & POLLOUT)
        changes[count++] = change_of(fd, EVFILT_WRITE, EV_ADD | flags, data);
    if (count == 0)
        return 0;
    rc = kqueue_change(b, changes, count, errors);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = -errors[i];
    return rc;
}

static int poller_arm(struct flare__backend *b, int fd, uint32_t index,
                      uint32_t generation, short events)
{
    return filters_set(b, fd, ARMED_DATA | (uint64_t)generation << 32 | index,
                       events, EV_ONESHOT);
}

static int poller_watch(struct flare__backend *b, int fd, uint32_t index,
                        uint32_t generation, short events)
{
    return filters_set(b, fd, ARMED_DATA | (uint64_t)generation << 32 | index,
                       events, EV_CLEAR);
}

/* ---- waiting ---- */

static uint32_t edge_mask(const struct kevent *ev)
{
    const bool is_armed = ((uintptr_t)ev->udata & ARMED_DATA) != 0;
    uint32_t mask;

    if (ev->flags & EV_ERROR)
        return FLARE__EDGE_ERR;
    switch ((int)ev->filter) {
    case EVFILT_READ:
        mask = FLARE__EDGE_IN;
        if ((ev->flags & EV_EOF) && !is_armed)
            mask |= FLARE__EDGE_RDHUP;
        break;
    case EVFILT_WRITE:
        mask = FLARE__EDGE_OUT;
        if (ev->flags & EV_EOF)
            mask |= FLARE__EDGE_HUP;
        break;
    default:
        return FLARE__EDGE_PRI;
    }
    if ((ev->flags & EV_EOF) && ev->fflags != 0) /* the socket's error */
        mask |= FLARE__EDGE_ERR;
    return mask;
}

/* What other threads wrote; `is_waking` is still set, so no more comes. */
static void pipe_empty(struct flare__backend *b)
{
    char bytes[64];
    ssize_t n;

    if (b->pipe_fds[0] < 0)
        return;
    do
        n = read(b->pipe_fds[0], bytes, sizeof(bytes));
    while (n == (ssize_t)sizeof(bytes) || (n < 0 && errno == EINTR));
}

static struct flare__edge edge_of(struct flare__backend *b,
                                  const struct kevent *ev)
{
    const uint64_t data = (uintptr_t)ev->udata;
    struct flare__edge edge = {.mask = FLARE__EDGE_WAKE};

    if (data == WAKE_DATA) {
        pipe_empty(b);
        return edge;
    }
    edge.index = (uint32_t)data;
    edge.generation = (uint32_t)((data & ~ARMED_DATA) >> 32);
    edge.mask = edge_mask(ev);
    return edge;
}

HOT int poller_wait(struct flare__backend *b, struct flare__edge *edges,
                    uint64_t timeout_ns)
{
    struct kevent list[FLARE__EDGES_MAX];
    struct timespec limit = {.tv_sec = TIMEOUT_MAX_S};
    int n;

    if (timeout_ns / 1000000000 < TIMEOUT_MAX_S) {
        limit.tv_sec = (time_t)(timeout_ns / 1000000000);
        limit.tv_nsec = (long)(timeout_ns % 1000000000);
    }
    n = kevent(b->kqueue_fd, NULL, 0, list, FLARE__EDGES_MAX,
               timeout_ns == UINT64_MAX ? NULL : &limit);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++)
        edges[i] = edge_of(b, &list[i]);
    return n;
}

/* ---- wake ---- */

#ifdef EVFILT_USER
static int user_change(struct flare__backend *b, unsigned flags,
                       unsigned fflags)
{
    struct kevent change = change_of(0, EVFILT_USER, flags, WAKE_DATA);
    int error;
    int rc;

    change.fflags = fflags;
    rc = kqueue_change(b, &change, 1, &error);
    return rc < 0 ? rc : -error;
}

static int user_open(struct flare__backend *b)
{
    return user_change(b, EV_ADD | EV_CLEAR, 0);
}

static void user_trigger(struct flare__backend *b)
{
    (void)user_change(b, 0, NOTE_TRIGGER); /* it is there */
}
#else
static int user_open(struct flare__backend *b)
{
    (void)b;
    return -ENOTSUP;
}

static void user_trigger(struct flare__backend *b)
{
    (void)b;
}
#endif

static void poller_wake(struct flare__backend *b)
{
    ssize_t n;

    if (b->pipe_fds[1] < 0) {
        user_trigger(b);
        return;
    }
    do
        n = write(b->pipe_fds[1], "", 1);
    while (n < 0 && errno == EINTR);
    /* it is never full: one byte, until it has been read */
}

static int pipe_open(struct flare__backend *b)
{
    struct kevent change;
    int error;
    int rc = 0;

    if (pipe(b->pipe_fds) < 0) {
        rc = -errno;
        b->pipe_fds[0] = b->pipe_fds[1] = -1;
        return rc;
    }
    for (int i = 0; i < 2; i++)
        if (fcntl(b->pipe_fds[i], F_SETFD, FD_CLOEXEC) < 0 ||
            fcntl(b->pipe_fds[i], F_SETFL, O_NONBLOCK) < 0)
            return -errno;
    change =
        change_of(b->pipe_fds[0], EVFILT_READ, EV_ADD | EV_CLEAR, WAKE_DATA);
    rc = kqueue_change(b, &change, 1, &error);
    return rc < 0 ? rc : -error;
}

static const struct flare__poller_ops poller = {
    .add = poller_add,
    .arm = poller_arm,
    .watch = poller_watch,
    .wake = poller_wake,
};

/* ---- life ---- */

static void descriptors_close(struct flare__backend *b)
{
    for (int i = 0; i < 2; i++)
        if (b->pipe_fds[i] >= 0)
            (void)close(b->pipe_fds[i]); /* nothing of it is waited for */
    if (b->kqueue_fd >= 0)
        (void)close(b->kqueue_fd); /* nothing is buffered in it */
}

static int descriptors_open(struct flare__backend *b, uint32_t caps_denied)
{
    int rc;

    b->pipe_fds[0] = b->pipe_fds[1] = -1;
    b->kqueue_fd = kqueue();
    if (b->kqueue_fd < 0)
        return -errno;
    /* a child has none of it, but exec without fork would keep it */
    rc = fcntl(b->kqueue_fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
    if (rc == 0)
        rc = caps_denied & FLARE__CAP_USER_EVENT ? -ENOTSUP : user_open(b);
    if (rc == -ENOTSUP || rc == -EINVAL) /* not in this kernel */
        rc = pipe_open(b);
    if (rc < 0)
        descriptors_close(b);
    return rc;
}

static void backend_free(struct flare__backend *b)
{
    if (b == NULL)
        return;
    flare__ready_fini(&b->ready);
    descriptors_close(b);
    flare__free(b->al, b);
}

static int backend_open(struct flare__backend **out,
                        const struct flare__backend_config *config,
                        struct flare_error *why)
{
    struct flare__backend *b = flare__calloc(config->al, 1, sizeof(*b));
    int rc;

    if (b == NULL)
        return flare__error(why, -ENOMEM, "kqueue: out of memory");
    b->al = config->al;
    rc = flare__ready_init(&b->ready, &poller, config);
    if (rc < 0) {
        flare__free(config->al, b);
        return flare__error(why, rc, "kqueue: receive buffers: %s",
                            flare_strerror(rc));
    }
    rc = descriptors_open(b, config->caps_denied);
    if (rc < 0) {
        flare__ready_fini(&b->ready);
        flare__free(config->al, b);
        return flare__error(why, rc, "kqueue: %s", flare_strerror(rc));
    }
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
    return b->kqueue_fd;
}

static uint32_t backend_caps(const struct flare__backend *b)
{
    return b->pipe_fds[0] < 0 ? FLARE__CAP_USER_EVENT : 0;
}

const struct flare__backend_ops flare__backend_kqueue = {
    .name = "kqueue",
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
    .descriptor = backend_descriptor,
    .poll = backend_poll,
    .wake = flare__ready_wake,
};
