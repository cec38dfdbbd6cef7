/* SPDX-License-Identifier: MIT */
/* Every return code has a text, a name, a class and a status. */
#include <flare/error.h>

#include "base/log.h"
#include "tests/support/test.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static const struct {
    int rc;
    const char *name;
    const char *text;
    enum flare_error_class class_;
    int status;
} own[] = {
#define ROW(name, text, class_, status)                                        \
    {FLARE_E_##name, "FLARE_E_" #name, text, FLARE_CLASS_##class_, status},
    FLARE_ERRORS(ROW)
#undef ROW
};

START_TEST(test_error_own_code_has_all_facts_of_its_row)
{
    int rc = own[_i].rc;

    ck_assert_int_lt(rc, -10000);
    ck_assert_str_eq(flare_error_name(rc), own[_i].name);
    ck_assert_str_eq(flare_strerror(rc), own[_i].text);
    ck_assert_int_eq(flare_error_class(rc), own[_i].class_);
    ck_assert_int_eq(flare_error_status(rc), own[_i].status);
    ck_assert_int_ge(own[_i].status, 400);
    ck_assert_int_le(own[_i].status, 599);
}
END_TEST

START_TEST(test_error_own_codes_are_append_only)
{
    /* pins the numbers: a row put in the middle would move these */
    ck_assert_int_eq(FLARE_E_BAD_REQUEST, -10999);
    ck_assert_int_eq(FLARE_E_NOT_FOUND, -10986);
    ck_assert_int_eq(FLARE_E_RANGE, -10968);
    ck_assert_int_eq(FLARE_E_BAD_JSON, -10963);
}
END_TEST

static const struct {
    int rc;
    const char *name;
    const char *text;
    enum flare_error_class class_;
    int status;
} rows[] = {
    {0, "FLARE_OK", "success", FLARE_CLASS_NONE, 200},
    {17, "FLARE_OK", "success", FLARE_CLASS_NONE, 200},
    {INT_MAX, "FLARE_OK", "success", FLARE_CLASS_NONE, 200},
    {-ENOMEM, "ENOMEM", "out of memory", FLARE_CLASS_SYSTEM, 503},
    {-EMFILE, "EMFILE", "too many open files", FLARE_CLASS_SYSTEM, 503},
    {-ENFILE, "ENFILE", "too many open files in the system", FLARE_CLASS_SYSTEM,
     503},
    {-ENOBUFS, "ENOBUFS", "no buffer space available", FLARE_CLASS_SYSTEM, 503},
    {-ECONNRESET, "ECONNRESET", "connection reset by peer", FLARE_CLASS_SYSTEM,
     500},
    {-EADDRINUSE, "EADDRINUSE", "address is in use", FLARE_CLASS_SYSTEM, 500},
    {-EAGAIN, "EAGAIN", "resource temporarily unavailable", FLARE_CLASS_SYSTEM,
     500},
    {-4095, "UNKNOWN", "unknown error", FLARE_CLASS_SYSTEM, 500},
    {FLARE__E_BASE, "UNKNOWN", "unknown error", FLARE_CLASS_SYSTEM, 500},
    {FLARE__E_END, "UNKNOWN", "unknown error", FLARE_CLASS_SYSTEM, 500},
    {INT_MIN, "UNKNOWN", "unknown error", FLARE_CLASS_SYSTEM, 500},
};

START_TEST(test_error_code_has_its_facts)
{
    int rc = rows[_i].rc;

    ck_assert_str_eq(flare_error_name(rc), rows[_i].name);
    ck_assert_str_eq(flare_strerror(rc), rows[_i].text);
    ck_assert_int_eq(flare_error_class(rc), rows[_i].class_);
    ck_assert_int_eq(flare_error_status(rc), rows[_i].status);
}
END_TEST

START_TEST(test_error_class_has_a_name_of_its_own)
{
    for (int i = 0; i <= FLARE_CLASS_WS; i++) {
        const char *name = flare_error_class_name((enum flare_error_class)i);

        ck_assert_str_ne(name, "unknown");
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(name,
                             flare_error_class_name((enum flare_error_class)j));
    }
    ck_assert_str_eq(flare_error_class_name(FLARE_CLASS_DNS), "dns");
    ck_assert_str_eq(flare_error_class_name(FLARE_CLASS_TLS), "tls");
    ck_assert_str_eq(flare_error_class_name(FLARE_CLASS_WS), "websocket");
    ck_assert_str_eq(
        flare_error_class_name((enum flare_error_class)(FLARE_CLASS_WS + 1)),
        "unknown");
    ck_assert_str_eq(flare_error_class_name((enum flare_error_class) - 1),
                     "unknown");
}
END_TEST

START_TEST(test_error_every_errno_of_the_system_has_a_name)
{
#ifdef __GLIBC__
    int named = 0;

    for (int number = 1; number < 134; number++) {
        if (strerrorname_np(number) == NULL)
            continue;
        ck_assert_str_eq(flare_error_name(-number), strerrorname_np(number));
        ck_assert_str_ne(flare_strerror(-number), "unknown error");
        named++;
    }
    ck_assert_int_gt(named, 100);
#else
    TEST_SKIP("no strerrorname_np here");
#endif
}
END_TEST

START_TEST(test_error_sentence_is_filled_and_the_code_returned)
{
    struct flare_error err;
    int rc = flare__error(&err, FLARE_E_BAD_ROUTE, "route %d '%s'", 3, "/:");

    ck_assert_int_eq(rc, FLARE_E_BAD_ROUTE);
    ck_assert_int_eq(err.code, FLARE_E_BAD_ROUTE);
    ck_assert_str_eq(err.text, "route 3 '/:'");
}
END_TEST

START_TEST(test_error_sentence_is_cut_to_fit)
{
    struct flare_error err;

    flare__error(&err, -EINVAL, "%0400d", 7);
    ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
}
END_TEST

START_TEST(test_error_sentence_may_be_unwanted)
{
    ck_assert_int_eq(flare__error(NULL, -EINVAL, "%s", "x"), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tc = tcase_create("error");

    tcase_add_loop_test(tc, test_error_own_code_has_all_facts_of_its_row, 0,
                        ROWS(own));
    tcase_add_test(tc, test_error_own_codes_are_append_only);
    tcase_add_loop_test(tc, test_error_code_has_its_facts, 0, ROWS(rows));
    tcase_add_test(tc, test_error_class_has_a_name_of_its_own);
    tcase_add_test(tc, test_error_every_errno_of_the_system_has_a_name);
    tcase_add_test(tc, test_error_sentence_is_filled_and_the_code_returned);
    tcase_add_test(tc, test_error_sentence_is_cut_to_fit);
    tcase_add_test(tc, test_error_sentence_may_be_unwanted);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
