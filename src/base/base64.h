/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648 section 4), both ways, strictly. */
#ifndef FLARE__BASE_BASE64_H
#define FLARE__BASE_BASE64_H

#include <flare/error.h>

/* The length of `len` bytes in base64, with padding. */
static inline size_t flare__base64_length(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* Writes flare__base64_length(in.len) characters, not terminated. */
void flare__base64_encode(char *out, struct flare_str in);

/*
 * Reads `in` into `out`, which has room for in.len / 4 * 3 bytes; they may be
 * the same.  Returns the length; FLARE_E_BAD_INPUT for anything that encode
 * would not have written: another character, padding that is missing or too
 * much, bits behind the last byte that are not 0.
 */
FLARE_MUST_USE int flare__base64_decode(char *out, struct flare_str in);

#endif
