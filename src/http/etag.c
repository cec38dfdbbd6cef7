/* SPDX-License-Identifier: MIT */
/* Entity tags.  No escapes in them: a backslash is a byte like others. */
#include "http/etag.h"

bool flare__etag_parse(struct flare_str text, struct flare__etag *out)
{
    bool is_weak = text.len >= 2 && text.ptr[0] == 'W' && text.ptr[1] == '/';

    if (is_weak) {
        text.ptr += 2;
        text.len -= 2;
    }
    if (text.len < 2 || text.ptr[0] != '"' || text.ptr[text.len - 1] != '"')
        return false;
    for (size_t i = 1; i < text.len - 1; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= 0x20 || c == '"' || c == 0x7F)
            return false;
    }
    out->opaque = text;
    out->is_weak = is_weak;
    return true;
}

bool flare__etag_same_strong(struct flare__etag a, struct flare__etag b)
{
    return !a.is_weak && !b.is_weak && flare_str_equal(a.opaque, b.opaque);
}

bool flare__etag_same_weak(struct flare__etag a, struct flare__etag b)
{
    return flare_str_equal(a.opaque, b.opaque);
}

bool flare__etag_listed(struct flare__values list, struct flare__etag mine,
                        bool is_strong)
{
    for (size_t i = 0; i < list.count; i++) {
        struct flare_str rest = list.at[i], text;
        struct flare__etag tag;

        while (flare__list_next(&rest, FLARE__QUOTED_ETAG, &text)) {
            if (flare__etag_parse(text, &tag) &&
                (is_strong ? flare__etag_same_strong(tag, mine)
                           : flare__etag_same_weak(tag, mine)))
                return true;
        }
    }
    return false;
}

bool flare__etag_is_any(struct flare__values list)
{
    return list.count == 1 &&
           flare_str_equal(flare__trim(list.at[0]), FLARE_STR("*"));
}

static size_t write_hex(char *out, uint64_t n)
{
    size_t len = 1;

    while (len < 16 && n >> (4 * len) != 0)
        len++;
    for (size_t i = len; i-- > 0; n >>= 4)
        out[i] = "0123456789abcdef"[n & 15];
    return len;
}

size_t flare__etag_write(char out[FLARE__ETAG_LEN_MAX], int64_t mtime_ns,
                         uint64_t size)
{
    size_t len = 0;

    out[len++] = '"';
    len += write_hex(out + len, (uint64_t)mtime_ns);
    out[len++] = '-';
    len += write_hex(out + len, size);
    out[len++] = '"';
    return len;
}
