/* SPDX-License-Identifier: MIT */
/* Who is let in: credentials of every shape. */
#include <flare/flare.h>

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static struct flare_middleware mw;

static int on_user(flare_req *req, flare_res *res)
{
    struct flare_str user = flare_req_user(req);

    return flare_res_printf(res, 200, "I am %.*s.", FLARE_STR_ARG(user));
}

static const char *ask(const char *fields, const char **statuses)
{
    static char got[4096];
    struct flare_server_config config = {
        .handler = {on_user, NULL},
        .middleware = {&mw},
    };
    struct rig *r = rig_new(&config);
    char text[2048];

    (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n",
                   fields);
    (void)snprintf(got, sizeof(got), "%s", rig_ask(r, text));
    *statuses = rig_statuses(r, 0);
    rig_free(r);
    return got;
}

static const struct {
    const char *name;
    const char *fields;
    const char *status;
    const char *has;
} basic_rows[] = {
    {"right", "Authorization: Basic YWRhOnNlY3JldA==\r\n", "200", "I am ada."},
    {"any case of the scheme", "Authorization: bASIC YWRhOnNlY3JldA==\r\n",
     "200", "I am ada."},
    {"more spaces", "Authorization: Basic   YWRhOnNlY3JldA==\r\n", "200", ""},
    {"an empty password", "Authorization: Basic Ym9iOg==\r\n", "200",
     "I am bob."},
    {"a password with a colon", "Authorization: Basic ZXZlOmE6Yg==\r\n", "200",
     "I am eve."},
    {"none", "", "401", "WWW-Authenticate: Basic realm=\"r s\"\r\n"},
    {"another scheme", "Authorization: Bearer YWRhOnNlY3JldA==\r\n", "401", ""},
    {"no scheme", "Authorization: YWRhOnNlY3JldA==\r\n", "401", ""},
    {"a wrong password", "Authorization: Basic YWRhOnNlY3JlVA==\r\n", "401",
     ""},
    {"a longer password", "Authorization: Basic YWRhOnNlY3JldHM=\r\n", "401",
     ""},
    {"a shorter password", "Authorization: Basic YWRhOnNlY3Jl\r\n", "401", ""},
    {"somebody else's password", "Authorization: Basic Ym9iOnNlY3JldA==\r\n",
     "401", ""},
    {"no colon", "Authorization: Basic YWRh\r\n", "401", ""},
    {"no padding", "Authorization: Basic YWRhOnNlY3JldA\r\n", "401", ""},
    {"a control character", "Authorization: Basic YWRhAjpzZWNyZXQ=\r\n", "401",
     ""},
    {"nothing behind it", "Authorization: Basic\r\n", "401", ""},
    {"two fields",
     "Authorization: Basic YWRhOnNlY3JldA==\r\n"
     "Authorization: Basic YWRhOnNlY3JldA==\r\n",
     "401", ""},
};

START_TEST(test_mw_auth_basic)
{
    static const struct flare_basic_user users[] = {
        {"ada", "secret"}, {"bob", ""}, {"eve", "a:b"}};
    const struct flare_basic_auth o = {
        .realm = "r s", .users = users, .user_count = 3};
    const char *status;
    const char *got;

    ck_assert_int_eq(flare_basic_auth_init(&mw, &o, NULL), 0);
    got = ask(basic_rows[_i].fields, &status);
    ck_assert_msg(strcmp(status, basic_rows[_i].status) == 0 &&
                      strstr(got, basic_rows[_i].has) != NULL,
                  "%s: %s", basic_rows[_i].name, got);
}
END_TEST

static int verify(flare_req *req, struct flare_str token, void *ctx)
{
    (void)ctx;
    if (flare_secret_equal(token, FLARE_STR("abc.123==")))
        return flare_req_user_set(req, FLARE_STR("machine"));
    if (flare_str_equal(token, FLARE_STR("weak")))
        return FLARE_E_FORBIDDEN;
    if (flare_str_equal(token, FLARE_STR("down")))
        return FLARE_E_OVERLOADED;
    return FLARE_E_UNAUTHORIZED;
}

static const struct {
    const char *fields;
    const char *status;
    const char *has;
} bearer_rows[] = {
    {"Authorization: Bearer abc.123==\r\n", "200", "I am machine."},
    {"", "401", "WWW-Authenticate: Bearer realm=\"r\"\r\n"},
    {"Authorization: Basic YTpi\r\n", "401", "Bearer realm=\"r\"\r\n"},
    {"Authorization: Bearer no\r\n", "401",
     "Bearer realm=\"r\", error=\"invalid_token\"\r\n"},
    {"Authorization: Bearer weak\r\n", "403",
     "Bearer realm=\"r\", error=\"insufficient_scope\"\r\n"},
    {"Authorization: Bearer a b\r\n", "400",
     "Bearer realm=\"r\", error=\"invalid_request\"\r\n"},
    {"Authorization: Bearer ==\r\n", "400", "invalid_request"},
    {"Authorization: Bearer a=b\r\n", "400", "invalid_request"},
    {"Authorization: Bearer down\r\n", "503", "Retry-After"},
};

START_TEST(test_mw_auth_bearer)
{
    const struct flare_bearer_auth o = {.realm = "r", .verify = verify};
    const char *status;
    const char *got;

    ck_assert_int_eq(flare_bearer_auth_init(&mw, &o, NULL), 0);
    got = ask(bearer_rows[_i].fields, &status);
    ck_assert_msg(strcmp(status, bearer_rows[_i].status) == 0 &&
                      strstr(got, bearer_rows[_i].has) != NULL,
                  "%s: %s", bearer_rows[_i].fields, got);
}
END_TEST

START_TEST(test_mw_auth_secrets_are_compared_whole)
{
    ck_assert(flare_secret_equal(FLARE_STR("abc"), FLARE_STR("abc")));
    ck_assert(flare_secret_equal(FLARE_STR(""), FLARE_STR("")));
    ck_assert(!flare_secret_equal(FLARE_STR("abcabc"), FLARE_STR("abc")));
    ck_assert(!flare_secret_equal(FLARE_STR("abc"), FLARE_STR("")));
    ck_assert(!flare_secret_equal(FLARE_STR(""), FLARE_STR("abc")));
    ck_assert(!flare_secret_equal(FLARE_STR("\0"), FLARE_STR("")));
    ck_assert(!flare_secret_equal(FLARE_STR("abd"), FLARE_STR("abc")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/mw_auth");
    TCase *tc = tcase_create("mw_auth");

    tcase_add_loop_test(tc, test_mw_auth_basic, 0, ROWS(basic_rows));
    tcase_add_loop_test(tc, test_mw_auth_bearer, 0, ROWS(bearer_rows));
    tcase_add_test(tc, test_mw_auth_secrets_are_compared_whole);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
