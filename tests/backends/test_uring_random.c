/* SPDX-License-Identifier: MIT */
/*
 * Sockets that do anything at any moment, on a ring with a queue and a pool
 * far too small for them.  The rig checks each event; at the end everything
 * must come to its end, and no lease or descriptor be missing.
 */
#include "tests/backends/uring_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SOCKS = 24, STEPS = 3000, SEEDS = 6 };

struct life {
    struct rig_sock s;
    struct iovec iov[8];
    bool is_open; /* attached, and not told to close */
};

struct world {
    struct rig rig;
    struct life lives[SOCKS];
    uint32_t random;
};

/* xorshift32 */
static uint32_t pick(struct world *w, uint32_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 17;
    w->random ^= w->random << 5;
    return w->random % below;
}

static void life_begin(struct world *w, struct life *l)
{
    memset(l, 0, sizeof(*l));
    rig_pair(&w->rig, &l->s);
    l->is_open = true;
    l->s.keeps_leases = pick(w, 4) == 0;
    if (pick(w, 8) == 0)
        ck_assert_int_eq(fcntl(l->s.sock.fd, F_SETFL, O_NONBLOCK), 0);
}

static void peer_close(struct life *l, bool is_reset)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (l->s.peer < 0)
        return;
    if (is_reset)
        (void)setsockopt(l->s.peer, SOL_SOCKET, SO_LINGER, &linger,
                         sizeof(linger));
    ck_assert_int_eq(close(l->s.peer), 0);
    l->s.peer = -1;
}

static void peer_step(struct world *w, struct life *l)
{
    static uint8_t sink[8192];

    if (l->s.peer < 0)
        return;
    switch (pick(w, 12)) {
    case 0:
        peer_close(l, pick(w, 2) == 0);
        return;
    case 1:
        (void)shutdown(l->s.peer, SHUT_WR);
        return;
    case 2:
    case 3:
    case 4:
    case 5:
        (void)send(l->s.peer, rig_block, 1 + pick(w, 9000),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    default:
        (void)rig_peer_read(l->s.peer, sink, sizeof(sink));
    }
}

static void life_send(struct world *w, struct life *l)
{
    uint32_t count = 1 + pick(w, 8);

    if (l->s.is_sending)
        return;
    for (uint32_t i = 0; i < count; i++)
        l->iov[i] = (struct iovec){rig_block + pick(w, 100),
                                   1 + pick(w, pick(w, 10) ? 300 : 60000)};
    rig_send(&l->s, l->iov, count);
}

static void life_step(struct world *w, struct life *l)
{
    switch (pick(w, 10)) {
    case 0:
        rig_shut(&l->s,
                 pick(w, 2) ? FLARE__CLOSE_GRACEFUL : FLARE__CLOSE_ABORT);
        l->is_open = false;
        return;
    case 1:
        w->rig.ops->recv_stop(w->rig.b, &l->s.sock);
        return;
    case 2:
        if (!l->s.is_sending && pick(w, 4) == 0)
            w->rig.ops->shutdown_send(w->rig.b, &l->s.sock);
        return;
    case 3:
    case 4:
        life_send(w, l);
        return;
    case 5:
    case 6:
        if (!l->s.is_receiving && l->s.recv_res != 0)
            rig_recv(&l->s);
        return;
    default:
        peer_step(w, l);
    }
}

static void world_run(struct world *w)
{
    for (int step = 0; step < STEPS; step++) {
        struct life *l = &w->lives[pick(w, SOCKS)];

        if (l->is_open)
            life_step(w, l);
        else if (l->s.is_closed || l->s.rig == NULL) {
            peer_close(l, false);
            life_begin(w, l);
        } else
            peer_step(w, l);
        if (pick(w, 3) == 0) {
            w->rig.capacity = pick(w, 4) ? 0 : 1 + (int)pick(w, 3);
            (void)rig_turn(&w->rig, 0);
            ck_assert_int_ge(w->rig.rc, 0);
        }
        if (pick(w, 40) == 0 || w->rig.held_count > 3)
            rig_held_put(&w->rig);
    }
}

START_TEST(test_random_lives_all_end)
{
    static struct world w;
    int before;
    int after;

    memset(&w, 0, sizeof(w));
    for (int i = 0; i < SOCKS; i++)
        w.lives[i].s.peer = -1;
    w.random = 0x9e3779b9u * (uint32_t)(_i / 2 + 1);
    before = fcntl(0, F_DUPFD_CLOEXEC, 0);
    (void)close(before);
    rig_open(&w.rig, 8, 4, rig_denied[_i % 2]);
    world_run(&w);
    w.rig.capacity = 0;
    rig_held_put(&w.rig);
    for (int i = 0; i < SOCKS; i++) {
        struct life *l = &w.lives[i];

        if (l->is_open)
            rig_shut(&l->s, FLARE__CLOSE_GRACEFUL);
    }
    for (int i = 0; i < SOCKS; i++) {
        struct life *l = &w.lives[i];

        if (l->s.rig == NULL)
            continue;
        RIG_UNTIL(&w.rig, (rig_held_put(&w.rig), l->s.is_closed));
        peer_close(l, false);
    }
    rig_close(&w.rig);
    after = fcntl(0, F_DUPFD_CLOEXEC, 0);
    (void)close(after);
    ck_assert_int_eq(after, before);
}
END_TEST

int main(void)
{
    Suite *suite;
    TCase *tcase;

    if (!rig_is_here())
        return 77;
    suite = suite_create("backends/uring_random");
    tcase = tcase_create("lives");
    tcase_add_checked_fixture(tcase, rig_setup, NULL);
    tcase_add_loop_test(tcase, test_random_lives_all_end, 0, 2 * SEEDS);
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}
