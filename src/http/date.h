/* SPDX-License-Identifier: MIT */
/*
 * HTTP-date (RFC 9110 section 5.6.7): IMF-fixdate written from a number, all
 * three forms read.  No clock, no time zone, no locale, no libc time functions.
 */
#ifndef FLARE__HTTP_DATE_H
#define FLARE__HTTP_DATE_H

#include <flare/error.h>

enum { FLARE__DATE_LEN = 29 };

/*
 * The seconds since 1970 of `second` (of the day) on a day of the Gregorian
 * calendar, which is reckoned back where there was none; `year` 0 to 9999,
 * `month` 1 to 12, `day` from 1.
 * Returns 0, or FLARE_E_BAD_INPUT if there is no such day; nothing written.
 */
FLARE_MUST_USE
int flare__date_of(uint32_t year, uint32_t month, uint32_t day, uint32_t second,
                   int64_t *out);

/*
 * Writes "Sun, 06 Nov 1994 08:49:37 GMT", not terminated.  `unix_seconds`
 * before 1970 is written as the first second of 1970, after 9999 as the last
 * second of 9999.
 */
void flare__date_write(char out[FLARE__DATE_LEN], int64_t unix_seconds);

/*
 * Reads one of the three forms into seconds since 1970:
 *
 *   Sun, 06 Nov 1994 08:49:37 GMT    IMF-fixdate
 *   Sunday, 06-Nov-94 08:49:37 GMT   RFC 850: a year of two digits is the one
 *                                    at most 50 years after `now_seconds`
 *   Sun Nov  6 08:49:37 1994         asctime
 *
 * Exactly: case, spaces, digits; a day that the month has; second 60 only as
 * 23:59:60, which is the next day's first.  The weekday must be one, but not
 * the right one: it adds nothing, and RFC 850's cannot be checked before the
 * century is guessed.
 * Returns 0, or FLARE_E_BAD_INPUT with nothing written.
 */
FLARE_MUST_USE
int flare__date_parse(struct flare_str text, int64_t now_seconds, int64_t *out);

#endif
