/* SPDX-License-Identifier: MIT */
/*
 * Bodies as a peer and a handler see them: trailers, 100 Continue, answers that
 * come before the body, peers that leave.
 */
#include <flare/request.h>

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <string.h>

static struct {
    int calls;
    int done; /* calls of on_done */
    int done_rc;
    int done_status;
    size_t early; /* trailers before the body was whole */
    char pieces[256];
    bool is_read_late;
    flare_req *req;
} saw;

static void on_done(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
    saw.done++;
    saw.done_rc = outcome->rc;
    saw.done_status = outcome->status;
}

static int answer_trailers(flare_req *req, flare_res *res)
{
    struct flare_str sum = flare_req_trailer(req, "x-sum");
    struct flare_str name = {NULL, 0};
    struct flare_str value = {NULL, 0};
    size_t count = flare_req_trailer_count(req);

    ck_assert_int_eq(flare_req_trailer_at(req, count, &name, &value),
                     FLARE_E_RANGE);
    if (count > 0)
        ck_assert_int_eq(flare_req_trailer_at(req, count - 1, &name, &value),
                         0);
    /* never among the head's */
    ck_assert_ptr_null(flare_req_header(req, "x-sum").ptr);
    return flare_res_printf(res, 200, "%s|%zu|%.*s|%.*s=%.*s", saw.pieces,
                            count, FLARE_STR_ARG(sum), FLARE_STR_ARG(name),
                            FLARE_STR_ARG(value));
}

static int on_whole(flare_req *req, flare_res *res)
{
    struct flare_str body = flare_req_body(req);

    saw.calls++;
    (void)snprintf(saw.pieces, sizeof(saw.pieces), "%.*s", FLARE_STR_ARG(body));
    return answer_trailers(req, res);
}

static int on_piece(flare_req *req, flare_res *res, struct flare_str piece,
                    bool is_last, void *ctx)
{
    size_t len = strlen(saw.pieces);

    (void)ctx;
    (void)snprintf(saw.pieces + len, sizeof(saw.pieces) - len, "%.*s",
                   FLARE_STR_ARG(piece));
    if (!is_last) {
        saw.early += flare_req_trailer_count(req);
        return 0;
    }
    return answer_trailers(req, res);
}

static int on_stream(flare_req *req, flare_res *res)
{
    saw.calls++;
    saw.req = req;
    if (flare_res_on_done(res, on_done, NULL) < 0)
        return FLARE_E_INTERNAL;
    if (!saw.is_read_late && flare_req_read(req, on_piece, NULL) < 0)
        return FLARE_E_INTERNAL;
    return FLARE_LATER;
}

/* Answers without a look at the body. */
static int on_ignore(flare_req *req, flare_res *res)
{
    (void)req;
    saw.calls++;
    if (flare_res_on_done(res, on_done, NULL) < 0)
        return FLARE_E_INTERNAL;
    return flare_res_text(res, 200, "ignored");
}

static int on_begin(flare_req *req, flare_res *res)
{
    (void)req;
    saw.calls++;
    if (flare_res_on_done(res, on_done, NULL) < 0)
        return FLARE_E_INTERNAL;
    return flare_res_start(res, 200, FLARE_STR("a/b"), 100);
}

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    saw.calls++;
    return flare_res_text(res, 200, "hello");
}

static const struct flare_route routes[] = {
    FLARE_ANY("/", on_hello),
    FLARE_POST("/whole", on_whole),
    FLARE_POST_STREAM("/stream", on_stream),
    FLARE_POST_STREAM("/ignore", on_ignore),
    FLARE_GET("/begin", on_begin),
};

static struct rig *open_rig(void)
{
    memset(&saw, 0, sizeof(saw));
    return rig_new(&(struct flare_server_config){.routes = FLARE_ROUTES(routes),
                                                 .fields_max = 4,
                                                 .chunk_overhead_max = 200});
}

#define CHUNKED(path)                                                          \
    "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

/* ---- F28: trailers ---- */

static const struct {
    const char *name;
    const char *body;
    const char *want; /* NULL: refused with `status` */
    const char *status;
} trailers[] = {
    {"none", "3\r\nabc\r\n0\r\n\r\n", "abc|0||=", "200"},
    {"one", "3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n", "abc|1|7|X-Sum=7", "200"},
    {"white space", "0\r\nX-Sum:\t 7 8 \r\n\r\n", "|1|7 8|X-Sum=7 8", "200"},
    {"empty value", "0\r\nA:\r\nX-Sum:\r\n\r\n", "|2||X-Sum=", "200"},
    {"the first counts", "1\r\nz\r\n0\r\nX-Sum:1\r\nx-sum:2\r\n\r\n",
     "z|2|1|x-sum=2", "200"},
    {"as many as fields_max", "0\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n",
     "|4||D=4", "200"},
    {"one more", "0\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\n\r\n", NULL, "431"},
    {"framing", "0\r\nContent-Length: 3\r\n\r\n", NULL, "400"},
    {"routing", "0\r\nhost: b\r\n\r\n", NULL, "400"},
    {"authentication", "0\r\nAuthorization: b\r\n\r\n", NULL, "400"},
    {"a name with a space", "0\r\nX : 3\r\n\r\n", NULL, "400"},
};

static void check_trailers(const char *head, const char *path, int row,
                           size_t cut)
{
    struct rig *r = open_rig();
    char wire[512];
    size_t len =
        (size_t)snprintf(wire, sizeof(wire), "%s%s", head, trailers[row].body);

    if (cut > len)
        cut = len;
    rig_connect(r, 0);
    rig_send(r, 0, wire, cut);
    rig_run(r, 2);
    rig_send(r, 0, wire + cut, len - cut);
    rig_run(r, 50);
    ck_assert_msg(strcmp(rig_statuses(r, 0), trailers[row].status) == 0,
                  "%s %s, cut at %zu: %s", trailers[row].name, path, cut,
                  rig_statuses(r, 0));
    if (trailers[row].want != NULL) {
        const char *body = strstr(r->peers[0].got, "\r\n\r\n") + 4;

        ck_assert_msg(strcmp(body, trailers[row].want) == 0,
                      "%s %s, cut at %zu: %s", trailers[row].name, path, cut,
                      body);
    }
    ck_assert_uint_eq(saw.early, 0);
    rig_free(r);
}

START_TEST(test_body_F28_trailers_are_given_whole_and_cut_anywhere)
{
    size_t at = strlen(CHUNKED("/whole"));

    for (size_t i = 0; i <= strlen(trailers[_i].body); i++) {
        check_trailers(CHUNKED("/whole"), "/whole", _i, at + i);
        check_trailers(CHUNKED("/stream"), "/stream", _i, at + 1 + i);
    }
}
END_TEST

START_TEST(test_body_trailers_are_not_taken_for_the_next_requests)
{
    static const char *const wires[] = {
        CHUNKED("/whole") "0\r\nX-Sum: 7\r\n\r\n",
        CHUNKED("/whole") "0\r\n\r\n",
        CHUNKED("/stream") "0\r\nX-Sum: 8\r\n\r\n",
        CHUNKED("/stream") "0\r\n\r\n",
    };
    struct rig *r = open_rig();

    rig_connect(r, 0);
    for (int i = 0; i < ROWS(wires); i++)
        rig_text(r, 0, wires[i]);
    rig_run(r, 100);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200 200 200");
    ck_assert_int_eq(rig_count(r, 0, "|1|7|X-Sum=7"), 1);
    ck_assert_int_eq(rig_count(r, 0, "|1|8|X-Sum=8"), 1);
    ck_assert_int_eq(rig_count(r, 0, "|0||="), 2);
    rig_free(r);
}
END_TEST

/* ---- F30, F31: bodies that nobody reads ---- */

static const struct {
    const char *name;
    const char *method;
} with_body[] = {{"GET", "GET"},
                 {"HEAD", "HEAD"},
                 {"OPTIONS", "OPTIONS"},
                 {"DELETE", "DELETE"}};

START_TEST(test_body_F30_a_body_is_never_taken_for_a_request)
{
    struct rig *r = open_rig();
    char wire[256];

    (void)snprintf(wire, sizeof(wire),
                   "%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 38\r\n\r\n"
                   "GET /smuggled HTTP/1.1\r\nHost: abcdef\r\n\r\n"
                   "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                   with_body[_i].method);
    rig_ask(r, wire);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert_int_eq(saw.calls, 2);
    rig_free(r);
}
END_TEST

/* Sends that much of a body that is ignored, then a request. */
static struct rig *ignore(const char *length, size_t sent)
{
    static char body[2 * FLARE__CONN_DISCARD_MAX];
    struct rig *r = open_rig();
    char head[128];

    (void)snprintf(head, sizeof(head),
                   "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: "
                   "%s\r\n\r\n",
                   length);
    rig_ask(r, head);
    rig_send(r, 0, body, sent);
    rig_run(r, 20);
    rig_text(r, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_run(r, 100);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_int_eq(saw.done_rc, 0);
    return r;
}

START_TEST(test_body_F31_what_is_left_of_a_short_body_is_drained)
{
    struct rig *r = ignore("65536", 65536);

    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert_int_eq(rig_count(r, 0, "Connection: close"), 0);
    rig_free(r);
}
END_TEST

START_TEST(test_body_F31_a_long_body_ends_the_connection)
{
    struct rig *r = ignore("65537", 65537);

    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert_int_eq(rig_count(r, 0, "Connection: close"), 1);
    ck_assert(r->peers[0].has_fin);
    rig_free(r);
}
END_TEST

START_TEST(test_body_F31_a_body_that_does_not_come_ends_the_connection)
{
    struct rig *r = open_rig();

    rig_ask(r, CHUNKED("/ignore") "5\r\nab");
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert(!r->peers[0].has_fin);
    rig_run(r, 60000);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert(r->peers[0].has_fin || r->peers[0].has_rst);
    rig_free(r);
}
END_TEST

START_TEST(test_body_R02_a_body_too_slow_is_a_408_to_its_hooks)
{
    struct rig *r = open_rig();

    rig_ask(r, CHUNKED("/stream") "5\r\nab");
    ck_assert_int_eq(saw.done, 0);
    rig_run(r, 60000);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_int_eq(saw.done_rc, 0); /* it has its answer */
    ck_assert_int_eq(saw.done_status, flare_error_status(FLARE_E_TIMEOUT));
    ck_assert_str_eq(rig_statuses(r, 0), "408");
    rig_free(r);
}
END_TEST

/* ---- F32, F33: Expect: 100-continue ---- */

#define EXPECT(path, version, more)                                            \
    "POST " path " HTTP/1." version                                            \
    "\r\nHost: a\r\nExpect: 100-continue\r\n" more "\r\n"
#define FIVE "Content-Length: 5\r\n"

static const struct {
    const char *name;
    const char *wire;
    const char *want;  /* at once */
    const char *later; /* after the body */
} expects[] = {
    {"buffered", EXPECT("/whole", "1", FIVE), "100", "100 200"},
    {"the body is there", EXPECT("/whole", "1", FIVE) "ab", "", "200"},
    {"no such route", EXPECT("/none", "1", FIVE), "404", "404"},
    {"no such method", EXPECT("/begin", "1", FIVE), "405", "405"},
    {"F33_HTTP/1.0", EXPECT("/whole", "0", FIVE), "", "200"},
    {"F33_no_body", EXPECT("/whole", "1", "Content-Length: 0\r\n"), "200",
     "200"},
    {"streamed and read", EXPECT("/stream", "1", FIVE), "100", "100 200"},
    {"streamed, not read", EXPECT("/ignore", "1", FIVE), "200", "200"},
};

START_TEST(test_body_F32_continue_is_said_when_the_body_is_wanted)
{
    struct rig *r = open_rig();
    size_t len = strlen(expects[_i].wire);
    size_t sent = strcmp(expects[_i].wire + len - 2, "ab") == 0 ? 2 : 0;

    rig_ask(r, expects[_i].wire);
    ck_assert_msg(strcmp(rig_statuses(r, 0), expects[_i].want) == 0, "%s: %s",
                  expects[_i].name, rig_statuses(r, 0));
    if (strcmp(expects[_i].want, expects[_i].later) != 0)
        rig_send(r, 0, &"hello"[sent], 5 - sent);
    rig_run(r, 100);
    ck_assert_msg(strcmp(rig_statuses(r, 0), expects[_i].later) == 0, "%s: %s",
                  expects[_i].name, rig_statuses(r, 0));
    rig_free(r);
}
END_TEST

START_TEST(test_body_F32_a_final_answer_instead_of_continue_is_the_last)
{
    struct rig *r = open_rig();

    /* what follows may be the body, or a request: nobody can tell */
    rig_ask(r, EXPECT("/ignore", "1", FIVE) "");
    rig_text(r, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_run(r, 100);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert_int_eq(rig_count(r, 0, "Connection: close"), 1);
    rig_free(r);
}
END_TEST

START_TEST(test_body_F32_continue_waits_for_the_read)
{
    struct rig *r = open_rig();

    saw.is_read_late = true;
    rig_ask(r, EXPECT("/stream", "1", FIVE));
    ck_assert_str_eq(rig_statuses(r, 0), "");
    ck_assert_int_eq(flare_req_read(saw.req, on_piece, NULL), 0);
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "100");
    rig_text(r, 0, "hello");
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "100 200");
    ck_assert_int_eq(saw.done, 1);
    rig_free(r);
}
END_TEST

/* ---- K01, K02: peers that leave ---- */

static const struct {
    const char *name;
    const char *wire;
    int done;
    const char *after_fin;
} leaves[] = {
    {"mid-head", "GET / HT", 0, "400"},
    {"mid-body", "POST /whole HTTP/1.1\r\nHost: a\r\n" FIVE "\r\nab", 0, "400"},
    {"mid-chunks", CHUNKED("/whole") "5\r\nab", 0, "400"},
    {"mid-trailer", CHUNKED("/whole") "0\r\nX-S", 0, "400"},
    {"mid-streamed body", CHUNKED("/stream") "5\r\nab", 1, "400"},
    {"mid-streamed trailer", CHUNKED("/stream") "0\r\nX-S", 1, "400"},
    {"mid-response", "GET /begin HTTP/1.1\r\nHost: a\r\n\r\n", 1, "200"},
};

START_TEST(test_body_K01_a_reset_cancels_exactly_once)
{
    struct rig *r = open_rig();

    rig_ask(r, leaves[_i].wire);
    ck_assert_msg(saw.done == 0, "%s", leaves[_i].name);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true; /* it is gone */
    rig_run(r, 100);
    ck_assert_msg(saw.done == leaves[_i].done, "%s: %d", leaves[_i].name,
                  saw.done);
    if (saw.done > 0)
        ck_assert_int_eq(saw.done_rc, FLARE_E_GONE);
    ck_assert_uint_eq(r->http.conns.live, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_body_K02_half_a_request_is_refused_after_fin)
{
    struct rig *r = open_rig();

    rig_ask(r, leaves[_i].wire);
    flare__sim_peer_shutdown(&r->peers[0].peer);
    rig_run(r, 100);
    ck_assert_msg(strcmp(rig_statuses(r, 0), leaves[_i].after_fin) == 0,
                  "%s: %s", leaves[_i].name, rig_statuses(r, 0));
    rig_run(r, 120000);
    ck_assert_msg(saw.done == leaves[_i].done, "%s", leaves[_i].name);
    ck_assert_uint_eq(r->http.conns.live, 0);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/body");
    TCase *tc = tcase_create("body");

    tcase_add_loop_test(tc,
                        test_body_F28_trailers_are_given_whole_and_cut_anywhere,
                        0, ROWS(trailers));
    tcase_add_test(tc, test_body_trailers_are_not_taken_for_the_next_requests);
    tcase_add_loop_test(tc, test_body_F30_a_body_is_never_taken_for_a_request,
                        0, ROWS(with_body));
    tcase_add_test(tc, test_body_F31_what_is_left_of_a_short_body_is_drained);
    tcase_add_test(tc, test_body_F31_a_long_body_ends_the_connection);
    tcase_add_test(tc,
                   test_body_F31_a_body_that_does_not_come_ends_the_connection);
    tcase_add_test(tc, test_body_R02_a_body_too_slow_is_a_408_to_its_hooks);
    tcase_add_loop_test(tc,
                        test_body_F32_continue_is_said_when_the_body_is_wanted,
                        0, ROWS(expects));
    tcase_add_test(
        tc, test_body_F32_a_final_answer_instead_of_continue_is_the_last);
    tcase_add_test(tc, test_body_F32_continue_waits_for_the_read);
    tcase_add_loop_test(tc, test_body_K01_a_reset_cancels_exactly_once, 0,
                        ROWS(leaves));
    tcase_add_loop_test(tc, test_body_K02_half_a_request_is_refused_after_fin,
                        0, ROWS(leaves));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
