/* SPDX-License-Identifier: MIT */
/* One connection: deadlines, limits, order, backpressure, closing. */
#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define ECHO "POST /echo HTTP/1.1\r\nHost: a\r\n"

/* ---- order and reuse ---- */

START_TEST(test_conn_R06_pipelined_requests_are_all_answered_in_order)
{
    struct rig *r = rig_default();
    char body[40];
    char request[128];

    rig_connect(r, 0);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(body, sizeof(body), "<%d>", i);
        (void)snprintf(request, sizeof(request),
                       "POST /echo HTTP/1.1\r\nHost: a\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(body), body);
        rig_text(r, 0, request);
    }
    rig_run(r, 100);
    ck_assert_int_eq(rig_calls, 1000);
    for (int i = 0; i < 1000; i++) {
        static const char *at;

        (void)snprintf(body, sizeof(body), "\r\n\r\n<%d>", i);
        at = strstr(i == 0 ? r->peers[0].got : at, body);
        ck_assert_msg(at != NULL, "answer %d is not where it should be", i);
    }
    rig_free(r);
}
END_TEST

START_TEST(test_conn_a_request_may_be_cut_anywhere)
{
    static const char wire[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n" GET;
    struct rig *r = rig_default();

    for (size_t cut = 1; cut < sizeof(wire) - 1; cut++) {
        rig_connect(r, 0);
        rig_send(r, 0, wire, cut);
        rig_run(r, 5);
        rig_send(r, 0, wire + cut, sizeof(wire) - 1 - cut);
        rig_run(r, 5);
        ck_assert_msg(strcmp(rig_statuses(r, 0), "200 200") == 0,
                      "cut at %zu: %s", cut, r->peers[0].got);
        ck_assert_msg(strstr(r->peers[0].got, "\r\n\r\nabcde") != NULL,
                      "cut at %zu", cut);
    }
    rig_free(r);
}
END_TEST

START_TEST(test_conn_R05_the_last_allowed_request_says_close)
{
    struct rig *r = rig_with(
        (struct flare_server_config){.requests_per_connection_max = 2});

    (void)rig_ask(r, GET GET GET);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert_int_eq(rig_count(r, 0, "Connection: close"), 1);
    ck_assert(r->peers[0].has_fin);
    rig_free(r);
}
END_TEST

/* ---- deadlines: all in virtual time ---- */

static const struct {
    const char *name;
    const char *first; /* sent at 0 */
    const char *drip;  /* sent each `every_ms` after that; NULL: nothing */
    uint64_t every_ms;
    uint64_t alive_ms;    /* still open then */
    uint64_t dead_ms;     /* over by then */
    const char *statuses; /* that came */
} slow[] = {
    {"R01 nothing at all is closed in silence", "", NULL, 0, 9900, 10200, ""},
    {"R01 half a head", "GET / HT", NULL, 0, 9900, 10200, "408"},
    {"R01 one byte each second does not extend it", "GET / HTTP/1.1\r\nX:", "x",
     1000, 9900, 11200, "408"},
    {"R01 a second head is bound as well", GET "GET /", "x", 1000, 9900, 11200,
     "200 408"},
    {"R04 an idle connection", GET, NULL, 0, 59000, 60300, "200"},
    {"R02 a body that stops",
     "POST /echo HTTP/1.1\r\nHost: a\r\n"
     "Content-Length: 100000\r\n\r\nabc",
     NULL, 0, 9900, 10200, "408"},
    {"R02 a body below the rate",
     "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc", "x",
     1000, 9900, 11500, "408"},
    {"F26 one-byte chunks below the rate",
     "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
     "1\r\nx\r\n", 1000, 9900, 12000, "408"},
};

START_TEST(test_conn_slow_peers_are_gone_by_their_deadline)
{
    struct rig *r = rig_default();
    struct rig_peer *p = &r->peers[0];
    uint64_t at = 0;

    rig_connect(r, 0);
    rig_text(r, 0, slow[_i].first);
    while (at < slow[_i].alive_ms) {
        uint64_t step = slow[_i].drip != NULL ? slow[_i].every_ms : 100;

        if (slow[_i].drip != NULL)
            rig_text(r, 0, slow[_i].drip);
        rig_run(r,
                step < slow[_i].alive_ms - at ? step : slow[_i].alive_ms - at);
        at += step;
    }
    ck_assert_msg(!p->has_fin && !p->has_rst, "%s: gone too early",
                  slow[_i].name);
    rig_run(r, slow[_i].dead_ms - slow[_i].alive_ms);
    ck_assert_msg(p->has_fin || p->has_rst, "%s: still there", slow[_i].name);
    ck_assert_int_eq(flare_error_status(FLARE_E_TIMEOUT), 408);
    ck_assert_msg(strcmp(rig_statuses(r, 0), slow[_i].statuses) == 0,
                  "%s: got \"%s\"", slow[_i].name, rig_statuses(r, 0));
    rig_free(r);
}
END_TEST

START_TEST(test_conn_R03_a_peer_that_reads_nothing_is_reset)
{
    struct rig *r = rig_default();

    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    for (int i = 0; i < 50; i++)
        rig_text(r, 0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_run(r, 30000);
    ck_assert_uint_eq(r->http.conns.live, 1);
    rig_run(r, 8000); /* a quarter more at most */
    ck_assert_uint_eq(r->http.conns.live, 0);
    ck_assert_uint_eq(r->http.counters.aborted, 1);
    rig_free(r);
}
END_TEST

/* What one send holds takes it an hour: it is slow, not stalled. */
START_TEST(test_conn_R03_a_peer_that_reads_a_byte_at_a_time_is_kept)
{
    struct rig *r = rig_default();
    char byte;

    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    for (int i = 0; i < 10; i++)
        rig_text(r, 0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 40; i++) {
        rig_run(r, 29000);
        ck_assert_uint_eq(flare__sim_peer_recv(&r->peers[0].peer, &byte, 1), 1);
        ck_assert_uint_eq(r->http.conns.live, 1);
    }
    rig_run(r, 30000);
    ck_assert_uint_eq(r->http.conns.live, 1);
    rig_run(r, 15001);
    ck_assert_uint_eq(r->http.conns.live, 0);
    ck_assert_uint_eq(r->http.counters.timeouts, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_conn_a_slow_reader_that_takes_something_is_kept)
{
    struct rig *r = rig_default();
    char some[30000];

    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    for (int i = 0; i < 30; i++)
        rig_text(r, 0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 30; i++) {
        rig_run(r, 5000);
        for (int n = 0; n < 10; n++)
            (void)flare__sim_peer_recv(&r->peers[0].peer, some, sizeof(some));
    }
    ck_assert_uint_eq(r->http.counters.aborted, 0);
    rig_free(r);
}
END_TEST

/* ---- bounds ---- */

START_TEST(test_conn_R07_a_flood_unread_costs_bounded_memory)
{
    struct rig *r =
        rig_with((struct flare_server_config){.send_timeout_ms = 1000000,
                                              .idle_timeout_ms = 1000000,
                                              .head_timeout_ms = 1000000});
    size_t after_some;

    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    for (int i = 0; i < 3000; i++)
        rig_text(r, 0, GET);
    after_some = r->fault.live_bytes;
    for (int i = 0; i < 20; i++)
        rig_text(r, 0, GET); /* the network itself is full now */
    rig_run(r, 1000);
    ck_assert_uint_le(r->fault.live_bytes, after_some + 65536);
    ck_assert_int_lt(rig_calls, 3020);
    r->peers[0].is_deaf = false; /* it reads at last: nothing was lost */
    for (int i = 0; i < 2000; i++) {
        r->peers[0].len += flare__sim_peer_recv(
            &r->peers[0].peer, r->peers[0].got + r->peers[0].len, 4096);
        rig_run(r, 1);
    }
    r->peers[0].got[r->peers[0].len] = '\0';
    ck_assert_int_eq(rig_count(r, 0, "hello\n"), rig_calls);
    rig_free(r);
}
END_TEST

START_TEST(test_conn_F08_a_body_past_the_limit_is_refused_before_it_is_read)
{
    struct rig *r =
        rig_with((struct flare_server_config){.body_bytes_max = 10});

    (void)rig_ask(r, "POST /echo HTTP/1.1\r\nHost: a\r\n"
                     "Content-Length: 11\r\n\r\n");
    ck_assert_str_eq(rig_statuses(r, 0), "413");
    (void)rig_ask(r, "POST /echo HTTP/1.1\r\nHost: a\r\n"
                     "Content-Length: 10\r\n\r\n0123456789");
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    (void)rig_ask(r, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                     "chunked\r\n\r\n6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n");
    ck_assert_str_eq(rig_statuses(r, 0), "413");
    ck_assert_int_eq(flare_error_status(FLARE_E_BODY_TOO_LARGE), 413);
    ck_assert_int_eq(rig_calls, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_conn_R08_past_the_limit_accepting_waits_for_a_place)
{
    struct rig *r =
        rig_with((struct flare_server_config){.connections_max = 2});

    for (int i = 0; i < 3; i++) {
        rig_connect(r, i);
        rig_text(r, i, GET);
        rig_run(r, 10);
    }
    ck_assert_uint_eq(r->http.conns.live, 2);
    ck_assert_str_eq(rig_statuses(r, 2), "");
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true;
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 2), "200");
    rig_free(r);
}
END_TEST

START_TEST(test_conn_what_was_accepted_past_the_limit_is_served)
{
    struct rig *r =
        rig_with((struct flare_server_config){.connections_max = 1});

    for (int i = 0; i < RIG_PEERS; i++)
        rig_dial(r, i); /* one batch may bring them all */
    rig_run(r, 10);
    for (int i = 0; i < RIG_PEERS; i++) {
        rig_text(r, i, GET);
        rig_run(r, 10);
        ck_assert_str_eq(rig_statuses(r, i), "200");
        flare__sim_peer_close(&r->peers[i].peer, /* is_abort = */ true);
        r->peers[i].has_rst = true;
        rig_run(r, 10);
    }
    ck_assert_uint_eq(r->http.counters.shed, 0);
    ck_assert_uint_eq(r->http.counters.accepted, RIG_PEERS);
    rig_free(r);
}
END_TEST

START_TEST(test_conn_an_idle_connection_owns_no_buffer)
{
    struct rig *r = rig_default();
    size_t before;

    rig_connect(r, 0);
    rig_run(r, 1);
    before = r->fault.live_bytes;
    rig_text(r, 0, "GET /");
    rig_run(r, 1);
    ck_assert_uint_gt(r->fault.live_bytes, before);
    rig_text(r, 0, " HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_run(r, 1);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    /* what stays is the worker's: one pooled chunk */
    ck_assert_uint_le(r->fault.live_bytes, before + FLARE__OUT_CHUNK_BYTES);
    rig_free(r);
}
END_TEST

/* ---- endings ---- */

START_TEST(test_conn_K02_a_half_closed_peer_gets_its_answers)
{
    struct rig *r = rig_default();

    rig_connect(r, 0);
    rig_text(r, 0, GET GET "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    flare__sim_peer_shutdown(&r->peers[0].peer);
    rig_run(r, 100);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200 200");
    ck_assert(r->peers[0].has_fin);
    ck_assert_uint_eq(r->http.conns.live, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_conn_K02_half_a_request_at_the_end_is_refused)
{
    static const char *const halves[] = {
        "GET / HTTP/1.1\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc",
        ("POST /echo HTTP/1.1\r\nHost: a\r\n"
         "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
    };
    struct rig *r = rig_default();

    for (int i = 0; i < ROWS(halves); i++) {
        rig_connect(r, 0);
        rig_text(r, 0, halves[i]);
        flare__sim_peer_shutdown(&r->peers[0].peer);
        rig_run(r, 100);
        ck_assert_str_eq(rig_statuses(r, 0), "400");
        ck_assert_uint_eq(r->http.conns.live, 0);
    }
    ck_assert_int_eq(rig_calls, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_conn_F35_nothing_is_parsed_after_an_error)
{
    struct rig *r = rig_default();

    (void)rig_ask(r, GET "BAD\r\n\r\n" GET GET);
    ck_assert_str_eq(rig_statuses(r, 0), "200 400");
    ck_assert_int_eq(rig_calls, 1);
    rig_text(r, 0, GET);
    rig_run(r, 100);
    ck_assert_str_eq(rig_statuses(r, 0), "200 400");
    rig_free(r);
}
END_TEST

START_TEST(test_conn_K03_the_answer_is_seen_although_more_was_sent)
{
    struct rig *r = rig_default();
    char flood[8192];

    memset(flood, 'x', sizeof(flood));
    rig_connect(r, 0);
    rig_text(r, 0, "BAD\r\n\r\n");
    rig_send(r, 0, flood, sizeof(flood));
    rig_run(r, 100);
    ck_assert_str_eq(rig_statuses(r, 0), "400");
    ck_assert(r->peers[0].has_fin && !r->peers[0].has_rst);
    rig_run(r, 3000); /* the linger has its end too */
    ck_assert_uint_eq(r->http.conns.live, 0);
    rig_free(r);
}
END_TEST

/* A peer that asks for the end: whether its FIN is waited for after ours. */
static const struct {
    const char *name;
    const char *wire;
    const char *statuses;
    bool is_awaited;
} ends[] = {
    {"whole", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200",
     false},
    {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "200", false},
    {"a long answer",
     "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200", false},
    {"a body", ECHO "Connection: close\r\nContent-Length: 3\r\n\r\nabc", "200",
     false},
    {"a chunked body",
     ECHO "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n0\r\n\r\n",
     "200", false},
    {"no such route", "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
     "404", false},
    {"behind others", GET GET "GET / HTTP/1.0\r\n\r\n", "200 200 200", false},
    {"a request follows", "GET / HTTP/1.0\r\n\r\n" GET, "200", true},
    {"a line follows the body",
     ECHO "Connection: close\r\nContent-Length: 3\r\n\r\nabc\r\n", "200", true},
    {"a refused body",
     ECHO "Connection: close\r\nContent-Length: 99999999999\r\n\r\n", "413",
     true},
    {"a refused chunk",
     ECHO "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\nx", "400",
     true},
    {"refused", "GET / HTTP/1.0\r\nBAD\r\n\r\n", "400", true},
    {"an early answer",
     "POST /early HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
     "Content-Length: 3\r\n\r\n",
     "200", true},
};

static int on_early(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "early\n");
}

static void check_end(struct rig *r, int i, size_t cut)
{
    size_t len = strlen(ends[i].wire);

    rig_connect(r, 0);
    rig_send(r, 0, ends[i].wire, cut);
    if (cut < len)
        rig_run(r, 1);
    rig_send(r, 0, ends[i].wire + cut, len - cut);
    rig_run(r, 200);
    ck_assert_msg(!strcmp(rig_statuses(r, 0), ends[i].statuses), "%s, %zu: %s",
                  ends[i].name, cut, rig_statuses(r, 0));
    ck_assert_msg(r->peers[0].has_fin && !r->peers[0].has_rst, "%s, %zu",
                  ends[i].name, cut);
    ck_assert_msg(r->http.conns.live == ends[i].is_awaited, "%s, %zu: %u live",
                  ends[i].name, cut, r->http.conns.live);
    rig_run(r, 3000);
    ck_assert_uint_eq(r->http.conns.live, 0);
    ck_assert_uint_eq(r->http.counters.aborted, 0);
}

/* What is left unread makes a close a reset; the rest needs no waiting. */
START_TEST(test_conn_K03_a_peer_that_asked_for_the_end_is_not_waited_for)
{
    static const struct flare_route early[] = {
        FLARE_ROUTE(POST, "/early", FLARE_ROUTE_STREAM_BODY, 0, on_early)};
    bool is_early = strstr(ends[_i].wire, "/early") != NULL;
    struct rig *r = is_early ? rig_new(&(struct flare_server_config){
                                   .routes = FLARE_ROUTES(early)})
                             : rig_default();
    size_t len = strlen(ends[_i].wire);

    for (size_t cut = ends[_i].is_awaited ? len : 1; cut <= len; cut++)
        check_end(r, _i, cut);
    rig_free(r);
}
END_TEST

/* It may be under way while the answer still is. */
START_TEST(test_conn_K03_what_comes_during_the_last_answer_is_read)
{
    struct rig *r = rig_default();

    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    rig_text(r, 0, "GET /big HTTP/1.0\r\n\r\n");
    rig_run(r, 100);
    rig_text(r, 0, "\r\n");
    rig_run(r, 100);
    r->peers[0].is_deaf = false;
    for (int i = 0; i < 100; i++) {
        r->peers[0].len += flare__sim_peer_recv(
            &r->peers[0].peer, r->peers[0].got + r->peers[0].len, 65536);
        rig_run(r, 1);
    }
    ck_assert_uint_gt(r->peers[0].len, 200000);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert(r->peers[0].has_fin && !r->peers[0].has_rst);
    ck_assert_uint_eq(r->http.conns.live, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_conn_K03_endless_input_after_the_last_answer_is_reset)
{
    struct rig *r = rig_default();
    char flood[8192];

    memset(flood, 'x', sizeof(flood));
    rig_connect(r, 0);
    rig_text(r, 0, "BAD\r\n\r\n");
    for (int i = 0; i < 5000 && r->http.conns.live > 0; i++)
        rig_send(r, 0, flood, sizeof(flood));
    ck_assert_uint_eq(r->http.conns.live, 0);
    ck_assert_uint_eq(r->http.counters.aborted, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_conn_M01_drain_closes_idle_and_finishes_the_rest)
{
    struct rig *r = rig_default();

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_connect(r, 1);
    rig_text(r, 1,
             "POST /echo HTTP/1.1\r\nHost: a\r\n"
             "Content-Length: 3\r\n\r\na");
    rig_run(r, 10);
    flare__http_drain(&r->http);
    rig_run(r, 10);
    ck_assert(r->peers[0].has_fin);
    ck_assert(!r->peers[1].has_fin);
    rig_text(r, 1, "bc");
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 1), "200");
    ck_assert_int_eq(rig_count(r, 1, "Connection: close"), 1);
    ck_assert(r->peers[1].has_fin);
    r->http.is_draining = false; /* rig_free drains once more */
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/conn");
    TCase *t = tcase_create("conn");

    tcase_add_test(t,
                   test_conn_R06_pipelined_requests_are_all_answered_in_order);
    tcase_add_test(t, test_conn_a_request_may_be_cut_anywhere);
    tcase_add_test(t, test_conn_R05_the_last_allowed_request_says_close);
    tcase_add_loop_test(t, test_conn_slow_peers_are_gone_by_their_deadline, 0,
                        ROWS(slow));
    tcase_add_test(t, test_conn_R03_a_peer_that_reads_nothing_is_reset);
    tcase_add_test(t, test_conn_R03_a_peer_that_reads_a_byte_at_a_time_is_kept);
    tcase_add_test(t, test_conn_a_slow_reader_that_takes_something_is_kept);
    tcase_add_test(t, test_conn_R07_a_flood_unread_costs_bounded_memory);
    tcase_add_test(
        t, test_conn_F08_a_body_past_the_limit_is_refused_before_it_is_read);
    tcase_add_test(t, test_conn_R08_past_the_limit_accepting_waits_for_a_place);
    tcase_add_test(t, test_conn_what_was_accepted_past_the_limit_is_served);
    tcase_add_test(t, test_conn_an_idle_connection_owns_no_buffer);
    tcase_add_test(t, test_conn_K02_a_half_closed_peer_gets_its_answers);
    tcase_add_test(t, test_conn_K02_half_a_request_at_the_end_is_refused);
    tcase_add_test(t, test_conn_F35_nothing_is_parsed_after_an_error);
    tcase_add_test(t, test_conn_K03_the_answer_is_seen_although_more_was_sent);
    tcase_add_loop_test(
        t, test_conn_K03_a_peer_that_asked_for_the_end_is_not_waited_for, 0,
        ROWS(ends));
    tcase_add_test(t, test_conn_K03_what_comes_during_the_last_answer_is_read);
    tcase_add_test(t,
                   test_conn_K03_endless_input_after_the_last_answer_is_reset);
    tcase_add_test(t, test_conn_M01_drain_closes_idle_and_finishes_the_rest);
    suite_add_tcase(s, t);
    return test_run(s);
}
