/* SPDX-License-Identifier: MIT */
/* Origins against hosts and lists (W19). */
#include "ws/origin.h"

#include "tests/support/test.h"

static const struct {
    const char *origin;
    const char *host;
    bool is_host;
} rows[] = {
    {"http://example.com", "example.com", true},
    {"https://example.com", "example.com", true},
    {"HTTPS://EXAMPLE.com", "example.COM", true},
    {"https://example.com", "example.com:443", true},
    {"https://example.com:443", "example.com", true},
    {"http://example.com", "example.com:80", true},
    {"http://example.com:80", "example.com", true},
    {"http://example.com:8080", "example.com:8080", true},
    {"https://127.0.0.1:8443", "127.0.0.1:8443", true},
    {"http://[::1]:8080", "[::1]:8080", true},
    {"http://[::1]", "[::1]", true},
    {"http://[::1]", "[::1]:80", true},

    {"http://example.com", "example.com:443", false},
    {"https://example.com", "example.com:80", false},
    {"http://example.com:8080", "example.com", false},
    {"http://example.com", "example.com:8080", false},
    {"http://example.com:8081", "example.com:8080", false},
    {"http://[::1]:8080", "[::1]", false},
    {"http://[::2]", "[::1]", false},
    {"http://evil.example", "example.com", false},
    {"http://example.com.evil.example", "example.com", false},
    {"http://evil-example.com", "example.com", false},
    {"http://www.example.com", "example.com", false},
    {"http://example.com@evil.example", "example.com", false},
    {"http://evil.example#example.com", "example.com", false},
    {"http://example.com/", "example.com", false},
    {"http://example.com ", "example.com", false},
    {"http://example.com, http://example.com", "example.com", false},
    {"ftp://example.com", "example.com", false},
    {"chrome-extension://example.com", "example.com", false},
    {"file://", "example.com", false},
    {"file://", "", false},
    {"http://", "", false},
    {"http://:80", ":80", false},
    {"://example.com", "example.com", false},
    {"http:/example.com", "example.com", false},
    {"http:", "example.com", false},
    {"example.com", "example.com", false},
    {"null", "null", false},
    {"", "example.com", false},
    {"", "", false},
};

START_TEST(test_origin_is_of_the_host_only_if_all_of_it_is)
{
    ck_assert_msg(flare__ws_origin_is_host(flare_str(rows[_i].origin),
                                           flare_str(rows[_i].host)) ==
                      rows[_i].is_host,
                  "'%s' for '%s'", rows[_i].origin, rows[_i].host);
}
END_TEST

START_TEST(test_origin_that_is_absent_is_no_host)
{
    struct flare_str absent = {NULL, 0};

    ck_assert(!flare__ws_origin_is_host(absent, FLARE_STR("example.com")));
    ck_assert(!flare__ws_origin_is_host(absent, absent));
}
END_TEST

START_TEST(test_origin_is_listed_only_whole)
{
    static const struct flare_str list[] = {{"https://a.example", 17},
                                            {"null", 4}};

    ck_assert(
        flare__ws_origin_is_listed(FLARE_STR("https://a.example"), list, 2));
    ck_assert(
        flare__ws_origin_is_listed(FLARE_STR("HTTPS://A.example"), list, 2));
    ck_assert(flare__ws_origin_is_listed(FLARE_STR("null"), list, 2));
    ck_assert(!flare__ws_origin_is_listed(FLARE_STR("null"), list, 1));
    ck_assert(
        !flare__ws_origin_is_listed(FLARE_STR("http://a.example"), list, 2));
    ck_assert(
        !flare__ws_origin_is_listed(FLARE_STR("https://a.exampl"), list, 2));
    ck_assert(!flare__ws_origin_is_listed(FLARE_STR(""), list, 2));
    ck_assert(!flare__ws_origin_is_listed(FLARE_STR("null"), NULL, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/origin");
    TCase *tc = tcase_create("origin");

    tcase_add_loop_test(tc, test_origin_is_of_the_host_only_if_all_of_it_is, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_origin_that_is_absent_is_no_host);
    tcase_add_test(tc, test_origin_is_listed_only_whole);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
