/* SPDX-License-Identifier: MIT */
/* Digits; the readers of numbers are public (flare/form.h). */
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

#endif
