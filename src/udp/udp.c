/* SPDX-License-Identifier: MIT */
/* The life of a socket; see udp.h. */
#include "udp/udp.h"

#include "base/assert.h"
#include "net/sock.h"

#include <errno.h>

static bool udp_hears(const struct flare_udp *udp)
{
    return udp->is_pulled ||
           (udp->handler->on_datagrams != NULL && !udp->is_paused);
}

/*
 * POLLOUT is watched only while the kernel's buffer is full: else every
 * datagram that leaves it would be an event.  With nothing to watch the socket
 * stays armed for errors alone, so that it need not be stopped and started.
 */
void flare__udp_arm(struct flare_udp *udp)
{
    short events = (short)((udp_hears(udp) ? POLLIN : 0) |
                           (udp->is_blocked ? POLLOUT : 0));
    int rc;

    if (udp->state != FLARE__UDP_OPEN ||
        (udp->is_armed && udp->armed == events))
        return;
    rc = udp->loop->ops->poll_start(udp->loop->backend, &udp->sock, events);
    if (rc < 0) {
        flare__udp_fail(udp, rc);
        return;
    }
    udp->is_armed = true;
    udp->armed = events;
}

static void udp_close_now(struct flare_udp *udp)
{
    udp->state = FLARE__UDP_CLOSED;
    flare__wheel_stop(&udp->loop->wheel, &udp->timer);
    flare__loop_task_cancel(udp->loop, &udp->task);
    udp->loop->ops->close(udp->loop->backend, &udp->sock,
                          FLARE__CLOSE_GRACEFUL);
}

static void udp_on_turn_end(struct flare__task *task)
{
    struct flare_udp *udp = FLARE_CONTAINER_OF(task, struct flare_udp, task);

    if (udp->is_connecting) /* its event comes, and what waits with it */
        return;
    flare__udp_flush(udp);
    if (udp->state == FLARE__UDP_CLOSING)
        udp_close_now(udp);
    else if (!udp->is_pulled)
        flare__udp_receive(udp);
}

void flare__udp_later(struct flare_udp *udp)
{
    flare__loop_task(udp->loop, &udp->task, udp_on_turn_end);
}

void flare__udp_fail(struct flare_udp *udp, int rc)
{
    if (udp->state >= FLARE__UDP_CLOSING)
        return;
    udp->state = FLARE__UDP_CLOSING;
    udp->rc = rc;
    flare__udp_later(udp);
}

static void udp_on_connect(struct flare_udp *udp, int rc)
{
    udp->is_connecting = false;
    if (rc < 0 && udp->state == FLARE__UDP_CONNECTING)
        flare__udp_fail(udp, rc);
    if (udp->state == FLARE__UDP_CONNECTING)
        udp->state = FLARE__UDP_OPEN;
    flare__udp_arm(udp);
    flare__udp_later(udp);
}

/* An edge tells of both ways: each is tried, as errors have no way. */
static void udp_on_poll(struct flare_udp *udp, const struct flare__event *ev)
{
    if ((ev->flags & FLARE__EV_MORE) == 0) {
        udp->is_armed = false;
        flare__udp_fail(udp, ev->res < 0 ? ev->res : -EIO);
        return;
    }
    udp->is_readable = true;
    if (udp->is_blocked && ev->res & (POLLOUT | POLLERR)) {
        udp->is_blocked = false;
        flare__udp_later(udp);
    }
    if (udp->is_pulled)
        return;
    if (udp->is_paused)
        flare__udp_arm(udp); /* no more edges */
    else
        flare__udp_receive(udp);
}

static void udp_on_closed(struct flare_udp *udp)
{
    flare__loop_resident_remove(udp->loop, &udp->resident);
    if (udp->handler->on_closed != NULL)
        udp->handler->on_closed(udp, udp->rc, udp->ctx);
    flare__udp_free(udp);
}

void flare__udp_on_event(struct flare__sock *sock,
                         const struct flare__event *ev)
{
    struct flare_udp *udp = FLARE_CONTAINER_OF(sock, struct flare_udp, sock);

    if (ev->kind == FLARE__EV_CLOSED)
        udp_on_closed(udp);
    else if (udp->state == FLARE__UDP_CLOSED)
        return; /* what the close has cut short */
    else if (ev->kind == FLARE__EV_CONNECT)
        udp_on_connect(udp, ev->res);
    else if (ev->kind == FLARE__EV_POLL)
        udp_on_poll(udp, ev);
}

void flare_udp_pause(flare_udp *udp)
{
    udp->is_paused = true; /* the next edge finds it so: no system call now */
}

void flare_udp_resume(flare_udp *udp)
{
    if (!udp->is_paused)
        return;
    udp->is_paused = false;
    flare__udp_arm(udp);
    flare__udp_later(udp);
}

void flare_udp_close(flare_udp *udp)
{
    if (udp != NULL)
        flare__udp_fail(udp, 0);
}

void flare__udp_evict(struct flare__resident *resident)
{
    flare_udp_close(FLARE_CONTAINER_OF(resident, struct flare_udp, resident));
}

unsigned flare_udp_caps(const flare_udp *udp)
{
    return udp->caps;
}

int flare_udp_local(flare_udp *udp, struct flare_addr *out)
{
    struct sockaddr_storage storage;
    socklen_t len = 0;
    int rc;

    if (udp->state == FLARE__UDP_CLOSED)
        return -EPIPE;
    rc = udp->loop->ops->local(udp->loop->backend, &udp->sock, &storage, &len);
    if (rc == 0)
        flare__udp_addr_read(out, &storage);
    return rc < 0 ? rc : 0;
}

static int udp_member(flare_udp *udp, const struct flare_ip *group,
                      uint32_t interface_number, bool is_join)
{
    if (udp->state >= FLARE__UDP_CLOSING)
        return -EPIPE;
    if (flare_ip_class(group) != FLARE_IP_MULTICAST)
        return FLARE_E_BAD_ADDRESS;
    if (!flare__udp_reaches(&udp->fd, group))
        return -EAFNOSUPPORT;
    return flare__udp_member(&udp->fd, group, interface_number, is_join);
}

int flare_udp_join(flare_udp *udp, const struct flare_ip *group,
                   uint32_t interface_number)
{
    return udp_member(udp, group, interface_number, /* is_join = */ true);
}

int flare_udp_leave(flare_udp *udp, const struct flare_ip *group,
                    uint32_t interface_number)
{
    return udp_member(udp, group, interface_number, /* is_join = */ false);
}
