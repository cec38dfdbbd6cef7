/* SPDX-License-Identifier: MIT */
/*
 * What a client must not do: FAILURES, section 9, by its ids, against a
 * scripted server in the simulated world.  Redirects and credentials are in
 * test_client_redirects.c.
 */
#include "tests/http/client_rig.h"

#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static struct client_rig rig;

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define LINE(text)                                                             \
    {                                                                          \
        text, 0, 0                                                             \
    }
#define END_OF_SCRIPT                                                          \
    {                                                                          \
        NULL, 0, 0                                                             \
    }

static void start(const struct rig_line *script,
                  const struct flare_client_config *config)
{
    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, config));
}

static struct rig_call *ask_and_wait(const struct flare_ask *ask)
{
    struct rig_call *c = client_rig_ask(&rig, ask, &rig_collects);

    (void)client_rig_wait(&rig, c);
    return c;
}

static const struct rig_line ok_only[] = {LINE(OK), LINE(OK), LINE(OK),
                                          END_OF_SCRIPT};

/* ---- C01 ---- */

static const struct {
    const char *name;
    struct flare_str url;
    const char *method;
    const char *field[2];
    size_t value_len; /* 0: terminated */
    const char *type;
    const char *user, *password, *bearer;
    int rc;
} injections[] = {
    {"CRLF in the path",
     FLARE_STR("http://a.test/\r\nX: y"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_URL},
    {"LF in the path",
     FLARE_STR("http://a.test/\nX"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_URL},
    {"SP in the path",
     FLARE_STR("http://a.test/a b"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_URL},
    {"NUL in the path",
     FLARE_STR("http://a.test/\0b"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_URL},
    {"CRLF in the host",
     FLARE_STR("http://a.test\r\nX: y/"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_URL},
    {"an escape in the host",
     FLARE_STR("http://a%0d%0a.test/"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HOSTNAME},
    {"userinfo",
     FLARE_STR("http://u:p@a.test/"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_URL},
    {"no host",
     FLARE_STR("http:///x"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_URL},
    {"relative without base",
     FLARE_STR("/x"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_URL},
    {"another scheme",
     FLARE_STR("ftp://a.test/"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_URL},
    {"a number for a host",
     FLARE_STR("http://2130706433/"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HOSTNAME},
    {"SP in the method",
     FLARE_STR("http://a.test/"),
     "GET /",
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_METHOD},
    {"CRLF in the method",
     FLARE_STR("http://a.test/"),
     "GET\r\n",
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_METHOD},
    {"CONNECT",
     FLARE_STR("http://a.test/"),
     "CONNECT",
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_METHOD},
    {"no method",
     FLARE_STR("http://a.test/"),
     "",
     {0},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_METHOD},
    {"CRLF in a value",
     FLARE_STR("http://a.test/"),
     NULL,
     {"X-A", "b\r\nX-C: d"},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HEADER},
    {"NUL in a value",
     FLARE_STR("http://a.test/"),
     NULL,
     {"X-A", "b\0c"},
     3,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HEADER},
    {"CRLF in a name",
     FLARE_STR("http://a.test/"),
     NULL,
     {"X\r\nY", "b"},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HEADER},
    {"a colon in a name",
     FLARE_STR("http://a.test/"),
     NULL,
     {"X:", "b"},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HEADER},
    {"Host",
     FLARE_STR("http://a.test/"),
     NULL,
     {"Host", "b.test"},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HEADER},
    {"Content-Length",
     FLARE_STR("http://a.test/"),
     NULL,
     {"Content-Length", "3"},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HEADER},
    {"Transfer-Encoding",
     FLARE_STR("http://a.test/"),
     NULL,
     {"transfer-encoding", "chunked"},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HEADER},
    {"CRLF in Cookie",
     FLARE_STR("http://a.test/"),
     NULL,
     {"Cookie", "a=b\r\nX: y"},
     0,
     NULL,
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HEADER},
    {"CRLF in the type",
     FLARE_STR("http://a.test/"),
     NULL,
     {0},
     0,
     "a/b\r\nX: y",
     NULL,
     NULL,
     NULL,
     FLARE_E_BAD_HEADER},
    {"a colon in a user",
     FLARE_STR("http://a.test/"),
     NULL,
     {0},
     0,
     NULL,
     "a:b",
     "c",
     NULL,
     FLARE_E_BAD_HEADER},
    {"CRLF in a token",
     FLARE_STR("http://a.test/"),
     NULL,
     {0},
     0,
     NULL,
     NULL,
     NULL,
     "a\r\nX: y",
     FLARE_E_BAD_HEADER},
    {"two kinds of credentials",
     FLARE_STR("http://a.test/"),
     NULL,
     {0},
     0,
     NULL,
     "a",
     "b",
     "c",
     FLARE_E_BAD_HEADER},
};

START_TEST(test_client_C01_nothing_of_the_callers_injects)
{
    const struct flare_field fields[] = {
        {flare_str(injections[_i].field[0]),
         {injections[_i].field[1],
          injections[_i].value_len != 0
              ? injections[_i].value_len
              : flare_str(injections[_i].field[1]).len}},
        {{NULL, 0}, {NULL, 0}}};
    const struct flare_ask ask = {
        .url = injections[_i].url,
        .method_name = injections[_i].method,
        .headers = fields,
        .user = injections[_i].user,
        .password = injections[_i].password,
        .bearer = injections[_i].bearer,
        .content_type = flare_str(injections[_i].type),
        .has_body = injections[_i].type != NULL,
    };
    int rc;

    start(ok_only, NULL);
    rc = client_rig_try(&rig, NULL, &ask, &rig_collects);
    ck_assert_msg(rc == injections[_i].rc, "%s: %s", injections[_i].name,
                  flare_strerror(rc));
    client_rig_run(&rig, 10);
    ck_assert_int_eq(rig.peer_count, 0);
    ck_assert_uint_eq(rig.client->pool.origins, 0);
    client_rig_close(&rig);
}
END_TEST

/* ---- C07: framing ---- */

static const struct {
    const char *name;
    const char *answer;
    unsigned flags;
    int rc;
} framings[] = {
    {"a short body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
     RIG_CLOSE, FLARE_E_REPLY_SHORT},
    {"a short chunk",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
     RIG_CLOSE, FLARE_E_REPLY_SHORT},
    {"no last chunk",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
     RIG_CLOSE, FLARE_E_REPLY_SHORT},
    {"half a head", "HTTP/1.1 200 OK\r\nConte", RIG_CLOSE, FLARE_E_REPLY_SHORT},
    {"a length and a coding",
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
     "\r\n5\r\nhello\r\n0\r\n\r\n",
     0, FLARE_E_REPLY_LENGTH},
    {"two lengths",
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
     0, FLARE_E_REPLY_LENGTH},
    {"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0,
     FLARE_E_REPLY_LENGTH},
    {"a bad chunk",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\nhello", 0,
     FLARE_E_REPLY_CHUNK},
    {"a bad status line", "HTP/1.1 200 OK\r\n\r\n", 0, FLARE_E_REPLY_STATUS},
    {"a bad field", "HTTP/1.1 200 OK\r\nA b\r\n\r\n", 0, FLARE_E_REPLY_FIELD},
    {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", 0, FLARE_E_REPLY_VERSION},
    {"another coding",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 0,
     FLARE_E_REPLY_CODING},
    {"a switch nobody asked for",
     "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 0,
     FLARE_E_REPLY_UPGRADE},
    {"a reset in the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
     RIG_RESET, -ECONNRESET},
    {"nothing at all", "", RIG_CLOSE, FLARE_E_REPLY_NONE},
};

START_TEST(test_client_C07_every_fault_of_framing_is_an_error_with_its_name)
{
    const struct rig_line script[] = {
        {framings[_i].answer, framings[_i].flags, 0}, LINE(OK), END_OF_SCRIPT};
    struct rig_call *c;

    start(script, NULL);
    c = client_rig_fetch(&rig, "/");
    if (framings[_i].rc == -ECONNRESET)
        ck_assert(c->rc == -ECONNRESET || c->rc == FLARE_E_REPLY_NONE);
    else
        ck_assert_msg(c->rc == framings[_i].rc, "%s: %s", framings[_i].name,
                      c->err.text);
    client_rig_run(&rig, 5);
    ck_assert_int_eq(client_rig_open_peers(&rig), 0); /* never kept */
    ck_assert_int_eq(rig.asked_count, 1);             /* nor tried again */
    client_rig_close(&rig);
}
END_TEST

/* ---- C08: what an idle connection says ---- */

START_TEST(test_client_C08_bytes_nobody_asked_for_end_an_idle_connection)
{
    struct rig_call *c;

    start(ok_only, NULL);
    ck_assert_int_eq(client_rig_fetch(&rig, "/")->rc, 0);
    if (_i == 0)
        client_rig_say(&rig, 0,
                       "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    else if (_i == 1)
        client_rig_shut(&rig, 0);
    else
        client_rig_reset(&rig, 0);
    client_rig_run(&rig, 10);
    ck_assert_int_eq(client_rig_open_peers(&rig), 0);
    ck_assert_uint_eq(rig.client->pool.conns, 0);
    c = client_rig_fetch(&rig, "/2");
    ck_assert_str_eq(flare_reply_text(c->reply), "hello");
    ck_assert_int_eq(rig.peer_count, 2);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C08_bytes_behind_an_answer_are_no_answer)
{
    static const struct rig_line script[] = {
        LINE(OK "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), LINE(OK),
        END_OF_SCRIPT};
    struct rig_call *c;

    start(script, NULL);
    ck_assert_int_eq(client_rig_fetch(&rig, "/")->rc, 0);
    c = client_rig_fetch(&rig, "/2");
    ck_assert_str_eq(flare_reply_text(c->reply), "hello");
    ck_assert_int_eq(rig.peer_count, 2);
    client_rig_close(&rig);
}
END_TEST

/* ---- C09, C10: floods ---- */

START_TEST(test_client_C09_informational_answers_are_bounded)
{
    static char text[20 * 32 + 128];
    size_t len = 0;
    const struct rig_line script[] = {{text, 0, 0}, END_OF_SCRIPT};

    for (int i = 0; i < 10 + _i * 10; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "HTTP/1.1 103 Hints\r\n\r\n");
    (void)snprintf(text + len, sizeof(text) - len, OK);
    start(script, NULL);
    ck_assert_int_eq(client_rig_fetch(&rig, "/")->rc,
                     _i == 0 ? 0 : FLARE_E_REPLY_INTERIM);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C10_heads_are_bounded)
{
    const struct flare_client_config config = {.head_bytes_max = 2000,
                                               .head_fields_max = 20};
    static char text[4000];
    size_t len;
    const struct rig_line script[] = {{text, 0, 0}, END_OF_SCRIPT};
    const char *field = _i == 0 ? "A: b\r\n"
                                : "A: bbbbbbbbbbbbbbbbbbbbbbbbbbb"
                                  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                                  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                                  "bbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n";

    len = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < (_i == 0 ? 21 : 19); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", field);
    (void)snprintf(text + len, sizeof(text) - len, "\r\n");
    start(script, &config);
    ck_assert_int_eq(client_rig_fetch(&rig, "/")->rc, FLARE_E_REPLY_TOO_LARGE);
    client_rig_close(&rig);
}
END_TEST

/* ---- C13: tried again, once, if it is safe ---- */

static const struct {
    const char *method;
    const char *body;
    bool is_retried;
} retries[] = {
    {"GET", NULL, true},      {"HEAD", NULL, true},    {"DELETE", NULL, true},
    {"PUT", "data", true},    {"POST", "data", false}, {"POST", NULL, false},
    {"PATCH", "data", false}, {"OPTIONS", NULL, true}, {"PURGE", NULL, false},
};

static void reset_second(struct client_rig *r, int which)
{
    if (which == 1)
        flare_stream_abort(r->peers[r->asked_from[which]].stream);
}

START_TEST(test_client_C13_a_stale_connection_is_tried_again_if_it_is_safe)
{
    static const struct rig_line script[] = {
        LINE(OK),
        {"", RIG_SILENT, 0},
        LINE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        END_OF_SCRIPT};
    const struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/2"),
                                  .method_name = retries[_i].method,
                                  .body = flare_str(retries[_i].body)};
    struct flare_client_stats stats;
    struct rig_call *c;

    start(script, NULL);
    rig.on_asked = reset_second;
    ck_assert_int_eq(client_rig_fetch(&rig, "/")->rc, 0);
    c = ask_and_wait(&ask);
    flare_client_stats(rig.client, &stats);
    if (retries[_i].is_retried) {
        ck_assert_msg(c->rc == 0, "%s: %s", retries[_i].method, c->err.text);
        ck_assert_int_eq(rig.asked_count, 3);
        ck_assert_str_eq(rig.asked[1], rig.asked[2]);
        ck_assert_uint_eq(stats.retried, 1);
    } else {
        ck_assert_int_eq(c->rc, -ECONNRESET);
        ck_assert_int_eq(rig.asked_count, 2);
        ck_assert_uint_eq(stats.retried, 0);
    }
    client_rig_close(&rig);
}
END_TEST

static void reset_all_but_first(struct client_rig *r, int which)
{
    if (which > 0)
        flare_stream_abort(r->peers[r->asked_from[which]].stream);
}

START_TEST(test_client_C13_once_and_not_on_a_new_connection)
{
    static const struct rig_line script[] = {LINE(OK),
                                             {"", RIG_SILENT, 0},
                                             {"", RIG_SILENT, 0},
                                             {"", RIG_SILENT, 0},
                                             END_OF_SCRIPT};

    start(script, NULL);
    rig.on_asked = reset_all_but_first;
    ck_assert_int_eq(client_rig_fetch(&rig, "/")->rc, 0);
    ck_assert_int_eq(client_rig_fetch(&rig, "/2")->rc, -ECONNRESET);
    ck_assert_int_eq(rig.asked_count, 3); /* once more */
    ck_assert_int_eq(client_rig_fetch(&rig, "/3")->rc, -ECONNRESET);
    ck_assert_int_eq(rig.asked_count, 4); /* a new one is no stale one */
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C13_not_after_a_byte_of_an_answer)
{
    static const struct rig_line script[] = {
        LINE(OK), {"HTTP/1.1 2", RIG_CLOSE, 0}, LINE(OK), END_OF_SCRIPT};

    start(script, NULL);
    ck_assert_int_eq(client_rig_fetch(&rig, "/")->rc, 0);
    ck_assert_int_eq(client_rig_fetch(&rig, "/2")->rc, FLARE_E_REPLY_SHORT);
    ck_assert_int_eq(rig.asked_count, 2);
    client_rig_close(&rig);
}
END_TEST

/* ---- C15: proxies ---- */

static const struct flare_field secrets[] = {
    {FLARE_STR("Authorization"), FLARE_STR("Secret 1")},
    {FLARE_STR("Cookie"), FLARE_STR("s=2")},
    {FLARE_STR("Proxy-Authorization"), FLARE_STR("Secret 3")},
    {FLARE_STR("X-Other"), FLARE_STR("4")},
    {{NULL, 0}, {NULL, 0}}};

START_TEST(test_client_C15_nothing_comes_from_the_environment)
{
    (void)setenv("http_proxy", "http://192.0.2.7:8080/", 1);
    (void)setenv("HTTP_PROXY", "http://192.0.2.7:8080/", 1);
    (void)setenv("ALL_PROXY", "http://192.0.2.7:8080/", 1);
    start(ok_only, NULL);
    ck_assert_int_eq(client_rig_fetch(&rig, "/x")->rc, 0);
    ck_assert_uint_eq(rig.asked_count, 1);
    ck_assert(client_rig_has(&rig, 0, "GET /x HTTP/1.1"));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C15_http_goes_to_the_proxy_in_absolute_form)
{
    const struct flare_client_config config = {
        .proxy = "http://me:p%77@192.0.2.7:8080",
        .no_proxy = "c.test, 10.0.0.0/8"};
    const struct flare_ask ask = {.url = FLARE_STR("http://a.test/x?y"),
                                  .headers = secrets};

    start(ok_only, &config);
    ck_assert_int_eq(ask_and_wait(&ask)->rc, 0);
    ck_assert(client_rig_has(
        &rig, 0, "GET http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\n"));
    ck_assert(client_rig_has(&rig, 0, "Proxy-Authorization: Secret 3\r\n"));
    ck_assert_int_eq(client_rig_fetch(&rig, "http://b.test/")->rc, 0);
    ck_assert(
        client_rig_has(&rig, 1, "Proxy-Authorization: Basic bWU6cHc=\r\n"));
    ck_assert_int_eq(rig.peer_count, 1); /* the proxy's, for both */
    ck_assert_int_eq(client_rig_fetch(&rig, "http://x.c.test/")->rc, 0);
    ck_assert(client_rig_has(&rig, 2, "GET / HTTP/1.1\r\nHost: x.c.test\r\n"));
    ck_assert(!client_rig_has(&rig, 2, "Proxy"));
    ck_assert_int_eq(rig.peer_count, 2);
    client_rig_close(&rig);
}
END_TEST

/* ---- C16: answers without a body ---- */

START_TEST(test_client_C16_answers_that_have_no_body)
{
    static const struct rig_line script[] = {
        LINE("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        LINE("HTTP/1.1 204 x\r\n\r\n"),
        LINE("HTTP/1.1 304 x\r\nContent-Length: 500\r\n"
             "Content-Encoding: gzip\r\n\r\n"),
        LINE(OK), END_OF_SCRIPT};
    struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/"),
                            .method = FLARE_METHOD_HEAD};
    struct rig_call *c;

    start(script, NULL);
    c = ask_and_wait(&ask);
    ck_assert_int_eq(c->rc, 0);
    ck_assert_uint_eq(flare_reply_length(c->reply), 500);
    ck_assert_uint_eq(flare_reply_body(c->reply).len, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(client_rig_fetch(&rig, "/")->rc, 0);
    ck_assert_int_eq(rig.peer_count, 1);
    client_rig_close(&rig);
}
END_TEST

Suite *client_rules_suite(void);

Suite *client_rules_suite(void)
{
    Suite *s = suite_create("client_rules");
    TCase *t = tcase_create("rules");

    tcase_add_loop_test(t, test_client_C01_nothing_of_the_callers_injects, 0,
                        ROWS(injections));
    tcase_add_loop_test(
        t, test_client_C07_every_fault_of_framing_is_an_error_with_its_name, 0,
        ROWS(framings));
    tcase_add_loop_test(
        t, test_client_C08_bytes_nobody_asked_for_end_an_idle_connection, 0, 3);
    tcase_add_test(t, test_client_C08_bytes_behind_an_answer_are_no_answer);
    tcase_add_loop_test(t, test_client_C09_informational_answers_are_bounded, 0,
                        2);
    tcase_add_loop_test(t, test_client_C10_heads_are_bounded, 0, 2);
    tcase_add_loop_test(
        t, test_client_C13_a_stale_connection_is_tried_again_if_it_is_safe, 0,
        ROWS(retries));
    tcase_add_test(t, test_client_C13_once_and_not_on_a_new_connection);
    tcase_add_test(t, test_client_C13_not_after_a_byte_of_an_answer);
    tcase_add_test(t, test_client_C15_nothing_comes_from_the_environment);
    tcase_add_test(t, test_client_C15_http_goes_to_the_proxy_in_absolute_form);
    tcase_add_test(t, test_client_C16_answers_that_have_no_body);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(client_rules_suite());
}
