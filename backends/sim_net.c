/* SPDX-License-Identifier: MIT */
/*
 * The in-memory network: descriptors, listeners with a backlog, connections as
 * two pipes, and the list of what is due when.
 *
 * It is as unkind as TCP: closing with bytes unread, or getting bytes after
 * closing, answers with RST, and that may destroy what the other side has not
 * read yet (RFC 9112 section 9.6: why servers linger).
 */
#include "backends/sim_impl.h"

#include <errno.h>
#include <string.h>

enum {
    NET_WINDOW = 65536,
    NET_BACKLOG = 1024,
    NET_SYN_TRIES = 10 /* a second apart, when the backlog is full */
};

/* What is due: a heap ordered by time, then by order of entry. */

static bool due_before(const struct sim_due *a, const struct sim_due *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    return a->order < b->order;
}

static void heap_push(struct flare__sim *w, const struct sim_due *due)
{
    uint32_t at = w->heap_count++;

    if (w->heap_count > w->heap_size) {
        w->heap_size = w->heap_size == 0 ? 256 : w->heap_size * 2;
        w->heap = sim_memory(w->heap, w->heap_size * sizeof(*w->heap));
    }
    while (at > 0 && due_before(due, &w->heap[(at - 1) / 2])) {
        w->heap[at] = w->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    w->heap[at] = *due;
}

static struct sim_due heap_pop(struct flare__sim *w)
{
    struct sim_due top = w->heap[0];
    struct sim_due last = w->heap[--w->heap_count];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = at * 2 + 1;

        if (child >= w->heap_count)
            break;
        if (child + 1 < w->heap_count &&
            due_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (due_before(&last, &w->heap[child]))
            break;
        w->heap[at] = w->heap[child];
        at = child;
    }
    w->heap[at] = last;
    return top;
}

void sim_due_push(struct flare__sim *w, enum sim_due_kind kind, uint64_t time,
                  uint32_t id, uint32_t extra)
{
    uint32_t generation = 0;

    if (kind == SIM_DUE_KICK)
        generation = w->backends[extra]->slots[id]->generation;
    else if (kind != SIM_DUE_PACKET)
        generation = w->ends[id]->generation;

    heap_push(w, &(struct sim_due){.time = time,
                                   .order = w->order++,
                                   .id = id,
                                   .generation = generation,
                                   .extra = extra,
                                   .kind = kind});
}

uint64_t sim_next_due(const struct flare__sim *w)
{
    return w->heap_count > 0 ? w->heap[0].time : SIM_NEVER;
}

/* Ends. */

struct sim_end *sim_end(const struct flare__sim *w, uint32_t id)
{
    SIM_CHECK(w, id > 0 && id < w->end_count && w->ends[id]->kind != SIM_FREE,
              "end %u does not exist", id);
    return w->ends[id];
}

struct sim_end *sim_end_new(struct flare__sim *w, enum sim_end_kind kind)
{
    struct sim_end *e;

    if (w->free_end_count == 0) {
        uint32_t count = w->end_count == 0 ? 64 : w->end_count * 2;

        w->ends = sim_memory(w->ends, count * sizeof(struct sim_end *));
        w->free_ends = sim_memory(w->free_ends, count * sizeof(uint32_t));
        for (uint32_t i = count - 1; i >= (w->end_count ? w->end_count : 1);
             i--) {
            w->ends[i] = sim_memory(NULL, sizeof(struct sim_end));
            *w->ends[i] = (struct sim_end){.index = i};
            w->free_ends[w->free_end_count++] = i;
        }
        w->end_count = count;
    }
    e = w->ends[w->free_ends[--w->free_end_count]];
    *e = (struct sim_end){.kind = (uint8_t)kind,
                          .index = e->index,
                          .generation = e->generation,
                          .fd = -1,
                          .doom = SIM_NEVER,
                          .rx = {.buf = e->rx.buf, .size = e->rx.size},
                          .pending = e->pending,
                          .pending_size = e->pending_size};
    return e;
}

static void end_free(struct flare__sim *w, struct sim_end *e)
{
    e->kind = SIM_FREE;
    e->generation++;
    w->free_ends[w->free_end_count++] = e->index;
}

struct sim_end *sim_end_other(const struct flare__sim *w,
                              const struct sim_end *e)
{
    return e->other == 0 ? NULL : w->ends[e->other];
}

/* Tells the owner.  A peer's script runs: `e` may be gone afterwards. */
static void end_tell(struct flare__sim *w, struct sim_end *e,
                     enum flare__sim_peer_event what)
{
    if (e->peer != NULL) {
        sim_trace(w, SIM_N_PEER_EVENT, e->index, (int64_t)what, 0);
        e->peer->on_event(e->peer, what);
    } else if (e->backend != NULL) {
        sim_slot_touch(e->backend, e->slot);
    }
}

void sim_end_edge(struct flare__sim *w, struct sim_end *e, uint16_t edges)
{
    e->edges |= edges;
    end_tell(w, e, FLARE__SIM_PEER_DATA);
}

/* Pipes. */

static void pipe_init(struct flare__sim *w, struct sim_pipe *p)
{
    uint32_t window = NET_WINDOW;

    if (sim_chance(w, FLARE__SIM_SMALL_WINDOW))
        window = 16 + flare__sim_below(w, 2000);
    if (p->size < window) {
        p->size = window <= 2048 ? 2048 : NET_WINDOW;
        p->buf = sim_memory(p->buf, p->size);
    }
    p->window = window;
}

uint64_t sim_pipe_space(const struct sim_end *to)
{
    return to->rx.window - (to->rx.written - to->rx.taken);
}

int64_t sim_pipe_queued(const struct sim_end *to)
{
    return (int64_t)(to->rx.written - to->rx.taken);
}

static void pipe_move(struct flare__sim *w, struct sim_end *to)
{
    if (to->rx.is_moving)
        return;
    to->rx.is_moving = true;
    sim_due_push(w, SIM_DUE_ARRIVE, sim_later(w, FLARE__SIM_LATENCY), to->index,
                 0);
}

void sim_pipe_write(struct flare__sim *w, struct sim_end *to, const void *data,
                    uint64_t len)
{
    struct sim_pipe *p = &to->rx;
    uint64_t at = p->written & (p->size - 1);
    uint64_t first = p->size - at < len ? p->size - at : len;

    SIM_CHECK(w, len <= sim_pipe_space(to) && !p->fin_sent,
              "pipe written beyond its window or FIN");
    memcpy(p->buf + at, data, first);
    memcpy(p->buf, (const uint8_t *)data + first, len - first);
    p->written += len;
    pipe_move(w, to);
}

void sim_pipe_take(struct flare__sim *w, struct sim_end *from, void *out,
                   uint64_t len)
{
    struct sim_pipe *p = &from->rx;
    struct sim_end *writer = sim_end_other(w, from);
    uint64_t at = p->taken & (p->size - 1);
    uint64_t first = p->size - at < len ? p->size - at : len;

    memcpy(out, p->buf + at, first);
    memcpy((uint8_t *)out + first, p->buf, len - first);
    p->taken += len;
    if (!p->was_full || len == 0 || writer == NULL || writer->is_closed)
        return;
    p->was_full = false;
    if (writer->peer != NULL)
        sim_due_push(w, SIM_DUE_SPACE, sim_later(w, FLARE__SIM_LATENCY),
                     writer->index, 0);
    else
        end_tell(w, writer, FLARE__SIM_PEER_SPACE);
}

void sim_pipe_fin(struct flare__sim *w, struct sim_end *to)
{
    to->rx.fin_sent = true;
    pipe_move(w, to);
}

static void net_rst(struct flare__sim *w, struct sim_end *to)
{
    sim_due_push(w, SIM_DUE_RST, sim_later(w, FLARE__SIM_LATENCY), to->index,
                 0);
}

static void net_on_rst(struct flare__sim *w, struct sim_end *e)
{
    if (e->is_closed || e->is_reset)
        return;
    e->is_reset = true;
    e->rx.written = e->rx.arrived; /* what was under way is lost */
    if (e->rx.taken < e->rx.arrived && sim_chance(w, FLARE__SIM_RST_ERASES))
        e->rx.taken = e->rx.arrived;
    sim_trace(w, SIM_N_RST, e->index, (int64_t)e->rx.arrived,
              (int64_t)e->rx.taken);
    end_tell(w, e, FLARE__SIM_PEER_RST);
}

/* The connection breaks in the middle: both sides are told. */
static void net_break(struct flare__sim *w, struct sim_end *e)
{
    struct sim_end *other = sim_end_other(w, e);

    e->doom = SIM_NEVER;
    if (other->is_closed)
        return;
    other->doom = SIM_NEVER;
    if (e->peer != NULL)
        e->peer->is_excused = true;
    if (other->peer != NULL)
        other->peer->is_excused = true;
    net_rst(w, e);
    net_rst(w, other);
}

static void net_on_bytes(struct flare__sim *w, struct sim_end *e)
{
    struct sim_pipe *p = &e->rx;
    uint64_t n = p->written - p->arrived;

    if (n > 0 && sim_chance(w, FLARE__SIM_NET_CUT))
        n = sim_cut(w, n);
    p->arrived += n;
    if (p->arrived < p->written) {
        pipe_move(w, e);
    } else if (p->fin_sent) {
        p->fin_arrived = true;
        sim_trace(w, SIM_N_FIN, e->index, (int64_t)p->arrived, 0);
    }
    if (n > 0)
        sim_trace(w, SIM_N_ARRIVED, e->index, (int64_t)n, (int64_t)p->arrived);
    if (p->arrived >= e->doom)
        net_break(w, e);
}

static void net_on_arrive(struct flare__sim *w, struct sim_end *e)
{
    struct sim_pipe *p = &e->rx;
    uint32_t generation = e->generation;
    uint64_t before = p->arrived;

    p->is_moving = false;
    if (e->is_reset)
        return;
    if (e->is_closed) {
        /* Nobody is there any more: bytes are answered with RST. */
        if (p->written > p->taken)
            net_rst(w, w->ends[e->other]);
        p->arrived = p->taken = p->written;
        return;
    }
    if (sim_chance(w, FLARE__SIM_CLOG)) {
        p->is_moving = true;
        sim_due_push(w, SIM_DUE_ARRIVE, w->now + 40 * sim_delay(w), e->index,
                     0);
        return;
    }
    net_on_bytes(w, e);
    if (p->arrived > before)
        end_tell(w, e, FLARE__SIM_PEER_DATA);
    else if (e->peer == NULL)
        end_tell(w, e, FLARE__SIM_PEER_FIN);
    if (e->generation == generation && e->peer != NULL && p->fin_arrived)
        end_tell(w, e, FLARE__SIM_PEER_FIN);
}

/* Connecting. */

static bool listener_matches(const struct sim_end *l, const struct sim_addr *to)
{
    return l->port == to->port &&
           (l->local.family == AF_UNSPEC || to->family == AF_UNSPEC ||
            l->local.family == to->family);
}

static struct sim_end *listener_pick(struct flare__sim *w,
                                     const struct sim_addr *to)
{
    struct sim_end *found = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->fd_count; i++) {
        struct sim_end *e = w->fds[i] == 0 ? NULL : w->ends[w->fds[i]];

        if (e == NULL || e->kind != SIM_LISTENER || !listener_matches(e, to))
            continue;
        /* The last of n found wins with 1 in n: each is as likely. */
        if (flare__sim_below(w, ++count) == 0)
            found = e;
    }
    return found;
}

static void syn_refuse(struct flare__sim *w, struct sim_end *e, int res)
{
    struct flare__sim_peer *peer = e->peer;

    if (peer == NULL) {
        e->connect_res = res;
        end_tell(w, e, FLARE__SIM_PEER_REFUSED);
        return;
    }
    sim_trace(w, SIM_N_PEER_EVENT, e->index, FLARE__SIM_PEER_REFUSED, res);
    end_free(w, e);
    peer->end = 0;
    peer->on_event(peer, FLARE__SIM_PEER_REFUSED);
}

static void syn_accept(struct flare__sim *w, struct sim_end *l,
                       struct sim_end *e)
{
    struct sim_end *s = sim_end_new(w, SIM_STREAM);

    s->port = l->port;
    s->number = e->number = (uint32_t)w->counts.conns + 1;
    s->other = e->index;
    e->other = s->index;
    e->kind = SIM_STREAM;
    e->connect_res = 0;
    sim_addr_connected(e, s);
    pipe_init(w, &e->rx);
    pipe_init(w, &s->rx);
    if (sim_chance(w, FLARE__SIM_NET_RESET)) {
        struct sim_end *broken = flare__sim_below(w, 2) == 0 ? s : e;

        broken->doom = 1 + flare__sim_below(w, 2000);
    }
    if (l->pending_count == l->pending_size) {
        l->pending_size = l->pending_size == 0 ? 16 : l->pending_size * 2;
        l->pending = sim_memory(l->pending, l->pending_size * sizeof(uint32_t));
    }
    l->pending[l->pending_count++] = s->index;
    w->counts.conns++;
    end_tell(w, l, FLARE__SIM_PEER_CONNECTED);
    end_tell(w, e, FLARE__SIM_PEER_CONNECTED);
}

static void net_on_syn(struct flare__sim *w, struct sim_end *e)
{
    struct sim_end *l = listener_pick(w, &e->remote);
    uint32_t backlog;

    sim_trace(w, SIM_N_SYN, e->index, e->port, l == NULL ? 0 : l->index);
    if (e->verdict < 0 || l == NULL) {
        syn_refuse(w, e, e->verdict < 0 ? e->verdict : -ECONNREFUSED);
        return;
    }
    backlog = l->backlog;
    if (l->pending_count > 0 && sim_chance(w, FLARE__SIM_BACKLOG))
        backlog = 1;
    if (l->pending_count < backlog) {
        syn_accept(w, l, e);
        return;
    }
    if (++e->tries < NET_SYN_TRIES)
        sim_due_push(w, SIM_DUE_SYN, w->now + 1000 * SIM_MS, e->index, 0);
    else
        syn_refuse(w, e, -ETIMEDOUT);
}

void sim_end_connect(struct flare__sim *w, struct sim_end *e,
                     const struct sim_addr *to)
{
    struct sim_route route = sim_route_find(w, to);

    e->port = to->port;
    e->remote = *to;
    e->is_connecting = true;
    e->connect_res = 1;
    e->verdict = route.res;
    if (route.res == FLARE__SIM_BLACKHOLE)
        return;
    sim_due_push(w, SIM_DUE_SYN,
                 sim_later(w, FLARE__SIM_LATENCY) + route.delay_ms * SIM_MS,
                 e->index, 0);
}

/* Closing. */

static void fd_free(struct flare__sim *w, struct sim_end *e)
{
    if (e->fd < 0)
        return;
    w->fds[e->fd - FLARE__SIM_FD_MIN] = 0;
    w->fd_used--;
    sim_trace(w, SIM_N_FD_CLOSE, e->index, e->fd, 0);
    e->fd = -1;
}

static void stream_close(struct flare__sim *w, struct sim_end *e, bool is_abort)
{
    struct sim_end *other = sim_end_other(w, e);
    bool is_unread = e->rx.taken < e->rx.arrived;

    e->is_closed = true;
    if (other->is_closed) {
        end_free(w, other);
        end_free(w, e);
        return;
    }
    if (e->is_reset || other->is_reset)
        return;
    if (is_abort) {
        other->rx.written = other->rx.arrived; /* unsent bytes are dropped */
        net_rst(w, other);
    } else if (is_unread) {
        net_rst(w, other);
    } else if (!other->rx.fin_sent) {
        sim_pipe_fin(w, other);
    }
}

void sim_end_close(struct flare__sim *w, struct sim_end *e, bool is_abort)
{
    fd_free(w, e);
    e->peer = NULL;
    e->backend = NULL;
    if (e->kind == SIM_DATAGRAM)
        sim_datagram_close(e);
    for (uint32_t i = 0; i < e->pending_count; i++)
        sim_end_close(w, w->ends[e->pending[i]], /* is_abort = */ true);
    if (e->kind == SIM_STREAM)
        stream_close(w, e, is_abort);
    else
        end_free(w, e);
}

/* Descriptors: the lowest free one, as Unix gives them out. */

bool sim_fds_full(const struct flare__sim *w)
{
    return w->config.fds_max != 0 && w->fd_used >= w->config.fds_max;
}

int sim_fd_new(struct flare__sim *w, struct sim_end *e)
{
    uint32_t at = 0;

    if (sim_fds_full(w))
        return -EMFILE;
    while (at < w->fd_count && w->fds[at] != 0)
        at++;
    if (at == w->fd_count) {
        w->fd_count = w->fd_count == 0 ? 64 : w->fd_count * 2;
        w->fds = sim_memory(w->fds, w->fd_count * sizeof(uint32_t));
        memset(w->fds + at, 0, (w->fd_count - at) * sizeof(uint32_t));
    }
    w->fds[at] = e->index;
    w->fd_used++;
    e->fd = FLARE__SIM_FD_MIN + (int)at;
    return e->fd;
}

struct sim_end *sim_end_of_fd(const struct flare__sim *w, int fd)
{
    uint32_t at = (uint32_t)(fd - FLARE__SIM_FD_MIN);

    SIM_CHECK(w, fd >= FLARE__SIM_FD_MIN && at < w->fd_count && w->fds[at] != 0,
              "descriptor %d is not open", fd);
    return w->ends[w->fds[at]];
}

int sim_fd_of_new(struct flare__sim *w, enum sim_end_kind kind)
{
    struct sim_end *e = sim_end_new(w, kind);
    int fd = sim_fd_new(w, e);

    if (fd < 0)
        end_free(w, e);
    return fd;
}

int flare__sim_listen(struct flare__sim *w, uint16_t port, uint32_t backlog)
{
    int fd = sim_fd_of_new(w, SIM_LISTENER);

    if (fd >= 0) {
        sim_end_of_fd(w, fd)->port = port;
        sim_end_of_fd(w, fd)->backlog = backlog == 0 ? NET_BACKLOG : backlog;
    }
    return fd;
}

int flare__sim_listen_at(struct flare__sim *w, const struct sockaddr *addr,
                         socklen_t len, uint32_t backlog)
{
    struct sim_addr at = sim_addr_of(addr, len);
    int fd = flare__sim_listen(w, at.port, backlog);

    if (fd >= 0)
        sim_end_of_fd(w, fd)->local = at;
    return fd;
}

int flare__sim_socket(struct flare__sim *w)
{
    return sim_fd_of_new(w, SIM_SOCKET);
}

int flare__sim_foreign(struct flare__sim *w)
{
    return sim_fd_of_new(w, SIM_FOREIGN);
}

void flare__sim_foreign_set(struct flare__sim *w, int fd, short revents)
{
    struct sim_end *e = sim_end_of_fd(w, fd);

    SIM_CHECK(w, e->kind == SIM_FOREIGN, "descriptor %d is ours", fd);
    e->revents = revents;
    sim_end_edge(w, e, (uint16_t)revents);
}

void flare__sim_fd_close(struct flare__sim *w, int fd)
{
    struct sim_end *e = sim_end_of_fd(w, fd);

    SIM_CHECK(w, e->backend == NULL, "descriptor %d closed while attached", fd);
    sim_end_close(w, e, /* is_abort = */ false);
}

uint32_t flare__sim_fds(const struct flare__sim *w)
{
    return w->fd_used;
}

void flare__sim_fds_limit(struct flare__sim *w, uint32_t fds_max)
{
    w->config.fds_max = fds_max;
}

/* Running what is due. */

static void due_run_end(struct flare__sim *w, const struct sim_due *due)
{
    struct sim_end *e = w->ends[due->id];

    if (e->generation != due->generation)
        return;
    switch ((enum sim_due_kind)due->kind) {
    case SIM_DUE_ARRIVE:
        net_on_arrive(w, e);
        break;
    case SIM_DUE_SYN:
        net_on_syn(w, e);
        break;
    case SIM_DUE_RST:
        net_on_rst(w, e);
        break;
    case SIM_DUE_TIMER:
        if (e->peer != NULL && e->peer->timer == due->extra)
            end_tell(w, e, FLARE__SIM_PEER_TIMER);
        break;
    case SIM_DUE_SPACE:
        if (e->kind == SIM_DATAGRAM)
            sim_datagram_space(w, e);
        else if (e->peer != NULL && !e->is_reset)
            end_tell(w, e, FLARE__SIM_PEER_SPACE);
        break;
    case SIM_DUE_KICK:
    case SIM_DUE_PACKET:
        break;
    }
}

bool sim_run_due(struct flare__sim *w)
{
    bool is_any = w->heap_count > 0 && w->heap[0].time <= w->now;

    while (w->heap_count > 0 && w->heap[0].time <= w->now) {
        struct sim_due due = heap_pop(w);

        if (due.kind == SIM_DUE_PACKET)
            sim_datagram_arrive(w, due.id);
        else if (due.kind != SIM_DUE_KICK)
            due_run_end(w, &due);
        else if (w->backends[due.extra] != NULL)
            sim_slot_kick(w->backends[due.extra], due.id, due.generation);
    }
    return is_any;
}

void sim_net_clear(struct flare__sim *w)
{
    SIM_CHECK(w, w->fd_used == 0, "%u descriptors are still open", w->fd_used);
    sim_datagrams_clear(w);
    w->heap_count = 0;
    w->free_end_count = 0;
    for (uint32_t i = w->end_count; i-- > 1;) {
        w->ends[i]->kind = SIM_FREE;
        w->ends[i]->generation = 0;
        w->free_ends[w->free_end_count++] = i;
    }
}
