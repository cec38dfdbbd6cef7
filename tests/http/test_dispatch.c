/* SPDX-License-Identifier: MIT */
/* From request to handler: routes, parameters, what the library answers. */
#include "http/dispatch.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int on_param(flare_req *req, flare_res *res)
{
    struct flare_str id = flare_req_param(req, "id");

    if (flare_req_param(req, "absent").ptr != NULL)
        return FLARE_E_INTERNAL;
    return flare_res_printf(res, 200, "[%.*s]", FLARE_STR_ARG(id));
}

static int on_number(flare_req *req, flare_res *res)
{
    uint64_t n;
    int rc = flare_req_param_u64(req, "n", &n);

    return rc < 0 ? rc : flare_res_printf(res, 200, "[%" PRIu64 "]", n);
}

static int on_facts(flare_req *req, flare_res *res)
{
    struct flare_str name;
    struct flare_str value;
    size_t count = flare_req_header_count(req);

    if (flare_req_header_at(req, count, &name, &value) != FLARE_E_RANGE ||
        flare_req_header_at(req, count - 1, &name, &value) != 0)
        return FLARE_E_INTERNAL;
    return flare_res_printf(
        res, 200, "%s %.*s ?%.*s @%.*s 1.%d x=%.*s last=%.*s:%.*s ctx=%s",
        flare_method_name(flare_req_method(req)),
        FLARE_STR_ARG(flare_req_path(req)), FLARE_STR_ARG(flare_req_query(req)),
        FLARE_STR_ARG(flare_req_host(req)), flare_req_version_minor(req),
        FLARE_STR_ARG(flare_req_header(req, "x-one")), FLARE_STR_ARG(name),
        FLARE_STR_ARG(value), (const char *)flare_req_ctx(req));
}

/* A handler's own refusal is not the library's answer to OPTIONS. */
static int on_refuse(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_header(res, "X-Secret", FLARE_STR("half done")),
                     0);
    return FLARE_E_METHOD_NOT_ALLOWED;
}

static char context[] = "it";

static const struct flare_route routes[] = {
    FLARE_GET("/p/:id", on_param),          FLARE_GET("/n/:n", on_number),
    FLARE_GET("/rest/*id", on_param),       FLARE_POST("/n/:n", on_number),
    FLARE_GET("/facts", on_facts, context), FLARE_OPTIONS("/refuse", on_refuse),
};

static const struct {
    const char *name;
    const char *request;
    const char *status;
    const char *has;
} rows[] = {
    {"parameter", "GET /p/abc HTTP/1.1\r\nHost: a\r\n\r\n", "200", "[abc]"},
    {"U03 decoded after the split", "GET /p/a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n",
     "200", "[a/b]"},
    {"U02 an encoded NUL", "GET /p/a%00b HTTP/1.1\r\nHost: a\r\n\r\n", "400",
     ""},
    {"U02 CRLF in a parameter", "GET /p/%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n",
     "400", ""},
    {"rest", "GET /rest/a/b/c HTTP/1.1\r\nHost: a\r\n\r\n", "200", "[a/b/c]"},
    {"number", "GET /n/18446744073709551615 HTTP/1.1\r\nHost: a\r\n\r\n", "200",
     "[18446744073709551615]"},
    {"number too large",
     "GET /n/18446744073709551616 HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
    {"number with a sign", "GET /n/+1 HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
    {"unknown path", "GET /nope HTTP/1.1\r\nHost: a\r\n\r\n", "404", ""},
    {"unknown method of a path", "PUT /n/1 HTTP/1.1\r\nHost: a\r\n\r\n", "405",
     "Allow: GET, HEAD, POST, OPTIONS\r\n"},
    {"OPTIONS of a path", "OPTIONS /n/1 HTTP/1.1\r\nHost: a\r\n\r\n", "204",
     "Allow: GET, HEAD, POST, OPTIONS\r\n"},
    {"OPTIONS that its handler refuses",
     "OPTIONS /refuse HTTP/1.1\r\nHost: a\r\n\r\n", "405",
     "405 Method Not Allowed\n"},
    {"OPTIONS of no path", "OPTIONS /nope HTTP/1.1\r\nHost: a\r\n\r\n", "404",
     ""},
    {"OPTIONS of the server", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "204",
     "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"},
    {"H37 TRACE", "TRACE /n/1 HTTP/1.1\r\nHost: a\r\n\r\n", "405", "Allow: "},
    {"H23 CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "501", ""},
    {"facts",
     "GET /facts?q=1 HTTP/1.1\r\nHost: a:81\r\nX-One: 1\r\nx-one: 2\r\n\r\n",
     "200", "GET /facts ?q=1 @a:81 1.1 x=1 last=x-one:2 ctx=it"},
    {"H22 absolute-form names the host",
     "GET http://b/facts HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n", "200",
     "@b 1.1"},
};

START_TEST(test_dispatch_answers)
{
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes)};
    struct rig *r = rig_new(&config);
    const char *got = rig_ask(r, rows[_i].request);

    ck_assert_msg(strcmp(rig_statuses(r, 0), rows[_i].status) == 0, "%s: %s",
                  rows[_i].name, got);
    ck_assert_ptr_null(strstr(got, "X-Secret"));
    ck_assert_msg(strstr(got, rows[_i].has) != NULL, "%s: %s", rows[_i].name,
                  got);
    rig_free(r);
}
END_TEST

/* Every code of the library, as a handler's error: its own status. */
static int error_in_hand;

static int on_error(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return error_in_hand;
}

START_TEST(test_dispatch_an_error_is_its_status_and_the_connection_stays)
{
    static const int errors[] = {
#define CODE(name, text, class_, status) FLARE_E_##name,
        FLARE_ERRORS(CODE)
#undef CODE
            - ENOMEM,
        -EIO,
    };
    struct rig *r =
        rig_new(&(struct flare_server_config){.handler = {on_error, NULL}});
    char want[8];

    for (size_t i = 0; i < ROWS(errors); i++) {
        bool is_last;

        error_in_hand = errors[i];
        (void)rig_ask(r, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        (void)snprintf(want, sizeof(want), "%d", flare_error_status(errors[i]));
        ck_assert_msg(strcmp(rig_statuses(r, 0), want) == 0, "%s: %s",
                      flare_error_name(errors[i]), rig_statuses(r, 0));
        ck_assert_ptr_null(strstr(r->peers[0].got, flare_strerror(errors[i])));
        is_last = strcmp(want, "503") == 0 || strcmp(want, "421") == 0;
        ck_assert_msg(r->peers[0].has_fin == is_last, "%s: kept or not",
                      flare_error_name(errors[i]));
    }
    rig_free(r);
}
END_TEST

static int on_fail(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_E_INTERNAL;
}

/* Peers can make a handler fail as often as they like. */
START_TEST(test_dispatch_R19_ten_lines_a_second_of_handlers_that_fail)
{
    struct rig *r =
        rig_new(&(struct flare_server_config){.handler = {on_fail, NULL}});

    rig_connect(r, 0);
    for (int i = 0; i < 25; i++) {
        r->log[0] = '\0';
        rig_text(r, 0, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        rig_run(r, 10);
        ck_assert_int_eq(r->log[0] != '\0', i < 10);
    }
    rig_run(r, 1000);
    rig_connect(r, 1);
    rig_text(r, 1, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_run(r, 10);
    ck_assert_ptr_nonnull(strstr(r->log, "handler for /b: "));
    ck_assert_ptr_nonnull(strstr(r->log, "; and 15 more"));
    rig_free(r);
}
END_TEST

static const char body_head[] = "POST /n/1 HTTP/1.1\r\nHost: a\r\n"
                                "Content-Length: 3\r\n"
                                "Expect: 100-continue\r\n\r\n";

START_TEST(test_dispatch_F32_100_comes_once_and_only_when_the_body_is_awaited)
{
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes)};
    struct rig *r = rig_new(&config);

    rig_connect(r, 0);
    rig_text(r, 0, body_head);
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "100");
    rig_text(r, 0, "abc");
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "100 200");
    rig_connect(r, 0); /* the body comes along: nobody waits */
    rig_text(r, 0, body_head);
    rig_text(r, 0, "abc");
    rig_run(r, 10);
    ck_assert_msg(strstr(r->peers[0].got, "200 OK") != NULL, "%s",
                  r->peers[0].got);
    rig_free(r);
}
END_TEST

START_TEST(test_dispatch_F32_no_100_when_the_answer_does_not_need_the_body)
{
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes)};
    struct rig *r = rig_new(&config);

    (void)rig_ask(r, "POST /nope HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                     "Expect: 100-continue\r\n\r\n");
    ck_assert_str_eq(rig_statuses(r, 0), "404");
    ck_assert(r->peers[0].has_fin); /* the body may or may not come */
    (void)rig_ask(r, "POST /n/1 HTTP/1.1\r\nHost: a\r\n"
                     "Content-Length: 99999999\r\n"
                     "Expect: 100-continue\r\n\r\n");
    ck_assert_str_eq(rig_statuses(r, 0), "413");
    rig_free(r);
}
END_TEST

START_TEST(test_dispatch_F33_no_100_on_http_1_0_or_without_a_body)
{
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes)};
    struct rig *r = rig_new(&config);

    (void)rig_ask(r, "POST /n/1 HTTP/1.0\r\nContent-Length: 3\r\n"
                     "Expect: 100-continue\r\n\r\n");
    ck_assert_str_eq(rig_statuses(r, 0), "");
    (void)rig_ask(r, "GET /p/1 HTTP/1.1\r\nHost: a\r\n"
                     "Expect: 100-continue\r\n\r\n");
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/dispatch");
    TCase *t = tcase_create("dispatch");

    tcase_add_loop_test(t, test_dispatch_answers, 0, ROWS(rows));
    tcase_add_test(t,
                   test_dispatch_R19_ten_lines_a_second_of_handlers_that_fail);
    tcase_add_test(
        t, test_dispatch_an_error_is_its_status_and_the_connection_stays);
    tcase_add_test(
        t, test_dispatch_F32_100_comes_once_and_only_when_the_body_is_awaited);
    tcase_add_test(
        t, test_dispatch_F32_no_100_when_the_answer_does_not_need_the_body);
    tcase_add_test(t, test_dispatch_F33_no_100_on_http_1_0_or_without_a_body);
    suite_add_tcase(s, t);
    return test_run(s);
}
