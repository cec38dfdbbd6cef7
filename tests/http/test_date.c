/* SPDX-License-Identifier: MIT */
/* The Date field: known instants, and every day against the C library's. */
#include "http/date.h"

#include "tests/support/test.h"

#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    int64_t seconds;
    const char *date;
} rows[] = {
    {"RFC 9110 5.6.7", 784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
    {"the epoch", 0, "Thu, 01 Jan 1970 00:00:00 GMT"},
    {"last second of a day", 86399, "Thu, 01 Jan 1970 23:59:59 GMT"},
    {"first second of a day", 86400, "Fri, 02 Jan 1970 00:00:00 GMT"},
    {"last of February 1970", 5097599, "Sat, 28 Feb 1970 23:59:59 GMT"},
    {"first of March 1970", 5097600, "Sun, 01 Mar 1970 00:00:00 GMT"},
    {"leap day of 2000", 951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
    {"leap day of 2024", 1709210096, "Thu, 29 Feb 2024 12:34:56 GMT"},
    {"2^31 - 1", 2147483647, "Tue, 19 Jan 2038 03:14:07 GMT"},
    {"2^31", INT64_C(2147483648), "Tue, 19 Jan 2038 03:14:08 GMT"},
    {"2^32", INT64_C(4294967296), "Sun, 07 Feb 2106 06:28:16 GMT"},
    {"no leap day in 2100", INT64_C(4107542400),
     "Mon, 01 Mar 2100 00:00:00 GMT"},
    {"leap day of 2400", INT64_C(13574563200), "Tue, 29 Feb 2400 00:00:00 GMT"},
    {"the last second", INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT"},
    {"after the last", INT64_C(253402300800), "Fri, 31 Dec 9999 23:59:59 GMT"},
    {"far after the last", INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
    {"before the epoch", -1, "Thu, 01 Jan 1970 00:00:00 GMT"},
    {"far before the epoch", INT64_MIN, "Thu, 01 Jan 1970 00:00:00 GMT"},
};

START_TEST(test_date_of_a_known_instant)
{
    char out[FLARE__DATE_LEN + 2] = "";

    out[FLARE__DATE_LEN] = '!'; /* must stay: nothing is terminated */
    flare__date_write(out, rows[_i].seconds);
    ck_assert_msg(strncmp(out, rows[_i].date, FLARE__DATE_LEN) == 0,
                  "%s: %.29s is not %s", rows[_i].name, out, rows[_i].date);
    ck_assert(out[FLARE__DATE_LEN] == '!');
}
END_TEST

START_TEST(test_date_of_every_day_is_the_c_library_s)
{
    for (int64_t day = 0; day < 2932897; day += day < 60000 ? 1 : 7) {
        time_t t = (time_t)(day * 86400 + day % 86400);
        char expect[64], out[FLARE__DATE_LEN];
        struct tm tm;

        ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
        ck_assert_uint_eq(
            strftime(expect, sizeof(expect), "%a, %d %b %Y %H:%M:%S GMT", &tm),
            FLARE__DATE_LEN);
        flare__date_write(out, t);
        ck_assert_msg(memcmp(out, expect, FLARE__DATE_LEN) == 0,
                      "%lld: %.29s is not %s", (long long)t, out, expect);
    }
}
END_TEST

static Suite *date_suite(void)
{
    Suite *suite = suite_create("http/date");
    TCase *tc = tcase_create("date");

    tcase_add_loop_test(tc, test_date_of_a_known_instant, 0, ROWS(rows));
    tcase_add_test(tc, test_date_of_every_day_is_the_c_library_s);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(date_suite());
}
