/* SPDX-License-Identifier: MIT */
/* UTF-8 (RFC 3629 section 4): whether bytes are, and by the character. */
#ifndef FLARE__BASE_UTF8_H
#define FLARE__BASE_UTF8_H

#include <flare/base.h>

/*
 * Only well-formed sequences: no overlong forms, no surrogates, nothing above
 * U+10FFFF.  NUL is a character like the others.
 */
bool flare__utf8_is_valid(struct flare_str text);

/*
 * The length of the character at `bytes`, of which at least one is left; 0 if
 * it is none.  `*bad` is then how many bytes one U+FFFD stands for: the
 * "maximal subpart" of section 3.9 of the Unicode standard, at least 1.
 */
size_t flare__utf8_next(const char *bytes, size_t left, size_t *bad);

#endif
