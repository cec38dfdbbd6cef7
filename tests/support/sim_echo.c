/* SPDX-License-Identifier: MIT */
/* See sim_echo.h.  The owner reads only when it has nothing to send. */
#include "tests/support/sim_echo.h"

#include <errno.h>
#include <string.h>

static void echo_close(struct echo *c, enum flare__close_how how)
{
    if (c->is_closing)
        return;
    c->is_closing = true;
    c->loop->ops->close(c->loop->b, &c->sock, how);
}

/* Sends what is held, else receives, else closes when the peer has ended. */
static void echo_next(struct echo *c)
{
    uint32_t len = c->received - c->sent;
    uint32_t count = len > 1 ? 2 : 1;

    if (c->is_closing || c->is_sending || c->releases > 0)
        return;
    if (len > 0) {
        c->iov[0] = (struct iovec){c->held + c->sent, count == 2 ? len / 2 : 1};
        c->iov[1] = (struct iovec){c->held + c->sent + len / 2, len - len / 2};
        c->is_sending = true;
        c->sending = len;
        MUST(c->loop->ops->send(c->loop->b, &c->sock, c->iov, count) == 0);
    } else if (c->is_ended) {
        echo_close(c, FLARE__CLOSE_GRACEFUL);
    } else if (!c->is_receiving) {
        c->is_receiving = true;
        MUST(c->loop->ops->recv_start(c->loop->b, &c->sock) == 0);
    }
}

static void echo_on_bytes(struct echo *c, const struct flare__event *ev)
{
    MUST(c->received + (uint32_t)ev->res <= ECHO_PAYLOAD);
    memcpy(c->held + c->received, ev->data, (size_t)ev->res);
    c->received += (uint32_t)ev->res;
}

static void echo_on_recv(struct echo *c, const struct flare__event *ev)
{
    if ((ev->flags & FLARE__EV_MORE) == 0)
        c->is_receiving = false;
    if (ev->res > 0) {
        MUST(ev->flags & FLARE__EV_LEASE);
        echo_on_bytes(c, ev);
        c->loop->ops->lease_put(c->loop->b, ev->lease);
        if (c->is_receiving && !c->is_closing)
            c->loop->ops->recv_stop(c->loop->b, &c->sock);
    } else if (ev->res == 0) {
        c->is_ended = true;
    } else if (ev->res != -ECANCELED) {
        echo_close(c, FLARE__CLOSE_ABORT);
    }
    echo_next(c);
}

static void echo_on_event(struct flare__sock *sock,
                          const struct flare__event *ev)
{
    struct echo *c = (struct echo *)sock;

    MUST(c->is_used);
    switch ((enum flare__event_kind)ev->kind) {
    case FLARE__EV_RECV:
        echo_on_recv(c, ev);
        break;
    case FLARE__EV_SENT:
        c->is_sending = false;
        c->releases += (ev->flags & FLARE__EV_RELEASE_DUE) != 0;
        if (ev->res != (int32_t)c->sending)
            echo_close(c, FLARE__CLOSE_ABORT);
        c->sent += c->sending;
        echo_next(c);
        break;
    case FLARE__EV_RELEASED:
        c->releases--;
        echo_next(c);
        break;
    case FLARE__EV_CLOSED:
        MUST(c->is_closing && !c->is_receiving && !c->is_sending);
        MUST(c->releases == 0);
        c->is_used = false;
        c->loop->conn_count--;
        memset(&c->sock, 0xee, sizeof(c->sock)); /* never touched again */
        break;
    default:
        ck_abort_msg("event %d", ev->kind);
    }
}

static void echo_accept(struct echo_loop *l, int fd)
{
    struct echo *c = NULL;

    for (int i = 0; i < ECHO_CONNS * 2; i++)
        if (!l->conns[i].is_used)
            c = &l->conns[i];
    MUST(c != NULL);
    memset(c, 0, sizeof(*c));
    c->loop = l;
    c->is_used = true;
    c->sock.on_event = echo_on_event;
    l->conn_count++;
    MUST(l->ops->attach(l->b, &c->sock, fd) == 0);
    echo_next(c);
}

void echo_listener_on_event(struct flare__sock *sock,
                            const struct flare__event *ev)
{
    struct echo_loop *l =
        (struct echo_loop *)(void *)((char *)sock -
                                     offsetof(struct echo_loop, listener));

    if (ev->kind == FLARE__EV_CLOSED) {
        l->is_listening = false;
        return;
    }
    if ((ev->flags & FLARE__EV_MORE) == 0)
        l->is_accepting = false;
    if (ev->res >= 0)
        echo_accept(l, ev->res);
}

void echo_listen(struct echo_loop *l, struct flare__sim *w)
{
    int fd = flare__sim_listen(w, ECHO_PORT, 4);

    MUST(fd >= FLARE__SIM_FD_MIN);
    l->listener.on_event = echo_listener_on_event;
    MUST(l->ops->attach(l->b, &l->listener, fd) == 0);
    l->is_listening = true;
}

void echo_loop_open(struct echo_loop *l, struct flare__sim *w, uint32_t leases)
{
    const struct flare__backend_config config = {
        .lease_bytes = 1024, .lease_count = leases, .sim = w};

    memset(l, 0, sizeof(*l));
    l->ops = &flare__backend_sim;
    MUST(l->ops->open(&l->b, &config, NULL) == 0);
}

int echo_loop_turn(struct echo_loop *l, uint64_t deadline)
{
    struct flare__event events[16];
    int n;

    if (l->is_listening && !l->is_accepting) {
        l->is_accepting = true;
        MUST(l->ops->accept_start(l->b, &l->listener) == 0);
    }
    n = l->ops->poll(l->b, events, 16, deadline);
    MUST(n >= 0);
    for (int i = 0; i < n; i++)
        if (events[i].sock != NULL)
            events[i].sock->on_event(events[i].sock, &events[i]);
    return n;
}

void echo_loop_free(struct echo_loop *l)
{
    if (l->is_listening)
        l->ops->close(l->b, &l->listener, FLARE__CLOSE_GRACEFUL);
    for (int i = 0; i < ECHO_CONNS * 2; i++)
        if (l->conns[i].is_used)
            echo_close(&l->conns[i], FLARE__CLOSE_ABORT);
    while (l->conn_count > 0 || l->is_listening) {
        /* It closes: accepting does not start again. */
        l->is_accepting = true;
        (void)echo_loop_turn(l, l->ops->now(l->b) + MS);
    }
    l->ops->free(l->b);
}

static uint8_t asker_byte(const struct asker *a, uint32_t at)
{
    return (uint8_t)((a->number + 1) * 131 + at * 7 + (at >> 8));
}

static void asker_send(struct asker *a)
{
    uint8_t bytes[512];

    while (a->sent < ECHO_PAYLOAD) {
        uint32_t n =
            ECHO_PAYLOAD - a->sent < 512 ? ECHO_PAYLOAD - a->sent : 512;
        uint32_t got;

        for (uint32_t i = 0; i < n; i++)
            bytes[i] = asker_byte(a, a->sent + i);
        got = (uint32_t)flare__sim_peer_send(&a->peer, bytes, n);
        a->sent += got;
        if (got < n)
            return;
    }
    if (!a->is_shut) {
        a->is_shut = true;
        flare__sim_peer_shutdown(&a->peer);
    }
}

static void asker_recv(struct asker *a)
{
    uint8_t bytes[300];
    size_t n;

    while ((n = flare__sim_peer_recv(&a->peer, bytes, sizeof(bytes))) > 0) {
        for (size_t i = 0; i < n; i++, a->received++)
            MUST(bytes[i] == asker_byte(a, a->received));
    }
}

static void asker_end(struct asker *a, bool is_broken)
{
    a->is_done = true;
    a->is_broken = is_broken;
    if (a->peer.end != 0)
        flare__sim_peer_close(&a->peer, false);
}

void asker_on_event(struct flare__sim_peer *peer,
                    enum flare__sim_peer_event what)
{
    struct asker *a = (struct asker *)peer;

    switch (what) {
    case FLARE__SIM_PEER_TIMER:
        flare__sim_peer_connect(peer, ECHO_PORT);
        break;
    case FLARE__SIM_PEER_CONNECTED:
    case FLARE__SIM_PEER_SPACE:
        asker_send(a);
        break;
    case FLARE__SIM_PEER_DATA:
        asker_recv(a);
        break;
    case FLARE__SIM_PEER_FIN:
        asker_recv(a);
        MUST(a->received == ECHO_PAYLOAD);
        asker_end(a, false);
        break;
    case FLARE__SIM_PEER_RST:
    case FLARE__SIM_PEER_REFUSED:
        asker_end(a, true);
        break;
    }
}

void askers_start(struct asker *askers, uint32_t count, struct flare__sim *w)
{
    memset(askers, 0, count * sizeof(*askers));
    for (uint32_t i = 0; i < count; i++) {
        askers[i].number = i;
        askers[i].peer.on_event = asker_on_event;
        flare__sim_peer_open(&askers[i].peer, w);
        flare__sim_peer_at(&askers[i].peer, flare__sim_now(w) + i * MS);
    }
}

bool askers_done(const struct asker *askers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!askers[i].is_done)
            return false;
    return true;
}
