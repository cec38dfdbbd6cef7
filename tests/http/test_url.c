/* SPDX-License-Identifier: MIT */
/* What is a URL and what are its parts; what two of them share. */
#include "http/url.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"
#include "tests/support/url_check.h"

#include <string.h>

static const struct {
    const char *text;
    const char *scheme, *userinfo, *host, *path, *query,
        *fragment; /* NULL: none */
    int port;
} good[] = {
    /* RFC 3986 section 1.1.2 */
    {"ftp://ftp.is.co.za/rfc/rfc1808.txt", "ftp", NULL, "ftp.is.co.za",
     "/rfc/rfc1808.txt", NULL, NULL, 0},
    {"http://www.ietf.org/rfc/rfc2396.txt", "http", NULL, "www.ietf.org",
     "/rfc/rfc2396.txt", NULL, NULL, 0},
    {"ldap://[2001:db8::7]/c=GB?objectClass?one", "ldap", NULL, "2001:db8::7",
     "/c=GB", "objectClass?one", NULL, 0},
    {"mailto:John.Doe@example.com", "mailto", NULL, NULL,
     "John.Doe@example.com", NULL, NULL, 0},
    {"news:comp.infosystems.www.servers.unix", "news", NULL, NULL,
     "comp.infosystems.www.servers.unix", NULL, NULL, 0},
    {"tel:+1-816-555-1212", "tel", NULL, NULL, "+1-816-555-1212", NULL, NULL,
     0},
    {"telnet://192.0.2.16:80/", "telnet", NULL, "192.0.2.16", "/", NULL, NULL,
     80},
    {"urn:oasis:names:specification:docbook:dtd:xml:4.1.2", "urn", NULL, NULL,
     "oasis:names:specification:docbook:dtd:xml:4.1.2", NULL, NULL, 0},
    /* section 3 */
    {"foo://example.com:8042/over/there?name=ferret#nose", "foo", NULL,
     "example.com", "/over/there", "name=ferret", "nose", 8042},
    /* where the URL standard's tests and the RFC say the same */
    {"http://user:pass@foo:21/bar;par?b#c", "http", "user:pass", "foo",
     "/bar;par", "b", "c", 21},
    {"https://test:@test", "https", "test:", "test", "", NULL, NULL, 0},
    {"https://:@test", "https", ":", "test", "", NULL, NULL, 0},
    {"http://f:/c", "http", NULL, "f", "/c", NULL, NULL, 0},
    {"http://f:65535/", "http", NULL, "f", "/", NULL, NULL, 65535},
    {"http://f:00080/", "http", NULL, "f", "/", NULL, NULL, 80},
    {"http://foo.com/@", "http", NULL, "foo.com", "/@", NULL, NULL, 0},
    {"http://a:b@c:29/d", "http", "a:b", "c", "/d", NULL, NULL, 29},
    {"foo://", "foo", NULL, "", "", NULL, NULL, 0},
    {"foo:///a", "foo", NULL, "", "/a", NULL, NULL, 0},
    {"file:///foo/bar.txt", "file", NULL, "", "/foo/bar.txt", NULL, NULL, 0},
    {"javascript:example.com/", "javascript", NULL, NULL, "example.com/", NULL,
     NULL, 0},
    {"http:foo.com", "http", NULL, NULL, "foo.com", NULL, NULL, 0},
    {"http:", "http", NULL, NULL, "", NULL, NULL, 0},
    {"data:test#%20%C2%BB", "data", NULL, NULL, "test", NULL, "%20%C2%BB", 0},
    {"a+b-c.9:x", "a+b-c.9", NULL, NULL, "x", NULL, NULL, 0},
    {"HTTP://EXAMPLE.COM/%7Efoo/%7efoo", "HTTP", NULL, "EXAMPLE.COM",
     "/%7Efoo/%7efoo", NULL, NULL, 0},
    {"http://%65xample.com/", "http", NULL, "%65xample.com", "/", NULL, NULL,
     0},
    {"http://[::1]:8080/x", "http", NULL, "::1", "/x", NULL, NULL, 8080},
    {"http://[::ffff:1.2.3.4]", "http", NULL, "::ffff:1.2.3.4", "", NULL, NULL,
     0},
    {"http://!$&'()*+;=_~/", "http", NULL, "!$&'()*+;=_~", "/", NULL, NULL, 0},
    {"http://a,b;c:d@h/", "http", "a,b;c:d", "h", "/", NULL, NULL, 0},
    {"http://h?q", "http", NULL, "h", "", "q", NULL, 0},
    {"http://h#f", "http", NULL, "h", "", NULL, "f", 0},
    {"http://h?", "http", NULL, "h", "", "", NULL, 0},
    {"http://h#", "http", NULL, "h", "", NULL, "", 0},
    {"http://h/?a?b/c#d?e/f", "http", NULL, "h", "/", "a?b/c", "d?e/f", 0},
    {"http://h//a//", "http", NULL, "h", "//a//", NULL, NULL, 0},
    /* a stranger's host after '@' is the host, whatever stands before */
    {"http://good.example@evil.example/", "http", "good.example",
     "evil.example", "/", NULL, NULL, 0},
    {"http://h/a@b:c", "http", NULL, "h", "/a@b:c", NULL, NULL, 0},
    /* relative references */
    {"", NULL, NULL, NULL, "", NULL, NULL, 0},
    {"//h/p", NULL, NULL, "h", "/p", NULL, NULL, 0},
    {"/p:q", NULL, NULL, NULL, "/p:q", NULL, NULL, 0},
    {"p/q:r", NULL, NULL, NULL, "p/q:r", NULL, NULL, 0},
    {"./p:q", NULL, NULL, NULL, "./p:q", NULL, NULL, 0},
    {"?a:b", NULL, NULL, NULL, "", "a:b", NULL, 0},
    {"#a:b", NULL, NULL, NULL, "", NULL, "a:b", 0},
    {"..", NULL, NULL, NULL, "..", NULL, NULL, 0},
    {"1/", NULL, NULL, NULL, "1/", NULL, NULL, 0},
};

static void part_check(const char *text, const char *what, struct flare_str got,
                       const char *wanted)
{
    ck_assert_msg(flare_str_equal(got, flare_str(wanted)),
                  "%s: %s is '%.*s', not '%s'", text, what, FLARE_STR_ARG(got),
                  wanted != NULL ? wanted : "");
}

START_TEST(test_url_has_these_parts)
{
    const char *text = good[_i].text;
    struct flare_url url;
    struct flare_error err = {.text = ""};
    struct guard g;
    size_t len = strlen(text);

    guard_init(&g, 4096);
    ck_assert_msg(
        flare_url_parse(&url, (struct flare_str){guard_put(&g, text, len), len},
                        &err) == 0,
        "%s: %s", text, err.text);
    part_check(text, "scheme", url.scheme, good[_i].scheme);
    part_check(text, "userinfo", url.userinfo, good[_i].userinfo);
    part_check(text, "host", url.host, good[_i].host);
    part_check(text, "path", url.path, good[_i].path);
    part_check(text, "query", url.query, good[_i].query);
    part_check(text, "fragment", url.fragment, good[_i].fragment);
    ck_assert_msg(url.has_authority == (good[_i].host != NULL) &&
                      url.has_userinfo == (good[_i].userinfo != NULL) &&
                      url.has_query == (good[_i].query != NULL) &&
                      url.has_fragment == (good[_i].fragment != NULL),
                  "%s: what is there", text);
    ck_assert_int_eq(url.port, good[_i].port);
    ck_assert_ptr_null(url_check(flare_str(text)));
    guard_fini(&g);
}
END_TEST

static const struct {
    const char *text;
    size_t len;  /* 0: strlen */
    unsigned at; /* the byte named, from 1 */
} bad[] = {
    /* C01: what would end a line or a word of a request */
    {"http://h/a b", 0, 11},
    {"http://h/a\r\nX: y", 0, 11},
    {"http://h/a\nb", 0, 11},
    {"http://h/a\0b", 12, 11},
    {"\0http://h/", 10, 1},
    {"http://h/a\tb", 0, 11},
    {"http://h/\x7f", 0, 10},
    {" http://h/", 0, 1},
    {"http://h/ ", 0, 10},
    {"http://h\r/", 0, 9},
    {"http://h/?a b", 0, 12},
    {"http://h/#a b", 0, 12},
    {"ht tp://h/", 0, 3},
    /* not ASCII */
    {"http://h/\xc3\xa9", 0, 10},
    {"http://\xe4\xbd\xa0/", 0, 8},
    {"http://h/?\xff", 0, 11},
    /* the delimiters that are in no part */
    {"http://h/\"", 0, 10},
    {"http://h/<", 0, 10},
    {"http://h/>", 0, 10},
    {"http://h/\\", 0, 10},
    {"http://h/^", 0, 10},
    {"http://h/`", 0, 10},
    {"http://h/{", 0, 10},
    {"http://h/|", 0, 10},
    {"http://h/}", 0, 10},
    {"http://h/[", 0, 10},
    {"http://h/]", 0, 10},
    {"http://h/?[", 0, 11},
    {"http://h/#a#b", 0, 12},
    /* escapes */
    {"http://h/%", 0, 10},
    {"http://h/%4", 0, 10},
    {"http://h/%4g", 0, 10},
    {"http://h/%g4", 0, 10},
    {"http://h/?%zz", 0, 11},
    {"http://h/#%", 0, 11},
    {"http://%zz/", 0, 8},
    {"http://a%@h/", 0, 9},
    {"http://a%4@1h/", 0, 9},
    /* authorities */
    {"http://a@b@c/", 0, 11},
    {"http://a\\@b/", 0, 9},
    {"http://a:b]c@d/", 0, 11},
    {"http://:80/", 0, 8},
    {"http://@/", 0, 9},
    {"http://u@:80/", 0, 10},
    {"http://:/", 0, 8},
    {"http://a,b/", 0, 9},
    {"http://a:b/", 0, 10},
    {"http://f:fifty-two/c", 0, 10},
    {"http://f:0/c", 0, 10},
    {"http://f:00000/c", 0, 10},
    {"http://f:65536/c", 0, 10},
    {"http://f:999999/c", 0, 10},
    {"http://f:000080/c", 0, 10},
    {"http://f:99999999999999999999/c", 0, 10},
    {"http://f:8 /c", 0, 11},
    {"http://f:-1/c", 0, 10},
    {"http://f:+1/c", 0, 10},
    {"http://f:80:80/c", 0, 12},
    {"http://1:2:3/", 0, 11},
    {"http://::1/", 0, 8},
    {"http://[", 0, 8},
    {"http://[]", 0, 8},
    {"http://[::1", 0, 8},
    {"http://[::1]x/", 0, 13},
    {"http://[::1%25eth0]/", 0, 8},
    {"http://[fe80::1%1]/", 0, 8},
    {"http://[v1.x]/", 0, 8},
    {"http://[1.2.3.4]/", 0, 8},
    {"http://[::1.2.3.04]/", 0, 8},
    {"http://[0:1:2:3:4:5:6:7:8]/", 0, 8},
    {"http://[www.google.com]/", 0, 8},
    {"http://a[::1]/", 0, 9},
    {"http://]/", 0, 8},
    /* what looks like a scheme and is none */
    {":", 0, 1},
    {":foo.com/", 0, 1},
    {"::", 0, 1},
    {"1a:b", 0, 3},
    {"-a:b", 0, 3},
    {"a_b:c", 0, 4},
    {"a%41:c", 0, 5},
    {"127.0.0.1:80/", 0, 10},
};

START_TEST(test_url_is_refused_at_its_byte)
{
    size_t len = bad[_i].len != 0 ? bad[_i].len : strlen(bad[_i].text);
    struct flare_error err = {.text = ""};
    struct flare_url url;
    unsigned at = 0;
    struct guard g;

    guard_init(&g, 4096);
    memset(&url, 0x55, sizeof(url));
    ck_assert_int_eq(
        flare_url_parse(
            &url, (struct flare_str){guard_put(&g, bad[_i].text, len), len},
            &err),
        FLARE_E_BAD_URL);
    ck_assert_int_eq(url.port, 0x5555);
    ck_assert_int_eq(err.code, FLARE_E_BAD_URL);
    ck_assert_msg(sscanf(err.text, "URL: byte %u is ", &at) == 1 &&
                      at == bad[_i].at,
                  "C01 '%s': %s", bad[_i].text, err.text);
    ck_assert_ptr_null(url_check((struct flare_str){bad[_i].text, len}));
    guard_fini(&g);
}
END_TEST

START_TEST(test_url_refusal_does_not_show_the_password)
{
    struct flare_error err;
    struct flare_url url;

    ck_assert_int_eq(
        flare_url_parse(&url, flare_str("http://joe:secret@h/ "), &err),
        FLARE_E_BAD_URL);
    ck_assert_ptr_null(strstr(err.text, "secret"));
    ck_assert_str_eq(err.text, "URL: byte 21 is a space; it is to be "
                               "percent-encoded");
}
END_TEST

START_TEST(test_url_is_bounded)
{
    static char text[FLARE_URL_MAX + 1], out[FLARE_URL_MAX + 2];
    struct flare_error err;
    struct flare_url url;

    memset(text, 'a', sizeof(text));
    text[0] = '/';
    ck_assert_int_eq(
        flare_url_parse(&url, (struct flare_str){text, FLARE_URL_MAX}, &err),
        0);
    ck_assert_int_eq(flare_url_format(&url, FLARE_URL_WHOLE, out, sizeof(out)),
                     FLARE_URL_MAX);
    ck_assert_int_eq(
        flare_url_parse(&url, (struct flare_str){text, sizeof(text)}, &err),
        FLARE_E_BAD_URL);
    ck_assert_str_eq(err.text, "URL of 65536 bytes: at most 65535 are taken");
    ck_assert_int_eq(
        flare_url_parse(&url, (struct flare_str){text, sizeof(text)}, NULL),
        FLARE_E_BAD_URL);
}
END_TEST

static struct flare_url url_of(const char *text)
{
    struct flare_url url;

    ck_assert_msg(flare_url_parse(&url, flare_str(text), NULL) == 0, "%s",
                  text);
    return url;
}

START_TEST(test_url_host_is_an_address_or_not)
{
    static const struct {
        const char *text;
        const char *ip;
    } rows[] = {
        {"http://127.0.0.1/", "127.0.0.1"},
        {"http://[::1]/", "::1"},
        {"http://[0:0::1]/", "::1"},
        {"http://[::ffff:10.0.0.1]/", "10.0.0.1"},
        {"http://127.1/", "?"},
        {"http://0x7f.0.0.1/", "?"},
        {"http://2130706433/", "?"},
        {"http://127.0.0.01/", "?"},
        {"http://256.0.0.1/", "?"},
        {"http://localhost/", "?"},
        {"http:///", "?"},
        {"/", "?"},
    };
    char ip[FLARE_IP_TEXT_MAX];

    for (int i = 0; i < ROWS(rows); i++) {
        struct flare_url url = url_of(rows[i].text);

        flare_ip_format(&url.ip, ip, sizeof(ip));
        ck_assert_msg(strcmp(ip, rows[i].ip) == 0, "%s: %s", rows[i].text, ip);
    }
}
END_TEST

START_TEST(test_url_port_is_given_or_the_schemes)
{
    static const struct {
        const char *text;
        int port;
        enum flare__scheme scheme;
    } rows[] = {
        {"http://h", 80, FLARE__SCHEME_HTTP},
        {"HTTPS://h", 443, FLARE__SCHEME_HTTPS},
        {"ws://h", 80, FLARE__SCHEME_WS},
        {"wsS://h", 443, FLARE__SCHEME_WSS},
        {"http://h:443", 443, FLARE__SCHEME_HTTP},
        {"https://h:80", 80, FLARE__SCHEME_HTTPS},
        {"ftp://h", 0, FLARE__SCHEME_OTHER},
        {"ftp://h:21", 21, FLARE__SCHEME_OTHER},
        {"httpx://h", 0, FLARE__SCHEME_OTHER},
        {"htt://h", 0, FLARE__SCHEME_OTHER},
        {"//h", 0, FLARE__SCHEME_NONE},
        {"//h:1", 1, FLARE__SCHEME_NONE},
    };

    for (int i = 0; i < ROWS(rows); i++) {
        struct flare_url url = url_of(rows[i].text);

        ck_assert_msg(flare_url_port(&url) == rows[i].port, "%s", rows[i].text);
        ck_assert_msg(flare__url_scheme(&url) == rows[i].scheme, "%s",
                      rows[i].text);
    }
    ck_assert(flare__scheme_is_secure(FLARE__SCHEME_HTTPS));
    ck_assert(flare__scheme_is_secure(FLARE__SCHEME_WSS));
    ck_assert(!flare__scheme_is_secure(FLARE__SCHEME_HTTP));
    ck_assert(!flare__scheme_is_secure(FLARE__SCHEME_OTHER));
}
END_TEST

START_TEST(test_url_origin_is_scheme_host_and_port)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } rows[] = {
        {"http://h/a", "http://h/b?c", true},
        {"http://h", "HTTP://H:80/", true},
        {"https://h:443", "https://h", true},
        {"http://%68/", "http://h/", true},
        {"http://a%2db/", "http://a-b/", true},
        {"http://a%c3/", "http://a%C3/", true},
        {"http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", true},
        {"http://u:p@h/", "http://h/", true}, /* credentials are no part */
        {"ftp://h:21/", "ftp://h:21/", true},
        {"http://h", "https://h", false},
        {"http://h:443", "https://h", false},
        {"http://h", "http://h:81", false},
        {"http://h", "http://h2", false},
        {"http://h2", "http://h", false},
        {"http://h", "http://h.", false},
        {"http://h", "ws://h", false},
        {"http://a%2Fb/", "http://a%2fc/", false},
        {"http://127.0.0.1/", "http://[::ffff:127.0.0.1]/", false},
        {"http://h@evil/", "http://h/", false},
        {"ftp://h", "ftp://h", false},
        {"http:///", "http:///", false},
        {"http:h", "http:h", false},
        {"//h:80", "//h:80", false},
        {"/", "/", false},
    };

    for (int i = 0; i < ROWS(rows); i++) {
        struct flare_url a = url_of(rows[i].a), b = url_of(rows[i].b);

        ck_assert_msg(flare_url_same_origin(&a, &b) == rows[i].is_same &&
                          flare_url_same_origin(&b, &a) == rows[i].is_same,
                      "%s and %s", rows[i].a, rows[i].b);
    }
}
END_TEST

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

/* Bytes of the good ones, put together anew: most are nearly URLs. */
START_TEST(test_url_keeps_its_properties_on_mutants)
{
    static const char marks[] = ":/?#[]@%%.a1-~\\ \x80";
    uint32_t state = 7;
    char text[160];

    for (int i = 0; i < 20000; i++) {
        const char *one = good[next_random(&state) % ROWS(good)].text;
        const char *other = good[next_random(&state) % ROWS(good)].text;
        int cut = (int)(next_random(&state) % (strlen(one) + 1));
        int len = snprintf(text, sizeof(text), "%.*s%s", cut, one,
                           other + next_random(&state) % (strlen(other) + 1));
        const char *broken;

        if (i % 2 == 0 && len > 0)
            text[next_random(&state) % (uint32_t)len] =
                marks[next_random(&state) % (sizeof(marks) - 1)];
        broken = url_check(flare_str(text));
        ck_assert_msg(broken == NULL, "%s: %s", text, broken);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/url");
    TCase *tc = tcase_create("url");

    tcase_add_loop_test(tc, test_url_has_these_parts, 0, ROWS(good));
    tcase_add_loop_test(tc, test_url_is_refused_at_its_byte, 0, ROWS(bad));
    tcase_add_test(tc, test_url_refusal_does_not_show_the_password);
    tcase_add_test(tc, test_url_is_bounded);
    tcase_add_test(tc, test_url_host_is_an_address_or_not);
    tcase_add_test(tc, test_url_port_is_given_or_the_schemes);
    tcase_add_test(tc, test_url_origin_is_scheme_host_and_port);
    tcase_add_test(tc, test_url_keeps_its_properties_on_mutants);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
