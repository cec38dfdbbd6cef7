/* SPDX-License-Identifier: MIT */
/* A loop in a foreign one: poll(2), epoll(7), another loop of ours. */
#include "net/embed.h"

#include <flare/timer.h>
#include <flare/watch.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/clock.h"
#include "tests/support/fault.h"
#include "tests/support/loop_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

struct inner {
    struct loop_rig rig;
    int fd;
    int fires;
    int reads;
    atomic_int posts;
    int pipe[2];
    flare_timer *timer;
    flare_watch *watch;
};

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = poll(&p, 1, timeout_ms);

    ck_assert_int_ge(rc, 0);
    ck_assert(rc == 0 || p.revents == POLLIN);
    return rc == 1;
}

/* What the foreign loop does when it finds the descriptor readable. */
static int work(struct inner *in)
{
    int rc = flare_loop_run_once(in->rig.loop, 0);

    ck_assert_int_ge(rc, 0);
    return rc;
}

/* Works until there is nothing to do now. */
static void settle(struct inner *in)
{
    for (int i = 0; is_readable(in->fd, 0); i++) {
        ck_assert_int_lt(i, 1000);
        work(in);
    }
}

static void on_timer(flare_timer *timer, void *ctx)
{
    (void)timer;
    ((struct inner *)ctx)->fires++;
}

static void on_post(void *ctx)
{
    atomic_fetch_add(&((struct inner *)ctx)->posts, 1);
}

static void on_watch(flare_watch *watch, unsigned events, void *ctx)
{
    struct inner *in = ctx;
    char c;

    (void)watch;
    (void)events;
    in->reads += read(in->pipe[0], &c, 1) == 1;
}

static bool inner_open(struct inner *in, int backend)
{
    *in = (struct inner){.fires = 0};
    if (!loop_rig_open(&in->rig, backend))
        return false;
    ck_assert_int_eq(pipe2(in->pipe, O_NONBLOCK | O_CLOEXEC), 0);
    ck_assert_int_eq(flare_timer_new(in->rig.loop, &in->timer, on_timer, in),
                     0);
    in->fd = flare_loop_fd(in->rig.loop);
    ck_assert_int_ge(in->fd, 0);
    return true;
}

static void inner_close(struct inner *in)
{
    loop_rig_close(&in->rig);
    ck_assert_int_eq(fcntl(in->fd, F_GETFD), -1); /* it was the loop's */
    (void)close(in->pipe[0]);
    (void)close(in->pipe[1]);
}

START_TEST(test_embed_is_readable_at_once_and_then_quiet)
{
    struct inner in;

    if (!inner_open(&in, _i))
        return;
    ck_assert(flare_loop_caps(in.rig.loop) & FLARE_CAP_EMBED);
    ck_assert_int_eq(flare_loop_fd(in.rig.loop), in.fd);
    ck_assert(is_readable(in.fd, 0));
    ck_assert_int_eq(work(&in), 0); /* nothing is open */
    ck_assert(!is_readable(in.fd, 0));
    ck_assert_int_eq(work(&in), 0); /* unasked: nothing */
    ck_assert(!is_readable(in.fd, 0));
    inner_close(&in);
}
END_TEST

START_TEST(test_embed_wakes_for_a_timer_and_not_before)
{
    struct inner in;

    if (!inner_open(&in, _i))
        return;
    for (uint64_t delay_ms = 0; delay_ms < 8; delay_ms++) {
        uint64_t start_ns = flare__clock_monotonic();

        in.fires = 0;
        flare_timer_start(in.timer, delay_ms, 0);
        work(&in);              /* after calls outside of a callback */
        while (in.fires == 0) { /* the wheel's own moves may come first */
            ck_assert(is_readable(in.fd, 10000));
            work(&in);
        }
        ck_assert_uint_ge(flare__clock_monotonic(), start_ns + delay_ms * MS);
        ck_assert(!is_readable(in.fd, 0));
    }
    flare_timer_start(in.timer, 1, 0); /* armed, and then not needed */
    work(&in);
    flare_timer_stop(in.timer);
    work(&in);
    ck_assert(!is_readable(in.fd, 5));
    inner_close(&in);
}
END_TEST

START_TEST(test_embed_wakes_for_a_descriptor)
{
    struct inner in;

    if (!inner_open(&in, _i))
        return;
    ck_assert_int_eq(flare_watch_new(in.rig.loop, &in.watch, in.pipe[0],
                                     FLARE_WATCH_READ, on_watch, &in),
                     0);
    work(&in);
    ck_assert(!is_readable(in.fd, 0));
    for (int i = 1; i < 50; i++) {
        ck_assert_int_eq(write(in.pipe[1], "x", 1), 1);
        ck_assert(is_readable(in.fd, 10000));
        while (in.reads < i)
            work(&in);
        settle(&in);
        ck_assert_int_eq(in.reads, i);
    }
    flare_watch_free(in.watch);
    work(&in);
    settle(&in);
    ck_assert_uint_eq(in.rig.loop->resident_count, 1); /* the timer */
    inner_close(&in);
}
END_TEST

/* ---- other threads ---- */

enum { POSTS = 3000 };

/* Each post only when the one before has run: each must wake the sleeper. */
static void *poster_main(void *arg)
{
    struct inner *in = arg;

    for (int i = 0; i < POSTS; i++) {
        ck_assert_int_eq(flare_loop_post(in->rig.loop, on_post, in), 0);
        while (atomic_load(&in->posts) == i)
            (void)sched_yield();
    }
    return NULL;
}

START_TEST(test_embed_M09_wakes_for_each_post_of_another_thread)
{
    struct inner in;
    pthread_t thread;

    if (!inner_open(&in, _i))
        return;
    ck_assert_int_eq(pthread_create(&thread, NULL, poster_main, &in), 0);
    while (atomic_load(&in.posts) < POSTS) {
        ck_assert_msg(is_readable(in.fd, 60000), "asleep after %d posts",
                      atomic_load(&in.posts));
        work(&in);
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    settle(&in);
    inner_close(&in);
}
END_TEST

static void *stopper_main(void *arg)
{
    flare_loop_stop(arg);
    return NULL;
}

START_TEST(test_embed_M09_wakes_for_a_stop)
{
    struct inner in;
    pthread_t thread;

    if (!inner_open(&in, _i))
        return;
    in.rig.loop->stays = true;
    work(&in);
    ck_assert_int_eq(pthread_create(&thread, NULL, stopper_main, in.rig.loop),
                     0);
    do
        ck_assert(is_readable(in.fd, 60000));
    while (work(&in) > 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(work(&in), 1); /* forgotten */
    settle(&in);
    inner_close(&in);
}
END_TEST

/* ---- bounds ---- */

static void on_post_again(void *ctx)
{
    struct inner *in = ctx;

    if (atomic_fetch_add(&in->posts, 1) < 1000)
        ck_assert_int_eq(flare_loop_post(in->rig.loop, on_post_again, in), 0);
}

static void on_post_stop(void *ctx)
{
    on_post(ctx);
    flare_loop_stop(((struct inner *)ctx)->rig.loop);
}

START_TEST(test_embed_leaves_the_foreign_loop_its_share)
{
    struct inner in;
    int calls = 0;

    if (!inner_open(&in, _i))
        return;
    in.rig.loop->stays = true;
    settle(&in);
    flare_timer_start(in.timer, 0, 1);
    ck_assert_int_eq(flare_loop_post(in.rig.loop, on_post_again, &in), 0);
    while (atomic_load(&in.posts) <= 1000) {
        int before = atomic_load(&in.posts);

        ck_assert(is_readable(in.fd, 0)); /* at once: it has not waited */
        work(&in);
        ck_assert_int_le(atomic_load(&in.posts) - before, 8 * 256);
        calls++;
    }
    ck_assert_int_ge(calls, 1);
    inner_close(&in);
}
END_TEST

/* ---- loops of all kinds ---- */

START_TEST(test_embed_in_an_epoll_of_somebody_else)
{
    struct inner in;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    int epoll_fd = epoll_create1(0);

    if (!inner_open(&in, _i))
        return;
    ck_assert_int_eq(flare_watch_new(in.rig.loop, &in.watch, in.pipe[0],
                                     FLARE_WATCH_READ, on_watch, &in),
                     0);
    ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, in.fd, &ev), 0);
    flare_timer_start(in.timer, 1, 0);
    work(&in);
    ck_assert_int_eq(write(in.pipe[1], "abc", 3), 3);
    while (in.fires == 0 || in.reads < 3) {
        ck_assert_int_eq(epoll_wait(epoll_fd, &ev, 1, 60000), 1);
        work(&in);
    }
    inner_close(&in);
    ck_assert_int_eq(close(epoll_fd), 0);
}
END_TEST

static void on_inner(flare_watch *watch, unsigned events, void *ctx)
{
    (void)watch;
    ck_assert_uint_eq(events, FLARE_WATCH_READ);
    work(ctx);
}

START_TEST(test_embed_in_a_loop_of_our_own_on_any_backend)
{
    struct inner in;
    struct loop_rig outer;
    flare_watch *watch;

    for (int backend = 0; backend < LOOP_RIG_KERNELS; backend++) {
        if (!loop_rig_open(&outer, backend))
            continue;
        if (!inner_open(&in, _i)) {
            loop_rig_close(&outer);
            return;
        }
        ck_assert_int_eq(flare_watch_new(outer.loop, &watch, in.fd,
                                         FLARE_WATCH_READ, on_inner, &in),
                         0);
        flare_timer_start(in.timer, 1, 1);
        LOOP_RIG_UNTIL(&outer, in.fires >= 5);
        loop_rig_close(&outer);
        inner_close(&in);
    }
}
END_TEST

START_TEST(test_embed_loop_may_also_wait_by_itself)
{
    struct inner in;

    if (!inner_open(&in, _i))
        return;
    flare_timer_start(in.timer, 2, 0);
    ck_assert_int_eq(flare_loop_run(in.rig.loop), 0);
    ck_assert_int_eq(in.fires, 1);
    ck_assert(!is_readable(in.fd, 0));
    inner_close(&in);
}
END_TEST

/* ---- anything in any order ---- */

static uint32_t below(uint64_t *noise, uint32_t n)
{
    *noise = *noise * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*noise >> 33) % n;
}

/* A step from outside; what is due then must come through the descriptor. */
static void random_step(struct inner *in, uint64_t *noise, int *writes,
                        int *posts)
{
    switch (below(noise, 6)) {
    case 0:
        flare_timer_start(in->timer, below(noise, 4), below(noise, 3));
        break;
    case 1:
        flare_timer_stop(in->timer);
        break;
    case 2:
        *writes += write(in->pipe[1], "x", 1) == 1;
        return; /* not a call on the loop */
    case 3:
        *posts += flare_loop_post(in->rig.loop, on_post, in) == 0;
        return; /* from any thread, at any time */
    case 4:
        ck_assert_int_eq(flare_watch_change(
                             in->watch, below(noise, 2) ? FLARE_WATCH_READ : 0),
                         0);
        break;
    default:
        return;
    }
    work(in);
}

START_TEST(test_embed_sleeps_through_nothing)
{
    for (uint32_t seed = 1; seed <= 60; seed++) {
        struct inner in;
        uint64_t noise = seed;
        int writes = 0;
        int posts = 0;

        if (!inner_open(&in, _i))
            return;
        ck_assert_int_eq(flare_watch_new(in.rig.loop, &in.watch, in.pipe[0],
                                         FLARE_WATCH_READ, on_watch, &in),
                         0);
        for (int step = 0; step < 100; step++) {
            random_step(&in, &noise, &writes, &posts);
            if (below(&noise, 3) == 0 && is_readable(in.fd, 0))
                work(&in);
        }
        ck_assert_int_eq(flare_watch_change(in.watch, FLARE_WATCH_READ), 0);
        flare_timer_start(in.timer, 1, 0);
        in.fires = 0;
        work(&in);
        while (in.fires == 0 || in.reads < writes ||
               atomic_load(&in.posts) < posts) {
            ck_assert_msg(is_readable(in.fd, 60000), "seed %u", seed);
            work(&in);
        }
        settle(&in);
        inner_close(&in);
    }
}
END_TEST

/* ---- refusals ---- */

START_TEST(test_embed_R08_without_descriptors_it_stays_as_it_was)
{
    struct loop_rig rig;
    struct rlimit before;
    struct rlimit limit;

    if (!loop_rig_open(&rig, _i))
        return;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    for (int more = 0; more < 4; more++) {
        int next = dup(0);
        int rc;

        ck_assert_int_eq(close(next), 0);
        limit.rlim_cur = (rlim_t)(next + more); /* none, or some of them */
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        rc = flare_loop_fd(rig.loop);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert(rc == -EMFILE || (rc >= 0 && more > 0));
    }
    ck_assert_int_eq(flare_loop_run(rig.loop), 0);
    ck_assert_int_ge(flare_loop_fd(rig.loop), 0);
    loop_rig_close(&rig);
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

START_TEST(test_embed_says_that_the_backend_broke)
{
    struct inner in;
    const struct flare__backend_ops *ops;
    struct flare__backend_ops broken;

    if (!inner_open(&in, _i))
        return;
    ops = in.rig.loop->ops;
    broken = *ops;
    broken.poll = poll_broken;
    in.rig.loop->ops = &broken;
    ck_assert_int_eq(flare_loop_run_once(in.rig.loop, 0), -EBADF);
    in.rig.loop->ops = ops; /* the test knows better */
    in.rig.loop->broken = 0;
    inner_close(&in);
}
END_TEST

/* A stop is seen after its turn, however much is left to do. */
START_TEST(test_embed_is_stopped_with_work_left)
{
    struct inner in;

    if (!inner_open(&in, _i))
        return;
    settle(&in);
    in.rig.loop->stays = true;
    flare_loop_stop(in.rig.loop);
    ck_assert_int_eq(flare_loop_post(in.rig.loop, on_post_stop, &in), 0);
    ck_assert_int_eq(work(&in), 0);
    ck_assert_int_eq(atomic_load(&in.posts), 0);
    ck_assert(is_readable(in.fd, 0));
    ck_assert_int_eq(work(&in), 0); /* stopped by the call */
    ck_assert_int_eq(atomic_load(&in.posts), 1);
    ck_assert(is_readable(in.fd, 0)); /* it was not asked what is left */
    settle(&in);
    inner_close(&in);
}
END_TEST

START_TEST(test_embed_the_simulated_network_has_no_descriptor)
{
    struct loop_rig rig;

    ck_assert(loop_rig_open(&rig, LOOP_RIG_SIM));
    ck_assert_int_eq(flare_loop_fd(rig.loop), -ENOTSUP);
    loop_rig_close(&rig);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct loop_rig rig;
    int rc = loop_rig_try(&rig, *(const int *)ctx, &f->al);

    if (rc < 0)
        return rc;
    rc = flare_loop_fd(rig.loop);
    loop_rig_close(&rig);
    return rc;
}

START_TEST(test_embed_survives_every_allocation_failure)
{
    struct loop_rig rig;

    if (!loop_rig_open(&rig, _i))
        return;
    loop_rig_close(&rig);
    ck_assert_uint_ge(fault_each("embed", scenario, &_i).sites, 3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/embed");
    TCase *t = tcase_create("embed");

#define ON_EACH(test) tcase_add_loop_test(t, test, 0, LOOP_RIG_KERNELS)
    ON_EACH(test_embed_is_readable_at_once_and_then_quiet);
    ON_EACH(test_embed_wakes_for_a_timer_and_not_before);
    ON_EACH(test_embed_wakes_for_a_descriptor);
    ON_EACH(test_embed_M09_wakes_for_each_post_of_another_thread);
    ON_EACH(test_embed_M09_wakes_for_a_stop);
    ON_EACH(test_embed_leaves_the_foreign_loop_its_share);
    ON_EACH(test_embed_in_an_epoll_of_somebody_else);
    ON_EACH(test_embed_in_a_loop_of_our_own_on_any_backend);
    ON_EACH(test_embed_loop_may_also_wait_by_itself);
    ON_EACH(test_embed_sleeps_through_nothing);
    ON_EACH(test_embed_says_that_the_backend_broke);
    ON_EACH(test_embed_is_stopped_with_work_left);
    ON_EACH(test_embed_R08_without_descriptors_it_stays_as_it_was);
    ON_EACH(test_embed_survives_every_allocation_failure);
#undef ON_EACH
    tcase_add_test(t, test_embed_the_simulated_network_has_no_descriptor);
    suite_add_tcase(s, t);
    return test_run(s);
}
