/* SPDX-License-Identifier: MIT */
/* Every code, both ways; every length of a payload (W12). */
#include "ws/close.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

/* RFC 6455 section 7.4 and the IANA's registry, as ranges. */
static const struct {
    unsigned from, to;
    bool may_come;
} ranges[] = {
    {0, 999, false},      {1000, 1003, true},  {1004, 1006, false},
    {1007, 1014, true},   {1015, 2999, false}, {3000, 4999, true},
    {5000, 65535, false},
};

START_TEST(test_close_knows_every_code)
{
    for (unsigned code = ranges[_i].from; code <= ranges[_i].to; code++) {
        bool may_come = ranges[_i].may_come;
        char payload[2] = {(char)(code >> 8), (char)code};
        struct flare_str reason;
        unsigned got;
        int rc = flare__ws_close_parse((struct flare_str){payload, 2}, &got,
                                       &reason);

        ck_assert_msg(flare__ws_close_may_come(code) == may_come, "%u", code);
        ck_assert_msg(flare__ws_close_may_go(code, true) == may_come, "%u",
                      code);
        ck_assert_msg(flare__ws_close_may_go(code, false) ==
                          (may_come && code != 1010),
                      "%u", code);
        ck_assert_int_eq(rc, may_come ? 0 : FLARE_E_WS_PROTOCOL);
        ck_assert_uint_eq(got, code);
        ck_assert_uint_eq(reason.len, 0);
    }
}
END_TEST

START_TEST(test_close_payload_that_is_written_is_read_again)
{
    static const char text[] =
        "123456789a123456789b123456789c123456789d123456789e123456789f"
        "123456789a123456789b123456789c123456789d123456789e123456789f1234";
    struct guard g;

    guard_init(&g, 125);
    for (size_t len = 0; len < sizeof(text); len++) {
        char *out = guard_last(&g, len + 2 <= 125 ? len + 2 : 125);
        struct flare_str reason = {text, len};
        unsigned code;
        int n = flare__ws_close_write(out, 4000, reason, false);

        if (len > FLARE__WS_CLOSE_REASON_MAX) {
            ck_assert_int_eq(n, FLARE_E_WS_BAD_CLOSE);
            continue;
        }
        ck_assert_int_eq(n, (int)len + 2);
        ck_assert_int_eq(
            flare__ws_close_parse((struct flare_str){out, (size_t)n}, &code,
                                  &reason),
            0);
        ck_assert_uint_eq(code, 4000);
        ck_assert(flare_str_equal(reason, (struct flare_str){text, len}));
    }
    guard_fini(&g);
}
END_TEST

START_TEST(test_close_has_no_half_code_and_no_reason_without_one)
{
    struct flare_str reason;
    unsigned code;
    char out[125];

    ck_assert_int_eq(flare__ws_close_parse(FLARE_STR("\x03"), &code, &reason),
                     FLARE_E_WS_PROTOCOL);
    ck_assert_int_eq(flare__ws_close_parse(FLARE_STR(""), &code, &reason), 0);
    ck_assert_uint_eq(code, FLARE__WS_CLOSE_NONE);
    ck_assert_int_eq(
        flare__ws_close_write(out, FLARE__WS_CLOSE_NONE, FLARE_STR(""), true),
        0);
    ck_assert_int_eq(
        flare__ws_close_write(out, FLARE__WS_CLOSE_NONE, FLARE_STR("a"), true),
        FLARE_E_WS_BAD_CLOSE);
}
END_TEST

START_TEST(test_close_reason_is_text)
{
    struct flare_str reason;
    unsigned code;
    char out[125];

    ck_assert_int_eq(
        flare__ws_close_parse(FLARE_STR("\x03\xe8\xc3"), &code, &reason),
        FLARE_E_WS_TEXT);
    ck_assert_int_eq(flare__ws_close_write(out, 1000, FLARE_STR("\xc3"), true),
                     FLARE_E_WS_BAD_CLOSE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/close");
    TCase *tc = tcase_create("close");

    tcase_add_loop_test(tc, test_close_knows_every_code, 0, ROWS(ranges));
    tcase_add_test(tc, test_close_payload_that_is_written_is_read_again);
    tcase_add_test(tc, test_close_has_no_half_code_and_no_reason_without_one);
    tcase_add_test(tc, test_close_reason_is_text);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
