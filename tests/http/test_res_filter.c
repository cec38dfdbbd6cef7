/* SPDX-License-Identifier: MIT */
/* A coding that was chosen for an answer that then failed is taken back. */
#include "http/filter.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static struct {
    int freed;
    int feeds;
    int feeds_max;  /* past it no memory; 0: always enough */
    int rc;         /* of the call that failed */
    bool is_always; /* the hook fails for the answer that comes instead too */
} saw;

/* Puts an x before every piece. */
static int mark_feed(struct flare__filter *f, struct flare_str in,
                     enum flare__filter_how how, flare__filter_sink_fn sink,
                     void *ctx)
{
    int rc = sink(ctx, FLARE_STR("x"));

    (void)f;
    (void)how;
    saw.feeds++;
    if (saw.feeds_max != 0 && saw.feeds > saw.feeds_max)
        return -ENOMEM;
    return rc < 0 ? rc : sink(ctx, in);
}

static void mark_free(struct flare__filter *f)
{
    (void)f;
    saw.freed++;
}

static struct flare__filter mark = {"mark", mark_feed, mark_free};

/* The newest runs first: the filter is set, then the other hook fails. */
static int hook_codes(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)ctx;
    if (flare_res_status(res) != 200)
        return 0;
    ck_assert_int_eq(flare__res_filter(res, &mark), 0);
    ck_assert_int_eq(flare__res_filter(res, &mark), FLARE_E_ALREADY_ANSWERED);
    return flare_res_header(res, "X-Coded", FLARE_STR("yes"));
}

static int hook_fails(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)ctx;
    return saw.is_always || flare_res_status(res) == 200 ? FLARE_E_CONFLICT : 0;
}

static int in_full(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "secret");
}

static int in_pieces(flare_req *req, flare_res *res)
{
    int rc = flare_res_start(res, 200, FLARE_STR("a/b"), FLARE_LENGTH_UNKNOWN);

    (void)req;
    return rc < 0 ? rc : flare_res_finish(res);
}

static int hooked(flare_req *req, flare_res *res, struct flare_handler next,
                  void *ctx)
{
    (void)ctx;
    ck_assert_int_eq(flare_res_before_head(res, hook_fails, NULL), 0);
    ck_assert_int_eq(flare_res_before_head(res, hook_codes, NULL), 0);
    return flare_next(req, res, next);
}

static const struct {
    const char *name;
    flare_handler_fn fn;
    bool is_always;
} rows[] = {
    {"in full", in_full, false},
    {"in full, a hook that always fails", in_full, true},
    {"in pieces", in_pieces, false},
    {"in pieces, a hook that always fails", in_pieces, true},
};

START_TEST(test_res_filter_of_a_failed_answer_does_not_code_the_plain_one)
{
    static const struct flare_middleware around = {hooked, NULL};
    struct flare_server_config config = {
        .handler = {rows[_i].fn, NULL},
        .middleware = {&around},
    };
    struct rig *r;
    const char *got;

    memset(&saw, 0, sizeof(saw));
    saw.is_always = rows[_i].is_always;
    r = rig_new(&config);
    got = rig_ask(r, GET);
    ck_assert_msg(strcmp(rig_statuses(r, 0), "409") == 0, "%s: %s",
                  rows[_i].name, got);
    ck_assert_ptr_null(strstr(got, "Content-Encoding"));
    ck_assert_ptr_null(strstr(got, "X-Coded"));
    ck_assert_ptr_null(strstr(got, "secret"));
    ck_assert_ptr_nonnull(strstr(got, "\r\n\r\n409 Conflict\n"));
    ck_assert_int_eq(saw.freed, 1);
    ck_assert_int_eq(saw.feeds, 0);
    rig_free(r);
    ck_assert_int_eq(saw.freed, 1);
}
END_TEST

/* Writes, flushes and finishes; after a failure, what a careless one does. */
static int careless(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_before_head(res, hook_codes, NULL), 0);
    ck_assert_int_eq(
        flare_res_start(res, 200, FLARE_STR("a/b"), FLARE_LENGTH_UNKNOWN), 0);
    saw.rc = flare_res_write(res, FLARE_STR("one"));
    if (saw.rc >= 0)
        saw.rc = flare_res_flush(res);
    if (saw.rc >= 0)
        saw.rc = flare_res_finish(res);
    ck_assert_int_eq(flare_res_write(res, FLARE_STR("two")),
                     saw.rc < 0 ? FLARE_E_GONE : FLARE_E_NOT_STARTED);
    return FLARE_OK;
}

START_TEST(test_res_filter_that_fails_midway_cuts_the_connection)
{
    struct flare_server_config config = {.handler = {careless, NULL}};
    struct rig *r;

    memset(&saw, 0, sizeof(saw));
    saw.feeds_max = _i;
    r = rig_new(&config);
    (void)rig_ask(r, GET GET);
    if (_i == 0) {
        ck_assert_str_eq(rig_statuses(r, 0), "200 200");
        ck_assert_int_eq(rig_count(r, 0, "0\r\n\r\n"), 2);
    } else {
        ck_assert_int_eq(saw.rc, -ENOMEM);
        ck_assert(r->peers[0].has_rst);
        ck_assert_int_eq(rig_count(r, 0, "0\r\n\r\n"), 0);
    }
    ck_assert_int_eq(saw.freed, _i == 0 ? 2 : 1);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/res_filter");
    TCase *tc = tcase_create("res_filter");

    tcase_add_loop_test(
        tc, test_res_filter_of_a_failed_answer_does_not_code_the_plain_one, 0,
        ROWS(rows));
    tcase_add_loop_test(
        tc, test_res_filter_that_fails_midway_cuts_the_connection, 0, 3);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
