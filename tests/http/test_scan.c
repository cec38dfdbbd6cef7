/* SPDX-License-Identifier: MIT */
/*
 * The byte classes against the RFCs' own words, the vector kernels' tables
 * against those, and the kernels against each other on random heads.
 */
#include "http/chars.h"
#include "http/scan_tables.h"
#include "tests/support/head_check.h"
#include "tests/support/test.h"

#include <string.h>

#define ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define UNRESERVED ALPHA DIGIT "-._~"
#define SUB_DELIMS "!$&'()*+,;="

static bool is_in(int byte, const char *set)
{
    return byte != 0 && byte < 0x80 && strchr(set, byte) != NULL;
}

static bool is_vchar(int byte)
{
    return byte > 0x20 && byte < 0x7f;
}

static void check_classes(int byte)
{
    const char c = (char)byte;
    bool is_text =
        is_vchar(byte) || byte == ' ' || byte == '\t' || byte >= 0x80;

    ck_assert(flare__char_is(c, FLARE__CHAR_TOKEN) ==
              is_in(byte, "!#$%&'*+-.^_`|~" DIGIT ALPHA));
    ck_assert(flare__char_is(c, FLARE__CHAR_VALUE) == is_text);
    ck_assert(flare__char_is(c, FLARE__CHAR_TARGET) ==
              is_in(byte, UNRESERVED SUB_DELIMS ":@/"));
    ck_assert(flare__char_is(c, FLARE__CHAR_NAME) ==
              (byte != ',' && is_in(byte, UNRESERVED SUB_DELIMS)));
    ck_assert(flare__char_is(c, FLARE__CHAR_HEX) ==
              is_in(byte, DIGIT "abcdefABCDEF"));
    ck_assert(flare__char_is(c, FLARE__CHAR_DIGIT) == is_in(byte, DIGIT));
    ck_assert(flare__char_is(c, FLARE__CHAR_QUOTED) ==
              (is_text && byte != '"' && byte != '\\'));
}

START_TEST(test_bytes_are_in_the_classes_of_the_grammar)
{
    for (int byte = 0; byte < 256; byte++)
        check_classes(byte);
}
END_TEST

static bool in_table(const uint8_t table[32], int byte)
{
    return (table[byte & 15] & flare__scan_rows[byte >> 4]) != 0;
}

START_TEST(test_nibble_tables_hold_the_classes)
{
    for (int byte = 0; byte < 256; byte++) {
        const char c = (char)byte;

        ck_assert(in_table(flare__scan_name, byte) ==
                  flare__char_is(c, FLARE__CHAR_TOKEN));
        ck_assert(in_table(flare__scan_control, byte) !=
                  flare__char_is(c, FLARE__CHAR_VALUE));
        ck_assert(in_table(flare__scan_target, byte) ==
                  flare__char_is(c, FLARE__CHAR_TARGET));
        ck_assert(in_table(flare__scan_host, byte) ==
                  flare__char_is(c, FLARE__CHAR_NAME));
    }
}
END_TEST

/* The same sequence on every machine. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

/* Pieces that a head is made of, and that break one. */
static const char *const pieces[] = {
    "GET ",
    "POST ",
    "/",
    "/a?b",
    " HTTP/1.1\r\n",
    "\r\n",
    "Host: a",
    "Host: ",
    "a:80",
    "Content-Length: ",
    "5",
    "0",
    ":",
    " ",
    "\t",
    "Cookie:",
    "X-Long-Name-Of-A-Field-That-Goes-On-And-On-Over-A-Vector: ",
    "a value that is long enough to fill one block of the vector kernels",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "%41",
    "[::1]",
    "http://b",
    "\r",
    "\n",
    "\x80",
    "",
};

static size_t put(char *out, size_t len, const char *text)
{
    memcpy(out + len, text, strlen(text));
    return len + strlen(text);
}

static size_t write_random(char *out, uint32_t *state)
{
    size_t len = 0;
    uint32_t count = next_random(state) % 12;

    if (next_random(state) % 4 > 0)
        len = put(out, len, "GET /p HTTP/1.1\r\nHost: a\r\n");
    for (uint32_t i = 0; i < count; i++) {
        if (next_random(state) % 64 == 0)
            out[len++] = (char)next_random(state);
        len = put(out, len, pieces[next_random(state) % ROWS(pieces)]);
        if (next_random(state) % 2 == 0)
            len = put(out, len, "\r\n");
    }
    return put(out, len, "\r\n");
}

START_TEST(test_kernels_agree_with_the_oracle_on_random_heads)
{
    static const struct flare__head_limits limits = {64, 300, 8};
    uint32_t state = 1;
    unsigned whole = 0;
    char bytes[2048];

    for (int i = 0; i < 50000; i++) {
        size_t len = write_random(bytes, &state);
        int rc;
        const char *wrong =
            head_check(&limits, bytes, len, HEAD_CHECK_TURN, &rc);

        if (wrong != NULL)
            ck_abort_msg("head %d, \"%.*s\": %s", i, (int)len, bytes, wrong);
        whole += rc > 0;
    }
    ck_assert_uint_gt(whole, 200); /* it is not all garbage */
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/scan");
    TCase *tc = tcase_create("scan");

    tcase_add_test(tc, test_bytes_are_in_the_classes_of_the_grammar);
    tcase_add_test(tc, test_nibble_tables_hold_the_classes);
    tcase_add_loop_test(tc, test_kernels_agree_with_the_oracle_on_random_heads,
                        1, 9);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
