/* SPDX-License-Identifier: MIT */
/* Whether bytes are UTF-8 (RFC 3629 section 4). */
#ifndef FLARE__BASE_UTF8_H
#define FLARE__BASE_UTF8_H

#include <flare/base.h>

/*
 * Only well-formed sequences: no overlong forms, no surrogates, nothing above
 * U+10FFFF.  NUL is a character like the others.
 */
bool flare__utf8_is_valid(struct flare_str text);

#endif
