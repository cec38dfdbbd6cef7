/* SPDX-License-Identifier: MIT */
/* Peers: the scripts' side of a connection. */
#include "backends/sim_impl.h"

static struct sim_end *peer_end(struct flare__sim_peer *peer)
{
    SIM_CHECK(peer->world, peer->end != 0, "a script uses a closed peer");
    return sim_end(peer->world, peer->end);
}

void flare__sim_peer_open(struct flare__sim_peer *peer, struct flare__sim *w)
{
    struct sim_end *e = sim_end_new(w, SIM_SOCKET);

    SIM_CHECK(w, peer->end == 0, "a script opens an open peer");
    e->peer = peer;
    peer->world = w;
    peer->end = e->index;
    peer->is_excused = false;
}

void flare__sim_peer_connect(struct flare__sim_peer *peer, uint16_t port)
{
    struct sim_end *e = peer_end(peer);

    SIM_CHECK(peer->world, e->kind == SIM_SOCKET && !e->is_connecting,
              "a script connects twice");
    sim_trace(peer->world, SIM_N_PEER_CONNECT, e->index, port, 0);
    sim_end_connect(peer->world, e, &(struct sim_addr){.port = port});
}

size_t flare__sim_peer_send(struct flare__sim_peer *peer, const void *data,
                            size_t len)
{
    struct flare__sim *w = peer->world;
    struct sim_end *e = peer_end(peer);
    struct sim_end *to = sim_end_other(w, e);
    uint64_t space;

    SIM_CHECK(w, e->kind == SIM_STREAM && !to->rx.fin_sent,
              "a script sends before CONNECTED or after FIN");
    if (e->is_reset || len == 0)
        return 0;
    space = sim_pipe_space(to);
    if (space < len) {
        to->rx.was_full = true;
        len = space;
    }
    sim_trace(w, SIM_N_PEER_SEND, e->index, (int64_t)len, 0);
    if (len > 0)
        sim_pipe_write(w, to, data, len);
    return len;
}

size_t flare__sim_peer_recv(struct flare__sim_peer *peer, void *out,
                            size_t size)
{
    struct flare__sim *w = peer->world;
    struct sim_end *e = peer_end(peer);
    uint64_t n = e->rx.arrived - e->rx.taken;

    if (n > size)
        n = size;
    if (n == 0)
        return 0;
    sim_pipe_take(w, e, out, n);
    sim_trace(w, SIM_N_PEER_RECV, e->index, (int64_t)n, 0);
    return n;
}

void flare__sim_peer_shutdown(struct flare__sim_peer *peer)
{
    struct flare__sim *w = peer->world;
    struct sim_end *e = peer_end(peer);
    struct sim_end *to = sim_end_other(w, e);

    SIM_CHECK(w, e->kind == SIM_STREAM && !to->rx.fin_sent,
              "a script sends FIN before CONNECTED or twice");
    sim_trace(w, SIM_N_PEER_SHUTDOWN, e->index, 0, 0);
    if (!e->is_reset)
        sim_pipe_fin(w, to);
}

void flare__sim_peer_close(struct flare__sim_peer *peer, bool is_abort)
{
    struct sim_end *e = peer_end(peer);

    sim_trace(peer->world, SIM_N_PEER_CLOSE, e->index, is_abort, 0);
    peer->end = 0;
    peer->timer++;
    sim_end_close(peer->world, e, is_abort);
}

void flare__sim_peer_at(struct flare__sim_peer *peer, uint64_t time_ns)
{
    struct sim_end *e = peer_end(peer);

    sim_due_push(peer->world, SIM_DUE_TIMER, time_ns, e->index, ++peer->timer);
}
