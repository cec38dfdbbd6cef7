/* SPDX-License-Identifier: MIT */
/* The command line of our programs: what is an option, what a value. */
#include "tools/common/tool.h"

#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool_option options[] = {
    TOOL_GROUP("Load"),
    {'c', "connections", "N", "kept open [10]"},
    {'v', "verbose", NULL, "more"},
    {'q', "quiet", NULL, "less"},
    {0, "time", "TIME", "how long"},
    TOOL_OPTIONS_END,
};

static const struct tool tool = {
    .name = "flare-x",
    .usage = "[OPTION]... URL",
    .about = "Does x.",
    .options = options,
};

/* `words` as "name=value;": what the walk over them gives. */
static const struct {
    const char *words[8];
    const char *walk;
} walks[] = {
    {{NULL}, ""},
    {{"a", "b"}, "plain=a;plain=b;"},
    {{"-c", "7"}, "connections=7;"},
    {{"-c7"}, "connections=7;"},
    {{"-vqc7", "x"}, "verbose;quiet;connections=7;plain=x;"},
    {{"-vc", "7"}, "verbose;connections=7;"},
    {{"--connections", "7"}, "connections=7;"},
    {{"--connections=7"}, "connections=7;"},
    {{"--connections="}, "connections=;"},
    {{"--time=a=b"}, "time=a=b;"},
    {{"-c", "-v"}, "connections=-v;"},
    {{"-"}, "plain=-;"},
    {{"", "-v"}, "plain=;verbose;"},
    {{"a", "-v", "b"}, "plain=a;verbose;plain=b;"},
    {{"--", "-v", "--", "--time"}, "plain=-v;plain=--;plain=--time;"},
};

static void walk(char *words[], char *out, size_t size)
{
    struct tool_args args = {.argv = words, .at = 1};
    const struct tool_option *option;
    size_t len = 0;

    while (words[args.argc] != NULL)
        args.argc++;
    tool_begin(&tool);
    *out = '\0';
    while ((option = tool_next(&args)) != NULL) {
        len += (size_t)snprintf(out + len, size - len, "%s%s%s;",
                                option == &tool_plain ? "plain" : option->name,
                                args.value != NULL ? "=" : "",
                                args.value != NULL ? args.value : "");
        ck_assert_uint_lt(len, size);
    }
}

START_TEST(test_words_are_walked)
{
    char *words[10] = {(char[]){"flare-x"}};
    char out[200];

    for (size_t i = 0; i < 8 && walks[_i].words[i] != NULL; i++)
        words[i + 1] = (char *)(uintptr_t)walks[_i].words[i];
    walk(words, out, sizeof(out));
    ck_assert_str_eq(out, walks[_i].walk);
}
END_TEST

static const char *const wrong[] = {
    "-x", "--nothing", "--connections", "-c", "--verbose=1", "--conn=7",
};

START_TEST(test_a_wrong_word_ends_it_with_2)
{
    char *words[] = {(char[]){"flare-x"}, (char *)(uintptr_t)wrong[_i], NULL};
    char out[200];

    walk(words, out, sizeof(out));
}
END_TEST

START_TEST(test_help_and_version_end_it_with_0)
{
    static const char *const ends[] = {"-h", "--help", "-V", "--version"};
    char *words[] = {(char[]){"flare-x"}, (char *)(uintptr_t)ends[_i], NULL};
    char out[200];

    if (freopen("/dev/null", "w", stdout) == NULL)
        exit(3);
    walk(words, out, sizeof(out));
    exit(4);
}
END_TEST

/* ---- values ---- */

enum kind { NUMBER, DECIMAL, DURATION, SIZE };

static const struct {
    enum kind kind;
    const char *text;
    double value; /* below 0: refused */
} values[] = {
    {NUMBER, "0", 0},           {NUMBER, "1000000", 1000000},
    {NUMBER, "1000001", -1},    {NUMBER, "-1", -1},
    {NUMBER, "+1", -1},         {NUMBER, " 1", -1},
    {NUMBER, "", -1},           {NUMBER, "1k", -1},
    {NUMBER, "0x10", -1},       {NUMBER, "99999999999999999999999", -1},
    {DECIMAL, "0.25", 0.25},    {DECIMAL, "1000001", -1},
    {DECIMAL, "1e3", -1},       {DECIMAL, "nan", -1},
    {DECIMAL, "inf", -1},       {DECIMAL, "0x10", -1},
    {DECIMAL, ".5", -1},        {DECIMAL, "1.2.3", -1},
    {DURATION, "1ns", 1},       {DURATION, "250us", 250e3},
    {DURATION, "1.5ms", 1.5e6}, {DURATION, "0.001", 1e6},
    {DURATION, "1s", -1},       {DURATION, "1 ms", -1},
    {DURATION, "ms", -1},       {DURATION, "1msx", -1},
    {SIZE, "512", 512},         {SIZE, "1k", 1024},
    {SIZE, "1.5KiB", 1536},     {SIZE, "900B", 900},
    {SIZE, "1m", -1},           {SIZE, "k", -1},
    {SIZE, "1kb", -1},          {SIZE, "1e3", -1},
};

static double read_value(enum kind kind, const char *text)
{
    switch (kind) {
    case NUMBER:
        return (double)tool_number("--x", text, 0, 1000000);
    case DECIMAL:
        return tool_decimal("--x", text, 0, 1000000);
    case DURATION:
        return (double)tool_duration("--x", text, 0, 100000000);
    case SIZE:
        return (double)tool_size("--x", text, 0, 100000);
    }
    return -1;
}

/* Rows that are refused end with 2 inside; the others must not. */
START_TEST(test_values)
{
    double value;

    tool_begin(&tool);
    value = read_value(values[_i].kind, values[_i].text);
    exit(value == values[_i].value ? 0 : 1);
}
END_TEST

START_TEST(test_shown_with_three_digits)
{
    char text[TOOL_TEXT_BYTES];

    ck_assert_str_eq(tool_show_ns(text, 0), "0.00 ns");
    ck_assert_str_eq(tool_show_ns(text, 999.4), "999 ns");
    ck_assert_str_eq(tool_show_ns(text, 999.6), "1.00 us");
    ck_assert_str_eq(tool_show_ns(text, 12.34e6), "12.3 ms");
    ck_assert_str_eq(tool_show_ns(text, 90e9), "90.0 s");
    ck_assert_str_eq(tool_show_ns(text, 600e9), "10.0 min");
    ck_assert_str_eq(tool_show_ns(text, 86400e9), "24.0 h");
    ck_assert_str_eq(tool_show_bytes(text, 1000), "1000 B");
    ck_assert_str_eq(tool_show_bytes(text, 1536), "1.50 KiB");
    ck_assert_str_eq(tool_show_bytes(text, 1048576.0 * 200), "200 MiB");
    ck_assert_str_eq(tool_show_bytes(text, 1125899906842624.0 * 4096),
                     "4096 PiB");
}
END_TEST

START_TEST(test_colours_are_for_terminals)
{
    unsetenv("NO_COLOR");
    ck_assert_int_eq(setenv("TERM", "xterm", 1), 0);
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    ck_assert(!tool_has_colour(file));
    ck_assert_str_eq(tool_style(file, TOOL_RED), "");
    tool_set_colour("always");
    ck_assert_str_eq(tool_style(file, TOOL_RED), "\033[31m");
    tool_set_colour("never");
    ck_assert(!tool_has_colour(file));
    fclose(file);
}
END_TEST

START_TEST(test_control_characters_are_never_written)
{
    char text[160] = "";
    FILE *file = fmemopen(text, sizeof(text), "w");

    ck_assert_ptr_nonnull(file);
    tool_put_escaped(file, FLARE_STR("a\r\x1b[\x7f\0z\xc3\xa4\xe2\x82\xac"
                                     "\xf0\x9f\x98\x80"));
    tool_put_escaped(file, FLARE_STR("|\xc2\x9b|\x9b|\xc0\xaf|\xed\xa0\x80"
                                     "|\xf4\x90\x80\x80|\xe2\x82"));
    fclose(file);
    ck_assert_str_eq(text, "a\\x0d\\x1b[\\x7f\\x00z\xc3\xa4\xe2\x82\xac"
                           "\xf0\x9f\x98\x80"
                           "|\\xc2\\x9b|\\x9b|\\xc0\\xaf|\\xed\\xa0\\x80"
                           "|\\xf4\\x90\\x80\\x80|\\xe2\\x82");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tool");
    TCase *tc = tcase_create("tool");

    tcase_add_loop_test(tc, test_words_are_walked, 0, ROWS(walks));
    tcase_add_loop_exit_test(tc, test_a_wrong_word_ends_it_with_2, 2, 0,
                             ROWS(wrong));
    tcase_add_loop_exit_test(tc, test_help_and_version_end_it_with_0, 0, 0, 4);
    for (int i = 0; i < (int)ROWS(values); i++)
        tcase_add_loop_exit_test(tc, test_values, values[i].value < 0 ? 2 : 0,
                                 i, i + 1);
    tcase_add_test(tc, test_shown_with_three_digits);
    tcase_add_test(tc, test_colours_are_for_terminals);
    tcase_add_test(tc, test_control_characters_are_never_written);
    suite_add_tcase(s, tc);
    return test_run(s);
}
