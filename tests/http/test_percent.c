/* SPDX-License-Identifier: MIT */
/* Percent-decoding of path parameters, and both ways for URLs. */
#include "http/percent.h"

#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    const char *raw;
    const char *text; /* NULL: FLARE_E_BAD_INPUT */
} rows[] = {
    {"empty", "", ""},
    {"plain", "abc", "abc"},
    {"one escape", "%41", "A"},
    {"escapes and text", "a%20b%2fc%2Fd", "a b/c/d"},
    {"plus is a plus", "a+b", "a+b"},
    {"decoded once", "%2541", "%41"},
    {"both cases of digits", "%7a%7A%4a%4A", "zzJJ"},
    {"two bytes of UTF-8", "%C3%A9", "\xC3\xA9"},
    {"three bytes of UTF-8", "%E2%82%AC", "\xE2\x82\xAC"},
    {"four bytes of UTF-8", "%F0%9F%94%A5x", "\xF0\x9F\x94\xA5x"},
    {"last code point", "%F4%8F%BF%BF", "\xF4\x8F\xBF\xBF"},
    {"U02 percent alone", "%", NULL},
    {"U02 percent at the end", "abc%", NULL},
    {"U02 one digit", "%4", NULL},
    {"U02 second digit is none", "%4g", NULL},
    {"U02 first digit is none", "%g4", NULL},
    {"U02 zz", "%zz", NULL},
    {"sign is no digit", "%+1", NULL},
    {"percent after percent", "%%41", NULL},
    {"U02 NUL", "a%00b", NULL},
    {"U02 CR LF", "%0d%0a", NULL},
    {"tab", "%09", NULL},
    {"DEL", "%7f", NULL},
    {"U02 backslash", "%5c", NULL},
    {"U02 overlong slash", "%c0%af", NULL},
    {"overlong in three bytes", "%e0%80%af", NULL},
    {"overlong in four bytes", "%f0%80%80%af", NULL},
    {"overlong NUL", "%c0%80", NULL},
    {"surrogate", "%ed%a0%80", NULL},
    {"above the last code point", "%f4%90%80%80", NULL},
    {"five bytes", "%f8%88%80%80%80", NULL},
    {"continuation first", "%80", NULL},
    {"cut after the first byte", "%e2", NULL},
    {"cut after the second byte", "%e2%82", NULL},
    {"third byte is none", "%e2%82A", NULL},
    {"fourth byte is none", "%f0%9f%94A", NULL},
    {"raw byte that is no text", "\xFF", NULL},
};

START_TEST(test_percent_decodes_strictly)
{
    struct flare_str raw = flare_str(rows[_i].raw);
    char out[64];
    int rc = flare__percent_decode(out, sizeof(out), raw);

    if (rows[_i].text == NULL) {
        ck_assert_msg(rc == FLARE_E_BAD_INPUT, "%s: %d", rows[_i].name, rc);
        return;
    }
    ck_assert_msg(rc == (int)strlen(rows[_i].text), "%s: %d", rows[_i].name,
                  rc);
    ck_assert_msg(memcmp(out, rows[_i].text, (size_t)rc) == 0, "%s: %.*s",
                  rows[_i].name, rc, out);
}
END_TEST

START_TEST(test_percent_decodes_in_place)
{
    char bytes[64];
    struct flare_str raw = {bytes, strlen(rows[_i].raw)};
    int rc;

    memcpy(bytes, rows[_i].raw, raw.len);
    rc = flare__percent_decode(bytes, sizeof(bytes), raw);
    if (rows[_i].text == NULL) {
        ck_assert_int_eq(rc, FLARE_E_BAD_INPUT);
        return;
    }
    ck_assert_int_eq(rc, (int)strlen(rows[_i].text));
    ck_assert(memcmp(bytes, rows[_i].text, (size_t)rc) == 0);
}
END_TEST

START_TEST(test_percent_stops_at_the_buffers_end)
{
    struct flare_str raw = FLARE_STR("a%20b%C3%A9");
    char out[5];

    for (size_t size = 0; size < 5; size++) {
        memset(out, '!', sizeof(out));
        ck_assert_int_eq(flare__percent_decode(out, size, raw), -ENOBUFS);
        for (size_t i = size; i < sizeof(out); i++)
            ck_assert(out[i] == '!');
    }
    ck_assert_int_eq(flare__percent_decode(out, 5, raw), 5);
    ck_assert(memcmp(out, "a b\xC3\xA9", 5) == 0);
}
END_TEST

START_TEST(test_percent_takes_exactly_the_code_points_of_utf8)
{
    static const char hex[] = "0123456789abcdef";

    for (uint32_t c = 0x80; c < 0x120000; c++) {
        unsigned char bytes[4];
        size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        char raw[12], out[4];
        bool is_valid = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        uint32_t rest = c;
        int rc;

        for (size_t i = len; i-- > 1; rest >>= 6)
            bytes[i] = (unsigned char)(0x80 | (rest & 0x3F));
        bytes[0] = (unsigned char)((0xF00 >> len & 0xFF) | rest);
        for (size_t i = 0; i < len; i++) {
            raw[3 * i] = '%';
            raw[3 * i + 1] = hex[bytes[i] >> 4];
            raw[3 * i + 2] = hex[bytes[i] & 15];
        }
        rc = flare__percent_decode(out, sizeof(out),
                                   (struct flare_str){raw, 3 * len});
        ck_assert_msg(rc == (is_valid ? (int)len : FLARE_E_BAD_INPUT),
                      "U+%04X: %d", c, rc);
    }
}
END_TEST

static const struct {
    enum flare_percent_set set;
    const char *kept; /* beside letters and digits */
} sets[] = {
    {FLARE_PERCENT_VALUE, "-._~"},
    {FLARE_PERCENT_SEGMENT, "-._~!$&'()*+,;=:@"},
    {FLARE_PERCENT_PATH, "-._~!$&'()*+,;=:@/"},
    {FLARE_PERCENT_QUERY, "-._~!$&'()*+,;=:@/?"},
    {FLARE_PERCENT_FORM, "*-._"},
    {FLARE_PERCENT_USERINFO, "-._~!$&'()*+,;="},
};

START_TEST(test_percent_encodes_all_but_its_set)
{
    char out[4], back[2];

    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool is_kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                       (c >= 'A' && c <= 'Z') ||
                       (c != 0 && strchr(sets[_i].kept, c) != NULL);
        bool is_plus = c == ' ' && sets[_i].set == FLARE_PERCENT_FORM;
        char wanted[4] = {byte, 0};
        int len = flare_percent_encode(
            sets[_i].set, (struct flare_str){&byte, 1}, out, sizeof(out));

        if (is_plus)
            wanted[0] = '+';
        else if (!is_kept)
            snprintf(wanted, sizeof(wanted), "%%%02X", (unsigned)c);
        ck_assert_int_eq(len, (int)strlen(wanted));
        ck_assert_str_eq(out, wanted);
        ck_assert_int_eq(flare_percent_encode(sets[_i].set,
                                              (struct flare_str){&byte, 1}, out,
                                              (size_t)len),
                         -ENOBUFS);
        ck_assert_int_eq(
            flare_percent_decode(sets[_i].set, flare_str(wanted), back, 2), 1);
        ck_assert(back[0] == byte && back[1] == '\0');
    }
    ck_assert_int_eq(flare_percent_encode(sets[_i].set, FLARE_STR(""), out, 1),
                     0);
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(flare_percent_encode(sets[_i].set, FLARE_STR(""), out, 0),
                     -ENOBUFS);
}
END_TEST

START_TEST(test_percent_decodes_any_byte)
{
    char out[16], bytes[] = "a%00+%2B%0d%0a%ff%2541";

    ck_assert_int_eq(flare_percent_decode(FLARE_PERCENT_QUERY, flare_str(bytes),
                                          out, sizeof(out)),
                     10);
    ck_assert(memcmp(out, "a\0++\r\n\xff%41", 11) == 0);
    ck_assert_int_eq(
        flare_percent_decode(FLARE_PERCENT_FORM, flare_str(bytes), out, 11),
        10);
    ck_assert(memcmp(out, "a\0 +\r\n\xff%41", 11) == 0);
    ck_assert_int_eq(
        flare_percent_decode(FLARE_PERCENT_FORM, flare_str(bytes), out, 10),
        -ENOBUFS);
    ck_assert_int_eq(
        flare_percent_decode(FLARE_PERCENT_FORM, FLARE_STR(""), out, 0),
        -ENOBUFS);
    ck_assert_int_eq(flare_percent_decode(FLARE_PERCENT_VALUE, flare_str(bytes),
                                          bytes, sizeof(bytes)),
                     10);
    ck_assert(memcmp(bytes, "a\0++\r\n\xff%41", 11) == 0);
}
END_TEST

START_TEST(test_percent_refuses_half_escapes)
{
    static const char *const bad[] = {"%", "a%", "%4", "%4g", "%g4", "%%41"};
    char out[16];

    for (int i = 0; i < ROWS(bad); i++)
        ck_assert_int_eq(flare_percent_decode(FLARE_PERCENT_VALUE,
                                              flare_str(bad[i]), out,
                                              sizeof(out)),
                         FLARE_E_BAD_INPUT);
}
END_TEST

static Suite *percent_suite(void)
{
    Suite *suite = suite_create("http/percent");
    TCase *tc = tcase_create("percent");

    tcase_add_loop_test(tc, test_percent_decodes_strictly, 0, ROWS(rows));
    tcase_add_loop_test(tc, test_percent_decodes_in_place, 0, ROWS(rows));
    tcase_add_test(tc, test_percent_stops_at_the_buffers_end);
    tcase_add_test(tc, test_percent_takes_exactly_the_code_points_of_utf8);
    tcase_add_loop_test(tc, test_percent_encodes_all_but_its_set, 0,
                        ROWS(sets));
    tcase_add_test(tc, test_percent_decodes_any_byte);
    tcase_add_test(tc, test_percent_refuses_half_escapes);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(percent_suite());
}
