/* SPDX-License-Identifier: MIT */
/* Slices, and the library's version.  No locale anywhere. */
#include <flare/base.h>

#include <string.h>

struct flare_str flare_str(const char *text)
{
    struct flare_str s = {.ptr = "", .len = 0};

    if (text != NULL) {
        s.ptr = text;
        s.len = strlen(text);
    }
    return s;
}

bool flare_str_equal(struct flare_str a, struct flare_str b)
{
    /* memcmp must not see NULL, not even for no bytes */
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static unsigned str_lower(char c)
{
    unsigned byte = (unsigned char)c;

    return byte - 'A' < 26 ? byte | 0x20 : byte;
}

bool flare_str_equal_nocase(struct flare_str a, struct flare_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (str_lower(a.ptr[i]) != str_lower(b.ptr[i]))
            return false;
    }
    return true;
}

const char *flare_version(void)
{
    return FLARE_VERSION;
}
