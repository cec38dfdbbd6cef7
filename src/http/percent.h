/* SPDX-License-Identifier: MIT */
/*
 * Percent-encoding (RFC 3986 section 2.1), once and strict: what path
 * parameters need beside the public functions of flare/url.h.
 */
#ifndef FLARE__HTTP_PERCENT_H
#define FLARE__HTTP_PERCENT_H

#include <flare/url.h>

/*
 * Decodes `raw` into `out`, which may start where `raw` does: the result is
 * never longer, and is not terminated.  '+' stays as it is.
 *
 * Returns the length, -ENOBUFS if it is more than `size`, or
 * FLARE_E_BAD_INPUT: '%' without two hexadecimal digits; a control character
 * (%00 first of all) or backslash, escaped or not, which what comes after
 * might take for an end or a separator; bytes that are not UTF-8.  After an
 * error the contents of `out` are not specified.
 */
FLARE_MUST_USE
int flare__percent_decode(char *out, size_t size, struct flare_str raw);

/* Whether `c` stays as it is in the set. */
bool flare__percent_keeps(enum flare_percent_set set, char c);

#endif
