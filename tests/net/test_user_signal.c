/* SPDX-License-Identifier: MIT */
/* Signals of the user, on every kernel. */
#include <flare/watch.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "tests/support/fault.h"
#include "tests/support/loop_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct got {
    struct loop_rig rig;
    flare_signal *signal;
    int numbers[8];
    int count;
    bool frees;
};

static void on_signal(int number, void *ctx)
{
    struct got *g = ctx;

    if (g->count < ROWS(g->numbers))
        g->numbers[g->count] = number;
    g->count++;
    if (g->frees)
        flare_signal_free(g->signal);
}

static bool is_blocked(int number)
{
    sigset_t mask;

    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    return sigismember(&mask, number) == 1;
}

static bool got_open(struct got *g, int backend, int number)
{
    *g = (struct got){.count = 0};
    if (!loop_rig_open(&g->rig, backend))
        return false;
    ck_assert_int_eq(
        flare_signal_new(g->rig.loop, &g->signal, number, on_signal, g), 0);
    return true;
}

START_TEST(test_user_signal_is_told_on_the_loop_each_time)
{
    struct got g;

    if (!got_open(&g, _i, SIGUSR1))
        return;
    ck_assert(is_blocked(SIGUSR1));
    for (int i = 1; i < 4; i++) {
        ck_assert_int_eq(raise(SIGUSR1), 0);
        ck_assert_int_eq(g.count, i - 1); /* not before a turn */
        LOOP_RIG_UNTIL(&g.rig, g.count == i);
        ck_assert_int_eq(g.numbers[i - 1], SIGUSR1);
    }
    flare_signal_free(g.signal);
    ck_assert(!is_blocked(SIGUSR1));
    ck_assert_int_eq(flare_loop_run(g.rig.loop), 0); /* nothing is open */
    loop_rig_close(&g.rig);
}
END_TEST

START_TEST(test_user_signal_several_each_by_its_number)
{
    struct got g;
    flare_signal *other;

    if (!got_open(&g, _i, SIGUSR1))
        return;
    ck_assert_int_eq(
        flare_signal_new(g.rig.loop, &other, SIGHUP, on_signal, &g), 0);
    ck_assert_int_eq(raise(SIGHUP), 0);
    LOOP_RIG_UNTIL(&g.rig, g.count == 1);
    ck_assert_int_eq(g.numbers[0], SIGHUP);
    flare_signal_free(other);
    ck_assert(is_blocked(SIGUSR1)); /* the other one's business */
    ck_assert(!is_blocked(SIGHUP));
    ck_assert_int_eq(raise(SIGUSR1), 0);
    LOOP_RIG_UNTIL(&g.rig, g.count == 2);
    ck_assert_int_eq(g.numbers[1], SIGUSR1);
    loop_rig_close(&g.rig);
    ck_assert(!is_blocked(SIGUSR1)); /* freeing the loop is freeing it */
}
END_TEST

START_TEST(test_user_signal_tells_of_a_child)
{
    struct got g;
    pid_t child;
    int status;

    if (!got_open(&g, _i, SIGCHLD))
        return;
    child = fork();
    if (child == 0)
        _exit(7); /* FAILURES K18: it leaves the loop alone */
    ck_assert_int_gt(child, 0);
    LOOP_RIG_UNTIL(&g.rig, g.count == 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 7);
    loop_rig_close(&g.rig);
}
END_TEST

START_TEST(test_user_signal_may_be_freed_in_its_callback)
{
    struct got g;

    if (!got_open(&g, _i, SIGUSR2))
        return;
    g.frees = true;
    ck_assert_int_eq(raise(SIGUSR2), 0);
    ck_assert_int_eq(flare_loop_run(g.rig.loop), 0);
    ck_assert_int_eq(g.count, 1);
    ck_assert_uint_eq(g.rig.loop->resident_count, 0);
    loop_rig_close(&g.rig);
}
END_TEST

START_TEST(test_user_signal_blocked_before_stays_blocked)
{
    struct got g;
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    if (!got_open(&g, _i, SIGUSR1))
        return;
    loop_rig_close(&g.rig);
    ck_assert(is_blocked(SIGUSR1));
    ck_assert_int_eq(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
}
END_TEST

START_TEST(test_user_signal_refuses_what_cannot_wait)
{
    static const int numbers[] = {0,       -1,     100000, SIGKILL, SIGSTOP,
                                  SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct got g;

    if (!got_open(&g, LOOP_RIG_EPOLL, SIGUSR1))
        return;
    for (int i = 0; i < ROWS(numbers); i++) {
        flare_signal *none;

        ck_assert_int_eq(
            flare_signal_new(g.rig.loop, &none, numbers[i], on_signal, &g),
            -EINVAL);
    }
    flare_signal_free(NULL);
    flare_signal_free(g.signal);
    loop_rig_close(&g.rig);
}
END_TEST

START_TEST(test_user_signal_R08_without_a_descriptor_the_mask_is_as_before)
{
    struct got g;
    flare_signal *none;
    struct rlimit before;
    struct rlimit limit;

    if (!got_open(&g, LOOP_RIG_EPOLL, SIGUSR1))
        return;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(
        flare_signal_new(g.rig.loop, &none, SIGUSR2, on_signal, &g), -EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert(!is_blocked(SIGUSR2));
    loop_rig_close(&g.rig);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct got g = {.count = 0};
    int rc = loop_rig_try(&g.rig, *(const int *)ctx, &f->al);

    if (rc < 0)
        return rc;
    rc = flare_signal_new(g.rig.loop, &g.signal, SIGUSR1, on_signal, &g);
    loop_rig_close(&g.rig);
    ck_assert(!is_blocked(SIGUSR1));
    return rc;
}

START_TEST(test_user_signal_survives_every_allocation_failure)
{
    struct loop_rig rig;

    if (!loop_rig_open(&rig, _i))
        return;
    loop_rig_close(&rig);
    ck_assert_uint_ge(fault_each("signal", scenario, &_i).sites, 3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/user_signal");
    TCase *t = tcase_create("signal");

#define ON_EACH(test) tcase_add_loop_test(t, test, 0, LOOP_RIG_KERNELS)
    ON_EACH(test_user_signal_is_told_on_the_loop_each_time);
    ON_EACH(test_user_signal_several_each_by_its_number);
    ON_EACH(test_user_signal_tells_of_a_child);
    ON_EACH(test_user_signal_may_be_freed_in_its_callback);
    ON_EACH(test_user_signal_blocked_before_stays_blocked);
    ON_EACH(test_user_signal_survives_every_allocation_failure);
#undef ON_EACH
    tcase_add_test(t, test_user_signal_refuses_what_cannot_wait);
    tcase_add_test(
        t, test_user_signal_R08_without_a_descriptor_the_mask_is_as_before);
    suite_add_tcase(s, t);
    return test_run(s);
}
