/* SPDX-License-Identifier: MIT */
/* Numbers on the command line of a bench program. */
#ifndef BENCH_NUMBER_H
#define BENCH_NUMBER_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* `text` as a decimal number in [min, max]; says what is wrong and exits. */
static inline unsigned long bench_number(const char *what, const char *text,
                                         unsigned long min, unsigned long max)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < min ||
        n > max) {
        fprintf(stderr, "%s is a number from %lu to %lu, not \"%s\"\n", what,
                min, max, text);
        exit(2);
    }
    return n;
}

/* Seconds, with or without a fraction, in milliseconds. */
static inline unsigned long bench_seconds_ms(const char *what, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 86400)) {
        fprintf(stderr, "%s is seconds from 0 to 86400, not \"%s\"\n", what,
                text);
        exit(2);
    }
    return (unsigned long)(seconds * 1000);
}

#endif
