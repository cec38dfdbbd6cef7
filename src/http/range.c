/* SPDX-License-Identifier: MIT */
/*
 * Byte ranges.  No sum of two numbers of the peer is ever formed: differences
 * of compared numbers only.
 */
#include "http/range.h"

#include "http/chars.h"
#include "http/list.h"

#include <string.h>

enum spec {
    SPEC_MALFORMED = -1,
    SPEC_UNSATISFIABLE,
    SPEC_RANGE,
    SPEC_EMPTY_SUFFIX
};

/* Takes digits off `text`, stopping at UINT64_MAX; false if there is none. */
static bool take_number(struct flare_str *text, uint64_t *out)
{
    size_t len = 0;
    uint64_t n = 0;

    while (len < text->len &&
           flare__char_is(text->ptr[len], FLARE__CHAR_DIGIT)) {
        uint64_t digit = (uint64_t)(text->ptr[len++] - '0');

        n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
    }
    text->ptr += len;
    text->len -= len;
    *out = n;
    return len > 0;
}

/* "-500" without its hyphen. */
static enum spec parse_suffix(struct flare_str text, uint64_t size,
                              struct flare__range *out)
{
    uint64_t len;

    if (!take_number(&text, &len) || text.len > 0)
        return SPEC_MALFORMED;
    if (len == 0)
        return SPEC_UNSATISFIABLE;
    if (size == 0)
        return SPEC_EMPTY_SUFFIX;
    out->len = len < size ? len : size;
    out->offset = size - out->len;
    return SPEC_RANGE;
}

static enum spec parse_spec(struct flare_str text, uint64_t size,
                            struct flare__range *out)
{
    uint64_t first, last = UINT64_MAX;
    bool is_suffix = text.ptr[0] == '-';

    if (!is_suffix &&
        (!take_number(&text, &first) || text.len == 0 || text.ptr[0] != '-'))
        return SPEC_MALFORMED;
    text.ptr++;
    text.len--;
    if (is_suffix)
        return parse_suffix(text, size, out);
    if (text.len > 0 && (!take_number(&text, &last) || text.len > 0))
        return SPEC_MALFORMED;
    if (last < first)
        return SPEC_MALFORMED;
    if (first >= size)
        return SPEC_UNSATISFIABLE;
    if (last > size - 1)
        last = size - 1;
    out->offset = first;
    out->len = last - first + 1;
    return SPEC_RANGE;
}

static bool overlaps_one_of(const struct flare__range *ranges, int count,
                            struct flare__range range)
{
    for (int i = 0; i < count; i++) {
        if (range.offset < ranges[i].offset + ranges[i].len &&
            ranges[i].offset < range.offset + range.len)
            return true;
    }
    return false;
}

/* Takes "bytes=" off; false if it is another unit. */
static bool take_unit(struct flare_str *field)
{
    const size_t len = sizeof("bytes=") - 1;
    struct flare_str unit = {field->ptr, len - 1};

    if (field->len < len || field->ptr[len - 1] != '=' ||
        !flare_str_equal_nocase(unit, FLARE_STR("bytes")))
        return false;
    field->ptr += len;
    field->len -= len;
    return true;
}

int flare__range_parse(struct flare_str field, uint64_t size,
                       struct flare__range out[FLARE__RANGES_MAX])
{
    struct flare_str text;
    int specs = 0, count = 0;
    bool is_ignored = false;

    if (!take_unit(&field))
        return 0;
    while (flare__list_next(&field, FLARE__QUOTED_ETAG, &text)) {
        struct flare__range range;
        enum spec spec = parse_spec(text, size, &range);

        if (spec == SPEC_MALFORMED || ++specs > FLARE__RANGES_MAX)
            return 0;
        if (spec == SPEC_EMPTY_SUFFIX)
            is_ignored = true;
        if (spec != SPEC_RANGE)
            continue;
        if (overlaps_one_of(out, count, range))
            is_ignored = true;
        else
            out[count++] = range;
    }
    if (specs == 0 || is_ignored)
        return 0;
    return count > 0 ? count : FLARE_E_BAD_RANGE;
}

static size_t write_number(char *out, uint64_t n)
{
    char digits[20];
    size_t len = 0;

    do {
        digits[sizeof(digits) - ++len] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    memcpy(out, digits + sizeof(digits) - len, len);
    return len;
}

size_t flare__content_range_write(char out[FLARE__CONTENT_RANGE_LEN_MAX],
                                  const struct flare__range *range,
                                  uint64_t size)
{
    size_t len = sizeof("bytes ") - 1;

    memcpy(out, "bytes ", len);
    if (range == NULL) {
        out[len++] = '*';
    } else {
        len += write_number(out + len, range->offset);
        out[len++] = '-';
        len += write_number(out + len, range->offset + range->len - 1);
    }
    out[len++] = '/';
    return len + write_number(out + len, size);
}

static bool take_text(struct flare_str *text, struct flare_str wanted)
{
    struct flare_str front = {text->ptr, wanted.len};

    if (text->len < wanted.len || !flare_str_equal_nocase(front, wanted))
        return false;
    text->ptr += wanted.len;
    text->len -= wanted.len;
    return true;
}

int flare__content_range_parse(struct flare_str field,
                               struct flare__range *range, uint64_t *size)
{
    uint64_t first = 0, last = 0;
    bool has_range, has_size;

    if (!take_text(&field, FLARE_STR("bytes ")))
        return FLARE_E_BAD_RANGE;
    has_range = !take_text(&field, FLARE_STR("*"));
    if (has_range &&
        (!take_number(&field, &first) || !take_text(&field, FLARE_STR("-")) ||
         !take_number(&field, &last)))
        return FLARE_E_BAD_RANGE;
    if (!take_text(&field, FLARE_STR("/")))
        return FLARE_E_BAD_RANGE;
    has_size = !take_text(&field, FLARE_STR("*"));
    *size = FLARE__RANGE_SIZE_UNKNOWN;
    if (has_size && !take_number(&field, size))
        return FLARE_E_BAD_RANGE;
    if (field.len > 0 || (!has_range && !has_size))
        return FLARE_E_BAD_RANGE;
    if (!has_range)
        return 0;
    if (last < first || last >= *size) /* UINT64_MAX is no last byte either */
        return FLARE_E_BAD_RANGE;
    *range = (struct flare__range){first, last - first + 1};
    return 1;
}
