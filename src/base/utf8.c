/* SPDX-License-Identifier: MIT */
/* ASCII goes by eight bytes at a time, the rest by one sequence. */
#include "base/utf8.h"

#include <string.h>

/*
 * The length of the sequence of two or more bytes at `p`, 0 if it is none.
 * Only the second byte's range depends on the first.
 */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

    if (p[0] < 0xC2 || p[0] > 0xF4 || left < len)
        return 0;
    if (p[0] == 0xE0)
        low = 0xA0; /* below: overlong */
    else if (p[0] == 0xED)
        high = 0x9F; /* above: surrogates */
    else if (p[0] == 0xF0)
        low = 0x90; /* below: overlong */
    else if (p[0] == 0xF4)
        high = 0x8F; /* above: past U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (p[i] < 0x80 || p[i] > 0xBF)
            return 0;
    return len;
}

bool flare__utf8_is_valid(struct flare_str text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t i = 0;

    while (i < text.len) {
        uint64_t eight;
        size_t n;

        if (text.len - i >= sizeof(eight)) {
            memcpy(&eight, p + i, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        n = p[i] < 0x80 ? 1 : utf8_len(p + i, text.len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}
