/* SPDX-License-Identifier: MIT */
/* See link.h.  Sending is in link_out.c. */
#include "tls/link.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/clock.h"
#include "tls/control.h"
#include "tls/kernel.h"
#include "tls/link_impl.h"

#include <errno.h>
#include <string.h>

struct flare__tls_link *flare__tls_link_of(const struct flare__sock *sock)
{
    if (sock->filter == NULL || sock->filter->ops != &flare__tls_link_ops)
        return NULL;
    return FLARE_CONTAINER_OF(sock->filter, struct flare__tls_link, filter);
}

struct flare__tls *flare__tls_link_engine(struct flare__tls_link *link)
{
    return link->engine;
}

/* ---- to the owner */

void flare__tls_link_tell(struct flare__tls_link *l,
                          enum flare__event_kind kind, int32_t res)
{
    const struct flare__event ev = {
        .sock = l->sock, .res = res, .kind = (uint8_t)kind};

    l->owner(l->sock, &ev);
}

void flare__tls_link_end_recv(struct flare__tls_link *l, int32_t res)
{
    if (!l->is_wanted)
        return;
    l->is_wanted = false;
    l->is_unwanted = false;
    flare__tls_link_tell(l, FLARE__EV_RECV, res);
}

/* ---- ends */

void flare__tls_link_close_now(struct flare__tls_link *l,
                               enum flare__close_how how)
{
    flare__wheel_stop(&l->loop->wheel, &l->timer);
    if (l->is_gone)
        return;
    l->is_gone = true;
    l->loop->ops->close(l->loop->backend, l->sock, how);
}

void flare__tls_link_fail(struct flare__tls_link *l, int rc)
{
    if (l->rc != 0)
        return;
    l->rc = rc;
    if (!l->is_closed)
        flare__wheel_stop(&l->loop->wheel, &l->timer);
    flare__tls_link_flush(l); /* the alert */
    flare__tls_link_touch(l);
}

/* What the owner waits for does not come. */
static void link_tell_failure(struct flare__tls_link *l)
{
    struct flare__sock *sock = l->sock;

    if (!l->is_open && !l->is_told) {
        l->is_told = true;
        flare__tls_link_tell(l, FLARE__EV_OPEN, l->rc);
        if (sock->filter == NULL)
            return; /* the link has left, and is no more */
    }
    if (!l->is_closed)
        flare__tls_link_end_recv(l, l->rc);
    if (!l->is_closed && l->is_sending && !l->in_flight)
        flare__tls_link_end_send(l, l->rc);
}

void flare__tls_link_on_timer(struct flare__timer *timer)
{
    struct flare__tls_link *l =
        FLARE_CONTAINER_OF(timer, struct flare__tls_link, timer);

    if (l->is_closed && l->loop->now_ms >= l->close_by_ms) {
        /* the peer does not take close_notify */
        flare__tls_link_close_now(l, FLARE__CLOSE_ABORT);
    } else if (!l->is_closed && !l->is_open) {
        flare__tls_link_fail(l, -ETIMEDOUT);
    } else { /* the system took none of the kernel's control records */
        flare__tls_link_flush(l);
        flare__tls_link_rest(l);
    }
}

static void link_close(struct flare__wire_filter *f, enum flare__close_how how)
{
    struct flare__tls_link *l = flare__tls_link_from(f);
    struct flare_loop *loop = l->loop;
    bool is_cut = l->is_sending && l->rc == 0;

    FLARE_ASSERT(!l->is_closed);
    l->is_closed = true;
    flare__wheel_stop(&loop->wheel, &l->timer);
    if (how == FLARE__CLOSE_GRACEFUL && l->rc == 0 && !is_cut)
        (void)flare__tls_close(l->engine); /* what failed is not told */
    if ((how == FLARE__CLOSE_ABORT && l->rc == 0) || is_cut) {
        flare__tls_link_close_now(l, how);
        return;
    }
    l->close_by_ms = loop->now_ms + LINK_CLOSE_MS;
    flare__wheel_start(&loop->wheel, &l->timer, l->close_by_ms,
                       flare__tls_link_on_timer);
    flare__tls_link_flush(l);
    flare__tls_link_rest(l);
}

void flare__tls_link_free(struct flare__tls_link *l)
{
    const struct flare_allocator *al = &l->loop->allocator;

    l->sock->filter = NULL;
    l->sock->on_event = l->owner;
    flare__wheel_stop(&l->loop->wheel, &l->timer);
    flare__loop_task_cancel(l->loop, &l->task);
    flare__wire_lease_unwait(l->loop, &l->waiter);
    flare__tls_link_drop_output(l);
    flare__tls_free(l->engine);
    flare__free(al, l->held);
    flare__free(al, l);
}

static void link_on_closed(struct flare__tls_link *l)
{
    struct flare__sock *sock = l->sock;

    FLARE_ASSERT(l->is_closed);
    flare__tls_link_end_recv(l, -ECANCELED);
    if (l->is_sending)
        flare__tls_link_end_send(l, -ECANCELED);
    flare__tls_link_free(l);
    sock->on_event(
        sock, &(struct flare__event){.sock = sock, .kind = FLARE__EV_CLOSED});
}

/* ---- receiving */

static void link_start_inner(struct flare__tls_link *l)
{
    int rc;

    if (l->is_receiving || l->is_eof || l->pending != 0 || l->rc != 0 ||
        l->is_closed)
        return;
    rc = l->loop->ops->recv_start(l->loop->backend, l->sock);
    if (rc < 0) {
        flare__tls_link_fail(l, rc);
        return;
    }
    l->is_receiving = true;
    l->is_stopping = false;
}

static void link_stop_inner(struct flare__tls_link *l)
{
    if (!l->is_receiving || l->is_stopping)
        return;
    l->is_stopping = true;
    l->loop->ops->recv_stop(l->loop->backend, l->sock);
}

/* Whether ciphertext is of use now. */
static bool link_takes(const struct flare__tls_link *l)
{
    return l->is_wanted || !l->is_open;
}

/* Keeps what cannot be used yet, behind what is kept already. */
static void link_hold(struct flare__tls_link *l, struct flare_str in)
{
    uint32_t need = l->held_len + (uint32_t)in.len;
    char *bigger;

    if (in.len == 0)
        return;
    if (need > l->held_cap) {
        bigger = flare__realloc(&l->loop->allocator, l->held, need);
        if (bigger == NULL) {
            flare__tls_link_fail(l, -ENOMEM);
            return;
        }
        l->held = bigger;
        l->held_cap = need;
    }
    memcpy(l->held + l->held_len, in.ptr, in.len);
    l->held_len = need;
}

static void link_opened(struct flare__tls_link *l)
{
    l->is_open = true;
    flare__wheel_stop(&l->loop->wheel, &l->timer);
    flare__tls_link_tell(l, FLARE__EV_OPEN, 0);
    if (l->is_closed)
        return;
    flare__tls_link_push(l);
    if (l->is_fin_due)
        flare__tls_link_end_out(l);
    flare__tls_link_touch(l); /* a file may have been empty */
}

static int link_handshake(struct flare__tls_link *l, struct flare_str *in)
{
    int rc = flare__tls_handshake(l->engine, in);

    flare__tls_link_flush(l);
    if (rc == 0)
        link_opened(l);
    return rc;
}

static void link_on_lease(struct flare__wire_waiter *waiter)
{
    flare__tls_link_touch(
        FLARE_CONTAINER_OF(waiter, struct flare__tls_link, waiter));
}

/* Room to read into: 0, -ENOBUFS when there is some later, -ENOMEM. */
static int link_room(struct flare__tls_link *l, char **room, uint32_t *lease)
{
    *room = flare__wire_lease_take(l->loop, lease);
    if (FLARE_LIKELY(*room != NULL))
        return 0;
    return flare__wire_lease_wait(l->loop, &l->waiter, link_on_lease) ? -ENOBUFS
                                                                      : -ENOMEM;
}

/*
 * One record at most.  0: go on; -EAGAIN: there is nothing more to be had now;
 * -ENOBUFS: no room; else the error that ended it.
 */
static int link_read(struct flare__tls_link *l, struct flare_str *in)
{
    struct flare__event ev = {.sock = l->sock,
                              .kind = FLARE__EV_RECV,
                              .flags = FLARE__EV_MORE | FLARE__EV_LEASE};
    char *room;
    int n = link_room(l, &room, &ev.lease);

    if (n < 0)
        return n;
    n = flare__tls_read(l->engine, in, room, FLARE__WIRE_LEASE_BYTES);
    if (n > 0) {
        ev.data = (uint8_t *)room;
        ev.res = n;
        l->owner(l->sock, &ev);
        return 0;
    }
    flare__wire_lease_give(l->loop, ev.lease);
    if (n == 0) { /* close_notify; what follows it is dropped */
        l->is_eof = true;
        flare__tls_link_end_recv(l, 0);
        return -EAGAIN;
    }
    return n;
}

/* What the kernel has decrypted, but nobody wanted then. */
static int link_pass(struct flare__tls_link *l, struct flare_str *in)
{
    struct flare__event ev = {.sock = l->sock,
                              .kind = FLARE__EV_RECV,
                              .flags = FLARE__EV_MORE | FLARE__EV_LEASE};
    size_t n =
        in->len < FLARE__WIRE_LEASE_BYTES ? in->len : FLARE__WIRE_LEASE_BYTES;
    char *room;
    int rc = link_room(l, &room, &ev.lease);

    if (rc < 0)
        return rc;
    memcpy(room, in->ptr, n);
    in->ptr += n;
    in->len -= n;
    ev.data = (uint8_t *)room;
    ev.res = (int32_t)n;
    l->owner(l->sock, &ev);
    return 0;
}

static int link_step(struct flare__tls_link *l, struct flare_str *in)
{
    if (!l->is_open)
        return link_handshake(l, in);
    if (in->len > 0 && flare__tls_kernel_has_rx(l->engine))
        return link_pass(l, in);
    return link_read(l, in);
}

/* Whether OpenSSL stopped at a full output that is empty by now. */
static bool link_is_drained(const struct flare__tls_link *l)
{
    return flare__tls_wants_drain(l->engine) &&
           flare__tls_output(l->engine).len == 0;
}

void flare__tls_link_process(struct flare__tls_link *l, struct flare_str in)
{
    int rc = 0;

    while (rc == 0 && l->rc == 0 && !l->is_closed && !l->is_eof &&
           link_takes(l)) {
        rc = link_step(l, &in);
        /* what a peer asks for by its records goes before the next of them */
        flare__tls_link_flush(l);
        if (rc == -EAGAIN && link_is_drained(l))
            rc = 0;
    }
    l->is_clogged = rc == -EAGAIN && flare__tls_wants_drain(l->engine);
    if (rc < 0 && rc != -EAGAIN && rc != -ENOBUFS)
        flare__tls_link_fail(l, rc);
    if (l->rc == 0 && !l->is_closed && !l->is_eof)
        link_hold(l, in);
    if (l->left > 0 && !l->in_flight)
        flare__tls_link_touch(l); /* a write may have waited for this */
}

/* Goes on with what is kept, then with the backend. */
static void link_on_task(struct flare__task *task)
{
    struct flare__tls_link *l =
        FLARE_CONTAINER_OF(task, struct flare__tls_link, task);
    struct flare_str held = {l->held, l->held_len};

    if (l->is_closed)
        return;
    if (l->rc != 0) {
        link_tell_failure(l);
        return;
    }
    if (!l->has_begun) {
        l->has_begun = true;
        flare__tls_link_process(l, (struct flare_str){NULL, 0});
    }
    if (l->held_len > 0 && link_takes(l)) {
        char *memory = l->held;

        l->held = NULL;
        l->held_len = 0;
        l->held_cap = 0;
        flare__tls_link_process(l, held);
        flare__free(&l->loop->allocator, memory);
    }
    if ((l->is_finished || l->is_clogged) && l->held_len == 0)
        flare__tls_link_process(l, (struct flare_str){NULL, 0});
    if (l->pending != 0 && l->held_len == 0 && !l->is_closed && l->rc == 0)
        flare__tls_link_control(l, l->pending);
    if (l->is_closed || l->rc != 0)
        return;
    if (l->is_eof)
        flare__tls_link_end_recv(l, 0);
    else if (l->is_unwanted && (!l->is_receiving || !l->is_open))
        flare__tls_link_end_recv(l, -ECANCELED);
    if (l->is_closed || l->rc != 0)
        return;
    flare__tls_link_push(l);
    flare__tls_link_settle(l);
    if (l->is_closed || l->rc != 0)
        return;
    if (!link_takes(l) || l->is_unwanted || l->held_len > 0 ||
        (l->is_receiving && flare__tls_link_may_rx(l))) {
        link_stop_inner(l);
        return;
    }
    if (flare__tls_link_may_rx(l))
        flare__tls_link_try_rx(l);
    if (!l->is_closed && l->rc == 0 && l->held_len == 0 && link_takes(l) &&
        !l->is_unwanted)
        link_start_inner(l);
}

void flare__tls_link_touch(struct flare__tls_link *l)
{
    flare__loop_task(l->loop, &l->task, link_on_task);
}

static int link_recv_start(struct flare__wire_filter *f)
{
    struct flare__tls_link *l = flare__tls_link_from(f);

    FLARE_ASSERT(!l->is_wanted && !l->is_closed);
    if (l->rc != 0)
        return l->rc; /* was told already, or will be */
    l->is_wanted = true;
    l->is_unwanted = false;
    if (l->held_len > 0 || l->is_eof || l->is_finished || l->is_stopping ||
        l->pending != 0 || flare__tls_link_may_rx(l))
        flare__tls_link_touch(l);
    else
        link_start_inner(l);
    return 0;
}

static void link_recv_stop(struct flare__wire_filter *f)
{
    struct flare__tls_link *l = flare__tls_link_from(f);

    if (!l->is_wanted || l->is_unwanted)
        return;
    l->is_unwanted = true;
    if (l->is_open)
        link_stop_inner(l);
    flare__tls_link_touch(l);
}

/* The peer's bytes have ended, or the connection has. */
static void link_on_recv_end(struct flare__tls_link *l, int32_t res)
{
    l->is_receiving = false;
    l->is_stopping = false;
    if (res == 0) {
        l->is_finished = true;
        flare__tls_eof(l->engine);
        if (l->held_len == 0)
            flare__tls_link_process(l, (struct flare_str){NULL, 0});
    } else if (res == -ECANCELED || l->is_closed) {
        /* it goes on, or nothing does */
    } else if (!flare__tls_kernel_has_rx(l->engine)) {
        flare__tls_link_fail(l, res);
    } else if (l->held_len > 0) {
        l->pending = res; /* what came before it is to be read first */
    } else {
        flare__tls_link_control(l, res);
    }
    if (!l->is_closed)
        flare__tls_link_touch(l);
}

/* What the kernel has decrypted, to an owner who wants it; else false. */
static bool link_on_plain(struct flare__tls_link *l,
                          const struct flare__event *ev)
{
    struct flare__event mine = *ev;

    if (ev->res <= 0 || !flare__tls_kernel_has_rx(l->engine))
        return false;
    flare__tls_control_count(l->engine, (size_t)ev->res);
    if (!l->is_wanted || l->held_len > 0 || l->rc != 0 || l->is_closed ||
        l->is_eof)
        return false;
    mine.flags |= FLARE__EV_MORE; /* the owner's goes on in any case */
    l->owner(l->sock, &mine);
    return true;
}

static void link_on_recv(struct flare__tls_link *l,
                         const struct flare__event *ev)
{
    struct flare_loop *loop = l->loop;

    if (link_on_plain(l, ev)) {
        if (!link_takes(l) && !l->is_closed)
            flare__tls_link_touch(l);
    } else if (ev->res > 0) {
        const struct flare_str in = {(const char *)ev->data, (size_t)ev->res};

        if (l->held_len > 0 && !l->is_closed)
            link_hold(l, in);
        else
            flare__tls_link_process(l, in);
        if (ev->flags & FLARE__EV_LEASE)
            loop->ops->lease_put(loop->backend, ev->lease);
        if (l->held_len > 0 || (!link_takes(l) && !l->is_closed) ||
            flare__tls_link_may_rx(l))
            flare__tls_link_touch(l);
    }
    if ((ev->flags & FLARE__EV_MORE) == 0)
        link_on_recv_end(l, ev->res > 0 ? -ECANCELED : ev->res);
}

static void link_on_event(struct flare__sock *sock,
                          const struct flare__event *ev)
{
    struct flare__tls_link *l = flare__tls_link_of(sock);

    switch (ev->kind) {
    case FLARE__EV_RECV:
        link_on_recv(l, ev);
        break;
    case FLARE__EV_SENT:
        l->sent_res = ev->res;
        if ((ev->flags & FLARE__EV_RELEASE_DUE) == 0)
            flare__tls_link_on_sent(l);
        break;
    case FLARE__EV_RELEASED:
        flare__tls_link_on_sent(l);
        break;
    case FLARE__EV_CLOSED:
        link_on_closed(l);
        break;
    default:
        FLARE_ASSERT(!"an event that no link asked for");
    }
}

static const struct flare_error *link_error(const struct flare__wire_filter *f)
{
    const struct flare__tls_link *l =
        FLARE_CONTAINER_OF(f, struct flare__tls_link, filter);
    const struct flare_error *err = flare__tls_error(l->engine);

    return err->code != 0 && err->code == l->rc ? err : NULL;
}

const struct flare__wire_filter_ops flare__tls_link_ops = {
    .recv_start = link_recv_start,
    .recv_stop = link_recv_stop,
    .send = flare__tls_link_send,
    .sendfile = flare__tls_link_sendfile,
    .shutdown_send = flare__tls_link_shutdown,
    .close = link_close,
    .leave = flare__tls_link_leave,
    .error = link_error,
};

/* ---- beginnings */

int flare__tls_link_start(struct flare_loop *loop, struct flare__sock *sock,
                          struct flare__tls *engine,
                          const struct flare__wire_start *start)
{
    struct flare__tls_link *l = flare__calloc(&loop->allocator, 1, sizeof(*l));

    if (l == NULL) {
        flare__tls_free(engine);
        return -ENOMEM;
    }
    l->filter.ops = &flare__tls_link_ops;
    l->loop = loop;
    l->sock = sock;
    l->owner = sock->on_event;
    l->engine = engine;
    l->is_receiving = start->is_receiving;
    l->is_wanted = start->is_receiving;
    link_hold(l, start->early);
    if (l->rc != 0) {
        flare__loop_task_cancel(loop, &l->task);
        flare__tls_free(engine);
        flare__free(&loop->allocator, l);
        return -ENOMEM;
    }
    sock->filter = &l->filter;
    sock->on_event = link_on_event;
    flare__wheel_start(&loop->wheel, &l->timer,
                       loop->now_ms + start->handshake_timeout_ms,
                       flare__tls_link_on_timer);
    flare__tls_link_touch(l);
    return 0;
}

int flare__tls_link_accept(struct flare__wire_maker *maker,
                           struct flare_loop *loop, struct flare__sock *sock,
                           const struct flare__wire_start *start,
                           struct flare_error *err)
{
    const struct flare__tls_start ts = {.unix_now = flare__clock_realtime()};
    struct flare__tls *engine;
    int rc = flare__tls_new_server(&engine, (flare_tls_server *)maker, &ts);

    if (rc == 0)
        rc = flare__tls_link_start(loop, sock, engine, start);
    if (rc < 0)
        return flare__error(err, rc, "TLS: out of memory");
    return 0;
}

int flare__tls_link_connect(struct flare__wire_maker *maker,
                            struct flare_loop *loop, struct flare__sock *sock,
                            const struct flare__wire_start *start,
                            struct flare_error *err)
{
    const struct flare__tls_start ts = {.unix_now = flare__clock_realtime(),
                                        .host = start->host,
                                        .port = start->port};
    struct flare__tls *engine;
    int rc =
        flare__tls_new_client(&engine, (flare_tls_client *)maker, &ts, err);

    if (rc < 0)
        return rc;
    rc = flare__tls_link_start(loop, sock, engine, start);
    if (rc < 0)
        return flare__error(err, rc, "TLS: out of memory");
    return 0;
}
