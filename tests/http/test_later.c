/* SPDX-License-Identifier: MIT */
/* Answers that come after their handler has returned. */
#include "http/later.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define GET "GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-Y: z\r\n\r\n"
#define NEXT "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"

/* What the handlers leave for the test. */
static struct {
    flare_req *req;
    flare_res *res;
    flare_later *later;
    int calls;   /* of the handler that answers late */
    int answers; /* calls of a flare_later_fn with a request */
    int gone;    /* and without */
    int done;    /* on_done hooks */
    int done_rc;
    int done_status;
} saw;

static void on_done(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    (void)res;
    (void)ctx;
    ck_assert(flare_str_equal(flare_req_path(req), FLARE_STR("/a")));
    saw.done++;
    saw.done_rc = outcome->rc;
    saw.done_status = outcome->status;
}

static int on_any(flare_req *req, flare_res *res)
{
    if (flare_str_equal(flare_req_path(req), FLARE_STR("/next")))
        return flare_res_text(res, 200, "next\n");
    saw.calls++;
    saw.req = req;
    saw.res = res;
    ck_assert_int_eq(flare_res_on_done(res, on_done, NULL), 0);
    saw.later = flare_req_ctx(req) != NULL ? flare_res_defer(res) : NULL;
    return FLARE_LATER;
}

static struct rig *rig_late(bool is_promised, uint32_t timeout_ms)
{
    struct flare_server_config config = {
        .handler = {on_any, is_promised ? &saw : NULL},
        .answer_timeout_ms = timeout_ms,
    };

    memset(&saw, 0, sizeof(saw));
    return rig_new(&config);
}

static void answer(flare_req *req, flare_res *res, void *ctx)
{
    (void)ctx;
    if (res == NULL) {
        saw.gone++;
        return;
    }
    saw.answers++;
    ck_assert(flare_str_equal(flare_req_query(req), FLARE_STR("b=c")));
    ck_assert(flare_str_equal(flare_req_header(req, "x-y"), FLARE_STR("z")));
    ck_assert_int_eq(flare_res_text(res, 200, "late\n"), 0);
}

START_TEST(test_later_on_the_loop_answers_are_in_order)
{
    struct rig *r = rig_late(false, 0);

    rig_connect(r, 0);
    rig_text(r, 0, GET NEXT);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "");
    answer(saw.req, saw.res, NULL);
    ck_assert_int_eq(saw.done, 1);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert(strstr(r->peers[0].got, "late\nHTTP/1.1 200 OK") != NULL);
    ck_assert_int_eq(saw.done_status, 200);
    rig_free(r);
}
END_TEST

START_TEST(test_later_the_head_is_kept_whatever_the_cut)
{
    for (size_t cut = 1; cut < sizeof(GET) - 1; cut++) {
        struct rig *r = rig_late(false, 0);

        rig_connect(r, 0);
        rig_send(r, 0, GET, cut);
        rig_run(r, 5);
        rig_text(r, 0, &GET[cut]);
        rig_run(r, 5);
        rig_text(r, 0, NEXT); /* over what the head lay in */
        rig_run(r, 5);
        answer(saw.req, saw.res, NULL);
        rig_run(r, 5);
        ck_assert_msg(strcmp(rig_statuses(r, 0), "200 200") == 0,
                      "cut at %zu: %s", cut, rig_statuses(r, 0));
        rig_free(r);
    }
}
END_TEST

START_TEST(test_later_a_promise_is_kept_from_another_loop_turn)
{
    struct rig *r = rig_late(true, 0);

    rig_connect(r, 0);
    rig_text(r, 0, GET NEXT);
    rig_run(r, 50);
    ck_assert_ptr_nonnull(saw.later);
    flare_later_answer(saw.later, answer, NULL);
    ck_assert_int_eq(saw.answers, 0); /* never from within */
    rig_run(r, 50);
    ck_assert_int_eq(saw.answers, 1);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    rig_free(r);
}
END_TEST

static void *answer_from_thread(void *later)
{
    flare_later_answer(later, answer, NULL);
    return NULL;
}

START_TEST(test_later_a_promise_is_kept_from_another_thread)
{
    struct rig *r = rig_late(true, 0);
    pthread_t thread;

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 50);
    ck_assert_int_eq(
        pthread_create(&thread, NULL, answer_from_thread, saw.later), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    rig_free(r);
}
END_TEST

START_TEST(test_later_a_broken_promise_is_a_503)
{
    struct rig *r = rig_late(true, 0);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 50);
    flare_later_drop(saw.later);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "503");
    ck_assert_int_eq(saw.done_status, 503);
    flare_later_drop(NULL);
    rig_free(r);
}
END_TEST

static void answer_nothing(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
}

START_TEST(test_later_a_promise_kept_without_an_answer_is_a_500)
{
    struct rig *r = rig_late(true, 0);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 50);
    flare_later_answer(saw.later, answer_nothing, NULL);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "500");
    rig_free(r);
}
END_TEST

static void promise_again(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)ctx;
    ck_assert_ptr_nonnull(saw.later = flare_res_defer(res));
    ck_assert_ptr_null(flare_res_defer(res)); /* one at a time */
}

START_TEST(test_later_a_promise_may_be_followed_by_another)
{
    struct rig *r = rig_late(true, 0);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 50);
    flare_later_answer(saw.later, promise_again, NULL);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "");
    flare_later_answer(saw.later, answer, NULL);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    rig_free(r);
}
END_TEST

START_TEST(test_later_K01_a_reset_cancels_exactly_once)
{
    struct rig *r = rig_late(true, 0);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 50);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true;
    rig_run(r, 50);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_int_eq(saw.done_rc, FLARE_E_GONE);
    ck_assert_int_eq(saw.done_status, 0);
    flare_later_answer(saw.later, answer, NULL);
    rig_run(r, 50);
    ck_assert_int_eq(saw.gone, 1);
    ck_assert_int_eq(saw.answers, 0);
    ck_assert_int_eq(saw.done, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_later_K02_a_half_closed_peer_still_gets_its_answer)
{
    struct rig *r = rig_late(false, 0);

    rig_connect(r, 0);
    rig_text(r, 0, GET NEXT);
    flare__sim_peer_shutdown(&r->peers[0].peer);
    rig_run(r, 50);
    answer(saw.req, saw.res, NULL);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert(r->peers[0].has_fin);
    rig_free(r);
}
END_TEST

/* The last answer may come late: the peer is no more waited for than else. */
START_TEST(test_later_K03_a_peer_that_asked_for_the_end_is_not_waited_for)
{
    static const char last[] = "GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-Y: z\r\n"
                               "Connection: close\r\n\r\n";

    for (int sends_on = 0; sends_on < 2; sends_on++) {
        struct rig *r = rig_late(false, 0);

        rig_connect(r, 0);
        rig_text(r, 0, last);
        rig_run(r, 50);
        if (sends_on)
            rig_text(r, 0, NEXT);
        rig_run(r, 50);
        answer(saw.req, saw.res, NULL);
        rig_run(r, 50);
        ck_assert_str_eq(rig_statuses(r, 0), "200");
        ck_assert(r->peers[0].has_fin && !r->peers[0].has_rst);
        ck_assert_uint_eq(r->http.conns.live, (unsigned)sends_on);
        rig_free(r);
    }
}
END_TEST

START_TEST(test_later_an_answer_that_does_not_come_is_a_503_in_time)
{
    struct rig *r = rig_late(true, 5000);

    rig_connect(r, 0);
    rig_text(r, 0, GET NEXT);
    rig_run(r, 4900);
    ck_assert_str_eq(rig_statuses(r, 0), "");
    rig_run(r, 200);
    ck_assert_str_eq(rig_statuses(r, 0), "503");
    ck_assert_int_eq(rig_count(r, 0, "Connection: close"), 1);
    flare_later_answer(saw.later, answer, NULL); /* too late, and harmless */
    rig_run(r, 50);
    ck_assert_int_eq(saw.gone, 1);
    ck_assert_uint_eq(r->http.counters.timeouts, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_later_a_request_may_have_its_own_time)
{
    struct rig *r = rig_late(false, 5000);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    flare_res_timeout(saw.res, 20000);
    rig_run(r, 19900);
    ck_assert_str_eq(rig_statuses(r, 0), "");
    rig_run(r, 200);
    ck_assert_str_eq(rig_statuses(r, 0), "503");
    rig_free(r);
}
END_TEST

START_TEST(test_later_what_waits_behind_is_bounded)
{
    struct rig *r = rig_late(false, 0);
    static char flood[1 << 20];

    for (size_t i = 0; i + sizeof(NEXT) <= sizeof(flood); i += sizeof(NEXT) - 1)
        memcpy(flood + i, NEXT, sizeof(NEXT) - 1);
    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    (void)flare__sim_peer_send(&r->peers[0].peer, flood, sizeof(flood));
    rig_run(r, 100);
    ck_assert_uint_lt(r->fault.live_bytes, 256 << 10);
    answer(saw.req, saw.res, NULL);
    rig_run(r, 100);
    ck_assert_int_gt(rig_count(r, 0, "next\n"), 10);
    rig_free(r);
}
END_TEST

START_TEST(test_later_a_drain_waits_for_the_answer)
{
    struct rig *r = rig_late(false, 0);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    flare__http_drain(&r->http);
    rig_run(r, 1000);
    ck_assert(!flare__http_is_idle(&r->http));
    answer(saw.req, saw.res, NULL);
    rig_run(r, 10);
    ck_assert_int_eq(rig_count(r, 0, "Connection: close"), 1);
    rig_run(r, 5000);
    ck_assert(flare__http_is_idle(&r->http));
    rig_free(r);
}
END_TEST

static struct flare_later *kept; /* past the server's end */

START_TEST(test_later_M09_after_the_end_of_the_server_it_is_called_from_within)
{
    struct rig *r = rig_late(true, 0);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    kept = saw.later;
    flare__loop_ref(r->loop); /* rig_free counts memory; the promise has some */
    flare__http_abort(&r->http);
    rig_run(r, 10);
    ck_assert_int_eq(saw.done_rc, FLARE_E_GONE);
    flare_later_answer(kept, answer, NULL);
    flare__loop_unref(r->loop);
    rig_run(r, 10);
    ck_assert_int_eq(saw.gone, 1);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/later");
    TCase *tc = tcase_create("later");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_later_on_the_loop_answers_are_in_order);
    tcase_add_test(tc, test_later_the_head_is_kept_whatever_the_cut);
    tcase_add_test(tc, test_later_a_promise_is_kept_from_another_loop_turn);
    tcase_add_test(tc, test_later_a_promise_is_kept_from_another_thread);
    tcase_add_test(tc, test_later_a_broken_promise_is_a_503);
    tcase_add_test(tc, test_later_a_promise_kept_without_an_answer_is_a_500);
    tcase_add_test(tc, test_later_a_promise_may_be_followed_by_another);
    tcase_add_test(tc, test_later_K01_a_reset_cancels_exactly_once);
    tcase_add_test(tc, test_later_K02_a_half_closed_peer_still_gets_its_answer);
    tcase_add_test(
        tc, test_later_K03_a_peer_that_asked_for_the_end_is_not_waited_for);
    tcase_add_test(tc,
                   test_later_an_answer_that_does_not_come_is_a_503_in_time);
    tcase_add_test(tc, test_later_a_request_may_have_its_own_time);
    tcase_add_test(tc, test_later_what_waits_behind_is_bounded);
    tcase_add_test(tc, test_later_a_drain_waits_for_the_answer);
    tcase_add_test(
        tc,
        test_later_M09_after_the_end_of_the_server_it_is_called_from_within);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
