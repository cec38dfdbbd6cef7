/* SPDX-License-Identifier: MIT */
/* Timers of the user, on every backend; on the simulated one to the
 * millisecond. */
#include <flare/timer.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/clock.h"
#include "tests/support/fault.h"
#include "tests/support/loop_rig.h"
#include "tests/support/test.h"

#include <errno.h>

#define MS UINT64_C(1000000)

struct told {
    struct loop_rig rig;
    flare_timer *timer;
    flare_timer *other;
    uint64_t at_ns[8];
    uint32_t count;
    uint32_t most; /* stopped, or freed, by its own callback then; 0: never */
    bool is_freed;
};

static void on_timer(flare_timer *timer, void *ctx)
{
    struct told *t = ctx;

    ck_assert_ptr_eq(timer, t->timer);
    if (t->count < ROWS(t->at_ns))
        t->at_ns[t->count] = t->rig.loop->ops->now(t->rig.loop->backend);
    t->count++;
    if (t->count != t->most)
        return;
    if (t->is_freed)
        flare_timer_free(timer);
    else
        flare_timer_stop(timer);
}

static bool told_open(struct told *t, int backend)
{
    *t = (struct told){.count = 0};
    if (!loop_rig_open(&t->rig, backend))
        return false;
    ck_assert_int_eq(flare_timer_new(t->rig.loop, &t->timer, on_timer, t), 0);
    return true;
}

START_TEST(test_user_timer_is_never_early_even_by_a_nanosecond)
{
    struct told t;
    uint64_t start_ns;

    if (!told_open(&t, _i))
        return;
    for (uint64_t delay_ms = 0; delay_ms < 4; delay_ms++) {
        t.count = 0;
        start_ns = t.rig.loop->ops->now(t.rig.loop->backend);
        flare_timer_start(t.timer, delay_ms, 0);
        ck_assert(flare_timer_is_armed(t.timer));
        ck_assert_int_eq(flare_loop_run(t.rig.loop), 0); /* ends by itself */
        ck_assert_uint_eq(t.count, 1);
        ck_assert_uint_ge(t.at_ns[0], start_ns + delay_ms * MS);
        ck_assert(!flare_timer_is_armed(t.timer));
    }
    loop_rig_close(&t.rig);
}
END_TEST

START_TEST(test_user_timer_counts_from_the_call_not_from_the_turn)
{
    struct told t;
    uint64_t start_ns;

    if (!told_open(&t, LOOP_RIG_EPOLL))
        return;
    start_ns = flare__clock_monotonic();
    while (flare__clock_monotonic() < start_ns + 20 * MS)
        ; /* the loop's time is that old now */
    start_ns = flare__clock_monotonic();
    flare_timer_start(t.timer, 10, 0);
    ck_assert_int_eq(flare_loop_run(t.rig.loop), 0);
    ck_assert_uint_ge(t.at_ns[0], start_ns + 10 * MS);
    loop_rig_close(&t.rig);
}
END_TEST

START_TEST(test_user_timer_with_an_interval_keeps_its_beat_until_stopped)
{
    struct told t;
    uint64_t start_ns;

    if (!told_open(&t, LOOP_RIG_SIM))
        return;
    t.most = 4;
    start_ns = t.rig.loop->now_ns;
    flare_timer_start(t.timer, 3, 10);
    ck_assert_int_eq(flare_loop_run(t.rig.loop), 0);
    ck_assert_uint_eq(t.count, 4);
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_uint_eq(t.at_ns[i], start_ns + (3 + 10 * i) * MS);
    loop_rig_close(&t.rig);
}
END_TEST

/* A turn that takes `missed` ms of virtual time, by moving the wheel's. */
START_TEST(test_user_timer_tells_missed_beats_once_and_stays_in_step)
{
    struct told t;
    uint64_t start_ms;

    if (!told_open(&t, LOOP_RIG_SIM))
        return;
    start_ms = t.rig.loop->now_ms;
    flare_timer_start(t.timer, 10, 10);
    t.rig.loop->now_ms = start_ms + 47; /* it was busy */
    ck_assert_uint_eq(
        flare__wheel_advance(&t.rig.loop->wheel, t.rig.loop->now_ms), 1);
    ck_assert_uint_eq(t.count, 1);
    ck_assert_uint_eq(flare__wheel_next(&t.rig.loop->wheel), start_ms + 50);
    loop_rig_close(&t.rig);
}
END_TEST

START_TEST(test_user_timer_started_again_forgets_the_time_before)
{
    struct told t;
    uint64_t start_ns;

    if (!told_open(&t, LOOP_RIG_SIM))
        return;
    start_ns = t.rig.loop->now_ns;
    flare_timer_start(t.timer, 5, 1);
    flare_timer_start(t.timer, 50, 0);
    ck_assert_int_eq(flare_loop_run(t.rig.loop), 0);
    ck_assert_uint_eq(t.count, 1);
    ck_assert_uint_eq(t.at_ns[0], start_ns + 50 * MS);
    loop_rig_close(&t.rig);
}
END_TEST

START_TEST(test_user_timer_stopped_is_not_told_and_holds_no_loop)
{
    struct told t;

    if (!told_open(&t, _i))
        return;
    flare_timer_stop(t.timer); /* not armed: nothing */
    flare_timer_start(t.timer, 1, 0);
    flare_timer_stop(t.timer);
    ck_assert_int_eq(flare_loop_run(t.rig.loop), 0);
    ck_assert_uint_eq(t.count, 0);
    loop_rig_close(&t.rig); /* frees it too */
}
END_TEST

START_TEST(test_user_timer_may_be_freed_by_its_own_callback)
{
    struct told t;

    for (uint32_t most = 1; most < 3; most++) {
        if (!told_open(&t, _i))
            return;
        t.most = most;
        t.is_freed = true;
        flare_timer_start(t.timer, 1, most == 1 ? 0 : 1);
        ck_assert_int_eq(flare_loop_run(t.rig.loop), 0);
        ck_assert_uint_eq(t.count, most);
        ck_assert_uint_eq(t.rig.loop->resident_count, 0);
        loop_rig_close(&t.rig);
    }
}
END_TEST

static void on_free_other(flare_timer *timer, void *ctx)
{
    struct told *t = ctx;

    (void)timer;
    t->count++;
    flare_timer_free(t->timer == timer ? t->other : t->timer);
    t->timer = NULL;
}

START_TEST(test_user_timer_may_free_another_that_is_due_in_the_same_tick)
{
    struct told t = {.count = 0};

    if (!loop_rig_open(&t.rig, LOOP_RIG_SIM))
        return;
    ck_assert_int_eq(flare_timer_new(t.rig.loop, &t.timer, on_free_other, &t),
                     0);
    ck_assert_int_eq(flare_timer_new(t.rig.loop, &t.other, on_free_other, &t),
                     0);
    flare_timer_start(t.timer, 5, 0);
    flare_timer_start(t.other, 5, 0);
    ck_assert_int_eq(flare_loop_run(t.rig.loop), 0);
    ck_assert_uint_eq(t.count, 1);
    loop_rig_close(&t.rig);
}
END_TEST

START_TEST(test_user_timer_beyond_any_time_never_comes)
{
    static const uint64_t delays[] = {UINT64_MAX, UINT64_MAX - 1,
                                      UINT64_MAX / 1000000, (uint64_t)1 << 42};
    struct told t;

    if (!told_open(&t, LOOP_RIG_EPOLL))
        return;
    for (int i = 0; i < ROWS(delays); i++) {
        flare_timer_start(t.timer, delays[i], delays[i]);
        ck_assert_int_eq(flare_loop_run_once(t.rig.loop, 0), 1);
        ck_assert_int_eq(flare_loop_run_once(t.rig.loop, 1), 1);
        ck_assert(flare_timer_is_armed(t.timer));
    }
    ck_assert_uint_eq(t.count, 0);
    loop_rig_close(&t.rig);
}
END_TEST

/* ---- many */

enum { MANY = 50000 };

struct many {
    struct loop_rig rig;
    flare_timer *timers[MANY];
    uint64_t due_ns[MANY];
    uint64_t last_ns;
    uint32_t fired;
};

static void on_one_of_many(flare_timer *timer, void *ctx)
{
    struct many *m = ctx;
    uint64_t now_ns = flare_loop_now_ns(m->rig.loop);

    (void)timer;
    ck_assert_uint_ge(now_ns, m->last_ns);
    m->last_ns = now_ns;
    m->fired++;
}

START_TEST(test_user_timer_fifty_thousand_armed_and_half_of_them_cancelled)
{
    struct many *m = calloc(1, sizeof(*m));
    struct flare_loop_stats stats;

    ck_assert_ptr_nonnull(m);
    if (!loop_rig_open(&m->rig, _i)) {
        free(m);
        return;
    }
    for (uint32_t i = 0; i < MANY; i++) {
        ck_assert_int_eq(
            flare_timer_new(m->rig.loop, &m->timers[i], on_one_of_many, m), 0);
        flare_timer_start(m->timers[i], i * 7919u % 50, 0);
    }
    for (uint32_t i = 0; i < MANY; i += 2)
        flare_timer_stop(m->timers[i]);
    flare_loop_stats(m->rig.loop, &stats);
    ck_assert_uint_eq(stats.timers_armed, MANY / 2);
    ck_assert_uint_eq(stats.open, MANY / 2);
    ck_assert_int_eq(flare_loop_run(m->rig.loop), 0);
    ck_assert_uint_eq(m->fired, MANY / 2);
    flare_loop_stats(m->rig.loop, &stats);
    ck_assert_uint_eq(stats.timers_fired, MANY / 2);
    ck_assert_uint_eq(stats.timers_armed, 0);
    for (uint32_t i = 0; i < MANY; i += 3)
        flare_timer_free(m->timers[i]);
    loop_rig_close(&m->rig); /* the others with it */
    free(m);
}
END_TEST

/* ---- no memory, no loop */

static int scenario(struct fault *f, void *ctx)
{
    struct loop_rig rig;
    flare_timer *timers[3];
    int rc = loop_rig_try(&rig, *(const int *)ctx, &f->al);

    if (rc < 0)
        return rc;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = flare_timer_new(rig.loop, &timers[i], on_one_of_many, NULL);
        if (rc >= 0)
            flare_timer_start(timers[i], 1000, 0);
    }
    loop_rig_close(&rig);
    return rc;
}

START_TEST(test_user_timer_survives_every_allocation_failure)
{
    int backend = LOOP_RIG_SIM;

    ck_assert_uint_ge(fault_each("timer", scenario, &backend).sites, 3);
}
END_TEST

START_TEST(test_user_timer_is_refused_by_a_loop_that_ends)
{
    struct told t;
    flare_timer *timer;

    if (!told_open(&t, LOOP_RIG_SIM))
        return;
    flare_timer_free(t.timer);
    flare_timer_free(NULL);
    ck_assert_int_eq(flare__loop_evict(t.rig.loop), 0);
    ck_assert_int_eq(flare_timer_new(t.rig.loop, &timer, on_timer, &t),
                     FLARE_E_STOPPED);
    loop_rig_close(&t.rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/user_timer");
    TCase *t = tcase_create("timer");

    tcase_add_loop_test(t, test_user_timer_is_never_early_even_by_a_nanosecond,
                        0, LOOP_RIG_BACKENDS);
    tcase_add_test(t, test_user_timer_counts_from_the_call_not_from_the_turn);
    tcase_add_test(
        t, test_user_timer_with_an_interval_keeps_its_beat_until_stopped);
    tcase_add_test(t,
                   test_user_timer_tells_missed_beats_once_and_stays_in_step);
    tcase_add_test(t, test_user_timer_started_again_forgets_the_time_before);
    tcase_add_loop_test(t,
                        test_user_timer_stopped_is_not_told_and_holds_no_loop,
                        0, LOOP_RIG_BACKENDS);
    tcase_add_loop_test(t, test_user_timer_may_be_freed_by_its_own_callback, 0,
                        LOOP_RIG_BACKENDS);
    tcase_add_test(
        t, test_user_timer_may_free_another_that_is_due_in_the_same_tick);
    tcase_add_test(t, test_user_timer_beyond_any_time_never_comes);
    tcase_add_loop_test(
        t, test_user_timer_fifty_thousand_armed_and_half_of_them_cancelled, 0,
        LOOP_RIG_BACKENDS);
    tcase_add_test(t, test_user_timer_survives_every_allocation_failure);
    tcase_add_test(t, test_user_timer_is_refused_by_a_loop_that_ends);
    suite_add_tcase(s, t);
    return test_run(s);
}
