/* SPDX-License-Identifier: MIT */
/* What a jar keeps and sends: every rule of 6265bis, and FAILURES C14. */
#include "http/jar.h"

#include "tests/support/test.h"

#include <string.h>

enum { NOW = 1700000000 };

static bool is_public(struct flare_str domain, void *ctx)
{
    (void)ctx;
    return flare_str_equal(domain, FLARE_STR("co.uk")) ||
           flare_str_equal(domain, FLARE_STR("pages.example"));
}

static flare_cookie_jar *jar_new(void)
{
    flare_cookie_jar *jar;

    ck_assert_int_eq(flare_cookie_jar_new(&jar,
                                          &(struct flare_cookie_jar_config){
                                              .is_public_suffix = is_public},
                                          NULL),
                     0);
    return jar;
}

/* "https://host/path", with "~", "+" or "-" in front for another site's link,
 * form or part. */
static struct flare_cookie_url url_of(const char *text)
{
    struct flare_cookie_url url = {.site = FLARE_SITE_SAME};
    const char *host, *path;

    if (*text == '~' || *text == '+' || *text == '-')
        url.site = *text == '~'   ? FLARE_SITE_CROSS_LINK
                   : *text == '+' ? FLARE_SITE_CROSS_FORM
                                  : FLARE_SITE_CROSS;
    text += url.site != FLARE_SITE_SAME;
    url.is_secure = strncmp(text, "https:", 6) == 0;
    host = strstr(text, "//") + 2;
    path = strchr(host, '/');
    if (path == NULL)
        path = host + strlen(host);
    url.host = (struct flare_str){host, (size_t)(path - host)};
    url.path = flare_str(path);
    return url;
}

static int store(flare_cookie_jar *jar, const char *url, const char *field)
{
    struct flare_cookie_url u = url_of(url);
    struct flare_error err = {0};
    int rc = flare_cookie_jar_store(jar, &u, flare_str(field), NOW, &err);

    flare__jar_check(jar);
    ck_assert_int_eq(err.code, rc);
    ck_assert_int_eq(err.text[0] != '\0', rc < 0);
    return rc;
}

static const char *sent(flare_cookie_jar *jar, const char *url)
{
    static char text[1024];
    struct flare_cookie_url u = url_of(url);
    int len = flare_cookie_jar_header(jar, &u, NOW, text, sizeof(text) - 1);

    ck_assert_int_ge(len, 0);
    ck_assert_uint_lt((size_t)len, sizeof(text));
    text[len] = '\0';
    return text;
}

/* One field; then whether another request sends the cookie. */
static const struct {
    const char *name;
    const char *from;
    const char *field;
    int rc;
    const char *to; /* NULL: nothing is kept */
    const char *sent;
} rows[] = {
    {"host-only", "http://example.com/", "a=b", 0, "http://example.com/",
     "a=b"},
    {"host-only, below", "http://example.com/", "a=b", 0,
     "http://www.example.com/", ""},
    {"host-only, above", "http://www.example.com/", "a=b", 0,
     "http://example.com/", ""},
    {"another port", "http://example.com/", "a=b", 0, "https://example.com/",
     "a=b"},
    {"Domain", "http://example.com/", "a=b; Domain=example.com", 0,
     "http://x.y.example.com/", "a=b"},
    {"Domain, a dot in front", "http://example.com/",
     "a=b; Domain=.example.com", 0, "http://www.example.com/", "a=b"},
    {"Domain above the host", "http://www.example.com/",
     "a=b; Domain=example.com", 0, "http://example.com/", "a=b"},
    {"Domain below the host", "http://example.com/",
     "a=b; Domain=www.example.com", FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"Domain beside the host", "http://a.example.com/",
     "a=b; Domain=b.example.com", FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"another domain", "http://example.com/", "a=b; Domain=example.org",
     FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"C14 tail of a domain", "http://badexample.com/",
     "a=b; Domain=example.com", FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"empty Domain", "http://example.com/", "a=b; Domain=", 0,
     "http://www.example.com/", ""},
    {"C14 mixed case", "http://EXAMPLE.com/", "a=b; Domain=eXample.COM", 0,
     "http://WWW.example.COM/", "a=b"},
    {"no domain at all", "http://example.com/", "a=b; Domain=a b",
     FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"Domain past ASCII", "http://example.com/", "a=b; Domain=\xC3\xA9.com",
     FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"no host", "http:///", "a=b", FLARE_E_BAD_HOSTNAME, NULL, ""},
    {"a host like an address", "http://127.1/", "a=b", FLARE_E_BAD_HOSTNAME,
     NULL, ""},

    {"C14 TLD", "http://example.com/", "a=b; Domain=com", FLARE_E_COOKIE_DOMAIN,
     NULL, ""},
    {"C14 public suffix", "http://shop.co.uk/", "a=b; Domain=co.uk",
     FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"C14 public suffix, mixed case", "http://shop.co.uk/",
     "a=b; Domain=.CO.uk", FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"C14 public suffix, trailing dot", "http://shop.co.uk/",
     "a=b; Domain=co.uk.", FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"C14 both with trailing dots", "http://shop.co.uk./", "a=b; Domain=co.uk.",
     FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"public suffix is the host", "http://pages.example/",
     "a=b; Domain=pages.example", 0, "http://pages.example/", "a=b"},
    {"then it is for the host only", "http://pages.example/",
     "a=b; Domain=pages.example", 0, "http://x.pages.example/", ""},
    {"below a public suffix", "http://a.shop.co.uk/", "a=b; Domain=shop.co.uk",
     0, "http://b.shop.co.uk/", "a=b"},
    {"localhost", "http://localhost/", "a=b; Domain=localhost", 0,
     "http://localhost/", "a=b"},
    {"localhost is for itself only", "http://localhost/",
     "a=b; Domain=localhost", 0, "http://x.localhost/", ""},
    {"C14 trailing dot", "http://example.com./", "a=b; Domain=example.com",
     FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"C14 trailing dot of the host", "http://example.com./", "a=b", 0,
     "http://example.com/", ""},
    {"it is a host like others", "http://example.com./", "a=b", 0,
     "http://example.com./", "a=b"},

    {"an address", "http://127.0.0.1/", "a=b", 0, "http://127.0.0.1/", "a=b"},
    {"C14 IP domain, the same", "http://127.0.0.1/", "a=b; Domain=127.0.0.1", 0,
     "http://127.0.0.1/", "a=b"},
    {"C14 IP domain, a part", "http://127.0.0.1/", "a=b; Domain=0.0.1",
     FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"C14 IP domain, another", "http://127.0.0.1/", "a=b; Domain=127.0.0.2",
     FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"C14 IP domain of a name", "http://example.com/", "a=b; Domain=127.0.0.1",
     FLARE_E_COOKIE_DOMAIN, NULL, ""},
    {"IPv6", "http://[::1]/", "a=b; Domain=[0:0::1]", 0, "http://[0::1]/",
     "a=b"},

    {"a path", "http://example.com/", "a=b; Path=/x", 0,
     "http://example.com/x/y", "a=b"},
    {"C14 tail of a path", "http://example.com/", "a=b; Path=/x", 0,
     "http://example.com/xy", ""},
    {"default path", "http://example.com/x/y", "a=b", 0,
     "http://example.com/x/z", "a=b"},
    {"default path, above", "http://example.com/x/y", "a=b", 0,
     "http://example.com/", ""},
    {"default path, query", "http://example.com/x?/y/z", "a=b", 0,
     "http://example.com/", "a=b"},
    {"no path is the default", "http://example.com/x/y", "a=b; Path=z", 0,
     "http://example.com/x", "a=b"},
    {"a path not of the request", "http://example.com/x", "a=b; Path=/y", 0,
     "http://example.com/y", "a=b"},

    {"Secure over https", "https://example.com/", "a=b; Secure", 0,
     "https://example.com/", "a=b"},
    {"Secure is not sent over http", "https://example.com/", "a=b; Secure", 0,
     "http://example.com/", ""},
    {"C14 Secure over http", "http://example.com/", "a=b; Secure",
     FLARE_E_COOKIE_INSECURE, NULL, ""},
    {"localhost is not https", "http://localhost/", "a=b; Secure",
     FLARE_E_COOKIE_INSECURE, NULL, ""},
    {"HttpOnly", "http://example.com/", "a=b; HttpOnly", 0,
     "http://example.com/", "a=b"},

    {"C14 __Secure-", "https://example.com/", "__Secure-a=b; Secure", 0,
     "https://example.com/", "__Secure-a=b"},
    {"C14 __Secure- without", "https://example.com/", "__Secure-a=b",
     FLARE_E_COOKIE_PREFIX, NULL, ""},
    {"C14 __secure- without", "https://example.com/", "__secURE-a=b",
     FLARE_E_COOKIE_PREFIX, NULL, ""},
    {"C14 __Secure- over http", "http://example.com/", "__Secure-a=b; Secure",
     FLARE_E_COOKIE_INSECURE, NULL, ""},
    {"C14 __Host-", "https://example.com/x/y", "__Host-a=b; Secure; Path=/", 0,
     "https://example.com/", "__Host-a=b"},
    {"C14 __Host- without Secure", "https://example.com/", "__Host-a=b; Path=/",
     FLARE_E_COOKIE_PREFIX, NULL, ""},
    {"C14 __HOST- without Path", "https://example.com/", "__HOST-a=b; Secure",
     FLARE_E_COOKIE_PREFIX, NULL, ""},
    {"C14 __Host- of another path", "https://example.com/",
     "__Host-a=b; Secure; Path=/x", FLARE_E_COOKIE_PREFIX, NULL, ""},
    {"C14 __Host- with Domain", "https://example.com/",
     "__Host-a=b; Secure; Path=/; Domain=example.com", FLARE_E_COOKIE_PREFIX,
     NULL, ""},
    {"C14 __Host- with its own public suffix", "https://pages.example/",
     "__Host-a=b; Secure; Path=/; Domain=pages.example", 0,
     "https://pages.example/", "__Host-a=b"},
    {"__Http-", "https://example.com/", "__Http-a=b; Secure; HttpOnly", 0,
     "https://example.com/", "__Http-a=b"},
    {"__Http- without", "https://example.com/", "__http-a=b; Secure",
     FLARE_E_COOKIE_PREFIX, NULL, ""},
    {"__Host-Http- without", "https://example.com/",
     "__Host-Http-a=b; Secure; Path=/", FLARE_E_COOKIE_PREFIX, NULL, ""},
    {"C14 a prefix without a name", "https://example.com/",
     "=__Host-a=b; Secure; Path=/", FLARE_E_COOKIE_PREFIX, NULL, ""},
    {"C14 a prefix as a value", "https://example.com/", "__secure-x; Secure",
     FLARE_E_COOKIE_PREFIX, NULL, ""},
    {"C14 a name in a value", "http://example.com/", "=a=b",
     FLARE_E_COOKIE_SYNTAX, NULL, ""},
    {"a name that is like one", "http://example.com/", "__Host=b", 0,
     "http://example.com/", "__Host=b"},

    {"no name", "http://example.com/", "b", 0, "http://example.com/", "b"},
    {"no value", "http://example.com/", "a=", 0, "http://example.com/", "a="},
    {"C14 control", "http://example.com/", "a=\x07", FLARE_E_COOKIE_SYNTAX,
     NULL, ""},
    {"a control in the URL's path", "http://example.com/\x01/", "a=b",
     FLARE_E_COOKIE_SYNTAX, NULL, ""},

    {"SameSite unsaid, link", "http://example.com/", "a=b", 0,
     "~http://example.com/", "a=b"},
    {"SameSite unsaid, form", "http://example.com/", "a=b", 0,
     "+http://example.com/", ""},
    {"SameSite unsaid, part", "http://example.com/", "a=b", 0,
     "-http://example.com/", ""},
    {"Lax, link", "http://example.com/", "a=b; SameSite=Lax", 0,
     "~http://example.com/", "a=b"},
    {"Lax, form", "http://example.com/", "a=b; SameSite=Lax", 0,
     "+http://example.com/", ""},
    {"Strict", "http://example.com/", "a=b; SameSite=Strict", 0,
     "http://example.com/", "a=b"},
    {"Strict, link", "http://example.com/", "a=b; SameSite=Strict", 0,
     "~http://example.com/", ""},
    {"None, part", "https://example.com/", "a=b; SameSite=None; Secure", 0,
     "-https://example.com/", "a=b"},
    {"None without Secure", "https://example.com/", "a=b; SameSite=None",
     FLARE_E_COOKIE_INSECURE, NULL, ""},
    {"set by a part", "-https://example.com/", "a=b; Secure",
     FLARE_E_COOKIE_CROSS_SITE, NULL, ""},
    {"None set by a part", "-https://example.com/",
     "a=b; SameSite=None; Secure", 0, "https://example.com/", "a=b"},
    {"Strict set by a link", "~http://example.com/", "a=b; SameSite=Strict", 0,
     "http://example.com/", "a=b"},
    {"Strict set by a form", "+http://example.com/", "a=b; SameSite=Strict", 0,
     "http://example.com/", "a=b"},

    {"expired", "http://example.com/", "a=b; Max-Age=0", 0, NULL, ""},
    {"expired long ago", "http://example.com/",
     "a=b; Expires=1 Jan 1970 00:00:00", 0, NULL, ""},
};

START_TEST(test_jar_rules_store_and_send)
{
    flare_cookie_jar *jar = jar_new();
    int rc = store(jar, rows[_i].from, rows[_i].field);
    size_t count = flare_cookie_jar_count(jar);

    ck_assert_msg(rc == rows[_i].rc, "%s: %s", rows[_i].name,
                  flare_error_name(rc));
    ck_assert_msg(count == (rows[_i].to != NULL ? 1 : 0), "%s: %zu",
                  rows[_i].name, count);
    if (rows[_i].to != NULL)
        ck_assert_msg(strcmp(sent(jar, rows[_i].to), rows[_i].sent) == 0,
                      "%s: '%s'", rows[_i].name, sent(jar, rows[_i].to));
    flare_cookie_jar_free(jar);
}
END_TEST

/* Two fields; what both URLs then send. */
static const struct {
    const char *name;
    const char *first_url;
    const char *first;
    const char *url;
    const char *field;
    int rc;
    const char *sent; /* by `url`, over https */
} pair_rows[] = {
    {"C14 Secure is not overwritten from http", "https://a.example/",
     "a=1; Secure", "http://a.example/", "a=2", FLARE_E_COOKIE_INSECURE, "a=1"},
    {"C14 nor deleted", "https://a.example/", "a=1; Secure",
     "http://a.example/", "a=2; Max-Age=0", FLARE_E_COOKIE_INSECURE, "a=1"},
    {"C14 nor shadowed from below", "https://a.example/",
     "a=1; Secure; Domain=a.example", "http://www.a.example/", "a=2",
     FLARE_E_COOKIE_INSECURE, "a=1"},
    {"C14 nor from above", "https://www.a.example/", "a=1; Secure",
     "http://www.a.example/", "a=2; Domain=a.example", FLARE_E_COOKIE_INSECURE,
     "a=1"},
    {"C14 nor by a longer path", "https://a.example/", "a=1; Secure; Path=/x",
     "http://a.example/x/y", "a=2; Path=/x/y", FLARE_E_COOKIE_INSECURE, "a=1"},
    {"a shorter path does not", "https://a.example/", "a=1; Secure; Path=/x",
     "http://a.example/x", "a=2; Path=/", 0, "a=1; a=2"},
    {"another name", "https://a.example/", "a=1; Secure", "http://a.example/",
     "b=2", 0, "a=1; b=2"},
    {"names have case", "https://a.example/", "a=1; Secure",
     "http://a.example/", "A=2", 0, "a=1; A=2"},
    {"another host", "https://b.example/", "a=1; Secure", "http://a.example/",
     "a=2", 0, "a=2"},
    {"https may", "https://a.example/", "a=1; Secure", "https://a.example/",
     "a=2", 0, "a=2"},
    {"replaced", "http://a.example/", "a=1", "http://a.example/", "a=2", 0,
     "a=2"},
    {"replaced by an empty value", "http://a.example/", "a=1",
     "http://a.example/", "a=", 0, "a="},
    {"deleted", "http://a.example/", "a=1", "http://a.example/",
     "a=1; Max-Age=0", 0, ""},
    {"deleted in the past", "http://a.example/", "a=1", "http://a.example/",
     "a=1; Expires=1 Jan 1999 0:0:0", 0, ""},
    {"another path is another", "http://a.example/", "a=1; Path=/",
     "http://a.example/x", "a=2; Path=/x", 0, "a=2; a=1"},
    {"host-only is another", "http://a.example/", "a=1", "http://a.example/",
     "a=2; Domain=a.example", 0, "a=1; a=2"},
};

START_TEST(test_jar_rules_two_cookies)
{
    flare_cookie_jar *jar = jar_new();
    struct flare_cookie_url url = url_of(pair_rows[_i].url);
    char text[64];
    int rc, len;

    ck_assert_int_eq(store(jar, pair_rows[_i].first_url, pair_rows[_i].first),
                     0);
    rc = store(jar, pair_rows[_i].url, pair_rows[_i].field);
    ck_assert_msg(rc == pair_rows[_i].rc, "%s: %s", pair_rows[_i].name,
                  flare_error_name(rc));
    url.is_secure = true;
    len = flare_cookie_jar_header(jar, &url, NOW, text, sizeof(text));
    ck_assert_msg(flare_str_equal((struct flare_str){text, (size_t)len},
                                  flare_str(pair_rows[_i].sent)),
                  "%s: '%.*s'", pair_rows[_i].name, len, text);
    flare_cookie_jar_free(jar);
}
END_TEST

/* Longer paths first, then older ones; a new value does not make one younger.
 */
START_TEST(test_jar_rules_order)
{
    flare_cookie_jar *jar = jar_new();
    static const char *const fields[] = {
        "c=1; Path=/", "b=1; Path=/x", "a=1; Path=/x/y", "d=1; Path=/x",
        "e=1; Path=/", "b=2; Path=/x", "f=1; Path=/x/z",
    };

    for (int i = 0; i < ROWS(fields); i++)
        ck_assert_int_eq(store(jar, "http://a.example/", fields[i]), 0);
    ck_assert_str_eq(sent(jar, "http://a.example/x/y"),
                     "a=1; b=2; d=1; c=1; e=1");
    ck_assert_str_eq(sent(jar, "http://a.example/"), "c=1; e=1");
    flare_cookie_jar_free(jar);
}
END_TEST

/* The age is that of the first, whenever the value changes. */
START_TEST(test_jar_rules_a_new_value_is_as_old_as_the_first)
{
    flare_cookie_jar *jar = jar_new();
    struct flare_cookie_url url = url_of("http://a.example/");

    ck_assert_int_eq(store(jar, "http://a.example/", "a=1"), 0);
    ck_assert_int_eq(store(jar, "http://a.example/", "b=1"), 0);
    ck_assert_int_eq(
        flare_cookie_jar_store(jar, &url, FLARE_STR("a=2"), NOW + 9, NULL), 0);
    ck_assert_str_eq(sent(jar, "http://a.example/"), "a=2; b=1");
    flare_cookie_jar_free(jar);
}
END_TEST

/* C14: a URL's path becomes a cookie's only up to 4096 bytes. */
START_TEST(test_jar_rules_default_path_is_bounded)
{
    flare_cookie_jar *jar = jar_new();
    static char path[FLARE__JAR_PATH_MAX + 2];
    struct flare_cookie_url url = url_of("http://a.example/");

    memset(path, '/', sizeof(path)); /* its folder has a byte less */
    url.path = (struct flare_str){path, sizeof(path)};
    ck_assert_int_eq(
        flare_cookie_jar_store(jar, &url, FLARE_STR("a=1"), NOW, NULL),
        FLARE_E_COOKIE_TOO_LARGE);
    url.path.len--;
    ck_assert_int_eq(
        flare_cookie_jar_store(jar, &url, FLARE_STR("a=1"), NOW, NULL), 0);
    ck_assert_int_eq(flare_cookie_jar_header(jar, &url, NOW, NULL, 0), 3);
    flare_cookie_jar_free(jar);
}
END_TEST

/* An end is an end, for every call that is told the time. */
START_TEST(test_jar_rules_expiry)
{
    flare_cookie_jar *jar = jar_new();
    struct flare_cookie_url url = url_of("http://a.example/");
    char text[64];

    ck_assert_int_eq(store(jar, "http://a.example/", "a=1; Max-Age=10"), 0);
    ck_assert_int_eq(store(jar, "http://a.example/", "b=1; Max-Age=20"), 0);
    ck_assert_int_eq(store(jar, "http://a.example/", "c=1"), 0);
    ck_assert_int_eq(flare_cookie_jar_header(jar, &url, NOW + 9, text, 64), 13);
    ck_assert_int_eq(flare_cookie_jar_header(jar, &url, NOW + 10, text, 64), 8);
    ck_assert_uint_eq(flare_cookie_jar_count(jar), 2);
    ck_assert_uint_eq(flare_cookie_jar_expire(jar, NOW + 19), 0);
    ck_assert_uint_eq(flare_cookie_jar_expire(jar, INT64_MAX), 1);
    ck_assert_uint_eq(flare_cookie_jar_count(jar), 1);
    ck_assert_uint_eq(flare_cookie_jar_clear_session(jar), 1);
    flare__jar_check(jar);
    flare_cookie_jar_free(jar);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/jar_rules");
    TCase *t = tcase_create("jar_rules");

    tcase_add_loop_test(t, test_jar_rules_store_and_send, 0, ROWS(rows));
    tcase_add_loop_test(t, test_jar_rules_two_cookies, 0, ROWS(pair_rows));
    tcase_add_test(t, test_jar_rules_order);
    tcase_add_test(t, test_jar_rules_a_new_value_is_as_old_as_the_first);
    tcase_add_test(t, test_jar_rules_default_path_is_bounded);
    tcase_add_test(t, test_jar_rules_expiry);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(suite());
}
