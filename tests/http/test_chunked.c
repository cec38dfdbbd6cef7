/* SPDX-License-Identifier: MIT */
/*
 * The failure catalogue's rows about chunked bodies, and everything one byte
 * away from a good body; each cut at every byte, against the oracle.
 */
#include "tests/support/chunked_check.h"
#include "tests/support/test.h"

#include <string.h>

#define BYTES(literal) literal, sizeof(literal) - 1
#define TRAILER(line) BYTES("0\r\n" line "\r\n\r\n")

enum { MORE = FLARE__CHUNKED_MORE, END = FLARE__CHUNKED_END };

static const struct {
    const char *name;
    const char *bytes;
    size_t len;
    int rc;
} rows[] = {
    {"one chunk", BYTES("5\r\nhello\r\n0\r\n\r\n"), END},
    {"chunks", BYTES("1\r\na\r\nA\r\n0123456789\r\n00\r\n\r\n"), END},
    {"no chunk", BYTES("0\r\n\r\n"), END},
    {"extensions", BYTES("1;a;b=c;d=\"e \\\" \x80\"\r\nx\r\n0;z\r\n\r\n"), END},
    {"trailers", BYTES("0\r\nX: \xff \t\r\nHos: 1\r\nHostx:\r\nT:\r\n\r\n"),
     END},
    {"F18_size_ends_in_bare_lf", BYTES("5\nhello\r\n0\r\n\r\n"),
     FLARE_E_BAD_CHUNK},
    {"F18_ext_ends_in_bare_lf", BYTES("5;a\nhello"), FLARE_E_BAD_CHUNK},
    {"F18_data_ends_in_bare_lf", BYTES("1\r\na\n0\r\n\r\n"), FLARE_E_BAD_CHUNK},
    {"F18_trailer_ends_in_bare_lf", BYTES("0\r\nA: b\n\r\n"),
     FLARE_E_BAD_CHUNK},
    {"F18_body_ends_in_bare_lf", BYTES("0\r\n\n"), FLARE_E_BAD_CHUNK},
    {"F19_size_ends_in_bare_cr", BYTES("5\rhello"), FLARE_E_BAD_CHUNK},
    {"F19_ext_ends_in_bare_cr", BYTES("5;a\rX"), FLARE_E_BAD_CHUNK},
    {"F19_body_ends_in_bare_cr", BYTES("0\r\n\rX"), FLARE_E_BAD_CHUNK},
    {"F20_ext_cr", BYTES("1;a=\"\r\"\r\nx"), FLARE_E_BAD_CHUNK},
    {"F20_ext_lf", BYTES("1;a=\"\n\"\r\nx"), FLARE_E_BAD_CHUNK},
    {"F20_ext_escaped_lf", BYTES("1;a=\"\\\n\"\r\nx"), FLARE_E_BAD_CHUNK},
    {"F20_ext_nul", BYTES("1;a=\"\0\"\r\nx"), FLARE_E_BAD_CHUNK},
    {"F20_ext_control", BYTES("1;a\x01\r\nx"), FLARE_E_BAD_CHUNK},
    {"F20_ext_del", BYTES("1;a=\"\x7f\"\r\nx"), FLARE_E_BAD_CHUNK},
    {"F20_ext_quote_is_open", BYTES("1;a=\"b\r\nx"), FLARE_E_BAD_CHUNK},
    {"F20_ext_behind_quote", BYTES("1;a=\"b\"c\r\nx"), FLARE_E_BAD_CHUNK},
    {"F21_size_2_63_less_1", BYTES("7fffffffffffffff\r\n"), MORE},
    {"F21_size_2_63", BYTES("8000000000000000\r\n"), FLARE_E_BAD_CHUNK},
    {"F21_size_16_zeros", BYTES("0000000000000000\r\n\r\n"), END},
    {"F21_size_17_digits", BYTES("00000000000000001\r\nx"), FLARE_E_BAD_CHUNK},
    {"F21_size_20_zeros", BYTES("00000000000000000000\r\n\r\n"),
     FLARE_E_BAD_CHUNK},
    {"F21_size_2_64", BYTES("10000000000000000\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_0x", BYTES("0x1\r\na\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_minus", BYTES("-1\r\na\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_plus", BYTES("+1\r\na\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_behind_blank", BYTES(" 1\r\na\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_before_blank", BYTES("1 \r\na\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_before_tab", BYTES("1\t;a\r\na\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_underscore", BYTES("1_0\r\na\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_letter", BYTES("1g\r\na\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_empty", BYTES("\r\na\r\n"), FLARE_E_BAD_CHUNK},
    {"F22_size_is_ext", BYTES(";a\r\n"), FLARE_E_BAD_CHUNK},
    {"F23_bare_semicolon", BYTES("5;\r\nhello\r\n"), FLARE_E_BAD_CHUNK},
    {"F23_semicolons", BYTES("5;;a\r\nhello\r\n"), FLARE_E_BAD_CHUNK},
    {"F23_blank_behind", BYTES("5; a\r\nhello\r\n"), FLARE_E_BAD_CHUNK},
    {"F23_blank_before", BYTES("5 ;a\r\nhello\r\n"), FLARE_E_BAD_CHUNK},
    {"F23_no_name", BYTES("5;=a\r\nhello\r\n"), FLARE_E_BAD_CHUNK},
    {"F23_no_value", BYTES("5;a=\r\nhello\r\n"), FLARE_E_BAD_CHUNK},
    {"F23_blank_at_equals", BYTES("5;a =b\r\nhello\r\n"), FLARE_E_BAD_CHUNK},
    {"F24_data_too_long", BYTES("4\r\nhello\r\n0\r\n\r\n"), FLARE_E_BAD_CHUNK},
    {"F24_data_too_short", BYTES("6\r\nhello\r\n0\r\n\r\n"), FLARE_E_BAD_CHUNK},
    {"F24_xx_for_crlf", BYTES("5\r\nhelloXX0\r\n\r\n"), FLARE_E_BAD_CHUNK},
    {"F24_no_crlf", BYTES("5\r\nhello0\r\n\r\n"), FLARE_E_BAD_CHUNK},
    {"F27_no_last_chunk", BYTES("5\r\nhello\r\n"), MORE},
    {"F27_no_empty_line", BYTES("5\r\nhello\r\n0\r\n"), MORE},
    {"F28_trailer_length", TRAILER("Content-Length: 5"), FLARE_E_BAD_FRAMING},
    {"F28_trailer_coding", TRAILER("TRANSFER-encoding: chunked"),
     FLARE_E_BAD_FRAMING},
    {"F28_trailer_host", TRAILER("host:"), FLARE_E_BAD_FRAMING},
    {"F28_trailer_te", TRAILER("TE: x"), FLARE_E_BAD_FRAMING},
    {"F28_trailer_authorization", TRAILER("Authorization: x"),
     FLARE_E_BAD_FRAMING},
    {"F28_trailer_cookie_behind_others",
     TRAILER("A: b\r\nCooki: c\r\nCookie: d"), FLARE_E_BAD_FRAMING},
    {"F28_trailer_names_beside",
     TRAILER("Content-Lengt: 1\r\nContent-: 1\r\n"
             "Content-Lengths: 1\r\nTransfer: 1"),
     END},
    {"F28_trailer_fold", TRAILER("A: b\r\n c"), FLARE_E_BAD_CHUNK},
    {"F28_trailer_no_colon", TRAILER("A"), FLARE_E_BAD_CHUNK},
    {"F28_trailer_empty_name", TRAILER(": b"), FLARE_E_BAD_CHUNK},
    {"F28_trailer_blank_before_colon", TRAILER("A : b"), FLARE_E_BAD_CHUNK},
    {"F28_trailer_nul", TRAILER("A: \0"), FLARE_E_BAD_CHUNK},
    {"F29_bytes_behind_the_end", BYTES("0\r\n\r\nX"), END},
};

static const struct flare__chunked_limits roomy = {8192, 256};
static const struct flare__chunked_limits narrow = {14, 7};

START_TEST(test_chunked_rows_hold_at_every_cut)
{
    for (int i = 0; i < ROWS(rows); i++) {
        const char *wrong;
        int rc;

        wrong = chunked_check(&roomy, rows[i].bytes, rows[i].len,
                              CHUNKED_CHECK_EVERY, &rc);
        ck_assert_msg(rc == rows[i].rc, "%s: the oracle says %d, the row %d",
                      rows[i].name, rc, rows[i].rc);
        ck_assert_msg(wrong == NULL, "%s: %s", rows[i].name, wrong);
        wrong = chunked_check(&narrow, rows[i].bytes, rows[i].len,
                              CHUNKED_CHECK_EVERY, &rc);
        ck_assert_msg(wrong == NULL, "%s, narrow: %s", rows[i].name, wrong);
    }
}
END_TEST

static void check_every_value(const char *name, char *bytes, size_t len,
                              size_t at)
{
    for (int value = 0; value < 256; value++) {
        const char *wrong;
        int rc;

        bytes[at] = (char)value;
        wrong = chunked_check(value & 1 ? &roomy : &narrow, bytes, len,
                              CHUNKED_CHECK_FEW, &rc);
        ck_assert_msg(wrong == NULL, "%s, byte %zu is %d: %s", name, at, value,
                      wrong);
    }
}

START_TEST(test_chunked_agrees_with_the_oracle_on_every_byte_changed)
{
    char bytes[256];

    for (int i = 0; i < ROWS(rows); i++)
        for (size_t at = 0; at < rows[i].len; at++) {
            memcpy(bytes, rows[i].bytes, rows[i].len);
            check_every_value(rows[i].name, bytes, rows[i].len, at);
        }
}
END_TEST

static const struct {
    const char *name;
    const char *bytes;
    struct flare__chunked_limits limits;
    int rc;
} limit_rows[] = {
    {"F25_line_at_its_limit", "1;abc\r\nx\r\n0\r\n\r\n", {100, 4}, END},
    {"F25_line_past_it", "1;abcd\r\nx\r\n", {100, 4}, FLARE_E_BAD_CHUNK},
    {"F25_lines_at_the_limit", "1;a\r\nx\r\n0;b\r\n\r\n", {4, 4}, END},
    {"F25_each_line_by_itself", "1;a\r\nx\r\n0;b\r\n\r\n", {100, 2}, END},
    {"F25_lines_past_it", "1;a\r\nx\r\n0;bc", {4, 4}, FLARE_E_BAD_CHUNK},
    {"F28_trailer_at_the_limit", "0\r\nA:b\r\n\r\n", {5, 5}, END},
    {"F28_trailer_past_it", "0\r\nA:bc\r\n", {100, 5}, FLARE_E_HEAD_TOO_LARGE},
    {"F28_trailers_past_it", "0\r\nA:\r\nB", {4, 4}, FLARE_E_HEAD_TOO_LARGE},
    {"F28_extension_then_trailer",
     "0;a\r\nA:b\r",
     {5, 4},
     FLARE_E_HEAD_TOO_LARGE},
};

START_TEST(test_chunked_limits_are_exact_at_every_cut)
{
    for (int i = 0; i < ROWS(limit_rows); i++) {
        const char *bytes = limit_rows[i].bytes;
        int rc;
        const char *wrong =
            chunked_check(&limit_rows[i].limits, bytes, strlen(bytes),
                          CHUNKED_CHECK_EVERY, &rc);

        ck_assert_msg(rc == limit_rows[i].rc, "%s: the oracle says %d",
                      limit_rows[i].name, rc);
        ck_assert_msg(wrong == NULL, "%s: %s", limit_rows[i].name, wrong);
    }
}
END_TEST

START_TEST(test_F26_a_run_of_data_is_one_slice_of_the_input)
{
    struct flare_str in = FLARE_STR("a\r\n0123456789\r\n0\r\n\r\nrest");
    const char *start = in.ptr;
    struct flare__chunked c;
    struct flare_str data;

    flare__chunked_init(&c);
    ck_assert_int_eq(flare__chunked_decode(&c, &roomy, &in, &data),
                     FLARE__CHUNKED_DATA);
    ck_assert_ptr_eq(data.ptr, start + 3);
    ck_assert_uint_eq(data.len, 10);
    ck_assert_int_eq(flare__chunked_decode(&c, &roomy, &in, &data), END);
    ck_assert_msg(flare_str_equal(in, FLARE_STR("rest")), "%.*s",
                  FLARE_STR_ARG(in));
}
END_TEST

START_TEST(test_F26_a_million_chunks_take_no_memory)
{
    static const char wire[] = "1\r\nx\r\n";
    struct flare__chunked c;
    uint64_t body = 0;
    size_t left = 0;

    flare__chunked_init(&c);
    for (int i = 0; i < 1000000; i++) {
        struct flare_str in = {wire, sizeof(wire) - 1};
        struct flare_str data;

        while (flare__chunked_decode(&c, &roomy, &in, &data) ==
               FLARE__CHUNKED_DATA)
            body += data.len;
        left += in.len;
    }
    ck_assert_uint_eq(left, 0);
    ck_assert_uint_eq(body, 1000000);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/chunked");
    TCase *tc = tcase_create("chunked");

    tcase_add_test(tc, test_chunked_rows_hold_at_every_cut);
    tcase_add_test(tc,
                   test_chunked_agrees_with_the_oracle_on_every_byte_changed);
    tcase_add_test(tc, test_chunked_limits_are_exact_at_every_cut);
    tcase_add_test(tc, test_F26_a_run_of_data_is_one_slice_of_the_input);
    tcase_add_test(tc, test_F26_a_million_chunks_take_no_memory);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
