/* SPDX-License-Identifier: MIT */
/*
 * Middlewares around handlers, groups and the whole server, and redirects of
 * slashes, as a peer sees them.
 */
#include "http/chain.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <string.h>

static char trace[64]; /* who ran, in order */

static void note(const char *text)
{
    strncat(trace, text, sizeof(trace) - strlen(trace) - 1);
}

/* "a(" on the way in, ")a" on the way out; ctx is the letter. */
static int mw_trace(flare_req *req, flare_res *res, struct flare_handler next,
                    void *ctx)
{
    int rc;

    ck_assert_ptr_eq(flare_req_ctx(req), ctx);
    note(ctx);
    note("(");
    rc = flare_next(req, res, next);
    note(rc < 0 ? "!" : ")");
    note(ctx);
    ck_assert_ptr_eq(flare_req_ctx(req), ctx);
    return rc;
}

static int mw_stop(flare_req *req, flare_res *res, struct flare_handler next,
                   void *ctx)
{
    (void)req;
    (void)res;
    (void)next;
    (void)ctx;
    return FLARE_E_UNAUTHORIZED;
}

static int mw_mend(flare_req *req, flare_res *res, struct flare_handler next,
                   void *ctx)
{
    (void)ctx;
    if (flare_next(req, res, next) < 0)
        return flare_res_text(res, 200, "mended");
    return 0;
}

static const struct flare_middleware a = {mw_trace, (void *)"a"};
static const struct flare_middleware b = {mw_trace, (void *)"b"};
static const struct flare_middleware c = {mw_trace, (void *)"c"};
static const struct flare_middleware stop = {mw_stop, NULL};
static const struct flare_middleware mend = {mw_mend, NULL};

static int on_ctx(flare_req *req, flare_res *res)
{
    const char *ctx = flare_req_ctx(req);

    note("h");
    return flare_res_text(res, 200, ctx != NULL ? ctx : "none");
}

static int on_error(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    note("e");
    return FLARE_E_CONFLICT;
}

static const struct flare_route inner[] = {
    FLARE_GET("", on_ctx, (void *)"root"),
    FLARE_GET("/x", on_ctx, (void *)"ctx of x"),
    FLARE_GET("/err", on_error),
    FLARE_WITH(GET, "/own", on_ctx, &c),
};
static const struct flare_route outer[] = {
    FLARE_GROUP("/in", FLARE_ROUTES(inner), &b),
    FLARE_GROUP("/stop", FLARE_ROUTES(inner), &stop, &b),
    FLARE_GROUP("/mend", FLARE_ROUTES(inner), &mend, &b),
};
static const struct flare_route slashed[] = {
    FLARE_GET("/p/:id", on_ctx),
    FLARE_POST("/q/", on_ctx),
    FLARE_GET("/:any", on_ctx),
    FLARE_GET("/*rest", on_ctx),
};
static const struct flare_route routes[] = {
    FLARE_GET("/", on_ctx, (void *)"plain"),
    FLARE_GROUP("/out", FLARE_ROUTES(outer), &a),
    FLARE_GROUP("/s", FLARE_ROUTES(slashed, FLARE_SLASH_REDIRECT)),
};
static const struct flare_route roots[] = {FLARE_GET("/:any", on_ctx),
                                           FLARE_GET("/a/:any", on_ctx)};

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST "\r\n\r\n"

static const struct {
    const char *request;
    const char *status;
    const char *has;
    const char *trace;        /* without the server's middlewares */
    const char *server_trace; /* with one, c */
} rows[] = {
    {GET("/"), "200", LAST "plain", "h", "c(h)c"},
    {GET("/out/in"), "200", LAST "root", "a(b(h)b)a", "c(a(b(h)b)a)c"},
    {GET("/out/in/x"), "200", LAST "ctx of x", "a(b(h)b)a", "c(a(b(h)b)a)c"},
    {GET("/out/in/err"), "409", "", "a(b(e!b!a", "c(a(b(e!b!a!c"},
    {GET("/out/in/own"), "200", LAST "none", "a(b(c(h)c)b)a",
     "c(a(b(c(h)c)b)a)c"},
    {GET("/out/stop/x"), "401", "", "a(!a", "c(a(!a!c"},
    {GET("/out/mend/err"), "200", LAST "mended", "a(b(e!b)a", "c(a(b(e!b)a)c"},
    {GET("/out/in/nope"), "404", "", "", "c(!c"},
    {"POST /out/in/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "405",
     "Allow: GET, HEAD, OPTIONS\r\n", "", "c(!c"},
    {"OPTIONS /out/in/x HTTP/1.1\r\nHost: a\r\n\r\n", "204",
     "Allow: GET, HEAD, OPTIONS\r\n", "", "c()c"},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "204", "Allow: ", "", "c()c"},
    {"HEAD /out/in/x HTTP/1.1\r\nHost: a\r\n\r\n", "200",
     "Content-Length: 8\r\n", "a(b(h)b)a", "c(a(b(h)b)a)c"},
    {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "501", "", "", ""},
    {"TRACE /out/in/x HTTP/1.1\r\nHost: a\r\n\r\n", "405", "Allow: ", "",
     "c(!c"},
};

static void check_row(const struct flare_server_config *config, int i,
                      const char *expect)
{
    struct rig *r = rig_new(config);
    const char *got;

    trace[0] = '\0';
    got = rig_ask(r, rows[i].request);
    ck_assert_msg(strcmp(rig_statuses(r, 0), rows[i].status) == 0, "%s: %s",
                  rows[i].request, got);
    ck_assert_msg(strstr(got, rows[i].has) != NULL, "%s: %s", rows[i].request,
                  got);
    ck_assert_msg(strcmp(trace, expect) == 0, "%s: ran %s", rows[i].request,
                  trace);
    rig_free(r);
}

START_TEST(test_chain_runs_middlewares_from_the_outside_in)
{
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes)};

    check_row(&config, _i, rows[_i].trace);
}
END_TEST

START_TEST(test_chain_of_the_server_is_around_every_request)
{
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes),
                                         .middleware = {&c}};

    check_row(&config, _i, rows[_i].server_trace);
}
END_TEST

START_TEST(test_chain_of_the_server_is_around_a_lone_handler)
{
    struct flare_server_config config = {.handler = {on_ctx, (void *)"lone"},
                                         .middleware = {&a, &b}};
    struct rig *r = rig_new(&config);

    trace[0] = '\0';
    ck_assert_ptr_nonnull(strstr(rig_ask(r, GET("/any")), LAST "lone"));
    ck_assert_str_eq(trace, "a(b(h)b)a");
    rig_free(r);
}
END_TEST

START_TEST(test_chain_too_many_or_empty_middlewares_are_refused)
{
    static const struct flare_middleware none = {NULL, NULL};
    struct flare_server_config config = {
        .listen = "127.0.0.1:0",
        .handler = {on_ctx, NULL},
        .middleware = {&a, &none},
    };
    struct flare_error err;

    ck_assert_int_eq(flare__config_resolve(&config, 1024, &err),
                     FLARE_E_BAD_CONFIG);
    ck_assert_str_eq(err.text, "middleware 2 has no function");
    for (int i = 0; i <= FLARE_MIDDLEWARE_MAX; i++)
        config.middleware[i] = &a;
    ck_assert_int_eq(flare__config_resolve(&config, 1024, &err),
                     FLARE_E_BAD_CONFIG);
    ck_assert_str_eq(err.text, "middleware has more than 8 entries");
}
END_TEST

/* U07: Location is a path of this host. */
static const struct {
    const char *request;
    const char *status;
    const char *location; /* NULL: none */
} moves[] = {
    {GET("/s/p/7/"), "308", "/s/p/7"},
    {GET("/s/p/7/?q=1&r=%2F"), "308", "/s/p/7?q=1&r=%2F"},
    {GET("/s/p/7/?"), "308", "/s/p/7?"},
    {GET("http://evil/s/p/7/"), "308", "/s/p/7"},
    {"HEAD /s/p/7/ HTTP/1.1\r\nHost: a\r\n\r\n", "308", "/s/p/7"},
    {"POST /s/q HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "308",
     "/s/q/"},
    {GET("/s/p/7"), "200", NULL},
    {GET("/s/p/7/8/"), "200", NULL}, /* a rest has its slash */
    {GET("//evil/"), "400", NULL},
    {GET("//evil/s/p/7/"), "400", NULL},
    {GET("/s//evil/"), "404", NULL},
    {GET("/s/p/%2F%2Fevil/"), "308", "/s/p/%2F%2Fevil"},
    {GET("/s/p/%0D%0ASet-Cookie:x/"), "400", NULL},
};

START_TEST(test_chain_U07_a_redirect_stays_on_this_host)
{
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes)};
    struct rig *r = rig_new(&config);
    const char *got = rig_ask(r, moves[_i].request);
    char line[128];

    ck_assert_msg(strcmp(rig_statuses(r, 0), moves[_i].status) == 0, "%s: %s",
                  moves[_i].request, got);
    snprintf(line, sizeof(line), "\r\nLocation: %s\r\n",
             moves[_i].location != NULL ? moves[_i].location : "");
    if (moves[_i].location == NULL)
        ck_assert_ptr_null(strstr(got, "Location"));
    else
        ck_assert_msg(strstr(got, line) != NULL, "%s: %s", moves[_i].request,
                      got);
    rig_free(r);
}
END_TEST

/* Whatever the bytes of a first segment: never "//" or "/\" in front. */
START_TEST(test_chain_U07_no_byte_makes_a_redirect_leave_this_host)
{
    struct flare_server_config config = {
        .routes = FLARE_ROUTES(roots, FLARE_SLASH_REDIRECT)};
    struct rig *r = rig_new(&config);
    int moved = 0;

    for (int byte = 1; byte < 256; byte++) {
        char text[64];
        const char *at;

        snprintf(text, sizeof(text), "GET /%cevil/ HTTP/1.1\r\nHost: a\r\n\r\n",
                 byte);
        at = strstr(rig_ask(r, text), "Location: ");
        if (at == NULL)
            continue;
        moved++;
        at += strlen("Location: ");
        ck_assert_msg(at[0] == '/' && at[1] != '/' && at[1] != '\\' &&
                          at[1] > ' ' && at[1] < 0x7F,
                      "byte %d: %.40s", byte, at);
    }
    ck_assert_int_gt(moved, 60);
    rig_free(r);
}
END_TEST

START_TEST(test_chain_U07_a_location_is_bounded)
{
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes),
                                         .target_bytes_max = 65536};
    static char text[20000];
    struct rig *r = rig_new(&config);

    memcpy(text, "GET /s/p/", 9);
    memset(text + 9, 'x', 9000);
    snprintf(text + 9009, sizeof(text) - 9009, "/ HTTP/1.1\r\nHost: a\r\n\r\n");
    (void)rig_ask(r, text);
    ck_assert_str_eq(rig_statuses(r, 0), "414");
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/chain");
    TCase *t = tcase_create("chain");

    tcase_add_loop_test(t, test_chain_runs_middlewares_from_the_outside_in, 0,
                        ROWS(rows));
    tcase_add_loop_test(t, test_chain_of_the_server_is_around_every_request, 0,
                        ROWS(rows));
    tcase_add_test(t, test_chain_of_the_server_is_around_a_lone_handler);
    tcase_add_test(t, test_chain_too_many_or_empty_middlewares_are_refused);
    tcase_add_loop_test(t, test_chain_U07_a_redirect_stays_on_this_host, 0,
                        ROWS(moves));
    tcase_add_test(t, test_chain_U07_no_byte_makes_a_redirect_leave_this_host);
    tcase_add_test(t, test_chain_U07_a_location_is_bounded);
    suite_add_tcase(s, t);
    return test_run(s);
}
