/* SPDX-License-Identifier: MIT */
/* The builder writes the rows that a table would have had. */
#include "base/alloc.h"
#include "http/router.h"
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

static const struct flare_middleware mw = {around, NULL};
static const struct flare_route mounted[] = {FLARE_GET("/m", on_any)};

/* Calls with errors ignored: the first is what flare_router_routes returns. */
static void fill(flare_router *router)
{
    flare_router *api = NULL, *deep = NULL;
    char text[] = "/copied";

    (void)flare_router_get(router, "/get", on_any, router);
    (void)flare_router_head(router, "/head", on_any, NULL);
    (void)flare_router_post(router, "/post", on_any, NULL);
    (void)flare_router_put(router, "/put", on_any, NULL);
    (void)flare_router_patch(router, "/patch", on_any, NULL);
    (void)flare_router_delete(router, "/delete", on_any, NULL);
    (void)flare_router_options(router, "/options", on_any, NULL);
    (void)flare_router_any(router, "/any", on_any, NULL);
    (void)flare_router_get(router, text, on_any, NULL);
    memset(text, 'x', sizeof(text) - 1);
    if (flare_router_group(router, &api, "/api") == 0 &&
        flare_router_group(api, &deep, "/deep") == 0)
        (void)flare_router_get(deep, "/x", on_any, NULL);
    if (api != NULL) {
        flare_router_slash(api, FLARE_SLASH_STRICT);
        for (int i = 0; i < 40; i++)
            (void)flare_router_get(api, i % 2 ? "/:odd" : "/even", on_any,
                                   NULL);
    }
}

static void expect(const struct flare__router *r, enum flare_method method,
                   const char *path, int rc)
{
    struct flare__match m;

    ck_assert_msg(flare__router_match(r, method, flare_str(path), &m) == rc,
                  "%s", path);
}

START_TEST(test_table_every_call_adds_its_route)
{
    flare_router *router, *group, *empty;
    struct flare_routes routes;
    struct flare__router *r;
    struct flare_error err = {0};

    ck_assert_int_eq(flare_router_new(&router, NULL), 0);
    ck_assert_int_eq(flare_router_use(router, &mw), 0);
    ck_assert_int_eq(flare_router_get(router, "/get", on_any, NULL), 0);
    ck_assert_int_eq(flare_router_head(router, "/head", on_any, NULL), 0);
    ck_assert_int_eq(flare_router_post(router, "/post", on_any, NULL), 0);
    ck_assert_int_eq(flare_router_put(router, "/put", on_any, NULL), 0);
    ck_assert_int_eq(flare_router_patch(router, "/patch", on_any, NULL), 0);
    ck_assert_int_eq(flare_router_delete(router, "/del", on_any, NULL), 0);
    ck_assert_int_eq(flare_router_options(router, "/opt", on_any, NULL), 0);
    ck_assert_int_eq(flare_router_any(router, "/any", on_any, NULL), 0);
    ck_assert_int_eq(flare_router_group(router, &group, "/api"), 0);
    ck_assert_int_eq(flare_router_group(router, &empty, "/empty"), 0);
    ck_assert_int_eq(flare_router_mount(group, "/under", FLARE_ROUTES(mounted)),
                     0);
    flare_router_slash(group, FLARE_SLASH_STRICT);
    ck_assert_int_eq(flare_router_routes(router, &routes), 0);
    ck_assert_int_eq(
        flare__router_new(&r, &flare__allocator_default, routes, &err), 0);

    expect(r, FLARE_METHOD_GET, "/get", 0);
    expect(r, FLARE_METHOD_HEAD, "/head", 0);
    expect(r, FLARE_METHOD_POST, "/post", 0);
    expect(r, FLARE_METHOD_PUT, "/put", 0);
    expect(r, FLARE_METHOD_PATCH, "/patch", 0);
    expect(r, FLARE_METHOD_DELETE, "/del", 0);
    expect(r, FLARE_METHOD_OPTIONS, "/opt", 0);
    expect(r, FLARE_METHOD_PUT, "/any/", 0);
    expect(r, FLARE_METHOD_GET, "/api/under/m", 0);
    expect(r, FLARE_METHOD_GET, "/api/under/m/", FLARE_E_NOT_FOUND);
    expect(r, FLARE_METHOD_GET, "/empty", FLARE_E_NOT_FOUND);
    flare__router_free(r);
    flare_router_free(router);
    flare_router_free(NULL);
}
END_TEST

START_TEST(test_table_patterns_are_copied_and_conflicts_named)
{
    flare_router *router;
    struct flare_routes routes;
    struct flare__router *r = NULL;
    struct flare_error err;

    ck_assert_int_eq(flare_router_new(&router, NULL), 0);
    fill(router);
    ck_assert_int_eq(flare_router_routes(router, &routes), 0);
    ck_assert_int_eq(
        flare__router_new(&r, &flare__allocator_default, routes, &err),
        FLARE_E_ROUTE_CONFLICT);
    ck_assert_str_eq(err.text, "route 13 '/api/even' conflicts with route 11 "
                               "'/api/even'");
    ck_assert_str_eq(routes.list[8].pattern, "/copied");
    flare_router_free(router);
}
END_TEST

START_TEST(test_table_remembers_its_first_failure)
{
    flare_router *router, *group;
    struct flare_routes routes;
    int rc = 0;

    ck_assert_int_eq(flare_router_new(&router, NULL), 0);
    ck_assert_int_eq(flare_router_group(router, &group, "/g"), 0);
    for (int i = 0; i < FLARE_MIDDLEWARE_MAX; i++)
        ck_assert_int_eq(flare_router_use(group, &mw), 0);
    ck_assert_int_eq(flare_router_use(group, &mw), FLARE_E_BAD_ROUTE);
    ck_assert_int_eq(flare_router_routes(router, &routes), FLARE_E_BAD_ROUTE);
    flare_router_free(router);

    ck_assert_int_eq(flare_router_new(&router, NULL), 0);
    group = router;
    for (int i = 0; i < FLARE__ROUTE_GROUPS_MAX && rc == 0; i++)
        rc = flare_router_group(group, &group, "/g");
    ck_assert_int_eq(rc, FLARE_E_BAD_ROUTE);
    flare_router_free(router);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    flare_router *router;
    struct flare_routes routes;
    int rc = flare_router_new(&router, &f->al);

    (void)ctx;
    if (rc < 0)
        return rc;
    fill(router);
    rc = flare_router_routes(router, &routes);
    flare_router_free(router);
    return rc;
}

START_TEST(test_table_survives_each_failing_allocation)
{
    fault_each("router table", scenario, NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/router_table");
    TCase *t = tcase_create("table");

    tcase_add_test(t, test_table_every_call_adds_its_route);
    tcase_add_test(t, test_table_patterns_are_copied_and_conflicts_named);
    tcase_add_test(t, test_table_remembers_its_first_failure);
    tcase_add_test(t, test_table_survives_each_failing_allocation);
    suite_add_tcase(s, t);
    return test_run(s);
}
