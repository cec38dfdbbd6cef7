/* SPDX-License-Identifier: MIT */
/* Hooks are right for every way of answering; filters code what goes out. */
#include "http/filter.h"
#include "http/res.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define TYPE FLARE_STR("a/b")

static struct {
    char order[32]; /* of the calls */
    int rc;         /* what the first before_head hook returns */
    int status;     /* as that hook sees it */
    struct flare_outcome outcome;
    flare_res *res;
    bool is_coded;
    int freed;
} saw;

static void note(char c)
{
    size_t len = strlen(saw.order);

    ck_assert_uint_lt(len, sizeof(saw.order) - 1);
    saw.order[len] = c;
}

/* Doubles every byte, and says at the end that it did. */
static int doubler_feed(struct flare__filter *f, struct flare_str in,
                        enum flare__filter_how how, flare__filter_sink_fn sink,
                        void *ctx)
{
    int rc = 0;

    (void)f;
    for (size_t i = 0; i < in.len && rc >= 0; i++) {
        char two[2] = {in.ptr[i], in.ptr[i]};

        rc = sink(ctx, (struct flare_str){two, 2});
    }
    return how == FLARE__FILTER_END && rc >= 0 ? sink(ctx, FLARE_STR("$")) : rc;
}

static void doubler_free(struct flare__filter *f)
{
    (void)f;
    saw.freed++;
}

static struct flare__filter doubler = {"double", doubler_feed, doubler_free};

static int before(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    note(*(const char *)ctx);
    saw.status = flare_res_status(res);
    if (saw.rc < 0)
        return saw.rc;
    if (*(const char *)ctx == 'a' && saw.is_coded)
        ck_assert_int_eq(flare__res_filter(res, &doubler), 0);
    return flare_res_header(res, "X-Hook", flare_str(ctx));
}

static void done(flare_req *req, flare_res *res,
                 const struct flare_outcome *outcome, void *ctx)
{
    (void)req;
    (void)res;
    note(*(const char *)ctx);
    saw.outcome = *outcome;
}

static int late(flare_req *req, flare_res *res)
{
    (void)req;
    saw.res = res;
    return FLARE_LATER;
}

static int now(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 201, "body");
}

static int fails(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_E_CONFLICT;
}

static int in_pieces(flare_req *req, flare_res *res)
{
    int rc = flare_res_start(res, 200, TYPE, 4);

    (void)req;
    if (rc < 0)
        return rc;
    ck_assert_int_ge(flare_res_write(res, FLARE_STR("bo")), 0);
    ck_assert_int_eq(flare_res_flush(res), 0);
    ck_assert_int_ge(flare_res_write(res, FLARE_STR("dy")), 0);
    return flare_res_finish(res);
}

static int given(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_give(res, 200, TYPE, FLARE_STR("body"), NULL, NULL);
}

/* A middleware around the handler of the row. */
static int outer(flare_req *req, flare_res *res, struct flare_handler next,
                 void *ctx)
{
    (void)ctx;
    ck_assert_int_eq(flare_res_before_head(res, before, (void *)"a"), 0);
    ck_assert_int_eq(flare_res_on_done(res, done, (void *)"z"), 0);
    ck_assert_int_eq(flare_res_before_head(res, before, (void *)"b"), 0);
    ck_assert_int_eq(flare_res_on_done(res, done, (void *)"y"), 0);
    return flare_next(req, res, next);
}

static const struct {
    const char *name;
    flare_handler_fn fn;
    int status;
} ways[] = {
    {"now", now, 201},
    {"an error", fails, 409},
    {"in pieces", in_pieces, 200},
    {"given", given, 200},
    {"late", late, 200},
};

static struct rig *rig_way(int i)
{
    static const struct flare_middleware around = {outer, NULL};
    struct flare_server_config config = {.handler = {ways[i].fn, NULL},
                                         .middleware = {&around}};

    return rig_new(&config);
}

static const char *run_way(struct rig *r, int i, const char *text)
{
    const char *got = rig_ask(r, text);

    if (ways[i].fn == late) {
        ck_assert_int_eq(flare_res_text(saw.res, 200, "body"), 0);
        rig_run(r, 50);
    }
    return got;
}

START_TEST(test_res_hooks_run_once_the_newest_first_however_it_is_answered)
{
    struct rig *r;
    const char *got;

    memset(&saw, 0, sizeof(saw));
    r = rig_way(_i);
    got = run_way(r, _i, GET);
    ck_assert_msg(strcmp(saw.order, "bayz") == 0, "%s: %s", ways[_i].name,
                  saw.order);
    ck_assert_int_eq(saw.status, ways[_i].status);
    ck_assert_int_eq(saw.outcome.status, ways[_i].status);
    ck_assert_int_eq(saw.outcome.rc, 0);
    ck_assert(strstr(got, "X-Hook: b\r\nX-Hook: a\r\n") != NULL);
    rig_free(r);
}
END_TEST

START_TEST(test_res_hooks_that_fail_become_the_answer)
{
    struct rig *r;

    memset(&saw, 0, sizeof(saw));
    saw.rc = FLARE_E_FORBIDDEN;
    r = rig_way(_i);
    if (ways[_i].fn == late) {
        (void)rig_ask(r, GET);
        ck_assert_int_eq(flare_res_text(saw.res, 200, "body"),
                         FLARE_E_FORBIDDEN);
        saw.rc = 0;
        ck_assert_int_eq(flare_res_text(saw.res, 403, "no"), 0);
        rig_run(r, 50);
    } else {
        (void)run_way(r, _i, GET);
    }
    ck_assert_int_eq(saw.outcome.status, 403);
    rig_free(r);
}
END_TEST

START_TEST(test_res_hooks_a_filter_codes_every_kind_of_body)
{
    struct rig *r;
    const char *got;

    memset(&saw, 0, sizeof(saw));
    saw.is_coded = true;
    r = rig_way(_i);
    got = run_way(r, _i, GET);
    ck_assert(strstr(got, "Content-Encoding: double\r\n") != NULL);
    if (ways[_i].fn == in_pieces)
        ck_assert(strstr(got, "2\r\nyy\r\n1\r\n$\r\n0\r\n\r\n") != NULL);
    else if (ways[_i].fn != fails)
        ck_assert(strstr(got, "\r\n\r\nbbooddyy$") != NULL);
    ck_assert_int_eq(saw.freed, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_res_hooks_a_filter_and_head_give_the_coded_length)
{
    struct rig *r;
    const char *got;

    memset(&saw, 0, sizeof(saw));
    saw.is_coded = true;
    r = rig_way(0);
    got = run_way(r, 0, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert(strstr(got, "Content-Length: 9\r\n") != NULL);
    ck_assert(strstr(got, "bb") == NULL);
    rig_free(r);
}
END_TEST

static int registers_late(flare_req *req, flare_res *res)
{
    int rc = flare_res_text(res, 200, "x");

    (void)req;
    ck_assert_int_eq(flare_res_before_head(res, before, (void *)"a"),
                     FLARE_E_ALREADY_ANSWERED);
    ck_assert_int_eq(flare_res_on_done(res, done, (void *)"z"),
                     FLARE_E_ALREADY_ANSWERED);
    ck_assert_ptr_null(flare_res_defer(res));
    ck_assert_int_eq(flare_res_write(res, FLARE_STR("x")), FLARE_E_NOT_STARTED);
    ck_assert_int_eq(flare_res_start(res, 200, TYPE, 1),
                     FLARE_E_ALREADY_ANSWERED);
    return rc;
}

START_TEST(test_res_hooks_come_before_the_answer_or_not_at_all)
{
    struct flare_server_config config = {.handler = {registers_late, NULL}};
    struct rig *r = rig_new(&config);

    (void)rig_ask(r, GET);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/res_hooks");
    TCase *tc = tcase_create("res_hooks");

    tcase_add_loop_test(
        tc, test_res_hooks_run_once_the_newest_first_however_it_is_answered, 0,
        ROWS(ways));
    tcase_add_loop_test(tc, test_res_hooks_that_fail_become_the_answer, 0,
                        ROWS(ways));
    tcase_add_loop_test(tc, test_res_hooks_a_filter_codes_every_kind_of_body, 0,
                        ROWS(ways));
    tcase_add_test(tc, test_res_hooks_a_filter_and_head_give_the_coded_length);
    tcase_add_test(tc, test_res_hooks_come_before_the_answer_or_not_at_all);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
