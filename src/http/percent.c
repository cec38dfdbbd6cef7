/* SPDX-License-Identifier: MIT */
/* Percent-decoding: bytes first, then whether they are text. */
#include "http/percent.h"

#include "base/utf8.h"
#include "http/number.h"

#include <errno.h>
#include <limits.h>

static bool is_text(struct flare_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];

        if (c < 0x20 || c == 0x7F || c == '\\')
            return false;
    }
    return flare__utf8_is_valid(bytes);
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
    if (!is_text((struct flare_str){out, len}))
        return FLARE_E_BAD_INPUT;
    return (int)len;
}
