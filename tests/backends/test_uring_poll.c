/* SPDX-License-Identifier: MIT */
/*
 * Polling on io_uring: what ends a multishot poll, what is asked for while it
 * comes back, a queue that is too small for it all, and a FIN.
 */
#include "tests/backends/uring_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static void event_attach(struct rig *rig, struct rig_sock *s)
{
    rig_attach(rig, s, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

static void event_set(const struct rig_sock *s, bool is_readable)
{
    uint64_t n = 1;

    if (is_readable)
        ck_assert_int_eq(write(s->sock.fd, &n, sizeof(n)), sizeof(n));
    else
        (void)!read(s->sock.fd, &n, sizeof(n)); /* it may be clear already */
}

static void watch(struct rig_sock *s, short events)
{
    ck_assert_int_eq(s->rig->ops->poll_start(s->rig->b, &s->sock, events), 0);
    s->is_polling = s->is_watching = true;
}

static void once(struct rig_sock *s, short events)
{
    ck_assert_int_eq(s->rig->ops->poll_fd(s->rig->b, &s->sock, events), 0);
    s->is_polling = true;
    s->is_watching = false;
}

static void close_all(struct rig *rig, struct rig_sock *s)
{
    rig_shut(s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(rig, s->is_closed);
    rig_close(rig);
}

/* What the kernel may say of a watch of POLLIN, and what is made of it. */
static const struct {
    const char *name;
    int cqe_res;
    bool is_more;
    int events;
    int res;
    bool goes_on;
    bool is_again; /* it is armed again */
} rows[] = {
    {"an edge", POLLIN, true, 1, POLLIN, true, false},
    {"an edge of others' interest", POLLPRI, true, 0, 0, true, false},
    {"a FIN", 0x2000 /* POLLRDHUP */, true, 0, 0, true, false},
    {"a FIN and more", 0x2000 | POLLIN, true, 1, POLLIN, true, false},
    {"an error", POLLERR, true, 1, POLLERR, true, false},
    {"a hangup", POLLHUP, true, 1, POLLHUP, true, false},
    {"the last edge", POLLIN, false, 1, POLLIN, true, true},
    {"the last, of no interest", POLLPRI, false, 0, 0, true, true},
    {"cancelled by nobody", -ECANCELED, false, 0, 0, true, true},
    {"no memory", -ENOMEM, false, 1, -ENOMEM, false, false},
};

START_TEST(test_what_the_kernel_says_of_a_watch)
{
    struct flare__event event = {.res = 0};
    struct rig rig;
    struct rig_sock s;
    struct io_uring_cqe cqe = {.res = rows[_i].cqe_res,
                               .flags =
                                   rows[_i].is_more ? IORING_CQE_F_MORE : 0};
    uint64_t rearms;
    unsigned tail;
    bool is_more;
    int n;

    rig_open(&rig, 0, 0, 0);
    event_attach(&rig, &s);
    (void)rig_turn(&rig, 0);
    tail = rig.b->ring.sq.sqe_tail;
    watch(&s, POLLIN);
    rig.b->ring.sq.sqe_tail = tail; /* the kernel hears nothing of it */
    rearms = rig.b->rearms;
    if (!rows[_i].is_more) {
        s.sock.in_flight--;
        uring_clear(&s.sock, URING_POLLING);
    }
    n = flare__uring_poll_reap(rig.b, &s.sock, &cqe, &event);
    is_more = (event.flags & FLARE__EV_MORE) != 0;
    ck_assert_msg(n == rows[_i].events && event.res == rows[_i].res,
                  "%s: %d events, %d", rows[_i].name, n, event.res);
    ck_assert_msg(n == 0 || is_more == rows[_i].goes_on, "%s", rows[_i].name);
    ck_assert_uint_eq(rig.b->rearms - rearms, rows[_i].is_again);
    s.is_polling = rows[_i].goes_on;
    if (!rows[_i].is_again) { /* what was made up is gone again */
        uring_clear(&s.sock, URING_POLLING | URING_WATCH);
        s.sock.in_flight = 0;
        s.is_polling = false;
    }
    close_all(&rig, &s);
}
END_TEST

/* A level that stays true must not keep the ring busy. */
START_TEST(test_K02_after_a_FIN_a_poll_for_room_waits_for_room)
{
    static uint8_t sink[65536];
    struct rig rig;
    struct rig_sock s;
    int fds[2];

    rig_open(&rig, 0, 0, 0);
    ck_assert_int_eq(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
        0);
    rig_attach(&rig, &s, fds[0]);
    s.peer = fds[1];
    while (send(fds[0], rig_block, sizeof(rig_block), MSG_NOSIGNAL) > 0)
        continue;
    ck_assert_int_eq(shutdown(s.peer, SHUT_WR), 0);
    for (int i = 0; i < 3; i++) {
        uint64_t rearms = rig.b->rearms;

        once(&s, POLLOUT);
        for (int turn = 0; turn < 10; turn++)
            (void)rig_turn(&rig, 2);
        ck_assert(s.is_polling);
        ck_assert_uint_le(rig.b->rearms - rearms, 1);
        if (i == 0)
            rig.ops->poll_stop(rig.b, &s.sock);
        for (int turn = 0; i > 0 && s.is_polling && turn < 5000; turn++) {
            (void)rig_peer_read(s.peer, sink, sizeof(sink));
            (void)rig_turn(&rig, 1);
        }
        RIG_UNTIL(&rig, !s.is_polling);
        ck_assert_int_eq(s.poll_res, i == 0 ? -ECANCELED : POLLOUT);
        if (i == 1)
            break;
    }
    once(&s, POLLOUT); /* room and FIN at once: a plain one */
    RIG_UNTIL(&rig, !s.is_polling);
    ck_assert_int_eq(s.poll_res, POLLOUT);
    once(&s, POLLPRI);
    (void)rig_turn(&rig, 2);
    (void)close(s.peer);
    close_all(&rig, &s);
    ck_assert_int_eq(s.poll_res, -ECANCELED);
}
END_TEST

/* A watched descriptor is a duplicate of its user's: the connection goes on. */
START_TEST(test_closing_what_was_polled_leaves_the_connection_alone)
{
    struct rig rig;
    struct rig_sock s;
    char byte = 0;
    int fds[2];

    rig_open(&rig, 0, 0, 0);
    ck_assert_int_eq(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
        0);
    rig_attach(&rig, &s, fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
    if (_i & 1)
        watch(&s, POLLIN);
    else
        once(&s, POLLIN);
    if (_i & 2)
        (void)rig_turn(&rig, 1);
    rig.ops->poll_stop(rig.b, &s.sock);
    rig.capacity = 1; /* the poll's end, and the stop's is still to come */
    if (_i & 4)
        RIG_UNTIL(&rig, !s.is_polling);
    close_all(&rig, &s);
    ck_assert_int_eq(send(fds[0], "x", 1, MSG_NOSIGNAL), 1);
    ck_assert_int_eq(recv(fds[1], &byte, 1, 0), 1);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* Random watches on a queue of 8. */

enum { SOCKS = 16, STEPS = 4000, SEEDS = 6 };

struct watched {
    struct rig_sock s;
    bool is_open, is_readable, is_stopping, is_owed;
    short wanted;
};

static uint32_t xorshift(uint32_t *x, uint32_t below)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x % below;
}

/* An event of what is there is due from now on. */
static void owe(struct watched *w)
{
    w->s.polls = 0;
    w->is_owed = w->is_readable && (w->wanted & POLLIN);
}

static void step_start(struct watched *w, uint32_t *x)
{
    if (w->s.is_polling && (!w->s.is_watching || w->is_stopping))
        return;
    w->is_stopping = false;
    w->wanted = xorshift(x, 3) ? POLLIN : POLLPRI;
    if (!w->s.is_polling && xorshift(x, 3) == 0)
        once(&w->s, w->wanted);
    else
        watch(&w->s, w->wanted);
    owe(w);
}

static void step(struct rig *rig, struct watched *w, uint32_t *x)
{
    if (w->s.rig == NULL || w->s.is_closed) {
        memset(w, 0, sizeof(*w));
        event_attach(rig, &w->s);
        w->is_open = true;
        return;
    }
    if (!w->is_open)
        return;
    switch (xorshift(x, 10)) {
    case 0:
        rig_shut(&w->s, FLARE__CLOSE_GRACEFUL);
        w->is_open = w->is_owed = false;
        return;
    case 1:
        rig->ops->poll_stop(rig->b, &w->s.sock);
        w->is_stopping = true;
        w->is_owed = false;
        return;
    case 2:
    case 3:
    case 4:
        step_start(w, x);
        return;
    case 5:
        event_set(&w->s, false);
        w->is_readable = w->is_owed = false;
        return;
    default:
        event_set(&w->s, true);
        w->is_readable = true;
        if (w->s.is_polling && !w->is_stopping && !w->is_owed)
            owe(w);
    }
}

START_TEST(test_I04_random_watches_are_told_all_that_is_due)
{
    static struct watched list[SOCKS];
    struct rig rig;
    uint32_t x = 0x9e3779b9u * (uint32_t)(_i + 1);

    memset(list, 0, sizeof(list));
    rig_open(&rig, 8, 4, 0);
    for (int i = 0; i < STEPS; i++) {
        struct watched *w = &list[xorshift(&x, SOCKS)];

        step(&rig, w, &x);
        if (xorshift(&x, 4) == 0) {
            rig.capacity = xorshift(&x, 4) ? 0 : 1;
            (void)rig_turn(&rig, 0);
        }
        if (xorshift(&x, 50) != 0)
            continue;
        rig.capacity = 0;
        for (int j = 0; j < SOCKS; j++)
            RIG_UNTIL(&rig, !list[j].is_owed || list[j].s.polls > 0);
    }
    rig.capacity = 0;
    for (int i = 0; i < SOCKS; i++)
        if (list[i].is_open)
            rig_shut(&list[i].s, FLARE__CLOSE_ABORT);
    for (int i = 0; i < SOCKS; i++)
        RIG_UNTIL(&rig, list[i].s.rig == NULL || list[i].s.is_closed);
    rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *suite;
    TCase *tc;

    if (!rig_is_here())
        return 77;
    suite = suite_create("backends/uring_poll");
    tc = tcase_create("poll");
    tcase_add_checked_fixture(tc, rig_setup, NULL);
    tcase_add_loop_test(tc, test_what_the_kernel_says_of_a_watch, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_K02_after_a_FIN_a_poll_for_room_waits_for_room);
    tcase_add_loop_test(
        tc, test_closing_what_was_polled_leaves_the_connection_alone, 0, 8);
    tcase_add_loop_test(tc, test_I04_random_watches_are_told_all_that_is_due, 0,
                        SEEDS);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
