/* SPDX-License-Identifier: MIT */
/*
 * Every middleware is right for every way of answering: at once, in pieces,
 * asked for, from a file, later, by an error now or later, by the library.
 */
#include <flare/flare.h>

#include "http/inflate.h"
#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <string.h>
#include <unistd.h>

enum { BODY_BYTES = 3000 };

static char body[BODY_BYTES + 1];
static struct flare_str body_str(void)
{
    for (int i = 0; i < BODY_BYTES; i++)
        body[i] = "flare is a library"[i % 18];
    return (struct flare_str){body, BODY_BYTES};
}

#define TEXT FLARE_STR("text/plain")

/* ---- the ways ---- */

static int now(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_copy(res, 200, TEXT, body_str());
}

static int given(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_give(res, 201, TEXT, body_str(), NULL, NULL);
}

static int fails(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_E_CONFLICT;
}

static int forgets(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_OK;
}

static int pieces(flare_req *req, flare_res *res)
{
    struct flare_str all = body_str();
    int rc = flare_res_start(res, 200, TEXT, FLARE_LENGTH_UNKNOWN);

    (void)req;
    for (size_t at = 0; at < all.len && rc >= 0; at += 500)
        rc = flare_res_write(res, (struct flare_str){all.ptr + at, 500});
    return rc < 0 ? rc : flare_res_finish(res);
}

static int on_pull(flare_req *req, flare_res *res, void *ctx)
{
    int rc = flare_res_write(res, body_str());

    (void)req;
    (void)ctx;
    return rc < 0 ? rc : flare_res_finish(res);
}

static int pulled(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_pull(res, 200, TEXT, BODY_BYTES, on_pull, NULL);
}

static int file(flare_req *req, flare_res *res)
{
    FILE *f = tmpfile();
    int fd;
    int rc;

    (void)req;
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(body_str().ptr, 1, BODY_BYTES, f), BODY_BYTES);
    ck_assert_int_eq(fflush(f), 0);
    fd = dup(fileno(f));
    ck_assert_int_ge(fd, 0);
    rc = flare_res_file(res, 200, TEXT, fd, 0, BODY_BYTES);
    ck_assert_int_eq(fclose(f), 0);
    if (rc < 0)
        ck_assert_int_eq(close(fd), 0);
    return rc;
}

static void answer_late(flare_req *req, flare_res *res, void *ctx)
{
    (void)ctx;
    if (res != NULL)
        ck_assert_int_eq(now(req, res), 0);
}

static int late(flare_req *req, flare_res *res)
{
    flare_later *later = flare_res_defer(res);

    (void)req;
    ck_assert_ptr_nonnull(later);
    flare_later_answer(later, answer_late, NULL);
    return FLARE_LATER;
}

static int dropped(flare_req *req, flare_res *res)
{
    flare_later *later = flare_res_defer(res);

    (void)req;
    ck_assert_ptr_nonnull(later);
    flare_later_drop(later);
    return FLARE_LATER;
}

static void answer_nothing(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
}

static int forgets_late(flare_req *req, flare_res *res)
{
    flare_later *later = flare_res_defer(res);

    (void)req;
    ck_assert_ptr_nonnull(later);
    flare_later_answer(later, answer_nothing, NULL);
    return FLARE_LATER;
}

static int never(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_LATER;
}

static const struct flare_route routes[] = {
    FLARE_GET("/now", now),         FLARE_GET("/given", given),
    FLARE_GET("/fails", fails),     FLARE_GET("/forgets", forgets),
    FLARE_GET("/pieces", pieces),   FLARE_GET("/pulled", pulled),
    FLARE_GET("/file", file),       FLARE_GET("/late", late),
    FLARE_GET("/dropped", dropped), FLARE_GET("/forgets-late", forgets_late),
    FLARE_GET("/never", never),
};

static const struct {
    const char *line;
    int status;
    int error; /* the library answers because of it; 0: the handler does */
    bool is_file;
} ways[] = {
    {"GET /now", 200, 0, false},
    {"GET /given", 201, 0, false},
    {"GET /pieces", 200, 0, false},
    {"GET /pulled", 200, 0, false},
    {"GET /file", 200, 0, true},
    {"GET /late", 200, 0, false},
    {"GET /fails", 409, FLARE_E_CONFLICT, false},
    {"GET /forgets", 500, FLARE_E_NOT_ANSWERED, false},
    {"GET /dropped", 503, FLARE_E_OVERLOADED, false},
    {"GET /forgets-late", 500, FLARE_E_NOT_ANSWERED, false},
    {"GET /nope", 404, FLARE_E_NOT_FOUND, false},
    {"POST /now", 405, FLARE_E_METHOD_NOT_ALLOWED, false},
};

static struct flare_middleware mw;

static struct rig *rig_around(void)
{
    struct flare_server_config config = {
        .routes = FLARE_ROUTES(routes),
        .middleware = {&mw},
    };

    return rig_new(&config);
}

static const char *ask_with(struct rig *r, const char *line, const char *fields)
{
    char text[512];
    const char *got;

    (void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: h\r\n%s\r\n", line,
                   fields);
    got = rig_ask(r, text);
    rig_run(r, 100);
    return got;
}

static const char *ask(struct rig *r, int way, const char *fields)
{
    const char *got = ask_with(r, ways[way].line, fields);
    char status[16];

    (void)snprintf(status, sizeof(status), "%d", ways[way].status);
    ck_assert_msg(strcmp(rig_statuses(r, 0), status) == 0, "%s: %s",
                  ways[way].line, got);
    return got;
}

/* What the body is in the answer: the text of its length and encoding. */
static void check_whole(const char *got, int way)
{
    const char *b = strstr(got, "\r\n\r\n");

    ck_assert_ptr_nonnull(b);
    if (ways[way].error != 0)
        return;
    ck_assert_msg(strstr(b, "flare is a library") != NULL, "%s: %s",
                  ways[way].line, got);
}

/* ---- request id ---- */

START_TEST(test_mw_request_id_is_in_every_answer_once)
{
    struct flare_request_id o = {.field = NULL};
    struct rig *r;
    const char *id;

    ck_assert_int_eq(flare_request_id_init(&mw, &o, NULL), 0);
    r = rig_around();
    check_whole(ask(r, _i, ""), _i);
    ck_assert_int_eq(rig_count(r, 0, "X-Request-Id: "), 1);
    id = strstr(r->peers[0].got, "X-Request-Id: ") + 14;
    ck_assert_uint_eq(strspn(id, "0123456789abcdef"), 32);
    rig_free(r);
}
END_TEST

/* ---- access log ---- */

static char logged[65536];
static int log_lines;

static void log_write(struct flare_str line, void *ctx)
{
    (void)ctx;
    log_lines++;
    ck_assert_uint_lt(line.len, sizeof(logged));
    memcpy(logged, line.ptr, line.len);
    logged[line.len] = '\0';
}

START_TEST(test_mw_access_log_has_one_line_for_every_answer)
{
    const struct flare_access_log o = {FLARE_LOG_COMMON, log_write, NULL};
    struct rig *r;
    char want[64];

    log_lines = 0;
    ck_assert_int_eq(flare_access_log_init(&mw, &o, NULL), 0);
    r = rig_around();
    check_whole(ask(r, _i, ""), _i);
    (void)snprintf(want, sizeof(want), "\"%s HTTP/1.1\" %d ", ways[_i].line,
                   ways[_i].status);
    ck_assert_int_eq(log_lines, 1);
    ck_assert_msg(strstr(logged, want) != NULL, "%s: %s", want, logged);
    if (ways[_i].error == 0)
        ck_assert_ptr_nonnull(strstr(logged, " 3000\n"));
    rig_free(r);
}
END_TEST

START_TEST(test_mw_access_log_says_who_left)
{
    const struct flare_access_log o = {FLARE_LOG_JSON, log_write, NULL};
    struct rig *r;

    log_lines = 0;
    ck_assert_int_eq(flare_access_log_init(&mw, &o, NULL), 0);
    r = rig_around();
    (void)ask_with(r, "GET /never", "Referer: \"a\\\r\nUser-Agent: \xff\r\n");
    ck_assert_int_eq(log_lines, 0);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true;
    rig_run(r, 100);
    ck_assert_int_eq(log_lines, 1);
    ck_assert_msg(strstr(logged, "\"status\":499,") != NULL, "%s", logged);
    ck_assert_msg(strstr(logged, "\"error\":\"FLARE_E_GONE\"}\n") != NULL, "%s",
                  logged);
    ck_assert_ptr_nonnull(strstr(logged, "\"referer\":\"\\\"a\\\\\""));
    ck_assert_ptr_nonnull(strstr(logged, "\"agent\":\"\\u00ff\""));
    rig_free(r);
}
END_TEST

/* ---- recover ---- */

static int page_rc;

static int on_page(flare_req *req, flare_res *res, int error, void *ctx)
{
    (void)req;
    ck_assert_str_eq(ctx, "ctx");
    if (page_rc < 0)
        return page_rc;
    return flare_res_printf(res, flare_error_status(error), "page: %s",
                            flare_error_name(error));
}

START_TEST(test_mw_recover_gives_a_page_for_every_error)
{
    const struct flare_recover o = {on_page, (void *)(uintptr_t) "ctx"};
    struct rig *r;
    const char *got;
    char want[64];

    page_rc = 0;
    ck_assert_int_eq(flare_recover_init(&mw, &o, NULL), 0);
    r = rig_around();
    got = ask(r, _i, "");
    check_whole(got, _i);
    (void)snprintf(want, sizeof(want), "\r\n\r\npage: %s",
                   flare_error_name(ways[_i].error));
    ck_assert_msg((strstr(got, want) != NULL) == (ways[_i].error != 0), "%s",
                  got);
    ck_assert((strstr(got, "Allow: ") != NULL) == (ways[_i].status == 405));
    if (ways[_i].status >= 500 && ways[_i].error != FLARE_E_OVERLOADED)
        ck_assert_ptr_nonnull(strstr(r->log, "handler for /forgets"));
    rig_free(r);
}
END_TEST

START_TEST(test_mw_recover_without_a_page_leaves_the_plain_answer)
{
    const struct flare_recover o = {on_page, (void *)(uintptr_t) "ctx"};
    struct rig *r;

    page_rc = FLARE_E_FORBIDDEN;
    ck_assert_int_eq(flare_recover_init(&mw, &o, NULL), 0);
    r = rig_around();
    check_whole(ask(r, _i, ""), _i);
    ck_assert_int_eq(rig_count(r, 0, "page"), 0);
    rig_free(r);
}
END_TEST

/* ---- authentication ---- */

START_TEST(test_mw_auth_lets_in_or_keeps_out_whatever_is_inside)
{
    static const struct flare_basic_user users[] = {{"ada", "secret"}};
    const struct flare_basic_auth o = {
        .realm = "r", .users = users, .user_count = 1};
    struct rig *r;

    ck_assert_int_eq(flare_basic_auth_init(&mw, &o, NULL), 0);
    r = rig_around();
    check_whole(ask(r, _i, "Authorization: Basic YWRhOnNlY3JldA==\r\n"), _i);
    ck_assert_int_eq(rig_count(r, 0, "WWW-Authenticate"), 0);
    (void)ask_with(r, ways[_i].line, "");
    ck_assert_str_eq(rig_statuses(r, 0), "401");
    ck_assert_int_eq(rig_count(r, 0, "WWW-Authenticate: Basic realm=\"r\"\r\n"),
                     1);
    rig_free(r);
}
END_TEST

/* ---- CORS ---- */

START_TEST(test_mw_cors_allows_in_every_answer)
{
    const struct flare_cors o = {.origins = {"https://a.example"}};
    struct rig *r;

    ck_assert_int_eq(flare_cors_init(&mw, &o, NULL), 0);
    r = rig_around();
    check_whole(ask(r, _i, "Origin: https://a.example\r\n"), _i);
    ck_assert_int_eq(
        rig_count(r, 0, "Access-Control-Allow-Origin: https://a.example\r\n"),
        1);
    ck_assert_int_eq(rig_count(r, 0, "Vary: Origin\r\n"), 1);
    (void)ask(r, _i, "Origin: https://b.example\r\n");
    ck_assert_int_eq(rig_count(r, 0, "Access-Control-"), 0);
    ck_assert_int_eq(rig_count(r, 0, "Vary: Origin\r\n"), 1);
    rig_free(r);
}
END_TEST

/* ---- compress ---- */

/* The body of the answer without its framing. */
static size_t unframed(const struct rig_peer *p, char *out)
{
    const char *b = strstr(p->got, "\r\n\r\n") + 4;
    const char *end = p->got + p->len;
    size_t len = 0;

    if (strstr(p->got, "chunked") == NULL) {
        memcpy(out, b, (size_t)(end - b));
        return (size_t)(end - b);
    }
    for (;;) {
        char *data;
        size_t n = strtoul(b, &data, 16);

        if (n == 0)
            return len;
        memcpy(out + len, data + 2, n);
        len += n;
        b = data + 2 + n + 2;
    }
}

START_TEST(test_mw_compress_codes_bodies_but_no_files_and_no_errors)
{
    const struct flare_compress o = {.bytes_min = 0};
    bool is_due = ways[_i].error == 0 && !ways[_i].is_file;
    static char coded[65536];
    const struct flare__inflate_limits limits = {.bytes_max = 1 << 20};
    struct flare__inflate *inflate;
    struct flare_str in;
    char plain[BODY_BYTES + 64];
    struct rig *r;
    int n;

    TEST_NEEDS_ZLIB();
    ck_assert_int_eq(flare_compress_init(&mw, &o, NULL), 0);
    r = rig_around();
    check_whole(ask(r, _i, ""), _i);
    ck_assert_int_eq(rig_count(r, 0, "Vary: Accept-Encoding\r\n"), is_due);
    ck_assert_int_eq(rig_count(r, 0, "Content-Encoding"), 0);
    (void)ask(r, _i, "Accept-Encoding: gzip\r\n");
    ck_assert_int_eq(rig_count(r, 0, "Vary: Accept-Encoding\r\n"), is_due);
    ck_assert_int_eq(rig_count(r, 0, "Content-Encoding: gzip\r\n"), is_due);
    in = (struct flare_str){coded, unframed(&r->peers[0], coded)};
    if (is_due) {
        ck_assert_uint_lt(in.len, 300);
        ck_assert_int_eq(flare__inflate_new(&inflate, &r->fault.al,
                                            FLARE__WRAP_GZIP, &limits),
                         0);
        n = flare__inflate_feed(inflate, &in, plain, sizeof(plain));
        ck_assert_int_eq(n, BODY_BYTES);
        ck_assert_mem_eq(plain, body_str().ptr, BODY_BYTES);
        flare__inflate_free(inflate);
    }
    rig_free(r);
}
END_TEST

/* ---- timeout ---- */

START_TEST(test_mw_timeout_leaves_answers_in_time_as_they_are)
{
    const struct flare_timeout o = {.ms = 5000};
    struct rig *r;

    ck_assert_int_eq(flare_timeout_init(&mw, &o, NULL), 0);
    r = rig_around();
    check_whole(ask(r, _i, ""), _i);
    rig_free(r);
}
END_TEST

START_TEST(test_mw_timeout_answers_what_it_is_told)
{
    static const int statuses[][2] = {{0, 504}, {503, 503}, {408, 408}};
    const struct flare_timeout o = {.ms = 50, .status = statuses[_i][0]};
    char want[64];
    struct rig *r;

    ck_assert_int_eq(flare_timeout_init(&mw, &o, NULL), 0);
    r = rig_around();
    (void)ask_with(r, "GET /never", "");
    (void)snprintf(want, sizeof(want), "HTTP/1.1 %d ", statuses[_i][1]);
    ck_assert_msg(strncmp(r->peers[0].got, want, strlen(want)) == 0, "%s",
                  r->peers[0].got);
    ck_assert_int_eq(rig_count(r, 0, "Retry-After"), statuses[_i][1] == 503);
    ck_assert_int_eq(rig_count(r, 0, "Connection: close"), 1);
    rig_free(r);
}
END_TEST

/* ---- rate limit ---- */

/* Each of the simulated peers has an address of its own. */
static struct flare_str one_client(flare_req *req, void *ctx)
{
    (void)req;
    (void)ctx;
    return FLARE_STR("all");
}

START_TEST(test_mw_rate_limit_counts_every_answer)
{
    struct flare_rate_limit o = {
        .requests = 1, .per_s = 60, .burst = 2, .key = one_client};
    struct rig *r;

    ck_assert_int_eq(flare_rate_limit_init(&mw, &o, NULL, NULL), 0);
    r = rig_around();
    check_whole(ask(r, _i, ""), _i);
    check_whole(ask(r, _i, ""), _i);
    (void)ask_with(r, ways[_i].line, "");
    ck_assert_str_eq(rig_statuses(r, 0), "429");
    ck_assert_int_eq(rig_count(r, 0, "Retry-After: 60\r\n"), 1);
    rig_run(r, 60000);
    (void)ask(r, _i, "");
    rig_free(r);
    flare_rate_limit_fini(&o);
}
END_TEST

/* ---- metrics ---- */

static int on_metrics(flare_req *req, flare_res *res)
{
    return flare_metrics_serve(req, res);
}

START_TEST(test_mw_metrics_count_every_answer)
{
    struct flare_metrics o = {.prefix = "app"};
    static struct flare_route all[ROWS(routes) + 1];
    struct flare_server_config config = {
        .routes = FLARE_ROUTES(all),
        .middleware = {&mw},
    };
    struct rig *r;
    const char *got;

    memcpy(all, routes, sizeof(routes));
    all[ROWS(routes)] =
        (struct flare_route)FLARE_GET("/metrics", on_metrics, &o);
    ck_assert_int_eq(flare_metrics_init(&mw, &o, NULL, NULL), 0);
    r = rig_new(&config);
    check_whole(ask(r, _i, ""), _i);
    got = ask_with(r, "GET /metrics", "");
    ck_assert_msg(strstr(got, "\napp_request_duration_seconds_count 1\n") !=
                      NULL,
                  "%s", got);
    ck_assert_ptr_nonnull(
        strstr(got, "Content-Type: text/plain; version=0.0.4"));
    rig_free(r);
    flare_metrics_fini(&o);
}
END_TEST

/* ---- health ---- */

static int health_rc;

static int on_health(void *ctx)
{
    (void)ctx;
    return health_rc;
}

START_TEST(test_mw_health_is_not_well_when_told_or_draining)
{
    struct flare_health o = {.check = on_health};
    struct flare_server_config config = {.handler = {flare_health_serve, &o}};
    struct rig *r = rig_new(&config);

    health_rc = 0;
    ck_assert_ptr_nonnull(strstr(ask_with(r, "GET /", ""), "\r\n\r\nok\n"));
    health_rc = FLARE_E_CONFLICT;
    ck_assert_ptr_nonnull(strstr(ask_with(r, "GET /", ""), "HTTP/1.1 503 "));
    health_rc = 0;
    rig_connect(r, 1);
    rig_text(r, 1, "GET / HTTP/1.1\r\nHo");
    rig_run(r, 10);
    flare__http_drain_begin(&r->http);
    rig_text(r, 1, "st: a\r\n\r\n");
    rig_run(r, 10);
    ck_assert_int_eq(rig_count(r, 1, "\r\n\r\ndraining\n"), 1);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/mw_answers");
    TCase *tc = tcase_create("mw_answers");

    tcase_add_loop_test(tc, test_mw_request_id_is_in_every_answer_once, 0,
                        ROWS(ways));
    tcase_add_loop_test(tc, test_mw_access_log_has_one_line_for_every_answer, 0,
                        ROWS(ways));
    tcase_add_test(tc, test_mw_access_log_says_who_left);
    tcase_add_loop_test(tc, test_mw_recover_gives_a_page_for_every_error, 0,
                        ROWS(ways));
    tcase_add_loop_test(tc,
                        test_mw_recover_without_a_page_leaves_the_plain_answer,
                        0, ROWS(ways));
    tcase_add_loop_test(tc,
                        test_mw_auth_lets_in_or_keeps_out_whatever_is_inside, 0,
                        ROWS(ways));
    tcase_add_loop_test(tc, test_mw_cors_allows_in_every_answer, 0, ROWS(ways));
    tcase_add_loop_test(
        tc, test_mw_compress_codes_bodies_but_no_files_and_no_errors, 0,
        ROWS(ways));
    tcase_add_loop_test(tc, test_mw_timeout_leaves_answers_in_time_as_they_are,
                        0, ROWS(ways));
    tcase_add_loop_test(tc, test_mw_timeout_answers_what_it_is_told, 0, 3);
    tcase_add_loop_test(tc, test_mw_rate_limit_counts_every_answer, 0,
                        ROWS(ways));
    tcase_add_loop_test(tc, test_mw_metrics_count_every_answer, 0, ROWS(ways));
    tcase_add_test(tc, test_mw_health_is_not_well_when_told_or_draining);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
