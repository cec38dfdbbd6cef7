/* SPDX-License-Identifier: MIT */
/* A jar as a program sees it; what it sends is the oracle's, whatever comes. */
#include "http/jar.h"

#include "tests/support/cookie_check.h"
#include "tests/support/fault.h"
#include "tests/support/guard.h"
#include "tests/support/noise.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

enum { NOW = 1700000000 };

static const struct flare_cookie_url home = {
    .host = {"example.com", 11}, .path = {"/", 1}, .is_secure = true};

static flare_cookie_jar *jar_new(void)
{
    flare_cookie_jar *jar;

    ck_assert_int_eq(flare_cookie_jar_new(&jar, NULL, NULL), 0);
    return jar;
}

static void store(flare_cookie_jar *jar, const char *field)
{
    ck_assert_int_eq(
        flare_cookie_jar_store(jar, &home, flare_str(field), NOW, NULL), 0);
}

/* ---- configurations ---- */

static void *no_alloc(size_t size, void *ctx)
{
    (void)size;
    (void)ctx;
    return NULL;
}

static const struct flare_allocator part = {.alloc_fn = no_alloc};

static const struct {
    const char *member;
    struct flare_cookie_jar_config config;
} config_rows[] = {
    {"cookies_max", {.cookies_max = 100001}},
    {"per_domain_max", {.per_domain_max = 100001}},
    {"bytes_max", {.bytes_max = 16383}},
    {"bytes_max", {.bytes_max = (1u << 30) + 1}},
    {"allocator", {.allocator = &part}},
};

START_TEST(test_jar_names_the_member_that_is_wrong)
{
    struct flare_error err;
    flare_cookie_jar *jar = NULL;
    int rc = flare_cookie_jar_new(&jar, &config_rows[_i].config, &err);

    ck_assert_int_eq(rc, FLARE_E_BAD_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, config_rows[_i].member));
    ck_assert_ptr_null(jar);
}
END_TEST

START_TEST(test_jar_of_a_newer_flare_is_refused)
{
    flare_cookie_jar *jar;

    ck_assert_int_eq(
        flare_cookie_jar_new_sized(sizeof(struct flare_cookie_jar_config) + 1,
                                   &jar, NULL, NULL),
        FLARE_E_BAD_CONFIG);
    flare_cookie_jar_free(NULL);
}
END_TEST

/* ---- cookies of the program ---- */

/* C01: what a program sets is checked as what a server would send. */
static const struct {
    const char *name;
    struct flare_cookie cookie;
    int rc;
    const char *sent;
} set_rows[] = {
    {"a pair", {.name = "a", .value = {"b", 1}}, 0, "a=b"},
    {"no value", {.name = "a"}, 0, "a="},
    {"all of it",
     {.name = "__Secure-a",
      .value = {"\"b\"", 3},
      .path = "/",
      .domain = "example.com",
      .max_age_s = 9,
      .same_site = FLARE_SAME_SITE_STRICT,
      .is_secure = true,
      .is_http_only = true},
     0,
     "__Secure-a=\"b\""},
    {"deleted", {.name = "a", .max_age_s = -1}, 0, ""},
    {"over", {.name = "a", .expires_s = NOW}, 0, ""},
    {"C01 CR LF in a value",
     {.name = "a", .value = {"b\r\nX: y", 7}},
     FLARE_E_BAD_HEADER,
     ""},
    {"C01 NUL in a value",
     {.name = "a", .value = {"b\0c", 3}},
     FLARE_E_BAD_HEADER,
     ""},
    {"C01 another cookie in a value",
     {.name = "a", .value = {"b; c=d", 6}},
     FLARE_E_BAD_HEADER,
     ""},
    {"C01 space in a name", {.name = "a b"}, FLARE_E_BAD_HEADER, ""},
    {"C01 CR LF in a name", {.name = "a\r\n"}, FLARE_E_BAD_HEADER, ""},
    {"C01 equals in a name", {.name = "a=b"}, FLARE_E_BAD_HEADER, ""},
    {"C01 no name", {.name = ""}, FLARE_E_BAD_HEADER, ""},
    {"C01 control in a path",
     {.name = "a", .path = "/\n"},
     FLARE_E_BAD_HEADER,
     ""},
    {"C01 attribute in a path",
     {.name = "a", .path = "/; Domain=com"},
     FLARE_E_BAD_HEADER,
     ""},
    {"C14 an address",
     {.name = "a", .domain = "127.0.0.1"},
     FLARE_E_BAD_HEADER,
     ""},
    {"C14 a prefix", {.name = "__host-a"}, FLARE_E_BAD_HEADER, ""},
    {"another domain",
     {.name = "a", .domain = "example.org"},
     FLARE_E_COOKIE_DOMAIN,
     ""},
};

START_TEST(test_jar_set_checks_what_a_program_sets)
{
    flare_cookie_jar *jar = jar_new();
    struct flare_error err = {0};
    char text[64];
    int rc = flare_cookie_jar_set(jar, &home, &set_rows[_i].cookie, NOW, &err);
    int len = flare_cookie_jar_header(jar, &home, NOW, text, sizeof(text));

    ck_assert_msg(rc == set_rows[_i].rc, "%s: %s", set_rows[_i].name,
                  flare_error_name(rc));
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(flare_str_equal((struct flare_str){text, (size_t)len},
                                  flare_str(set_rows[_i].sent)),
                  "%s: '%.*s'", set_rows[_i].name, len, text);
    flare_cookie_jar_free(jar);
}
END_TEST

/* ---- the field ---- */

START_TEST(test_jar_header_fills_just_what_it_says)
{
    flare_cookie_jar *jar = jar_new();
    struct guard g;
    char *room;

    guard_init(&g, 64);
    ck_assert_int_eq(flare_cookie_jar_header(jar, &home, NOW, NULL, 0), 0);
    store(jar, "a=1");
    store(jar, "bb=22");
    ck_assert_int_eq(flare_cookie_jar_header(jar, &home, NOW, NULL, 0), 10);
    room = guard_last(&g, 10);
    ck_assert_int_eq(flare_cookie_jar_header(jar, &home, NOW, room, 10), 10);
    ck_assert_int_eq(memcmp(room, "a=1; bb=22", 10), 0);
    memset(room, 'x', 10);
    ck_assert_int_eq(flare_cookie_jar_header(jar, &home, NOW, room, 9), 10);
    ck_assert_int_eq(memcmp(room, "xxxxxxxxxx", 10), 0);
    ck_assert_int_eq(flare_cookie_jar_header(
                         jar,
                         &(struct flare_cookie_url){.host = FLARE_STR("a b")},
                         NOW, NULL, 0),
                     FLARE_E_BAD_HOSTNAME);
    guard_fini(&g);
    flare_cookie_jar_free(jar);
}
END_TEST

/* A thousand are in order, too. */
START_TEST(test_jar_header_sorts_many)
{
    const struct flare_cookie_jar_config config = {.per_domain_max = 1000};
    flare_cookie_jar *jar;
    static char text[65536];
    int len, at = 0;

    ck_assert_int_eq(flare_cookie_jar_new(&jar, &config, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        char field[64];

        snprintf(field, sizeof(field), "n%d=; Path=/%.*s", i, i * 7 % 10,
                 "//////////");
        store(jar, field);
    }
    len = flare_cookie_jar_header(
        jar,
        &(struct flare_cookie_url){.host = home.host,
                                   .path = FLARE_STR("///////////")},
        NOW, text, sizeof(text) - 1);
    ck_assert_int_gt(len, 5000);
    text[len] = '\0';
    for (int slashes = 9; slashes >= 0; slashes--) {
        for (int i = 0; i < 1000; i++) {
            char pair[32];

            if (i * 7 % 10 != slashes)
                continue;
            snprintf(pair, sizeof(pair), "n%d=%s", i, at + 6 < len ? "; " : "");
            ck_assert_msg(strncmp(text + at, pair, strlen(pair)) == 0,
                          "'%.20s' is not '%s'", text + at, pair);
            at += (int)strlen(pair);
        }
    }
    flare_cookie_jar_free(jar);
}
END_TEST

/* ---- what is in it ---- */

static int add_name(const struct flare_cookie_info *info, void *ctx)
{
    strncat(ctx, info->name.ptr, info->name.len);
    return flare_str_equal(info->name, FLARE_STR("stop")) ? 7 : 0;
}

START_TEST(test_jar_each_goes_from_old_use_to_new)
{
    flare_cookie_jar *jar = jar_new();
    char names[64] = "";

    store(jar, "a=1; Path=/x");
    store(jar, "b=1");
    store(jar, "c=1; Path=/y");
    ck_assert_int_eq(flare_cookie_jar_header(jar, &home, NOW, NULL, 0), 3);
    ck_assert_int_eq(flare_cookie_jar_each(jar, add_name, names), 0);
    ck_assert_str_eq(names, "acb");
    store(jar, "stop=1");
    store(jar, "d=1");
    names[0] = '\0';
    ck_assert_int_eq(flare_cookie_jar_each(jar, add_name, names), 7);
    ck_assert_str_eq(names, "acbstop");
    flare_cookie_jar_free(jar);
}
END_TEST

static int keep_info(const struct flare_cookie_info *info, void *ctx)
{
    *(struct flare_cookie_info *)ctx = *info;
    return 0;
}

START_TEST(test_jar_tells_all_of_a_cookie)
{
    flare_cookie_jar *jar = jar_new();
    struct flare_cookie_info info;

    store(jar, "a=b; Domain=Example.com; Path=/x; Max-Age=60; Secure; HttpOnly;"
               " SameSite=Lax");
    ck_assert_int_eq(flare_cookie_jar_each(jar, keep_info, &info), 0);
    ck_assert(flare_str_equal(info.name, FLARE_STR("a")));
    ck_assert(flare_str_equal(info.value, FLARE_STR("b")));
    ck_assert(flare_str_equal(info.domain, FLARE_STR("example.com")));
    ck_assert(flare_str_equal(info.path, FLARE_STR("/x")));
    ck_assert_int_eq(info.created_s, NOW);
    ck_assert_int_eq(info.expires_s, NOW + 60);
    ck_assert_int_eq(info.same_site, FLARE_SAME_SITE_LAX);
    ck_assert(info.is_secure && info.is_http_only);
    ck_assert(!info.is_session && !info.is_host_only);
    flare_cookie_jar_clear(jar);
    ck_assert_uint_eq(flare_cookie_jar_count(jar), 0);
    store(jar, "a=b");
    ck_assert_int_eq(flare_cookie_jar_each(jar, keep_info, &info), 0);
    ck_assert(info.is_session && info.is_host_only);
    ck_assert_int_eq(info.expires_s, INT64_MAX);
    flare_cookie_jar_free(jar);
}
END_TEST

START_TEST(test_jar_remove_takes_what_is_named)
{
    static const struct flare_str any = {NULL, 0};
    flare_cookie_jar *jar = jar_new();

    store(jar, "a=1; Path=/");
    store(jar, "a=1; Path=/x");
    store(jar, "b=1; Path=/x");
    store(jar, "b=1; Path=/x; Domain=example.com");
    store(jar, "nameless");
    ck_assert_uint_eq(
        flare_cookie_jar_remove(jar, FLARE_STR("www.example.com"), any, any),
        0);
    ck_assert_uint_eq(flare_cookie_jar_remove(jar, FLARE_STR("example.com"),
                                              FLARE_STR("/x"), FLARE_STR("b")),
                      2);
    ck_assert_uint_eq(flare_cookie_jar_remove(jar, any, any, FLARE_STR("")), 1);
    ck_assert_uint_eq(flare_cookie_jar_remove(jar, any, any, FLARE_STR("a")),
                      2);
    ck_assert_uint_eq(flare_cookie_jar_count(jar), 0);
    flare__jar_check(jar);
    flare_cookie_jar_free(jar);
}
END_TEST

/* ---- whatever comes ---- */

START_TEST(test_jar_is_the_oracle_s)
{
    char script[600];

    for (uint64_t seed = 1; seed <= 300; seed++) {
        const char *wrong;

        noise_fill(script, sizeof(script), NOISE_RANDOM, seed);
        wrong = cookie_check_jar((struct flare_str){script, sizeof(script)});
        ck_assert_msg(wrong == NULL, "seed %llu: %s", (unsigned long long)seed,
                      wrong);
    }
}
END_TEST

/* A failed store leaves the jar as it was, and working. */
static int scenario_store(struct fault *f, void *ctx)
{
    const struct flare_cookie_jar_config config = {.allocator = &f->al,
                                                   .per_domain_max = 2};
    static const char *const fields[] = {"a=1", "b=1; Domain=example.com",
                                         "a=2", "c=1", "b=1; Max-Age=0"};
    flare_cookie_jar *jar;
    int rc = flare_cookie_jar_new(&jar, &config, NULL);

    (void)ctx;
    for (int i = 0; rc == 0 && i < ROWS(fields); i++) {
        size_t before = flare_cookie_jar_count(jar);

        rc =
            flare_cookie_jar_store(jar, &home, flare_str(fields[i]), NOW, NULL);
        flare__jar_check(jar);
        if (rc == 0)
            continue;
        ck_assert_int_eq(rc, -ENOMEM);
        ck_assert_uint_eq(flare_cookie_jar_count(jar), before);
        fault_disarm(f);
        store(jar, fields[i]);
        flare_cookie_jar_free(jar);
        return rc;
    }
    if (rc == 0)
        flare_cookie_jar_free(jar);
    return rc;
}

START_TEST(test_jar_survives_any_failed_allocation)
{
    fault_each("jar", scenario_store, NULL);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/jar");
    TCase *t = tcase_create("jar");

    tcase_add_loop_test(t, test_jar_names_the_member_that_is_wrong, 0,
                        ROWS(config_rows));
    tcase_add_test(t, test_jar_of_a_newer_flare_is_refused);
    tcase_add_loop_test(t, test_jar_set_checks_what_a_program_sets, 0,
                        ROWS(set_rows));
    tcase_add_test(t, test_jar_header_fills_just_what_it_says);
    tcase_add_test(t, test_jar_header_sorts_many);
    tcase_add_test(t, test_jar_each_goes_from_old_use_to_new);
    tcase_add_test(t, test_jar_tells_all_of_a_cookie);
    tcase_add_test(t, test_jar_remove_takes_what_is_named);
    tcase_add_test(t, test_jar_is_the_oracle_s);
    tcase_add_test(t, test_jar_survives_any_failed_allocation);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(suite());
}
