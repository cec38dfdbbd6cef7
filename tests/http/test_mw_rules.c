/* SPDX-License-Identifier: MIT */
/*
 * What CORS, compress, request ids, the rate limit and the log say in
 * particular cases; and each middleware with every allocation failing.
 */
#include <flare/flare.h>

#include "http/mw_log_line.h"
#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static struct flare_middleware mw;

static int on_any(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "any");
}

static struct rig *rig_of(flare_handler_fn fn)
{
    struct flare_server_config config = {
        .handler = {fn, NULL},
        .middleware = {&mw},
    };

    return rig_new(&config);
}

static const char *ask(struct rig *r, const char *line, const char *fields)
{
    char text[1024];

    (void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: h\r\n%s\r\n", line,
                   fields);
    return rig_ask(r, text);
}

/* ---- CORS ---- */

#define ORIGIN "Origin: https://a.example\r\n"
#define ASKS "Access-Control-Request-Method: PUT\r\n"

static bool allows_b(struct flare_str origin, void *ctx)
{
    (void)ctx;
    return flare_str_equal(origin, FLARE_STR("https://b.example"));
}

static const struct {
    const char *name;
    struct flare_cors o;
    const char *line;
    const char *fields;
    const char *status;
    const char *has[4];
    const char *has_not;
} cors_rows[] = {
    {"any origin",
     {.origins = {"*"}},
     "GET /",
     ORIGIN,
     "200",
     {"Access-Control-Allow-Origin: *\r\n"},
     "Vary"},
    {"credentials",
     {.origins = {"https://a.example"}, .credentials = true},
     "GET /",
     ORIGIN,
     "200",
     {"Access-Control-Allow-Origin: https://a.example\r\n",
      "Access-Control-Allow-Credentials: true\r\n", "Vary: Origin\r\n"},
     "Max-Age"},
    {"exposed fields",
     {.origins = {"*"}, .expose = {"X-A", "X-B"}},
     "GET /",
     ORIGIN,
     "200",
     {"Access-Control-Expose-Headers: X-A, X-B\r\n"},
     "Methods"},
    {"a callback",
     {.allows = allows_b},
     "GET /",
     "Origin: https://b.example\r\n",
     "200",
     {"Access-Control-Allow-Origin: https://b.example\r\n", "Vary: Origin"},
     "*"},
    {"no origin",
     {.origins = {"https://a.example"}},
     "GET /",
     "",
     "200",
     {"Vary: Origin\r\n"},
     "Access-Control"},
    {"null is not any site",
     {.origins = {"https://a.example"}},
     "GET /",
     "Origin: null\r\n",
     "200",
     {""},
     "Access-Control"},
    {"a longer origin",
     {.origins = {"https://a.example"}},
     "GET /",
     "Origin: https://a.example.evil\r\n",
     "200",
     {""},
     "Access-Control"},
    {"a preflight",
     {.origins = {"https://a.example"},
      .methods = {"GET", "PUT"},
      .headers = {"X-A"},
      .max_age_s = 600},
     "OPTIONS /",
     ORIGIN ASKS,
     "204",
     {"Access-Control-Allow-Methods: GET, PUT\r\n",
      "Access-Control-Allow-Headers: X-A\r\n",
      "Access-Control-Max-Age: 600\r\n",
      "Access-Control-Allow-Origin: https://a.example\r\n"},
     "any"},
    {"a preflight with the defaults",
     {.origins = {"*"}},
     "OPTIONS /",
     ORIGIN ASKS,
     "204",
     {"Access-Control-Allow-Methods: GET, HEAD, POST\r\n"},
     "Access-Control-Allow-Headers"},
    {"any header",
     {.origins = {"*"}, .headers = {"*"}},
     "OPTIONS /",
     ORIGIN ASKS "Access-Control-Request-Headers: x-a,x-b\r\n",
     "204",
     {"Access-Control-Allow-Headers: x-a,x-b\r\n",
      "Vary: Origin, Access-Control-Request-Headers\r\n"},
     "any"},
    {"a header that is none",
     {.origins = {"*"}, .headers = {"*"}},
     "OPTIONS /",
     ORIGIN ASKS "Access-Control-Request-Headers: x a\r\n",
     "204",
     {""},
     "Access-Control-Allow-Headers"},
    {"a preflight of a stranger",
     {.origins = {"https://a.example"}},
     "OPTIONS /",
     "Origin: https://b.example\r\n" ASKS,
     "403",
     {"Vary: Origin\r\n"},
     "Access-Control"},
    {"OPTIONS that is no preflight",
     {.origins = {"https://a.example"}},
     "OPTIONS /",
     ORIGIN,
     "200",
     {"\r\n\r\nany"},
     "Methods"},
};

START_TEST(test_mw_rules_of_cors)
{
    struct rig *r;
    const char *got;

    ck_assert_int_eq(flare_cors_init(&mw, &cors_rows[_i].o, NULL), 0);
    r = rig_of(on_any);
    got = ask(r, cors_rows[_i].line, cors_rows[_i].fields);
    ck_assert_msg(strcmp(rig_statuses(r, 0), cors_rows[_i].status) == 0,
                  "%s: %s", cors_rows[_i].name, got);
    for (int i = 0; i < 4 && cors_rows[_i].has[i] != NULL; i++)
        ck_assert_msg(strstr(got, cors_rows[_i].has[i]) != NULL, "%s: %s",
                      cors_rows[_i].name, got);
    ck_assert_msg(strstr(got, cors_rows[_i].has_not) == NULL, "%s: %s",
                  cors_rows[_i].name, got);
    rig_free(r);
}
END_TEST

/* ---- compress ---- */

static const struct {
    const char *name;
    int status;
    const char *type;
    size_t length;
    const char *field;
    const char *value;
    const char *accepts;
    bool is_coded;
    bool has_vary;
    const char *etag;
} zip_rows[] = {
    {"text", 200, "text/html", 2000, "X", "y", "gzip", true, true, NULL},
    {"an error's page", 404, "text/html", 2000, "X", "y", "gzip", true, true,
     NULL},
    {"too short", 200, "text/html", 1023, "X", "y", "gzip", false, false, NULL},
    {"just enough", 200, "text/html", 1024, "X", "y", "gzip", true, true, NULL},
    {"an image", 200, "image/png", 2000, "X", "y", "gzip", false, false, NULL},
    {"no type", 200, "", 2000, "X", "y", "gzip", false, false, NULL},
    {"events", 200, "text/event-stream", 2000, "X", "y", "gzip", false, false,
     NULL},
    {"refused", 200, "text/html", 2000, "X", "y", "gzip;q=0", false, true,
     NULL},
    {"everything", 200, "text/html", 2000, "X", "y", "*", true, true, NULL},
    {"only br", 200, "text/html", 2000, "X", "y", "br", false, true, NULL},
    {"no-transform", 200, "text/html", 2000, "Cache-Control",
     "public, No-Transform", "gzip", false, false, NULL},
    {"coded already", 200, "text/html", 2000, "Content-Encoding", "br", "gzip",
     false, false, NULL},
    {"a part", 206, "text/html", 2000, "Content-Range", "bytes 0-1999/3000",
     "gzip", false, false, NULL},
    {"a strong tag", 200, "text/html", 2000, "ETag", "\"a\"", "gzip", true,
     true, "ETag: W/\"a\"\r\n"},
    {"a weak tag", 200, "text/html", 2000, "ETag", "W/\"a\"", "gzip", true,
     true, "ETag: W/\"a\"\r\n"},
    {"a tag of what is not coded", 200, "text/html", 2000, "ETag", "\"a\"",
     "br", false, true, "ETag: \"a\"\r\n"},
    {"not modified", 304, "text/html", 0, "ETag", "\"a\"", "gzip", false, true,
     "ETag: W/\"a\"\r\n"},
    {"no content", 204, "text/html", 0, "X", "y", "gzip", false, false, NULL},
};
static int zip_row;

static int on_row(flare_req *req, flare_res *res)
{
    static char zeros[4096];
    int i = zip_row;

    (void)req;
    ck_assert_int_eq(
        flare_res_header(res, zip_rows[i].field, flare_str(zip_rows[i].value)),
        0);
    return flare_res_copy(res, zip_rows[i].status, flare_str(zip_rows[i].type),
                          (struct flare_str){zeros, zip_rows[i].length});
}

static int on_zeros(flare_req *req, flare_res *res)
{
    static char zeros[4096];

    (void)req;
    return flare_res_copy(res, 200, FLARE_STR("text/html"),
                          (struct flare_str){zeros, sizeof(zeros)});
}

START_TEST(test_mw_rules_U13_compress_is_of_the_group_that_asked_for_it)
{
    TEST_NEEDS_ZLIB();
    static const struct flare_route inside[] = {FLARE_GET("/x", on_zeros)};
    static const struct flare_compress o = {.level = 1};
    const struct flare_route routes[] = {
        FLARE_GROUP("/public", FLARE_ROUTES(inside), &mw),
        FLARE_GROUP("/secret", FLARE_ROUTES(inside)),
    };
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes)};
    const char *field = "Accept-Encoding: gzip\r\n";
    struct rig *r;
    const char *got;

    ck_assert_int_eq(flare_compress_init(&mw, &o, NULL), 0);
    r = rig_new(&config);
    got = ask(r, "GET /public/x", field);
    ck_assert_ptr_nonnull(strstr(got, "Content-Encoding: gzip\r\n"));
    got = ask(r, "GET /secret/x", field);
    ck_assert_ptr_null(strstr(got, "Content-Encoding"));
    ck_assert_ptr_null(strstr(got, "Vary"));
    ck_assert_ptr_nonnull(strstr(got, "Content-Length: 4096\r\n"));
    rig_free(r);
}
END_TEST

START_TEST(test_mw_rules_of_compress)
{
    static const char *const lines[] = {"GET /", "HEAD /"};
    const struct flare_compress o = {.level = 1};
    char field[64];
    char length[2][64];

    TEST_NEEDS_ZLIB();
    (void)snprintf(field, sizeof(field), "Accept-Encoding: %s\r\n",
                   zip_rows[_i].accepts);
    ck_assert_int_eq(flare_compress_init(&mw, &o, NULL), 0);
    zip_row = _i;
    for (int n = 0; n < 2; n++) {
        struct rig *r = rig_of(on_row);
        const char *got = ask(r, lines[n], field);
        const char *said = strstr(got, "Content-Length: ");

        ck_assert_msg((strstr(got, "Content-Encoding: gzip\r\n") != NULL) ==
                              zip_rows[_i].is_coded &&
                          (strstr(got, "Vary: Accept-Encoding\r\n") != NULL) ==
                              zip_rows[_i].has_vary &&
                          (zip_rows[_i].etag == NULL ||
                           strstr(got, zip_rows[_i].etag) != NULL),
                      "%s: %s", zip_rows[_i].name, got);
        (void)snprintf(length[n], sizeof(length[n]), "%.24s",
                       said != NULL ? said : "none");
        rig_free(r);
    }
    ck_assert_str_eq(length[0], length[1]);
}
END_TEST

/* ---- request ids ---- */

static int on_id(flare_req *req, flare_res *res)
{
    struct flare_str id = flare_req_id(req);

    return flare_res_printf(res, 200, "<%.*s>", FLARE_STR_ARG(id));
}

static const struct {
    const char *field;
    bool trust;
    bool is_taken;
} id_rows[] = {
    {"X-Request-Id: abc-1\r\n", true, true},
    {"X-Request-Id: abc-1\r\n", false, false},
    {"X-Request-Id: a b\r\n", true, false},
    {"X-Request-Id: \"a\"\r\n", true, false},
    {"X-Request-Id:\r\n", true, false},
    {"", true, false},
};

START_TEST(test_mw_rules_of_request_ids)
{
    struct flare_request_id o = {.trust = id_rows[_i].trust};
    struct rig *r;
    const char *got;

    ck_assert_int_eq(flare_request_id_init(&mw, &o, NULL), 0);
    r = rig_of(on_id);
    got = ask(r, "GET /", id_rows[_i].field);
    ck_assert_int_eq(strstr(got, "<abc-1>") != NULL, id_rows[_i].is_taken);
    ck_assert_int_eq(strstr(got, "X-Request-Id: abc-1\r\n") != NULL,
                     id_rows[_i].is_taken);
    if (!id_rows[_i].is_taken)
        ck_assert_uint_eq(strspn(strchr(got, '<') + 1, "0123456789abcdef"), 32);
    rig_free(r);
}
END_TEST

START_TEST(test_mw_rules_an_id_is_trusted_up_to_128_bytes)
{
    struct flare_request_id o = {.trust = true};
    struct rig *r;
    char field[256];
    char id[130];

    memset(id, 'a', sizeof(id));
    ck_assert_int_eq(flare_request_id_init(&mw, &o, NULL), 0);
    r = rig_of(on_id);
    for (int len = 128; len <= 129; len++) {
        const char *got;

        (void)snprintf(field, sizeof(field), "X-Request-Id: %.*s\r\n", len, id);
        got = ask(r, "GET /", field);
        ck_assert_int_eq(strstr(got, "<aaaa") != NULL, len == 128);
    }
    rig_free(r);
}
END_TEST

/* ---- the rate limit ---- */

static struct flare_str key_of(flare_req *req, void *ctx)
{
    (void)ctx;
    return flare_req_header(req, "Key");
}

START_TEST(test_mw_rules_a_client_has_its_burst_and_then_its_rate)
{
    struct flare_rate_limit o = {
        .requests = 10, .burst = 3, .clients_max = 64, .key = key_of};
    struct rig *r;

    ck_assert_int_eq(flare_rate_limit_init(&mw, &o, NULL, NULL), 0);
    r = rig_of(on_any);
    rig_connect(r, 0);
    for (int i = 0; i < 5; i++)
        rig_text(r, 0, "GET / HTTP/1.1\r\nHost: h\r\nKey: a\r\n\r\n");
    rig_text(r, 0, "GET / HTTP/1.1\r\nHost: h\r\nKey: b\r\n\r\n");
    rig_text(r, 0, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(r, 50);
    ck_assert_int_eq(flare_error_status(FLARE_E_TOO_MANY), 429);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200 200 429 429 200 200");
    rig_run(r, 100);
    for (int i = 0; i < 3; i++)
        rig_text(r, 0, "GET / HTTP/1.1\r\nHost: h\r\nKey: a\r\n\r\n");
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0),
                     "200 200 200 429 429 200 200 200 429 429");
    rig_free(r);
    flare_rate_limit_fini(&o);
}
END_TEST

/* R14: the table is bounded, and a full one still lets newcomers in. */
START_TEST(test_mw_rules_R14_many_clients_do_not_lock_each_other_out)
{
    struct flare_rate_limit o = {
        .requests = 1, .per_s = 60, .clients_max = 64, .key = key_of};
    struct rig *r;

    ck_assert_int_eq(flare_rate_limit_init(&mw, &o, NULL, NULL), 0);
    r = rig_of(on_any);
    rig_connect(r, 0);
    for (int i = 0; i < 1000; i++) {
        char text[64];

        (void)snprintf(text, sizeof(text),
                       "GET / HTTP/1.1\r\nHost: h\r\nKey: %d\r\n\r\n", i);
        rig_text(r, 0, text);
    }
    rig_run(r, 100);
    ck_assert_int_eq(rig_count(r, 0, "HTTP/1.1 200"), 1000);
    rig_free(r);
    flare_rate_limit_fini(&o);
}
END_TEST

/* ---- lines of the log ---- */

static const struct flare__log_entry entry = {
    .client = {"192.0.2.1", 9},
    .user = {"a b\"", 4},
    .method = {"GET", 3},
    .target = {"/\"\x1b\\\xff\n", 6},
    .referer = {"http://r", 8},
    .agent = {NULL, 0},
    .id = {"id", 2},
    .time_s = 784111777,
    .body_bytes = 7,
    .elapsed_ns = 1234567,
    .minor = 1,
    .status = 200,
};
static const char *const lines[] = {
    [FLARE_LOG_COMMON] = "192.0.2.1 - a+b\\x22 [06/Nov/1994:08:49:37 +0000] "
                         "\"GET /\\x22\\x1b\\x5c\\xff\\x0a HTTP/1.1\" 200 7\n",
    [FLARE_LOG_COMBINED] =
        "192.0.2.1 - a+b\\x22 [06/Nov/1994:08:49:37 +0000] "
        "\"GET /\\x22\\x1b\\x5c\\xff\\x0a HTTP/1.1\" 200 7 \"http://r\" "
        "\"-\"\n",
    [FLARE_LOG_JSON] =
        "{\"time\":\"1994-11-06T08:49:37Z\",\"client\":\"192.0.2.1\","
        "\"user\":\"a b\\\"\",\"method\":\"GET\","
        "\"target\":\"/\\\"\\u001b\\\\\\u00ff\\u000a\","
        "\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":7,"
        "\"duration_us\":1234,\"referer\":\"http://r\",\"id\":\"id\"}\n",
};

START_TEST(test_mw_rules_R19_of_log_lines)
{
    char out[FLARE__LOG_LINE_MAX];
    size_t len = flare__log_line(out, (enum flare_log_format)_i, &entry);

    ck_assert_msg(len == strlen(lines[_i]) && memcmp(out, lines[_i], len) == 0,
                  "%.*s", (int)len, out);
}
END_TEST

START_TEST(test_mw_rules_a_log_line_always_fits)
{
    static char long_value[100000];
    struct flare_str v = {long_value, sizeof(long_value)};
    struct flare__log_entry e = {
        .client = v,
        .user = v,
        .method = v,
        .target = v,
        .referer = v,
        .agent = v,
        .id = v,
        .error = "FLARE_E_GONE",
        .time_s = INT64_MAX,
        .body_bytes = UINT64_MAX,
        .elapsed_ns = UINT64_MAX,
        .status = 999,
    };
    char out[FLARE__LOG_LINE_MAX];
    static const char fill[] = {'a', '"', '\0', (char)0xff};

    for (size_t i = 0; i < sizeof(fill); i++) {
        memset(long_value, fill[i], sizeof(long_value));
        for (int f = FLARE_LOG_COMMON; f <= FLARE_LOG_JSON; f++) {
            size_t len = flare__log_line(out, (enum flare_log_format)f, &e);

            ck_assert_int_eq(out[len - 1], '\n');
            for (size_t k = 0; k + 1 < len; k++)
                ck_assert(out[k] >= 0x20 && out[k] < 0x7f);
        }
    }
}
END_TEST

/* ---- no memory ---- */

static int on_text(flare_req *req, flare_res *res)
{
    static char zeros[4096];

    (void)req;
    return flare_res_copy(res, 200, FLARE_STR("text/html"),
                          (struct flare_str){zeros, sizeof(zeros)});
}

static int page(flare_req *req, flare_res *res, int error, void *ctx)
{
    (void)req;
    (void)ctx;
    return flare_res_text(res, flare_error_status(error), "page");
}

static void log_write(struct flare_str line, void *ctx)
{
    (void)line;
    (void)ctx;
}

/* All of them around one handler; the n-th allocation of its request fails. */
START_TEST(test_mw_rules_every_allocation_may_fail)
{
    static struct flare_middleware all[8];
    static struct flare_request_id id;
    static const struct flare_access_log log = {FLARE_LOG_JSON, log_write,
                                                NULL};
    static const struct flare_recover recover = {page, NULL};
    static const struct flare_cors cors = {.origins = {"*"}};
    static const struct flare_compress zip = {.bytes_min = 1};
    static const struct flare_timeout time = {.ms = 1000};
    static const struct flare_basic_user users[] = {{"ada", "secret"}};
    static const struct flare_basic_auth basic = {
        .realm = "r", .users = users, .user_count = 1};
    struct flare_server_config config = {
        .handler = {on_text, NULL},
        .middleware = {&all[0], &all[1], &all[2], &all[3], &all[4], &all[5],
                       &all[6]},
    };
    bool is_done = false;

    TEST_NEEDS_ZLIB();
    ck_assert_int_eq(flare_request_id_init(&all[0], &id, NULL), 0);
    ck_assert_int_eq(flare_access_log_init(&all[1], &log, NULL), 0);
    ck_assert_int_eq(flare_recover_init(&all[2], &recover, NULL), 0);
    ck_assert_int_eq(flare_cors_init(&all[3], &cors, NULL), 0);
    ck_assert_int_eq(flare_basic_auth_init(&all[4], &basic, NULL), 0);
    ck_assert_int_eq(flare_compress_init(&all[5], &zip, NULL), 0);
    ck_assert_int_eq(flare_timeout_init(&all[6], &time, NULL), 0);
    for (uint64_t n = 1; !is_done; n++) {
        struct rig *r = rig_new(&config);

        rig_connect(r, 0);
        r->fault.mode = FAULT_ONCE;
        r->fault.at = r->fault.sites + n;
        rig_text(r, 0,
                 "GET / HTTP/1.1\r\nHost: h\r\nOrigin: http://a\r\n"
                 "Authorization: Basic YWRhOnNlY3JldA==\r\n"
                 "Accept-Encoding: gzip\r\n\r\n");
        rig_run(r, 100);
        is_done = r->fault.failed == 0;
        fault_disarm(&r->fault);
        if (is_done)
            ck_assert_int_eq(rig_count(r, 0, "Content-Encoding: gzip"), 1);
        (void)ask(r, "GET /", "Authorization: Basic YWRhOnNlY3JldA==\r\n");
        ck_assert_str_eq(rig_statuses(r, 0), "200");
        rig_free(r);
        ck_assert_uint_lt(n, 100);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/mw_rules");
    TCase *tc = tcase_create("mw_rules");

    tcase_add_loop_test(tc, test_mw_rules_of_cors, 0, ROWS(cors_rows));
    tcase_add_loop_test(tc, test_mw_rules_of_compress, 0, ROWS(zip_rows));
    tcase_add_test(
        tc, test_mw_rules_U13_compress_is_of_the_group_that_asked_for_it);
    tcase_add_loop_test(tc, test_mw_rules_of_request_ids, 0, ROWS(id_rows));
    tcase_add_test(tc, test_mw_rules_an_id_is_trusted_up_to_128_bytes);
    tcase_add_test(tc, test_mw_rules_a_client_has_its_burst_and_then_its_rate);
    tcase_add_test(tc,
                   test_mw_rules_R14_many_clients_do_not_lock_each_other_out);
    tcase_add_loop_test(tc, test_mw_rules_R19_of_log_lines, 0, ROWS(lines));
    tcase_add_test(tc, test_mw_rules_a_log_line_always_fits);
    tcase_add_test(tc, test_mw_rules_every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
