/* SPDX-License-Identifier: MIT */
/* ASCII goes by eight bytes at a time, the rest by one sequence. */
#include "base/utf8.h"

#include <string.h>

/* The bytes of a sequence by its first, and the range of the second. */
static size_t sequence_of(unsigned char first, unsigned char *low,
                          unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    if (first == 0xE0)
        *low = 0xA0; /* below: overlong */
    else if (first == 0xED)
        *high = 0x9F; /* above: surrogates */
    else if (first == 0xF0)
        *low = 0x90; /* below: overlong */
    else if (first == 0xF4)
        *high = 0x8F; /* above: past U+10FFFF */
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Table 3-7 of the Unicode standard. */
size_t flare__utf8_next(const char *bytes, size_t left, size_t *bad)
{
    const unsigned char *p = (const unsigned char *)bytes;
    unsigned char low, high;
    size_t len = sequence_of(p[0], &low, &high);

    *bad = 1;
    for (size_t i = 1; i < len; i++) {
        if (i == left || p[i] < low || p[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xBF;
    }
    return len;
}

bool flare__utf8_is_valid(struct flare_str text)
{
    size_t i = 0;

    while (i < text.len) {
        uint64_t eight;
        size_t n, bad;

        if (text.len - i >= sizeof(eight)) {
            memcpy(&eight, text.ptr + i, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        n = flare__utf8_next(text.ptr + i, text.len - i, &bad);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}
