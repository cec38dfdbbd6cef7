/* SPDX-License-Identifier: MIT */
/* Percent-decoding: bytes first, then whether they are text. */
#include "http/percent.h"

#include <errno.h>
#include <limits.h>

static int hex_value(char c)
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
 * The length of the UTF-8 sequence at `p`, 0 if it is none: the well-formed
 * sequences of RFC 3629 section 4, so no overlong forms, no surrogates and
 * nothing above U+10FFFF.
 */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xBF; /* of the second byte */
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        len = 2;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF)
        len = 3;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4)
        len = 4;
    else
        return 0;

    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;

    if (left < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (p[i] < 0x80 || p[i] > 0xBF)
            return 0;
    return len;
}

static bool is_text(const char *bytes, size_t len)
{
    const unsigned char *p = (const unsigned char *)bytes;

    for (size_t i = 0; i < len;) {
        size_t n = utf8_len(p + i, len - i);

        if (n == 0 || p[i] < 0x20 || p[i] == 0x7F || p[i] == '\\')
            return false;
        i += n;
    }
    return true;
}

int flare__percent_decode(char *out, size_t size, struct flare_str raw)
{
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];

        if (c == '%') {
            int high, low;

            if (raw.len - i < 3)
                return FLARE_E_BAD_INPUT;
            high = hex_value(raw.ptr[i + 1]);
            low = hex_value(raw.ptr[i + 2]);
            if (high < 0 || low < 0)
                return FLARE_E_BAD_INPUT;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (len == size || len == INT_MAX)
            return -ENOBUFS;
        out[len++] = c;
    }
    if (!is_text(out, len))
        return FLARE_E_BAD_INPUT;
    return (int)len;
}
