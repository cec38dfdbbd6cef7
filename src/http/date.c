/* SPDX-License-Identifier: MIT */
/*
 * Seconds to a civil date.  Days are counted from 1 March of year 0, so that
 * the leap day is the last of its year and a year's day alone gives the month;
 * 400 Gregorian years have 146 097 days.
 */
#include "http/date.h"

#include <string.h>

#define SECONDS_MAX INT64_C(253402300799) /* 9999-12-31 23:59:59 */

enum {
    DAY_SECONDS = 86400,
    DAYS_TO_1970 = 719468, /* from 0000-03-01 */
    ERA_DAYS = 146097,     /* 400 years */
    CENTURY_DAYS = 36524,  /* without the leap day of its last year, if any */
    OLYMPIAD_DAYS = 1461   /* 4 years */
};

struct civil {
    uint32_t year, month, day; /* month 0: January; day from 1 */
};

static struct civil civil_of(uint32_t days)
{
    uint32_t since = days + DAYS_TO_1970;
    uint32_t era = since / ERA_DAYS;
    uint32_t era_day = since % ERA_DAYS;
    uint32_t era_year = (era_day - era_day / (OLYMPIAD_DAYS - 1) +
                         era_day / CENTURY_DAYS - era_day / (ERA_DAYS - 1)) /
                        365;
    uint32_t year_day =
        era_day - (365 * era_year + era_year / 4 - era_year / 100);
    /* from March on, five months have 153 days: 31 30 31 30 31 */
    uint32_t march_month = (5 * year_day + 2) / 153;
    struct civil c;

    c.day = year_day - (153 * march_month + 2) / 5 + 1;
    c.month = march_month < 10 ? march_month + 2 : march_month - 10;
    c.year = 400 * era + era_year + (c.month < 2);
    return c;
}

static void two_digits(char *out, uint32_t n)
{
    out[0] = (char)('0' + n / 10);
    out[1] = (char)('0' + n % 10);
}

void flare__date_write(char out[FLARE__DATE_LEN], int64_t unix_seconds)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970 began on Thu */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t t = unix_seconds < 0             ? 0
                : unix_seconds > SECONDS_MAX ? SECONDS_MAX
                                             : unix_seconds;
    uint32_t day = (uint32_t)(t / DAY_SECONDS);
    uint32_t second = (uint32_t)(t % DAY_SECONDS);
    struct civil c = civil_of(day);

    memcpy(out, "Ddd, DD Mmm YYYY hh:mm:ss GMT", FLARE__DATE_LEN);
    memcpy(out, days + 3 * (size_t)(day % 7), 3);
    two_digits(out + 5, c.day);
    memcpy(out + 8, months + 3 * (size_t)c.month, 3);
    two_digits(out + 12, c.year / 100);
    two_digits(out + 14, c.year % 100);
    two_digits(out + 17, second / 3600);
    two_digits(out + 20, second / 60 % 60);
    two_digits(out + 23, second % 60);
}
