/* SPDX-License-Identifier: MIT */
/* URLs as text: written, resolved, normalised, sent; percent-encoding. */
#include "http/url.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"
#include "tests/support/url_check.h"

#include <errno.h>
#include <string.h>

static struct flare_url url_of(const char *text)
{
    struct flare_url url;

    ck_assert_msg(flare_url_parse(&url, flare_str(text), NULL) == 0, "%s",
                  text);
    return url;
}

struct resolved {
    const char *base, *reference, *wanted;
};

/* RFC 3986 section 5.4, all of it. */
#define RFC_BASE "http://a/b/c/d;p?q"
static const struct resolved rfc_rows[] = {
    /* 5.4.1 */
    {RFC_BASE, "g:h", "g:h"},
    {RFC_BASE, "g", "http://a/b/c/g"},
    {RFC_BASE, "./g", "http://a/b/c/g"},
    {RFC_BASE, "g/", "http://a/b/c/g/"},
    {RFC_BASE, "/g", "http://a/g"},
    {RFC_BASE, "//g", "http://g"},
    {RFC_BASE, "?y", "http://a/b/c/d;p?y"},
    {RFC_BASE, "g?y", "http://a/b/c/g?y"},
    {RFC_BASE, "#s", "http://a/b/c/d;p?q#s"},
    {RFC_BASE, "g#s", "http://a/b/c/g#s"},
    {RFC_BASE, "g?y#s", "http://a/b/c/g?y#s"},
    {RFC_BASE, ";x", "http://a/b/c/;x"},
    {RFC_BASE, "g;x", "http://a/b/c/g;x"},
    {RFC_BASE, "g;x?y#s", "http://a/b/c/g;x?y#s"},
    {RFC_BASE, "", "http://a/b/c/d;p?q"},
    {RFC_BASE, ".", "http://a/b/c/"},
    {RFC_BASE, "./", "http://a/b/c/"},
    {RFC_BASE, "..", "http://a/b/"},
    {RFC_BASE, "../", "http://a/b/"},
    {RFC_BASE, "../g", "http://a/b/g"},
    {RFC_BASE, "../..", "http://a/"},
    {RFC_BASE, "../../", "http://a/"},
    {RFC_BASE, "../../g", "http://a/g"},
    /* 5.4.2 */
    {RFC_BASE, "../../../g", "http://a/g"},
    {RFC_BASE, "../../../../g", "http://a/g"},
    {RFC_BASE, "/./g", "http://a/g"},
    {RFC_BASE, "/../g", "http://a/g"},
    {RFC_BASE, "g.", "http://a/b/c/g."},
    {RFC_BASE, ".g", "http://a/b/c/.g"},
    {RFC_BASE, "g..", "http://a/b/c/g.."},
    {RFC_BASE, "..g", "http://a/b/c/..g"},
    {RFC_BASE, "./../g", "http://a/b/g"},
    {RFC_BASE, "./g/.", "http://a/b/c/g/"},
    {RFC_BASE, "g/./h", "http://a/b/c/g/h"},
    {RFC_BASE, "g/../h", "http://a/b/c/h"},
    {RFC_BASE, "g;x=1/./y", "http://a/b/c/g;x=1/y"},
    {RFC_BASE, "g;x=1/../y", "http://a/b/c/y"},
    {RFC_BASE, "g?y/./x", "http://a/b/c/g?y/./x"},
    {RFC_BASE, "g?y/../x", "http://a/b/c/g?y/../x"},
    {RFC_BASE, "g#s/./x", "http://a/b/c/g#s/./x"},
    {RFC_BASE, "g#s/../x", "http://a/b/c/g#s/../x"},
    {RFC_BASE, "http:g", "http:g"}, /* for strict parsers */
};

/* Where the URL standard's tests and the RFC say the same; and our own. */
static const struct resolved rows[] = {
    {"http://example.org/foo/bar", "#", "http://example.org/foo/bar#"},
    {"http://example.org/foo/bar", "?", "http://example.org/foo/bar?"},
    {"http://example.org/foo/bar", "#/", "http://example.org/foo/bar#/"},
    {"http://example.org/foo/bar", "/:23", "http://example.org/:23"},
    {"http://example.org/foo/bar", "./:23", "http://example.org/foo/:23"},
    {"http://example.org/foo/bar#x", "", "http://example.org/foo/bar"},
    {"http://example.org", "a", "http://example.org/a"},
    {"http://example.org", "", "http://example.org"},
    {"http://example.org?x", "?y", "http://example.org?y"},
    {"http://example.org", "..", "http://example.org/"},
    {"http://example.com/foo/%2e%2", "a", NULL}, /* the base is none */
    {"http://example.com", "/foo//../bar", "http://example.com/foo/bar"},
    {"http://example.com", "/foo/bar//../..", "http://example.com/foo/"},
    {"http://example.com", "/foo/../../..", "http://example.com/"},
    {"http://example.com", "/....", "http://example.com/...."},
    {"http://example.com", "//x//..//", "http://x//"},
    {"file:///tmp/mock/path", "file:///x/../../y", "file:///y"},
    {"mailto:a", "mailto:x@y", "mailto:x@y"},
    {"urn:a:b", "#c", "urn:a:b#c"},
    {"urn:a:b", "c", "urn:c"},
    {"urn:a/b/c", "../d", "urn:a/d"},
    {"urn:a/b/c", "../../d", "urn:/d"},
    {"urn:a/b/c", "..", "urn:a/"},
    {"urn:a/b/c", "../..", "urn:/"},
    /* a path without a host must not become one */
    {"web:/p", ".//h", "web:/.//h"},
    {"web:/p", "/..//h", "web:/.//h"},
    {"web:a/b", "x:y/..//h", "x:/.//h"},
    {"web:/.//p", "..", "web:/"},
    {"web:/.//p", "q", "web:/.//q"},
    /* userinfo goes with its host */
    {"http://u:p@h/a", "b", "http://u:p@h/b"},
    {"http://u:p@h/a", "//g/b", "http://g/b"},
    {"http://h/a", "//u@g/b", "http://u@g/b"},
    {"http://h:8080/a", "b", "http://h:8080/b"},
    {"http://h:08080/a", "b", "http://h:8080/b"},
    {"http://h:/a", "b", "http://h/b"},
    {"http://[::1]:81/a", "b", "http://[::1]:81/b"},
    /* escapes are left alone */
    {"http://h/a", "%2e%2E/%7e", "http://h/%2e%2E/%7e"},
};

static void resolve_check(const struct resolved *row)
{
    struct flare_url base, reference;
    size_t enough = strlen(row->base) + strlen(row->reference) + 8;
    const char *broken;
    struct guard g;
    char *out;
    int rc;

    if (flare_url_parse(&base, flare_str(row->base), NULL) < 0) {
        ck_assert_ptr_null(row->wanted);
        return;
    }
    guard_init(&g, 4096);
    reference = url_of(row->reference);
    out = guard_last(&g, enough);
    rc = flare_url_resolve(&base, &reference, out, enough);
    ck_assert_msg(rc >= 0 && strcmp(out, row->wanted) == 0 &&
                      (size_t)rc == strlen(out),
                  "%s at %s: %s", row->reference, row->base, out);
    for (size_t size = 0; size <= strlen(row->wanted); size++) {
        out = guard_last(&g, size);
        ck_assert_int_eq(flare_url_resolve(&base, &reference, out, size),
                         -ENOBUFS);
    }
    broken = url_check_resolve(flare_str(row->base), flare_str(row->reference));
    ck_assert_msg(broken == NULL, "%s at %s: %s", row->reference, row->base,
                  broken);
    guard_fini(&g);
}

START_TEST(test_url_resolves_the_rfcs_examples)
{
    resolve_check(&rfc_rows[_i]);
}
END_TEST

START_TEST(test_url_resolves)
{
    resolve_check(&rows[_i]);
}
END_TEST

START_TEST(test_url_resolves_only_against_an_absolute_one)
{
    struct flare_url base = url_of("//h/p"), reference = url_of("http://h/");
    char out[100];

    ck_assert_int_eq(flare_url_resolve(&base, &reference, out, sizeof(out)),
                     FLARE_E_BAD_URL);
}
END_TEST

START_TEST(test_url_resolved_is_bounded)
{
    static char text[FLARE_URL_MAX], out[3 * FLARE_URL_MAX];
    struct flare_url base = url_of("http://h/folder/"), reference;

    memset(text, 'a', sizeof(text));
    ck_assert_int_eq(flare_url_parse(&reference,
                                     (struct flare_str){text, sizeof(text)},
                                     NULL),
                     0);
    ck_assert_int_eq(flare_url_resolve(&base, &reference, out, sizeof(out)),
                     -ENOBUFS);
}
END_TEST

/* References made of what matters to them, at bases of every kind. */
START_TEST(test_url_resolves_as_the_naive_reader_does)
{
    static const char *const bases[] = {
        "http://a/b/c/d;p?q",
        "http://a",
        "http://u@a:1/x",
        "x:",
        "x:a/b/c",
        "x:/a/b",
        "x:/.//a",
        "x://",
        "x:///a//b",
        "http://h/?",
        "/none",
    };
    static const char *const pieces[] = {"/", ".",  "..", "a", "//", "?",
                                         "#", "x:", "b",  ";", "./", "../"};
    uint32_t state = 3;

    for (int i = 0; i < 5000; i++) {
        char text[64] = "";
        size_t len = 0;

        for (int n = i % 9; n > 0; n--) {
            state = state * 1664525u + 1013904223u;
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
                                    pieces[(state >> 16) % ROWS(pieces)]);
        }
        for (int at = 0; at < ROWS(bases); at++) {
            const char *broken =
                url_check_resolve(flare_str(bases[at]), flare_str(text));

            ck_assert_msg(broken == NULL, "%s at %s: %s", text, bases[at],
                          broken);
        }
    }
}
END_TEST

/* Where the URL standard (its web platform tests) and the RFC lead to the same
 * place: resolved, then normalised. */
static const struct resolved web_rows[] = {
    {"http://a.test/x/y", "HTTP://B.Test", "http://b.test/"},
    {"http://a.test/x/y", "//b.test", "http://b.test/"},
    {"http://a.test/x/y", "//b/z", "http://b/z"},
    {"http://a.test/x/y", "/a%2fc", "http://a.test/a%2Fc"},
    {"http://a.test/x/y", "/a/%2f/c", "http://a.test/a/%2F/c"},
    {"http://a.test/x/y", "/././z", "http://a.test/z"},
    {"http://a.test/x/y", "/./.z", "http://a.test/.z"},
    {"http://a.test/x/y", "/z/.", "http://a.test/z/"},
    {"http://a.test/x/y", "/z/./", "http://a.test/z/"},
    {"http://a.test/x/y", "/z/w/..", "http://a.test/z/"},
    {"http://a.test/x/y", "/z/w/../", "http://a.test/z/"},
    {"http://a.test/x/y", "/z/..w", "http://a.test/z/..w"},
    {"http://a.test/x/y", "/z/w/../v/../../u", "http://a.test/u"},
    {"http://a.test/x/y", "/z/../../../u", "http://a.test/u"},
    {"http://a.test/x/y", "/z/%2e", "http://a.test/z/"},
    {"http://a.test/x/y", "/z/%2e./%2e%2e/.%2e/%2e.w", "http://a.test/..w"},
    {"http://a.test/x/y", "http://b////../..", "http://b//"},
    {"http://a.test/x/y", "/z/w//..", "http://a.test/z/w/"},
    {"http://a.test/x/y", "/%7Fq%3Ew%3D", "http://a.test/%7Fq%3Ew%3D"},
    {"http://a.test/x/y", "/@q%40", "http://a.test/@q%40"},
    {"http://a.test/x/y", "/(%28:%3A%29)", "http://a.test/(%28:%3A%29)"},
    {"http://a.test/x/y", "/q%00%51", "http://a.test/q%00Q"},
    {"http://a.test/x/y", "?a?b#c?d", "http://a.test/x/y?a?b#c?d"},
    {"http://a.test/x/y", "http://%25u:p@b/", "http://%25u:p@b/"},
    {"http://a.test/x/y", "http://u.@b", "http://u.@b/"},
    {"http://a.test/x/y", "http://:p@b", "http://:p@b/"},
    {"http://a.test/x/y", "http://../", "http://../"},
    {"http://a.test/x/y", "http://[1:0::]", "http://[1::]/"},
    {"http://a.test/x/y", "http://256.test", "http://256.test/"},
    {"http://a.test/x/y", "c:/z", "c:/z"},
    {"http://a.test/x/y", "z:", "z:"},
    {"http://a.test/x/y", "z:/../", "z:/"},
    {"http://a.test/x/y", "z:////://///", "z:////://///"},
    {"http://a.test/x/y", "z://///////b/", "z://///////b/"},
    {"http://a.test/x/y", "urn:ietf:rfc:2648", "urn:ietf:rfc:2648"},
    {"http://a.test/x/y", "tag:j@a.test,2001:b/c", "tag:j@a.test,2001:b/c"},
    {"http://a.test/x/y", "git+https://b/c", "git+https://b/c"},
    {"http://u:p@a.test:21/x", "/y/z", "http://u:p@a.test:21/y/z"},
    {"z:/p/q", "../i", "z:/i"},
    {"z://h/p", "../i", "z://h/i"},
    {"z:///p/q", "../i", "z:///i"},
    {"z:///p/q", "?i", "z:///p/q?i"},
    {"z:y", "#i", "z:y#i"},
    {"z:y?x", "#", "z:y?x#"},
    {"z:/p", "/.//i", "z:/.//i"},
    {"z:/p", "..//i", "z:/.//i"},
    {"z://h/", "///", "z:///"},
    {"z://h/", "////i/", "z:////i/"},
    {"file:///t/m", "//s/f", "file://s/f"},
    {"file:///t/m", "n", "file:///t/n"},
    {"file:///t", "/////m", "file://///m"},
    {"file://s/", "/..//a//b", "file://s//a//b"},
    {"file:///t?a#b", "?c", "file:///t?c"},
    {"file:///t?a#b", "", "file:///t?a"},
};

START_TEST(test_url_leads_where_the_web_says)
{
    const struct resolved *row = &web_rows[_i];
    struct flare_url base = url_of(row->base), url = url_of(row->reference);
    char out[200], normal[200];

    ck_assert_int_gt(flare_url_resolve(&base, &url, out, sizeof(out)), 0);
    url = url_of(out);
    ck_assert_int_gt(flare_url_normalize(&url, normal, sizeof(normal)), 0);
    ck_assert_msg(strcmp(normal, row->wanted) == 0, "%s at %s: %s",
                  row->reference, row->base, normal);
    ck_assert_ptr_null(
        url_check_resolve(flare_str(row->base), flare_str(row->reference)));
}
END_TEST

START_TEST(test_url_has_one_normal_form)
{
    static const struct {
        const char *text, *wanted;
    } forms[] = {
        /* RFC 3986 section 6.2.2 and 6.2.3 */
        {"eXAMPLE://a/./b/../b/%63/%7bfoo%7d", "example://a/b/c/%7Bfoo%7D"},
        {"HTTP://www.EXAMPLE.com/", "http://www.example.com/"},
        {"http://example.com", "http://example.com/"},
        {"http://example.com:/", "http://example.com/"},
        {"http://example.com:80/", "http://example.com/"},
        {"http://example.com:0080/", "http://example.com/"},
        {"https://example.com:443/", "https://example.com/"},
        {"ws://example.com:80", "ws://example.com/"},
        {"wss://example.com:443", "wss://example.com/"},
        {"https://example.com:80/", "https://example.com:80/"},
        {"http://example.com:443/", "http://example.com:443/"},
        {"ftp://example.com:80/", "ftp://example.com:80/"},
        {"http://h/%41%5A%61%7A%30%39%2D%2E%5F%7E", "http://h/AZaz09-._~"},
        {"http://h/%2f%3a%40%5b%25%00%c3%a9",
         "http://h/%2F%3A%40%5B%25%00%C3%A9"},
        {"http://h/%2541", "http://h/%2541"},
        {"http://h/?%41=%3d&b#%43%23", "http://h/?A=%3D&b#C%23"},
        {"http://EX%41MPLE%2ecom/", "http://example.com/"},
        {"http://a%c3%89/", "http://a%C3%89/"},
        {"http://U%73er:P%41%3a@h", "http://User:PA%3A@h/"},
        {"http://@h/", "http://@h/"},
        /* dots, escaped or not */
        {"http://h/a/%2e%2E/b", "http://h/b"},
        {"http://h/a/.%2e", "http://h/"},
        {"http://h/%2e/a", "http://h/a"},
        {"http://h/../../a", "http://h/a"},
        {"http://h/a/..", "http://h/"},
        {"http://h/a//../b", "http://h/a/b"},
        {"http://h/a%2f..", "http://h/a%2F.."},
        {"x:/a/..//b", "x:/.//b"},
        {"x:/.//b", "x:/.//b"},
        {"/a/../b", "/b"},
        {"/..//b", "/.//b"},
        /* where dots have no root they stay */
        {"../a/./b", "../a/./b"},
        {"urn:a/../B%41", "urn:a/../BA"},
        {"mailto:A@B", "mailto:A@B"},
        {"", ""},
        {"?", "?"},
        {"#", "#"},
        {"//H", "//h/"},
        {"file:///A", "file:///A"},
        /* addresses */
        {"http://[2001:DB8:0:0:0:0:0:1]/", "http://[2001:db8::1]/"},
        {"http://[::FFFF:1.2.3.4]/", "http://[::ffff:1.2.3.4]/"},
        {"http://[::ffff:102:304]/", "http://[::ffff:1.2.3.4]/"},
        {"http://127.0.0.1/", "http://127.0.0.1/"},
    };
    char out[200];

    for (int i = 0; i < ROWS(forms); i++) {
        struct flare_url url = url_of(forms[i].text);
        int len = flare_url_normalize(&url, out, sizeof(out));

        ck_assert_msg(len >= 0 && strcmp(out, forms[i].wanted) == 0, "%s: %s",
                      forms[i].text, out);
        ck_assert_int_eq((int)strlen(out), len);
        ck_assert_ptr_null(url_check(flare_str(forms[i].text)));
        ck_assert_int_eq(flare_url_normalize(&url, out, (size_t)len), -ENOBUFS);
    }
}
END_TEST

START_TEST(test_url_for_others_has_no_password)
{
    struct flare_url url = url_of("http://joe:secret@h:81/p?q#f");
    char out[100];

    ck_assert_int_gt(flare_url_format(&url, FLARE_URL_PUBLIC, out, sizeof(out)),
                     0);
    ck_assert_str_eq(out, "http://h:81/p?q");
    ck_assert_int_gt(flare_url_format(&url, FLARE_URL_WHOLE, out, sizeof(out)),
                     0);
    ck_assert_str_eq(out, "http://joe:secret@h:81/p?q#f");
}
END_TEST

/* C01: parts that somebody put there are written as themselves or not. */
START_TEST(test_url_parts_cannot_become_others)
{
    static const struct flare_url bad[] = {
        {.scheme = {"1x", 2}},
        {.scheme = {"a:b", 3}},
        {.scheme = {"a/", 2}},
        {.path = {"//h", 3}},
        {.path = {"a:b", 3}},
        {.path = {"a?b", 3}},
        {.path = {"a#b", 3}},
        {.path = {"a b", 3}},
        {.path = {"a\r\nb", 4}},
        {.path = {"%", 1}},
        {.query = {"a#b", 3}, .has_query = true},
        {.fragment = {"#", 1}, .has_fragment = true},
        {.host = {"h", 1}, .has_authority = true, .path = {"p", 1}},
        {.host = {"h/", 2}, .has_authority = true},
        {.host = {"h:1", 3}, .has_authority = true},
        {.host = {"u@h", 3}, .has_authority = true},
        {.host = {"::1", 3}, .has_authority = true},
        {.host = {"[::1]", 5}, .has_authority = true},
        {.host = {"h", 1}, .has_authority = true, .has_brackets = true},
        {.port = 1, .has_authority = true},
        {.port = 1},
        {.has_userinfo = true},
        {.host = {"h", 1},
         .has_authority = true,
         .has_userinfo = true,
         .userinfo = {"a@b", 3}},
    };
    char out[100];

    for (int i = 0; i < ROWS(bad); i++) {
        ck_assert_msg(flare_url_format(&bad[i], FLARE_URL_WHOLE, out,
                                       sizeof(out)) == FLARE_E_BAD_URL,
                      "C01 row %d: %s", i, out);
        ck_assert_str_eq(out, "");
    }
}
END_TEST

START_TEST(test_url_is_sent_without_userinfo_and_fragment)
{
    static const struct {
        const char *text, *target, *absolute, *authority, *connect;
    } sent[] = {
        {"http://u:p@h/a?b#c", "/a?b", "http://h/a?b", "h", "h:80"},
        {"http://h", "/", "http://h/", "h", "h:80"},
        {"http://h?q", "/?q", "http://h/?q", "h", "h:80"},
        {"http://h:80/", "/", "http://h:80/", "h", "h:80"},
        {"http://h:81/", "/", "http://h:81/", "h:81", "h:81"},
        {"https://h", "/", "https://h/", "h", "h:443"},
        {"wss://[::1]:8443//x", "//x", "wss://[::1]:8443//x", "[::1]:8443",
         "[::1]:8443"},
        {"ws://[::1]", "/", "ws://[::1]/", "[::1]", "[::1]:80"},
    };
    char out[100];

    for (int i = 0; i < ROWS(sent); i++) {
        struct flare_url url = url_of(sent[i].text);
        int len = flare__url_target(&url, out, sizeof(out));

        ck_assert_str_eq(out, sent[i].target);
        ck_assert_int_eq((int)strlen(out), len);
        ck_assert_int_eq(flare__url_target(&url, out, (size_t)len), -ENOBUFS);
        ck_assert_int_gt(flare__url_absolute(&url, out, sizeof(out)), 0);
        ck_assert_str_eq(out, sent[i].absolute);
        len = flare__url_authority(&url, out, sizeof(out));
        ck_assert_str_eq(out, sent[i].authority);
        ck_assert_int_eq(flare__url_authority(&url, out, (size_t)len),
                         -ENOBUFS);
        ck_assert_int_gt(flare__url_connect(&url, out, sizeof(out)), 0);
        ck_assert_str_eq(out, sent[i].connect);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/url_write");
    TCase *tc = tcase_create("url_write");

    tcase_add_loop_test(tc, test_url_resolves_the_rfcs_examples, 0,
                        ROWS(rfc_rows));
    tcase_add_loop_test(tc, test_url_resolves, 0, ROWS(rows));
    tcase_add_test(tc, test_url_resolves_only_against_an_absolute_one);
    tcase_add_test(tc, test_url_resolved_is_bounded);
    tcase_add_test(tc, test_url_resolves_as_the_naive_reader_does);
    tcase_add_loop_test(tc, test_url_leads_where_the_web_says, 0,
                        ROWS(web_rows));
    tcase_add_test(tc, test_url_has_one_normal_form);
    tcase_add_test(tc, test_url_for_others_has_no_password);
    tcase_add_test(tc, test_url_parts_cannot_become_others);
    tcase_add_test(tc, test_url_is_sent_without_userinfo_and_fragment);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
