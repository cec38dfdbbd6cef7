/* SPDX-License-Identifier: MIT */
/* Groups and slashes at the end: what a table with them matches. */
#include "http/router_flat.h"

#include "base/alloc.h"
#include "http/chain.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <string.h>

static int on_any(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_OK;
}

static int around(flare_req *req, flare_res *res, struct flare_handler next,
                  void *ctx)
{
    (void)ctx;
    return flare_next(req, res, next);
}

static const struct flare_middleware one = {around, NULL};
static const struct flare_middleware two = {around, NULL};
static const struct flare_middleware headless = {NULL, NULL};

static const struct flare_route leaf[] = {
    FLARE_GET("", on_any),
    FLARE_GET("/x", on_any),
    FLARE_POST("/:id", on_any),
};
static const struct flare_route strict[] = {
    FLARE_GET("/a", on_any),    FLARE_GET("/b/", on_any),
    FLARE_GET("/c", on_any),    FLARE_GET("/c/", on_any),
    FLARE_GET("/r/*r", on_any), FLARE_GROUP("/g", FLARE_ROUTES(leaf)),
};
static const struct flare_route redirect[] = {
    FLARE_GET("/", on_any),      FLARE_GET("/a", on_any),
    FLARE_GET("/b/", on_any),    FLARE_GET("/c", on_any),
    FLARE_ANY("/c/", on_any),    FLARE_GET("/r/*r", on_any),
    FLARE_GET("/p/:id", on_any), FLARE_GET("/d", on_any),
    FLARE_PUT("/d/", on_any),
};
static const struct flare_route table[] = {
    FLARE_GROUP("/api/", FLARE_ROUTES(leaf), &one, &two),
    FLARE_GROUP("/t/:tenant", FLARE_ROUTES(leaf)),
    FLARE_GROUP("/s", FLARE_ROUTES(strict, FLARE_SLASH_STRICT)),
    FLARE_GROUP("/r", FLARE_ROUTES(redirect, FLARE_SLASH_REDIRECT)),
    FLARE_WITH(GET, "/with", on_any, &one),
    FLARE_ROUTE(PUT, "/up", FLARE_ROUTE_STREAM_BODY, 1 << 30, on_any),
    FLARE_POST_STREAM("/stream", on_any),
};

#define OTHER "308"

static const struct {
    enum flare_method method;
    const char *path;
    const char *pattern; /* OTHER: a redirect; NULL: none */
    int rc;
} rows[] = {
    {FLARE_METHOD_GET, "/api", "/api", 0},
    {FLARE_METHOD_GET, "/api/", "/api", 0},
    {FLARE_METHOD_GET, "/api/x", "/api/x", 0},
    {FLARE_METHOD_HEAD, "/api/x", "/api/x", 0},
    {FLARE_METHOD_POST, "/api/x", "/api/:id", 0},
    {FLARE_METHOD_DELETE, "/api/x", NULL, FLARE_E_METHOD_NOT_ALLOWED},
    {FLARE_METHOD_GET, "/ap", NULL, FLARE_E_NOT_FOUND},
    {FLARE_METHOD_GET, "/t/7/x", "/t/:tenant/x", 0},
    {FLARE_METHOD_POST, "/t/7/8", "/t/:tenant/:id", 0},
    {FLARE_METHOD_GET, "/s/a", "/s/a", 0},
    {FLARE_METHOD_GET, "/s/a/", NULL, FLARE_E_NOT_FOUND},
    {FLARE_METHOD_GET, "/s/b/", "/s/b/", 0},
    {FLARE_METHOD_GET, "/s/b", NULL, FLARE_E_NOT_FOUND},
    {FLARE_METHOD_GET, "/s/c", "/s/c", 0},
    {FLARE_METHOD_GET, "/s/c/", "/s/c/", 0},
    {FLARE_METHOD_GET, "/s/r/a", "/s/r/*r", 0},
    {FLARE_METHOD_GET, "/s/r/a/", "/s/r/*r", 0},
    {FLARE_METHOD_GET, "/s/g", "/s/g", 0},
    {FLARE_METHOD_GET, "/s/g/", NULL, FLARE_E_NOT_FOUND},
    {FLARE_METHOD_GET, "/s/g/x/", NULL, FLARE_E_NOT_FOUND},
    {FLARE_METHOD_GET, "/r/", "/r/", 0},
    {FLARE_METHOD_GET, "/r", OTHER, 0},
    {FLARE_METHOD_GET, "/r/a", "/r/a", 0},
    {FLARE_METHOD_GET, "/r/a/", OTHER, 0},
    {FLARE_METHOD_HEAD, "/r/a/", OTHER, 0},
    {FLARE_METHOD_PUT, "/r/a/", NULL, FLARE_E_METHOD_NOT_ALLOWED},
    {FLARE_METHOD_GET, "/r/b", OTHER, 0},
    {FLARE_METHOD_GET, "/r/b/", "/r/b/", 0},
    {FLARE_METHOD_GET, "/r/c", "/r/c", 0},
    {FLARE_METHOD_PUT, "/r/c", OTHER, 0},
    {FLARE_METHOD_GET, "/r/c/", "/r/c/", 0},
    {FLARE_METHOD_GET, "/r/r/a", "/r/r/*r", 0},
    {FLARE_METHOD_GET, "/r/r/a/", "/r/r/*r", 0},
    {FLARE_METHOD_GET, "/r/p/7/", OTHER, 0},
    {FLARE_METHOD_GET, "/r/d/", OTHER, 0},
    {FLARE_METHOD_PUT, "/r/d", OTHER, 0},
    {FLARE_METHOD_PUT, "/r/d/", "/r/d/", 0},
    {FLARE_METHOD_GET, "//r/a/", NULL, FLARE_E_NOT_FOUND},
    {FLARE_METHOD_GET, "/r//a/", NULL, FLARE_E_NOT_FOUND},
    {FLARE_METHOD_GET, "/with", "/with", 0},
};

static struct flare__router *router_of(struct flare_routes routes)
{
    struct flare__router *r = NULL;
    struct flare_error err = {0};
    int rc = flare__router_new(&r, &flare__allocator_default, routes, &err);

    ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
    return r;
}

START_TEST(test_flat_groups_and_slashes_decide_the_route)
{
    struct flare__router *r = router_of(FLARE_ROUTES(table));
    struct flare__match m;
    int rc =
        flare__router_match(r, rows[_i].method, flare_str(rows[_i].path), &m);
    const char *got = m.pattern;

    ck_assert_msg(rc == rows[_i].rc, "%s: %d", rows[_i].path, rc);
    if (rc == 0) {
        if (m.handler.fn == flare__router_redirect)
            got = OTHER;
        ck_assert_msg(strcmp(got, rows[_i].pattern) == 0, "%s: is %s",
                      rows[_i].path, got);
    }
    flare__router_free(r);
}
END_TEST

START_TEST(test_flat_a_body_past_1_gib_must_be_streamed)
{
    static const struct flare_route collected[] = {
        FLARE_ROUTE(POST, "/x", 0, (UINT64_C(1) << 30) + 1, on_any)};
    static const struct flare_route streamed[] = {FLARE_ROUTE(
        POST, "/x", FLARE_ROUTE_STREAM_BODY, UINT64_C(1) << 40, on_any)};
    struct flare__router *r = NULL;
    struct flare_error err;

    ck_assert_int_eq(flare__router_new(&r, &flare__allocator_default,
                                       FLARE_ROUTES(collected), &err),
                     FLARE_E_BAD_ROUTE);
    ck_assert_str_eq(err.text, "route 1 '/x': a body of more than 1 GiB can "
                               "only be streamed");
    flare__router_free(router_of(FLARE_ROUTES(streamed)));
}
END_TEST

START_TEST(test_flat_a_match_has_what_its_row_says)
{
    struct flare__router *r = router_of(FLARE_ROUTES(table));
    struct flare__match m;

    ck_assert_int_eq(
        flare__router_match(r, FLARE_METHOD_PUT, FLARE_STR("/up"), &m), 0);
    ck_assert_uint_eq(m.flags, FLARE_ROUTE_STREAM_BODY);
    ck_assert_uint_eq(m.body_bytes_max, 1 << 30);
    ck_assert_int_eq(
        flare__router_match(r, FLARE_METHOD_POST, FLARE_STR("/stream"), &m), 0);
    ck_assert_uint_eq(m.flags, FLARE_ROUTE_STREAM_BODY);
    ck_assert_uint_eq(m.body_bytes_max, 0);
    ck_assert_int_eq(
        flare__router_match(r, FLARE_METHOD_GET, FLARE_STR("/with"), &m), 0);
    ck_assert_uint_eq(m.flags, 0);
    ck_assert(m.handler.fn != on_any); /* the middleware is first */
    flare__router_free(r);
}
END_TEST

/* What is wrong, in a table of a good route and this one. */
#define LONG_64                                                                \
    "/23456781234567812345678123456781234567812345678123456781234567"
#define LONG_512 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64
#define LONG_2048 LONG_512 LONG_512 LONG_512 LONG_512

static const struct flare_route relative[] = {FLARE_GET("x", on_any)};
static const struct flare_route twice[] = {
    FLARE_GET("/:a", on_any),
    FLARE_GET("/:b", on_any),
};
static const struct flare_route long_one[] = {FLARE_GET(LONG_2048, on_any)};
static const struct flare_route a_slash[] = {FLARE_GET("/a/", on_any)};
static const struct flare_route endless[] = {
    {.method = FLARE_METHOD_ANY, .pattern = "/e", .routes = {endless, 1, 0}},
};
static const struct flare_route pair[] = {
    FLARE_GROUP("/s", FLARE_ROUTES(a_slash, FLARE_SLASH_STRICT)),
    FLARE_GET("/s/a", on_any),
};

static const struct {
    struct flare_route row;
    int rc;
    const char *text;
} bad[] = {
    {FLARE_GROUP("/api", FLARE_ROUTES(twice)), FLARE_E_ROUTE_CONFLICT,
     "route 3 '/api/:b' conflicts with route 2 '/api/:a'"},
    {FLARE_GROUP("/", FLARE_ROUTES(pair)), FLARE_E_ROUTE_CONFLICT,
     "route 3 '/s/a' conflicts with route 2 '/s/a/'"},
    {FLARE_GROUP("/api", FLARE_ROUTES(relative)), FLARE_E_BAD_ROUTE,
     "route 2 'x' in '/api': it does not start with '/'"},
    {FLARE_GROUP("api", FLARE_ROUTES(leaf)), FLARE_E_BAD_ROUTE,
     "group 'api': its prefix does not start with '/'"},
    {FLARE_GROUP("", FLARE_ROUTES(leaf)), FLARE_E_BAD_ROUTE,
     "group '': its prefix does not start with '/'"},
    {FLARE_GROUP("/", FLARE_ROUTES(leaf)), FLARE_E_BAD_ROUTE,
     "route 2 '': it does not start with '/'"},
    {FLARE_GROUP("/a/*rest", FLARE_ROUTES(twice)), FLARE_E_BAD_ROUTE,
     "route 2 '/a/*rest/:a': '*' must be the last segment"},
    {FLARE_GROUP("/:a", FLARE_ROUTES(twice)), FLARE_E_BAD_ROUTE,
     "route 2 '/:a/:a': it has two parameters of one name"},
    {FLARE_GROUP("/a//b", FLARE_ROUTES(leaf)), FLARE_E_BAD_ROUTE,
     "route 2 '/a//b': it has an empty segment"},
    {FLARE_GROUP("/e", FLARE_ROUTES(endless)), FLARE_E_BAD_ROUTE,
     "more than 16 groups are in each other"},
    {FLARE_GROUP(LONG_2048 LONG_64, FLARE_ROUTES(long_one)), FLARE_E_BAD_ROUTE,
     NULL},
    {FLARE_GROUP("/a", FLARE_ROUTES(leaf), &one, &headless), FLARE_E_BAD_ROUTE,
     "group '/a': a middleware has no function"},
    {FLARE_GROUP("/a", FLARE_ROUTES(leaf, (enum flare_slash)9)),
     FLARE_E_BAD_ROUTE, "the table of '/a' has a wrong flare_slash"},
    {FLARE_ROUTE(GET, "/a", 6, 0, on_any), FLARE_E_BAD_ROUTE,
     "route 2 '/a': it has an unknown flag"},
    {{.method = FLARE_METHOD_GET, .pattern = "/a", .routes = {leaf, 1, 0}},
     FLARE_E_BAD_ROUTE,
     "group '/a': a group has no method, handler, flags or maximum of its own"},
};

START_TEST(test_flat_names_what_is_wrong_with_its_whole_pattern)
{
    const struct flare_route list[] = {FLARE_GET("/", on_any), bad[_i].row};
    struct flare__router *r = NULL;
    struct flare_error err;
    int rc = flare__router_new(&r, &flare__allocator_default,
                               FLARE_ROUTES(list), &err);

    ck_assert_msg(rc == bad[_i].rc, "%d: %s", rc, err.text);
    ck_assert_ptr_null(r);
    if (bad[_i].text != NULL)
        ck_assert_msg(strstr(err.text, bad[_i].text) != NULL, "%s", err.text);
}
END_TEST

START_TEST(test_flat_counts_the_middlewares_that_a_row_names)
{
    struct flare_route row = FLARE_GET("/", on_any);
    struct flare__router *r = NULL;
    struct flare_routes routes = {&row, 1, FLARE_SLASH_DEFAULT};

    for (int i = 0; i < FLARE_MIDDLEWARE_MAX; i++)
        row.middleware[i] = &one;
    flare__router_free(router_of(routes));
    row.middleware[FLARE_MIDDLEWARE_MAX] = &two;
    ck_assert_int_eq(
        flare__router_new(&r, &flare__allocator_default, routes, NULL),
        FLARE_E_BAD_ROUTE);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare__router *r = NULL;
    int rc = flare__router_new(&r, &f->al, FLARE_ROUTES(table), NULL);

    (void)ctx;
    flare__router_free(r);
    return rc;
}

START_TEST(test_flat_survives_each_failing_allocation)
{
    fault_each("groups", scenario, NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/router_flat");
    TCase *t = tcase_create("groups");

    tcase_add_loop_test(t, test_flat_groups_and_slashes_decide_the_route, 0,
                        ROWS(rows));
    tcase_add_test(t, test_flat_a_body_past_1_gib_must_be_streamed);
    tcase_add_test(t, test_flat_a_match_has_what_its_row_says);
    tcase_add_loop_test(t, test_flat_names_what_is_wrong_with_its_whole_pattern,
                        0, ROWS(bad));
    tcase_add_test(t, test_flat_counts_the_middlewares_that_a_row_names);
    tcase_add_test(t, test_flat_survives_each_failing_allocation);
    suite_add_tcase(s, t);
    return test_run(s);
}
