/* SPDX-License-Identifier: MIT */
/*
 * The router: rows of paths, what makes a table wrong, and random tables and
 * paths against a matcher that knows no tree (tests/http/router_naive.h).
 */
#include "http/router.h"

#include "base/alloc.h"
#include "tests/http/router_naive.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <string.h>

static int on_any(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_OK;
}

static struct flare__router *router_of(struct flare_routes routes)
{
    struct flare__router *r = NULL;
    struct flare_error err = {0};
    int rc = flare__router_new(&r, &flare__allocator_default, routes, &err);

    ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
    return r;
}

#define BIT(method) (1u << FLARE_METHOD_##method)

/* One table for most rows; a literal, a parameter and a rest at every turn. */
static const struct flare_route table[] = {
    FLARE_GET("/", on_any),
    FLARE_GET("/users", on_any),
    FLARE_POST("/users", on_any),
    FLARE_GET("/users/:id", on_any),
    FLARE_DELETE("/users/:uid", on_any),
    FLARE_GET("/users/me", on_any),
    FLARE_GET("/users/:id/posts/:post", on_any),
    FLARE_GET("/users/me/posts/new", on_any),
    FLARE_GET("/files/*path", on_any),
    FLARE_GET("/files/a/b", on_any),
    FLARE_ANY("/any", on_any),
    FLARE_GET("/any", on_any),
    FLARE_HEAD("/head", on_any),
    FLARE_OPTIONS("/users/me", on_any),
    FLARE_GET("/a-literal-of-more-than-eight-bytes", on_any),
    FLARE_GET("/a-literal-of-more-than-eight-octet", on_any),
    FLARE_GET("/eight888/x", on_any),
    FLARE_GET("/items:batch", on_any),
    FLARE_GET("/esc/%2F", on_any),
    FLARE_GET("/deep/:a/x/*r", on_any),
    FLARE_GET("/deep/*r", on_any),
};

#define ALLOWED(methods) NULL, NULL, NULL, FLARE_E_METHOD_NOT_ALLOWED, methods
#define NOT_FOUND NULL, NULL, NULL, FLARE_E_NOT_FOUND, 0

static const struct {
    const char *path;
    enum flare_method method;
    const char *pattern;
    const char *params; /* "name=value,name=value" */
    const char *why;    /* more than the path says */
    int rc;
    uint32_t allowed;
} rows[] = {
    {"/", FLARE_METHOD_GET, "/", "", NULL, 0, 0},
    {"/users", FLARE_METHOD_GET, "/users", "", NULL, 0, 0},
    {"/users", FLARE_METHOD_POST, "/users", "", NULL, 0, 0},
    {"/users/", FLARE_METHOD_POST, "/users", "", "trailing slash", 0, 0},
    {"/users/7", FLARE_METHOD_GET, "/users/:id", "id=7", NULL, 0, 0},
    {"/users/7/", FLARE_METHOD_GET, "/users/:id", "id=7", NULL, 0, 0},
    {"/users/7", FLARE_METHOD_DELETE, "/users/:uid", "uid=7",
     "each route keeps its names", 0, 0},
    {"/users/me", FLARE_METHOD_GET, "/users/me", "", "literal first", 0, 0},
    {"/users/mf", FLARE_METHOD_GET, "/users/:id", "id=mf", NULL, 0, 0},
    {"/users/m", FLARE_METHOD_GET, "/users/:id", "id=m", NULL, 0, 0},
    {"/users/mee", FLARE_METHOD_GET, "/users/:id", "id=mee", NULL, 0, 0},
    {"/users/me", FLARE_METHOD_DELETE, "/users/:uid", "uid=me",
     "the literal does not take DELETE", 0, 0},
    {"/users/me/posts/new", FLARE_METHOD_GET, "/users/me/posts/new", "", NULL,
     0, 0},
    {"/users/me/posts/1", FLARE_METHOD_GET, "/users/:id/posts/:post",
     "id=me,post=1", "back out of a literal", 0, 0},
    {"/users/7/posts/1", FLARE_METHOD_GET, "/users/:id/posts/:post",
     "id=7,post=1", NULL, 0, 0},
    {"/users/7/posts", FLARE_METHOD_GET, NOT_FOUND},
    {"/files/x", FLARE_METHOD_GET, "/files/*path", "path=x", NULL, 0, 0},
    {"/files/x/y", FLARE_METHOD_GET, "/files/*path", "path=x/y", NULL, 0, 0},
    {"/files/x/y/", FLARE_METHOD_GET, "/files/*path", "path=x/y/",
     "a rest keeps the slash", 0, 0},
    {"/files/x//y", FLARE_METHOD_GET, "/files/*path", "path=x//y", NULL, 0, 0},
    {"/files/a/b", FLARE_METHOD_GET, "/files/a/b", "", NULL, 0, 0},
    {"/files/a/c", FLARE_METHOD_GET, "/files/*path", "path=a/c", NULL, 0, 0},
    {"/files/a", FLARE_METHOD_GET, "/files/*path", "path=a", NULL, 0, 0},
    {"/files/a/b/c", FLARE_METHOD_GET, "/files/*path", "path=a/b/c", NULL, 0,
     0},
    {"/files", FLARE_METHOD_GET, NOT_FOUND},
    {"/files/", FLARE_METHOD_GET, NOT_FOUND},
    {"/files//", FLARE_METHOD_GET, NOT_FOUND},
    {"/files//etc", FLARE_METHOD_GET, NOT_FOUND},
    {"/deep/1/x/2", FLARE_METHOD_GET, "/deep/:a/x/*r", "a=1,r=2", NULL, 0, 0},
    {"/deep/1/x", FLARE_METHOD_GET, "/deep/*r", "r=1/x",
     "rest of the nearest ancestor", 0, 0},
    {"/deep/1/y/2", FLARE_METHOD_GET, "/deep/*r", "r=1/y/2", NULL, 0, 0},
    {"/head", FLARE_METHOD_HEAD, "/head", "", NULL, 0, 0},
    {"/users", FLARE_METHOD_HEAD, "/users", "", "HEAD falls back to GET", 0, 0},
    {"/any", FLARE_METHOD_GET, "/any", "", NULL, 0, 0},
    {"/any", FLARE_METHOD_PATCH, "/any", "", NULL, 0, 0},
    {"/any", FLARE_METHOD_OPTIONS, "/any", "", NULL, 0, 0},
    {"/users/me", FLARE_METHOD_OPTIONS, "/users/me", "", NULL, 0, 0},
    {"/a-literal-of-more-than-eight-bytes", FLARE_METHOD_GET,
     "/a-literal-of-more-than-eight-bytes", "", NULL, 0, 0},
    {"/a-literal-of-more-than-eight-octet", FLARE_METHOD_GET,
     "/a-literal-of-more-than-eight-octet", "", NULL, 0, 0},
    {"/a-literal-of-more-than-eight-byteS", FLARE_METHOD_GET, NOT_FOUND},
    {"/eight888/x", FLARE_METHOD_GET, "/eight888/x", "", NULL, 0, 0},
    {"/items:batch", FLARE_METHOD_GET, "/items:batch", "", NULL, 0, 0},
    {"/esc/%2F", FLARE_METHOD_GET, "/esc/%2F", "", NULL, 0, 0},
    {"/esc/%2f", FLARE_METHOD_GET, NOT_FOUND},
    {"/u%73ers", FLARE_METHOD_GET, NOT_FOUND},
    {"/Users", FLARE_METHOD_GET, NOT_FOUND},
    {"/users/a%2Fb", FLARE_METHOD_GET, "/users/:id", "id=a%2Fb",
     "U03: an escaped slash does not separate", 0, 0},
    {"//", FLARE_METHOD_GET, NOT_FOUND},
    {"///", FLARE_METHOD_GET, NOT_FOUND},
    {"//users", FLARE_METHOD_GET, NOT_FOUND},
    {"/users//", FLARE_METHOD_GET, NOT_FOUND},
    {"/users//posts/1", FLARE_METHOD_GET, NOT_FOUND},
    {"/user", FLARE_METHOD_GET, NOT_FOUND},
    {"/userss", FLARE_METHOD_GET, NOT_FOUND},
    {"", FLARE_METHOD_GET, NOT_FOUND},
    {"*", FLARE_METHOD_OPTIONS, NOT_FOUND},
    {"users", FLARE_METHOD_GET, NOT_FOUND},
    {"/users", FLARE_METHOD_PUT,
     ALLOWED(BIT(GET) | BIT(HEAD) | BIT(POST) | BIT(OPTIONS))},
    {"/users/me", FLARE_METHOD_PUT,
     ALLOWED(BIT(GET) | BIT(HEAD) | BIT(DELETE) | BIT(OPTIONS))},
    {"/files/a/b", FLARE_METHOD_PUT,
     ALLOWED(BIT(GET) | BIT(HEAD) | BIT(OPTIONS))},
    {"/head", FLARE_METHOD_GET, ALLOWED(BIT(HEAD) | BIT(OPTIONS))},
    {"/", FLARE_METHOD_OPTIONS, ALLOWED(BIT(GET) | BIT(HEAD) | BIT(OPTIONS))},
    {"/", FLARE_METHOD_TRACE, ALLOWED(BIT(GET) | BIT(HEAD) | BIT(OPTIONS))},
};

static void params_print(const struct flare__match *m, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < m->param_count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%.*s=%.*s",
                                i == 0 ? "" : ",",
                                FLARE_STR_ARG(m->params[i].name),
                                FLARE_STR_ARG(m->params[i].value));
}

START_TEST(test_router_finds_the_best_route)
{
    struct flare__router *r = router_of(FLARE_ROUTES(table));
    struct flare__match m = {.allowed = 0};
    char params[256];
    int rc =
        flare__router_match(r, rows[_i].method, flare_str(rows[_i].path), &m);

    ck_assert_msg(rc == rows[_i].rc, "%s: %d", rows[_i].path, rc);
    ck_assert_msg(m.allowed == rows[_i].allowed, "%s: allows %x", rows[_i].path,
                  m.allowed);
    if (rc == 0) {
        params_print(&m, params, sizeof(params));
        ck_assert_msg(strcmp(m.pattern, rows[_i].pattern) == 0, "%s: is %s",
                      rows[_i].path, m.pattern);
        ck_assert_msg(strcmp(params, rows[_i].params) == 0, "%s: has %s",
                      rows[_i].path, params);
    }
    flare__router_free(r);
}
END_TEST

START_TEST(test_router_does_not_depend_on_the_order_of_the_table)
{
    struct flare_route reversed[ROWS(table)];
    struct flare__router *a, *b;

    for (int i = 0; i < ROWS(table); i++)
        reversed[i] = table[ROWS(table) - 1 - i];
    a = router_of(FLARE_ROUTES(table));
    b = router_of(FLARE_ROUTES(reversed));
    for (int i = 0; i < ROWS(rows); i++) {
        struct flare_str path = flare_str(rows[i].path);
        struct flare__match m = {.allowed = 0}, n = {.allowed = 0};
        int rc = flare__router_match(a, rows[i].method, path, &m);

        ck_assert_int_eq(rc, flare__router_match(b, rows[i].method, path, &n));
        ck_assert_uint_eq(m.allowed, n.allowed);
        if (rc == 0)
            ck_assert_ptr_eq(m.pattern, n.pattern);
    }
    flare__router_free(a);
    flare__router_free(b);
}
END_TEST

START_TEST(test_router_gives_the_handler_of_the_method)
{
    int ctx[3];
    const struct flare_route list[] = {
        FLARE_GET("/x", on_any, &ctx[0]),
        FLARE_ANY("/x", on_any, &ctx[1]),
        FLARE_HEAD("/x", on_any, &ctx[2]),
    };
    struct flare__router *r = router_of(FLARE_ROUTES(list));
    struct flare__match m;

    ck_assert_int_eq(
        flare__router_match(r, FLARE_METHOD_GET, FLARE_STR("/x"), &m), 0);
    ck_assert_ptr_eq(m.handler.ctx, &ctx[0]);
    ck_assert(m.handler.fn == on_any);
    ck_assert_int_eq(
        flare__router_match(r, FLARE_METHOD_PUT, FLARE_STR("/x"), &m), 0);
    ck_assert_ptr_eq(m.handler.ctx, &ctx[1]);
    ck_assert_int_eq(
        flare__router_match(r, FLARE_METHOD_HEAD, FLARE_STR("/x"), &m), 0);
    ck_assert_ptr_eq(m.handler.ctx, &ctx[2]);
    flare__router_free(r);
}
END_TEST

START_TEST(test_router_without_routes_finds_nothing)
{
    struct flare__router *r = router_of((struct flare_routes){.list = NULL});
    struct flare__match m;

    ck_assert_int_eq(
        flare__router_match(r, FLARE_METHOD_GET, FLARE_STR("/"), &m),
        FLARE_E_NOT_FOUND);
    ck_assert_int_eq(
        flare__router_match(r, FLARE_METHOD_GET, FLARE_STR("/a/b"), &m),
        FLARE_E_NOT_FOUND);
    flare__router_free(r);
    flare__router_free(NULL);
}
END_TEST

/* Tables that must be refused; the second row is the culprit. */
#define SIXTEEN "/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/:p"
#define EIGHT "/1/2/3/4/5/6/7/8"
#define SIXTY_FOUR EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT

static const struct {
    const char *name;
    const char *first;
    const char *second;
    enum flare_method method; /* of the second */
    int rc;
    const char *text;
} bad[] = {
    {"no slash", "/", "x", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 'x': it does not start with '/'"},
    {"empty", "/", "", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '': it does not start with '/'"},
    {"NULL", "/", NULL, FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 has no pattern"},
    {"empty segment", "/", "/a//b", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/a//b': it has an empty segment"},
    {"two slashes", "/", "//", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '//': it has an empty segment"},
    {"two slashes at the end", "/", "/a//", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/a//': it has an empty segment"},
    {"nameless parameter", "/", "/:", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/:': a parameter has no name"},
    {"nameless rest", "/", "/a/*", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/a/*': a parameter has no name"},
    {"parameter and more", "/", "/:id.json", FLARE_METHOD_GET,
     FLARE_E_BAD_ROUTE,
     "route 2 '/:id.json': a parameter is a whole segment, its name of "
     "letters, digits, '_' and '-'"},
    {"rest in the middle", "/", "/*a/b", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/*a/b': '*' must be the last segment"},
    {"glob", "/", "/a*", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/a*': '*' may only start a segment"},
    {"query", "/", "/a?b", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/a?b': it has a byte that no path can have"},
    {"space", "/", "/a b", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/a b': it has a byte that no path can have"},
    {"not ASCII", "/", "/\xC3\xA9", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/\xC3\xA9': it has a byte that no path can have"},
    {"bad escape", "/", "/%2", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/%2': '%' needs two hexadecimal digits"},
    {"escape of letters", "/", "/%gg", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/%gg': '%' needs two hexadecimal digits"},
    {"dot", "/", "/./a", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/./a': it has a dot segment, which no client sends"},
    {"dots", "/", "/a/..", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/a/..': it has a dot segment, which no client sends"},
    {"a name twice", "/", "/:id/:id", FLARE_METHOD_GET, FLARE_E_BAD_ROUTE,
     "route 2 '/:id/:id': it has two parameters of one name"},
    {"a name twice, in a rest", "/", "/:id/*id", FLARE_METHOD_GET,
     FLARE_E_BAD_ROUTE,
     "route 2 '/:id/*id': it has two parameters of one name"},
    {"seventeen parameters", "/", SIXTEEN "/:q", FLARE_METHOD_GET,
     FLARE_E_BAD_ROUTE, NULL},
    {"sixty-five segments", "/", SIXTY_FOUR "/x", FLARE_METHOD_GET,
     FLARE_E_BAD_ROUTE, NULL},
    {"method", "/", "/a", (enum flare_method)77, FLARE_E_BAD_ROUTE,
     "route 2 '/a': its method is not one of enum flare_method"},
    {"same pattern", "/a", "/a", FLARE_METHOD_GET, FLARE_E_ROUTE_CONFLICT,
     "route 2 '/a' conflicts with route 1 '/a'"},
    {"same but for the slash", "/a", "/a/", FLARE_METHOD_GET,
     FLARE_E_ROUTE_CONFLICT, "route 2 '/a/' conflicts with route 1 '/a'"},
    {"same shape", "/users/:name", "/users/:id", FLARE_METHOD_GET,
     FLARE_E_ROUTE_CONFLICT,
     "route 2 '/users/:id' conflicts with route 1 '/users/:name'"},
    {"same shape of rests", "/:a/*b", "/:b/*a", FLARE_METHOD_GET,
     FLARE_E_ROUTE_CONFLICT,
     "route 2 '/:b/*a' conflicts with route 1 '/:a/*b'"},
};

START_TEST(test_router_names_the_route_that_is_wrong)
{
    const struct flare_route list[] = {
        FLARE_GET(bad[_i].first, on_any),
        {.method = bad[_i].method,
         .pattern = bad[_i].second,
         .handler = {on_any, NULL}},
    };
    struct flare__router *r = NULL;
    struct flare_error err;
    int rc = flare__router_new(&r, &flare__allocator_default,
                               FLARE_ROUTES(list), &err);

    ck_assert_msg(rc == bad[_i].rc, "%s: %d", bad[_i].name, rc);
    ck_assert_int_eq(err.code, rc);
    ck_assert_ptr_null(r);
    if (bad[_i].text != NULL)
        ck_assert_str_eq(err.text, bad[_i].text);
    rc = flare__router_new(&r, &flare__allocator_default, FLARE_ROUTES(list),
                           NULL);
    ck_assert_int_eq(rc, bad[_i].rc);
}
END_TEST

START_TEST(test_router_names_the_rows_of_a_conflict_among_many)
{
    const struct flare_route list[] = {
        FLARE_GET("/users/:name", on_any),  FLARE_POST("/users/:name", on_any),
        FLARE_PUT("/users/:other", on_any), FLARE_ANY("/users/:any", on_any),
        FLARE_POST("/users/:id", on_any),
    };
    struct flare__router *r = NULL;
    struct flare_error err;

    ck_assert_int_eq(flare__router_new(&r, &flare__allocator_default,
                                       FLARE_ROUTES(list), &err),
                     FLARE_E_ROUTE_CONFLICT);
    ck_assert_str_eq(
        err.text, "route 5 '/users/:id' conflicts with route 2 '/users/:name'");
}
END_TEST

START_TEST(test_router_refuses_a_route_without_handler)
{
    const struct flare_route list[] = {FLARE_GET("/x", NULL)};
    struct flare__router *r = NULL;
    struct flare_error err;

    ck_assert_int_eq(flare__router_new(&r, &flare__allocator_default,
                                       FLARE_ROUTES(list), &err),
                     FLARE_E_BAD_ROUTE);
    ck_assert_str_eq(err.text, "route 1 '/x': it has no handler");
}
END_TEST

START_TEST(test_router_refuses_more_routes_than_its_bound)
{
    static const struct flare_route one = FLARE_GET("/x", on_any);
    struct flare__router *r = NULL;
    struct flare_error err;
    struct flare_routes many = {&one, FLARE__ROUTE_COUNT_MAX + 1,
                                FLARE_SLASH_DEFAULT};

    ck_assert_int_eq(
        flare__router_new(&r, &flare__allocator_default, many, &err),
        FLARE_E_BAD_ROUTE);
    ck_assert_str_eq(err.text, "65537 routes, at most 65536 are allowed");
}
END_TEST

START_TEST(test_router_takes_the_largest_patterns)
{
    static char longest[FLARE__ROUTE_PATTERN_MAX + 2];
    struct flare_route list[] = {
        FLARE_GET(SIXTEEN, on_any),
        FLARE_GET(SIXTY_FOUR, on_any),
        FLARE_GET(longest, on_any),
    };
    struct flare__router *r;
    struct flare__match m;
    struct flare_error err;

    longest[0] = '/';
    memset(longest + 1, 'x', FLARE__ROUTE_PATTERN_MAX - 1);
    r = router_of(FLARE_ROUTES(list));
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(flare__router_match(r, FLARE_METHOD_GET,
                                             flare_str(list[i].pattern), &m),
                         0);
        ck_assert_ptr_eq(m.pattern, list[i].pattern);
    }
    ck_assert_int_eq(
        flare__router_match(r, FLARE_METHOD_GET,
                            FLARE_STR("/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f"), &m),
        0);
    ck_assert_uint_eq(m.param_count, 16);
    for (uint32_t i = 0; i < 16; i++)
        ck_assert(*m.params[i].value.ptr == "0123456789abcdef"[i] &&
                  m.params[i].value.len == 1);
    ck_assert_int_eq(flare__router_match(r, FLARE_METHOD_GET,
                                         FLARE_STR(SIXTY_FOUR "/x"), &m),
                     FLARE_E_NOT_FOUND);
    flare__router_free(r);

    longest[FLARE__ROUTE_PATTERN_MAX] = 'x';
    ck_assert_int_eq(flare__router_new(&r, &flare__allocator_default,
                                       FLARE_ROUTES(list), &err),
                     FLARE_E_BAD_ROUTE);
}
END_TEST

START_TEST(test_router_gives_a_rest_below_the_deepest_node)
{
    static const struct flare_route list[] = {
        FLARE_GET(EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT
                  "/1/2/3/4/5/6/7/*rest",
                  on_any),
    };
    struct flare__router *r = router_of(FLARE_ROUTES(list));
    struct flare__match m;

    ck_assert_int_eq(flare__router_match(r, FLARE_METHOD_GET,
                                         FLARE_STR(SIXTY_FOUR EIGHT), &m),
                     0);
    ck_assert(flare_str_equal(m.params[0].value, FLARE_STR("8" EIGHT)));
    flare__router_free(r);
}
END_TEST

/* {a|:x} at each of `depth` segments: every path of a's visits all of them. */
static size_t ambiguous(struct flare_route *list, char (*text)[64],
                        unsigned depth)
{
    for (unsigned bits = 0; bits < 1u << depth; bits++) {
        size_t len = 0;

        for (unsigned i = 0; i < depth; i++)
            len += (size_t)snprintf(text[bits] + len, 64 - len,
                                    bits >> i & 1 ? "/:x%u" : "/a", i);
        list[bits] = (struct flare_route)FLARE_GET(text[bits], on_any);
    }
    return (size_t)1 << depth;
}

START_TEST(test_router_U08_bounds_backtracking_when_it_is_built)
{
    static struct flare_route list[1024];
    static char text[1024][64];
    struct flare_routes routes = {.list = list};
    struct flare__router *r = NULL;
    struct flare__match m;
    struct flare_error err;

    routes.count = ambiguous(list, text, 9);
    r = router_of(routes);
    ck_assert_int_eq(flare__router_match(r, FLARE_METHOD_GET,
                                         FLARE_STR("/a/a/a/a/b/a/a/a/b"), &m),
                     0);
    ck_assert_str_eq(m.pattern, "/a/a/a/a/:x4/a/a/a/:x8");
    flare__router_free(r);

    routes.count = ambiguous(list, text, 10);
    ck_assert_int_eq(
        flare__router_new(&r, &flare__allocator_default, routes, &err),
        FLARE_E_BAD_ROUTE);
    ck_assert_str_eq(err.text,
                     "the routes are too ambiguous: one path could need 2047 "
                     "steps, at most 1024 are allowed");
}
END_TEST

START_TEST(test_router_U08_finds_each_of_ten_thousand_routes)
{
    enum { COUNT = 10000 };
    static struct flare_route list[COUNT];
    static char text[COUNT][64];
    struct flare__router *r;
    struct flare__match m;

    for (int i = 0; i < COUNT; i++) {
        snprintf(text[i], sizeof(text[i]),
                 i % 2 ? "/resource-%d/:id/x" : "/shared-prefix/%d/items", i);
        list[i] = (struct flare_route)FLARE_GET(text[i], on_any);
    }
    r = router_of(FLARE_ROUTES(list));
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(
            flare__router_match(r, FLARE_METHOD_GET, flare_str(text[i]), &m),
            0);
        ck_assert_ptr_eq(m.pattern, text[i]);
    }
    ck_assert_int_eq(flare__router_match(r, FLARE_METHOD_GET,
                                         FLARE_STR("/resource-10001/1/x"), &m),
                     FLARE_E_NOT_FOUND);
    flare__router_free(r);
}
END_TEST

static void *match_rows(void *arg)
{
    const struct flare__router *r = arg;

    for (int round = 0; round < 200; round++)
        for (int i = 0; i < ROWS(rows); i++) {
            struct flare__match m;

            if (flare__router_match(r, rows[i].method, flare_str(rows[i].path),
                                    &m) != rows[i].rc)
                return (void *)1;
        }
    return NULL;
}

START_TEST(test_router_is_shared_by_threads)
{
    struct flare__router *r = router_of(FLARE_ROUTES(table));
    pthread_t threads[4];

    for (int i = 0; i < ROWS(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, match_rows, r), 0);
    for (int i = 0; i < ROWS(threads); i++) {
        void *failed = NULL;

        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    flare__router_free(r);
}
END_TEST

static int scenario_build_and_match(struct fault *f, void *ctx)
{
    struct flare__router *r = NULL;
    struct flare_error err = {0};
    struct flare__match m;
    int rc = flare__router_new(&r, &f->al, FLARE_ROUTES(table), &err);

    (void)ctx;
    ck_assert_int_eq(err.code, rc);
    if (rc < 0) {
        ck_assert_ptr_null(r);
        return rc;
    }
    rc = flare__router_match(r, FLARE_METHOD_GET, FLARE_STR("/users/7"), &m);
    flare__router_free(r);
    return rc;
}

START_TEST(test_router_survives_each_failing_allocation)
{
    fault_each("router", scenario_build_and_match, NULL);
}
END_TEST

static void compare(const struct flare__router *r, struct flare_routes routes,
                    const char *path, uint64_t seed)
{
    for (int method = 0; method < FLARE_METHOD_COUNT;
         method += 1 + method / 2) {
        char *copy = strndup(path, strlen(path)); /* its end is ASan's */
        struct flare_str at = {copy, strlen(path)};
        struct flare__match m = {.allowed = 0};
        struct naive n;
        int rc = flare__router_match(r, (enum flare_method)method, at, &m);
        int expect = naive_match(routes, (enum flare_method)method, at, &n);

        ck_assert_msg(rc == expect, "seed %lu, %s: %d, not %d",
                      (unsigned long)seed, path, rc, expect);
        ck_assert_msg(m.allowed == n.allowed, "seed %lu, %s: allows %x, not %x",
                      (unsigned long)seed, path, m.allowed, n.allowed);
        if (rc == 0) {
            ck_assert_msg(m.pattern == n.route->pattern,
                          "seed %lu, %s: %s, not %s", (unsigned long)seed, path,
                          m.pattern, n.route->pattern);
            ck_assert_uint_eq(m.param_count, n.count);
            for (uint32_t i = 0; i < n.count; i++)
                ck_assert(flare_str_equal(m.params[i].name, n.names[i]) &&
                          m.params[i].value.ptr == n.values[i].ptr &&
                          m.params[i].value.len == n.values[i].len);
        }
        free(copy);
    }
}

START_TEST(test_router_agrees_with_the_naive_matcher)
{
    static char text[40][NAIVE_TEXT_MAX];
    struct flare_route list[40];

    for (uint64_t seed = 1; seed <= 500; seed++) {
        uint64_t rng = seed;
        struct flare_routes routes = {.list = list};
        struct flare__router *r = NULL;

        for (size_t i = naive_random(&rng) % 40; i > 0; i--) {
            struct flare_route *added = &list[routes.count];

            naive_pattern(text[routes.count], &rng);
            *added = (struct flare_route)FLARE_GET(text[routes.count], on_any);
            added->method = (enum flare_method)(
                naive_random(&rng) % 4 == 0 ? naive_random(&rng) % 10 : 0);
            routes.count++;
            if (flare__router_new(&r, &flare__allocator_default, routes, NULL) <
                0)
                routes.count--; /* a conflict: leave it out */
            else
                flare__router_free(r);
        }
        r = router_of(routes);
        for (int i = 0; i < 60; i++) {
            char path[NAIVE_TEXT_MAX];

            naive_path(path, &rng);
            compare(r, routes, path, seed);
        }
        flare__router_free(r);
    }
}
END_TEST

static Suite *router_suite(void)
{
    Suite *suite = suite_create("http/router");
    TCase *tc = tcase_create("match");

    tcase_add_loop_test(tc, test_router_finds_the_best_route, 0, ROWS(rows));
    tcase_add_test(tc, test_router_does_not_depend_on_the_order_of_the_table);
    tcase_add_test(tc, test_router_gives_the_handler_of_the_method);
    tcase_add_test(tc, test_router_without_routes_finds_nothing);
    tcase_add_test(tc, test_router_gives_a_rest_below_the_deepest_node);
    tcase_add_test(tc, test_router_is_shared_by_threads);
    suite_add_tcase(suite, tc);

    tc = tcase_create("build");
    tcase_add_loop_test(tc, test_router_names_the_route_that_is_wrong, 0,
                        ROWS(bad));
    tcase_add_test(tc, test_router_names_the_rows_of_a_conflict_among_many);
    tcase_add_test(tc, test_router_refuses_a_route_without_handler);
    tcase_add_test(tc, test_router_refuses_more_routes_than_its_bound);
    tcase_add_test(tc, test_router_takes_the_largest_patterns);
    tcase_add_test(tc, test_router_U08_bounds_backtracking_when_it_is_built);
    tcase_add_test(tc, test_router_U08_finds_each_of_ten_thousand_routes);
    tcase_add_test(tc, test_router_survives_each_failing_allocation);
    suite_add_tcase(suite, tc);

    tc = tcase_create("model");
    tcase_add_test(tc, test_router_agrees_with_the_naive_matcher);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(router_suite());
}
