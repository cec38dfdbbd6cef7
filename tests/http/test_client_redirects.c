/* SPDX-License-Identifier: MIT */
/*
 * Where redirects lead, with which method and body, and whose credentials go
 * along: FAILURES, section 9, by its ids, in the simulated world.
 */
#include "tests/http/client_rig.h"

#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static struct client_rig rig;

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define REDIRECT(status, to)                                                   \
    "HTTP/1.1 " status " x\r\nLocation: " to "\r\nContent-Length: 3\r\n\r\n"   \
    "bye"
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

/* ---- C02: credentials ---- */

static const struct flare_field secrets[] = {
    {FLARE_STR("Authorization"), FLARE_STR("Secret 1")},
    {FLARE_STR("Cookie"), FLARE_STR("s=2")},
    {FLARE_STR("Proxy-Authorization"), FLARE_STR("Secret 3")},
    {FLARE_STR("X-Other"), FLARE_STR("4")},
    {{NULL, 0}, {NULL, 0}}};

START_TEST(
    test_client_C02_another_origin_gets_no_credentials_nor_on_the_way_back)
{
    static const struct rig_line script[] = {
        LINE(REDIRECT("302", "http://192.0.2.2/there")),
        LINE(REDIRECT("302", "http://192.0.2.1/back")), LINE(OK),
        END_OF_SCRIPT};
    const struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/"),
                                  .headers = secrets};
    struct rig_call *c;

    start(script, NULL);
    c = ask_and_wait(&ask);
    ck_assert_int_eq(c->rc, 0);
    ck_assert_uint_eq(flare_reply_redirects(c->reply), 2);
    ck_assert(client_rig_has(&rig, 0, "Authorization: Secret 1"));
    ck_assert(client_rig_has(&rig, 0, "Cookie: s=2"));
    ck_assert(!client_rig_has(&rig, 0, "Proxy-Authorization"));
    for (int i = 1; i < 3; i++) {
        ck_assert(!client_rig_has(&rig, i, "Secret"));
        ck_assert(!client_rig_has(&rig, i, "Cookie"));
        ck_assert(client_rig_has(&rig, i, "X-Other: 4"));
    }
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C02_the_same_origin_keeps_them_another_port_is_another)
{
    static const struct rig_line script[] = {
        LINE(REDIRECT("302", "/next")),
        LINE(REDIRECT("302", "http://192.0.2.1:8080/port")), LINE(OK),
        END_OF_SCRIPT};
    const struct flare_ask ask = {
        .url = FLARE_STR("http://192.0.2.1/"), .user = "me", .password = "pw"};

    start(script, NULL);
    ck_assert_int_eq(ask_and_wait(&ask)->rc, 0);
    ck_assert(client_rig_has(&rig, 0, "Authorization: Basic bWU6cHc=\r\n"));
    ck_assert(client_rig_has(&rig, 1, "GET /next "));
    ck_assert(client_rig_has(&rig, 1, "Authorization: Basic bWU6cHc=\r\n"));
    ck_assert(client_rig_has(&rig, 2, "GET /port "));
    ck_assert(!client_rig_has(&rig, 2, "Authorization"));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C02_credentials_of_the_client_are_for_its_base)
{
    static const struct flare_field own[] = {
        {FLARE_STR("Cookie"), FLARE_STR("s=2")}, {{NULL, 0}, {NULL, 0}}};
    const struct flare_client_config config = {
        .base_url = "http://192.0.2.1/", .bearer = "tok", .headers = own};
    struct flare_ask ask = {.url = FLARE_STR("x")};

    start(ok_only, &config);
    ck_assert_int_eq(ask_and_wait(&ask)->rc, 0);
    ask.url = FLARE_STR("http://192.0.2.2/");
    ck_assert_int_eq(ask_and_wait(&ask)->rc, 0);
    ask.bearer = "own";
    ck_assert_int_eq(ask_and_wait(&ask)->rc, 0);
    ck_assert(client_rig_has(&rig, 0, "Authorization: Bearer tok\r\n"));
    ck_assert(client_rig_has(&rig, 0, "Cookie: s=2\r\n"));
    ck_assert(!client_rig_has(&rig, 1, "Authorization"));
    ck_assert(!client_rig_has(&rig, 1, "Cookie"));
    ck_assert(client_rig_has(&rig, 2, "Authorization: Bearer own\r\n"));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C02_the_jar_says_hop_by_hop_what_is_sent)
{
    static const struct rig_line script[] = {
        LINE("HTTP/1.1 302 x\r\nLocation: http://b.test/\r\n"
             "Set-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"),
        LINE("HTTP/1.1 302 x\r\nLocation: http://a.test/2\r\n"
             "Set-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"),
        LINE(OK), END_OF_SCRIPT};
    const struct flare_ask ask = {.url = FLARE_STR("http://a.test/")};
    struct flare_client_config config = {.connections_max = 10};
    flare_cookie_jar *jar;

    ck_assert_int_eq(flare_cookie_jar_new(&jar, NULL, NULL), 0);
    config.jar = jar;
    start(script, &config);
    ck_assert_int_eq(ask_and_wait(&ask)->rc, 0);
    ck_assert(!client_rig_has(&rig, 0, "Cookie"));
    ck_assert(!client_rig_has(&rig, 1, "Cookie"));
    ck_assert(client_rig_has(&rig, 2, "Cookie: a=1\r\n"));
    client_rig_close(&rig);
    flare_cookie_jar_free(jar);
}
END_TEST

/* ---- C03, C04: where redirects lead ---- */

static const struct {
    const char *name;
    const char *answer;
    int rc;
} bad_redirects[] = {
    {"a script", REDIRECT("302", "javascript:alert(1)"), FLARE_E_REDIRECT},
    {"a file", REDIRECT("302", "file:///etc/passwd"), FLARE_E_REDIRECT},
    {"ftp", REDIRECT("302", "ftp://192.0.2.1/"), FLARE_E_REDIRECT},
    {"userinfo", REDIRECT("302", "http://u:p@192.0.2.1/"), FLARE_E_REDIRECT},
    {"a space", REDIRECT("302", "http://192.0.2.1/a b"), FLARE_E_REDIRECT},
    {"no host", REDIRECT("302", "http:///x"), FLARE_E_REDIRECT},
    {"a number for a host", REDIRECT("302", "//127.1/"), FLARE_E_REDIRECT},
    {"itself", REDIRECT("302", "http://192.0.2.1/"), FLARE_E_REDIRECT_LIMIT},
    {"itself, written otherwise", REDIRECT("302", "HTTP://192.0.2.1:80/./"),
     FLARE_E_REDIRECT_LIMIT},
    {"two that differ",
     "HTTP/1.1 302 x\r\nLocation: /a\r\nLocation: /b\r\n"
     "Content-Length: 0\r\n\r\n",
     FLARE_E_REDIRECT},
};

START_TEST(test_client_C04_a_location_that_leads_nowhere)
{
    const struct rig_line script[] = {LINE(bad_redirects[_i].answer), LINE(OK),
                                      END_OF_SCRIPT};
    struct rig_call *c;

    start(script, NULL);
    c = client_rig_fetch(&rig, "/");
    ck_assert_msg(c->rc == bad_redirects[_i].rc, "%s: %s",
                  bad_redirects[_i].name, c->err.text);
    ck_assert_int_eq(rig.asked_count, 1);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C04_a_location_without_a_scheme_or_host_is_relative)
{
    static const struct rig_line script[] = {
        LINE(REDIRECT("302", "//192.0.2.3/a/b?c")),
        LINE(REDIRECT("302", "../d#f")), LINE(REDIRECT("302", "?e")), LINE(OK),
        END_OF_SCRIPT};
    struct rig_call *c;

    start(script, NULL);
    c = client_rig_fetch(&rig, "/");
    ck_assert_int_eq(c->rc, 0);
    ck_assert(
        client_rig_has(&rig, 1, "GET /a/b?c HTTP/1.1\r\nHost: 192.0.2.3"));
    ck_assert(client_rig_has(&rig, 2, "GET /d HTTP/1.1\r\n"));
    ck_assert(client_rig_has(&rig, 3, "GET /d?e HTTP/1.1\r\n"));
    ck_assert(flare_str_equal(flare_reply_url(c->reply),
                              FLARE_STR("http://192.0.2.3/d?e")));
    ck_assert_int_eq(rig.peer_count, 2); /* its connection was kept */
    client_rig_close(&rig);
}
END_TEST

static char far[12][128];

START_TEST(test_client_C04_ten_redirects_are_enough)
{
    struct rig_line script[13] = {{0}};
    struct rig_call *c;

    for (int i = 0; i < 12; i++) {
        (void)snprintf(far[i], sizeof(far[i]), REDIRECT("302", "/%d"), i);
        script[i].text = far[i];
    }
    script[10].text = OK;
    start(script, NULL);
    c = client_rig_fetch(&rig, "/");
    ck_assert_int_eq(c->rc, 0);
    ck_assert_uint_eq(flare_reply_redirects(c->reply), 10);
    client_rig_close(&rig);

    script[10].text = far[10];
    start(script, NULL);
    ck_assert_int_eq(client_rig_fetch(&rig, "/")->rc, FLARE_E_REDIRECT_LIMIT);
    ck_assert_int_eq(rig.asked_count, 11);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C04_a_loop_of_two_is_seen)
{
    static const struct rig_line script[] = {
        LINE(REDIRECT("302", "/b")), LINE(REDIRECT("302", "/a")),
        LINE(REDIRECT("302", "/b")), END_OF_SCRIPT};

    start(script, NULL);
    ck_assert_int_eq(client_rig_fetch(&rig, "/a")->rc, FLARE_E_REDIRECT_LIMIT);
    ck_assert_int_eq(rig.asked_count, 2);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C04_the_same_url_again_once_a_cookie_was_set)
{
    static const struct rig_line script[] = {
        LINE("HTTP/1.1 302 x\r\nLocation: /\r\nSet-Cookie: in=1\r\n"
             "Content-Length: 0\r\n\r\n"),
        LINE("HTTP/1.1 302 x\r\nLocation: /b\r\nSet-Cookie: in=2\r\n"
             "Content-Length: 0\r\n\r\n"),
        LINE(OK), END_OF_SCRIPT};
    const struct flare_ask ask = {.url = FLARE_STR("http://a.test/b")};
    struct flare_client_config config = {.connections_max = 10};
    flare_cookie_jar *jar;

    ck_assert_int_eq(flare_cookie_jar_new(&jar, NULL, NULL), 0);
    config.jar = jar;
    start(script, &config);
    ck_assert_int_eq(ask_and_wait(&ask)->rc, 0);
    ck_assert(client_rig_has(&rig, 2, "Cookie: in=2"));
    client_rig_close(&rig);
    flare_cookie_jar_free(jar);
}
END_TEST

START_TEST(test_client_a_redirect_can_be_the_answer)
{
    static const struct rig_line script[] = {
        LINE(REDIRECT("302", "/b")),
        LINE("HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n"),
        LINE("HTTP/1.1 304 x\r\nLocation: /b\r\n\r\n"), END_OF_SCRIPT};
    struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/"),
                            .no_redirects = true};
    struct rig_call *c;

    start(script, NULL);
    c = ask_and_wait(&ask);
    ck_assert_int_eq(flare_reply_status(c->reply), 302);
    ck_assert_str_eq(flare_reply_text(c->reply), "bye");
    ask.no_redirects = false;
    ck_assert_int_eq(flare_reply_status(ask_and_wait(&ask)->reply), 302);
    ck_assert_int_eq(flare_reply_status(ask_and_wait(&ask)->reply), 304);
    ck_assert_int_eq(rig.peer_count, 1);
    client_rig_close(&rig);
}
END_TEST

/* ---- C05: methods and bodies ---- */

static const struct {
    const char *status;
    const char *method;
    const char *then; /* the second request begins so */
    bool has_body;    /* it has the body again */
} methods[] = {
    {"301", "POST", "GET /b ", false},   {"302", "POST", "GET /b ", false},
    {"303", "POST", "GET /b ", false},   {"307", "POST", "POST /b ", true},
    {"308", "POST", "POST /b ", true},   {"301", "PUT", "PUT /b ", true},
    {"302", "PUT", "PUT /b ", true},     {"303", "PUT", "GET /b ", false},
    {"303", "DELETE", "GET /b ", false}, {"307", "PUT", "PUT /b ", true},
    {"303", "HEAD", "HEAD /b ", false},  {"301", "HEAD", "HEAD /b ", false},
};

START_TEST(test_client_C05_methods_and_bodies_of_redirects)
{
    char answer[128];
    const struct rig_line script[] = {
        {answer, 0, 0},
        LINE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        END_OF_SCRIPT};
    bool is_head = strcmp(methods[_i].method, "HEAD") == 0;
    static const struct flare_field fields[] = {
        {FLARE_STR("Content-Language"), FLARE_STR("de")},
        {{NULL, 0}, {NULL, 0}}};
    const struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/"),
                                  .method_name = methods[_i].method,
                                  .headers = fields,
                                  .body = flare_str(is_head ? NULL : "data"),
                                  .content_type = FLARE_STR("text/plain")};

    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 %s x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
                   methods[_i].status);
    start(script, NULL);
    ck_assert_int_eq(ask_and_wait(&ask)->rc, 0);
    ck_assert_msg(
        strncmp(rig.asked[1], methods[_i].then, strlen(methods[_i].then)) == 0,
        "%s %s: %s", methods[_i].status, methods[_i].method, rig.asked[1]);
    if (!is_head) {
        ck_assert(client_rig_has(&rig, 1, "\r\n\r\ndata") ==
                  methods[_i].has_body);
        ck_assert(client_rig_has(&rig, 1, "Content-Language") ==
                  methods[_i].has_body);
        ck_assert(client_rig_has(&rig, 1, "text/plain") ==
                  methods[_i].has_body);
        ck_assert(client_rig_has(&rig, 1, "Content-Length: 4") ==
                  methods[_i].has_body);
    }
    client_rig_close(&rig);
}
END_TEST

Suite *client_redirects_suite(void);

Suite *client_redirects_suite(void)
{
    Suite *s = suite_create("client_redirects");
    TCase *t = tcase_create("redirects");

    tcase_add_test(
        t,
        test_client_C02_another_origin_gets_no_credentials_nor_on_the_way_back);
    tcase_add_test(
        t, test_client_C02_the_same_origin_keeps_them_another_port_is_another);
    tcase_add_test(t,
                   test_client_C02_credentials_of_the_client_are_for_its_base);
    tcase_add_test(t, test_client_C02_the_jar_says_hop_by_hop_what_is_sent);
    tcase_add_loop_test(t, test_client_C04_a_location_that_leads_nowhere, 0,
                        ROWS(bad_redirects));
    tcase_add_test(
        t, test_client_C04_a_location_without_a_scheme_or_host_is_relative);
    tcase_add_test(t, test_client_C04_ten_redirects_are_enough);
    tcase_add_test(t, test_client_C04_a_loop_of_two_is_seen);
    tcase_add_test(t, test_client_C04_the_same_url_again_once_a_cookie_was_set);
    tcase_add_test(t, test_client_a_redirect_can_be_the_answer);
    tcase_add_loop_test(t, test_client_C05_methods_and_bodies_of_redirects, 0,
                        ROWS(methods));
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(client_redirects_suite());
}
