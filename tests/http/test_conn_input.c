/* SPDX-License-Identifier: MIT */
/* The peer's bytes: bodies and their clocks, limits, pauses, early ends. */
#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

/* Reads what has come for deaf peer 0, for `ms` more. */
static void peer_listen(struct rig *r, uint64_t ms)
{
    struct rig_peer *p = &r->peers[0];

    p->is_deaf = false;
    for (uint64_t i = 0; i < ms; i++) {
        p->len += flare__sim_peer_recv(&p->peer, p->got + p->len,
                                       RIG_OUTPUT_MAX - p->len);
        rig_run(r, 1);
    }
    p->got[p->len] = '\0';
}

/* ---- the clocks of a body ---- */

static const struct {
    const char *name;
    struct flare_server_config config;
    uint32_t with_head; /* bytes of the body that come with its head */
    uint32_t each;      /* and then so many every `every_ms` */
    uint64_t every_ms;
    uint64_t alive_ms;
    uint64_t dead_ms;
} clocks[] = {
    {"R02 the gap alone: bytes just in time",
     {.body_gap_ms = 1000, .body_rate_min = FLARE_UNLIMITED},
     1,
     1,
     990,
     30000,
     0},
    {"R02 the gap alone: no bytes",
     {.body_gap_ms = 1000, .body_rate_min = FLARE_UNLIMITED},
     1,
     0,
     100,
     990,
     1010},
    {"R02 the gap rules where the rate is lax",
     {.body_gap_ms = 1000, .body_grace_ms = 50000, .body_rate_min = 1},
     1000,
     0,
     100,
     990,
     1010},
    {"R02 the rate: exactly at it",
     {.body_grace_ms = 1000, .body_rate_min = 100},
     100,
     100,
     1000,
     20000,
     0},
    {"R02 the rate: below it",
     {.body_grace_ms = 1000, .body_rate_min = 100},
     0,
     25,
     500,
     1400,
     1800},
    {"R02 the rate: nothing within the grace",
     {.body_grace_ms = 1000, .body_rate_min = 100},
     0,
     0,
     100,
     990,
     1010},
    {"R02 bytes that came with the head count as well",
     {.body_grace_ms = 1000, .body_rate_min = 100},
     1000,
     0,
     100,
     10900,
     11100},
    {"R02 as slow as may be configured, for as long",
     {.body_gap_ms = 86400000, .body_grace_ms = 86400000, .body_rate_min = 1},
     0,
     1,
     43200000,
     86000000,
     0},
    {"R02 as fast as may be configured",
     {.body_grace_ms = 1, .body_rate_min = FLARE_UNLIMITED - 1},
     1000,
     0,
     1,
     0,
     3},
};

START_TEST(test_conn_input_a_body_has_to_keep_up_with_its_clocks)
{
    static const char body[1000] = "";
    struct rig *r = rig_with(clocks[_i].config);
    struct rig_peer *p = &r->peers[0];
    char head[sizeof(body) + 128];
    int len = snprintf(head, sizeof(head), POST "Content-Length: 9999\r\n\r\n");
    uint64_t at = 0;

    memset(head + len, 'x', clocks[_i].with_head);
    rig_connect(r, 0);
    rig_send(r, 0, head, (size_t)len + clocks[_i].with_head);
    while (at < clocks[_i].alive_ms) {
        uint64_t step = clocks[_i].every_ms;

        if (step > clocks[_i].alive_ms - at)
            step = clocks[_i].alive_ms - at;
        rig_run(r, step);
        rig_send(r, 0, body, clocks[_i].each);
        at += step;
    }
    rig_run(r, 0);
    ck_assert_msg(!p->has_fin && !p->has_rst, "%s: gone too early",
                  clocks[_i].name);
    if (clocks[_i].dead_ms != 0) {
        rig_run(r, clocks[_i].dead_ms - at);
        ck_assert_msg(strcmp(rig_statuses(r, 0), "408") == 0, "%s: got \"%s\"",
                      clocks[_i].name, rig_statuses(r, 0));
    }
    rig_free(r);
}
END_TEST

START_TEST(test_conn_input_R02_one_body_owes_nothing_for_the_one_before)
{
    struct rig *r = rig_with((struct flare_server_config){
        .body_grace_ms = 1000, .body_rate_min = 100});

    rig_connect(r, 0);
    rig_text(r, 0, POST "Content-Length: 3\r\n\r\na");
    rig_run(r, 900);
    rig_text(r, 0, "bc" POST "Content-Length: 3\r\n\r\na");
    rig_run(r, 900);
    rig_text(r, 0, "bc");
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    rig_free(r);
}
END_TEST

/* ---- the clock of a head ---- */

/* The head's ten seconds are absolute, whatever else is under way. */
START_TEST(test_conn_input_R01_half_a_head_has_no_more_time_behind_an_answer)
{
    struct rig *r =
        rig_with((struct flare_server_config){.output_bytes_max = 1 << 20});

    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    rig_text(r, 0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET / HT");
    rig_run(r, 10500); /* the answer still fills the network */
    ck_assert_uint_eq(r->http.conns.live, 1);
    ck_assert_uint_eq(r->http.counters.timeouts, 1);
    peer_listen(r, 500);
    ck_assert_str_eq(rig_statuses(r, 0), "200 408");
    ck_assert(r->peers[0].has_fin);
    rig_free(r);
}
END_TEST

START_TEST(test_conn_input_R04_requests_that_wait_for_output_are_not_idle)
{
    struct rig *r = rig_with((struct flare_server_config){
        .idle_timeout_ms = 100, .head_timeout_ms = 100});

    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    rig_text(r, 0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n" GET GET "GET / H");
    rig_run(r, 5000);
    ck_assert_uint_eq(r->http.counters.timeouts, 0);
    peer_listen(r, 50);
    rig_text(r, 0, "TTP/1.1\r\nHost: a\r\n\r\n");
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200 200 200");
    rig_free(r);
}
END_TEST

START_TEST(test_conn_input_R04_an_idle_time_below_the_heads_is_kept)
{
    struct rig *r = rig_with((struct flare_server_config){
        .idle_timeout_ms = 1000, .head_timeout_ms = 10000});

    (void)rig_ask(r, GET);
    rig_run(r, 800);
    ck_assert(!r->peers[0].has_fin);
    rig_run(r, 200);
    ck_assert(r->peers[0].has_fin);
    rig_free(r);
}
END_TEST

/* ---- limits ---- */

static const struct {
    const char *name;
    const char *wire;
    const char *statuses;
} chunked[] = {
    {"at the limit", CHUNKED "8\r\n01234567\r\n8\r\n89abcdef\r\n0\r\n\r\n",
     "200"},
    {"F08 one past it", CHUNKED "8\r\n01234567\r\n9\r\n89abcdefg\r\n", "413"},
    {"F08 one chunk past it", CHUNKED "11\r\n0123456789abcdefg\r\n", "413"},
    {"F35 nothing is parsed behind it",
     CHUNKED "11\r\n0123456789abcdefg\r\n0\r\n\r\n" GET, "413"},
    {"F25 extensions at the limit",
     CHUNKED "1;456789=12345678\r\nx\r\n0\r\n\r\n" GET, "200 200"},
    {"F25 extensions past it", CHUNKED "1;456789=123456789\r\nx\r\n", "400"},
    {"F25 in all chunks together",
     CHUNKED
     "1;a=1\r\nx\r\n1;a=1\r\nx\r\n1;a=1\r\nx\r\n1;a=1\r\nx\r\n1;a=1\r\n",
     "400"},
    {"F28 trailers past it", CHUNKED "0\r\nA: 0123456789abcdef\r\n", "431"},
    {"F28 a framing trailer", CHUNKED "0\r\nHost: b\r\n\r\n" GET, "400"},
    {"F27 the size is no size", CHUNKED "g\r\n" GET, "400"},
};

START_TEST(test_conn_input_limits_hold_however_a_chunked_body_is_cut)
{
    const char *wire = chunked[_i].wire;
    size_t len = strlen(wire);
    struct rig *r = rig_with((struct flare_server_config){
        .body_bytes_max = 16, .chunk_overhead_max = 16});

    for (size_t cut = sizeof(CHUNKED) - 10; cut <= len; cut++) {
        rig_connect(r, 0);
        rig_send(r, 0, wire, cut);
        rig_run(r, 3);
        rig_send(r, 0, wire + cut, len - cut);
        rig_run(r, 3);
        ck_assert_msg(strcmp(rig_statuses(r, 0), chunked[_i].statuses) == 0,
                      "%s, cut at %zu: %s", chunked[_i].name, cut,
                      rig_statuses(r, 0));
    }
    rig_free(r);
}
END_TEST

START_TEST(test_conn_input_F32_a_peer_is_told_to_go_on_only_if_wanted)
{
    static const struct {
        const char *wire;
        const char *statuses;
    } rows[] = {
        {POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", "100"},
        {POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
         "100"},
        {POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nab", ""},
        {POST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", "200"},
        {POST "Expect: 100-continue\r\nContent-Length: 99\r\n\r\n", "413"},
        {"POST /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
         "Content-Length: 3\r\n\r\n",
         "404"},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
         "Content-Length: 3\r\n\r\n",
         "405"},
        {"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\n"
         "Content-Length: 3\r\n\r\n",
         ""},
    };
    struct rig *r =
        rig_with((struct flare_server_config){.body_bytes_max = 16});

    for (int i = 0; i < ROWS(rows); i++) {
        (void)rig_ask(r, rows[i].wire);
        ck_assert_msg(strcmp(rig_statuses(r, 0), rows[i].statuses) == 0,
                      "row %d: %s", i, rig_statuses(r, 0));
    }
    rig_free(r);
}
END_TEST

/* A refusal is an answer too: without a body, if it is to HEAD. */
START_TEST(test_conn_input_H41_a_refused_head_request_gets_no_body)
{
    static const char *const wires[] = {
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n",
        ("HEAD /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
         "Content-Length: 3\r\n\r\n"),
        "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n",
        ("\r\nHEAD / HTTP/1.1\r\nHost: a\r\n"
         "Transfer-Encoding: chunked\r\n\r\ng\r\n"),
    };
    struct rig *r =
        rig_with((struct flare_server_config){.body_bytes_max = 16});

    for (int i = 0; i < ROWS(wires); i++) {
        const char *got = rig_ask(r, wires[i]);
        const char *end = strstr(got, "\r\n\r\n");

        ck_assert_msg(end != NULL && end[4] == '\0', "row %d: %s", i, got);
    }
    rig_free(r);
}
END_TEST

/* ---- pauses ---- */

/* FAILURES R06: the others get their turn, nothing is lost. */
START_TEST(test_conn_input_R06_a_turn_answers_a_bounded_number)
{
    enum { COUNT = 3000 };
    struct rig *r = rig_with(
        (struct flare_server_config){.output_bytes_max = 16 * 1024 * 1024,
                                     .send_timeout_ms = 86400000,
                                     .idle_timeout_ms = 86400000});
    int most = 0;

    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    r->options.output_bytes_max = 1024; /* all are kept, and wait ... */
    rig_text(r, 0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_run(r, 1);
    for (int i = 0; i < COUNT; i++)
        if (flare__sim_peer_send(&r->peers[0].peer, GET, sizeof(GET) - 1) <
            sizeof(GET) - 1)
            break;
    rig_run(r, 10);
    r->options.output_bytes_max = 16 * 1024 * 1024; /* ... for turns alone */
    r->peers[0].is_deaf = false;
    r->peers[0].len += flare__sim_peer_recv(
        &r->peers[0].peer, r->peers[0].got + r->peers[0].len, 100000);
    for (int i = 0; i < 500; i++) {
        int before = rig_calls;

        ck_assert_int_eq(flare__loop_turn(r->loop, r->loop->now_ns + 1000000),
                         0);
        if (rig_calls - before > most)
            most = rig_calls - before;
    }
    ck_assert_int_gt(rig_calls, 600);
    ck_assert_int_le(most, 256);
    peer_listen(r, 100);
    ck_assert_int_eq(rig_count(r, 0, "HTTP/1.1 200"), rig_calls);
    rig_free(r);
}
END_TEST

static const struct {
    const char *name;
    const char *wire; /* behind a request whose answer fills the network */
    const char *statuses;
} ends[] = {
    {"nothing", "", "200"},
    {"whole requests", GET GET, "200 200 200"},
    {"a whole body", POST "Content-Length: 3\r\n\r\nabc", "200 200"},
    {"K02 half a head", GET "GET / HT", "200 200 400"},
    {"K02 half a body", POST "Content-Length: 3\r\n\r\na", "200 400"},
    {"K02 a head without its body", GET POST "Content-Length: 3\r\n\r\n",
     "200 200 400"},
    {"F27 half a chunked body", GET CHUNKED "3\r\nabc\r\n", "200 200 400"},
};

START_TEST(test_conn_input_an_end_that_came_in_a_pause_is_seen_after_it)
{
    struct rig *r = rig_with((struct flare_server_config){.listen = NULL});

    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    rig_text(r, 0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_text(r, 0, ends[_i].wire);
    flare__sim_peer_shutdown(&r->peers[0].peer);
    rig_run(r, 100);
    ck_assert_uint_eq(r->http.conns.live, 1);
    peer_listen(r, 100);
    ck_assert_msg(strcmp(rig_statuses(r, 0), ends[_i].statuses) == 0, "%s: %s",
                  ends[_i].name, rig_statuses(r, 0));
    ck_assert_msg(r->http.conns.live == 0, "%s: still there", ends[_i].name);
    rig_free(r);
}
END_TEST

/* ---- no memory ---- */

START_TEST(test_conn_input_R11_no_memory_ends_one_connection_at_most)
{
    static const char wire[] =
        GET CHUNKED "3\r\nabc\r\n0\r\n\r\n" POST "Content-Length: 3\r\n\r\nabc";
    struct rig *r = rig_with((struct flare_server_config){.listen = NULL});
    uint64_t failed = 1;

    for (uint64_t n = 1; failed > 0; n++) {
        size_t cut = sizeof(wire) - 3;

        rig_connect(r, 0);
        r->fault.failed = 0;
        r->fault.at = r->fault.sites + n;
        r->fault.mode = FAULT_ONCE;
        rig_send(r, 0, wire, 10);
        rig_run(r, 3);
        rig_send(r, 0, wire + 10, cut - 10);
        rig_run(r, 3);
        rig_send(r, 0, wire + cut, sizeof(wire) - 1 - cut);
        rig_run(r, 100);
        failed = r->fault.failed;
        fault_disarm(&r->fault);
        ck_assert(r->peers[0].has_fin || r->peers[0].has_rst ||
                  strcmp(rig_statuses(r, 0), "200 200 200") == 0);
        ck_assert_str_eq(rig_statuses(r, 0) + strlen(rig_statuses(r, 0)) - 3,
                         failed > 0 && r->peers[0].has_fin ? "503" : "200");
        (void)rig_ask(r, GET);
        ck_assert_str_eq(rig_statuses(r, 0), "200");
    }
    rig_free(r);
}
END_TEST

static int on_large(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "large\n");
}

START_TEST(test_conn_input_F08_a_routes_limit_is_that_routes_only)
{
    static const struct flare_route routes[] = {
        {.method = FLARE_METHOD_POST,
         .pattern = "/large",
         .handler = {on_large, NULL},
         .body_bytes_max = 4000},
        {.method = FLARE_METHOD_POST,
         .pattern = "/small",
         .handler = {on_large, NULL}},
    };
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes),
                                         .body_bytes_max = 1000};
    struct rig *r = rig_new(&config);
    char text[6000];
    const char *path[] = {"/large", _i == 0 ? "/none" : "/small"};

    rig_connect(r, 0);
    for (int i = 0; i < 2; i++) { /* in pieces, so that they are collected */
        int len = snprintf(text, sizeof(text),
                           "POST %s HTTP/1.1\r\nHost: a\r\n"
                           "Transfer-Encoding: chunked\r\n\r\nbb8\r\n",
                           path[i]);

        memset(text + len, 'x', 3000);
        rig_send(r, 0, text, (size_t)len + 3000);
        rig_run(r, 20);
        rig_text(r, 0, "\r\n0\r\n\r\n");
        rig_run(r, 20);
    }
    ck_assert_str_eq(rig_statuses(r, 0), "200 413");
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/conn_input");
    TCase *t = tcase_create("conn_input");

    tcase_add_loop_test(t,
                        test_conn_input_a_body_has_to_keep_up_with_its_clocks,
                        0, ROWS(clocks));
    tcase_add_test(
        t, test_conn_input_R02_one_body_owes_nothing_for_the_one_before);
    tcase_add_test(
        t, test_conn_input_R01_half_a_head_has_no_more_time_behind_an_answer);
    tcase_add_test(
        t, test_conn_input_R04_requests_that_wait_for_output_are_not_idle);
    tcase_add_test(t, test_conn_input_R04_an_idle_time_below_the_heads_is_kept);
    tcase_add_loop_test(
        t, test_conn_input_limits_hold_however_a_chunked_body_is_cut, 0,
        ROWS(chunked));
    tcase_add_test(t,
                   test_conn_input_F32_a_peer_is_told_to_go_on_only_if_wanted);
    tcase_add_test(t, test_conn_input_H41_a_refused_head_request_gets_no_body);
    tcase_add_test(t, test_conn_input_R06_a_turn_answers_a_bounded_number);
    tcase_add_loop_test(
        t, test_conn_input_an_end_that_came_in_a_pause_is_seen_after_it, 0,
        ROWS(ends));
    tcase_add_loop_test(
        t, test_conn_input_F08_a_routes_limit_is_that_routes_only, 0, 2);
    tcase_add_test(t,
                   test_conn_input_R11_no_memory_ends_one_connection_at_most);
    suite_add_tcase(s, t);
    return test_run(s);
}
