/* SPDX-License-Identifier: MIT */
/* One call is one line, and a peer's bytes cannot draw on it. */
#include "base/log.h"

#include "tests/support/test.h"

#include <string.h>

struct heard {
    int calls;
    enum flare_log_level level;
    char text[2048];
};

static void hear(enum flare_log_level level, const char *text, void *ctx)
{
    struct heard *heard = ctx;

    heard->calls++;
    heard->level = level;
    snprintf(heard->text, sizeof(heard->text), "%s", text);
}

START_TEST(test_log_line_reaches_the_hook)
{
    struct heard heard = {0};
    struct flare__log log = {hear, &heard};

    flare__log(&log, FLARE_LOG_WARN, "%d of %s", 3, "four");
    ck_assert_int_eq(heard.calls, 1);
    ck_assert_int_eq(heard.level, FLARE_LOG_WARN);
    ck_assert_str_eq(heard.text, "3 of four");
}
END_TEST

START_TEST(test_log_without_hook_is_silent)
{
    const struct flare__log log = {NULL, NULL};

    flare__log(&log, FLARE_LOG_ERROR, "%s", "nobody hears this");
    flare__log(NULL, FLARE_LOG_ERROR, "%s", "nor this");
}
END_TEST

START_TEST(test_log_line_is_one_line_whatever_is_in_it)
{
    struct heard heard = {0};
    struct flare__log log = {hear, &heard};

    flare__log(&log, FLARE_LOG_INFO, "a\r\nb\tc\x1b[31m\x7f");
    ck_assert_str_eq(heard.text, "a??b?c?[31m?");
}
END_TEST

START_TEST(test_log_long_line_is_cut)
{
    struct heard heard = {0};
    struct flare__log log = {hear, &heard};

    flare__log(&log, FLARE_LOG_INFO, "%01500d", 1);
    ck_assert_int_eq(heard.calls, 1);
    ck_assert_uint_eq(strlen(heard.text), 1023);
}
END_TEST

static const struct {
    const char *name;
    struct flare_str in;
    const char *out;
} rows[] = {
    {"empty", {"", 0}, ""},
    {"NULL", {NULL, 0}, ""},
    {"plain", {"GET /~a", 7}, "GET /~a"},
    {"line end", {"a\r\n", 3}, "a\\x0d\\x0a"},
    {"NUL", {"a\0b", 3}, "a\\x00b"},
    {"backslash", {"\\x41", 4}, "\\\\x41"},
    {"escape and delete", {"\x1b\x7f", 2}, "\\x1b\\x7f"},
    {"high", {"\x80\xff", 2}, "\\x80\\xff"},
    {"edges of printable", {"\x1f ~\x7f", 4}, "\\x1f ~\\x7f"},
};

START_TEST(test_log_escape_gives_printable_ascii)
{
    char out[64];
    size_t len = flare__log_escape(out, sizeof(out), rows[_i].in);

    ck_assert_msg(strcmp(out, rows[_i].out) == 0, "%s: %s", rows[_i].name, out);
    ck_assert_uint_eq(len, strlen(out));
}
END_TEST

START_TEST(test_log_escape_cuts_at_every_size_but_never_inside_an_escape)
{
    static const char in[] = "a\r\\b\xff";
    static const char whole[] = "a\\x0d\\\\b\\xff";
    struct flare_str bytes = {in, sizeof(in) - 1};

    for (size_t size = 1; size <= sizeof(whole) + 2; size++) {
        char *out = malloc(size); /* exact, for AddressSanitizer */
        size_t len = flare__log_escape(out, size, bytes);

        ck_assert_uint_lt(len, size);
        ck_assert_uint_eq(len, strlen(out));
        ck_assert_int_eq(memcmp(out, whole, len), 0);
        ck_assert_msg(len == 0 || len == 1 || len == 5 || len == 7 ||
                          len == 8 || len == 12,
                      "size %zu gives %zu", size, len);
        free(out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tc = tcase_create("log");

    tcase_add_test(tc, test_log_line_reaches_the_hook);
    tcase_add_test(tc, test_log_without_hook_is_silent);
    tcase_add_test(tc, test_log_line_is_one_line_whatever_is_in_it);
    tcase_add_test(tc, test_log_long_line_is_cut);
    tcase_add_loop_test(tc, test_log_escape_gives_printable_ascii, 0,
                        ROWS(rows));
    tcase_add_test(
        tc, test_log_escape_cuts_at_every_size_but_never_inside_an_escape);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
