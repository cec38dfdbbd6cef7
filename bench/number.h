/* SPDX-License-Identifier: MIT */
/* A number on the command line of a bench program. */
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

#endif
