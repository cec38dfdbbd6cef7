/* SPDX-License-Identifier: MIT */
/*
 * The one answer every floor sends, byte for byte what examples/hello sends:
 * the same header fields in the same order, so the kernel carries the same
 * load.  bench/run compares the two before it measures and says so if they
 * ever part; this file is then the place to bring back in line.
 */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <string.h>
#include <time.h>

#define BENCH_ANSWER_START "HTTP/1.1 200 OK\r\nServer: flare\r\nDate: "
#define BENCH_ANSWER_DATE "Thu, 01 Jan 1970 00:00:00 GMT"
#define BENCH_ANSWER_REST                                                      \
    "\r\nContent-Type: text/plain; charset=utf-8\r\n"                          \
    "Content-Length: 6\r\n"                                                    \
    "\r\n"                                                                     \
    "hello\n"

#define BENCH_ANSWER BENCH_ANSWER_START BENCH_ANSWER_DATE BENCH_ANSWER_REST

enum {
    BENCH_ANSWER_BYTES = sizeof(BENCH_ANSWER) - 1,
    BENCH_ANSWER_DATE_AT = sizeof(BENCH_ANSWER_START) - 1,
    BENCH_ANSWER_DATE_BYTES = sizeof(BENCH_ANSWER_DATE) - 1
};

/* Writes `now` as an IMF-fixdate (RFC 9110 section 5.6.7), 29 bytes, no NUL. */
static inline void bench_date_write(char *out, time_t now)
{
    char text[BENCH_ANSWER_DATE_BYTES + 1];
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    memcpy(out, text, BENCH_ANSWER_DATE_BYTES);
}

#endif
