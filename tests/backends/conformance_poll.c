/* SPDX-License-Identifier: MIT */
/* Conformance: deadlines, wakes, foreign descriptors, signals, failures. */
#include "tests/backends/conformance.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>

enum { THREADS = 4, WAKES = 2000 };

#define MS UINT64_C(1000000)

/* Deadlines. */

START_TEST(test_a_poll_without_a_deadline_returns_at_once)
{
    struct conf c;
    struct flare__event ev;

    OPEN_OR_SKIP(&c);
    for (int i = 0; i < 10; i++) /* what opening it left */
        (void)c.ops->poll(c.b, &ev, 1, 0);
    ck_assert_int_eq(c.ops->poll(c.b, &ev, 1, 0), 0);
    ck_assert_int_eq(c.ops->poll(c.b, &ev, 1, 1), 0); /* long ago */
    conf_close(&c);
}
END_TEST

START_TEST(test_a_poll_waits_until_its_deadline_and_not_less)
{
    static const uint64_t waits[] = {1, MS / 3, MS, 5 * MS / 2, 20 * MS};
    struct conf c;
    struct flare__event ev;

    OPEN_OR_SKIP(&c);
    conf_turns(&c, 3);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        uint64_t deadline = c.ops->now(c.b) + waits[i];
        int polls = 0;

        do {
            ck_assert_int_eq(c.ops->poll(c.b, &ev, 1, deadline), 0);
            polls++;
        } while (c.ops->now(c.b) < deadline);
        ck_assert_msg(polls <= 3, "%s: %d polls", c.stamp->name, polls);
    }
    conf_close(&c);
}
END_TEST

/* A poll with events made here must not wait, nor forget the kernel. */
static void hook_send_again(struct conf_conn *conn,
                            const struct flare__event *ev)
{
    char got[64];

    while (conn->peer && conn->c->h->peer_recv(conn->peer, got, 64) > 0)
        continue;
    if (ev->kind == FLARE__EV_SENT && ev->res == 1 && !conn->is_closing)
        conf_send_bytes(conn, "x", 1);
}

START_TEST(test_our_own_events_do_not_starve_the_kernels)
{
    struct conf c;
    struct conf_conn *busy;

    OPEN_OR_SKIP(&c);
    busy = conf_connect(&c);
    busy->hook = hook_send_again;
    conf_send_bytes(busy, "x", 1);
    for (int i = 0; i < 10; i++) {
        struct conf_conn *conn = conf_connect(&c);

        conf_recv_start(conn);
        conf_peer_send(conn, "y", 1);
        UNTIL(&c, conn->in_len == 1);
    }
    busy->hook = NULL;
    UNTIL(&c, !busy->is_sending);
    conf_close(&c);
}
END_TEST

START_TEST(test_one_event_at_a_time_is_enough)
{
    struct conf c;
    struct conf_conn *conns[3];
    uint8_t bytes[6000];

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 8, 0);
    c.capacity = 1;
    for (int i = 0; i < 3; i++) {
        conns[i] = conf_connect(&c);
        conf_recv_start(conns[i]);
        conf_send_bytes(conns[i], bytes, 100);
    }
    for (int i = 0; i < 3; i++)
        conf_peer_send(conns[i], bytes, sizeof(bytes));
    for (int i = 0; i < 3; i++) {
        UNTIL(&c, conns[i]->in_len == sizeof(bytes) && !conns[i]->is_sending);
        conf_in_check(conns[i], sizeof(bytes), 8);
        conf_recv_stop(conns[i]);
    }
    conf_close(&c);
}
END_TEST

/* Wakes. */

START_TEST(test_a_wake_before_the_poll_is_not_lost)
{
    struct conf c;

    OPEN_OR_SKIP(&c);
    for (int i = 0; i < 5; i++) {
        int before;

        conf_turns(&c, 2);
        before = c.wakes;
        for (int j = 0; j <= i; j++)
            c.ops->wake(c.b);
        UNTIL(&c, c.wakes > before);
    }
    conf_close(&c);
}
END_TEST

struct waker {
    pthread_t thread;
    struct conf *c;
    atomic_int *posted;
};

static void *waker_run(void *ctx)
{
    struct waker *w = ctx;

    for (int i = 0; i < WAKES; i++) {
        atomic_fetch_add(w->posted, 1);
        w->c->ops->wake(w->c->b);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

/* The loop looks at the counter only when it is woken, and waits for ever. */
START_TEST(test_wakes_of_four_threads_are_never_lost)
{
    struct conf c;
    struct waker wakers[THREADS];
    atomic_int posted = 0;
    int seen = 0;

    if (conf_stamps[_i].harness->sim != NULL)
        TEST_SKIP("sim runs in one thread");
    OPEN_OR_SKIP(&c);
    for (int i = 0; i < THREADS; i++) {
        wakers[i] = (struct waker){.c = &c, .posted = &posted};
        ck_assert_int_eq(
            pthread_create(&wakers[i].thread, NULL, waker_run, &wakers[i]), 0);
    }
    while (seen < THREADS * WAKES) {
        struct flare__event events[4];
        int n = c.ops->poll(c.b, events, 4, UINT64_MAX);

        ck_assert_int_ge(n, 0);
        for (int i = 0; i < n; i++)
            if (events[i].kind == FLARE__EV_WAKE)
                seen = atomic_load(&posted);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(wakers[i].thread, NULL);
    conf_close(&c);
}
END_TEST

/* Foreign descriptors. */

static struct conf_conn *foreign_attach(struct conf *c, int *fd)
{
    *fd = c->h->foreign(c->world);
    return conf_attach(c, *fd);
}

static void poll_fd(struct conf_conn *conn, short events)
{
    int rc = conn->c->ops->poll_fd(conn->c->b, &conn->sock, events);

    ck_assert_int_eq(rc, 0);
    conn->is_polling = true;
    conn->is_watching = false;
    memset(conn->order, 0, sizeof(conn->order));
}

START_TEST(test_poll_fd_reports_once_and_again_when_asked_again)
{
    struct conf c;
    struct conf_conn *conn;
    int fd;

    OPEN_OR_SKIP(&c);
    conn = foreign_attach(&c, &fd);
    poll_fd(conn, POLLIN);
    conf_turns(&c, 5);
    ck_assert(conn->is_polling);
    c.h->foreign_set(c.world, fd, true);
    for (int i = 0; i < 3; i++) { /* it stays ready: told at once */
        UNTIL(&c, !conn->is_polling);
        ck_assert_int_eq(conn->poll_res, POLLIN);
        conf_turns(&c, 5);
        ck_assert_str_eq(conn->order, "P");
        poll_fd(conn, POLLIN);
    }
    UNTIL(&c, !conn->is_polling);
    c.h->foreign_set(c.world, fd, false);
    poll_fd(conn, POLLIN);
    conf_turns(&c, 5);
    ck_assert(conn->is_polling);
    c.h->foreign_set(c.world, fd, true);
    UNTIL(&c, !conn->is_polling);
    conf_close(&c);
}
END_TEST

START_TEST(test_poll_stop_ends_it_and_it_can_be_asked_again)
{
    struct conf c;
    struct conf_conn *conn;
    int fd;

    OPEN_OR_SKIP(&c);
    conn = foreign_attach(&c, &fd);
    c.ops->poll_stop(c.b, &conn->sock); /* nothing to stop */
    for (int i = 0; i < 3; i++) {
        poll_fd(conn, POLLIN);
        conf_turns(&c, i);
        c.ops->poll_stop(c.b, &conn->sock);
        c.ops->poll_stop(c.b, &conn->sock);
        ck_assert(conn->is_polling);
        UNTIL(&c, !conn->is_polling);
        ck_assert_int_eq(conn->poll_res, -ECANCELED);
        conf_turns(&c, 3);
        ck_assert_str_eq(conn->order, "P");
    }
    c.h->foreign_set(c.world, fd, true);
    conf_turns(&c, 3); /* of no interest now */
    poll_fd(conn, POLLIN);
    UNTIL(&c, !conn->is_polling);
    ck_assert_int_eq(conn->poll_res, POLLIN);
    conf_close(&c);
}
END_TEST

static void poll_start(struct conf_conn *conn, short events)
{
    int rc = conn->c->ops->poll_start(conn->c->b, &conn->sock, events);

    ck_assert_int_eq(rc, 0);
    conn->is_polling = true;
    conn->is_watching = true;
    conn->polls = 0;
    conn->poll_res = 0;
}

START_TEST(test_poll_start_tells_what_is_there_and_what_comes_about)
{
    struct conf c;
    struct conf_conn *conn;
    int fd;

    OPEN_OR_SKIP(&c);
    conn = foreign_attach(&c, &fd);
    c.h->foreign_set(c.world, fd, true);
    poll_start(conn, POLLIN);
    for (int i = 0; i < 20; i++) {
        UNTIL(&c, conn->polls > 0);
        ck_assert_int_eq(conn->poll_res, POLLIN);
        conf_turns(&c, 5); /* it is still there, and no news */
        ck_assert_int_eq(conn->polls, 1);
        ck_assert(conn->is_polling);
        c.h->foreign_set(c.world, fd, false);
        conf_turns(&c, 5);
        ck_assert_int_eq(conn->polls, 1);
        conn->polls = 0;
        c.h->foreign_set(c.world, fd, true);
    }
    UNTIL(&c, conn->polls > 0);
    conf_close(&c);
}
END_TEST

/* More of what is there already is news: a second datagram, say. */
START_TEST(test_poll_start_tells_of_more_while_some_is_left)
{
    struct conf c;
    struct conf_conn *conn;
    int fd;

    OPEN_OR_SKIP(&c);
    conn = foreign_attach(&c, &fd);
    poll_start(conn, POLLIN);
    for (int i = 1; i <= 10; i++) {
        c.h->foreign_set(c.world, fd, true);
        UNTIL(&c, conn->polls == i);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_poll_start_again_takes_other_events_and_tells_anew)
{
    struct conf c;
    struct conf_conn *conn;
    int fd;

    OPEN_OR_SKIP(&c);
    conn = foreign_attach(&c, &fd);
    c.h->foreign_set(c.world, fd, true);
    for (int i = 0; i < 10; i++) {
        poll_start(conn, POLLIN);
        if (i % 3 == 1) /* not even submitted yet */
            poll_start(conn, POLLPRI);
        conf_turns(&c, i % 4);
        poll_start(conn, POLLPRI);
        conf_turns(&c, 5);
        conn->polls = 0;
        c.h->foreign_set(c.world, fd, true);
        conf_turns(&c, 5);
        ck_assert_int_eq(conn->polls, 0); /* of no interest */
        poll_start(conn, POLLIN);
        UNTIL(&c, conn->polls > 0);
        ck_assert_int_eq(conn->poll_res, POLLIN);
        poll_start(conn, POLLIN); /* the same: told once more */
        UNTIL(&c, conn->polls > 0);
        conf_turns(&c, 3);
    }
    ck_assert(conn->is_polling);
    conf_close(&c);
}
END_TEST

/* What is stopped, or closed, before, while and after something came. */
START_TEST(test_poll_start_ends_once_by_stop_or_close)
{
    for (int row = 0; row < 16; row++) {
        struct conf c;
        struct conf_conn *conn;
        int fd;

        OPEN_OR_SKIP(&c);
        conn = foreign_attach(&c, &fd);
        if (row & 1)
            c.h->foreign_set(c.world, fd, true);
        poll_start(conn, POLLIN);
        conf_turns(&c, row & 2 ? 5 : 0);
        if (row & 4)
            poll_start(conn, POLLIN | POLLPRI);
        if (row & 8) {
            c.ops->poll_stop(c.b, &conn->sock);
            c.ops->poll_stop(c.b, &conn->sock);
            UNTIL(&c, !conn->is_polling);
            ck_assert_int_eq(conn->poll_res, -ECANCELED);
            conn->polls = 0;
            c.h->foreign_set(c.world, fd, true);
            conf_turns(&c, 5);
            ck_assert_int_eq(conn->polls, 0);
            poll_start(conn, POLLIN);
            UNTIL(&c, conn->polls > 0);
            ck_assert_int_eq(conn->poll_res, POLLIN);
        }
        conf_shut(conn, row & 1 ? FLARE__CLOSE_ABORT : FLARE__CLOSE_GRACEFUL);
        UNTIL(&c, conn->is_closed);
        ck_assert_int_eq(conn->poll_res, -ECANCELED);
        conf_close(&c);
    }
}
END_TEST

/* Signals. */

static void on_alarm(int number)
{
    (void)number;
}

START_TEST(test_K05_signals_never_surface)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval often = {.it_interval = {.tv_usec = 300},
                                    .it_value = {.tv_usec = 300}};
    const struct itimerval never = {.it_value = {.tv_usec = 0}};
    struct conf c;
    struct conf_conn *conns[4];
    uint8_t bytes[20000];

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 9, 0);
    for (int i = 0; i < 4; i++) {
        conns[i] = conf_connect(&c);
        conf_recv_start(conns[i]);
    }
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (int i = 0; i < 4; i++) {
        conf_send_bytes(conns[i], bytes, 500);
        conf_peer_send(conns[i], bytes, sizeof(bytes));
    }
    for (int i = 0; i < 4; i++) {
        UNTIL(&c, conns[i]->in_len == sizeof(bytes) && !conns[i]->is_sending);
        ck_assert_int_eq(conns[i]->sent_res, 500);
        ck_assert(conns[i]->is_receiving);
        conf_in_check(conns[i], sizeof(bytes), 9);
    }
    conf_turns(&c, 20);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
    conf_close(&c);
}
END_TEST

/* Opening fails at every allocation, and leaves nothing. */

static int scenario_open(struct fault *f, void *ctx)
{
    const struct conf_stamp *stamp = ctx;
    struct flare__backend *b = NULL;
    const struct flare__log log = {.fn = NULL};
    const struct flare__backend_config config = {
        .al = &f->al,
        .log = &log,
        .lease_bytes = CONF_LEASE_BYTES,
        .lease_count = CONF_LEASES,
        .caps_denied = stamp->caps_denied,
    };
    struct flare_error why = {.code = 0};
    struct flare__sock sock = {.on_event = NULL};
    struct conf_world *w;
    int rc = stamp->ops->open(&b, &config, &why);
    int fd;

    if (rc < 0) {
        ck_assert_int_eq(why.code, rc);
        ck_assert_ptr_null(b);
        return rc;
    }
    w = stamp->harness->open(why.text);
    fd = stamp->harness->socket(w);
    rc = stamp->ops->attach(b, &sock, fd);
    if (rc < 0) {
        stamp->ops->discard(b, fd); /* it is still ours */
    } else {
        struct flare__event ev;

        stamp->ops->close(b, &sock, FLARE__CLOSE_GRACEFUL);
        while (stamp->ops->poll(b, &ev, 1, UINT64_MAX) != 1)
            continue;
        ck_assert_int_eq(ev.kind, FLARE__EV_CLOSED);
    }
    stamp->ops->free(b);
    stamp->harness->close(w);
    return rc;
}

START_TEST(test_R11_open_and_attach_survive_every_failed_allocation)
{
    const struct conf_stamp *stamp = &conf_stamps[_i];
    struct conf c;

    if (stamp->harness->sim != NULL)
        TEST_SKIP("%s has its own torture", stamp->name);
    OPEN_OR_SKIP(&c);
    conf_close(&c);
    fault_each(stamp->name, scenario_open, (void *)(uintptr_t)stamp);
    stamp->ops->free(NULL);
}
END_TEST

TCase *conf_case_poll(void)
{
    TCase *tc = tcase_create("poll");
    const int n = conf_stamp_count;

    tcase_set_timeout(tc, 20);
    tcase_add_loop_test(tc, test_a_poll_without_a_deadline_returns_at_once, 0,
                        n);
    tcase_add_loop_test(tc, test_a_poll_waits_until_its_deadline_and_not_less,
                        0, n);
    tcase_add_loop_test(tc, test_our_own_events_do_not_starve_the_kernels, 0,
                        n);
    tcase_add_loop_test(tc, test_one_event_at_a_time_is_enough, 0, n);
    tcase_add_loop_test(tc, test_a_wake_before_the_poll_is_not_lost, 0, n);
    tcase_add_loop_test(tc, test_wakes_of_four_threads_are_never_lost, 0, n);
    tcase_add_loop_test(
        tc, test_poll_fd_reports_once_and_again_when_asked_again, 0, n);
    tcase_add_loop_test(tc, test_poll_stop_ends_it_and_it_can_be_asked_again, 0,
                        n);
    tcase_add_loop_test(
        tc, test_poll_start_tells_what_is_there_and_what_comes_about, 0, n);
    tcase_add_loop_test(tc, test_poll_start_tells_of_more_while_some_is_left, 0,
                        n);
    tcase_add_loop_test(
        tc, test_poll_start_again_takes_other_events_and_tells_anew, 0, n);
    tcase_add_loop_test(tc, test_poll_start_ends_once_by_stop_or_close, 0, n);
    tcase_add_loop_test(tc, test_K05_signals_never_surface, 0, n);
    tcase_add_loop_test(
        tc, test_R11_open_and_attach_survive_every_failed_allocation, 0, n);
    return tc;
}
