/* SPDX-License-Identifier: MIT */
/* Digits, and values that may be absent; the readers of text as a value are
 * public (flare/form.h). */
#ifndef FLARE__HTTP_NUMBER_H
#define FLARE__HTTP_NUMBER_H

#include <flare/form.h>

/* The value of a hexadecimal digit; -1: it is none. */
static inline int flare__hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/*
 * `text` as a value, or `fallback` where its ptr is NULL.  Return as the public
 * readers: text that is there and no such value is an error, not an absence.
 */
int flare__str_or(struct flare_str text, struct flare_str fallback,
                  struct flare_str *out);
int flare__u64_or(struct flare_str text, uint64_t fallback, uint64_t *out);
int flare__i64_or(struct flare_str text, int64_t fallback, int64_t *out);
int flare__bool_or(struct flare_str text, bool fallback, bool *out);

#endif
