/* SPDX-License-Identifier: MIT */
/* See listen.h. */
#include "tcp/listen.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/inherit.h"
#include "net/listener.h"
#include "net/sock.h"
#include "tcp/stream.h"

#include <errno.h>

/* Connections whose SYN brought data and whose handshake is not over. */
enum { LISTEN_FAST_OPEN_QUEUE = 256 };

struct flare_listener {
    struct flare__listener base;
    struct flare__resident resident;
    struct flare_loop *loop;
    struct flare_tcp_options options;
    uint32_t live;   /* streams it has accepted, and that are open */
    bool is_paused;  /* its owner wants so */
    bool is_closing; /* its owner has let go */
    bool is_gone;    /* the socket is closed */
    bool has_file;   /* the name of a Unix socket that it made */
};

static void listener_update(struct flare_listener *l)
{
    if (l->is_closing)
        return;
    if (l->is_paused || l->live >= l->options.streams_max)
        flare__listener_pause(&l->base);
    else
        flare__listener_resume(&l->base);
}

static void listener_free(struct flare_listener *l)
{
    if (l->is_gone && l->live == 0)
        flare__free(&l->loop->allocator, l);
}

void flare__listener_left(struct flare_listener *listener)
{
    listener->live--;
    listener_update(listener);
    listener_free(listener);
}

static void listener_on_conn(struct flare__listener *base, int fd)
{
    struct flare_listener *l = base->owner;
    struct flare_loop *loop = l->loop;
    struct flare_stream *s;
    int rc = -ECANCELED;

    if (!l->is_closing)
        rc = flare__stream_new(&s, loop, &l->options);
    if (rc == 0) {
        rc = flare__stream_attach(s, &s->own, fd);
        if (rc < 0)
            flare__stream_undo(s);
    }
    if (rc < 0) {
        loop->ops->discard(loop->backend, fd);
        if (!l->is_closing)
            flare__log(&loop->log, FLARE_LOG_WARN, "a connection is shed: %s",
                       flare_strerror(rc));
        return;
    }
    s->listener = l;
    l->live++;
    listener_update(l);
    s->peer = flare__stream_ask(loop, &s->own.sock, loop->ops->peer);
    if (flare__stream_secure(s, &s->own, &l->options,
                             &(struct flare__wire_start){.port = 0}) &&
        s->handler->on_open != NULL)
        s->handler->on_open(s, s->ctx);
}

static void listener_on_closed(struct flare__listener *base)
{
    struct flare_listener *l = base->owner;

    l->is_gone = true;
    flare__loop_resident_remove(l->loop, &l->resident);
    listener_free(l);
}

static void listener_evict(struct flare__resident *resident)
{
    struct flare_listener *l =
        FLARE_CONTAINER_OF(resident, struct flare_listener, resident);

    flare_listener_close(l);
}

static int listener_new(flare_loop *loop, flare_listener **out, int fd,
                        const struct flare_tcp_options *options)
{
    flare_listener *l;
    int rc;

    if (loop->is_ending)
        return FLARE_E_STOPPED;
    l = flare__calloc(&loop->allocator, 1, sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    l->loop = loop;
    l->options = *options;
    l->base.on_conn = listener_on_conn;
    l->base.on_closed = listener_on_closed;
    l->base.owner = l;
    rc = flare__listener_open(&l->base, loop, fd);
    if (rc < 0) {
        flare__free(&loop->allocator, l);
        return rc;
    }
    flare__loop_resident_add(loop, &l->resident, listener_evict);
    *out = l;
    return 0;
}

/* What the accepted sockets have from their listener. */
static int listener_options(flare_loop *loop, int fd, int family,
                            const struct flare_tcp_options *o)
{
    const struct flare__sock_wishes wishes = flare__tcp_wishes(o);
    int rc;

    rc = flare__sock_apply(loop->ops, loop->backend, fd, family, &wishes);
    if (rc < 0 || family == AF_UNIX)
        return rc;
    if (o->delay)
        rc = flare__sock_delay(loop->ops, loop->backend, fd);
    if (o->fast_open)
        flare__sock_fast_open(loop->ops, loop->backend, fd,
                              LISTEN_FAST_OPEN_QUEUE);
    return rc;
}

int flare__listen_socket(struct flare__listening *out, struct flare_str address,
                         const struct flare_tcp_options *options,
                         struct flare_error *err)
{
    unsigned flags = (options->reuseport ? FLARE__SOCK_REUSEPORT : 0) |
                     (options->v6only ? FLARE__SOCK_V6ONLY : 0);

    out->has_file = !flare__inherit_is(address);
    if (!out->has_file)
        return flare__inherit_open(&out->fd, address, err);
    return flare__sock_listen(&out->fd, address, options->backlog, flags, err);
}

void flare__listen_undo(const struct flare__listening *listening)
{
    if (listening->has_file)
        flare__sock_unlink(listening->fd);
    flare__sock_close(listening->fd);
}

int flare__listen_prepare(struct flare_loop *loop, int fd,
                          const struct flare_tcp_options *options)
{
    struct flare__addr addr;

    if (flare__sock_local(fd, &addr) < 0) /* the simulated network's */
        addr.storage.ss_family = AF_INET;
    return listener_options(loop, fd, addr.storage.ss_family, options);
}

/* `o` is resolved; on failure fd is the caller's. */
static int listener_start(flare_loop *loop, flare_listener **out, int fd,
                          const struct flare_tcp_options *o)
{
    int rc = flare__listen_prepare(loop, fd, o);

    return rc < 0 ? rc : listener_new(loop, out, fd, o);
}

int flare_tcp_listen(flare_loop *loop, flare_listener **out,
                     struct flare_str address,
                     const struct flare_tcp_options *options,
                     struct flare_error *err)
{
    struct flare_tcp_options o;
    struct flare__listening made;
    int rc = flare__tcp_options_for_loop(&o, options, err);

    if (rc == 0)
        rc = flare__listen_socket(&made, address, &o, err);
    if (rc < 0)
        return rc;
    rc = listener_start(loop, out, made.fd, &o);
    if (rc < 0) {
        flare__listen_undo(&made);
        return flare__error(err, rc, "%.*s: %s", FLARE_STR_ARG(address),
                            flare_strerror(rc));
    }
    (*out)->has_file = made.has_file;
    return 0;
}

int flare_tcp_listen_fd(flare_loop *loop, flare_listener **out, int fd,
                        const struct flare_tcp_options *options,
                        struct flare_error *err)
{
    struct flare_tcp_options o;
    int rc = flare__tcp_options_for_loop(&o, options, err);

    if (rc < 0)
        return rc;
    rc = listener_start(loop, out, fd, &o);
    if (rc < 0)
        return flare__error(err, rc, "descriptor %d: %s", fd,
                            flare_strerror(rc));
    return 0;
}

void flare_listener_pause(flare_listener *listener)
{
    listener->is_paused = true;
    listener_update(listener);
}

void flare_listener_resume(flare_listener *listener)
{
    listener->is_paused = false;
    listener_update(listener);
}

void flare_listener_close(flare_listener *listener)
{
    if (listener->is_closing)
        return;
    listener->is_closing = true;
    if (listener->has_file)
        flare__sock_unlink(listener->base.sock.fd);
    flare__listener_close(&listener->base);
}

struct flare_addr flare_listener_local(const flare_listener *listener)
{
    struct flare_loop *loop = listener->loop;

    return flare__stream_ask(
        loop, &((flare_listener *)(uintptr_t)listener)->base.sock,
        loop->ops->local);
}
