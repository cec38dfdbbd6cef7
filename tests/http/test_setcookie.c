/* SPDX-License-Identifier: MIT */
/* Set-Cookie fields and their dates: by table, and against an oracle. */
#include "http/setcookie.h"

#include "tests/support/cookie_check.h"
#include "tests/support/cookie_oracle.h"
#include "tests/support/guard.h"
#include "tests/support/noise.h"
#include "tests/support/test.h"

#include <string.h>

enum { NOW = 1700000000, LATEST = NOW + FLARE_COOKIE_AGE_MAX_S };

#define NO_DATE INT64_MIN

static const struct {
    const char *text;
    int64_t seconds;
} date_rows[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"06 nov 1994 08:49:37", 784111777},
    {"1994 08:49:37 6 NOVEMBER", 784111777},
    {"08:49:37 6 November 94", 784111777},
    {"6November94 08:49:37", NO_DATE}, /* one token is one thing */
    {"6x Novy 1994y 8:49:37z", 784111777},
    {"6/Nov/1994_08:49:37", 784111777},
    {"\"6\" (Nov) [1994] 08:49:37", 784111777},
    {"6 Nov 1994 08:49:37 PST", 784111777}, /* no zones */
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"1 Jan 70 0:0:0", 0},
    {"1 Jan 69 0:0:0", 3124224000},
    {"1 Jan 00 0:0:0", 946684800},
    {"1 Jan 99 0:0:0", 915148800},
    {"1 Jan 100 0:0:0", NO_DATE},
    {"1 Jan 1600 0:0:0", NO_DATE},
    {"1 Jan 1601 0:0:0", -11644473600},
    {"31 Dec 9999 23:59:59", 253402300799},
    {"1 Jan 10000 0:0:0", NO_DATE},
    {"1 Jan 7 0:0:0", NO_DATE},
    {"29 Feb 2000 0:0:0", 951782400},
    {"29 Feb 2100 0:0:0", NO_DATE},
    {"29 Feb 2023 0:0:0", NO_DATE},
    {"31 Apr 2023 0:0:0", NO_DATE},
    {"0 Jan 2023 0:0:0", NO_DATE},
    {"32 Jan 2023 0:0:0", NO_DATE},
    {"1 Jan 2023 24:0:0", NO_DATE},
    {"1 Jan 2023 0:60:0", NO_DATE},
    {"1 Jan 2023 0:0:60", NO_DATE},
    {"1 Jan 2023 0:0", NO_DATE},
    {"1 Jan 2023 000:0:0", NO_DATE},
    {"1 Jan 2023 0:0:000", NO_DATE},
    {"1 Jan 2023 0:0:00:0", 1672531200},
    {"1 Jab 2023 0:0:0", NO_DATE},
    {"1 Ja 2023 0:0:0", NO_DATE},
    {"Jan 2023 0:0:0", NO_DATE},
    {"1 2023 0:0:0", NO_DATE},
    {"1 Jan 0:0:0", NO_DATE},
    {"1 Jan 2023", NO_DATE},
    {"", NO_DATE},
    {" - , ", NO_DATE},
    /* the first of each kind counts; what is no day may still be a year */
    {"1 Jan Feb 2023 0:0:0 1:1:1", 1672531200},
    {"2023 1 Jan 0:0:0", 1672531200},
    {"001 1 Jan 2023 0:0:0", 978307200}, /* three digits are a year */
};

START_TEST(test_setcookie_date)
{
    int64_t got = NO_DATE, want = NO_DATE;
    struct flare_str text = flare_str(date_rows[_i].text);
    int rc = flare__cookie_date_parse(text, &got);

    ck_assert_msg(got == date_rows[_i].seconds && (rc == 0) == (got != NO_DATE),
                  "'%s': %d, %lld", date_rows[_i].text, rc, (long long)got);
    if (!cookie_oracle_date(text, &want))
        want = NO_DATE;
    ck_assert_msg(got == want, "'%s': the oracle has %lld", date_rows[_i].text,
                  (long long)want);
}
END_TEST

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A512 A64 A64 A64 A64 A64 A64 A64 A64
#define A4096 A512 A512 A512 A512 A512 A512 A512 A512

/* What is read, as "name|value|domain|path|end flags". */
static const struct {
    const char *name;
    const char *field;
    const char *read; /* or the error's name */
} rows[] = {
    {"a pair", "a=b", "a|b|||- "},
    {"white space", " \ta \t=\t b \t; Secure", "a|b|||- s"},
    {"white space inside", "a b= c  d ", "a b|c  d|||- "},
    {"equals in the value", "a=b=c", "a|b=c|||- "},
    {"quotes are kept", "a=\"b\"", "a|\"b\"|||- "},
    {"no value", "a=", "a||||- "},
    {"no equals", "b", "|b|||- "},
    {"no name", "=b", "|b|||- "},
    {"two equals", "==b", "|=b|||- "},
    {"nothing", "", "FLARE_E_COOKIE_SYNTAX"},
    {"an equals", " = ", "FLARE_E_COOKIE_SYNTAX"},
    {"attributes only", "; Path=/", "FLARE_E_COOKIE_SYNTAX"},
    {"C14 a control in the name", "a\x01=b", "FLARE_E_COOKIE_SYNTAX"},
    {"C14 a control in the value", "a=b\x1F", "FLARE_E_COOKIE_SYNTAX"},
    {"C14 a control in an attribute", "a=b; x\x7F", "FLARE_E_COOKIE_SYNTAX"},
    {"C14 a line's end", "a=b\r\nX: y", "FLARE_E_COOKIE_SYNTAX"},
    {"a tab inside", "a=b\tc", "a|b\tc|||- "},
    {"past ASCII", "\xC3\xA9=\xFF", "\xC3\xA9|\xFF|||- "},
    {"C14 over 4096", "a=" A4096, "FLARE_E_COOKIE_TOO_LARGE"},

    {"a domain", "a=b; Domain=Example.COM", "a|b|Example.COM||- "},
    {"a dot in front", "a=b; domain=.a.b", "a|b|a.b||- "},
    {"one dot only", "a=b; domain=..a.b", "a|b|.a.b||- "},
    {"the last domain", "a=b; Domain=a.b; DOMAIN=c.d", "a|b|c.d||- "},
    {"the last domain, empty", "a=b; Domain=a.b; Domain=", "a|b|||- "},
    {"a path", "a=b; Path=/x y", "a|b||/x y|- "},
    {"the last path", "a=b; Path=/x; path=/y", "a|b||/y|- "},
    {"the last path, none", "a=b; Path=/x; path=y", "a|b||*|- "},
    {"an attribute of over 1024", "a=b; Path=/x; Path=/" A512 A512,
     "a|b||/x|- "},
    {"flags", "a=b;SECURE; httponly=no ;x;;=;", "a|b|||- sh"},
    {"the last SameSite", "a=b; SameSite=Lax; samesite=STRICT", "a|b|||- S"},
    {"SameSite of another kind", "a=b; SameSite=Lax; samesite=x", "a|b|||- "},
    {"Lax", "a=b; SameSite=lax", "a|b|||- L"},
    {"None", "a=b; SameSite=none; Secure", "a|b|||- sN"},

    {"Max-Age", "a=b; Max-Age=10", "a|b|||10 "},
    {"Max-Age 0", "a=b; Max-Age=0", "a|b|||gone "},
    {"below 0", "a=b; max-age=-999999999999999999999", "a|b|||gone "},
    {"C14 Max-Age overflows", "a=b; Max-Age=999999999999999999999",
     "a|b|||latest "},
    {"400 days", "a=b; Max-Age=34560000", "a|b|||latest "},
    {"a second less", "a=b; Max-Age=34559999", "a|b|||34559999 "},
    {"no number", "a=b; Max-Age=1x", "a|b|||- "},
    {"a sign", "a=b; Max-Age=+1", "a|b|||- "},
    {"a minus alone", "a=b; Max-Age=-", "a|b|||- "},
    {"empty", "a=b; Max-Age=", "a|b|||- "},
    {"the last that is one", "a=b; Max-Age=7; Max-Age=x", "a|b|||7 "},
    {"Expires", "a=b; Expires=Tue, 14 Nov 2023 22:13:25 GMT", "a|b|||5 "},
    {"C14 Expires is far", "a=b; Expires=1 Jan 9999 0:0:0", "a|b|||latest "},
    {"Expires is over", "a=b; Expires=1 Jan 2023 0:0:0", "a|b|||over "},
    {"Expires is none", "a=b; Expires=soon", "a|b|||- "},
    {"Max-Age goes first", "a=b; Max-Age=3; Expires=1 Jan 2023 0:0:0",
     "a|b|||3 "},
    {"whatever the order", "a=b; Expires=1 Jan 2023 0:0:0; Max-Age=3",
     "a|b|||3 "},
};

static const char *end_of(const struct flare__set_cookie *c)
{
    static char text[32];

    if (!c->is_persistent)
        return "-";
    if (c->expires_s == INT64_MIN)
        return "gone";
    if (c->expires_s == LATEST)
        return "latest";
    if (c->expires_s <= NOW)
        return "over";
    snprintf(text, sizeof(text), "%lld", (long long)(c->expires_s - NOW));
    return text;
}

static const char *read_of(struct flare_str field)
{
    static char text[8192];
    struct flare__set_cookie c;
    int rc = flare__set_cookie_parse(&c, field, NOW, NULL);

    if (rc < 0)
        return flare_error_name(rc);
    snprintf(text, sizeof(text), "%.*s|%.*s|%.*s|%.*s%s|%s %s%s%c",
             FLARE_STR_ARG(c.name), FLARE_STR_ARG(c.value),
             FLARE_STR_ARG(c.domain), FLARE_STR_ARG(c.path),
             c.has_path && c.path.len == 0 ? "*" : "", end_of(&c),
             c.is_secure ? "s" : "", c.is_http_only ? "h" : "",
             "\0LSN"[c.same_site]);
    return text;
}

START_TEST(test_setcookie_reads_a_field)
{
    size_t len = strlen(rows[_i].field);
    struct guard g;
    struct flare_str field;
    const char *read, *wrong;

    guard_init(&g, 8192);
    field = (struct flare_str){guard_put(&g, rows[_i].field, len), len};
    read = read_of(field);
    wrong = cookie_check_field(field);
    ck_assert_msg(strcmp(read, rows[_i].read) == 0, "%s: %s", rows[_i].name,
                  read);
    ck_assert_msg(wrong == NULL, "%s: %s", rows[_i].name, wrong);
    guard_fini(&g);
}
END_TEST

START_TEST(test_setcookie_takes_4096_bytes_of_name_and_value)
{
    const char *read = read_of(FLARE_STR(A4096 "=; Secure"));

    ck_assert_msg(strncmp(read, A4096 "||", 4098) == 0, "%s", read);
    ck_assert_str_eq(read_of(FLARE_STR("; " A4096 "=")),
                     "FLARE_E_COOKIE_SYNTAX");
    ck_assert_str_eq(read_of(FLARE_STR(A4096 "=a")),
                     "FLARE_E_COOKIE_TOO_LARGE");
}
END_TEST

START_TEST(test_setcookie_takes_1024_bytes_of_an_attribute)
{
    struct flare__set_cookie c;

    ck_assert_int_eq(
        flare__set_cookie_parse(
            &c, FLARE_STR("a=b; Path=/" A512 A512 "; Path= /" A512), NOW, NULL),
        0);
    ck_assert_uint_eq(c.path.len, 513); /* the first has 1025 */
    ck_assert_int_eq(
        flare__set_cookie_parse(
            &c, FLARE_STR("a=b; Domain=" A512 A512 "; Domain=" A512 A512 "a"),
            NOW, NULL),
        0);
    ck_assert_uint_eq(c.domain.len, 1024);
}
END_TEST

/* C14: no sum leaves the numbers there are. */
START_TEST(test_setcookie_time_does_not_overflow)
{
    struct flare__set_cookie c;

    ck_assert_int_eq(flare__set_cookie_parse(&c, FLARE_STR("a=b; Max-Age=9"),
                                             INT64_MAX - 3, NULL),
                     0);
    ck_assert_int_eq(c.expires_s, INT64_MAX);
    ck_assert_int_eq(
        flare__set_cookie_parse(&c, FLARE_STR("a=b; Expires=1 Jan 9999 0:0:0"),
                                INT64_MIN, NULL),
        0);
    ck_assert_int_eq(c.expires_s, INT64_MIN + FLARE_COOKIE_AGE_MAX_S);
}
END_TEST

/* Pieces of fields and dates in any order, and single bytes between them. */
START_TEST(test_setcookie_is_the_oracle_s_reader)
{
    static const char *const pieces[] = {
        ";",      "; ",       "=",    " ",       "\t",     "a",       "Max-Age",
        "Domain", "Path",     "/",    "Expires", "Secure", "1",       "23",
        "1999",   "2000",     "Jan",  "febr",    ":",      "-",       ".",
        "12:1:9", "SameSite", "None", "Lax",     ",",      "HttpOnly"};
    char noise[64];
    char text[512];

    for (uint64_t seed = 1; seed <= 4000; seed++) {
        size_t len = 0;
        const char *wrong;

        noise_fill(noise, sizeof(noise), NOISE_RANDOM, seed);
        for (size_t i = 0; i < sizeof(noise) && len < 480; i++) {
            size_t which = (unsigned char)noise[i] % (ROWS(pieces) + 1u);
            const char *piece =
                which < ROWS(pieces) ? pieces[which] : noise + i;
            size_t size = which < ROWS(pieces) ? strlen(piece) : 1;

            memcpy(text + len, piece, size);
            len += size;
        }
        wrong = cookie_check_field((struct flare_str){text, len});
        ck_assert_msg(wrong == NULL, "%s: '%.*s'", wrong, (int)len, text);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/setcookie");
    TCase *t = tcase_create("setcookie");

    tcase_add_loop_test(t, test_setcookie_date, 0, ROWS(date_rows));
    tcase_add_loop_test(t, test_setcookie_reads_a_field, 0, ROWS(rows));
    tcase_add_test(t, test_setcookie_takes_4096_bytes_of_name_and_value);
    tcase_add_test(t, test_setcookie_takes_1024_bytes_of_an_attribute);
    tcase_add_test(t, test_setcookie_time_does_not_overflow);
    tcase_add_test(t, test_setcookie_is_the_oracle_s_reader);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(suite());
}
