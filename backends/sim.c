/* SPDX-License-Identifier: MIT */
/*
 * See sim.h.  The backend proper: the calls of the contract and poll.
 *
 * A socket with something to tell is on its backend's ready list; `poll` picks
 * from it at random and lets the socket produce one event at a time.  One that
 * has nothing now leaves the list and is put back by the network, by a call,
 * or by a kick at the time it said it would have something.
 */
#include "backends/sim.h"

#include "backends/sim_impl.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIM_LEASE_BYTES = 4096,
    SIM_LEASE_COUNT = 1024,
    SIM_IOV_MAX = 64,
    SIM_TURN_NS = 100,       /* what a poll costs, so that time never stands */
    SIM_IDLE_POLLS_MAX = 256 /* more in a row are a spinning loop */
};

struct sim_slot *sim_slot_of(struct flare__backend *b,
                             const struct flare__sock *sock)
{
    struct sim_slot *s = NULL;

    if (sock->index < b->slot_count)
        s = b->slots[sock->index];
    SIM_CHECK(b->world,
              s != NULL && s->sock == sock && s->generation == sock->generation,
              "a call on a socket that is not attached, or CLOSED");
    return s;
}

static void slots_grow(struct flare__backend *b)
{
    uint32_t count = b->slot_count == 0 ? 16 : b->slot_count * 2;

    b->slots = sim_memory(b->slots, count * sizeof(*b->slots));
    b->ready = sim_memory(b->ready, count * sizeof(*b->ready));
    for (uint32_t i = b->slot_count; i < count; i++) {
        b->slots[i] = sim_memory(NULL, sizeof(struct sim_slot));
        *b->slots[i] = (struct sim_slot){.generation = 1};
    }
    b->slot_count = count;
}

static uint32_t slot_new(struct flare__backend *b, struct flare__sock *sock)
{
    uint32_t at = 0;
    struct sim_slot *s;

    if (b->slot_used == b->slot_count)
        slots_grow(b);
    while (b->slots[at]->sock != NULL)
        at++;
    s = b->slots[at];
    *s = (struct sim_slot){.sock = sock,
                           .generation = s->generation,
                           .is_queued = s->is_queued,
                           .kick = SIM_NEVER,
                           .wait = SIM_NEVER};
    b->slot_used++;
    return at;
}

/* Asks the test whether this call may succeed. */
static int call_site(struct flare__backend *b, const char *name)
{
    const struct flare__sim_config *c = &b->world->config;
    int rc = c->fault_site == NULL ? 0 : c->fault_site(c->fault_ctx, name);

    if (rc < 0)
        sim_trace(b->world, SIM_N_CALL_FAILED, b->index, rc, 0);
    return rc;
}

/* Polling. */

static int collect_wake(struct flare__backend *b, struct flare__event *ev)
{
    struct flare__sim *w = b->world;
    bool is_woken = atomic_load(&b->woken) != 0;

    if (!is_woken && !sim_chance(w, FLARE__SIM_WAKE_SPURIOUS))
        return 0;
    if (is_woken) {
        if (b->wake_due == SIM_NEVER)
            b->wake_due = sim_later(w, FLARE__SIM_WAKE_LATE);
        if (b->wake_due > w->now)
            return 0;
        atomic_store(&b->woken, 0);
        b->wake_due = SIM_NEVER;
    }
    *ev = (struct flare__event){.kind = FLARE__EV_WAKE};
    sim_trace(w, SIM_N_EV_WAKE, b->index, 0, 0);
    return 1;
}

static void ready_remove(struct flare__backend *b, uint32_t at)
{
    uint32_t slot = b->ready[at];
    struct sim_slot *s = b->slots[slot];

    b->ready[at] = b->ready[--b->ready_count];
    s->is_queued = false;
    if (s->sock != NULL && s->wait < s->kick) {
        s->kick = s->wait;
        sim_due_push(b->world, SIM_DUE_KICK, s->wait, slot, b->index);
    }
}

static int collect(struct flare__backend *b, struct flare__event *events,
                   int capacity)
{
    int n = collect_wake(b, events);

    while (n < capacity && b->ready_count > 0) {
        uint32_t at = flare__sim_below(b->world, b->ready_count);

        if (sim_slot_produce(b, b->slots[b->ready[at]], &events[n]))
            n++;
        else
            ready_remove(b, at);
    }
    return n;
}

/* Waits in virtual time; false: there is nothing to wait for. */
static bool poll_wait(struct flare__backend *b, uint64_t deadline_ns)
{
    struct flare__sim *w = b->world;
    uint64_t next = sim_next_due(w);

    if (b->wake_due < next)
        next = b->wake_due;
    if (deadline_ns <= next)
        next = deadline_ns;
    if (next == SIM_NEVER) {
        SIM_CHECK(w, w->config.is_threaded,
                  "poll waits for ever and nothing can happen");
        sched_yield();
        return true;
    }
    if (next > w->now)
        w->now = next;
    if (next == deadline_ns && sim_chance(w, FLARE__SIM_POLL_LATE))
        w->now += sim_delay(w);
    return true;
}

static int sim_poll(struct flare__backend *b, struct flare__event *events,
                    int capacity, uint64_t deadline_ns)
{
    struct flare__sim *w = b->world;
    bool is_idle = deadline_ns <= w->now;
    int n;

    SIM_CHECK(w, capacity > 0, "poll without room for an event");
    w->counts.polls++;
    w->now += SIM_TURN_NS;
    b->deadline = deadline_ns;
    if (capacity > 1 && sim_chance(w, FLARE__SIM_BATCH_SHORT))
        capacity = 1 + (int)flare__sim_below(w, (uint32_t)capacity - 1) % 8;
    for (;;) {
        (void)sim_run_due(w);
        n = collect(b, events, capacity);
        if (n > 0 || w->now >= deadline_ns || w->config.is_stepped ||
            sim_chance(w, FLARE__SIM_POLL_EMPTY))
            break;
        (void)poll_wait(b, deadline_ns);
    }
    w->counts.events += (uint64_t)n;
    if (n > 0)
        b->deadline = 0; /* after what follows from them it polls again */
    b->idle_polls = is_idle && n == 0 ? b->idle_polls + 1 : 0;
    SIM_CHECK(w, b->idle_polls < SIM_IDLE_POLLS_MAX,
              "the loop polls and polls with nothing to do: it spins");
    return n;
}

/* The calls of the contract. */

static int sim_open(struct flare__backend **out,
                    const struct flare__backend_config *config,
                    struct flare_error *why)
{
    struct flare__sim *w = config->sim;
    struct flare__backend *b;
    uint32_t n;
    int rc;

    (void)why;
    SIM_CHECK(w, w->backend_count < SIM_BACKENDS_MAX, "too many backends");
    b = sim_memory(NULL, sizeof(*b));
    memset(b, 0, sizeof(*b));
    b->world = w;
    b->index = w->backend_count;
    rc = call_site(b, "open");
    if (rc < 0) {
        free(b);
        return rc;
    }
    b->caps = (FLARE__CAP_MIN_WAIT * 2 - 1) & ~config->caps_denied;
    b->lease_bytes =
        config->lease_bytes ? config->lease_bytes : SIM_LEASE_BYTES;
    n = config->lease_count ? config->lease_count : SIM_LEASE_COUNT;
    b->lease_count = n;
    b->pool = sim_memory(NULL, (size_t)n * b->lease_bytes);
    ASAN_POISON_MEMORY_REGION(b->pool, (size_t)n * b->lease_bytes);
    b->lease_free = sim_memory(NULL, n * sizeof(uint32_t));
    b->lease_len = sim_memory(NULL, n * sizeof(uint32_t));
    for (uint32_t i = 0; i < n; i++) {
        b->lease_free[i] = i;
        b->lease_len[i] = SIM_LEASE_IN_POOL;
    }
    b->wake_due = SIM_NEVER;
    w->backends[w->backend_count++] = b;
    *out = b;
    return 0;
}

static void sim_free(struct flare__backend *b)
{
    if (b == NULL)
        return;
    SIM_CHECK(b->world, b->slot_used == 0, "freed with %u sockets not CLOSED",
              b->slot_used);
    SIM_CHECK(b->world, b->leases_out == 0, "freed with %u leases out",
              b->leases_out);
    b->world->backends[b->index] = NULL;
    ASAN_UNPOISON_MEMORY_REGION(b->pool,
                                (size_t)b->lease_count * b->lease_bytes);
    for (uint32_t i = 0; i < b->slot_count; i++)
        free(b->slots[i]);
    free(b->slots);
    free(b->ready);
    free(b->pool);
    free(b->lease_free);
    free(b->lease_len);
    free(b);
}

static uint32_t sim_caps(const struct flare__backend *b)
{
    return b->caps;
}

static uint64_t sim_now(struct flare__backend *b)
{
    return b->world->now;
}

static int sim_attach(struct flare__backend *b, struct flare__sock *sock,
                      int fd)
{
    struct sim_end *e = sim_end_of_fd(b->world, fd);
    uint32_t slot;
    int rc;

    SIM_CHECK(b->world, e->backend == NULL, "descriptor %d attached twice", fd);
    rc = call_site(b, "attach");
    if (rc < 0)
        return rc;
    slot = slot_new(b, sock);
    b->slots[slot]->end = e->index;
    e->backend = b;
    e->slot = slot;
    sock->fd = fd;
    sock->index = slot;
    sock->generation = b->slots[slot]->generation;
    sock->next = NULL;
    sim_trace(b->world, SIM_N_ATTACH, e->index, fd, b->index);
    return 0;
}

static void sim_discard(struct flare__backend *b, int fd)
{
    flare__sim_fd_close(b->world, fd);
}

static int sim_accept_start(struct flare__backend *b, struct flare__sock *sock)
{
    struct sim_slot *s = sim_slot_of(b, sock);
    int rc = call_site(b, "accept_start");

    if (rc < 0)
        return rc;
    SIM_CHECK(b->world, sim_slot_end(b, s)->kind == SIM_LISTENER,
              "accept on a socket that does not listen");
    sim_op_arm(b, s, SIM_OP_ACCEPT, SIM_N_ACCEPT_START);
    return 0;
}

static void sim_accept_stop(struct flare__backend *b, struct flare__sock *sock)
{
    struct sim_slot *s = sim_slot_of(b, sock);

    sim_trace(b->world, SIM_N_ACCEPT_STOP, s->end, 0, 0);
    sim_op_stop(b, s, SIM_OP_ACCEPT);
}

static int sim_connect(struct flare__backend *b, struct flare__sock *sock,
                       const struct sockaddr *addr, socklen_t len)
{
    struct sim_slot *s = sim_slot_of(b, sock);
    struct sim_end *e = sim_slot_end(b, s);
    struct sim_addr to = sim_addr_of(addr, len);
    int rc = call_site(b, "connect");

    if (rc < 0)
        return rc;
    SIM_CHECK(b->world,
              e->kind == SIM_DATAGRAM ||
                  (e->kind == SIM_SOCKET && !e->is_connecting),
              "connect on a socket that is connected");
    sim_op_arm(b, s, SIM_OP_CONNECT, SIM_N_CONNECT);
    if (e->kind == SIM_DATAGRAM)
        e->connect_res = sim_datagram_connect(b->world, e, &to);
    else
        sim_end_connect(b->world, e, &to);
    return 0;
}

static int sim_recv_start(struct flare__backend *b, struct flare__sock *sock)
{
    struct sim_slot *s = sim_slot_of(b, sock);
    int rc = call_site(b, "recv_start");

    if (rc < 0)
        return rc;
    SIM_CHECK(b->world, sim_slot_end(b, s)->kind == SIM_STREAM,
              "receive on a socket that is not connected");
    sim_op_arm(b, s, SIM_OP_RECV, SIM_N_RECV_START);
    return 0;
}

static void sim_recv_stop(struct flare__backend *b, struct flare__sock *sock)
{
    struct sim_slot *s = sim_slot_of(b, sock);

    sim_trace(b->world, SIM_N_RECV_STOP, s->end, 0, 0);
    sim_op_stop(b, s, SIM_OP_RECV);
}

static void sim_lease_put(struct flare__backend *b, uint32_t lease)
{
    uint8_t *data = b->pool + (size_t)lease * b->lease_bytes;

    SIM_CHECK(b->world,
              lease < b->lease_count &&
                  b->lease_len[lease] != SIM_LEASE_IN_POOL,
              "lease %u given back twice", lease);
    memset(data, 0xdb, b->lease_len[lease]);
    ASAN_POISON_MEMORY_REGION(data, b->lease_bytes);
    b->lease_len[lease] = SIM_LEASE_IN_POOL;
    b->lease_free[b->lease_count - b->leases_out--] = lease;
    sim_trace(b->world, SIM_N_LEASE_PUT, b->index, lease, b->leases_out);
    if (!b->is_starved)
        return;
    b->is_starved = false;
    for (uint32_t i = 0; i < b->slot_count; i++)
        if (b->slots[i]->sock != NULL)
            sim_slot_touch(b, i);
}

static void send_check(struct flare__backend *b, const struct sim_slot *s,
                       const struct iovec *iov, uint32_t count)
{
    uint64_t len = 0;

    for (uint32_t i = 0; i < count; i++)
        len += iov[i].iov_len;
    SIM_CHECK(b->world, count >= 1 && count <= SIM_IOV_MAX,
              "send of %u buffers", count);
    SIM_CHECK(b->world, len >= 1 && len <= INT32_MAX, "send of %llu bytes",
              (unsigned long long)len);
    SIM_CHECK(b->world, sim_slot_end(b, s)->kind == SIM_STREAM && !s->is_shut,
              "send before the connection or after shutdown_send");
}

static int sim_send(struct flare__backend *b, struct flare__sock *sock,
                    const struct iovec *iov, uint32_t count)
{
    struct sim_slot *s = sim_slot_of(b, sock);
    int rc = call_site(b, "send");

    if (rc < 0)
        return rc;
    send_check(b, s, iov, count);
    sim_op_arm(b, s, SIM_OP_SEND, SIM_N_SEND);
    if (count == 1) {
        sock->one = *iov;
        iov = &sock->one;
    }
    s->file.is_lent = false;
    s->iov = iov;
    s->iov_count = count;
    s->iov_at = s->iov_off = 0;
    s->send_done = s->send_len = 0;
    sock->sent = 0;
    for (uint32_t i = 0; i < count; i++)
        s->send_len += iov[i].iov_len;
    s->send_hash = sim_iov_hash(iov, count);
    b->world->hash ^= s->send_hash;
    return 0;
}

static int sim_sendfile(struct flare__backend *b, struct flare__sock *sock,
                        int file, uint64_t offset, uint32_t count)
{
    struct sim_slot *s = sim_slot_of(b, sock);
    int rc = call_site(b, "sendfile");

    if (rc < 0)
        return rc;
    SIM_CHECK(b->world,
              count >= 1 && count <= INT32_MAX &&
                  offset <= INT64_MAX - (uint64_t)count,
              "sendfile of %u bytes", count);
    SIM_CHECK(b->world, sim_slot_end(b, s)->kind == SIM_STREAM && !s->is_shut,
              "sendfile before the connection or after shutdown_send");
    sim_op_arm(b, s, SIM_OP_SEND, SIM_N_SENDFILE);
    sim_file_lend(b->world, &s->file, file, offset);
    s->send_done = 0;
    s->send_len = count;
    sock->sent = 0;
    return 0;
}

static void sim_shutdown_send(struct flare__backend *b,
                              struct flare__sock *sock)
{
    struct sim_slot *s = sim_slot_of(b, sock);
    struct sim_end *e = sim_slot_end(b, s);

    SIM_CHECK(b->world,
              !s->is_closing && !s->is_shut &&
                  (s->armed & 1u << SIM_OP_SEND) == 0,
              "shutdown_send twice, after close or with a send in flight");
    SIM_CHECK(b->world, e->kind == SIM_STREAM, "shutdown_send, not connected");
    sim_trace(b->world, SIM_N_SHUTDOWN, s->end, 0, 0);
    s->is_shut = true;
    if (!e->is_reset)
        sim_pipe_fin(b->world, sim_end_other(b->world, e));
}

static void sim_close(struct flare__backend *b, struct flare__sock *sock,
                      enum flare__close_how how)
{
    struct sim_slot *s = sim_slot_of(b, sock);
    struct flare__sim *w = b->world;

    SIM_CHECK(w, !s->is_closing, "close twice");
    sim_trace(w, SIM_N_CLOSE, s->end, (int64_t)how, s->armed);
    s->is_closing = true;
    s->how = (uint8_t)how;
    for (uint32_t op = 0; op < SIM_OP_COUNT; op++)
        sim_op_stop(b, s, (enum sim_op)op);
    s->close_due = sim_later(w, FLARE__SIM_CANCEL_LATE);
    sim_slot_touch(b, sock->index);
}

static int sim_poll_fd(struct flare__backend *b, struct flare__sock *sock,
                       short events)
{
    struct sim_slot *s = sim_slot_of(b, sock);
    int rc = call_site(b, "poll_fd");

    if (rc < 0)
        return rc;
    SIM_CHECK(b->world,
              sim_slot_end(b, s)->kind == SIM_FOREIGN ||
                  sim_slot_end(b, s)->kind == SIM_DATAGRAM,
              "poll_fd on a stream");
    s->poll_events = events;
    s->is_watch = false;
    sim_op_arm(b, s, SIM_OP_POLL, SIM_N_POLL_FD);
    return 0;
}

static int sim_poll_start(struct flare__backend *b, struct flare__sock *sock,
                          short events)
{
    struct sim_slot *s = sim_slot_of(b, sock);
    struct sim_end *e = sim_slot_end(b, s);
    int rc = call_site(b, "poll_start");

    if (rc < 0)
        return rc;
    SIM_CHECK(b->world, e->kind == SIM_FOREIGN || e->kind == SIM_DATAGRAM,
              "poll_start on a stream");
    SIM_CHECK(b->world,
              (s->armed & 1u << SIM_OP_POLL) == 0 ||
                  (s->is_watch && (s->stopping & 1u << SIM_OP_POLL) == 0),
              "poll_start while another poll is armed, or stopping");
    s->armed &= (uint8_t) ~(1u << SIM_OP_POLL); /* it takes other events */
    s->poll_events = events;
    s->is_watch = true;
    e->edges =
        e->kind == SIM_DATAGRAM ? sim_datagram_level(e) : (uint16_t)e->revents;
    sim_op_arm(b, s, SIM_OP_POLL, SIM_N_POLL_START);
    return 0;
}

static void sim_poll_stop(struct flare__backend *b, struct flare__sock *sock)
{
    struct sim_slot *s = sim_slot_of(b, sock);

    sim_trace(b->world, SIM_N_POLL_STOP, s->end, 0, 0);
    sim_op_stop(b, s, SIM_OP_POLL);
}

static int64_t sim_queued(struct flare__backend *b, struct flare__sock *sock)
{
    struct sim_end *e = sim_slot_end(b, sim_slot_of(b, sock));
    struct sim_end *to = sim_end_other(b->world, e);

    return to == NULL ? -ENOTCONN : sim_pipe_queued(to);
}

static int sim_socket(struct flare__backend *b, int family, int type)
{
    int rc = call_site(b, "socket");

    if (rc < 0)
        return rc;
    if (type == SOCK_DGRAM)
        return sim_datagram_socket(b->world, family);
    if (type != SOCK_STREAM)
        return -EPROTONOSUPPORT;
    rc = flare__sim_socket(b->world);
    if (rc >= 0)
        sim_end_of_fd(b->world, rc)->local.family = (uint16_t)family;
    return rc;
}

/* There is nothing to set on a stream. */
static int sim_option(struct flare__backend *b, int fd, int level, int name,
                      const void *value, socklen_t len)
{
    struct sim_end *e = sim_end_of_fd(b->world, fd);
    int number = 0;
    int rc = call_site(b, "option");

    if (rc < 0 || e->kind != SIM_DATAGRAM)
        return rc;
    memcpy(&number, value, len < sizeof(number) ? len : sizeof(number));
    return sim_datagram_option(e, level, name, number);
}

static int sim_bind(struct flare__backend *b, int fd,
                    const struct sockaddr *addr, socklen_t len)
{
    struct sim_end *e = sim_end_of_fd(b->world, fd);
    struct sim_addr at = sim_addr_of(addr, len);
    int rc = call_site(b, "bind");

    if (rc < 0)
        return rc;
    if (e->kind == SIM_DATAGRAM)
        return sim_datagram_bind(b->world, e, &at);
    e->local = at;
    return 0;
}

static struct sim_end *datagram_end(struct flare__backend *b,
                                    struct flare__sock *sock)
{
    const struct sim_slot *s = sim_slot_of(b, sock);

    SIM_CHECK(b->world, !s->is_closing, "datagrams after close");
    SIM_CHECK(b->world, sim_slot_end(b, s)->kind == SIM_DATAGRAM,
              "datagrams on another socket");
    return sim_slot_end(b, s);
}

static int sim_recv_datagrams(struct flare__backend *b,
                              struct flare__sock *sock,
                              struct flare__datagram *list, uint32_t count)
{
    struct sim_end *e = datagram_end(b, sock);
    int rc = call_site(b, "datagram_recv");

    return rc < 0 ? rc : sim_datagram_recv(b->world, e, list, count);
}

static int sim_send_datagrams(struct flare__backend *b,
                              struct flare__sock *sock,
                              const struct flare__datagram *list,
                              uint32_t count)
{
    struct sim_end *e = datagram_end(b, sock);
    int rc = call_site(b, "datagram_send");

    return rc < 0 ? rc : sim_datagram_send(b->world, e, list, count);
}

/* Its time and its descriptors are no other's. */
static int sim_descriptor(struct flare__backend *b)
{
    (void)b;
    return -ENOTSUP;
}

/* From any thread: the flag is all that it may touch. */
static void sim_wake(struct flare__backend *b)
{
    atomic_store(&b->woken, 1);
}

const struct flare__backend_ops flare__backend_sim = {
    .name = "sim",
    .open = sim_open,
    .free = sim_free,
    .caps = sim_caps,
    .now = sim_now,
    .attach = sim_attach,
    .peer = sim_address_peer,
    .local = sim_address_local,
    .queued = sim_queued,
    .socket = sim_socket,
    .option = sim_option,
    .bind = sim_bind,
    .discard = sim_discard,
    .accept_start = sim_accept_start,
    .accept_stop = sim_accept_stop,
    .connect = sim_connect,
    .recv_start = sim_recv_start,
    .recv_stop = sim_recv_stop,
    .lease_put = sim_lease_put,
    .send = sim_send,
    .sendfile = sim_sendfile,
    .shutdown_send = sim_shutdown_send,
    .close = sim_close,
    .poll_fd = sim_poll_fd,
    .poll_start = sim_poll_start,
    .poll_stop = sim_poll_stop,
    .datagram_recv = sim_recv_datagrams,
    .datagram_send = sim_send_datagrams,
    .descriptor = sim_descriptor,
    .poll = sim_poll,
    .wake = sim_wake,
};
