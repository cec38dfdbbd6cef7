/* SPDX-License-Identifier: MIT */
/*
 * The blocking listener: accepting is on while somebody waits for it, and what
 * comes beyond the one that was asked for is kept in order.
 *
 * Its loop is made by the first accept, for the thread that calls it: a ring
 * answers only to the thread that made it (EEXIST, IORING_SETUP_SINGLE_ISSUER).
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "net/listener.h"
#include "net/sock.h"
#include "net/user_loop.h"
#include "tcp/conn.h"
#include "tcp/listen.h"
#include "tcp/options.h"
#include "tcp/stream.h"

#include <errno.h>
#include <string.h>

enum { ACCEPTOR_NS_PER_MS = 1000000 };

struct flare_acceptor {
    const struct flare_allocator *al;
    struct flare_loop *loop; /* NULL until the first accept */
    int fd;                  /* the listening socket until then, else -1 */
    bool has_file;           /* a Unix socket's, which goes with it */
    struct flare__listener listener;
    struct flare_tcp_options options;
    int *fds; /* accepted, and not asked for: at most one batch of events */
    uint32_t count;
    uint32_t capacity;
    bool is_closed; /* the listening socket, by the loop */
};

static int acceptor_keep(flare_acceptor *a, int fd)
{
    if (a->count == a->capacity) {
        uint32_t capacity = a->capacity * 2 + 4;
        int *fds = flare__realloc(a->al, a->fds, capacity * sizeof(*fds));

        if (fds == NULL)
            return -ENOMEM;
        a->fds = fds;
        a->capacity = capacity;
    }
    a->fds[a->count++] = fd;
    return 0;
}

static void acceptor_on_conn(struct flare__listener *l, int fd)
{
    flare_acceptor *a = l->owner;

    flare__listener_pause(l); /* nothing if it is closing */
    if (acceptor_keep(a, fd) < 0)
        a->loop->ops->discard(a->loop->backend, fd);
}

static void acceptor_on_closed(struct flare__listener *l)
{
    flare_acceptor *a = l->owner;

    a->is_closed = true;
}

static void acceptor_free(flare_acceptor *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        flare__sock_close(a->fds[i]);
    flare__sock_close(a->fd);
    flare__loop_free(a->loop);
    flare__free(a->al, a->fds);
    flare__free(a->al, a);
}

static int acceptor_new(flare_acceptor **out,
                        const struct flare_tcp_options *options,
                        struct flare_error *err)
{
    const struct flare_allocator *al = options->allocator != NULL
                                           ? options->allocator
                                           : &flare__allocator_default;
    flare_acceptor *a = flare__calloc(al, 1, sizeof(*a));

    if (a == NULL)
        return flare__error(err, -ENOMEM, "acceptor: %s",
                            flare_strerror(-ENOMEM));
    a->al = al;
    a->fd = -1;
    a->options = *options;
    a->listener.on_conn = acceptor_on_conn;
    a->listener.on_closed = acceptor_on_closed;
    a->listener.owner = a;
    *out = a;
    return 0;
}

/*
 * Opens the socket.  Options are set through a backend, which for that moment
 * is one of this thread's: what it says of the system is said now, too.
 */
static int acceptor_listen(flare_acceptor *a, struct flare_str address,
                           struct flare_error *err)
{
    struct flare_loop *loop;
    int rc = flare__loop_private(&loop, a->al, err);
    struct flare__listening made;

    if (rc < 0)
        return rc;
    rc = flare__listen_socket(&made, address, &a->options, err);
    if (rc == 0) {
        rc = flare__listen_prepare(loop, made.fd, &a->options);
        if (rc < 0) {
            flare__listen_undo(&made);
            (void)flare__error(err, rc, "%.*s: %s", FLARE_STR_ARG(address),
                               flare_strerror(rc));
        }
    }
    flare__loop_free(loop);
    if (rc < 0)
        return rc;
    a->fd = made.fd;
    a->has_file = made.has_file;
    return 0;
}

/* The first accept gives it a loop, of the thread that calls. */
static int acceptor_ready(flare_acceptor *a)
{
    int rc = 0;

    if (a->fd < 0)
        return 0;
    if (a->loop == NULL)
        rc = flare__loop_private(&a->loop, a->al, NULL);
    if (rc == 0)
        rc = flare__listener_open(&a->listener, a->loop, a->fd);
    if (rc == 0)
        a->fd = -1;
    return rc;
}

int flare_acceptor_open(flare_acceptor **out, struct flare_str address,
                        const struct flare_tcp_options *options,
                        struct flare_error *err)
{
    struct flare_tcp_options o;
    flare_acceptor *a = NULL;
    int rc = flare__tcp_options_resolve(&o, options, err);

    if (rc == 0)
        rc = acceptor_new(&a, &o, err);
    if (rc < 0)
        return rc;
    rc = acceptor_listen(a, address, err);
    if (rc < 0) {
        acceptor_free(a);
        return rc;
    }
    *out = a;
    return 0;
}

/* The first that came, as a connection; -ENOMEM, and then it waits on. */
static int acceptor_give(flare_acceptor *a, flare_conn **out)
{
    int rc = flare__conn_accepted(out, a->fds[0], &a->options);

    if (rc < 0)
        return rc;
    a->count--;
    memmove(a->fds, a->fds + 1, a->count * sizeof(*a->fds));
    return 0;
}

/* Turns until one has come or the time is over. */
static int acceptor_wait(flare_acceptor *a, uint32_t timeout_ms)
{
    struct flare_loop *loop = a->loop;
    uint64_t now_ns = loop->ops->now(loop->backend);
    uint64_t until_ns =
        timeout_ms == FLARE_UNLIMITED
            ? UINT64_MAX
            : now_ns + (uint64_t)timeout_ms * ACCEPTOR_NS_PER_MS;
    bool is_over = false;
    int rc = 0;

    flare__listener_resume(&a->listener);
    while (rc == 0 && a->count == 0 && !is_over) {
        rc = flare__loop_turn(loop, until_ns);
        is_over = loop->now_ns >= until_ns; /* it looked at least once */
    }
    flare__listener_pause(&a->listener);
    return rc;
}

int flare_acceptor_accept(flare_acceptor *acceptor, flare_conn **out,
                          uint32_t timeout_ms)
{
    int rc = acceptor_ready(acceptor);

    if (rc == 0 && acceptor->count == 0)
        rc = acceptor_wait(acceptor, timeout_ms);
    if (acceptor->count != 0)
        return acceptor_give(acceptor, out);
    return rc < 0 ? rc : -ETIMEDOUT;
}

/* The listening socket. */
static int acceptor_fd(const flare_acceptor *a)
{
    return a->fd >= 0 ? a->fd : a->listener.sock.fd;
}

struct flare_addr flare_acceptor_local(const flare_acceptor *acceptor)
{
    struct flare_addr none = {.kind = FLARE_ADDR_NONE};
    struct flare__addr addr;

    if (flare__sock_local(acceptor_fd(acceptor), &addr) < 0)
        return none;
    return flare__addr_get(&addr);
}

void flare_acceptor_close(flare_acceptor *acceptor)
{
    int rc = 0;

    if (acceptor == NULL)
        return;
    if (acceptor->has_file)
        flare__sock_unlink(acceptor_fd(acceptor));
    if (acceptor->fd < 0) {
        flare__listener_close(&acceptor->listener);
        while (rc == 0 && !acceptor->is_closed)
            rc = flare__loop_turn(acceptor->loop, UINT64_MAX);
    }
    acceptor_free(acceptor);
}
