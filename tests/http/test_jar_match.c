/* SPDX-License-Identifier: MIT */
/* Which hosts and paths a cookie is for: the tables of RFC 6265 and 6265bis. */
#include "http/jar_match.h"

#include "tests/support/test.h"

#include <string.h>

static const struct {
    const char *host;
    const char *form; /* NULL: none */
    bool is_address;
} host_rows[] = {
    {"example.com", "example.com", false},
    {"WWW.Example.COM", "www.example.com", false},
    {"example.com.", "example.com.", false},
    {"localhost", "localhost", false},
    {"127.0.0.1", "127.0.0.1", true},
    {"::1", "::1", true},
    {"[::1]", "::1", true},
    {"[0:0::0:1]", "::1", true},
    {"[2001:DB8::1]", "2001:db8::1", true},
    {"::ffff:192.0.2.1", "192.0.2.1", true},
    {"127.1", NULL, false},
    {"0x7f.1", NULL, false},
    {"", NULL, false},
    {".", NULL, false},
    {".example.com", NULL, false},
    {"a..b", NULL, false},
    {"a b", NULL, false},
    {"a;b", NULL, false},
    {"b\xC3\xBC.example", NULL, false},
};

START_TEST(test_jar_match_host)
{
    struct flare__jar_host host;
    struct flare_error err;
    int rc = flare__jar_host_init(&host, flare_str(host_rows[_i].host), &err);

    ck_assert_msg((rc == 0) == (host_rows[_i].form != NULL), "'%s': %d",
                  host_rows[_i].host, rc);
    if (rc < 0) {
        ck_assert_int_eq(rc, FLARE_E_BAD_HOSTNAME);
        ck_assert_int_eq(err.code, rc);
        return;
    }
    ck_assert_msg(flare_str_equal(host.text, flare_str(host_rows[_i].form)) &&
                      host.is_address == host_rows[_i].is_address,
                  "'%s': '%.*s'", host_rows[_i].host, FLARE_STR_ARG(host.text));
}
END_TEST

static const struct {
    const char *host;
    const char *domain;
    bool matches;
} domain_rows[] = {
    {"example.com", "example.com", true},
    {"www.example.com", "example.com", true},
    {"a.b.example.com", "example.com", true},
    {"example.com", "www.example.com", false},
    {"badexample.com", "example.com", false}, /* C14: tailmatch */
    {"example.com", "ample.com", false},
    {"example.com", "xample.com", false},
    {"example.com", "com", true}, /* whether it may be is another question */
    {"example.com", ".com", false},
    {"example.com", "", false},
    {"example.com.", "example.com", false}, /* C14: trailing dot */
    {"example.com", "example.com.", false},
    {"www.example.com.", "example.com.", true},
    {"example.com", "example.org", false},
    {"127.0.0.1", "127.0.0.1", true},
    {"127.0.0.1", "0.0.1", false}, /* C14: IP domain */
    {"127.0.0.1", "1", false},
    {"::ffff", "ffff", false},
};

START_TEST(test_jar_match_domain)
{
    struct flare_str host = flare_str(domain_rows[_i].host);
    struct flare_ip ip;
    bool is_address = flare_ip_parse(&ip, host, NULL) == 0;
    bool got = flare__jar_domain_matches(host, is_address,
                                         flare_str(domain_rows[_i].domain));

    ck_assert_msg(got == domain_rows[_i].matches, "'%s' of '%s': %d",
                  domain_rows[_i].host, domain_rows[_i].domain, got);
}
END_TEST

static const struct {
    const char *path;
    const char *cookie;
    bool matches;
} path_rows[] = {
    {"/", "/", true},          {"/a", "/", true},      {"/a", "/a", true},
    {"/a/", "/a", true},       {"/a/b", "/a", true},   {"/a/b", "/a/", true},
    {"/a", "/a/", false},      {"/ab", "/a", false}, /* C14: prefix */
    {"/a-b", "/a", false},     {"/A", "/a", false},    {"/", "/a", false},
    {"/a/b", "/a/b/c", false}, {"/a//b", "/a/", true}, {"/a%2Fb", "/a", false},
    {"/a/../b", "/b", false},  {"/a", "", false},
};

START_TEST(test_jar_match_path)
{
    bool got = flare__jar_path_matches(flare_str(path_rows[_i].path),
                                       flare_str(path_rows[_i].cookie));

    ck_assert_msg(got == path_rows[_i].matches, "'%s' of '%s': %d",
                  path_rows[_i].path, path_rows[_i].cookie, got);
}
END_TEST

static const struct {
    const char *url;
    const char *path;
    const char *folder;
} default_rows[] = {
    {"", "/", "/"},
    {"/", "/", "/"},
    {"/a", "/a", "/"},
    {"/a/", "/a/", "/a"},
    {"/a/b", "/a/b", "/a"},
    {"/a/b/", "/a/b/", "/a/b"},
    {"/a//", "/a//", "/a/"},
    {"//", "//", "/"},
    {"a/b", "/", "/"},
    {"*", "/", "/"},
    {"?a/b", "/", "/"},
    {"/a?b/c", "/a", "/"},
    {"/a/b#c/d", "/a/b", "/a"},
    {"/a/b?c#d/", "/a/b", "/a"},
};

START_TEST(test_jar_match_default_path)
{
    struct flare_str url = flare_str(default_rows[_i].url);
    struct flare_str path = flare__jar_path(url);
    struct flare_str folder = flare__jar_default_path(url);

    ck_assert_msg(flare_str_equal(path, flare_str(default_rows[_i].path)),
                  "'%s': '%.*s'", default_rows[_i].url, FLARE_STR_ARG(path));
    ck_assert_msg(flare_str_equal(folder, flare_str(default_rows[_i].folder)),
                  "'%s': '%.*s'", default_rows[_i].url, FLARE_STR_ARG(folder));
}
END_TEST

START_TEST(test_jar_match_goes_up_label_by_label)
{
    struct flare_str domain = FLARE_STR("a.b.example.com");

    ck_assert(flare__jar_domain_up(&domain));
    ck_assert(flare_str_equal(domain, FLARE_STR("b.example.com")));
    ck_assert(flare__jar_domain_up(&domain) && flare__jar_domain_up(&domain));
    ck_assert(flare_str_equal(domain, FLARE_STR("com")));
    ck_assert(!flare__jar_domain_up(&domain));
    domain = FLARE_STR("example.com.");
    ck_assert(!flare__jar_domain_up(&domain));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/jar_match");
    TCase *t = tcase_create("jar_match");

    tcase_add_loop_test(t, test_jar_match_host, 0, ROWS(host_rows));
    tcase_add_loop_test(t, test_jar_match_domain, 0, ROWS(domain_rows));
    tcase_add_loop_test(t, test_jar_match_path, 0, ROWS(path_rows));
    tcase_add_loop_test(t, test_jar_match_default_path, 0, ROWS(default_rows));
    tcase_add_test(t, test_jar_match_goes_up_label_by_label);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(suite());
}
