/* SPDX-License-Identifier: MIT */
/*
 * Receives that take several leases at once: every byte in its place however
 * the stream is cut, whatever the order in which leases come back, and wherever
 * a batch ends; nobody's turn longer than it may be.
 */
#include "tests/backends/uring_rig.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Prints the skip where this kernel, or the pool, allows no bundles. */
static bool has_bundles(const struct rig *rig)
{
    if (rig->ops->caps(rig->b) & FLARE__CAP_BUNDLE)
        return true;
    printf("SKIP bundles: this kernel has none that can be limited\n");
    return false;
}

static bool is_bundled(const struct rig_sock *s)
{
    return uring_has(&s->sock, URING_BUNDLED);
}

/* Bytes of `s` that continue what it has sent; all of them fit its buffers. */
static void push(struct rig_sock *s, uint64_t *sum, size_t len)
{
    for (size_t i = 0; i < len; i++)
        *sum += (s->recv_bytes + i + 1) * rig_block[i];
    rig_peer_write(s->peer, rig_block, len);
}

/* Makes its receive one of bundles; what came is checked. */
static void deepen(struct rig *rig, struct rig_sock *s)
{
    for (int i = 0; i < 20 && !is_bundled(s); i++) {
        uint64_t sum = s->recv_sum;
        uint64_t until = s->recv_bytes + 32768;

        push(s, &sum, 32768);
        RIG_UNTIL(rig, s->recv_bytes == until);
        ck_assert_uint_eq(s->recv_sum, sum);
    }
    ck_assert(is_bundled(s));
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(rig_turn(rig, 0), 0);
}

static void end(struct rig *rig, struct rig_sock *s)
{
    rig_shut(s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(rig, s->is_closed);
    ck_assert_int_eq(close(s->peer), 0);
}

/* That no lease is missing: all can be had at once. */
static void pool_check(struct rig *rig)
{
    struct rig_sock s;

    rig_pair(rig, &s);
    s.keeps_leases = true;
    rig_recv(&s);
    while (rig->held_count < (int)rig->b->leases.count) {
        (void)send(s.peer, rig_block, sizeof(rig_block),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)rig_turn(rig, 2);
    }
    rig_held_put(rig);
    end(rig, &s);
}

/* ---- any cut, any order */

enum { PEERS = 5, STREAM = 400000, HELD = 1024, SEEDS = 6 };

struct peer {
    struct flare__sock sock;
    int fd;
    uint32_t sent;
    uint32_t got;
    bool is_receiving;
    bool is_closed;
    bool was_bundled;
};

/* A lease that is kept for a while, and what must still be in it then. */
struct kept {
    const struct peer *peer;
    const uint8_t *data;
    uint32_t lease;
    uint32_t at;
    uint32_t len;
};

static struct world {
    struct rig rig;
    struct peer peers[PEERS];
    struct kept kept[HELD];
    uint32_t kept_count;
    uint32_t random;
} world;

/* xorshift32 */
static uint32_t pick(uint32_t below)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 17;
    world.random ^= world.random << 5;
    return world.random % below;
}

static uint8_t byte_of(const struct peer *p, uint32_t at)
{
    uint32_t n = at + (uint32_t)(p - world.peers) * 7919;

    return (uint8_t)((n * 2654435761u) >> 19);
}

static void kept_check(const struct kept *k)
{
    uint32_t i = 0;

    while (i < k->len && k->data[i] == byte_of(k->peer, k->at + i))
        i++;
    ck_assert_msg(i == k->len, "peer %td, byte %u is not its own",
                  k->peer - world.peers, k->at + i);
}

static void kept_put(uint32_t index)
{
    struct kept k = world.kept[index];

    world.kept[index] = world.kept[--world.kept_count];
    kept_check(&k); /* nobody has written to it */
    memset((uint8_t *)(uintptr_t)k.data, 0xee, k.len);
    world.rig.ops->lease_put(world.rig.b, k.lease);
}

static void on_peer_event(struct flare__sock *sock,
                          const struct flare__event *ev)
{
    struct peer *p = FLARE_CONTAINER_OF(sock, struct peer, sock);
    struct kept *k = &world.kept[world.kept_count];

    if (ev->kind == FLARE__EV_CLOSED) {
        p->is_closed = true;
        return;
    }
    ck_assert_int_eq(ev->kind, FLARE__EV_RECV);
    ck_assert(p->is_receiving);
    if ((ev->flags & FLARE__EV_MORE) == 0) {
        ck_assert_int_eq(ev->res, -ECANCELED);
        p->is_receiving = false;
        return;
    }
    ck_assert_int_gt(ev->res, 0);
    ck_assert_int_le(ev->res, 4096);
    ck_assert_int_lt(world.kept_count, HELD);
    *k = (struct kept){p, ev->data, ev->lease, p->got, (uint32_t)ev->res};
    kept_check(k);
    world.kept_count++;
    p->got += (uint32_t)ev->res;
    p->was_bundled |= uring_has(sock, URING_BUNDLED);
}

static void peer_open(struct peer *p)
{
    struct rig_sock s;

    rig_pair(&world.rig, &s); /* for its two descriptors */
    *p = (struct peer){.fd = s.peer, .sock.on_event = on_peer_event};
    flare__handles_remove(&world.rig.b->handles, &s.sock);
    ck_assert_int_eq(world.rig.ops->attach(world.rig.b, &p->sock, s.sock.fd),
                     0);
}

static void peer_send(struct peer *p)
{
    static const uint32_t most[] = {10, 5000, 5000, 70000, 200000};
    static uint8_t block[200000];
    uint32_t len = 1 + pick(most[pick(ROWS(most))]);
    ssize_t n;

    if (len > STREAM - p->sent)
        len = STREAM - p->sent;
    for (uint32_t i = 0; i < len; i++)
        block[i] = byte_of(p, p->sent + i);
    n = send(p->fd, block, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        p->sent += (uint32_t)n;
}

static void peer_step(struct peer *p)
{
    switch (pick(8)) {
    case 0:
        world.rig.ops->recv_stop(world.rig.b, &p->sock);
        return;
    case 1:
    case 2:
        if (p->is_receiving)
            return;
        ck_assert_int_eq(world.rig.ops->recv_start(world.rig.b, &p->sock), 0);
        p->is_receiving = true;
        return;
    default:
        if (p->sent < STREAM)
            peer_send(p);
    }
}

static void world_turn(void)
{
    struct rig *rig = &world.rig;

    rig->capacity = pick(3) ? 1 + (int)pick(5) : 1 + (int)pick(RIG_BATCH);
    (void)rig_turn(rig, pick(4) ? 0 : 1);
    ck_assert_int_ge(rig->rc, 0);
    if (pick(3) == 0)
        while (world.kept_count > 0)
            kept_put(pick(world.kept_count));
    for (uint32_t n = pick(6); n > 0 && world.kept_count > 0; n--)
        kept_put(pick(world.kept_count));
}

static void world_close(void)
{
    while (world.kept_count > 0)
        kept_put(pick(world.kept_count));
    world.rig.capacity = 0;
    for (struct peer *p = world.peers; p < world.peers + PEERS; p++)
        world.rig.ops->close(world.rig.b, &p->sock, FLARE__CLOSE_GRACEFUL);
    for (struct peer *p = world.peers; p < world.peers + PEERS; p++) {
        RIG_UNTIL(&world.rig, p->is_closed);
        ck_assert_int_eq(close(p->fd), 0);
    }
}

static const struct pool_row {
    uint32_t leases;
    uint32_t denied;
} pool_rows[] = {
    {4, 0}, {16, 0}, {64, 0}, {256, 0}, {16, FLARE__CAP_BUNDLE},
};

START_TEST(test_I14_any_cut_and_any_order_of_leases)
{
    const struct pool_row *row = &pool_rows[_i % (int)ROWS(pool_rows)];
    uint32_t left = PEERS;
    bool was_bundled = false;

    memset(&world, 0, sizeof(world));
    world.random = 0x9e3779b9u * (uint32_t)(_i + 1);
    rig_open(&world.rig, 0, row->leases, row->denied);
    for (int i = 0; i < PEERS; i++)
        peer_open(&world.peers[i]);
    for (int step = 0; left > 0; step++) {
        ck_assert_int_lt(step, 300000);
        peer_step(&world.peers[pick(PEERS)]);
        if (pick(2) == 0)
            world_turn();
        left = 0;
        for (int i = 0; i < PEERS; i++)
            left += world.peers[i].got < STREAM;
    }
    for (int i = 0; i < PEERS; i++)
        was_bundled |= world.peers[i].was_bundled;
    if (row->denied || has_bundles(&world.rig))
        ck_assert(was_bundled == (row->denied == 0));
    world_close();
    pool_check(&world.rig);
    rig_close(&world.rig);
}
END_TEST

/* ---- in the middle of a bundle */

static void middle_nothing(struct rig *rig, struct rig_sock *s)
{
    (void)rig;
    (void)s;
}

static void middle_stop(struct rig *rig, struct rig_sock *s)
{
    rig->ops->recv_stop(rig->b, &s->sock);
}

static void middle_close(struct rig *rig, struct rig_sock *s)
{
    (void)rig;
    rig_shut(s, FLARE__CLOSE_GRACEFUL);
}

static void middle_abort(struct rig *rig, struct rig_sock *s)
{
    (void)rig;
    rig_shut(s, FLARE__CLOSE_ABORT);
}

static void middle_fin(struct rig *rig, struct rig_sock *s)
{
    (void)rig;
    ck_assert_int_eq(shutdown(s->peer, SHUT_WR), 0);
}

static const struct middle_row {
    const char *name;
    void (*act)(struct rig *rig, struct rig_sock *s);
    int32_t res; /* of the terminal event; 1: there is none */
    bool is_close;
} middle_rows[] = {
    {"nothing", middle_nothing, 1, false},
    {"it is stopped", middle_stop, -ECANCELED, false},
    {"the peer ends", middle_fin, 0, false},
    {"it is closed", middle_close, -ECANCELED, true},
    {"it is reset", middle_abort, -ECANCELED, true},
};

START_TEST(test_a_bundle_goes_on_where_the_batch_ended)
{
    enum { LEN = 30000, LEASES = 8, BEFORE = 3 };
    const struct middle_row *row = &middle_rows[_i];
    struct rig rig;
    struct rig_sock s;
    uint64_t until;
    uint64_t sum;
    int events;

    rig_open(&rig, 0, 64, 0);
    if (!has_bundles(&rig)) {
        rig_close(&rig);
        return;
    }
    rig_pair(&rig, &s);
    rig_recv(&s);
    deepen(&rig, &s);
    sum = s.recv_sum;
    until = s.recv_bytes + LEN;
    events = s.recv_events;
    push(&s, &sum, LEN);
    rig.capacity = 1;
    RIG_UNTIL(&rig, s.recv_events == events + BEFORE);
    ck_assert_uint_gt(rig.b->leases.rest_bytes, 0);
    row->act(&rig, &s);
    if (row->is_close) {
        RIG_UNTIL(&rig, s.is_closed);
        ck_assert_int_eq(s.recv_events, events + BEFORE);
    } else {
        RIG_UNTIL(&rig, s.recv_bytes == until);
        ck_assert_uint_eq(s.recv_sum, sum);
        ck_assert_int_eq(s.recv_events, events + LEASES);
    }
    if (row->res <= 0) {
        RIG_UNTIL(&rig, !s.is_receiving);
        ck_assert_msg(s.recv_res == row->res, "%s: %d", row->name, s.recv_res);
    }
    if (!row->is_close)
        end(&rig, &s);
    else
        ck_assert_int_eq(close(s.peer), 0);
    rig.capacity = 0;
    pool_check(&rig);
    rig_close(&rig);
}
END_TEST

/* ---- whose turn it is, and who gets bundles */

/* A receive that found less than a share may be followed by a whole one. */
START_TEST(test_K10_a_socket_gets_no_more_than_its_share_at_once)
{
    enum { LEN = 65536, TIMES = 4 };
    struct rig rig;
    struct rig_sock socks[2];
    int most;
    int run = 0;

    rig_open(&rig, 0, 0, 0);
    if (!has_bundles(&rig)) {
        rig_close(&rig);
        return;
    }
    most = (int)(rig.b->leases.bundle_bytes / rig.b->leases.bytes);
    for (int i = 0; i < 2; i++) {
        rig_pair(&rig, &socks[i]);
        rig_recv(&socks[i]);
        deepen(&rig, &socks[i]);
    }
    for (int i = 0; i < 2 * TIMES; i++)
        rig_peer_write(socks[i % 2].peer, rig_block, LEN);
    rig.capacity = 1;
    for (int i = 0; i < 2; i++)
        socks[i].recv_bytes = 0;
    while (socks[0].recv_bytes + socks[1].recv_bytes < 2 * TIMES * LEN) {
        uint64_t before = socks[0].recv_bytes;
        bool is_first;

        ck_assert_int_le(rig_turn(&rig, 5), 1);
        if (rig.rc == 0)
            continue;
        is_first = socks[0].recv_bytes > before;
        if (is_first != (run > 0))
            run = 0;
        run += is_first ? 1 : -1;
        if (socks[!is_first ? 0 : 1].recv_bytes < TIMES * LEN)
            ck_assert_int_le(run > 0 ? run : -run, 2 * most);
    }
    end(&rig, &socks[0]);
    end(&rig, &socks[1]);
    rig_close(&rig);
}
END_TEST

START_TEST(test_only_who_fills_whole_leases_gets_bundles)
{
    struct rig rig;
    struct rig_sock s;

    rig_open(&rig, 0, 0, 0);
    if (!has_bundles(&rig)) {
        rig_close(&rig);
        return;
    }
    rig_pair(&rig, &s);
    rig_recv(&s);
    for (int round = 0; round < 3; round++) {
        uint64_t rearms = rig.b->rearms;

        for (int i = 0; i < 40; i++) {
            uint64_t until = s.recv_bytes + 100;

            rig_peer_write(s.peer, rig_block, 100);
            RIG_UNTIL(&rig, s.recv_bytes == until);
        }
        (void)rig_turn(&rig, 0);
        ck_assert(!is_bundled(&s));
        ck_assert_uint_le(rig.b->rearms - rearms, 1);
        deepen(&rig, &s);
        ck_assert_uint_le(rig.b->rearms - rearms, 2);
    }
    end(&rig, &s);
    rig_close(&rig);
}
END_TEST

START_TEST(test_small_pools_and_large_leases_have_no_bundles)
{
    struct rig rig;

    rig_open(&rig, 0, 2, 0);
    ck_assert_uint_eq(rig.ops->caps(rig.b) & FLARE__CAP_BUNDLE, 0);
    rig_close(&rig);
    rig_open(&rig, 0, 4, 0);
    if (has_bundles(&rig))
        ck_assert_uint_eq(rig.b->leases.bundle_bytes, 2 * 4096);
    rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *suite;
    TCase *tcase;

    if (!rig_is_here())
        return 77;
    suite = suite_create("backends/uring_bundle");
    tcase = tcase_create("bundles");
    tcase_add_checked_fixture(tcase, rig_setup, NULL);
    tcase_add_loop_test(tcase, test_I14_any_cut_and_any_order_of_leases, 0,
                        SEEDS * (int)ROWS(pool_rows));
    tcase_add_loop_test(tcase, test_a_bundle_goes_on_where_the_batch_ended, 0,
                        ROWS(middle_rows));
    tcase_add_test(tcase,
                   test_K10_a_socket_gets_no_more_than_its_share_at_once);
    tcase_add_test(tcase, test_only_who_fills_whole_leases_gets_bundles);
    tcase_add_test(tcase, test_small_pools_and_large_leases_have_no_bundles);
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}
