/* SPDX-License-Identifier: MIT */
/* Lines of both formats, written and read. */
#include "http/jar_text.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

enum { NOW = 1700000000 };

#define OWN FLARE_COOKIE_FORMAT_OWN
#define NETSCAPE FLARE_COOKIE_FORMAT_NETSCAPE

static const struct {
    const char *name;
    struct flare_cookie_info info;
    const char *own;
    const char *netscape; /* NULL: cannot be */
} rows[] = {
    {"the least",
     {.name = {"a", 1},
      .value = {"b", 1},
      .domain = {"x.example", 9},
      .path = {"/", 1},
      .created_s = 5,
      .is_session = true,
      .is_host_only = true},
     "x.example\thost\t/\tsession\t5\t7\ta\tb\n",
     "x.example\tFALSE\t/\tFALSE\t0\ta\tb\n"},
    {"the most",
     {.name = {"a", 1},
      .value = {"b", 1},
      .domain = {"x.example", 9},
      .path = {"/p", 2},
      .created_s = -5,
      .expires_s = 1800000000,
      .same_site = FLARE_SAME_SITE_STRICT,
      .is_secure = true,
      .is_http_only = true},
     "x.example\tsecure,httponly,strict\t/p\t1800000000\t-5\t7\ta\tb\n",
     "#HttpOnly_.x.example\tTRUE\t/p\tTRUE\t1800000000\ta\tb\n"},
    {"no name",
     {.value = {"b", 1},
      .domain = {"::1", 3},
      .path = {"/", 1},
      .is_session = true,
      .is_host_only = true,
      .same_site = FLARE_SAME_SITE_LAX},
     "::1\thost,lax\t/\tsession\t0\t7\t\tb\n",
     "::1\tFALSE\t/\tFALSE\t0\t\tb\n"},
    {"no value, no flags",
     {.name = {"a", 1},
      .domain = {"x.example", 9},
      .path = {"/", 1},
      .is_session = true},
     "x.example\t-\t/\tsession\t0\t7\ta\t\n",
     ".x.example\tTRUE\t/\tFALSE\t0\ta\t\n"},
    {"bytes of all kinds",
     {.name = {"a\tb", 3},
      .value = {"%\xC3\xA9 c", 5},
      .domain = {"x.example", 9},
      .path = {"/ p", 3},
      .is_session = true},
     "x.example\t-\t/%20p\tsession\t0\t7\ta%09b\t%25%C3%A9%20c\n",
     NULL},
};

static struct flare__jar_text text_new(void)
{
    return (struct flare__jar_text){.al = &flare__allocator_default};
}

START_TEST(test_jar_text_writes_a_line)
{
    struct flare__jar_text own = text_new(), netscape = text_new();

    ck_assert(flare__jar_text_add(&own, OWN, &rows[_i].info, 7));
    ck_assert_msg(flare_str_equal((struct flare_str){own.bytes, own.len},
                                  flare_str(rows[_i].own)),
                  "%s: %.*s", rows[_i].name, (int)own.len, own.bytes);
    ck_assert_int_eq(
        flare__jar_text_add(&netscape, NETSCAPE, &rows[_i].info, 7),
        rows[_i].netscape != NULL);
    ck_assert_msg(
        flare_str_equal((struct flare_str){netscape.bytes, netscape.len},
                        flare_str(rows[_i].netscape)),
        "%s: %.*s", rows[_i].name, (int)netscape.len, netscape.bytes);
    flare__jar_text_fini(&own);
    flare__jar_text_fini(&netscape);
}
END_TEST

static void check_line(const struct flare__jar_line *line,
                       const struct flare_cookie_info *want, bool is_own)
{
    const struct flare_cookie_info *got = &line->cookie.info;

    ck_assert(flare_str_equal(got->name, want->name));
    ck_assert(flare_str_equal(got->value, want->value));
    ck_assert(flare_str_equal(got->domain, want->domain));
    ck_assert(flare_str_equal(got->path, want->path));
    ck_assert_int_eq(got->is_session, want->is_session);
    ck_assert(got->is_session || got->expires_s == want->expires_s);
    ck_assert_int_eq(got->is_host_only, want->is_host_only);
    ck_assert_int_eq(got->is_secure, want->is_secure);
    ck_assert_int_eq(got->is_http_only, want->is_http_only);
    ck_assert_int_eq(got->same_site, is_own ? want->same_site : 0);
    ck_assert_int_eq(got->created_s, is_own ? want->created_s : NOW);
    ck_assert_uint_eq(line->cookie.number, is_own ? 7 : 0);
}

START_TEST(test_jar_text_reads_what_it_wrote)
{
    struct flare__jar_line line;
    struct flare_str text = flare_str(rows[_i].own);
    struct guard g;

    guard_init(&g, 4096);
    text.len--; /* the line's end */
    text.ptr = guard_put(&g, text.ptr, text.len);
    ck_assert_ptr_null(flare__jar_line_read(&line, OWN, text, NOW));
    check_line(&line, &rows[_i].info, true);
    text = flare_str(rows[_i].netscape);
    if (text.len > 0) {
        text.len--;
        text.ptr = guard_put(&g, text.ptr, text.len);
        ck_assert_ptr_null(flare__jar_line_read(&line, NETSCAPE, text, NOW));
        check_line(&line, &rows[_i].info, false);
    }
    guard_fini(&g);
}
END_TEST

static const struct {
    const char *name;
    enum flare_cookie_format format;
    const char *line;
    const char *wrong; /* in the sentence; NULL: a cookie; "": a comment */
} line_rows[] = {
    {"our form", OWN, "x.y\t-\t/\tsession\t0\t1\ta\tb", NULL},
    {"seven fields", OWN, "x.y\t-\t/\tsession\t0\t1\ta", "eight"},
    {"nine fields", OWN, "x.y\t-\t/\tsession\t0\t1\ta\tb\tc", "eight"},
    {"nothing", OWN, "", "eight"},
    {"a comment", OWN, "# x", "eight"},
    {"no domain", OWN, "\t-\t/\tsession\t0\t1\ta\tb", "domain"},
    {"another domain", OWN, "a b\t-\t/\tsession\t0\t1\ta\tb", "domain"},
    {"no flags", OWN, "x.y\t\t/\tsession\t0\t1\ta\tb", "flags"},
    {"another flag", OWN, "x.y\thost,x\t/\tsession\t0\t1\ta\tb", "flags"},
    {"an empty flag", OWN, "x.y\thost,\t/\tsession\t0\t1\ta\tb", "flags"},
    {"no end", OWN, "x.y\t-\t/\t\t0\t1\ta\tb", "end"},
    {"an end too far", OWN, "x.y\t-\t/\t9223372036854775808\t0\t1\ta\tb",
     "end"},
    {"no beginning", OWN, "x.y\t-\t/\t1\tx\t1\ta\tb", "beginning"},
    {"number 0", OWN, "x.y\t-\t/\t1\t0\t0\ta\tb", "number"},
    {"too high", OWN, "x.y\t-\t/\t1\t0\t9007199254740992\ta\tb", "number"},
    {"the highest", OWN, "x.y\t-\t/\t1\t0\t9007199254740991\ta\tb", NULL},
    {"a space", OWN, "x.y\t-\t/\t1\t0\t1\ta b\tb", "escaped"},
    {"no escape", OWN, "x.y\t-\t/\t1\t0\t1\ta\t%4", "escaped"},
    {"another escape", OWN, "x.y\t-\t/\t1\t0\t1\ta\t%4g", "escaped"},
    {"CR LF", OWN, "x.y\t-\t/\t1\t0\t1\ta\tb\r", "escaped"},

    {"their form", NETSCAPE, "x.y\tFALSE\t/\tFALSE\t0\ta\tb", NULL},
    {"CR LF", NETSCAPE, "x.y\tFALSE\t/\tFALSE\t0\ta\tb\r", NULL},
    {"lower case", NETSCAPE, "x.y\tfalse\t/\ttrue\t0\ta\tb", NULL},
    {"Python's session", NETSCAPE, "x.y\tFALSE\t/\tFALSE\t\ta\tb", NULL},
    {"no value, no tab", NETSCAPE, "x.y\tFALSE\t/\tFALSE\t0\ta", NULL},
    {"a comment", NETSCAPE, "# x.y\tFALSE\t/\tFALSE\t0\ta\tb", ""},
    {"HttpOnly", NETSCAPE, "#HttpOnly_x.y\tFALSE\t/\tFALSE\t0\ta\tb", NULL},
    {"nothing", NETSCAPE, "", ""},
    {"five fields", NETSCAPE, "x.y\tFALSE\t/\tFALSE\t0", "seven"},
    {"eight fields", NETSCAPE, "x.y\tFALSE\t/\tFALSE\t0\ta\tb\tc", "seven"},
    {"spaces", NETSCAPE, "x.y FALSE / FALSE 0 a b", "seven"},
    {"no truth", NETSCAPE, "x.y\tno\t/\tFALSE\t0\ta\tb", "TRUE"},
    {"no truth", NETSCAPE, "x.y\tFALSE\t/\t\t0\ta\tb", "TRUE"},
    {"no end", NETSCAPE, "x.y\tFALSE\t/\tFALSE\tx\ta\tb", "end"},
    {"no domain", NETSCAPE, ".\tFALSE\t/\tFALSE\t0\ta\tb", "domain"},
};

START_TEST(test_jar_text_says_what_is_wrong_with_a_line)
{
    struct flare__jar_line line;
    size_t len = strlen(line_rows[_i].line);
    struct guard g;
    const char *wrong;

    guard_init(&g, 4096);
    wrong = flare__jar_line_read(
        &line, line_rows[_i].format,
        (struct flare_str){guard_put(&g, line_rows[_i].line, len), len}, NOW);
    if (line_rows[_i].wrong == NULL || line_rows[_i].wrong[0] == '\0') {
        ck_assert_msg(wrong == NULL, "%s: %s", line_rows[_i].name, wrong);
        ck_assert_int_eq(line.cookie.info.domain.len > 0,
                         line_rows[_i].wrong == NULL);
    } else {
        ck_assert_msg(wrong != NULL &&
                          strstr(wrong, line_rows[_i].wrong) != NULL,
                      "%s: %s", line_rows[_i].name,
                      wrong != NULL ? wrong : "it is taken");
    }
    guard_fini(&g);
}
END_TEST

START_TEST(test_jar_text_field_of_any_length_is_bounded)
{
    static char text[3 * FLARE__JAR_PATH_MAX + 64];
    struct flare__jar_line line;
    size_t len;

    len = (size_t)snprintf(text, sizeof(text), "x.y\t-\t/\t1\t0\t1\ta\t");
    memset(text + len, 'v', sizeof(text) - len);
    ck_assert_ptr_nonnull(flare__jar_line_read(
        &line, OWN, (struct flare_str){text, sizeof(text)}, NOW));
    len += sizeof(line.bytes) - 2; /* '/' and 'a' are there */
    ck_assert_ptr_null(
        flare__jar_line_read(&line, OWN, (struct flare_str){text, len}, NOW));
    ck_assert_ptr_nonnull(flare__jar_line_read(
        &line, OWN, (struct flare_str){text, len + 1}, NOW));
}
END_TEST

START_TEST(test_jar_text_first_line_tells_the_format)
{
    ck_assert_int_eq(flare__jar_format_of(FLARE_STR("flare-cookies 1")), OWN);
    ck_assert_int_eq(flare__jar_format_of(FLARE_STR("flare-cookies 2")),
                     FLARE_E_COOKIE_FILE);
    ck_assert_int_eq(flare__jar_format_of(FLARE_STR("flare-cookies 1\r")),
                     FLARE_E_COOKIE_FILE);
    ck_assert_int_eq(flare__jar_format_of(FLARE_STR("flare-cookies")),
                     NETSCAPE);
    ck_assert_int_eq(flare__jar_format_of(FLARE_STR("")), NETSCAPE);
}
END_TEST

static int scenario_write(struct fault *f, void *ctx)
{
    struct flare__jar_text text = {.al = &f->al};
    int rc;

    (void)ctx;
    flare__jar_text_begin(&text, OWN);
    for (int i = 0; i < 200; i++)
        (void)flare__jar_text_add(&text, OWN, &rows[i % ROWS(rows)].info, 7);
    rc = text.has_failed ? -ENOMEM : 0;
    flare__jar_text_fini(&text);
    return rc;
}

START_TEST(test_jar_text_survives_any_failed_allocation)
{
    fault_each("jar_text", scenario_write, NULL);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/jar_text");
    TCase *t = tcase_create("jar_text");

    tcase_add_loop_test(t, test_jar_text_writes_a_line, 0, ROWS(rows));
    tcase_add_loop_test(t, test_jar_text_reads_what_it_wrote, 0, ROWS(rows));
    tcase_add_loop_test(t, test_jar_text_says_what_is_wrong_with_a_line, 0,
                        ROWS(line_rows));
    tcase_add_test(t, test_jar_text_field_of_any_length_is_bounded);
    tcase_add_test(t, test_jar_text_first_line_tells_the_format);
    tcase_add_test(t, test_jar_text_survives_any_failed_allocation);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(suite());
}
