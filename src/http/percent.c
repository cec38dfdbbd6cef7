/* SPDX-License-Identifier: MIT */
/* Percent-decoding: bytes first, then whether they are text; and encoding. */
#include "http/percent.h"

#include "base/assert.h"
#include "base/utf8.h"
#include "http/number.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static bool is_text(struct flare_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];

        if (c < 0x20 || c == 0x7F || c == '\\')
            return false;
    }
    return flare__utf8_is_valid(bytes);
}

/* '+' becomes `plus`. */
static int percent_decode(char *out, size_t size, struct flare_str raw,
                          char plus)
{
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i] == '+' ? plus : raw.ptr[i];

        if (c == '%') {
            int high, low;

            if (raw.len - i < 3)
                return FLARE_E_BAD_INPUT;
            high = flare__hex_digit(raw.ptr[i + 1]);
            low = flare__hex_digit(raw.ptr[i + 2]);
            if (high < 0 || low < 0)
                return FLARE_E_BAD_INPUT;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (len == size || len == INT_MAX)
            return -ENOBUFS;
        out[len++] = c;
    }
    return (int)len;
}

int flare__percent_decode(char *out, size_t size, struct flare_str raw)
{
    int len = percent_decode(out, size, raw, '+');

    if (len >= 0 && !is_text((struct flare_str){out, (size_t)len}))
        return FLARE_E_BAD_INPUT;
    return len;
}

int flare_percent_decode(enum flare_percent_set set, struct flare_str text,
                         char *out, size_t size)
{
    int len;

    if (size == 0)
        return -ENOBUFS;
    len = percent_decode(out, size - 1, text,
                         set == FLARE_PERCENT_FORM ? ' ' : '+');
    if (len >= 0)
        out[len] = '\0';
    return len;
}

bool flare__percent_keeps(enum flare_percent_set set, char c)
{
    /* beside letters and digits */
    static const char *const marks[] = {
        [FLARE_PERCENT_VALUE] = "-._~",
        [FLARE_PERCENT_SEGMENT] = "-._~!$&'()*+,;=:@",
        [FLARE_PERCENT_PATH] = "-._~!$&'()*+,;=:@/",
        [FLARE_PERCENT_QUERY] = "-._~!$&'()*+,;=:@/?",
        [FLARE_PERCENT_FORM] = "-._*",
        [FLARE_PERCENT_USERINFO] = "-._~!$&'()*+,;=",
    };

    FLARE_ASSERT(set <= FLARE_PERCENT_USERINFO);
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
        (c >= 'a' && c <= 'z'))
        return true;
    return c != '\0' && strchr(marks[set], c) != NULL;
}

int flare_percent_encode(enum flare_percent_set set, struct flare_str text,
                         char *out, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;

    if (size == 0)
        return -ENOBUFS;
    size = size > INT_MAX ? INT_MAX : size;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_space = set == FLARE_PERCENT_FORM && c == ' ';
        bool is_kept = is_space || flare__percent_keeps(set, text.ptr[i]);

        if (size - len <= (is_kept ? 1 : 3))
            return -ENOBUFS;
        if (is_kept) {
            out[len++] = is_space ? '+' : text.ptr[i];
            continue;
        }
        out[len++] = '%';
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
    out[len] = '\0';
    return (int)len;
}
