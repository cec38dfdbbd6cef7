/* SPDX-License-Identifier: MIT */
/*
 * Seconds to a civil date and back.  Days are counted from 1 March of year 0,
 * so that the leap day is the last of its year and a year's day alone gives the
 * month; 400 Gregorian years have 146 097 days.
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

static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970 began on Thu */
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void flare__date_write(char out[FLARE__DATE_LEN], int64_t unix_seconds)
{
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

/* Days since 1970; civil_of the other way, for years from 0 on. */
static int64_t days_of(const struct civil *c)
{
    uint32_t march_year = c->month < 2 ? c->year + 399 : c->year + 400;
    uint32_t march_month = c->month < 2 ? c->month + 10 : c->month - 2;
    uint32_t year_day = (153 * march_month + 2) / 5 + c->day - 1;
    uint32_t era_year = march_year % 400;
    uint32_t era_day = 365 * era_year + era_year / 4 - era_year / 100;

    /* one era too many, so that January of year 0 has a year before it */
    return (int64_t)(march_year / 400) * ERA_DAYS + era_day + year_day -
           ERA_DAYS - DAYS_TO_1970;
}

static uint32_t month_days(const struct civil *c)
{
    static const uint8_t lengths[12] = {31, 28, 31, 30, 31, 30,
                                        31, 31, 30, 31, 30, 31};
    bool is_leap =
        c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

    return lengths[c->month] + (c->month == 1 && is_leap ? 1u : 0u);
}

int flare__date_of(uint32_t year, uint32_t month, uint32_t day, uint32_t second,
                   int64_t *out)
{
    const struct civil c = {year, month - 1, day};

    if (year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > month_days(&c))
        return FLARE_E_BAD_INPUT;
    *out = days_of(&c) * DAY_SECONDS + second;
    return 0;
}

/* What is read so far; `ok` says whether all of it was right. */
struct reader {
    const char *at;
    const char *end;
    bool ok;
};

static void read_text(struct reader *r, const char *text)
{
    size_t len = strlen(text);

    if (!r->ok || (size_t)(r->end - r->at) < len ||
        memcmp(r->at, text, len) != 0) {
        r->ok = false;
        return;
    }
    r->at += len;
}

static uint32_t read_digits(struct reader *r, int count)
{
    uint32_t n = 0;

    if (!r->ok || r->end - r->at < count) {
        r->ok = false;
        return 0;
    }
    for (int i = 0; i < count; i++, r->at++) {
        if (*r->at < '0' || *r->at > '9')
            r->ok = false;
        n = n * 10 + (uint32_t)(*r->at - '0');
    }
    return n;
}

/* The place in a table of three letters each. */
static uint32_t read_name(struct reader *r, const char *names)
{
    if (r->ok && r->end - r->at >= 3) {
        for (uint32_t i = 0; names[3 * (size_t)i] != '\0'; i++) {
            if (memcmp(r->at, names + 3 * (size_t)i, 3) == 0) {
                r->at += 3;
                return i;
            }
        }
    }
    r->ok = false;
    return 0;
}

/* hh:mm:ss in seconds; 86400 for the leap second. */
static int64_t read_time(struct reader *r)
{
    uint32_t hour = read_digits(r, 2), minute, second;

    read_text(r, ":");
    minute = read_digits(r, 2);
    read_text(r, ":");
    second = read_digits(r, 2);
    if (hour > 23 || minute > 59 ||
        (second > 59 && (second != 60 || hour != 23 || minute != 59)))
        r->ok = false;
    return (int64_t)(hour * 3600 + minute * 60 + second);
}

/* Behind "Sun, ". */
static int64_t read_fixdate(struct reader *r, struct civil *c)
{
    int64_t seconds;

    c->day = read_digits(r, 2);
    read_text(r, " ");
    c->month = read_name(r, months);
    read_text(r, " ");
    c->year = read_digits(r, 4);
    read_text(r, " ");
    seconds = read_time(r);
    read_text(r, " GMT");
    return seconds;
}

/* Behind "Sun"; the century is left open. */
static int64_t read_rfc850(struct reader *r, uint32_t weekday, struct civil *c)
{
    static const char *const tails[] = {"rsday, ", "day, ",  "urday, ", "day, ",
                                        "day, ",   "sday, ", "nesday, "};
    int64_t seconds;

    read_text(r, tails[weekday]);
    c->day = read_digits(r, 2);
    read_text(r, "-");
    c->month = read_name(r, months);
    read_text(r, "-");
    c->year = read_digits(r, 2);
    read_text(r, " ");
    seconds = read_time(r);
    read_text(r, " GMT");
    return seconds;
}

/* Behind "Sun ". */
static int64_t read_asctime(struct reader *r, struct civil *c)
{
    int64_t seconds;

    c->month = read_name(r, months);
    read_text(r, " ");
    if (r->ok && r->at < r->end && *r->at == ' ') {
        r->at++;
        c->day = read_digits(r, 1);
    } else {
        c->day = read_digits(r, 2);
        r->ok = r->ok && c->day >= 10;
    }
    read_text(r, " ");
    seconds = read_time(r);
    read_text(r, " ");
    c->year = read_digits(r, 4);
    return seconds;
}

/* Seconds of a two-digit year's date in the century that `now` suggests. */
static int64_t in_century(struct civil *c, int64_t time, int64_t now)
{
    int64_t clamped = now < 0 ? 0 : now > SECONDS_MAX ? SECONDS_MAX : now;
    struct civil today = civil_of((uint32_t)(clamped / DAY_SECONDS));
    struct civil latest = today;
    int64_t at, latest_at;

    latest.year += 50;
    if (latest.day > month_days(&latest)) /* 29 February */
        latest.day = month_days(&latest);
    latest_at = days_of(&latest) * DAY_SECONDS + clamped % DAY_SECONDS;
    c->year += (today.year / 100 + 1) * 100;
    do {
        at = days_of(c) * DAY_SECONDS + time;
        if (at <= latest_at)
            break;
        c->year -= 100;
    } while (c->year >= 100);
    return at;
}

int flare__date_parse(struct flare_str text, int64_t now_seconds, int64_t *out)
{
    struct reader r = {text.ptr, text.ptr + text.len, text.len > 4};
    struct civil c = {0, 0, 0};
    uint32_t weekday = read_name(&r, days);
    char after = r.ok ? *r.at : '\0';
    bool is_short = false;
    int64_t time;

    if (after == ',') {
        read_text(&r, ", ");
        time = read_fixdate(&r, &c);
    } else if (after == ' ') {
        read_text(&r, " ");
        time = read_asctime(&r, &c);
    } else {
        is_short = true;
        time = read_rfc850(&r, weekday, &c);
    }
    if (!r.ok || r.at != r.end || c.day == 0)
        return FLARE_E_BAD_INPUT;
    time = is_short ? in_century(&c, time, now_seconds)
                    : days_of(&c) * DAY_SECONDS + time;
    if (c.day > month_days(&c))
        return FLARE_E_BAD_INPUT;
    *out = time;
    return 0;
}
