/* SPDX-License-Identifier: MIT */
/* The pool of threads: every job is run or cancelled, once. */
#include "net/offload.h"

#include "base/assert.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

enum { JOBS = 200 };

/* A gate that holds jobs back until the test opens it. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    int inside;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};

struct counted {
    struct flare__job job;
    atomic_int runs;
    atomic_int cancels;
    int order;
};

static atomic_int runs;
static atomic_int cancels;

static void reset(void)
{
    gate.is_open = false;
    gate.inside = 0;
    atomic_store(&runs, 0);
    atomic_store(&cancels, 0);
}

static void run(struct flare__job *job)
{
    struct counted *c = FLARE_CONTAINER_OF(job, struct counted, job);

    c->order = atomic_load(&runs); /* read where one thread runs them all */
    atomic_fetch_add(&c->runs, 1);
    atomic_fetch_add(&runs, 1); /* the last: who waits for it sees the rest */
}

static void run_behind_gate(struct flare__job *job)
{
    pthread_mutex_lock(&gate.lock);
    gate.inside++;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.is_open)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    run(job);
}

static void gate_await(int inside)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.inside < inside)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static void gate_open(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.is_open = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void cancel(struct flare__job *job)
{
    struct counted *c = FLARE_CONTAINER_OF(job, struct counted, job);

    atomic_fetch_add(&cancels, 1);
    atomic_fetch_add(&c->cancels, 1);
}

static struct counted job_of(flare__job_fn fn)
{
    return (struct counted){.job = {.run = fn, .cancel = cancel}};
}

static struct flare__offload *pool_new(struct fault *f, uint32_t threads,
                                       uint32_t queue)
{
    struct flare__offload *pool;

    reset();
    fault_init(f, FAULT_NEVER, 0);
    ck_assert_int_eq(flare__offload_new(&pool, &f->al, threads, queue), 0);
    return pool;
}

static void pool_end(struct flare__offload *pool, struct fault *f)
{
    flare__offload_free(pool);
    fault_fini(f, "net/offload");
}

START_TEST(test_offload_one_that_is_not_used_has_no_threads_and_ends)
{
    struct fault f;

    pool_end(pool_new(&f, 1024, 1), &f);
    flare__offload_free(NULL);
}
END_TEST

START_TEST(test_offload_without_memory_there_is_no_pool)
{
    struct flare__offload *pool;
    struct fault f;

    fault_init(&f, FAULT_FROM, 0);
    ck_assert_int_eq(flare__offload_new(&pool, &f.al, 4, 4), -ENOMEM);
    fault_fini(&f, "net/offload");
}
END_TEST

START_TEST(test_offload_jobs_begin_in_the_order_they_came)
{
    static struct counted jobs[JOBS];
    struct fault f;
    struct flare__offload *pool = pool_new(&f, 1, JOBS);

    for (int i = 0; i < JOBS; i++) {
        jobs[i] = job_of(i == 0 ? run_behind_gate : run);
        ck_assert_int_eq(flare__offload_submit(pool, &jobs[i].job), 0);
    }
    gate_open();
    while (atomic_load(&runs) < JOBS)
        sched_yield();
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(jobs[i].order, i);
    pool_end(pool, &f);
}
END_TEST

START_TEST(test_offload_threads_work_side_by_side_up_to_their_number)
{
    struct counted jobs[4];
    struct fault f;
    struct flare__offload *pool = pool_new(&f, 3, 1);

    for (int i = 0; i < 4; i++) {
        jobs[i] = job_of(run_behind_gate);
        if (i < 3)
            ck_assert_int_eq(flare__offload_submit(pool, &jobs[i].job), 0);
    }
    gate_await(3); /* all at once, or this never ends */
    ck_assert_int_eq(flare__offload_submit(pool, &jobs[3].job), 0);
    gate_open();
    while (atomic_load(&runs) < 4)
        sched_yield();
    pool_end(pool, &f);
}
END_TEST

START_TEST(test_offload_past_the_queue_it_refuses_at_once)
{
    struct counted jobs[5];
    struct fault f;
    struct flare__offload *pool = pool_new(&f, 2, 2);

    for (int i = 0; i < 5; i++)
        jobs[i] = job_of(run_behind_gate);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(flare__offload_submit(pool, &jobs[i].job), 0);
    ck_assert_int_eq(flare__offload_submit(pool, &jobs[4].job),
                     FLARE_E_OVERLOADED);
    gate_await(2);
    ck_assert_int_eq(flare__offload_submit(pool, &jobs[4].job),
                     FLARE_E_OVERLOADED);
    gate_open();
    while (atomic_load(&runs) < 4)
        sched_yield();
    while (flare__offload_submit(pool, &jobs[4].job) < 0)
        sched_yield();
    while (atomic_load(&runs) < 5)
        sched_yield();
    pool_end(pool, &f);
}
END_TEST

START_TEST(test_offload_M09_the_end_cancels_what_waits_and_awaits_what_runs)
{
    static struct counted jobs[JOBS];
    struct fault f;
    struct flare__offload *pool = pool_new(&f, 2, JOBS);

    for (int i = 0; i < JOBS; i++) {
        jobs[i] = job_of(i < 2 ? run_behind_gate : run);
        ck_assert_int_eq(flare__offload_submit(pool, &jobs[i].job), 0);
    }
    gate_await(2);
    gate_open();
    flare__offload_stop(pool);
    ck_assert_int_eq(atomic_load(&runs) + atomic_load(&cancels), JOBS);
    ck_assert_int_ge(atomic_load(&runs), 2);
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(
            atomic_load(&jobs[i].runs) + atomic_load(&jobs[i].cancels), 1);
    ck_assert_int_eq(flare__offload_submit(pool, &jobs[0].job),
                     FLARE_E_STOPPED);
    pool_end(pool, &f);
}
END_TEST

struct poster {
    pthread_t thread;
    struct flare__offload *pool;
    struct counted jobs[JOBS];
};

static void *post_all(void *arg)
{
    struct poster *p = arg;

    for (int i = 0; i < JOBS; i++) {
        p->jobs[i] = job_of(run);
        while (flare__offload_submit(p->pool, &p->jobs[i].job) < 0)
            sched_yield();
    }
    return NULL;
}

START_TEST(test_offload_many_threads_submit_and_nothing_is_lost)
{
    static struct poster posters[4];
    struct fault f;
    struct flare__offload *pool = pool_new(&f, 4, 8);

    for (int i = 0; i < 4; i++) {
        posters[i].pool = pool;
        ck_assert_int_eq(
            pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(posters[i].thread, NULL);
    while (atomic_load(&runs) < 4 * JOBS)
        sched_yield();
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < JOBS; j++)
            ck_assert_int_eq(atomic_load(&posters[i].jobs[j].runs), 1);
    pool_end(pool, &f);
}
END_TEST

static sigset_t seen_signals;
static cpu_set_t seen_cpus;

static void look_around(struct flare__job *job)
{
    pthread_sigmask(SIG_SETMASK, NULL, &seen_signals);
    (void)sched_getaffinity(0, sizeof(seen_cpus), &seen_cpus);
    run(job);
}

START_TEST(test_offload_threads_have_no_signals_and_are_not_pinned)
{
    struct fault f;
    struct flare__offload *pool = pool_new(&f, 1, 1);
    struct counted job = job_of(look_around);
    cpu_set_t all;
    cpu_set_t one;
    int cpu = 0;

    ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
    ck_assert_int_eq(flare__offload_submit(pool, &job.job), 0);
    while (atomic_load(&runs) == 0)
        sched_yield();
    ck_assert(CPU_EQUAL(&seen_cpus, &all));
    ck_assert_int_eq(sigismember(&seen_signals, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&seen_signals, SIGCHLD), 1);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(all), &all), 0);
    pool_end(pool, &f);
}
END_TEST

/* ---- abandoned ---- */

/* Abandons a pool of two threads, `busy` of them inside the gate. */
static void abandon(struct fault *f, int busy)
{
    static struct counted jobs[JOBS];
    struct flare__offload *pool = pool_new(f, 2, JOBS);

    for (int i = 0; i < JOBS; i++)
        jobs[i] = job_of(i < 2 ? run_behind_gate : run);
    for (int i = 0; i < busy; i++)
        ck_assert_int_eq(flare__offload_submit(pool, &jobs[i].job), 0);
    gate_await(busy);
    for (int i = 2; busy == 2 && i < JOBS; i++)
        ck_assert_int_eq(flare__offload_submit(pool, &jobs[i].job), 0);
    flare__offload_abandon(pool);
    ck_assert_int_eq(atomic_load(&runs), 0);
    ck_assert_int_eq(atomic_load(&cancels), busy == 2 ? JOBS - 2 : 0);
    gate_open();
    while (atomic_load(&runs) < busy)
        sched_yield();
}

static size_t live_blocks(struct fault *f)
{
    size_t count;

    pthread_mutex_lock(&f->lock);
    count = f->live_blocks;
    pthread_mutex_unlock(&f->lock);
    return count;
}

START_TEST(test_offload_D06_an_abandoned_pool_waits_for_nobody_and_frees_itself)
{
    struct fault f;

    abandon(&f, _i); /* returns while they are inside, or this never ends */
    while (live_blocks(&f) != 0)
        sched_yield();
    fault_fini(&f, "net/offload");
}
END_TEST

START_TEST(test_offload_one_that_is_idle_is_gone_when_abandoned)
{
    struct fault f;
    struct flare__offload *pool = pool_new(&f, 2, 1);
    struct counted job = job_of(run);

    ck_assert_int_eq(flare__offload_submit(pool, &job.job), 0);
    while (atomic_load(&runs) == 0)
        sched_yield();
    flare__offload_abandon(pool);
    while (live_blocks(&f) != 0) /* the thread may not have come back yet */
        sched_yield();
    fault_fini(&f, "net/offload");

    flare__offload_abandon(pool_new(&f, 2, 1));
    ck_assert_uint_eq(live_blocks(&f), 0);
    fault_fini(&f, "net/offload");
    flare__offload_abandon(NULL);
}
END_TEST

START_TEST(test_offload_an_abandoned_pool_needs_only_a_copy_of_the_allocator)
{
    struct fault f;
    struct flare_allocator *al = malloc(sizeof(*al));
    struct flare__offload *pool;
    struct counted job = job_of(run_behind_gate);

    reset();
    fault_init(&f, FAULT_NEVER, 0);
    ck_assert_ptr_nonnull(al);
    *al = f.al;
    ck_assert_int_eq(flare__offload_new(&pool, al, 1, 1), 0);
    free(al); /* as a loop that has ended */
    ck_assert_int_eq(flare__offload_submit(pool, &job.job), 0);
    gate_await(1);
    flare__offload_abandon(pool);
    gate_open();
    while (live_blocks(&f) != 0)
        sched_yield();
    fault_fini(&f, "net/offload");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/offload");
    TCase *tc = tcase_create("offload");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc,
                   test_offload_one_that_is_not_used_has_no_threads_and_ends);
    tcase_add_test(tc, test_offload_without_memory_there_is_no_pool);
    tcase_add_test(tc, test_offload_jobs_begin_in_the_order_they_came);
    tcase_add_test(tc,
                   test_offload_threads_work_side_by_side_up_to_their_number);
    tcase_add_test(tc, test_offload_past_the_queue_it_refuses_at_once);
    tcase_add_test(
        tc, test_offload_M09_the_end_cancels_what_waits_and_awaits_what_runs);
    tcase_add_test(tc, test_offload_many_threads_submit_and_nothing_is_lost);
    tcase_add_test(tc, test_offload_threads_have_no_signals_and_are_not_pinned);
    tcase_add_loop_test(
        tc,
        test_offload_D06_an_abandoned_pool_waits_for_nobody_and_frees_itself, 0,
        3);
    tcase_add_test(tc, test_offload_one_that_is_idle_is_gone_when_abandoned);
    tcase_add_test(
        tc, test_offload_an_abandoned_pool_needs_only_a_copy_of_the_allocator);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
