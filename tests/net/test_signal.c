/* SPDX-License-Identifier: MIT */
/* Signals as events, on each backend this machine has. */
#include "net/signal.h"

#include "base/alloc.h"
#include "net/choose.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *const backends[] = {
    "uring",
    "epoll",
#ifdef FLARE_HAVE_KQUEUE
    "kqueue",
#endif
};

static int got[8];
static int got_count;

static void on_signal(int signal_number, void *ctx)
{
    ck_assert_ptr_eq(ctx, got);
    if (got_count < ROWS(got))
        got[got_count++] = signal_number;
}

/* NULL: no such backend here, or no memory. */
static struct flare_loop *loop_new(const char *backend,
                                   const struct flare_allocator *al)
{
    struct flare__backend_config bc = {.al = al};
    struct flare__loop_config lc = {.al = al};
    struct flare_loop *loop = NULL;

    if (flare__backend_choose(&lc.ops, &lc.backend, backend, &bc, NULL) < 0)
        return NULL;
    if (flare__loop_open(&loop, &lc) < 0)
        lc.ops->free(lc.backend);
    return loop;
}

static void turn_until(struct flare_loop *loop, const bool *is_open, int count)
{
    while (*is_open && got_count < count)
        ck_assert_int_eq(flare__loop_turn(loop, UINT64_MAX), 0);
}

static void close_signals(struct flare_loop *loop, struct flare__signals *s)
{
    flare__signals_close(s);
    turn_until(loop, &s->is_open, INT32_MAX);
}

START_TEST(test_signal_each_comes_once_also_those_from_before)
{
    struct fault f;
    struct flare__signals s = {.is_open = false};
    struct flare_loop *loop;

    fault_init(&f, FAULT_NEVER, 0);
    loop = loop_new(backends[_i], &f.al);
    if (loop == NULL)
        TEST_SKIP("no backend %s here", backends[_i]);
    got_count = 0;
    ck_assert_int_eq(flare__signals_block(&s), 0);
    (void)raise(SIGTERM); /* FAILURES M02: during the start */
    ck_assert_int_eq(flare__signals_open(&s, loop, on_signal, got), 0);
    turn_until(loop, &s.is_open, 1);
    ck_assert_int_eq(got[0], SIGTERM);
    (void)raise(SIGINT);
    turn_until(loop, &s.is_open, 2);
    ck_assert_int_eq(got[1], SIGINT);
    (void)raise(SIGTERM); /* and a second time */
    turn_until(loop, &s.is_open, 3);
    ck_assert_int_eq(got_count, 3);
    close_signals(loop, &s);
    flare__signals_close(&s); /* a second time is nothing */
    flare__signals_unblock(&s);
    flare__loop_free(loop);
    fault_fini(&f, "signal");
}
END_TEST

START_TEST(test_signal_the_mask_is_as_it_was)
{
    struct flare__signals s = {.is_open = false};
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGTERM);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &mask, NULL), 0);
    ck_assert_int_eq(flare__signals_block(&s), 0);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    ck_assert(sigismember(&mask, SIGINT) == 1);
    flare__signals_unblock(&s);
    flare__signals_unblock(&s); /* a second time is nothing */
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    ck_assert(sigismember(&mask, SIGTERM) == 1);
    ck_assert(sigismember(&mask, SIGINT) == 0);
}
END_TEST

START_TEST(test_signal_R08_without_a_descriptor_it_does_not_open)
{
    struct flare__signals s = {.is_open = false};
    struct flare_loop *loop = loop_new("epoll", &flare__allocator_default);
    struct rlimit before;
    struct rlimit none;

    if (loop == NULL)
        TEST_SKIP("no backend epoll here");
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    ck_assert_int_eq(flare__signals_block(&s), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(flare__signals_open(&s, loop, on_signal, got), -EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert(!s.is_open);
    flare__signals_unblock(&s);
    flare__loop_free(loop);
}
END_TEST

static int scenario_signals(struct fault *f, void *ctx)
{
    struct flare__signals s = {.is_open = false};
    struct flare_loop *loop = loop_new(ctx, &f->al);
    int rc;

    if (loop == NULL)
        return -ENOMEM;
    ck_assert_int_eq(flare__signals_block(&s), 0);
    rc = flare__signals_open(&s, loop, on_signal, got);
    close_signals(loop, &s);
    flare__signals_unblock(&s);
    flare__loop_free(loop);
    return rc;
}

START_TEST(test_signal_survives_every_allocation_failure)
{
    static char epoll[] = "epoll";

    (void)fault_each("signal", scenario_signals, epoll);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/signal");
    TCase *t = tcase_create("signal");

    tcase_add_loop_test(t, test_signal_each_comes_once_also_those_from_before,
                        0, ROWS(backends));
    tcase_add_test(t, test_signal_the_mask_is_as_it_was);
    tcase_add_test(t, test_signal_R08_without_a_descriptor_it_does_not_open);
    tcase_add_test(t, test_signal_survives_every_allocation_failure);
    suite_add_tcase(s, t);
    return test_run(s);
}
