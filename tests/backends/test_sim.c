/* SPDX-License-Identifier: MIT */
/*
 * The simulated network itself: an echo owner over it and scripted peers.  Any
 * seed gives the same run twice, every byte comes back, every fault strikes,
 * and every breach of the contract is caught.
 */
#include "backends/sim.h"

#include "tests/support/test.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

enum { PORT = 80, CONNS = 8, PAYLOAD = 3000, SEEDS = 400, MS = 1000000 };

/* ck_assert writes to a pipe every time: too slow for every byte. */
#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            ck_abort_msg("%s, line %d", #condition, __LINE__);                 \
    } while (0)

/* An owner that sends back what it receives; reads only when idle. */

struct echo {
    struct flare__sock sock;
    struct echo_loop *loop;
    uint8_t held[PAYLOAD];
    uint32_t received, sending, sent;
    struct iovec iov[2];
    bool is_receiving, is_sending, is_closing, is_ended, is_used;
    int releases;
};

struct echo_loop {
    const struct flare__backend_ops *ops;
    struct flare__backend *b;
    struct flare__sock listener;
    bool is_accepting, is_listening;
    struct echo conns[CONNS * 2];
    int conn_count; /* that are not CLOSED */
};

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
    MUST(c->received + (uint32_t)ev->res <= PAYLOAD);
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

    for (int i = 0; i < CONNS * 2; i++)
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

static void listener_on_event(struct flare__sock *sock,
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

static void echo_listen(struct echo_loop *l, struct flare__sim *w)
{
    int fd = flare__sim_listen(w, PORT, 4);

    MUST(fd >= FLARE__SIM_FD_MIN);
    l->listener.on_event = listener_on_event;
    MUST(l->ops->attach(l->b, &l->listener, fd) == 0);
    l->is_listening = true;
}

static void loop_open(struct echo_loop *l, struct flare__sim *w,
                      uint32_t leases)
{
    const struct flare__backend_config config = {
        .lease_bytes = 1024, .lease_count = leases, .sim = w};

    memset(l, 0, sizeof(*l));
    l->ops = &flare__backend_sim;
    MUST(l->ops->open(&l->b, &config, NULL) == 0);
}

/* One poll and what follows from it. */
static int loop_turn(struct echo_loop *l, uint64_t deadline)
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

static void loop_free(struct echo_loop *l)
{
    if (l->is_listening)
        l->ops->close(l->b, &l->listener, FLARE__CLOSE_GRACEFUL);
    for (int i = 0; i < CONNS * 2; i++)
        if (l->conns[i].is_used)
            echo_close(&l->conns[i], FLARE__CLOSE_ABORT);
    while (l->conn_count > 0 || l->is_listening) {
        /* It closes: accepting does not start again. */
        l->is_accepting = true;
        (void)loop_turn(l, l->ops->now(l->b) + MS);
    }
    l->ops->free(l->b);
}

/* A peer that sends PAYLOAD bytes and checks that they come back. */

struct asker {
    struct flare__sim_peer peer;
    uint32_t number;
    uint32_t sent, received;
    bool is_shut, is_done, is_broken;
};

static uint8_t asker_byte(const struct asker *a, uint32_t at)
{
    return (uint8_t)((a->number + 1) * 131 + at * 7 + (at >> 8));
}

static void asker_send(struct asker *a)
{
    uint8_t bytes[512];

    while (a->sent < PAYLOAD) {
        uint32_t n = PAYLOAD - a->sent < 512 ? PAYLOAD - a->sent : 512;
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

static void asker_on_event(struct flare__sim_peer *peer,
                           enum flare__sim_peer_event what)
{
    struct asker *a = (struct asker *)peer;

    switch (what) {
    case FLARE__SIM_PEER_TIMER:
        flare__sim_peer_connect(peer, PORT);
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
        MUST(a->received == PAYLOAD);
        asker_end(a, false);
        break;
    case FLARE__SIM_PEER_RST:
    case FLARE__SIM_PEER_REFUSED:
        asker_end(a, true);
        break;
    }
}

static void askers_start(struct asker *askers, uint32_t count,
                         struct flare__sim *w)
{
    memset(askers, 0, count * sizeof(*askers));
    for (uint32_t i = 0; i < count; i++) {
        askers[i].number = i;
        askers[i].peer.on_event = asker_on_event;
        flare__sim_peer_open(&askers[i].peer, w);
        flare__sim_peer_at(&askers[i].peer, flare__sim_now(w) + i * MS);
    }
}

static bool askers_done(const struct asker *askers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!askers[i].is_done)
            return false;
    return true;
}

/* The schedule of a seed or tape: its hash. */
static uint64_t echo_run(struct flare__sim *w,
                         const struct flare__sim_config *config,
                         struct flare__sim_counts *counts)
{
    struct asker askers[CONNS];
    struct echo_loop loop;
    uint32_t count;
    uint64_t hash;

    flare__sim_reset(w, config);
    loop_open(&loop, w, 1u << flare__sim_below(w, 5));
    echo_listen(&loop, w);
    count = 1 + flare__sim_below(w, CONNS);
    askers_start(askers, count, w);
    while (!askers_done(askers, count)) {
        if (flare__sim_now(w) > (uint64_t)600000 * MS)
            flare__sim_fail(w, "it does not end");
        (void)loop_turn(&loop, flare__sim_now(w) + 1000 * (uint64_t)MS);
    }
    for (uint32_t i = 0; i < count; i++)
        ck_assert_msg(!askers[i].is_broken || !config->is_calm,
                      "a calm world broke a connection");
    loop_free(&loop);
    hash = flare__sim_hash(w);
    if (counts != NULL)
        flare__sim_count(w, counts);
    return hash;
}

START_TEST(test_a_calm_world_moves_every_byte)
{
    const struct flare__sim_config config = {.seed = 1, .is_calm = true};
    struct flare__sim *w = flare__sim_new(&config);
    struct flare__sim_counts counts = {0};

    (void)echo_run(w, &config, &counts);
    for (int i = 0; i < FLARE__SIM_FAULT_COUNT; i++)
        ck_assert_uint_eq(counts.faults[i], 0);
    flare__sim_free(w);
}
END_TEST

START_TEST(test_same_seed_same_run_and_every_fault_strikes)
{
    struct flare__sim_config config = {.seed = 0};
    struct flare__sim *w = flare__sim_new(&config);
    struct flare__sim_counts counts = {0};
    uint64_t last = 0;

    for (config.seed = 1; config.seed <= SEEDS; config.seed++) {
        uint64_t hash = echo_run(w, &config, &counts);

        ck_assert_uint_eq(hash, echo_run(w, &config, NULL));
        ck_assert_uint_ne(hash, last);
        last = hash;
    }
    for (int i = 0; i < FLARE__SIM_FAULT_COUNT; i++) {
        if (i == FLARE__SIM_WORKER_STALL || i == FLARE__SIM_WAKE_LATE)
            continue; /* one worker here, and nobody wakes it */
        ck_assert_msg(counts.faults[i] > 0, "%s never struck",
                      flare__sim_fault_name((enum flare__sim_fault)i));
    }
    printf("sim: %d seeds twice, %llu events, %.0f virtual s, last hash "
           "%016llx\n",
           SEEDS, (unsigned long long)counts.events,
           (double)counts.virtual_ns / 1e9, (unsigned long long)last);
    flare__sim_free(w);
}
END_TEST

/* A change of the simulation changes it; then the new value goes here. */
static const uint64_t hash_of_4711 = UINT64_C(0x004cc8742d960b65);

START_TEST(test_the_hash_of_a_seed_is_the_same_in_every_build)
{
    const struct flare__sim_config config = {.seed = 4711};
    struct flare__sim *w = flare__sim_new(&config);
    uint64_t hash = echo_run(w, &config, NULL);

    ck_assert_msg(hash == hash_of_4711, "it is %016llx",
                  (unsigned long long)hash);
    flare__sim_free(w);
}
END_TEST

START_TEST(test_an_empty_tape_is_a_calm_world)
{
    const struct flare__sim_config config = {.tape = (const uint8_t *)"",
                                             .tape_len = 0};
    struct flare__sim *w = flare__sim_new(&config);
    struct flare__sim_counts counts = {0};

    (void)echo_run(w, &config, &counts);
    for (int i = 0; i < FLARE__SIM_FAULT_COUNT; i++)
        ck_assert_uint_eq(counts.faults[i], 0);
    flare__sim_free(w);
}
END_TEST

START_TEST(test_a_tape_is_a_run)
{
    uint8_t tape[300];
    struct flare__sim_config config = {.tape = tape, .tape_len = sizeof(tape)};
    struct flare__sim *w = flare__sim_new(&config);
    uint32_t x = 1;

    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof(tape); i++) {
            x = x * 1664525 + 1013904223;
            tape[i] = (uint8_t)(x >> 24);
        }
        ck_assert_uint_eq(echo_run(w, &config, NULL),
                          echo_run(w, &config, NULL));
    }
    flare__sim_free(w);
}
END_TEST

/* Smaller worlds, for one property each. */

struct small {
    struct flare__sim *w;
    struct echo_loop loop;
    struct asker peer;
    struct flare__sock sock;
    struct flare__event last[16];
    int events;
};

static struct small s;

static void small_on_event(struct flare__sock *sock,
                           const struct flare__event *ev)
{
    (void)sock;
    ck_assert_int_lt(s.events, 16);
    s.last[s.events++] = *ev;
}

static void peer_ignores(struct flare__sim_peer *peer,
                         enum flare__sim_peer_event what)
{
    (void)peer;
    (void)what;
}

static void small_setup(void)
{
    memset(&s, 0, sizeof(s));
    s.w =
        flare__sim_new(&(struct flare__sim_config){.seed = 1, .is_calm = true});
    loop_open(&s.loop, s.w, 4);
    echo_listen(&s.loop, s.w);
    s.sock.on_event = small_on_event;
    s.peer.peer.on_event = peer_ignores;
}

/* A connection to the small world's peer, attached. */
static int small_connect_fd(void)
{
    flare__sim_peer_open(&s.peer.peer, s.w);
    flare__sim_peer_connect(&s.peer.peer, PORT);
    s.loop.listener.on_event = small_on_event;
    s.events = 0;
    ck_assert_int_eq(s.loop.ops->accept_start(s.loop.b, &s.loop.listener), 0);
    s.loop.is_accepting = true;
    while (s.events == 0)
        (void)loop_turn(&s.loop, UINT64_MAX);
    s.loop.listener.on_event = listener_on_event;
    s.events = 0;
    return s.last[0].res;
}

static void small_connect(void)
{
    ck_assert_int_eq(s.loop.ops->attach(s.loop.b, &s.sock, small_connect_fd()),
                     0);
}

static void small_turns(int events)
{
    for (int i = 0; i < 100 && s.events < events; i++)
        (void)loop_turn(&s.loop, flare__sim_now(s.w) + MS);
    ck_assert_int_eq(s.events, events);
}

static void small_close(enum flare__close_how how)
{
    s.events = 0;
    s.loop.ops->close(s.loop.b, &s.sock, how);
    while (s.events == 0 || s.last[s.events - 1].kind != FLARE__EV_CLOSED)
        (void)loop_turn(&s.loop, UINT64_MAX);
}

static void small_teardown(void)
{
    if (s.peer.peer.end != 0)
        flare__sim_peer_close(&s.peer.peer, true);
    loop_free(&s.loop);
    ck_assert_uint_eq(flare__sim_fds(s.w), 0);
    flare__sim_free(s.w);
}

START_TEST(test_poll_waits_in_virtual_time_until_its_deadline)
{
    uint64_t deadline;

    small_setup();
    deadline = flare__sim_now(s.w) + (uint64_t)86400000 * MS;
    ck_assert_int_eq(loop_turn(&s.loop, deadline), 0);
    ck_assert_uint_eq(flare__sim_now(s.w), deadline);
    small_teardown();
}
END_TEST

START_TEST(test_wake_gives_an_event)
{
    struct flare__event ev;

    small_setup();
    s.loop.ops->wake(s.loop.b);
    s.loop.ops->wake(s.loop.b);
    ck_assert_int_eq(s.loop.ops->poll(s.loop.b, &ev, 1, UINT64_MAX), 1);
    ck_assert_int_eq(ev.kind, FLARE__EV_WAKE);
    ck_assert_ptr_null(ev.sock);
    ck_assert_int_eq(s.loop.ops->poll(s.loop.b, &ev, 1, 0), 0);
    small_teardown();
}
END_TEST

START_TEST(test_closing_with_bytes_unread_resets_the_peer)
{
    small_setup();
    s.peer.peer.on_event = asker_on_event;
    small_connect();
    (void)loop_turn(&s.loop, flare__sim_now(s.w) + MS); /* they arrive */
    small_close(FLARE__CLOSE_GRACEFUL);
    (void)loop_turn(&s.loop, flare__sim_now(s.w) + MS);
    ck_assert(s.peer.is_done && s.peer.is_broken);
    small_teardown();
}
END_TEST

START_TEST(test_an_empty_pool_parks_and_loses_nothing)
{
    small_setup();
    small_connect();
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(flare__sim_peer_send(&s.peer.peer, "x", 1), 1);
        (void)loop_turn(&s.loop, flare__sim_now(s.w) + MS);
    }
    ck_assert_int_eq(s.events, 4); /* as many as there are leases */
    s.loop.ops->lease_put(s.loop.b, s.last[2].lease);
    small_turns(5);
    ck_assert_int_eq(s.last[4].res, 1);
    s.loop.ops->lease_put(s.loop.b, s.last[0].lease);
    s.loop.ops->lease_put(s.loop.b, s.last[1].lease);
    s.loop.ops->lease_put(s.loop.b, s.last[3].lease);
    s.loop.ops->lease_put(s.loop.b, s.last[4].lease);
    small_close(FLARE__CLOSE_ABORT);
    small_teardown();
}
END_TEST

START_TEST(test_a_peer_that_reads_nothing_holds_the_send)
{
    static uint8_t big[100000];

    small_setup();
    small_connect();
    ck_assert_int_eq(s.loop.ops->send(s.loop.b, &s.sock,
                                      &(struct iovec){big, sizeof(big)}, 1),
                     0);
    (void)loop_turn(&s.loop, flare__sim_now(s.w) + 1000 * (uint64_t)MS);
    ck_assert_int_eq(s.events, 0);
    ck_assert_uint_eq(flare__sim_peer_recv(&s.peer.peer, big, sizeof(big)),
                      65536);
    small_turns(1);
    ck_assert_int_eq(s.last[0].kind, FLARE__EV_SENT);
    ck_assert_int_eq(s.last[0].res, sizeof(big));
    small_close(FLARE__CLOSE_ABORT);
    small_teardown();
}
END_TEST

START_TEST(test_stop_ends_in_ecanceled_and_receive_can_start_again)
{
    small_setup();
    small_connect();
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    s.loop.ops->recv_stop(s.loop.b, &s.sock);
    small_turns(1);
    ck_assert_int_eq(s.last[0].res, -ECANCELED);
    ck_assert_int_eq(s.last[0].flags, 0);
    (void)flare__sim_peer_send(&s.peer.peer, "abc", 3);
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    small_turns(2);
    ck_assert_int_eq(s.last[1].res, 3);
    s.loop.ops->lease_put(s.loop.b, s.last[1].lease);
    flare__sim_peer_shutdown(&s.peer.peer);
    small_turns(3);
    ck_assert_int_eq(s.last[2].res, 0);
    ck_assert_int_eq(s.last[2].flags, 0);
    small_close(FLARE__CLOSE_GRACEFUL);
    small_teardown();
}
END_TEST

START_TEST(test_close_ends_every_operation_before_closed)
{
    static uint8_t big[100000];

    small_setup();
    small_connect();
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    ck_assert_int_eq(s.loop.ops->send(s.loop.b, &s.sock,
                                      &(struct iovec){big, sizeof(big)}, 1),
                     0);
    small_close(FLARE__CLOSE_ABORT);
    ck_assert_int_eq(s.events, 3);
    ck_assert_int_eq(s.last[0].res, -ECANCELED);
    ck_assert_int_eq(s.last[1].res, -ECANCELED);
    ck_assert_int_eq(s.last[2].kind, FLARE__EV_CLOSED);
    small_teardown();
}
END_TEST

static void connect_to(uint16_t port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET,
                                     .sin_port = htons(port)};

    ck_assert_int_eq(
        s.loop.ops->attach(s.loop.b, &s.sock, flare__sim_socket(s.w)), 0);
    ck_assert_int_eq(s.loop.ops->connect(s.loop.b, &s.sock,
                                         (const struct sockaddr *)&addr,
                                         sizeof(addr)),
                     0);
}

START_TEST(test_connect_reaches_a_listener_of_the_same_world)
{
    static char hi[] = "hi";

    small_setup();
    connect_to(PORT);
    small_turns(1);
    ck_assert_int_eq(s.last[0].kind, FLARE__EV_CONNECT);
    ck_assert_int_eq(s.last[0].res, 0);
    ck_assert_int_eq(
        s.loop.ops->send(s.loop.b, &s.sock, &(struct iovec){hi, 2}, 1), 0);
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    small_turns(3); /* SENT, and the echo */
    s.loop.ops->lease_put(s.loop.b, s.last[2].lease);
    small_close(FLARE__CLOSE_GRACEFUL);
    small_teardown();
}
END_TEST

START_TEST(test_connect_to_nobody_is_refused)
{
    small_setup();
    connect_to(PORT + 1);
    small_turns(1);
    ck_assert_int_eq(s.last[0].res, -ECONNREFUSED);
    small_close(FLARE__CLOSE_GRACEFUL);
    small_teardown();
}
END_TEST

START_TEST(test_poll_fd_reports_a_foreign_descriptor_once)
{
    int fd;

    small_setup();
    fd = flare__sim_foreign(s.w);
    ck_assert_int_eq(s.loop.ops->attach(s.loop.b, &s.sock, fd), 0);
    ck_assert_int_eq(s.loop.ops->poll_fd(s.loop.b, &s.sock, POLLIN), 0);
    (void)loop_turn(&s.loop, flare__sim_now(s.w) + MS);
    ck_assert_int_eq(s.events, 0);
    flare__sim_foreign_set(s.w, fd, POLLIN | POLLOUT);
    small_turns(1);
    ck_assert_int_eq(s.last[0].res, POLLIN);
    flare__sim_foreign_set(s.w, fd, 0);
    ck_assert_int_eq(s.loop.ops->poll_fd(s.loop.b, &s.sock, POLLIN), 0);
    s.loop.ops->poll_stop(s.loop.b, &s.sock);
    small_turns(2);
    ck_assert_int_eq(s.last[1].res, -ECANCELED);
    small_close(FLARE__CLOSE_GRACEFUL);
    small_teardown();
}
END_TEST

START_TEST(test_discard_closes_what_was_never_attached)
{
    int fd;

    small_setup();
    fd = small_connect_fd();
    s.loop.ops->discard(s.loop.b, fd);
    ck_assert_uint_eq(flare__sim_fds(s.w), 1); /* the listener */
    small_teardown();
}
END_TEST

static int refuse(void *ctx, const char *name)
{
    return strcmp(ctx, name) == 0 ? -ENOMEM : 0;
}

START_TEST(test_a_refused_call_starts_nothing)
{
    static char name[] = "recv_start";
    const struct flare__sim_config config = {
        .is_calm = true, .fault_site = refuse, .fault_ctx = name};

    s = (struct small){.w = flare__sim_new(&config)};
    loop_open(&s.loop, s.w, 4);
    echo_listen(&s.loop, s.w);
    s.sock.on_event = small_on_event;
    s.peer.peer.on_event = peer_ignores;
    small_connect();
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), -ENOMEM);
    small_close(FLARE__CLOSE_GRACEFUL);
    ck_assert_int_eq(s.events, 1);
    small_teardown();
}
END_TEST

/* Every breach of the contract aborts. */

static void breach_close_twice(void)
{
    s.loop.ops->close(s.loop.b, &s.sock, FLARE__CLOSE_GRACEFUL);
    s.loop.ops->close(s.loop.b, &s.sock, FLARE__CLOSE_GRACEFUL);
}

static void breach_receive_twice(void)
{
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
}

static void breach_send_twice(void)
{
    static char byte[1];
    const struct iovec iov = {byte, 1};

    (void)s.loop.ops->send(s.loop.b, &s.sock, &iov, 1);
    (void)s.loop.ops->send(s.loop.b, &s.sock, &iov, 1);
}

static void breach_send_nothing(void)
{
    (void)s.loop.ops->send(s.loop.b, &s.sock, &(struct iovec){0}, 1);
}

static void breach_change_memory_in_flight(void)
{
    static char bytes[100000];

    (void)s.loop.ops->send(s.loop.b, &s.sock, &(struct iovec){bytes, 100000},
                           1);
    bytes[99999] = 1;
    small_close(FLARE__CLOSE_ABORT);
}

static void breach_call_after_closed(void)
{
    small_close(FLARE__CLOSE_GRACEFUL);
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
}

static void breach_call_after_close(void)
{
    s.loop.ops->close(s.loop.b, &s.sock, FLARE__CLOSE_GRACEFUL);
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
}

static void breach_lease_twice(void)
{
    (void)flare__sim_peer_send(&s.peer.peer, "x", 1);
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
    small_turns(1);
    s.loop.ops->lease_put(s.loop.b, s.last[0].lease);
    s.loop.ops->lease_put(s.loop.b, s.last[0].lease);
}

static void breach_free_with_sockets(void)
{
    s.loop.ops->free(s.loop.b);
}

static void breach_attach_a_closed_descriptor(void)
{
    struct flare__sock other = {0};
    int fd = s.sock.fd;

    small_close(FLARE__CLOSE_GRACEFUL);
    (void)s.loop.ops->attach(s.loop.b, &other, fd);
}

static void breach_shutdown_while_sending(void)
{
    static char bytes[100000];

    (void)s.loop.ops->send(s.loop.b, &s.sock, &(struct iovec){bytes, 100000},
                           1);
    s.loop.ops->shutdown_send(s.loop.b, &s.sock);
}

static void breach_spin(void)
{
    for (int i = 0; i < 1000; i++)
        (void)loop_turn(&s.loop, 0);
}

static void breach_wait_for_nothing(void)
{
    (void)loop_turn(&s.loop, UINT64_MAX);
}

static const struct {
    const char *name;
    void (*fn)(void);
} breaches[] = {
    {"close twice", breach_close_twice},
    {"receive twice", breach_receive_twice},
    {"send twice", breach_send_twice},
    {"send nothing", breach_send_nothing},
    {"change memory in flight", breach_change_memory_in_flight},
    {"call after CLOSED", breach_call_after_closed},
    {"call after close", breach_call_after_close},
    {"lease twice", breach_lease_twice},
    {"free with sockets", breach_free_with_sockets},
    {"attach a closed descriptor", breach_attach_a_closed_descriptor},
    {"shutdown while sending", breach_shutdown_while_sending},
    {"spin", breach_spin},
    {"wait for nothing", breach_wait_for_nothing},
};

START_TEST(test_a_breach_of_the_contract_aborts)
{
    if (freopen("/dev/null", "w", stderr) == NULL)
        ck_abort_msg("no /dev/null");
    small_setup();
    small_connect();
    breaches[_i].fn();
    printf("%s was not caught\n", breaches[_i].name);
}
END_TEST

/* Workers: several backends in one world, stepped. */

static uint64_t workers_run(struct flare__sim *w, uint64_t seed,
                            struct flare__sim_counts *counts)
{
    const struct flare__sim_config config = {.seed = seed, .is_stepped = true};
    struct echo_loop loops[3];
    struct asker askers[CONNS];
    uint64_t hash;

    flare__sim_reset(w, &config);
    for (int i = 0; i < 3; i++) {
        loop_open(&loops[i], w, 4);
        echo_listen(&loops[i], w);
    }
    askers_start(askers, CONNS, w);
    while (!askers_done(askers, CONNS)) {
        int which = flare__sim_next(w, UINT64_MAX);

        ck_assert_int_ne(which, FLARE__SIM_OVER);
        if (which < 0)
            continue;
        (void)loop_turn(&loops[which], flare__sim_now(w) + 100 * MS);
        if (flare__sim_below(w, 8) == 0)
            loops[(which + 1) % 3].ops->wake(loops[(which + 1) % 3].b);
    }
    for (int i = 0; i < 3; i++)
        loop_free(&loops[i]);
    hash = flare__sim_hash(w);
    if (counts != NULL)
        flare__sim_count(w, counts);
    return hash;
}

START_TEST(test_workers_of_one_world_are_deterministic)
{
    struct flare__sim *w =
        flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    struct flare__sim_counts counts = {0};

    for (uint64_t seed = 1; seed <= 100; seed++)
        ck_assert_uint_eq(workers_run(w, seed, &counts),
                          workers_run(w, seed, NULL));
    ck_assert_uint_gt(counts.faults[FLARE__SIM_WORKER_STALL], 0);
    ck_assert_uint_gt(counts.faults[FLARE__SIM_WAKE_LATE], 0);
    flare__sim_free(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *runs = tcase_create("runs");
    TCase *rules = tcase_create("rules");

    tcase_add_test(runs, test_a_calm_world_moves_every_byte);
    tcase_add_test(runs, test_same_seed_same_run_and_every_fault_strikes);
    tcase_add_test(runs, test_the_hash_of_a_seed_is_the_same_in_every_build);
    tcase_add_test(runs, test_an_empty_tape_is_a_calm_world);
    tcase_add_test(runs, test_a_tape_is_a_run);
    tcase_add_test(runs, test_workers_of_one_world_are_deterministic);
    suite_add_tcase(suite, runs);
    tcase_add_test(rules, test_poll_waits_in_virtual_time_until_its_deadline);
    tcase_add_test(rules, test_wake_gives_an_event);
    tcase_add_test(rules, test_closing_with_bytes_unread_resets_the_peer);
    tcase_add_test(rules, test_an_empty_pool_parks_and_loses_nothing);
    tcase_add_test(rules, test_a_peer_that_reads_nothing_holds_the_send);
    tcase_add_test(rules,
                   test_stop_ends_in_ecanceled_and_receive_can_start_again);
    tcase_add_test(rules, test_close_ends_every_operation_before_closed);
    tcase_add_test(rules, test_connect_reaches_a_listener_of_the_same_world);
    tcase_add_test(rules, test_connect_to_nobody_is_refused);
    tcase_add_test(rules, test_poll_fd_reports_a_foreign_descriptor_once);
    tcase_add_test(rules, test_discard_closes_what_was_never_attached);
    tcase_add_test(rules, test_a_refused_call_starts_nothing);
    tcase_add_loop_test_raise_signal(rules,
                                     test_a_breach_of_the_contract_aborts,
                                     SIGABRT, 0, ROWS(breaches));
    suite_add_tcase(suite, rules);
    return test_run(suite);
}
