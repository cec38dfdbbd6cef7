/* SPDX-License-Identifier: MIT */
/*
 * A client against a scripted server: requests and answers, kept connections,
 * places and those who wait, deadlines, ends.
 */
#include "tests/http/client_rig.h"

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static struct client_rig rig;

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

#define EACH_BACKEND(script, config)                                           \
    if (!client_rig_start(&rig, _i, script, config))                           \
    return

static const char *body_of(const struct rig_call *c)
{
    ck_assert_msg(c->rc == 0, "%s", c->err.text);
    return flare_reply_text(c->reply);
}

/* ---- one request ---- */

START_TEST(test_client_gets_and_has_the_answer)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
         "hello",
         0, 0},
        {NULL, 0, 0}};
    struct rig_call *c;
    size_t place = 0;

    EACH_BACKEND(script, NULL);
    c = client_rig_fetch(&rig, "/a/../b?c=d#e");
    ck_assert_str_eq(body_of(c), "hello");
    ck_assert_int_eq(flare_reply_status(c->reply), 200);
    ck_assert(flare_str_equal(flare_reply_reason(c->reply), FLARE_STR("Fine")));
    ck_assert(flare_str_equal(flare_reply_header_next(c->reply, "X-A", &place),
                              FLARE_STR("1")));
    ck_assert(flare_str_equal(flare_reply_header_next(c->reply, "X-A", &place),
                              FLARE_STR("2")));
    ck_assert_uint_eq(flare_reply_length(c->reply), 5);
    ck_assert(!flare_reply_is_reused(c->reply));
    ck_assert_int_eq(c->heads, 1);
    ck_assert_int_eq(rig.asked_count, 1);
    ck_assert(client_rig_has(&rig, 0, "GET /b?c=d HTTP/1.1\r\nHost: 1"));
    ck_assert(client_rig_has(&rig, 0, "User-Agent: flare/" FLARE_VERSION));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_keeps_connections_and_uses_them_again)
{
    static const struct rig_line script[] = {
        {OK, 0, 0}, {OK, 0, 0}, {OK, 0, 0}, {NULL, 0, 0}};
    struct flare_client_stats stats;
    struct rig_call *c = NULL;

    EACH_BACKEND(script, NULL);
    for (int i = 0; i < 3; i++) {
        c = client_rig_fetch(&rig, "/");
        ck_assert_str_eq(body_of(c), "hello");
    }
    ck_assert_int_eq(rig.peer_count, 1);
    ck_assert_uint_eq(rig.peers[0].requests, 3);
    ck_assert(flare_reply_is_reused(c->reply));
    flare_client_stats(rig.client, &stats);
    ck_assert_uint_eq(stats.requests, 3);
    ck_assert_uint_eq(stats.connections, 1);
    ck_assert_uint_eq(stats.reused, 2);
    ck_assert_uint_eq(stats.open, 1);
    ck_assert_uint_eq(stats.idle, 1);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_a_body_by_chunks_has_trailers)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n",
         0, 0},
        {NULL, 0, 0}};
    struct rig_call *c;

    EACH_BACKEND(script, NULL);
    c = client_rig_fetch(&rig, "/");
    ck_assert_str_eq(body_of(c), "abcde");
    ck_assert(flare_str_equal(flare_reply_trailer(c->reply, "x-sum"),
                              FLARE_STR("7")));
    ck_assert_uint_eq(flare_reply_length(c->reply), FLARE_LENGTH_UNKNOWN);
    client_rig_run(&rig, 1);
    ck_assert_int_eq(client_rig_open_peers(&rig), 1);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_a_body_to_the_end_of_the_connection)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 200 OK\r\n\r\nall of it", RIG_CLOSE, 0}, {NULL, 0, 0}};

    EACH_BACKEND(script, NULL);
    ck_assert_str_eq(body_of(client_rig_fetch(&rig, "/")), "all of it");
    RIG_UNTIL(&rig, client_rig_open_peers(&rig) == 0);
    client_rig_close(&rig);
}
END_TEST

/* Cut at every byte: a byte at a time, each in a turn of its own. */
START_TEST(test_client_the_answer_does_not_depend_on_the_cut)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
         "Transfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
         "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n",
         RIG_SLOW, 0},
        {NULL, 0, 0}};
    const struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/")};
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    c = client_rig_ask(&rig, &ask, &rig_streams);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_int_eq(c->datas, 5);
    ck_assert_mem_eq(c->data, "abcde", 5);
    ck_assert(
        flare_str_equal(flare_reply_header(c->reply, "X-A"), FLARE_STR("b")));
    ck_assert(flare_str_equal(flare_reply_trailer(c->reply, "X-Sum"),
                              FLARE_STR("7")));
    ck_assert_uint_ge(flare_reply_elapsed_ms(c->reply), 50);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_tells_when_what_has_happened)
{
    static const struct rig_line script[] = {
        {OK, 0, 0}, {OK, RIG_SLOW, 0}, {NULL, 0, 0}};
    struct flare_reply_timings t;
    struct flare_addr peer;
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    c = client_rig_fetch(&rig, "http://a.test/");
    flare_reply_timings(c->reply, &t);
    ck_assert_uint_eq(t.begun_ns, 0);
    ck_assert_uint_gt(t.name_ns, 0);
    ck_assert_uint_gt(t.connected_ns, t.name_ns);
    ck_assert_uint_eq(t.tls_ns, 0);
    ck_assert_uint_ge(t.sent_ns, t.connected_ns);
    ck_assert_uint_gt(t.first_byte_ns, t.sent_ns);
    ck_assert_uint_ge(t.end_ns, t.first_byte_ns);
    peer = flare_reply_peer(c->reply);
    ck_assert_int_eq(peer.kind, FLARE_ADDR_IP);
    ck_assert_uint_eq(peer.port, 80);
    c = client_rig_fetch(&rig, "http://a.test/kept");
    flare_reply_timings(c->reply, &t);
    ck_assert_uint_eq(t.name_ns + t.connected_ns + t.tls_ns, 0);
    ck_assert_uint_gt(t.sent_ns, 0);
    /* a byte each millisecond */
    ck_assert_uint_ge(t.end_ns - t.first_byte_ns, 20 * 1000000);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_times_of_a_redirect_are_of_the_last_request)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
         RIG_SLOW, 0},
        {OK, 0, 0},
        {NULL, 0, 0}};
    struct flare_reply_timings t;
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    c = client_rig_fetch(&rig, "/a");
    flare_reply_timings(c->reply, &t);
    ck_assert_uint_ge(t.begun_ns, 20 * 1000000);
    ck_assert_uint_eq(t.connected_ns, 0);
    ck_assert_uint_ge(t.sent_ns, t.begun_ns);
    ck_assert_uint_gt(t.first_byte_ns, t.sent_ns);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_base_url_and_query)
{
    static const struct rig_line script[] = {
        {OK, 0, 0}, {OK, 0, 0}, {NULL, 0, 0}};
    const struct flare_client_config config = {.base_url =
                                                   "http://192.0.2.1/api/v1/"};
    static const struct flare_field query[] = {
        {FLARE_STR("q"), FLARE_STR("a b&c=\xc3\xa4")},
        {FLARE_STR("n"), FLARE_STR("")},
        {FLARE_STR(""), FLARE_STR("")}};
    struct flare_ask ask = {.url = FLARE_STR("users?x=1"), .query = query};

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, &config));
    (void)client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects));
    ck_assert(client_rig_has(
        &rig, 0, "GET /api/v1/users?x=1&q=a+b%26c%3D%C3%A4&n= HTTP/1.1\r\n"));
    ask.url = FLARE_STR("http://192.0.2.9/else#f");
    (void)client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects));
    ck_assert(client_rig_has(&rig, 1,
                             "GET /else?q=a+b%26c%3D%C3%A4&n= HTTP/1.1\r\n"));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_fields_of_its_own_are_replaced_and_left_out)
{
    static const struct rig_line script[] = {
        {OK, 0, 0}, {OK, 0, 0}, {NULL, 0, 0}};
    static const struct flare_field own[] = {
        {FLARE_STR("X-Team"), FLARE_STR("red")},
        {FLARE_STR("Accept"), FLARE_STR("text/html")},
        {FLARE_STR(""), FLARE_STR("")}};
    static const struct flare_field fields[] = {
        {FLARE_STR("accept"), FLARE_STR("a/b")},
        {FLARE_STR("User-Agent"), FLARE_STR("")},
        {FLARE_STR("accept-encoding"), FLARE_STR("")},
        {FLARE_STR(""), FLARE_STR("")}};
    const struct flare_client_config config = {.headers = own};
    const struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/"),
                                  .headers = fields};

    TEST_NEEDS_ZLIB();
    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, &config));
    (void)client_rig_fetch(&rig, "/");
    (void)client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects));
    ck_assert(client_rig_has(&rig, 0, "X-Team: red\r\n"));
    ck_assert(client_rig_has(&rig, 0, "Accept: text/html\r\n"));
    ck_assert(client_rig_has(&rig, 0, "Accept-Encoding: "));
    ck_assert(client_rig_has(&rig, 1, "X-Team: red\r\n"));
    ck_assert(client_rig_has(&rig, 1, "accept: a/b\r\n"));
    ck_assert(!client_rig_has(&rig, 1, "text/html"));
    ck_assert(!client_rig_has(&rig, 1, "User-Agent"));
    ck_assert(!client_rig_has(&rig, 1, "ncoding"));
    client_rig_close(&rig);
}
END_TEST

/* ---- places ---- */

START_TEST(test_client_calls_wait_for_a_place_in_their_order)
{
    static const struct rig_line script[] = {
        {OK, RIG_GATE, 0}, {OK, RIG_GATE, 0}, {OK, 0, 0},  {OK, 0, 0},
        {OK, 0, 0},        {OK, 0, 0},        {NULL, 0, 0}};
    const struct flare_client_config config = {.connections_per_origin_max = 2,
                                               .waiting_max = 4};
    const struct flare_ask more = {.url = FLARE_STR("http://192.0.2.1/7")};
    struct flare_client_stats stats;
    struct rig_call *c[6];

    EACH_BACKEND(script, &config);
    for (int i = 0; i < 6; i++) {
        char path[8];

        (void)snprintf(path, sizeof(path), "/%d", i);
        c[i] = client_rig_get(&rig, path);
    }
    flare_client_stats(rig.client, &stats);
    ck_assert_uint_eq(stats.open, 2);
    ck_assert_uint_eq(stats.waiting, 4);
    if (_i == CLIENT_RIG_SIM)
        ck_assert_int_eq(client_rig_try(&rig, NULL, &more, &rig_collects),
                         FLARE_E_CALLS_FULL);
    RIG_UNTIL(&rig, rig.peer_count == 2 && rig.peers[0].is_gated &&
                        rig.peers[1].is_gated);
    client_rig_open_gate(&rig);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(client_rig_wait(&rig, c[i]), 0);
    ck_assert_int_eq(rig.peer_count, 2);
    ck_assert(client_rig_has(&rig, 2, "GET /2 ") ||
              client_rig_has(&rig, 2, "GET /3 "));
    ck_assert(client_rig_has(&rig, 5, "GET /5 ") ||
              client_rig_has(&rig, 5, "GET /4 "));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_an_idle_connection_makes_room_for_another_origin)
{
    static const struct rig_line script[] = {
        {OK, 0, 0}, {OK, 0, 0}, {OK, 0, 0}, {NULL, 0, 0}};
    const struct flare_client_config config = {.connections_max = 1};
    struct flare_client_stats stats;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, &config));
    ck_assert_int_eq(client_rig_fetch(&rig, "http://192.0.2.1/")->rc, 0);
    ck_assert_int_eq(client_rig_fetch(&rig, "http://192.0.2.2/")->rc, 0);
    ck_assert_int_eq(client_rig_fetch(&rig, "http://192.0.2.1/")->rc, 0);
    ck_assert_int_eq(rig.peer_count, 3);
    flare_client_stats(rig.client, &stats);
    ck_assert_uint_eq(stats.open, 1);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_an_idle_connection_is_closed_in_time)
{
    static const struct rig_line script[] = {{OK, 0, 0}, {NULL, 0, 0}};
    const struct flare_client_config config = {.idle_timeout_ms = 5000};

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, &config));
    (void)client_rig_fetch(&rig, "/");
    client_rig_run(&rig, 4900);
    ck_assert_int_eq(client_rig_open_peers(&rig), 1);
    client_rig_run(&rig, 200);
    ck_assert_int_eq(client_rig_open_peers(&rig), 0);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_an_idle_connection_does_not_hold_the_loop)
{
    static const struct rig_line script[] = {{OK, 0, 0}, {NULL, 0, 0}};
    struct flare_loop_stats stats;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    (void)client_rig_fetch(&rig, "/");
    flare_loop_stats(rig.loop, &stats);
    /* three listeners, and the server's end */
    ck_assert_uint_eq(stats.open, CLIENT_RIG_LISTENERS + 1);
    flare_client_close_idle(rig.client);
    client_rig_run(&rig, 1);
    flare_loop_stats(rig.loop, &stats);
    ck_assert_uint_eq(stats.open, CLIENT_RIG_LISTENERS);
    client_rig_close(&rig);
}
END_TEST

/* ---- deadlines ---- */

static const struct rig_line silent[] = {{"", RIG_SILENT, 0}, {NULL, 0, 0}};
static const struct rig_line half[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 0, 0}, {NULL, 0, 0}};
static const struct rig_line half_head[] = {{"HTTP/1.1 200 OK\r\nCont", 0, 0},
                                            {NULL, 0, 0}};

static const struct {
    const char *name;
    const char *url;
    const struct rig_line *script;
    struct flare_ask ask;
    int rc;
    uint32_t at_ms;
} deadlines[] = {
    {"no answer",
     "http://192.0.2.1/",
     silent,
     {.first_byte_timeout_ms = 700},
     FLARE_E_TIMEOUT_FIRST_BYTE,
     700},
    {"half a head",
     "http://192.0.2.1/",
     half_head,
     {.first_byte_timeout_ms = 700},
     FLARE_E_TIMEOUT_FIRST_BYTE,
     700},
    {"half a body",
     "http://192.0.2.1/",
     half,
     {.between_bytes_timeout_ms = 800},
     FLARE_E_TIMEOUT_GAP,
     800},
    {"all in all",
     "http://192.0.2.1/",
     silent,
     {.total_timeout_ms = 900},
     FLARE_E_TIMEOUT_TOTAL,
     900},
    {"a name that is not looked up",
     "http://slow.test/",
     silent,
     {.connect_timeout_ms = 1000},
     FLARE_E_TIMEOUT_CONNECT,
     1000},
    {"nobody there",
     "http://192.0.2.66/",
     silent,
     {.connect_timeout_ms = 1100},
     FLARE_E_TIMEOUT_CONNECT,
     1100},
};

START_TEST(test_client_C10_every_deadline_has_its_code)
{
    const struct sockaddr_in nobody = {.sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(0xc0000242)};
    struct flare_ask ask = deadlines[_i].ask;
    struct rig_call *c;
    uint64_t began_ms;
    uint64_t took_ms;

    ck_assert(
        client_rig_start(&rig, CLIENT_RIG_SIM, deadlines[_i].script, NULL));
    flare__sim_route(rig.world, (const struct sockaddr *)&nobody, 32,
                     FLARE__SIM_BLACKHOLE, 0);
    ask.url = flare_str(deadlines[_i].url);
    began_ms = rig.loop->now_ms;
    c = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_msg(client_rig_wait(&rig, c) == deadlines[_i].rc, "%s: %s",
                  deadlines[_i].name, c->err.text);
    took_ms = rig.loop->now_ms - began_ms;
    ck_assert_msg(took_ms >= deadlines[_i].at_ms &&
                      took_ms <= deadlines[_i].at_ms + 5,
                  "%s: after %u", deadlines[_i].name, (unsigned)took_ms);
    ck_assert_ptr_nonnull(strstr(c->err.text, deadlines[_i].url));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_who_waits_for_a_place_has_a_deadline_too)
{
    const struct flare_client_config config = {.connections_max = 1};
    struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/"),
                            .total_timeout_ms = 500};
    struct rig_call *first, *second;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, silent, &config));
    first = client_rig_get(&rig, "/");
    second = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_int_eq(client_rig_wait(&rig, second), FLARE_E_TIMEOUT_TOTAL);
    ck_assert_int_eq(first->done, 0);
    client_rig_close(&rig);
}
END_TEST

/* ---- failures ---- */

START_TEST(test_client_a_name_that_is_not_there)
{
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, silent, NULL));
    c = client_rig_fetch(&rig, "http://nowhere.test/x");
    ck_assert_int_eq(c->rc, FLARE_E_DNS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(c->err.text, "GET http://nowhere.test/x: "));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_nobody_listens)
{
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, silent, NULL));
    c = client_rig_fetch(&rig, "http://192.0.2.1:99/");
    ck_assert_int_eq(c->rc, -ECONNREFUSED);
    ck_assert_int_eq(rig.client->pool.conns, 0);
    client_rig_close(&rig);
}
END_TEST

/* ---- ends ---- */

static void cancel_now(struct rig_call *c, char where)
{
    if (where == (char)c->number)
        flare_call_cancel(c->call);
}

START_TEST(test_client_cancel_in_each_callback)
{
    static const struct rig_line script[] = {{OK, 0, 0}, {NULL, 0, 0}};
    static const char where[] = {'h', 'd', 'p'};
    const struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/")};
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    c = client_rig_ask(&rig, &ask, &rig_streams);
    c->number = where[_i];
    c->hook = cancel_now;
    ck_assert_int_eq(client_rig_wait(&rig, c), -ECANCELED);
    ck_assert_int_eq(c->datas, where[_i] == 'h' ? 0 : 1);
    client_rig_run(&rig, 5);
    ck_assert_int_eq(client_rig_open_peers(&rig), 0);
    client_rig_close(&rig);
}
END_TEST

/* At every millisecond of a slow exchange; beside a call that waits. */
START_TEST(test_client_cancel_at_every_stage)
{
    static const struct rig_line script[] = {
        {OK, RIG_SLOW, 0}, {OK, RIG_SLOW, 0}, {NULL, 0, 0}};
    const struct flare_client_config config = {.connections_max = 1};

    for (uint64_t at = 0; at < 60; at++) {
        struct rig_call *c, *next;

        ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, &config));
        c = client_rig_get(&rig, "/");
        next = client_rig_get(&rig, "/next");
        client_rig_run(&rig, at);
        if (c->done == 0)
            flare_call_cancel(c->call);
        if (c->call != NULL)
            flare_call_cancel(c->call); /* again: nothing */
        (void)client_rig_wait(&rig, c);
        ck_assert(c->rc == -ECANCELED || (c->rc == 0 && at > 40));
        if (at % 2 == 0)
            ck_assert_int_eq(client_rig_wait(&rig, next), 0);
        client_rig_close(&rig);
    }
}
END_TEST

START_TEST(test_client_free_ends_all_its_calls)
{
    static const struct rig_line script[] = {
        {OK, 0, 0}, {OK, RIG_SLOW, 0}, {NULL, 0, 0}};
    const struct flare_client_config config = {.connections_per_origin_max = 1};
    struct rig_call *c[3];

    EACH_BACKEND(script, &config);
    (void)client_rig_fetch(&rig, "/");
    for (int i = 0; i < 3; i++)
        c[i] = client_rig_get(&rig, "/");
    client_rig_run(&rig, 10);
    flare_client_free(rig.client);
    rig.client = NULL;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(c[i]->rc, -ECANCELED);
    client_rig_run(&rig, 10);
    ck_assert_int_eq(client_rig_open_peers(&rig), 0);
    client_rig_close(&rig);
}
END_TEST

static void start_another(struct rig_call *c, char where)
{
    if (where == 'e' && c->number > 0) {
        struct rig_call *next = client_rig_get(c->rig, "/");

        next->number = c->number - 1;
        next->hook = start_another;
    }
}

START_TEST(test_client_on_done_may_start_the_next)
{
    static const struct rig_line script[] = {
        {OK, 0, 0}, {OK, 0, 0}, {OK, 0, 0}, {OK, 0, 0}, {NULL, 0, 0}};
    struct rig_call *c;

    EACH_BACKEND(script, NULL);
    c = client_rig_get(&rig, "/");
    c->number = 3;
    c->hook = start_another;
    RIG_UNTIL(&rig, rig.asked_count == 4 && rig.calls[3].done == 1);
    ck_assert_int_eq(rig.peer_count, 1);
    client_rig_close(&rig);
}
END_TEST

Suite *client_suite(void);

Suite *client_suite(void)
{
    Suite *s = suite_create("client");
    TCase *each = tcase_create("each backend");
    TCase *world = tcase_create("world");

#define EACH(test) tcase_add_loop_test(each, test, 0, CLIENT_RIG_BACKENDS)
    EACH(test_client_gets_and_has_the_answer);
    EACH(test_client_keeps_connections_and_uses_them_again);
    EACH(test_client_a_body_by_chunks_has_trailers);
    EACH(test_client_a_body_to_the_end_of_the_connection);
    EACH(test_client_calls_wait_for_a_place_in_their_order);
    EACH(test_client_free_ends_all_its_calls);
    EACH(test_client_on_done_may_start_the_next);
#undef EACH
    suite_add_tcase(s, each);

    tcase_add_test(world, test_client_the_answer_does_not_depend_on_the_cut);
    tcase_add_test(world, test_client_tells_when_what_has_happened);
    tcase_add_test(world,
                   test_client_times_of_a_redirect_are_of_the_last_request);
    tcase_add_test(world, test_client_base_url_and_query);
    tcase_add_test(world,
                   test_client_fields_of_its_own_are_replaced_and_left_out);
    tcase_add_test(
        world, test_client_an_idle_connection_makes_room_for_another_origin);
    tcase_add_test(world, test_client_an_idle_connection_is_closed_in_time);
    tcase_add_test(world,
                   test_client_an_idle_connection_does_not_hold_the_loop);
    tcase_add_loop_test(world, test_client_C10_every_deadline_has_its_code, 0,
                        ROWS(deadlines));
    tcase_add_test(world, test_client_who_waits_for_a_place_has_a_deadline_too);
    tcase_add_test(world, test_client_a_name_that_is_not_there);
    tcase_add_test(world, test_client_nobody_listens);
    tcase_add_loop_test(world, test_client_cancel_in_each_callback, 0, 3);
    tcase_add_test(world, test_client_cancel_at_every_stage);
    suite_add_tcase(s, world);
    return s;
}

int main(void)
{
    return test_run(client_suite());
}
