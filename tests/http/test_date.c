/* SPDX-License-Identifier: MIT */
/* HTTP-date: known instants, and every day against the C library's. */
#include "http/date.h"

#include "tests/support/guard.h"
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

/* A clock of 2026-11-24 for the years of two digits. */
#define NOW INT64_C(1795478400)

static const struct {
    const char *name;
    const char *text;
    int64_t seconds;
} readable[] = {
    {"IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"asctime", "Sun Nov  6 08:49:37 1994", 784111777},
    {"asctime, two digits", "Wed Nov 16 08:49:37 1994", 784975777},
    {"the epoch", "Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"before it", "Wed, 31 Dec 1969 23:59:59 GMT", -1},
    {"year 0", "Sat, 01 Jan 0000 00:00:00 GMT", INT64_C(-62167219200)},
    {"leap day", "Thu, 29 Feb 2024 12:34:56 GMT", 1709210096},
    {"leap day of year 0", "Tue, 29 Feb 0000 00:00:00 GMT",
     INT64_C(-62162121600)},
    {"the last second", "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799)},
    {"leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
    {"a wrong weekday", "Mon, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Monday", "Monday, 07-Nov-94 00:00:00 GMT", 784166400},
    {"Tuesday", "Tuesday, 08-Nov-94 00:00:00 GMT", 784252800},
    {"Wednesday", "Wednesday, 09-Nov-94 00:00:00 GMT", 784339200},
    {"Thursday", "Thursday, 10-Nov-94 00:00:00 GMT", 784425600},
    {"Friday", "Friday, 11-Nov-94 00:00:00 GMT", 784512000},
    {"Saturday", "Saturday, 12-Nov-94 00:00:00 GMT", 784598400},
    {"this year", "Tuesday, 24-Nov-26 00:00:00 GMT", NOW},
    {"50 years ahead", "Tuesday, 24-Nov-76 00:00:00 GMT", INT64_C(3373401600)},
    {"50 years and a second", "Wednesday, 24-Nov-76 00:00:01 GMT", 217641601},
    {"51 years ahead is the past", "Thursday, 24-Nov-77 00:00:00 GMT",
     249177600},
    {"the last year of a century", "Friday, 31-Dec-99 23:59:59 GMT", 946684799},
    {"leap day of 2000", "Tuesday, 29-Feb-00 00:00:00 GMT", 951782400},
};

START_TEST(test_date_is_read)
{
    int64_t seconds = 42;
    int rc = flare__date_parse(flare_str(readable[_i].text), NOW, &seconds);

    ck_assert_msg(rc == 0, "%s", readable[_i].name);
    ck_assert_msg(seconds == readable[_i].seconds, "%s: %lld",
                  readable[_i].name, (long long)seconds);
}
END_TEST

static const struct {
    const char *name;
    const char *text;
} unreadable[] = {
    {"nothing", ""},
    {"a weekday", "Sun"},
    {"a weekday and comma", "Sun,"},
    {"a number", "784111777"},
    {"zero, as proxies send it", "0"},
    {"white space around", " Sun, 06 Nov 1994 08:49:37 GMT"},
    {"white space behind", "Sun, 06 Nov 1994 08:49:37 GMT "},
    {"something behind", "Sun, 06 Nov 1994 08:49:37 GMT; length=5"},
    {"lower case", "sun, 06 Nov 1994 08:49:37 GMT"},
    {"month in lower case", "Sun, 06 nov 1994 08:49:37 GMT"},
    {"zone in lower case", "Sun, 06 Nov 1994 08:49:37 gmt"},
    {"another zone", "Sun, 06 Nov 1994 08:49:37 CET"},
    {"UTC", "Sun, 06 Nov 1994 08:49:37 UTC"},
    {"no zone", "Sun, 06 Nov 1994 08:49:37"},
    {"an offset", "Sun, 06 Nov 1994 08:49:37 +0000"},
    {"one digit of day", "Sun, 6 Nov 1994 08:49:37 GMT"},
    {"two spaces", "Sun,  6 Nov 1994 08:49:37 GMT"},
    {"no weekday", "06 Nov 1994 08:49:37 GMT"},
    {"no such weekday", "Son, 06 Nov 1994 08:49:37 GMT"},
    {"a long one in short form", "Sunday, 06 Nov 1994 08:49:37 GMT"},
    {"a short one in long form", "Sun, 06-Nov-94 08:49:37 GMT"},
    {"weekdays mixed", "Sunsday, 06-Nov-94 08:49:37 GMT"},
    {"four digits in long form", "Sunday, 06-Nov-1994 08:49:37 GMT"},
    {"two digits in short form", "Sun, 06 Nov 94 08:49:37 GMT"},
    {"day 0", "Sun, 00 Nov 1994 08:49:37 GMT"},
    {"day 31 of November", "Sun, 31 Nov 1994 08:49:37 GMT"},
    {"day 32", "Sun, 32 Dec 1994 08:49:37 GMT"},
    {"no leap day", "Sun, 29 Feb 2023 08:49:37 GMT"},
    {"none in 2100", "Mon, 29 Feb 2100 00:00:00 GMT"},
    {"none in that century", "Monday, 29-Feb-95 00:00:00 GMT"},
    {"hour 24", "Sun, 06 Nov 1994 24:00:00 GMT"},
    {"minute 60", "Sun, 06 Nov 1994 08:60:37 GMT"},
    {"second 60 in the morning", "Sun, 06 Nov 1994 08:49:60 GMT"},
    {"second 61", "Sun, 06 Nov 1994 23:59:61 GMT"},
    {"letters in the year", "Sun, 06 Nov 19o4 08:49:37 GMT"},
    {"a sign", "Sun, +6 Nov 1994 08:49:37 GMT"},
    {"asctime with a zero", "Sun Nov 06 08:49:37 1994"},
    {"asctime of day 0", "Sun Nov  0 08:49:37 1994"},
    {"asctime with a zone", "Sun Nov  6 08:49:37 1994 GMT"},
    {"asctime with two digits", "Sun Nov  6 08:49:37 94"},
    {"ISO 8601", "1994-11-06T08:49:37Z"},
};

START_TEST(test_date_of_no_form_is_refused)
{
    int64_t seconds = 42;

    ck_assert_msg(flare__date_parse(flare_str(unreadable[_i].text), NOW,
                                    &seconds) == FLARE_E_BAD_INPUT,
                  "%s", unreadable[_i].name);
    ck_assert_msg(seconds == 42, "%s", unreadable[_i].name);
}
END_TEST

START_TEST(test_date_cut_anywhere_is_refused)
{
    struct guard guard;

    guard_init(&guard, 64);
    for (int i = 0; i < ROWS(readable); i++) {
        for (size_t len = 0; len < strlen(readable[i].text); len++) {
            struct flare_str text = {guard_put(&guard, readable[i].text, len),
                                     len};
            int64_t seconds;

            ck_assert_int_eq(flare__date_parse(text, NOW, &seconds),
                             FLARE_E_BAD_INPUT);
        }
    }
    guard_fini(&guard);
}
END_TEST

START_TEST(test_date_read_is_the_date_written)
{
    for (int64_t day = 0; day < 2932897; day += day < 60000 ? 1 : 7) {
        int64_t t = day * 86400 + day % 86400, back;
        char out[FLARE__DATE_LEN];

        flare__date_write(out, t);
        if (flare__date_parse((struct flare_str){out, FLARE__DATE_LEN}, 0,
                              &back) != 0 ||
            back != t)
            ck_abort_msg("%.29s: %lld", out, (long long)back);
    }
}
END_TEST

static Suite *date_suite(void)
{
    Suite *suite = suite_create("http/date");
    TCase *tc = tcase_create("date");

    tcase_add_loop_test(tc, test_date_of_a_known_instant, 0, ROWS(rows));
    tcase_add_test(tc, test_date_of_every_day_is_the_c_library_s);
    tcase_add_loop_test(tc, test_date_is_read, 0, ROWS(readable));
    tcase_add_loop_test(tc, test_date_of_no_form_is_refused, 0,
                        ROWS(unreadable));
    tcase_add_test(tc, test_date_cut_anywhere_is_refused);
    tcase_add_test(tc, test_date_read_is_the_date_written);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(date_suite());
}
