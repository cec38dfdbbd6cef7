/* SPDX-License-Identifier: MIT */
/*
 * The Date field's format, IMF-fixdate (RFC 9110 section 5.6.7), written from
 * a number: no clock, no time zone, no locale, no libc time functions.
 */
#ifndef FLARE__HTTP_DATE_H
#define FLARE__HTTP_DATE_H

#include <flare/base.h>

enum { FLARE__DATE_LEN = 29 };

/*
 * Writes "Sun, 06 Nov 1994 08:49:37 GMT", not terminated.  `unix_seconds`
 * before 1970 is written as the first second of 1970, after 9999 as the last
 * second of 9999.
 */
void flare__date_write(char out[FLARE__DATE_LEN], int64_t unix_seconds);

#endif
