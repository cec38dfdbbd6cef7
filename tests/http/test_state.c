/* SPDX-License-Identifier: MIT */
/* What handlers work on, and the hooks of workers: all start, or none runs. */
#include <flare/flare.h>

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

enum { WORKERS = 3 };

struct app {
    uint32_t failing; /* the worker whose start fails; WORKERS: none */
    flare_server *server;
    uint32_t listening;        /* calls of on_listening */
    uint32_t started[WORKERS]; /* each by its worker only */
    uint32_t stopped[WORKERS];
};

struct counters {
    uint32_t index;
    uint32_t visits;
};

FLARE_APP_TYPE(struct app);
FLARE_WORKER_TYPE(struct counters);

static struct counters counters[WORKERS];

static int on_visit(flare_req *req, flare_res *res)
{
    struct counters *c = flare_worker_state(req, struct counters);
    const struct app *app = flare_app(req, struct app);

    if (c == NULL)
        return flare_res_text(res, 200, app == NULL ? "neither" : "none");
    c->visits++;
    return flare_res_printf(res, 200, "%u of %u", c->visits, app->failing);
}

START_TEST(test_state_is_what_was_given_and_null_without)
{
    struct app app = {.failing = 9};
    struct counters own = {0, 0};
    struct rig *r = rig_new(&(struct flare_server_config){
        .handler = {on_visit, NULL}, .app = FLARE_APP(struct app, &app)});

    ck_assert_ptr_nonnull(
        strstr(rig_ask(r, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "none"));
    flare_worker_set_state(&r->http.worker, struct counters, &own);
    ck_assert_ptr_eq(flare_worker_app(&r->http.worker, struct app), &app);
    ck_assert_ptr_eq(flare_worker_loop(&r->http.worker), r->loop);
    rig_ask(r, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(
        rig_ask(r, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "\r\n\r\n2 of 9"));
    rig_free(r);
    r = rig_new(&(struct flare_server_config){.handler = {on_visit, NULL}});
    ck_assert_ptr_nonnull(
        strstr(rig_ask(r, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "neither"));
    rig_free(r);
}
END_TEST

/* ---- the hooks, on real workers ---- */

static int on_worker_start(flare_worker *worker)
{
    struct app *app = flare_worker_app(worker, struct app);
    uint32_t i = flare_worker_index(worker);

    ck_assert_uint_lt(i, WORKERS);
    ck_assert_ptr_nonnull(flare_worker_loop(worker));
    ck_assert_ptr_null(flare_worker_get_state(worker, struct counters));
    app->started[i]++;
    if (i == app->failing)
        return -EXDEV;
    counters[i] = (struct counters){i, 0};
    flare_worker_set_state(worker, struct counters, &counters[i]);
    return 0;
}

static void on_worker_stop(flare_worker *worker)
{
    struct app *app = flare_worker_app(worker, struct app);
    struct counters *c = flare_worker_get_state(worker, struct counters);

    ck_assert_ptr_eq(c, &counters[flare_worker_index(worker)]);
    app->stopped[c->index]++;
}

static void on_listening(const char *address, void *ctx)
{
    struct app *app = ctx;

    (void)address;
    app->listening++;
    flare_server_stop(app->server);
}

/* Runs a server whose worker `failing` does not start; what run returned. */
static int run(struct app *app, const char *backend, uint32_t failing,
               struct flare_error *err)
{
    const struct flare_server_config config = {
        .listen = "127.0.0.1:0",
        .backend = backend,
        .workers = WORKERS,
        .drain_grace_ms = 1,
        .handler = {on_visit, NULL},
        .app = FLARE_APP(struct app, app),
        .on_worker_start = on_worker_start,
        .on_worker_stop = on_worker_stop,
        .on_listening = on_listening,
        .listening_ctx = app,
    };
    int rc;

    *app = (struct app){.failing = failing};
    ck_assert_int_eq(flare_server_open(&app->server, &config, err), 0);
    rc = flare_server_run(app->server, err);
    flare_server_free(app->server);
    return rc;
}

static const char *const backends[] = {
    "uring",
    "epoll",
#ifdef FLARE_HAVE_KQUEUE
    "kqueue",
#endif
};

#define NEED_BACKEND(name)                                                     \
    do {                                                                       \
        if (flare_backend_probe((name), NULL) < 0)                             \
            TEST_SKIP("no backend %s here", (name));                           \
    } while (0)

START_TEST(test_state_hooks_are_called_once_for_each_worker)
{
    struct flare_error err;
    struct app app;

    NEED_BACKEND(backends[_i]);
    ck_assert_int_eq(run(&app, backends[_i], WORKERS, &err), 0);
    ck_assert_uint_eq(app.listening, 1);
    for (int i = 0; i < WORKERS; i++) {
        ck_assert_uint_eq(app.started[i], 1);
        ck_assert_uint_eq(app.stopped[i], 1);
    }
}
END_TEST

START_TEST(test_state_M08_a_hook_that_fails_starts_nobody)
{
    struct flare_error err = {0};
    struct app app;
    char text[64];

    NEED_BACKEND(backends[_i]);
    for (uint32_t failing = 0; failing < WORKERS; failing++) {
        ck_assert_int_eq(run(&app, backends[_i], failing, &err), -EXDEV);
        (void)snprintf(text, sizeof(text),
                       "worker %u: on_worker_start: ", failing);
        ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\"", err.text);
        ck_assert_uint_eq(app.listening, 0);
        for (uint32_t i = 0; i < WORKERS; i++) {
            ck_assert_uint_le(app.started[i], 1);
            ck_assert_msg(app.stopped[i] == (i == failing ? 0 : app.started[i]),
                          "worker %u of which %u failed", i, failing);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/state");
    TCase *tc = tcase_create("state");

    tcase_add_test(tc, test_state_is_what_was_given_and_null_without);
    tcase_add_loop_test(tc, test_state_hooks_are_called_once_for_each_worker, 0,
                        ROWS(backends));
    tcase_add_loop_test(tc, test_state_M08_a_hook_that_fails_starts_nobody, 0,
                        ROWS(backends));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
