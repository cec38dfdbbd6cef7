/* SPDX-License-Identifier: MIT */
/* FLARE_SERVE_STATIC: the handler and the limits are those of the macro. */
#include <flare/flare.h>

#include "tests/support/test.h"

#include <string.h>

static int calls;

static inline int on_any(flare_req *req, flare_res *res)
{
    (void)req;
    calls++;
    return flare_static_text(res, 200, "hello\n");
}

#define LIMITS(X)                                                              \
    X(workers, 2)                                                              \
    X(fields_max, 7)
FLARE_SERVE_STATIC(app, on_any, LIMITS);

START_TEST(test_serve_static_constants_stand_in_place_of_the_configuration)
{
    struct flare_server_config config = {.workers = 9, .fields_max = 1};

    app_apply(&config);
    ck_assert_uint_eq(config.workers, 2);
    ck_assert_uint_eq(config.fields_max, 7);
    ck_assert_uint_eq(config.target_bytes_max, 8192);
    ck_assert_int_eq(calls, 0);
}
END_TEST

START_TEST(test_serve_static_errors_are_those_of_serve)
{
    struct flare_error err;

    ck_assert_int_eq(app_serve((struct flare_server_config){0}, &err),
                     FLARE_E_BAD_CONFIG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/serve_static");
    TCase *tc = tcase_create("static");

    tcase_add_test(
        tc, test_serve_static_constants_stand_in_place_of_the_configuration);
    tcase_add_test(tc, test_serve_static_errors_are_those_of_serve);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
