/* SPDX-License-Identifier: MIT */
/*
 * See base64.h.  Decoding takes no table look-up by a secret byte: the value of
 * a character is computed, so that what Authorization holds leaves no trace in
 * the cache.
 */
#include "base/base64.h"

#include <limits.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void flare__base64_encode(char *out, struct flare_str in)
{
    const unsigned char *p = (const unsigned char *)in.ptr;
    size_t left = in.len;

    for (; left > 0; out += 4) {
        size_t n = left < 3 ? left : 3;
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) |
                     (n > 2 ? p[2] : 0);

        out[0] = alphabet[v >> 18];
        out[1] = alphabet[v >> 12 & 63];
        out[2] = '=';
        out[3] = '=';
        if (n > 1)
            out[2] = alphabet[v >> 6 & 63];
        if (n > 2)
            out[3] = alphabet[v & 63];
        p += n;
        left -= n;
    }
}

/* All bits set if lo <= c <= hi. */
static int32_t in_range(int32_t c, int32_t lo, int32_t hi)
{
    return -(int32_t)(c >= lo && c <= hi);
}

/* 0 to 63, or -1. */
static int32_t value_of(char c)
{
    int32_t b = (unsigned char)c;

    return -1 + (in_range(b, 'A', 'Z') & (b - 'A' + 1)) +
           (in_range(b, 'a', 'z') & (b - 'a' + 27)) +
           (in_range(b, '0', '9') & (b - '0' + 53)) +
           (in_range(b, '+', '+') & 63) + (in_range(b, '/', '/') & 64);
}

int flare__base64_decode(char *out, struct flare_str in)
{
    size_t pad = 0;
    size_t len = 0;

    if (in.len % 4 != 0 || in.len > INT_MAX)
        return FLARE_E_BAD_INPUT;
    while (pad < 2 && pad < in.len && in.ptr[in.len - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < in.len; i += 4) {
        size_t digits = i + 4 == in.len ? 4 - pad : 4;
        uint32_t v = 0;

        for (size_t j = 0; j < 4; j++) {
            int32_t digit = j < digits ? value_of(in.ptr[i + j]) : 0;

            if (digit < 0)
                return FLARE_E_BAD_INPUT;
            v = v << 6 | (uint32_t)digit;
        }
        if ((v & ((1u << 8 * (4 - digits)) - 1)) != 0)
            return FLARE_E_BAD_INPUT;
        for (size_t j = 0; j + 1 < digits; j++)
            out[len++] = (char)(v >> (16 - 8 * j));
    }
    return (int)len;
}
