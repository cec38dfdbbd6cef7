/* SPDX-License-Identifier: MIT */
/* A worker's loop as one of the user's: flare/loop.h on it. */
#include <flare/flare.h>

#include "tests/support/test.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

enum { WORKERS = 3, TICKS = 5 };

struct app {
    flare_server *server;
    uint32_t failing; /* the worker whose start fails; WORKERS: none */
    int pipe[2];
    atomic_int ticks;
    atomic_int reads;
    atomic_int posts;
    bool cleans_up;
};

struct own {
    flare_timer *timer;
    flare_watch *watch;
    struct app *app;
    int ticks;
};

FLARE_APP_TYPE(struct app);
FLARE_WORKER_TYPE(struct own);

static struct own owns[WORKERS];

static void on_post(void *ctx)
{
    atomic_fetch_add(&((struct app *)ctx)->posts, 1);
}

static void on_tick(flare_timer *timer, void *ctx)
{
    struct own *own = ctx;

    ck_assert(flare_timer_is_armed(timer));
    own->ticks++;
    if (own->ticks == TICKS &&
        atomic_fetch_add(&own->app->ticks, TICKS) == (WORKERS - 1) * TICKS)
        ck_assert_int_eq(write(own->app->pipe[1], "x", 1), 1);
}

/* Every worker sees it, as nobody reads it. */
static void on_readable(flare_watch *watch, unsigned events, void *ctx)
{
    struct own *own = ctx;

    ck_assert_uint_eq(events, FLARE_WATCH_READ);
    flare_watch_free(watch);
    own->watch = NULL;
    if (atomic_fetch_add(&own->app->reads, 1) == WORKERS - 1)
        flare_server_stop(own->app->server);
}

static int on_worker_start(flare_worker *worker)
{
    struct app *app = flare_worker_app(worker, struct app);
    uint32_t i = flare_worker_index(worker);
    flare_loop *loop = flare_worker_loop(worker);
    int rc;

    owns[i] = (struct own){.app = app};
    rc = flare_timer_new(loop, &owns[i].timer, on_tick, &owns[i]);
    if (rc < 0)
        return rc;
    flare_timer_start(owns[i].timer, 1, 1);
    rc = flare_watch_new(loop, &owns[i].watch, app->pipe[0], FLARE_WATCH_READ,
                         on_readable, &owns[i]);
    if (rc < 0)
        return rc;
    rc = flare_loop_post(loop, on_post, app);
    if (rc < 0)
        return rc;
    flare_worker_set_state(worker, struct own, &owns[i]);
    return i == app->failing ? -EXDEV : 0;
}

static void on_worker_stop(flare_worker *worker)
{
    struct own *own = flare_worker_get_state(worker, struct own);

    if (!own->app->cleans_up)
        return;
    flare_timer_free(own->timer);
    flare_watch_free(own->watch);
}

static int on_request(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "");
}

static const char *const backends[] = {
    "uring",
    "epoll",
#ifdef FLARE_HAVE_KQUEUE
    "kqueue",
#endif
};

static int run(struct app *app, const char *backend)
{
    const struct flare_server_config config = {
        .listen = "127.0.0.1:0",
        .backend = backend,
        .workers = WORKERS,
        .drain_grace_ms = 1,
        .handler = {on_request, NULL},
        .app = FLARE_APP(struct app, app),
        .on_worker_start = on_worker_start,
        .on_worker_stop = on_worker_stop,
    };
    struct flare_error err;
    int rc;

    ck_assert_int_eq(pipe(app->pipe), 0);
    ck_assert_int_eq(flare_server_open(&app->server, &config, &err), 0);
    rc = flare_server_run(app->server, &err);
    flare_server_free(app->server);
    ck_assert_int_eq(close(app->pipe[0]), 0);
    ck_assert_int_eq(close(app->pipe[1]), 0);
    return rc;
}

#define NEED_BACKEND(name)                                                     \
    do {                                                                       \
        if (flare_backend_probe((name), NULL) < 0)                             \
            TEST_SKIP("no backend %s here", (name));                           \
    } while (0)

START_TEST(test_server_loop_has_timers_and_watches_and_ends_with_what_is_left)
{
    NEED_BACKEND(backends[_i]);
    for (int cleans_up = 0; cleans_up < 2; cleans_up++) {
        struct app app = {.failing = WORKERS, .cleans_up = cleans_up};

        ck_assert_int_eq(run(&app, backends[_i]), 0);
        ck_assert_int_eq(atomic_load(&app.ticks), WORKERS * TICKS);
        ck_assert_int_eq(atomic_load(&app.reads), WORKERS);
        ck_assert_int_eq(atomic_load(&app.posts), WORKERS);
    }
}
END_TEST

START_TEST(test_server_loop_M08_a_start_that_fails_leaves_nothing_open)
{
    NEED_BACKEND(backends[_i]);
    for (uint32_t failing = 0; failing < WORKERS; failing++) {
        struct app app = {.failing = failing};

        ck_assert_int_eq(run(&app, backends[_i]), -EXDEV);
        ck_assert_int_eq(atomic_load(&app.reads), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/server_loop");
    TCase *t = tcase_create("loop");

    tcase_add_loop_test(
        t, test_server_loop_has_timers_and_watches_and_ends_with_what_is_left,
        0, ROWS(backends));
    tcase_add_loop_test(
        t, test_server_loop_M08_a_start_that_fails_leaves_nothing_open, 0,
        ROWS(backends));
    suite_add_tcase(s, t);
    return test_run(s);
}
