/* SPDX-License-Identifier: MIT */
/* See listener.h for the states. */
#include "net/listener.h"

#include "base/assert.h"

#include <errno.h>
#include <stddef.h>

/* How long to wait when descriptors or memory ran out (FAILURES R08, R09). */
enum { LISTENER_SHORTAGE_MS = 100, LISTENER_QUIET_MS = 1000 };

static void listener_on_timer(struct flare__timer *timer)
{
    struct flare__listener *l =
        FLARE_CONTAINER_OF(timer, struct flare__listener, timer);

    flare__listener_resume(l);
}

static void listener_wait(struct flare__listener *l, int error)
{
    struct flare_loop *loop = l->loop;

    if (loop->now_ms >= l->quiet_until_ms) {
        l->quiet_until_ms = loop->now_ms + LISTENER_QUIET_MS;
        flare__log(&loop->log, FLARE_LOG_WARN, "accept: %s; waiting %d ms",
                   flare_strerror(error), LISTENER_SHORTAGE_MS);
    }
    l->state = FLARE__LISTENER_PAUSED;
    l->pauses++;
    flare__wheel_start(&loop->wheel, &l->timer,
                       loop->now_ms + LISTENER_SHORTAGE_MS, listener_on_timer);
}

static void listener_arm(struct flare__listener *l)
{
    int rc = l->loop->ops->accept_start(l->loop->backend, &l->sock);

    if (rc < 0)
        listener_wait(l, rc);
    else
        l->is_accepting = true;
}

static void listener_close_now(struct flare__listener *l)
{
    l->loop->ops->close(l->loop->backend, &l->sock, FLARE__CLOSE_GRACEFUL);
}

/* The accept has ended: why, and what now. */
static void listener_on_end(struct flare__listener *l, int res)
{
    l->is_accepting = false;
    if (l->state == FLARE__LISTENER_CLOSING)
        listener_close_now(l);
    if (l->state != FLARE__LISTENER_OPEN)
        return;
    /* FAILURES R10: a peer that has gone meanwhile is no shortage. */
    if (res >= 0 || res == -ECANCELED || res == -ECONNABORTED)
        listener_arm(l);
    else
        listener_wait(l, res);
}

static void listener_on_event(struct flare__sock *sock,
                              const struct flare__event *ev)
{
    struct flare__listener *l =
        FLARE_CONTAINER_OF(sock, struct flare__listener, sock);

    if (ev->kind == FLARE__EV_CLOSED) {
        l->state = FLARE__LISTENER_CLOSED;
        l->on_closed(l);
        return;
    }
    FLARE_ASSERT(ev->kind == FLARE__EV_ACCEPT);
    if ((ev->flags & FLARE__EV_MORE) == 0)
        listener_on_end(l, ev->res);
    if (ev->res >= 0)
        l->on_conn(l, ev->res);
}

int flare__listener_open(struct flare__listener *l, struct flare_loop *loop,
                         int fd)
{
    int rc;

    FLARE_ASSERT(l->state == FLARE__LISTENER_CLOSED);
    l->loop = loop;
    l->sock.on_event = listener_on_event;
    rc = loop->ops->attach(loop->backend, &l->sock, fd);
    if (rc < 0)
        return rc;
    l->state = FLARE__LISTENER_OPEN;
    listener_arm(l);
    return 0;
}

void flare__listener_pause(struct flare__listener *l)
{
    if (l->state == FLARE__LISTENER_PAUSED)
        flare__wheel_stop(&l->loop->wheel, &l->timer);
    if (l->state != FLARE__LISTENER_OPEN)
        return;
    l->state = FLARE__LISTENER_PAUSED;
    l->pauses++;
    if (l->is_accepting)
        l->loop->ops->accept_stop(l->loop->backend, &l->sock);
}

void flare__listener_resume(struct flare__listener *l)
{
    if (l->state != FLARE__LISTENER_PAUSED)
        return;
    flare__wheel_stop(&l->loop->wheel, &l->timer);
    l->state = FLARE__LISTENER_OPEN;
    if (!l->is_accepting)
        listener_arm(l);
}

void flare__listener_close(struct flare__listener *l)
{
    bool is_open = l->state == FLARE__LISTENER_OPEN;

    FLARE_ASSERT(is_open || l->state == FLARE__LISTENER_PAUSED);
    flare__wheel_stop(&l->loop->wheel, &l->timer);
    l->state = FLARE__LISTENER_CLOSING;
    if (!l->is_accepting)
        listener_close_now(l);
    else if (is_open) /* paused: it was told to stop */
        l->loop->ops->accept_stop(l->loop->backend, &l->sock);
}
