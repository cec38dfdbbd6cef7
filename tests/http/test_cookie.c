/* SPDX-License-Identifier: MIT */
/* Cookies read and written: what is one, and what a browser would refuse. */
#include "http/cookie.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

/* ---- reading ---- */

static const struct {
    const char *name;
    const char *value;
    const char *cookies; /* "name=value|" each */
} rows[] = {
    {"nothing", "", ""},
    {"one", "a=b", "a=b|"},
    {"two", "a=b; c=d", "a=b|c=d|"},
    {"repeated are kept in order", "a=2; b=x; a=1", "a=2|b=x|a=1|"},
    {"no value", "a=", "a=|"},
    {"equals in a value", "a=b=c==", "a=b=c==|"},
    {"names have case", "a=1; A=2", "a=1|A=2|"},
    {"no space", "a=b;c=d", "a=b|c=d|"},
    {"more space", " a=b \t;\t c=d ", "a=b|c=d|"},
    {"quotes are of the value", "a=\"b\"; c=\"\"", "a=\"b\"|c=\"\"|"},
    {"all octets", "a=!#$%&'()*+-./09:<=>?@AZ[]^_`az{|}~",
     "a=!#$%&'()*+-./09:<=>?@AZ[]^_`az{|}~|"},
    {"all of a token", "!#$%&'*+-.^_`|~09AZaz=b", "!#$%&'*+-.^_`|~09AZaz=b|"},
    {"percent is not decoded", "a=%41", "a=%41|"},
    {"empty pairs", ";; a=b;; ;", "a=b|"},
    {"no equals", "a; b=c", "b=c|"},
    {"no name", "=a; b=c", "b=c|"},
    {"space in a name", "a b=c; d=e", "d=e|"},
    {"space before the equals", "a =b; d=e", "d=e|"},
    {"space behind the equals", "a= b; d=e", "d=e|"},
    {"space in a value", "a=b c; d=e", "d=e|"},
    {"comma in a value", "a=b,c; d=e", "d=e|"},
    {"backslash in a value", "a=b\\c; d=e", "d=e|"},
    {"quote in a value", "a=b\"c; d=e", "d=e|"},
    {"quote at one end", "a=\"b; c=d\"; e=f", "e=f|"},
    {"quote alone", "a=\"; b=c", "b=c|"},
    {"quotes in quotes", "a=\"b\"c\"; d=e", "d=e|"},
    {"semicolon in quotes parts", "a=\"b;c\"; d=e", "d=e|"},
    {"JSON of a script", "a={\"x\":1}; d=e", "d=e|"},
    {"past ASCII", "a=\xC3\xA9; d=e", "d=e|"},
    {"past ASCII in a name", "\xC3\xA9=a; d=e", "d=e|"},
    {"C14 control", "a=\x01; d=e", "d=e|"},
    {"C14 tab in a value", "a=b\tc; d=e", "d=e|"},
    {"C14 DEL", "a=\x7F; d=e", "d=e|"},
};

static const char *shown(const struct flare__params *p)
{
    static char text[4096];
    size_t len = 0;

    for (uint32_t i = 0; i < p->count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s=%.*s|",
                                FLARE_STR_ARG(p->list[i].name),
                                FLARE_STR_ARG(p->list[i].value));
    text[len] = '\0';
    return text;
}

START_TEST(test_cookie_reads_what_is_one_and_skips_the_rest)
{
    size_t len = strlen(rows[_i].value);
    struct flare__params p = {0};
    struct flare__arena arena;
    struct guard g;

    guard_init(&g, 4096);
    flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 20);
    flare__cookies_parse(
        &p, &arena,
        (struct flare_str){guard_put(&g, rows[_i].value, len), len});
    memset(guard_last(&g, len), 'X', len); /* they were copied */
    ck_assert_int_eq(p.rc, 0);
    ck_assert_msg(strcmp(shown(&p), rows[_i].cookies) == 0, "%s: %s",
                  rows[_i].name, shown(&p));
    flare__arena_fini(&arena);
    guard_fini(&g);
}
END_TEST

START_TEST(test_cookie_H15_100_and_no_more_over_all_fields)
{
    static char text[5 * FLARE__COOKIES_MAX];
    struct flare__params p = {0};
    struct flare__arena arena;
    size_t len = 0;

    flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 20);
    for (int i = 0; i < FLARE__COOKIES_MAX - 1; i++, len += 3)
        memcpy(text + len, "a=;", 3);
    flare__cookies_parse(&p, &arena, (struct flare_str){text, len});
    flare__cookies_parse(&p, &arena, FLARE_STR("b=c; bad"));
    ck_assert_int_eq(p.rc, 0);
    ck_assert_uint_eq(p.count, FLARE__COOKIES_MAX);
    ck_assert_ptr_eq(flare__params_find(&p, FLARE_STR("b")),
                     &p.list[FLARE__COOKIES_MAX - 1]);
    flare__cookies_parse(&p, &arena, FLARE_STR("d=e"));
    ck_assert_int_eq(p.rc, FLARE_E_HEAD_TOO_LARGE);
    ck_assert_uint_eq(p.count, 0);
    flare__arena_fini(&arena);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare__params p = {0};
    struct flare__arena arena;

    (void)ctx;
    flare__arena_init(&arena, &f->al, 64, 1 << 20);
    flare__cookies_parse(&p, &arena, FLARE_STR("a=b; c=d"));
    if (p.rc == 0)
        flare__cookies_parse(&p, &arena, FLARE_STR("e=f"));
    ck_assert_uint_eq(p.count, p.rc < 0 ? 0 : 3);
    flare__arena_fini(&arena);
    return p.rc;
}

START_TEST(test_cookie_R11_survives_every_failed_allocation)
{
    fault_each("cookie", scenario, NULL);
}
END_TEST

/* ---- writing ---- */

#define STR(text)                                                              \
    {                                                                          \
        text, sizeof(text) - 1                                                 \
    }

static const struct {
    const char *name;
    struct flare_cookie cookie;
    const char *text; /* NULL: FLARE_E_BAD_HEADER */
} written[] = {
    {"bare", {.name = "a", .value = STR("b")}, "a=b"},
    {"empty value", {.name = "a"}, "a="},
    {"quoted value", {.name = "a", .value = STR("\"b\"")}, "a=\"b\""},
    {"everything",
     {.name = "a",
      .value = STR("b"),
      .path = "/x y",
      .domain = "www.Example.com",
      .max_age_s = 60,
      .expires_s = 784111777,
      .same_site = FLARE_SAME_SITE_NONE,
      .is_secure = true,
      .is_http_only = true,
      .is_partitioned = true},
     "a=b; Path=/x y; Domain=www.Example.com; "
     "Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=60; Secure; HttpOnly; "
     "SameSite=None; Partitioned"},
    {"lax",
     {.name = "a", .same_site = FLARE_SAME_SITE_LAX},
     "a=; SameSite=Lax"},
    {"strict",
     {.name = "a", .same_site = FLARE_SAME_SITE_STRICT},
     "a=; SameSite=Strict"},
    {"deleted",
     {.name = "a", .max_age_s = -1, .expires_s = 784111777},
     "a=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"},
    {"largest age",
     {.name = "a", .max_age_s = INT64_MAX},
     "a=; Max-Age=9223372036854775807"},
    {"smallest age",
     {.name = "a", .max_age_s = INT64_MIN},
     "a=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"},
    {"C14 expiry is clamped",
     {.name = "a", .expires_s = INT64_MAX},
     "a=; Expires=Fri, 31 Dec 9999 23:59:59 GMT"},
    {"C14 expiry before 1970",
     {.name = "a", .expires_s = INT64_MIN},
     "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"},
    /* names */
    {"no name", {.value = STR("b")}, NULL},
    {"empty name", {.name = ""}, NULL},
    {"H42 CRLF in a name", {.name = "a\r\nb"}, NULL},
    {"semicolon in a name", {.name = "a;b"}, NULL},
    {"equals in a name", {.name = "a=b"}, NULL},
    {"space in a name", {.name = "a b"}, NULL},
    {"past ASCII in a name", {.name = "\xC3\xA9"}, NULL},
    /* values */
    {"H42 CRLF in a value", {.name = "a", .value = STR("b\r\nX: y")}, NULL},
    {"H42 NUL in a value", {.name = "a", .value = STR("b\0c")}, NULL},
    {"semicolon in a value", {.name = "a", .value = STR("b;Secure")}, NULL},
    {"comma in a value", {.name = "a", .value = STR("b,c")}, NULL},
    {"space in a value", {.name = "a", .value = STR("b c")}, NULL},
    {"backslash in a value", {.name = "a", .value = STR("b\\c")}, NULL},
    {"quote in a value", {.name = "a", .value = STR("b\"c")}, NULL},
    {"quote at one end", {.name = "a", .value = STR("\"b")}, NULL},
    {"quote alone", {.name = "a", .value = STR("\"")}, NULL},
    {"past ASCII in a value", {.name = "a", .value = STR("\xC3\xA9")}, NULL},
    /* paths */
    {"relative path", {.name = "a", .path = "x"}, NULL},
    {"empty path", {.name = "a", .path = ""}, NULL},
    {"semicolon in a path", {.name = "a", .path = "/;Secure"}, NULL},
    {"H42 CRLF in a path", {.name = "a", .path = "/\r\n"}, NULL},
    {"path ends with a space", {.name = "a", .path = "/ "}, NULL},
    {"past ASCII in a path", {.name = "a", .path = "/\xC3\xA9"}, NULL},
    /* domains */
    {"digits in a domain",
     {.name = "a", .domain = "1a.2.x3"},
     "a=; Domain=1a.2.x3"},
    {"hyphens in a domain",
     {.name = "a", .domain = "a-b.xn--p1ai"},
     "a=; Domain=a-b.xn--p1ai"},
    {"C14 a top-level domain", {.name = "a", .domain = "com"}, NULL},
    {"C14 dot first", {.name = "a", .domain = ".example.com"}, NULL},
    {"C14 dot last", {.name = "a", .domain = "example.com."}, NULL},
    {"C14 two dots", {.name = "a", .domain = "example..com"}, NULL},
    {"C14 an address", {.name = "a", .domain = "127.0.0.1"}, NULL},
    {"C14 an IPv6 address", {.name = "a", .domain = "[::1]"}, NULL},
    {"C14 a port", {.name = "a", .domain = "example.com:80"}, NULL},
    {"empty domain", {.name = "a", .domain = ""}, NULL},
    {"semicolon in a domain", {.name = "a", .domain = "a.b;c"}, NULL},
    {"hyphen first", {.name = "a", .domain = "-a.b"}, NULL},
    {"hyphen last", {.name = "a", .domain = "a.b-"}, NULL},
    {"hyphen before a dot", {.name = "a", .domain = "a-.b"}, NULL},
    {"underscore", {.name = "a", .domain = "a_b.c"}, NULL},
    {"label of 64 bytes",
     {.name = "a",
      .domain =
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          ".com"},
     NULL},
    /* attributes that need others */
    {"SameSite=None without Secure",
     {.name = "a", .same_site = FLARE_SAME_SITE_NONE},
     NULL},
    {"Partitioned without Secure", {.name = "a", .is_partitioned = true}, NULL},
    {"no such SameSite",
     {.name = "a", .same_site = (enum flare_same_site)9},
     NULL},
    {"C14 __Secure-",
     {.name = "__Secure-a", .is_secure = true},
     "__Secure-a=; Secure"},
    {"C14 __Secure- without Secure", {.name = "__Secure-a"}, NULL},
    {"C14 __Host-",
     {.name = "__Host-a", .is_secure = true, .path = "/"},
     "__Host-a=; Path=/; Secure"},
    {"C14 __Host- without Secure", {.name = "__Host-a", .path = "/"}, NULL},
    {"C14 __Host- without a path",
     {.name = "__Host-a", .is_secure = true},
     NULL},
    {"C14 __Host- with another path",
     {.name = "__Host-a", .is_secure = true, .path = "/x"},
     NULL},
    {"C14 __Host- with a domain",
     {.name = "__Host-a", .is_secure = true, .path = "/", .domain = "a.b"},
     NULL},
    {"C14 __host- in another case", {.name = "__hOSt-a", .path = "/"}, NULL},
    {"C14 __Http- without HttpOnly",
     {.name = "__Http-a", .is_secure = true},
     NULL},
    {"C14 __Http-",
     {.name = "__Http-a", .is_secure = true, .is_http_only = true},
     "__Http-a=; Secure; HttpOnly"},
    {"C14 __Host-Http- without HttpOnly",
     {.name = "__Host-Http-a", .is_secure = true, .path = "/"},
     NULL},
    {"C14 __Host-Http-",
     {.name = "__Host-Http-a",
      .is_secure = true,
      .is_http_only = true,
      .path = "/"},
     "__Host-Http-a=; Path=/; Secure; HttpOnly"},
    {"promises nothing", {.name = "__Hosta"}, "__Hosta="},
};

START_TEST(test_cookie_writes_what_a_browser_takes)
{
    char text[FLARE__COOKIE_BYTES_MAX + 1];
    int rc = flare__cookie_write(text, &written[_i].cookie);

    if (written[_i].text == NULL) {
        ck_assert_msg(rc == FLARE_E_BAD_HEADER, "%s: %d", written[_i].name, rc);
        return;
    }
    ck_assert_msg(rc >= 0, "%s: %d", written[_i].name, rc);
    text[rc] = '\0';
    ck_assert_msg(strcmp(text, written[_i].text) == 0, "%s: %s",
                  written[_i].name, text);
}
END_TEST

START_TEST(test_cookie_C14_4096_bytes_and_no_more)
{
    static char value[FLARE__COOKIE_BYTES_MAX + 32];
    struct flare_cookie c = {.name = "a", .path = "/", .value = {value, 0}};
    struct guard g;

    guard_init(&g, FLARE__COOKIE_BYTES_MAX);
    memset(value, 'x', sizeof(value));
    c.value.len = FLARE__COOKIE_BYTES_MAX - sizeof("a=; Path=/") + 1;
    ck_assert_int_eq(
        flare__cookie_write(guard_last(&g, FLARE__COOKIE_BYTES_MAX), &c),
        FLARE__COOKIE_BYTES_MAX);
    for (int i = 0; i < 20; i++) {
        c.value.len++;
        ck_assert_int_eq(
            flare__cookie_write(guard_last(&g, FLARE__COOKIE_BYTES_MAX), &c),
            FLARE_E_BAD_HEADER);
    }
    guard_fini(&g);
}
END_TEST

START_TEST(test_cookie_C14_path_has_1024_bytes_and_domain_253)
{
    char text[FLARE__COOKIE_BYTES_MAX];
    char path[1026], domain[256];
    struct flare_cookie c = {.name = "a", .path = path};

    memset(path, '/', sizeof(path));
    path[1024] = '\0';
    ck_assert_int_gt(flare__cookie_write(text, &c), 0);
    path[1024] = '/';
    path[1025] = '\0';
    ck_assert_int_eq(flare__cookie_write(text, &c), FLARE_E_BAD_HEADER);

    c = (struct flare_cookie){.name = "a", .domain = domain};
    for (size_t i = 0; i < sizeof(domain); i++)
        domain[i] = i % 2 == 0 ? 'a' : '.';
    domain[253] = '\0';
    ck_assert_int_gt(flare__cookie_write(text, &c), 0);
    domain[253] = '.';
    domain[255] = '\0';
    ck_assert_int_eq(flare__cookie_write(text, &c), FLARE_E_BAD_HEADER);
}
END_TEST

START_TEST(test_cookie_octets_are_those_of_the_RFC)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        /* RFC 6265 section 4.1.1 */
        bool is_octet = c == 0x21 || (c >= 0x23 && c <= 0x2B) ||
                        (c >= 0x2D && c <= 0x3A) || (c >= 0x3C && c <= 0x5B) ||
                        (c >= 0x5D && c <= 0x7E);

        ck_assert_msg(flare__cookie_is_value((struct flare_str){&byte, 1}) ==
                          is_octet,
                      "0x%02x", (unsigned)c);
    }
}
END_TEST

static Suite *cookie_suite(void)
{
    Suite *suite = suite_create("http/cookie");
    TCase *tc = tcase_create("cookie");

    tcase_add_loop_test(tc, test_cookie_reads_what_is_one_and_skips_the_rest, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_cookie_H15_100_and_no_more_over_all_fields);
    tcase_add_test(tc, test_cookie_R11_survives_every_failed_allocation);
    tcase_add_loop_test(tc, test_cookie_writes_what_a_browser_takes, 0,
                        ROWS(written));
    tcase_add_test(tc, test_cookie_C14_4096_bytes_and_no_more);
    tcase_add_test(tc, test_cookie_C14_path_has_1024_bytes_and_domain_253);
    tcase_add_test(tc, test_cookie_octets_are_those_of_the_RFC);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(cookie_suite());
}
