/* SPDX-License-Identifier: MIT */
/* Exactly the well-formed sequences of RFC 3629, wherever they stand. */
#include "base/utf8.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

static const struct {
    const char *name;
    const char *text;
    bool is_valid;
} rows[] = {
    {"empty", "", true},
    {"ASCII", "hello", true},
    {"ASCII of more than eight bytes", "0123456789abcdefg", true},
    {"two bytes", "\xC3\xA9", true},
    {"three bytes", "\xE2\x82\xAC", true},
    {"four bytes", "\xF0\x9F\x94\xA5", true},
    {"last before the surrogates", "\xED\x9F\xBF", true},
    {"first after the surrogates", "\xEE\x80\x80", true},
    {"last code point", "\xF4\x8F\xBF\xBF", true},
    {"between ASCII", "abc\xC3\xA9xyzabc\xE2\x82\xAC", true},
    {"continuation first", "\x80", false},
    {"overlong slash", "\xC0\xAF", false},
    {"overlong, C1", "\xC1\xBF", false},
    {"overlong in three bytes", "\xE0\x9F\xBF", false},
    {"overlong in four bytes", "\xF0\x8F\xBF\xBF", false},
    {"surrogate", "\xED\xA0\x80", false},
    {"past the last code point", "\xF4\x90\x80\x80", false},
    {"first byte of five", "\xF8\x88\x80\x80\x80", false},
    {"FF", "\xFF", false},
    {"cut after one of two", "\xC3", false},
    {"cut after two of three", "\xE2\x82", false},
    {"cut after three of four", "\xF0\x9F\x94", false},
    {"third byte is none", "\xE2\x82z", false},
    {"fourth byte is none", "\xF0\x9F\x94z", false},
};

START_TEST(test_utf8_takes_the_well_formed_wherever_they_stand)
{
    char text[64];
    struct guard g;

    guard_init(&g, sizeof(text));
    for (size_t before = 0; before < 18; before++) {
        for (size_t behind = 0; behind < 18; behind++) {
            size_t len = strlen(rows[_i].text);
            struct flare_str s = {NULL, before + len + behind};

            memset(text, 'a', sizeof(text));
            memcpy(text + before, rows[_i].text, len);
            s.ptr = guard_put(&g, text, s.len);
            ck_assert_msg(flare__utf8_is_valid(s) == rows[_i].is_valid,
                          "%s, behind %zu and before %zu", rows[_i].name,
                          before, behind);
        }
    }
    guard_fini(&g);
}
END_TEST

START_TEST(test_utf8_takes_every_code_point_and_no_other)
{
    for (uint32_t c = 0; c < 0x120000; c++) {
        size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        bool is_valid = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        uint32_t rest = c;
        char bytes[4];

        for (size_t i = len; i-- > 1; rest >>= 6)
            bytes[i] = (char)(0x80 | (rest & 0x3F));
        bytes[0] = (char)(len == 1 ? rest : (0xF00 >> len & 0xFF) | rest);
        if (flare__utf8_is_valid((struct flare_str){bytes, len}) != is_valid)
            ck_abort_msg("U+%04X", c);
    }
}
END_TEST

/* How much one U+FFFD stands for: the examples of the Unicode standard, 3.9. */
static const struct {
    const char *name;
    const char *text;
    size_t len;
    size_t bad;
} steps[] = {
    {"ASCII", "ab", 1, 1},
    {"two bytes", "\xC3\xA9z", 2, 1},
    {"four bytes", "\xF0\x9F\x94\xA5", 4, 1},
    {"continuation first", "\x80\x80", 0, 1},
    {"overlong", "\xC0\xAF", 0, 1},
    {"surrogate", "\xED\xA0\x80", 0, 1},
    {"cut by ASCII after two of four", "\xF1\x80z", 0, 2},
    {"cut by ASCII after three of four", "\xF1\x80\x80z", 0, 3},
    {"cut by the end after two of three", "\xE1\x80", 0, 2},
};

START_TEST(test_utf8_next_tells_what_stands_for_one_replacement)
{
    size_t left = strlen(steps[_i].text), bad = 99;
    struct guard g;
    size_t len;

    guard_init(&g, 64);
    len = flare__utf8_next(guard_put(&g, steps[_i].text, left), left, &bad);
    ck_assert_msg(len == steps[_i].len && bad == steps[_i].bad, "%s: %zu, %zu",
                  steps[_i].name, len, bad);
    guard_fini(&g);
}
END_TEST

static Suite *utf8_suite(void)
{
    Suite *suite = suite_create("base/utf8");
    TCase *tc = tcase_create("utf8");

    tcase_add_loop_test(tc, test_utf8_takes_the_well_formed_wherever_they_stand,
                        0, ROWS(rows));
    tcase_add_test(tc, test_utf8_takes_every_code_point_and_no_other);
    tcase_add_loop_test(tc,
                        test_utf8_next_tells_what_stands_for_one_replacement, 0,
                        (int)(sizeof(steps) / sizeof(steps[0])));
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(utf8_suite());
}
