/* SPDX-License-Identifier: MIT */
/* The public loop, on every backend: its life, its end, and other threads. */
#include "net/user_loop.h"

#include <flare/timer.h>
#include <flare/watch.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/offload.h"
#include "tests/support/fault.h"
#include "tests/support/loop_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

static void on_count(void *ctx)
{
    ++*(int *)ctx;
}

static void on_nothing(flare_timer *timer, void *ctx)
{
    (void)timer;
    (void)ctx;
}

/* ---- configuration ---- */

static const struct {
    const char *name;
    struct flare_loop_config config;
    int rc;
    const char *says;
} configs[] = {
    {"nothing", {0}, 0, ""},
    {"all at their least",
     {.mailbox_capacity = 2, .receive_bytes = 512, .receive_buffers = 2},
     0,
     ""},
    {"another backend",
     {.backend = "iocp"},
     FLARE_E_BAD_CONFIG,
     "backend 'iocp'"},
    {"mailbox of 3",
     {.mailbox_capacity = 3},
     FLARE_E_BAD_CONFIG,
     "mailbox_capacity: 3"},
    {"mailbox of 1",
     {.mailbox_capacity = 1},
     FLARE_E_BAD_CONFIG,
     "mailbox_capacity: 1"},
    {"mailbox too large",
     {.mailbox_capacity = 1u << 21},
     FLARE_E_BAD_CONFIG,
     "mailbox_capacity: 2097152"},
    {"small buffers",
     {.receive_bytes = 256},
     FLARE_E_BAD_CONFIG,
     "receive_bytes: 256"},
    {"odd buffers",
     {.receive_bytes = 4097},
     FLARE_E_BAD_CONFIG,
     "receive_bytes: 4097"},
    {"too many buffers",
     {.receive_buffers = 65536},
     FLARE_E_BAD_CONFIG,
     "receive_buffers: 65536"},
    {"buffers of 32 GiB",
     {.receive_bytes = 1 << 20, .receive_buffers = 32768},
     FLARE_E_BAD_CONFIG,
     "receive_buffers: together"},
    {"too many threads",
     {.resolver_threads = 65},
     FLARE_E_BAD_CONFIG,
     "resolver_threads: 65"},
};

START_TEST(test_user_loop_checks_its_configuration_and_says_what_is_wrong)
{
    struct flare_error err = {.code = 0};
    flare_loop *loop = NULL;
    int rc = flare_loop_new(&loop, &configs[_i].config, &err);

    ck_assert_msg(rc == configs[_i].rc, "%s: %s", configs[_i].name,
                  flare_strerror(rc));
    ck_assert_msg(strstr(err.text, configs[_i].says) != NULL, "%s: %s",
                  configs[_i].name, err.text);
    if (rc == 0)
        flare_loop_free(loop);
}
END_TEST

START_TEST(test_user_loop_knows_who_was_built_for_a_later_one)
{
    struct flare_error err;
    flare_loop *loop = NULL;
    char newer[sizeof(struct flare_loop_config) + 8] = {0};
    char older[offsetof(struct flare_loop_config, log_ctx)] = {0};

    ck_assert_int_eq(
        flare_loop_new_sized(sizeof(newer), &loop, (void *)newer, &err),
        FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(
        flare_loop_new_sized(sizeof(older), &loop, (void *)older, &err), 0);
    flare_loop_free(loop);
    ck_assert_int_eq(flare_loop_new(&loop, NULL, NULL), 0);
    flare_loop_free(loop);
    flare_loop_free(NULL);
}
END_TEST

/* ---- running ---- */

START_TEST(test_user_loop_runs_as_long_as_something_is_open)
{
    struct loop_rig rig;
    flare_timer *timer;
    int count = 0;

    if (!loop_rig_open(&rig, _i))
        return;
    ck_assert_int_eq(flare_loop_run(rig.loop), 0);
    ck_assert_int_eq(flare_loop_run_once(rig.loop, -1), 0);
    ck_assert_int_eq(flare_loop_post(rig.loop, on_count, &count), 0);
    ck_assert_int_eq(flare_loop_run(rig.loop), 0);
    ck_assert_int_eq(count, 1); /* what was posted runs before the end */
    ck_assert_int_eq(flare_timer_new(rig.loop, &timer, on_nothing, NULL), 0);
    ck_assert_int_eq(flare_loop_run(rig.loop), 0);
    flare_timer_start(timer, 2, 0);
    ck_assert_int_eq(flare_loop_run_once(rig.loop, 0), 1);
    ck_assert_int_eq(flare_loop_run(rig.loop), 0);
    ck_assert(!flare_timer_is_armed(timer));
    loop_rig_close(&rig);
}
END_TEST

START_TEST(test_user_loop_one_turn_waits_no_longer_than_it_may)
{
    struct loop_rig rig;
    flare_timer *timer;
    uint64_t start_ns;

    if (!loop_rig_open(&rig, _i))
        return;
    ck_assert_int_eq(flare_timer_new(rig.loop, &timer, on_nothing, NULL), 0);
    flare_timer_start(timer, 60000, 0);
    start_ns = flare_loop_now_ns(rig.loop);
    ck_assert_int_eq(flare_loop_run_once(rig.loop, 0), 1);
    ck_assert_int_eq(flare_loop_run_once(rig.loop, 3), 1);
    ck_assert_uint_ge(flare_loop_now_ns(rig.loop), start_ns + 3 * MS);
    ck_assert_uint_lt(flare_loop_now_ns(rig.loop), start_ns + 60000 * MS);
    ck_assert_uint_eq(flare_loop_now_ms(rig.loop),
                      flare_loop_now_ns(rig.loop) / MS);
    loop_rig_close(&rig);
}
END_TEST

static void on_stop(void *ctx)
{
    flare_loop_stop(ctx);
}

static void on_stop_timer(flare_timer *timer, void *ctx)
{
    (void)timer;
    flare_loop_stop(ctx);
}

START_TEST(test_user_loop_stop_is_remembered_and_then_forgotten)
{
    struct loop_rig rig;
    flare_timer *timer;

    if (!loop_rig_open(&rig, _i))
        return;
    rig.loop->stays = true;
    flare_loop_stop(rig.loop);
    flare_loop_stop(rig.loop);
    ck_assert_int_eq(flare_loop_run(rig.loop), 0); /* before it ran */
    ck_assert_int_eq(flare_loop_post(rig.loop, on_stop, rig.loop), 0);
    ck_assert_int_eq(flare_loop_run(rig.loop), 0); /* in a posted call */
    ck_assert_int_eq(flare_timer_new(rig.loop, &timer, on_stop_timer, rig.loop),
                     0);
    flare_timer_start(timer, 1, 1);
    ck_assert_int_eq(flare_loop_run(rig.loop), 0); /* in a callback */
    ck_assert(flare_timer_is_armed(timer));
    ck_assert_int_eq(flare_loop_run(rig.loop), 0); /* and once more */
    flare_timer_stop(timer);
    flare_loop_stop(rig.loop);
    ck_assert_int_eq(flare_loop_run_once(rig.loop, -1), 0);
    ck_assert_int_eq(flare_loop_run_once(rig.loop, 0), 1); /* it stays */
    loop_rig_close(&rig);
}
END_TEST

static flare_loop *stopped_by_signal;

static void on_alarm(int number)
{
    (void)number;
    flare_loop_stop(stopped_by_signal);
}

START_TEST(test_user_loop_is_stopped_from_a_signal_handler)
{
    struct loop_rig rig;
    struct sigaction action = {.sa_handler = on_alarm};

    if (!loop_rig_open(&rig, _i))
        return;
    rig.loop->stays = true;
    stopped_by_signal = rig.loop;
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    errno = 1234;
    (void)raise(SIGALRM);
    ck_assert_int_eq(errno, 1234);
    ck_assert_int_eq(flare_loop_run(rig.loop), 0);
    loop_rig_close(&rig);
}
END_TEST

/* ---- the end ---- */

struct held {
    struct loop_rig rig;
    int refused;
    int posted;
};

static void open_more(void *ctx)
{
    struct held *h = ctx;
    flare_timer *timer;
    flare_watch *watch;
    flare_signal *sig;

    h->refused += flare_timer_new(h->rig.loop, &timer, on_nothing, NULL) ==
                  FLARE_E_STOPPED;
    h->refused +=
        flare_watch_new(h->rig.loop, &watch, 0, FLARE_WATCH_READ,
                        (flare_watch_fn)(void *)abort, NULL) == FLARE_E_STOPPED;
    h->refused += flare_signal_new(h->rig.loop, &sig, SIGUSR1,
                                   (flare_signal_fn)(void *)abort,
                                   NULL) == FLARE_E_STOPPED;
}

START_TEST(test_user_loop_free_ends_what_is_open_and_lets_nothing_new_in)
{
    struct held h = {.refused = 0};
    flare_timer *timer;

    if (!loop_rig_open(&h.rig, _i))
        return;
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(flare_timer_new(h.rig.loop, &timer, on_nothing, NULL),
                         0);
        if (i % 2)
            flare_timer_start(timer, 1000, 0);
    }
    ck_assert_int_eq(flare_loop_post(h.rig.loop, open_more, &h), 0);
    ck_assert_int_eq(flare_loop_post(h.rig.loop, on_count, &h.posted), 0);
    loop_rig_close(&h.rig);
    ck_assert_int_eq(h.refused, 3);
    ck_assert_int_eq(h.posted, 1); /* accepted calls run */
}
END_TEST

static void on_free(void *ctx)
{
    flare_loop_free(ctx);
}

static void on_run(void *ctx)
{
    (void)!flare_loop_run(ctx);
}

/* Aborts: see main. */
START_TEST(test_user_loop_free_in_a_callback_is_a_bug)
{
    struct loop_rig rig;

    ck_assert(loop_rig_open(&rig, LOOP_RIG_EPOLL));
    ck_assert_int_eq(flare_loop_post(rig.loop, on_free, rig.loop), 0);
    (void)!flare_loop_run(rig.loop);
}
END_TEST

START_TEST(test_user_loop_run_in_a_callback_is_a_bug)
{
    struct loop_rig rig;

    ck_assert(loop_rig_open(&rig, LOOP_RIG_EPOLL));
    ck_assert_int_eq(flare_loop_post(rig.loop, on_run, rig.loop), 0);
    (void)!flare_loop_run(rig.loop);
}
END_TEST

static int poll_broken(struct flare__backend *b, struct flare__event *events,
                       int capacity, uint64_t deadline_ns)
{
    (void)b;
    (void)events;
    (void)capacity;
    (void)deadline_ns;
    return -EBADF;
}

/* FAILURES I18: what the kernel may still write to is not freed. */
START_TEST(test_user_loop_that_broke_says_so_for_ever_and_is_left_as_it_is)
{
    struct loop_rig rig;
    struct flare__backend_ops broken;
    flare_timer *timer;

    if (!loop_rig_open(&rig, _i))
        return;
    broken = *rig.loop->ops;
    broken.poll = poll_broken;
    ck_assert_int_eq(flare_timer_new(rig.loop, &timer, on_nothing, NULL), 0);
    flare_timer_start(timer, 1, 0);
    rig.loop->ops = &broken;
    ck_assert_int_eq(flare_loop_run(rig.loop), -EBADF);
    ck_assert_int_eq(flare_loop_run_once(rig.loop, 0), -EBADF);
    flare_loop_free(rig.loop);
    ck_assert_uint_eq(rig.loop->resident_count, 1);
    rig.loop->broken = 0; /* the test knows better */
    loop_rig_close(&rig);
}
END_TEST

/* ---- what it says about itself ---- */

START_TEST(test_user_loop_tells_its_backend_and_counts)
{
    struct loop_rig rig;
    struct flare_loop_stats stats;
    char less[sizeof(stats) / 2];
    struct {
        struct flare_loop_stats stats;
        uint64_t later;
    } more = {.later = 7};
    flare_timer *timer;
    int count = 0;

    if (!loop_rig_open(&rig, _i))
        return;
    ck_assert_str_eq(flare_loop_backend(rig.loop), rig.name);
    if (_i == LOOP_RIG_URING) {
        uint32_t caps = flare_loop_caps(rig.loop);

        ck_assert(caps & FLARE_CAP_EXT_ARG);
        ck_assert(caps & FLARE_CAP_BUFFER_RING);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(flare_loop_post(rig.loop, on_count, &count), 0);
    ck_assert_int_eq(flare_timer_new(rig.loop, &timer, on_nothing, NULL), 0);
    flare_timer_start(timer, 0, 0);
    flare_loop_stats(rig.loop, &stats);
    ck_assert_uint_eq(stats.open, 1);
    ck_assert_uint_eq(stats.timers_armed, 1);
    ck_assert_int_eq(flare_loop_run(rig.loop), 0);
    flare_loop_stats(rig.loop, &stats);
    ck_assert_uint_eq(stats.posts, 3);
    ck_assert_uint_eq(stats.timers_fired, 1);
    ck_assert_uint_eq(stats.timers_armed, 0);
    ck_assert_uint_eq(stats.open, 0);
    ck_assert_uint_ge(stats.turns, 1);
    flare_loop_stats_sized(rig.loop, sizeof(less), (void *)less);
    ck_assert_mem_eq(less, &stats, sizeof(less));
    flare_loop_stats_sized(rig.loop, sizeof(more), &more.stats);
    ck_assert_uint_eq(more.later, 0);
    loop_rig_close(&rig);
}
END_TEST

/* ---- FAILURES M09: other threads ---- */

enum { POSTERS = 4, POSTS = 5000 };

struct poster {
    struct loop_rig *rig;
    pthread_t thread;
    atomic_int ran;
    int accepted;
    atomic_int *done;
    bool stops;
};

static void on_posted(void *ctx)
{
    atomic_fetch_add(&((struct poster *)ctx)->ran, 1);
}

static void *poster_main(void *arg)
{
    struct poster *p = arg;

    for (int i = 0; i < POSTS; i++) {
        int rc = flare_loop_post(p->rig->loop, on_posted, p);

        p->accepted += rc == 0;
        ck_assert(rc == 0 || rc == FLARE_E_MAILBOX_FULL);
        if (p->stops && i % 100 == 0)
            flare_loop_stop(p->rig->loop);
    }
    atomic_fetch_add(p->done, 1);
    flare_loop_stop(p->rig->loop);
    return NULL;
}

/* Each accepted call runs once, however often the loop is stopped meanwhile. */
START_TEST(test_user_loop_M09_posts_and_stops_of_other_threads_lose_nothing)
{
    struct loop_rig rig;
    struct poster posters[POSTERS];
    atomic_int done = 0;

    if (!loop_rig_open(&rig, _i))
        return;
    rig.loop->stays = true;
    for (int i = 0; i < POSTERS; i++) {
        posters[i] =
            (struct poster){.rig = &rig, .done = &done, .stops = i % 2};
        ck_assert_int_eq(
            pthread_create(&posters[i].thread, NULL, poster_main, &posters[i]),
            0);
    }
    while (atomic_load(&done) < POSTERS)
        ck_assert_int_eq(flare_loop_run(rig.loop), 0); /* until a stop */
    for (int i = 0; i < POSTERS; i++)
        ck_assert_int_eq(pthread_join(posters[i].thread, NULL), 0);
    loop_rig_close(&rig); /* runs what is left */
    for (int i = 0; i < POSTERS; i++)
        ck_assert_int_eq(atomic_load(&posters[i].ran), posters[i].accepted);
}
END_TEST

static void *stopper_main(void *arg)
{
    flare_loop_stop(arg);
    return NULL;
}

START_TEST(test_user_loop_M09_a_stop_ends_a_loop_that_waits_for_ever)
{
    struct loop_rig rig;

    if (!loop_rig_open(&rig, _i))
        return;
    rig.loop->stays = true;
    for (int i = 0; i < 100; i++) {
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, stopper_main, rig.loop),
                         0);
        ck_assert_int_eq(flare_loop_run(rig.loop), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
    loop_rig_close(&rig);
}
END_TEST

static void on_post_again(void *ctx)
{
    struct held *h = ctx;

    h->posted++;
    if (h->posted < 100)
        h->refused +=
            flare_loop_post(h->rig.loop, on_post_again, h) == FLARE_E_STOPPED;
}

/* A call that posts itself again cannot keep the loop from its end. */
START_TEST(test_user_loop_M09_post_after_the_end_is_refused)
{
    struct held h = {.refused = 0};

    if (!loop_rig_open(&h.rig, _i))
        return;
    ck_assert_int_eq(flare_loop_post(h.rig.loop, on_post_again, &h), 0);
    loop_rig_close(&h.rig);
    ck_assert_int_eq(h.posted, 1);
    ck_assert_int_eq(h.refused, 1);
}
END_TEST

/* ---- FAILURES M11: the wrong thread, in a build that looks ---- */

#ifdef FLARE_DEBUG
enum { BUILD_LOOKS = 1 };
#else
enum { BUILD_LOOKS = 0 };
#endif

static struct {
    flare_loop *loop;
    flare_timer *timer;
    flare_watch *watch;
} held_back;

static void call_run(void)
{
    (void)!flare_loop_run_once(held_back.loop, 0);
}

static void call_free(void)
{
    flare_loop_free(held_back.loop);
}

static void call_fd(void)
{
    (void)!flare_loop_fd(held_back.loop);
}

static void call_timer_new(void)
{
    flare_timer *timer;

    (void)!flare_timer_new(held_back.loop, &timer, on_nothing, NULL);
}

static void call_timer_start(void)
{
    flare_timer_start(held_back.timer, 1, 1);
}

static void call_timer_stop(void)
{
    flare_timer_stop(held_back.timer);
}

static void call_watch_new(void)
{
    flare_watch *watch;

    (void)!flare_watch_new(held_back.loop, &watch, 0, FLARE_WATCH_READ,
                           (flare_watch_fn)(void *)abort, NULL);
}

static void call_watch_change(void)
{
    (void)!flare_watch_change(held_back.watch, 0);
}

static void call_watch_free(void)
{
    flare_watch_free(held_back.watch);
}

static void call_signal_new(void)
{
    flare_signal *sig;

    (void)!flare_signal_new(held_back.loop, &sig, SIGUSR1,
                            (flare_signal_fn)(void *)abort, NULL);
}

static void (*const wrong_calls[])(void) = {
    call_run,         call_free,       call_fd,        call_timer_new,
    call_timer_start, call_timer_stop, call_watch_new, call_watch_change,
    call_watch_free,  call_signal_new,
};

static void *wrong_main(void *arg)
{
    wrong_calls[*(const int *)arg]();
    return NULL;
}

/* Aborts: see main. */
START_TEST(test_user_loop_M11_a_call_from_another_thread_is_a_bug)
{
    struct loop_rig rig;
    pthread_t thread;
    int fds[2];
    int which = _i;

    if (!BUILD_LOOKS) {
        printf("SKIP: not a build with FLARE_DEBUG\n");
        abort();
    }
    ck_assert(loop_rig_open(&rig, LOOP_RIG_EPOLL));
    ck_assert_int_eq(pipe(fds), 0);
    held_back.loop = rig.loop;
    ck_assert_int_eq(
        flare_timer_new(rig.loop, &held_back.timer, on_nothing, NULL), 0);
    ck_assert_int_eq(flare_watch_new(rig.loop, &held_back.watch, fds[0], 0,
                                     (flare_watch_fn)(void *)abort, NULL),
                     0);
    ck_assert_int_eq(pthread_create(&thread, NULL, wrong_main, &which), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* ---- the small loop, and threads for what blocks ---- */

START_TEST(test_user_loop_private_is_what_the_environment_says_else_epoll)
{
    static const char *const wishes[] = {NULL, "", "auto", "epoll", "uring"};

    for (int i = 0; i < ROWS(wishes); i++) {
        struct flare_error err;
        struct flare_loop *loop = NULL;
        const char *got = i < 3 ? "epoll" : wishes[i];
        int rc;

        if (wishes[i] != NULL)
            ck_assert_int_eq(setenv("FLARE_BACKEND", wishes[i], 1), 0);
        else
            ck_assert_int_eq(unsetenv("FLARE_BACKEND"), 0);
        rc = flare__loop_private(&loop, NULL, &err);
        if (rc == FLARE_E_BACKEND_UNAVAILABLE) {
            printf("SKIP: %s\n", err.text);
            continue;
        }
        ck_assert_msg(rc == 0, "%s", err.text);
        ck_assert_str_eq(flare_loop_backend(loop), got);
        flare_loop_free(loop);
    }
    ck_assert_int_eq(setenv("FLARE_BACKEND", "none", 1), 0);
    ck_assert_int_eq(
        flare__loop_private(&(struct flare_loop *){NULL}, NULL, NULL),
        FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(unsetenv("FLARE_BACKEND"), 0);
}
END_TEST

/* R08: neither a descriptor nor a loop is left. */
START_TEST(test_user_loop_R08_without_descriptors_there_is_none)
{
    struct rlimit before;
    struct rlimit none;
    struct flare_error err;
    struct flare_loop *loop = NULL;
    const char *asked = getenv("FLARE_BACKEND");

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(flare__loop_private(&loop, NULL, &err),
                     FLARE_E_BACKEND_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, asked ? asked : "epoll"));
    ck_assert_int_lt(flare_loop_new(&loop, NULL, &err), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

static void job_run(struct flare__job *job)
{
    (void)job;
}

START_TEST(test_user_loop_has_one_pool_of_threads_made_when_asked_for)
{
    struct loop_rig rig;
    struct flare__offload *pool;
    struct flare__job job = {.run = job_run, .cancel = job_run};

    if (!loop_rig_open(&rig, LOOP_RIG_EPOLL))
        return;
    pool = flare__loop_offload(rig.loop);
    ck_assert_ptr_nonnull(pool);
    ck_assert_ptr_eq(flare__loop_offload(rig.loop), pool);
    ck_assert_int_eq(flare__offload_submit(pool, &job), 0);
    loop_rig_close(&rig);
}
END_TEST

/* ---- no memory ---- */

static int scenario_loop(struct fault *f, void *ctx)
{
    struct loop_rig rig;
    int rc = loop_rig_try(&rig, *(const int *)ctx, &f->al);

    if (rc < 0)
        return rc;
    rc = flare_loop_run(rig.loop);
    loop_rig_close(&rig);
    return rc;
}

START_TEST(test_user_loop_survives_every_allocation_failure)
{
    struct loop_rig rig;

    if (!loop_rig_open(&rig, _i))
        return;
    loop_rig_close(&rig);
    ck_assert_uint_ge(fault_each("user_loop", scenario_loop, &_i).sites, 2);
}
END_TEST

static int scenario_private(struct fault *f, void *ctx)
{
    struct flare_loop *loop = NULL;
    int rc = flare__loop_private(&loop, &f->al, NULL);

    (void)ctx;
    if (rc >= 0)
        flare_loop_free(loop);
    return rc;
}

START_TEST(test_user_loop_private_survives_every_allocation_failure)
{
    ck_assert_uint_ge(fault_each("private", scenario_private, NULL).sites, 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/user_loop");
    TCase *t = tcase_create("loop");

    tcase_add_loop_test(
        t, test_user_loop_checks_its_configuration_and_says_what_is_wrong, 0,
        ROWS(configs));
    tcase_add_test(t, test_user_loop_knows_who_was_built_for_a_later_one);
#define ON_EACH(test) tcase_add_loop_test(t, test, 0, LOOP_RIG_BACKENDS)
    ON_EACH(test_user_loop_runs_as_long_as_something_is_open);
    ON_EACH(test_user_loop_one_turn_waits_no_longer_than_it_may);
    ON_EACH(test_user_loop_stop_is_remembered_and_then_forgotten);
    ON_EACH(test_user_loop_is_stopped_from_a_signal_handler);
    ON_EACH(test_user_loop_free_ends_what_is_open_and_lets_nothing_new_in);
    ON_EACH(test_user_loop_that_broke_says_so_for_ever_and_is_left_as_it_is);
    ON_EACH(test_user_loop_tells_its_backend_and_counts);
    ON_EACH(test_user_loop_M09_posts_and_stops_of_other_threads_lose_nothing);
    ON_EACH(test_user_loop_M09_a_stop_ends_a_loop_that_waits_for_ever);
    ON_EACH(test_user_loop_M09_post_after_the_end_is_refused);
    ON_EACH(test_user_loop_survives_every_allocation_failure);
#undef ON_EACH
    tcase_add_test_raise_signal(t, test_user_loop_free_in_a_callback_is_a_bug,
                                SIGABRT);
    tcase_add_test_raise_signal(t, test_user_loop_run_in_a_callback_is_a_bug,
                                SIGABRT);
    tcase_add_loop_test_raise_signal(
        t, test_user_loop_M11_a_call_from_another_thread_is_a_bug, SIGABRT, 0,
        ROWS(wrong_calls));
    tcase_add_test(
        t, test_user_loop_private_is_what_the_environment_says_else_epoll);
    tcase_add_test(t, test_user_loop_R08_without_descriptors_there_is_none);
    tcase_add_test(t,
                   test_user_loop_has_one_pool_of_threads_made_when_asked_for);
    tcase_add_test(t, test_user_loop_private_survives_every_allocation_failure);
    suite_add_tcase(s, t);
    return test_run(s);
}
