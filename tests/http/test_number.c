/* SPDX-License-Identifier: MIT */
/* Text as a value: all of it, or FLARE_E_BAD_INPUT. */
#include "http/number.h"

#include "tests/support/test.h"

#include <inttypes.h>
#include <string.h>

enum { BAD_U64 = 1, BAD_I64 = 2, BAD = 3 };

static const struct {
    const char *name;
    const char *text;
    uint64_t u64;
    int64_t i64;
    unsigned bad;
} rows[] = {
    {"zero", "0", 0, 0, 0},
    {"digits", "1234567890", 1234567890, 1234567890, 0},
    {"leading zeros are no octal", "0010", 10, 10, 0},
    {"last of i64", "9223372036854775807", INT64_MAX, INT64_MAX, 0},
    {"past i64", "9223372036854775808", UINT64_C(1) << 63, 0, BAD_I64},
    {"last of u64", "18446744073709551615", UINT64_MAX, 0, BAD_I64},
    {"past u64", "18446744073709551616", 0, 0, BAD},
    {"past u64 by a digit", "184467440737095516150", 0, 0, BAD},
    {"wraps to a small number", "36893488147419103233", 0, 0, BAD},
    {"negative", "-5", 0, -5, BAD_U64},
    {"minus zero", "-0", 0, 0, BAD_U64},
    {"first of i64", "-9223372036854775808", 0, INT64_MIN, BAD_U64},
    {"before i64", "-9223372036854775809", 0, 0, BAD},
    {"far before i64", "-18446744073709551615", 0, 0, BAD},
    {"empty", "", 0, 0, BAD},
    {"minus alone", "-", 0, 0, BAD},
    {"two minus", "--1", 0, 0, BAD},
    {"plus", "+1", 0, 0, BAD},
    {"space before", " 1", 0, 0, BAD},
    {"space behind", "1 ", 0, 0, BAD},
    {"line end behind", "1\n", 0, 0, BAD},
    {"hexadecimal", "0x10", 0, 0, BAD},
    {"exponent", "1e3", 0, 0, BAD},
    {"point", "1.0", 0, 0, BAD},
    {"separator", "1_000", 0, 0, BAD},
    {"byte before the digits", "1/", 0, 0, BAD},
    {"byte behind the digits", "1:", 0, 0, BAD},
    {"full-width digit", "\xEF\xBC\x91", 0, 0, BAD},
};

START_TEST(test_number_is_the_whole_text_or_none)
{
    struct flare_str text = flare_str(rows[_i].text);
    uint64_t u64 = 77;
    int64_t i64 = 77;
    int u64_rc = flare_u64_parse(text, &u64);
    int i64_rc = flare_i64_parse(text, &i64);
    bool is_u64 = (rows[_i].bad & BAD_U64) == 0;
    bool is_i64 = (rows[_i].bad & BAD_I64) == 0;

    ck_assert_msg(u64_rc == (is_u64 ? 0 : FLARE_E_BAD_INPUT) &&
                      u64 == (is_u64 ? rows[_i].u64 : 77),
                  "%s: %d, %" PRIu64, rows[_i].name, u64_rc, u64);
    ck_assert_msg(i64_rc == (is_i64 ? 0 : FLARE_E_BAD_INPUT) &&
                      i64 == (is_i64 ? rows[_i].i64 : 77),
                  "%s: %d, %" PRId64, rows[_i].name, i64_rc, i64);
}
END_TEST

START_TEST(test_number_does_not_look_behind_the_text)
{
    uint64_t number;

    ck_assert_int_eq(flare_u64_parse((struct flare_str){"123", 2}, &number), 0);
    ck_assert_uint_eq(number, 12);
    ck_assert_int_eq(flare_u64_parse((struct flare_str){"1\0"
                                                        "2",
                                                        3},
                                     &number),
                     FLARE_E_BAD_INPUT);
    ck_assert_int_eq(flare_u64_parse((struct flare_str){NULL, 0}, &number),
                     FLARE_E_BAD_INPUT);
}
END_TEST

static const struct {
    const char *text;
    int value; /* -1: FLARE_E_BAD_INPUT */
} bools[] = {
    {"true", 1},  {"false", 0},  {"1", 1},    {"0", 0},
    {"on", 1},    {"off", 0},    {"", -1},    {"TRUE", -1},
    {"True", -1}, {"yes", -1},   {"no", -1},  {"2", -1},
    {"01", -1},   {"true ", -1}, {"tru", -1}, {"On", -1},
};

START_TEST(test_number_bool_has_six_words)
{
    bool value = _i % 2 == 0;
    bool before = value;
    int rc = flare_bool_parse(flare_str(bools[_i].text), &value);

    ck_assert_msg(rc == (bools[_i].value < 0 ? FLARE_E_BAD_INPUT : 0), "%s",
                  bools[_i].text);
    ck_assert_msg(value == (bools[_i].value < 0 ? before : bools[_i].value > 0),
                  "%s", bools[_i].text);
}
END_TEST

START_TEST(test_number_hex_digits_are_those_of_the_alphabet)
{
    static const char digits[] = "0123456789abcdef";

    for (int c = 0; c < 256; c++) {
        int lower = c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c;
        const char *at = memchr(digits, lower, 16);

        ck_assert_int_eq(flare__hex_digit((char)c),
                         at != NULL ? (int)(at - digits) : -1);
    }
}
END_TEST

static Suite *number_suite(void)
{
    Suite *suite = suite_create("http/number");
    TCase *tc = tcase_create("number");

    tcase_add_loop_test(tc, test_number_is_the_whole_text_or_none, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_number_does_not_look_behind_the_text);
    tcase_add_loop_test(tc, test_number_bool_has_six_words, 0, ROWS(bools));
    tcase_add_test(tc, test_number_hex_digits_are_those_of_the_alphabet);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(number_suite());
}
