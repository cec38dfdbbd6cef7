/* SPDX-License-Identifier: MIT */
/* One worker's server: its beginning, its Date, its end. */
#include "base/assert.h"
#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "hello\n");
}

static int on_field(flare_req *req, flare_res *res)
{
    int rc = flare_res_header(res, "X-A", FLARE_STR("b"));

    (void)req;
    return rc < 0 ? rc : flare_res_text(res, 200, "hello\n");
}

static const struct flare_route routes[] = {
    FLARE_GET("/", on_hello),
    FLARE_GET("/field", on_field),
    FLARE_GET("/p/:id", on_hello),
};

static struct rig *http_rig_with(struct flare_server_config config)
{
    config.routes = FLARE_ROUTES(routes);
    return rig_new(&config);
}

static struct rig *http_rig(void)
{
    return http_rig_with((struct flare_server_config){.listen = NULL});
}

/* rig_free drains once more. */
static void rig_free_drained(struct rig *r)
{
    r->http.is_draining = false;
    rig_free(r);
}

/* ---- beginning ---- */

static int scenario_init(struct fault *f, void *ctx)
{
    struct flare__http_options options = *(struct flare__http_options *)ctx;
    struct flare__http *h = calloc(1, sizeof(*h));
    struct flare_loop loop = {.now_ms = 0};
    int rc;

    ck_assert_ptr_nonnull(h);
    options.al = &f->al;
    rc = flare__http_init(h, &loop, &options);
    if (rc >= 0) {
        ck_assert(flare__http_is_idle(h));
        flare__http_fini(h);
    }
    free(h);
    return rc;
}

START_TEST(test_http_init_survives_every_allocation_failure)
{
    struct rig *r = http_rig();

    ck_assert_uint_ge(fault_each("http", scenario_init, &r->options).sites, 1);
    rig_free(r);
}
END_TEST

/* What is allocated late, at the first need, may fail as well (R11). */
START_TEST(test_http_R11_scratch_that_cannot_be_had_is_a_503_and_then_is)
{
    static const char *const wires[] = {
        "GET /field HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /p/%41 HTTP/1.1\r\nHost: a\r\n\r\n",
    };

    for (int i = 0; i < ROWS(wires); i++) {
        struct rig *r = http_rig();

        (void)rig_ask(r, GET); /* whatever else is allocated is there */
        rig_text(r, 0, GET);
        r->fault.at = r->fault.sites + 1;
        r->fault.mode = FAULT_ONCE;
        rig_text(r, 0, wires[i]);
        rig_run(r, 100);
        ck_assert_uint_eq(r->fault.failed, 1);
        ck_assert_str_eq(rig_statuses(r, 0), "200 200 503");
        ck_assert_int_eq(rig_count(r, 0, "Retry-After: 1\r\n"), 1);
        ck_assert_int_eq(rig_count(r, 0, "Connection: close\r\n"), 1);
        (void)rig_ask(r, wires[i]);
        ck_assert_str_eq(rig_statuses(r, 0), "200");
        rig_free(r);
    }
}
END_TEST

/* ---- Date ---- */

START_TEST(test_http_R16_date_is_written_once_a_second_of_the_loop)
{
    struct rig *r = http_rig();
    uint64_t until_ms;

    (void)rig_ask(r, GET);
    until_ms = r->http.common_until_ms;
    ck_assert_uint_gt(until_ms, r->loop->now_ms);
    ck_assert_uint_le(until_ms, r->loop->now_ms + 1000);
    r->http.common[0] = 's'; /* what is written again is 'S' */
    rig_run(r, until_ms - r->loop->now_ms - 20);
    rig_text(r, 0, "GET /field HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_run(r, 5);
    ck_assert_int_eq(rig_count(r, 0, "server: flare\r\n"), 1);
    rig_run(r, 20);
    rig_text(r, 0, GET); /* also the head that is remembered is new */
    rig_run(r, 5);
    ck_assert_int_eq(rig_count(r, 0, "\nServer: flare\r\n"), 2);
    ck_assert_uint_eq(r->http.common_until_ms, until_ms + 1000);
    rig_free(r);
}
END_TEST

/* ---- the end ---- */

START_TEST(test_http_M01_an_idle_server_drains_at_once)
{
    struct rig *r = http_rig();

    ck_assert(!flare__http_is_idle(&r->http));
    flare__http_drain(&r->http);
    rig_run(r, 2);
    ck_assert(flare__http_is_idle(&r->http));
    rig_free_drained(r);
}
END_TEST

START_TEST(test_http_M01_a_full_server_drains)
{
    struct rig *r =
        http_rig_with((struct flare_server_config){.connections_max = 1});

    rig_connect(r, 0);
    rig_connect(r, 1);
    rig_run(r, 10);
    ck_assert_int_eq(r->http.listeners[0].state, FLARE__LISTENER_PAUSED);
    flare__http_drain(&r->http);
    rig_run(r, 3000);
    ck_assert(flare__http_is_idle(&r->http));
    rig_free_drained(r);
}
END_TEST

START_TEST(test_http_abort_resets_what_is_in_any_phase)
{
    struct rig *r = http_rig();

    for (int i = 0; i < 4; i++)
        rig_connect(r, i);
    rig_text(r, 1, "GET / HT");
    rig_text(r, 2, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
    rig_text(r, 3, "BAD\r\n\r\n");
    rig_run(r, 5);
    flare__http_drain(&r->http);
    flare__http_abort(&r->http);
    flare__http_abort(&r->http); /* a second time is nothing */
    rig_run(r, 5);
    ck_assert(flare__http_is_idle(&r->http));
    for (int i = 0; i < 3; i++)
        ck_assert(r->peers[i].has_rst);
    rig_free_drained(r);
}
END_TEST

static void on_late_peer(struct flare__sim_peer *peer,
                         enum flare__sim_peer_event what)
{
    struct rig_peer *p = FLARE_CONTAINER_OF(peer, struct rig_peer, peer);

    if (what == FLARE__SIM_PEER_RST || what == FLARE__SIM_PEER_REFUSED)
        p->has_rst = true;
}

/* FAILURES I10, I11: who was accepted while the listener closed. */
START_TEST(test_http_M02_who_comes_late_does_not_outlive_an_abort)
{
    struct rig *r = http_rig();
    struct rig_peer *p = &r->peers[0];

    rig_run(r, 5);
    flare__sim_rate_set(r->world, FLARE__SIM_CANCEL_LATE, 1000);
    flare__sim_rate_set(r->world, FLARE__SIM_CANCEL_RESULT, 1000);
    p->got = calloc(1, 1);
    p->peer.on_event = on_late_peer;
    flare__sim_peer_open(&p->peer, r->world);
    flare__sim_peer_connect(&p->peer, 80);
    flare__http_drain(&r->http);
    flare__http_abort(&r->http);
    rig_run(r, 500);
    ck_assert(flare__http_is_idle(&r->http));
    ck_assert_uint_eq(r->http.counters.shed, 1);
    rig_free_drained(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/http");
    TCase *t = tcase_create("http");

    tcase_add_test(t, test_http_init_survives_every_allocation_failure);
    tcase_add_test(
        t, test_http_R11_scratch_that_cannot_be_had_is_a_503_and_then_is);
    tcase_add_test(t, test_http_R16_date_is_written_once_a_second_of_the_loop);
    tcase_add_test(t, test_http_M01_an_idle_server_drains_at_once);
    tcase_add_test(t, test_http_M01_a_full_server_drains);
    tcase_add_test(t, test_http_abort_resets_what_is_in_any_phase);
    tcase_add_test(t, test_http_M02_who_comes_late_does_not_outlive_an_abort);
    suite_add_tcase(s, t);
    return test_run(s);
}
