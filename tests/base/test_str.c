/* SPDX-License-Identifier: MIT */
/* Slices: any byte, no terminator, no locale. */
#include <flare/base.h>

#include "tests/support/test.h"

#include <string.h>

/* Slices of literals, with what is inside them counted too. */
#define S(literal)                                                             \
    {                                                                          \
        "" literal, sizeof(literal) - 1                                        \
    }

static const struct {
    const char *name;
    struct flare_str a;
    struct flare_str b;
    bool is_equal;
    bool is_equal_nocase;
} rows[] = {
    {"both empty", S(""), S(""), true, true},
    {"NULL and empty", {NULL, 0}, S(""), true, true},
    {"same", S("Host"), S("Host"), true, true},
    {"case", S("Host"), S("hOST"), false, true},
    {"length", S("Host"), S("Hos"), false, false},
    {"bytes after NUL", S("a\0b"), S("a\0c"), false, false},
    {"NUL and case", S("A\0B"), S("a\0b"), false, true},
    {"@ is not `", S("@"), S("`"), false, false},
    {"[ is not {", S("["), S("{"), false, false},
    {"Z is z", S("AZ"), S("az"), false, true},
    {"Latin-1 letters differ", S("\xc4"), S("\xe4"), false, false},
    {"high bytes", S("\xff"), S("\xff"), true, true},
};

START_TEST(test_str_equality_is_by_bytes)
{
    struct flare_str a = rows[_i].a;
    struct flare_str b = rows[_i].b;

    ck_assert_msg(flare_str_equal(a, b) == rows[_i].is_equal, "%s",
                  rows[_i].name);
    ck_assert_msg(flare_str_equal(b, a) == rows[_i].is_equal, "%s",
                  rows[_i].name);
    ck_assert_msg(flare_str_equal_nocase(a, b) == rows[_i].is_equal_nocase,
                  "%s", rows[_i].name);
    ck_assert_msg(flare_str_equal_nocase(b, a) == rows[_i].is_equal_nocase,
                  "%s", rows[_i].name);
}
END_TEST

START_TEST(test_str_nocase_takes_exactly_the_26_letters_as_one)
{
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char x = (char)a;
            char y = (char)b;
            bool is_letter = (a | 32) >= 'a' && (a | 32) <= 'z';
            bool same = a == b || (is_letter && (a ^ b) == 32);

            ck_assert_msg(flare_str_equal_nocase((struct flare_str){&x, 1},
                                                 (struct flare_str){&y, 1}) ==
                              same,
                          "%d and %d", a, b);
        }
    }
}
END_TEST

START_TEST(test_str_of_null_is_the_empty_slice)
{
    struct flare_str s = flare_str(NULL);

    ck_assert_ptr_nonnull(s.ptr);
    ck_assert_uint_eq(s.len, 0);
}
END_TEST

START_TEST(test_str_borrows_its_text)
{
    const char *text = "abc";
    struct flare_str s = flare_str(text);

    ck_assert_ptr_eq(s.ptr, text);
    ck_assert_uint_eq(s.len, 3);
    ck_assert_uint_eq(FLARE_STR("a\0b").len, 3);
}
END_TEST

START_TEST(test_str_version_agrees_with_its_numbers)
{
    char text[32];

    snprintf(text, sizeof(text), "%d.%d.%d", FLARE_VERSION_MAJOR,
             FLARE_VERSION_MINOR, FLARE_VERSION_PATCH);
    ck_assert_str_eq(flare_version(), text);
    ck_assert_str_eq(flare_version(), FLARE_VERSION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("str");
    TCase *tc = tcase_create("str");

    tcase_add_loop_test(tc, test_str_equality_is_by_bytes, 0, ROWS(rows));
    tcase_add_test(tc, test_str_nocase_takes_exactly_the_26_letters_as_one);
    tcase_add_test(tc, test_str_of_null_is_the_empty_slice);
    tcase_add_test(tc, test_str_borrows_its_text);
    tcase_add_test(tc, test_str_version_agrees_with_its_numbers);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
