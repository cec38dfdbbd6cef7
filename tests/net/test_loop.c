/* SPDX-License-Identifier: MIT */
/* On the simulated backend: time is virtual, nothing sleeps. */
#include "net/loop.h"

#include "backends/sim.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define MS UINT64_C(1000000)

static struct flare__sim *world;

static struct flare_loop *loop_new(const struct flare_allocator *al)
{
    struct flare__backend_config bc = {.al = al, .sim = world};
    struct flare__loop_config lc = {.ops = &flare__backend_sim, .al = al};
    struct flare_loop *loop = NULL;

    if (lc.ops->open(&lc.backend, &bc, NULL) < 0)
        return NULL;
    if (flare__loop_open(&loop, &lc) < 0)
        lc.ops->free(lc.backend);
    return loop;
}

static void world_new(void)
{
    world = flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    ck_assert_ptr_nonnull(world);
}

static void world_free(void)
{
    flare__sim_free(world);
}

struct noted {
    struct flare__task task;
    struct flare__timer timer;
    struct flare_loop *loop;
    struct flare__task *cancels;
    char name;
    bool is_again;
};

static char order[64];

static void note(char name)
{
    size_t n = strlen(order);

    order[n] = name;
    order[n + 1] = '\0';
}

static void on_task(struct flare__task *task)
{
    struct noted *n = FLARE_CONTAINER_OF(task, struct noted, task);

    note(n->name);
    if (n->cancels != NULL)
        flare__loop_task_cancel(n->loop, n->cancels);
    if (n->is_again) {
        n->is_again = false;
        flare__loop_task(n->loop, task, on_task);
    }
}

static void on_timer(struct flare__timer *timer)
{
    struct noted *n = FLARE_CONTAINER_OF(timer, struct noted, timer);

    note(n->name);
    flare__loop_task(n->loop, &n->task, on_task);
}

static void turn(struct flare_loop *loop)
{
    ck_assert_int_eq(flare__loop_turn(loop, loop->now_ns + 1000 * MS), 0);
}

START_TEST(test_loop_tasks_run_in_order_once_and_a_requeued_one_next_turn)
{
    struct flare_loop *loop = loop_new(&flare__allocator_default);
    struct noted a = {.loop = loop, .name = 'a', .is_again = true};
    struct noted b = {.loop = loop, .name = 'b'};

    order[0] = '\0';
    flare__loop_task(loop, &a.task, on_task);
    flare__loop_task(loop, &b.task, on_task);
    flare__loop_task(loop, &a.task, on_task);
    turn(loop);
    ck_assert_str_eq(order, "ab");
    turn(loop);
    ck_assert_str_eq(order, "aba");
    turn(loop);
    ck_assert_str_eq(order, "aba");
    flare__loop_free(loop);
}
END_TEST

START_TEST(test_loop_a_cancelled_task_does_not_run_wherever_it_stands)
{
    struct flare_loop *loop = loop_new(&flare__allocator_default);
    struct noted n[4];

    for (int victim = 1; victim < 4; victim++) {
        order[0] = '\0';
        for (int i = 0; i < 4; i++) {
            n[i] = (struct noted){.loop = loop, .name = (char)('0' + i)};
            flare__loop_task(loop, &n[i].task, on_task);
        }
        n[0].cancels = &n[victim].task;
        turn(loop);
        ck_assert_uint_eq(strlen(order), 3);
        ck_assert_ptr_null(strchr(order, '0' + victim));
        flare__loop_task(loop, &n[3].task, on_task); /* the queue is whole */
        turn(loop);
        ck_assert_uint_eq(strlen(order), 4);
    }
    flare__loop_free(loop);
}
END_TEST

START_TEST(test_loop_waits_for_the_next_timer_and_is_never_early)
{
    struct flare_loop *loop = loop_new(&flare__allocator_default);
    struct noted a = {.loop = loop, .name = 't'};
    uint64_t start_ms = loop->now_ms;

    order[0] = '\0';
    flare__wheel_start(&loop->wheel, &a.timer, start_ms + 7, on_timer);
    while (order[0] == '\0')
        turn(loop);
    ck_assert_uint_eq(loop->now_ms, start_ms + 7);
    ck_assert_str_eq(order, "tt"); /* its task ran in the same turn */
    flare__loop_free(loop);
}
END_TEST

START_TEST(test_loop_does_not_wait_longer_than_it_may)
{
    struct flare_loop *loop = loop_new(&flare__allocator_default);
    struct noted a = {.loop = loop, .name = 't'};
    uint64_t start_ns = loop->now_ns;

    flare__wheel_start(&loop->wheel, &a.timer, loop->now_ms + 70, on_timer);
    ck_assert_int_eq(flare__loop_turn(loop, start_ns + 3 * MS), 0);
    ck_assert_uint_eq(loop->now_ns, start_ns + 3 * MS);
    flare__wheel_stop(&loop->wheel, &a.timer);
    flare__loop_free(loop);
}
END_TEST

static void on_post(void *ctx)
{
    note(*(char *)ctx);
}

/* What another loop on this thread sees, and what is left after it. */
static void on_inner(void *ctx)
{
    *(bool *)ctx = flare__loop_is_in_callback();
}

static void on_outer(void *ctx)
{
    struct flare_loop *inner = loop_new(&flare__allocator_default);
    bool *seen = ctx;

    seen[0] = flare__loop_is_in_callback();
    ck_assert_int_eq(flare_loop_post(inner, on_inner, &seen[1]), 0);
    turn(inner);
    seen[2] = flare__loop_is_in_callback();
    flare__loop_free(inner);
}

START_TEST(test_loop_a_thread_knows_when_a_callback_runs)
{
    struct flare_loop *loop = loop_new(&flare__allocator_default);
    bool seen[3] = {false, false, false};

    ck_assert(!flare__loop_is_in_callback());
    ck_assert_int_eq(flare_loop_post(loop, on_outer, seen), 0);
    turn(loop);
    ck_assert(seen[0] && seen[1] && seen[2]);
    ck_assert(!flare__loop_is_in_callback());
    flare__loop_free(loop);
}
END_TEST

START_TEST(test_loop_posted_calls_run_in_order_and_are_bounded)
{
    struct flare_loop *loop = loop_new(&flare__allocator_default);
    char a = 'a';
    char b = 'b';
    int rc = 0;
    int accepted = 0;

    order[0] = '\0';
    ck_assert_int_eq(flare_loop_post(loop, on_post, &a), 0);
    ck_assert_int_eq(flare_loop_post(loop, on_post, &b), 0);
    turn(loop);
    ck_assert_str_eq(order, "ab");
    while (rc == 0) {
        order[0] = '\0';
        rc = flare_loop_post(loop, on_post, &a);
        accepted += rc == 0;
    }
    ck_assert_int_eq(rc, FLARE_E_MAILBOX_FULL);
    ck_assert_int_eq(accepted, 1024);
    for (int i = 0; i < 1024; i++) {
        order[0] = '\0';
        if (flare__mailbox_drain(loop->mailbox, 1) == 0)
            break;
    }
    flare__mailbox_close(loop->mailbox);
    ck_assert_int_eq(flare_loop_post(loop, on_post, &a), FLARE_E_STOPPED);
    ck_assert_str_eq(flare_loop_backend(loop), flare__backend_sim.name);
    flare__loop_free(loop);
}
END_TEST

/* ---- what is open on it ---- */

/* Closes `delay` turns after it was evicted; then it may evict on. */
struct guest {
    struct flare__resident resident;
    struct flare__task task;
    struct flare_loop *loop;
    struct guest *takes_along; /* removed as this one is evicted */
    struct guest *opens;       /* comes as this one leaves */
    int delay;
    int evictions;
    bool is_in;
};

static void guest_leave(struct guest *g);

static void guest_on_task(struct flare__task *task)
{
    struct guest *g = FLARE_CONTAINER_OF(task, struct guest, task);

    if (g->delay-- > 0)
        flare__loop_task(g->loop, task, guest_on_task);
    else
        guest_leave(g);
}

static void guest_evict(struct flare__resident *resident)
{
    struct guest *g = FLARE_CONTAINER_OF(resident, struct guest, resident);

    g->evictions++;
    if (g->takes_along != NULL)
        guest_leave(g->takes_along);
    if (g->delay == 0)
        guest_leave(g);
    else
        flare__loop_task(g->loop, &g->task, guest_on_task);
}

static void guest_come(struct guest *g, struct flare_loop *loop)
{
    g->loop = loop;
    g->is_in = true;
    flare__loop_resident_add(loop, &g->resident, guest_evict);
}

static void guest_leave(struct guest *g)
{
    flare__loop_resident_remove(g->loop, &g->resident);
    g->is_in = false;
    if (g->opens != NULL)
        guest_come(g->opens, g->loop);
}

START_TEST(test_loop_is_busy_for_each_thing_that_will_happen)
{
    struct flare_loop *loop = loop_new(&flare__allocator_default);
    struct guest g = {.delay = 0};
    struct noted n = {.loop = loop, .name = 'n'};
    char a = 'a';

    order[0] = '\0';
    ck_assert(!flare__loop_is_busy(loop));
    guest_come(&g, loop);
    ck_assert(flare__loop_is_busy(loop));
    flare__loop_resident_rest(loop);
    ck_assert(!flare__loop_is_busy(loop));
    flare__loop_resident_work(loop);
    ck_assert(flare__loop_is_busy(loop));
    guest_leave(&g);
    ck_assert(!flare__loop_is_busy(loop));
    flare__loop_task(loop, &n.task, on_task);
    ck_assert(flare__loop_is_busy(loop));
    turn(loop);
    ck_assert(!flare__loop_is_busy(loop));
    ck_assert_int_eq(flare_loop_post(loop, on_post, &a), 0);
    ck_assert(flare__loop_is_busy(loop));
    turn(loop);
    ck_assert(!flare__loop_is_busy(loop));
    flare__loop_free(loop);
}
END_TEST

START_TEST(test_loop_evicts_each_once_and_turns_until_all_have_left)
{
    struct flare_loop *loop = loop_new(&flare__allocator_default);
    struct guest g[8] = {{.delay = 0}};

    for (int i = 0; i < ROWS(g); i++)
        g[i].delay = i % 3;
    g[7].takes_along = &g[2]; /* not yet evicted: the newest goes first */
    g[6].opens = &g[0];       /* and one that comes meanwhile goes too */
    for (int i = 1; i < ROWS(g); i++)
        guest_come(&g[i], loop);
    ck_assert_int_eq(flare__loop_evict(loop), 0);
    ck_assert(loop->is_ending);
    ck_assert_uint_eq(loop->resident_count, 0);
    for (int i = 0; i < ROWS(g); i++) {
        ck_assert(!g[i].is_in);
        ck_assert_int_eq(g[i].evictions, i != 2);
    }
    ck_assert_int_eq(flare__loop_evict(loop), 0); /* nothing is left */
    flare__loop_free(loop);
}
END_TEST

START_TEST(test_loop_counts_what_its_turns_did)
{
    struct flare_loop *loop = loop_new(&flare__allocator_default);
    struct noted n = {.loop = loop, .name = 'n'};
    char a = 'a';

    order[0] = '\0';
    ck_assert_int_eq(flare_loop_post(loop, on_post, &a), 0);
    flare__wheel_start(&loop->wheel, &n.timer, 0, on_timer);
    turn(loop);
    ck_assert_uint_eq(loop->counts.turns, 1);
    ck_assert_uint_eq(loop->counts.posts, 1);
    ck_assert_uint_eq(loop->counts.timers, 1);
    ck_assert_uint_eq(loop->counts.tasks, 1);
    flare__loop_free(loop);
}
END_TEST

static int scenario_loop(struct fault *f, void *ctx)
{
    struct flare_loop *loop = loop_new(&f->al);

    (void)ctx;
    if (loop == NULL)
        return -ENOMEM;
    flare__loop_free(loop);
    return 0;
}

START_TEST(test_loop_open_survives_every_allocation_failure)
{
    ck_assert_uint_ge(fault_each("loop", scenario_loop, NULL).sites, 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/loop");
    TCase *t = tcase_create("loop");

    tcase_add_checked_fixture(t, world_new, world_free);
    tcase_add_test(
        t, test_loop_tasks_run_in_order_once_and_a_requeued_one_next_turn);
    tcase_add_test(t,
                   test_loop_a_cancelled_task_does_not_run_wherever_it_stands);
    tcase_add_test(t, test_loop_waits_for_the_next_timer_and_is_never_early);
    tcase_add_test(t, test_loop_does_not_wait_longer_than_it_may);
    tcase_add_test(t, test_loop_a_thread_knows_when_a_callback_runs);
    tcase_add_test(t, test_loop_posted_calls_run_in_order_and_are_bounded);
    tcase_add_test(t, test_loop_is_busy_for_each_thing_that_will_happen);
    tcase_add_test(t, test_loop_evicts_each_once_and_turns_until_all_have_left);
    tcase_add_test(t, test_loop_counts_what_its_turns_did);
    tcase_add_test(t, test_loop_open_survives_every_allocation_failure);
    suite_add_tcase(s, t);
    return test_run(s);
}
