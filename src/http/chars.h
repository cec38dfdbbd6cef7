/* SPDX-License-Identifier: MIT */
/*
 * Classes of bytes in HTTP/1.1, one table for all of the parser's scalar work.
 * The vector kernels hold the first three as nibble tables (scan_tables.h).
 */
#ifndef FLARE__HTTP_CHARS_H
#define FLARE__HTTP_CHARS_H

#include <flare/base.h>

enum {
    FLARE__CHAR_TOKEN = 1,  /* tchar, RFC 9110 section 5.6.2 */
    FLARE__CHAR_VALUE = 2,  /* HTAB, SP, VCHAR, obs-text: section 5.5 */
    FLARE__CHAR_TARGET = 4, /* pchar and '/', without '%': RFC 3986 3.3 */
    FLARE__CHAR_NAME = 8,   /* of a reg-name, without '%' and ',': 3.2.2 */
    FLARE__CHAR_HEX = 16,
    FLARE__CHAR_DIGIT = 32,
    FLARE__CHAR_QUOTED = 64 /* qdtext, RFC 9110 section 5.6.4 */
};

extern const uint8_t flare__http_chars[256];

static inline bool flare__char_is(char c, unsigned classes)
{
    return (flare__http_chars[(unsigned char)c] & classes) != 0;
}

/* token, RFC 9110 section 5.6.2: not empty. */
bool flare__is_token(struct flare_str text);

/*
 * What a field's value may be when we write it: RFC 9110 section 5.5, which is
 * no control character but HTAB, and no white space at its ends.
 */
bool flare__is_field_value(struct flare_str text);

#endif
