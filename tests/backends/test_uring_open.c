/* SPDX-License-Identifier: MIT */
/*
 * Opening a ring where memory, descriptors or kernel features are scarce; and
 * what it must not do to other threads, to children and at exit.
 */
#include "tests/backends/uring_rig.h"
#include "tests/support/deny_uring.h"
#include "tests/support/fault.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static const struct flare__log silent = {.fn = NULL};

static int open_with(struct flare__backend **b, uint32_t denied,
                     struct flare_error *why)
{
    const struct flare__backend_config config = {
        .al = &flare__allocator_default, .log = &silent, .caps_denied = denied};

    return flare__backend_uring.open(b, &config, why);
}

/* One byte through the ring and back. */
static int echo_works(struct flare__backend *b)
{
    const struct flare__backend_ops *ops = &flare__backend_uring;
    struct flare__sock sock = {.on_event = NULL};
    struct flare__event events[8];
    bool is_closed = false;
    int32_t got = 0;
    int fds[2];

    CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    CHILD_CHECK(ops->attach(b, &sock, fds[0]) == 0);
    CHILD_CHECK(ops->recv_start(b, &sock) == 0);
    CHILD_CHECK(write(fds[1], "x", 1) == 1);
    for (int turn = 0; turn < 100 && !is_closed; turn++) {
        int n = ops->poll(b, events, 8, ops->now(b) + 10000000);

        CHILD_CHECK(n >= 0);
        for (int i = 0; i < n; i++) {
            if (events[i].flags & FLARE__EV_LEASE) {
                got += events[i].res;
                ops->lease_put(b, events[i].lease);
                ops->close(b, &sock, FLARE__CLOSE_GRACEFUL);
            }
            is_closed |= events[i].kind == FLARE__EV_CLOSED;
        }
    }
    CHILD_CHECK(got == 1 && is_closed);
    (void)close(fds[1]);
    return 0;
}

/* ---- features */

START_TEST(test_I13_I16_I21_what_is_not_used_is_not_offered)
{
    struct rig rig;
    uint32_t caps;

    rig_open(&rig, 0, 0, 0);
    caps = rig.ops->caps(rig.b);
    /* I13: no zero-copy send, so no notification can come late */
    ck_assert_uint_eq(caps & FLARE__CAP_SEND_ZC, 0);
    /* I14: bundles, but no incremental buffers */
    ck_assert_uint_eq(caps & FLARE__CAP_BUFFER_INC, 0);
    /* I16: no linked timeouts: a poll has one deadline, the loop's timers */
    /* I21: no polling thread that could fall asleep */
    ck_assert_uint_eq(rig.b->ring.flags & IORING_SETUP_SQPOLL, 0);
    ck_assert(rig.b->ring.flags & IORING_SETUP_DEFER_TASKRUN);
    ck_assert(rig.b->ring.flags & IORING_SETUP_SINGLE_ISSUER);
    rig_close(&rig);
}
END_TEST

static const struct caps_row {
    uint32_t denied;
    int rc;
} caps_rows[] = {
    {0, 0},
    {FLARE__CAP_MULTISHOT_RECV, 0},
    {FLARE__CAP_MULTISHOT_ACCEPT, 0},
    {FLARE__CAP_MULTISHOT_RECV | FLARE__CAP_MULTISHOT_ACCEPT, 0},
    {FLARE__CAP_BUNDLE, 0},
    {FLARE__CAP_DEFER_TASKRUN, -EOPNOTSUPP},
    {FLARE__CAP_BUFFER_RING, -EOPNOTSUPP},
    {FLARE__CAP_EXT_ARG, -EOPNOTSUPP},
};

START_TEST(test_I19_a_denied_feature_is_done_without_or_refused)
{
    const struct caps_row *row = &caps_rows[_i];
    struct flare_error why = {.code = 0};
    struct flare__backend *b = NULL;

    ck_assert_int_eq(open_with(&b, row->denied, &why), row->rc);
    if (row->rc < 0) {
        ck_assert_ptr_null(b);
        ck_assert_int_eq(why.code, row->rc);
        ck_assert_ptr_nonnull(strstr(why.text, "denied"));
        return;
    }
    ck_assert_uint_eq(flare__backend_uring.caps(b) & row->denied, 0);
    ck_assert_int_eq(echo_works(b), 0);
    flare__backend_uring.free(b);
}
END_TEST

static const struct config_row {
    const char *name;
    uint32_t queue, bytes, count;
} config_rows[] = {
    {"queue", 100, 0, 0},
    {"bytes", 0, 1000, 0},
    {"count", 0, 0, 12},
    {"more leases than the kernel has numbers", 0, 0, 65536},
};

START_TEST(test_a_faulty_configuration_is_refused)
{
    const struct config_row *row = &config_rows[_i];
    const struct flare__backend_config config = {
        .al = &flare__allocator_default,
        .log = &silent,
        .queue_entries = row->queue,
        .lease_bytes = row->bytes,
        .lease_count = row->count,
    };
    struct flare_error why = {.code = 0};
    struct flare__backend *b = NULL;

    ck_assert_msg(flare__backend_uring.open(&b, &config, &why) == -EINVAL, "%s",
                  row->name);
    ck_assert_int_eq(why.code, -EINVAL);
}
END_TEST

static int open_and_free(struct fault *f, void *ctx)
{
    const struct flare__backend_config config = {.al = &f->al, .log = &silent};
    struct flare__backend *b = NULL;
    int rc = flare__backend_uring.open(&b, &config, NULL);

    (void)ctx;
    if (rc < 0)
        return rc;
    flare__backend_uring.free(b);
    return 0;
}

START_TEST(test_open_survives_every_allocation_that_fails)
{
    (void)fault_each("uring open", open_and_free, NULL);
}
END_TEST

/* ---- limits */

struct limit_case {
    rlim_t bytes;
    bool can_fail; /* nothing fits, where rings are charged */
};

/* As a user who is charged for what root is not. */
static int with_memlock(void *ctx)
{
    const struct limit_case *c = ctx;
    struct rlimit limit = {.rlim_cur = c->bytes, .rlim_max = c->bytes};
    struct flare_error why = {.code = 0};
    struct flare__backend *b = NULL;
    int rc;

    CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    if (getuid() == 0)
        CHILD_CHECK(setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
                    setresuid(NOBODY, NOBODY, NOBODY) == 0);
    rc = open_with(&b, 0, &why);
    if (rc == 0) {
        CHILD_CHECK(echo_works(b) == 0);
        printf("memlock %llu: queue of %u, %u leases\n",
               (unsigned long long)c->bytes, b->ring.sq.ring_entries,
               b->leases.count);
        (void)fflush(stdout);
        flare__backend_uring.free(b);
        return 0;
    }
    CHILD_CHECK(c->can_fail && rc == -ENOMEM);
    CHILD_CHECK(strstr(why.text, "RLIMIT_MEMLOCK") != NULL);
    return 0;
}

static const struct limit_case limit_cases[] = {
    {0, true},          {4096, true},       {16 << 10, true},
    {28 << 10, false},  {36 << 10, false},  {52 << 10, false},
    {100 << 10, false}, {256 << 10, false},
};

START_TEST(test_I20_little_memlock_gives_a_smaller_ring_or_a_reason)
{
    const struct limit_case *c = &limit_cases[_i];

    ck_assert_msg(in_child(with_memlock, (void *)c) == 0, "%llu bytes",
                  (unsigned long long)c->bytes);
}
END_TEST

/* With `more` descriptors above those that are open. */
static int with_descriptors(void *ctx)
{
    const int *more = ctx;
    struct flare_error why = {.code = 0};
    struct flare__backend *b = NULL;
    int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
    struct rlimit limit = {.rlim_cur = (rlim_t)(next + *more),
                           .rlim_max = 1024};
    int after;
    int rc;

    CHILD_CHECK(next >= 0 && close(next) == 0);
    CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    rc = open_with(&b, 0, &why);
    if (rc < 0)
        CHILD_CHECK(rc == -EMFILE && why.code == rc && b == NULL);
    else
        flare__backend_uring.free(b);
    limit.rlim_cur = 1024;
    CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    after = fcntl(0, F_DUPFD_CLOEXEC, 0);
    CHILD_CHECK(after == next); /* none is left behind */
    return rc < 0 ? 10 : 0;
}

START_TEST(test_little_nofile_gives_a_reason_and_leaves_nothing_open)
{
    int status = in_child(with_descriptors, &_i);

    ck_assert_msg(status == 10 || (_i > 0 && status == 0), "%d", status);
}
END_TEST

/* R08 on a ring: no spin, and it goes on when descriptors are back. */
static int accept_without_descriptors(void *ctx)
{
    struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024};
    struct rig rig;
    struct rig_sock s;
    int peer;

    (void)ctx;
    rig_open(&rig, 0, 0, 0);
    rig_listen(&rig, &s);
    peer = rig_dial(&s);
    limit.rlim_cur = (rlim_t)(peer + 1);
    CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    rig_accept(&s); /* the kernel reads the limit now */
    for (int i = 0; i < 100 && s.is_accepting; i++)
        (void)rig_turn(&rig, 2);
    CHILD_CHECK(!s.is_accepting && s.accept_res == -EMFILE);
    CHILD_CHECK(rig_turn(&rig, 20) == 0);
    limit.rlim_cur = 1024;
    CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    rig_accept(&s);
    for (int i = 0; i < 100 && s.accepted == 0; i++)
        (void)rig_turn(&rig, 2);
    CHILD_CHECK(s.accepted == 1);
    return 0;
}

START_TEST(test_R08_accept_without_descriptors_ends_and_can_go_on)
{
    ck_assert_int_eq(in_child(accept_without_descriptors, NULL), 0);
}
END_TEST

/* ---- threads, children, exit */

static void *poll_it(void *arg)
{
    struct rig *rig = arg;

    rig->rc = rig->ops->poll(rig->b, rig->events, RIG_BATCH, 0);
    return NULL;
}

START_TEST(test_I15_a_poll_of_another_thread_is_an_error)
{
    struct rig rig;
    pthread_t thread;

    rig_open(&rig, 0, 0, 0);
    (void)rig_turn(&rig, 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, poll_it, &rig), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(rig.rc, -EEXIST);
    rig_close(&rig);
}
END_TEST

enum { WAKES = 2000, WAKERS = 3 };

struct waker {
    struct rig *rig;
    atomic_uint asked; /* grows before each wake */
};

static void *wake_it(void *arg)
{
    struct waker *w = arg;

    for (int i = 0; i < WAKES; i++) {
        atomic_fetch_add(&w->asked, 1);
        w->rig->ops->wake(w->rig->b);
    }
    return NULL;
}

/* After the last wake an event comes that sees all that was done before. */
START_TEST(test_I15_wakes_of_other_threads_are_not_lost)
{
    struct rig rig;
    struct waker w = {.rig = &rig};
    pthread_t threads[WAKERS];
    unsigned seen = 0;
    int turns = 0;

    rig_open(&rig, 0, 0, 0);
    for (int i = 0; i < WAKERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wake_it, &w), 0);
    while (seen < WAKES * WAKERS) {
        int wakes = rig.wakes;

        (void)rig_turn(&rig, 1000);
        ck_assert_int_gt(rig.wakes, wakes); /* woken, not timed out */
        seen = atomic_load(&w.asked);
        turns++;
    }
    for (int i = 0; i < WAKERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    (void)rig_turn(&rig, 0); /* the event of a wake that was seen already */
    ck_assert_int_le(rig.wakes, WAKES * WAKERS);
    rig_close(&rig);
}
END_TEST

START_TEST(test_I17_descriptors_close_on_exec)
{
    struct rig rig;

    rig_open(&rig, 0, 0, 0);
    ck_assert(fcntl(rig.b->ring.ring_fd, F_GETFD) & FD_CLOEXEC);
    ck_assert(fcntl(rig.b->wake_fd, F_GETFD) & FD_CLOEXEC);
    rig_close(&rig);
}
END_TEST

static int touch(void *ctx)
{
    struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    volatile uint8_t *byte = ctx;

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer would report and exit */
    return *byte == 0 ? 1 : 2;
}

START_TEST(test_I17_a_forked_child_has_neither_ring_nor_leases)
{
    struct rig rig;

    rig_open(&rig, 0, 0, 0);
    ck_assert_int_eq(in_child(touch, rig.b->leases.ring), -SIGSEGV);
    ck_assert_int_eq(in_child(touch, rig.b->ring.sq.sqes), -SIGSEGV);
    ck_assert_int_eq(in_child(touch, rig.b->ring.cq.khead), -SIGSEGV);
    rig_close(&rig);
}
END_TEST

/* K18: a child of a process with a ring goes its way, and so does the ring. */
static int leave_alone(void *ctx)
{
    (void)ctx;
    return 7;
}

START_TEST(test_K18_a_child_leaves_the_ring_alone)
{
    struct rig rig;
    struct rig_sock s;

    rig_open(&rig, 0, 0, 0);
    rig_pair(&rig, &s);
    rig_recv(&s);
    (void)rig_turn(&rig, 0);
    ck_assert_int_eq(in_child(leave_alone, NULL), 7);
    rig_peer_write(s.peer, "x", 1);
    RIG_UNTIL(&rig, s.recv_bytes == 1);
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    (void)close(s.peer);
    rig_close(&rig);
}
END_TEST

static int exit_in_the_middle(void *ctx)
{
    static struct rig_sock socks[8];
    static uint8_t data[1 << 20];
    const struct iovec iov = {data, sizeof(data)};
    struct rig rig;

    (void)ctx;
    rig_open(&rig, 0, 4, 0);
    for (int i = 0; i < 8; i++) {
        rig_pair(&rig, &socks[i]);
        rig_recv(&socks[i]);
        rig_send(&socks[i], &iov, 1);
        rig_peer_write(socks[i].peer, data, 1000);
    }
    (void)rig_turn(&rig, 0);
    return 7;
}

START_TEST(test_I18_exit_with_operations_in_flight)
{
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(in_child(exit_in_the_middle, NULL), 7);
}
END_TEST

int main(void)
{
    Suite *suite;
    TCase *tcase;

    if (!rig_is_here())
        return 77;
    suite = suite_create("backends/uring_open");
    tcase = tcase_create("features");
    tcase_add_test(tcase, test_I13_I16_I21_what_is_not_used_is_not_offered);
    tcase_add_loop_test(tcase,
                        test_I19_a_denied_feature_is_done_without_or_refused, 0,
                        ROWS(caps_rows));
    tcase_add_loop_test(tcase, test_a_faulty_configuration_is_refused, 0,
                        ROWS(config_rows));
    tcase_add_test(tcase, test_open_survives_every_allocation_that_fails);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("limits");
    tcase_add_loop_test(
        tcase, test_I20_little_memlock_gives_a_smaller_ring_or_a_reason, 0,
        ROWS(limit_cases));
    tcase_add_loop_test(
        tcase, test_little_nofile_gives_a_reason_and_leaves_nothing_open, 0, 6);
    tcase_add_test(tcase,
                   test_R08_accept_without_descriptors_ends_and_can_go_on);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("processes");
    tcase_add_test(tcase, test_I15_a_poll_of_another_thread_is_an_error);
    tcase_add_test(tcase, test_I15_wakes_of_other_threads_are_not_lost);
    tcase_add_test(tcase, test_I17_descriptors_close_on_exec);
    tcase_add_test(tcase, test_I17_a_forked_child_has_neither_ring_nor_leases);
    tcase_add_test(tcase, test_K18_a_child_leaves_the_ring_alone);
    tcase_add_test(tcase, test_I18_exit_with_operations_in_flight);
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}
