/* SPDX-License-Identifier: MIT */
/*
 * Values in a peer's text.  A number: the whole text is the number or there is
 * none.  No white space, no plus sign, no other base, no locale, no wrap.
 */
#include "http/number.h"

int flare_u64_parse(struct flare_str text, uint64_t *out)
{
    uint64_t number = 0;

    if (text.len == 0)
        return FLARE_E_BAD_INPUT;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.ptr[i] - '0';

        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return FLARE_E_BAD_INPUT;
        number = number * 10 + digit;
    }
    *out = number;
    return 0;
}

int flare_i64_parse(struct flare_str text, int64_t *out)
{
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t magnitude;
    int rc;

    if (is_negative)
        text = (struct flare_str){text.ptr + 1, text.len - 1};
    rc = flare_u64_parse(text, &magnitude);
    if (rc < 0)
        return rc;
    if (magnitude > (uint64_t)INT64_MAX + is_negative)
        return FLARE_E_BAD_INPUT;
    /* INT64_MIN has no positive twin */
    if (is_negative && magnitude != 0)
        *out = -(int64_t)(magnitude - 1) - 1;
    else
        *out = (int64_t)magnitude;
    return 0;
}

int flare_bool_parse(struct flare_str text, bool *out)
{
    static const struct {
        struct flare_str word;
        bool value;
    } words[] = {
        {{"true", 4}, true}, {{"false", 5}, false}, {{"1", 1}, true},
        {{"0", 1}, false},   {{"on", 2}, true},     {{"off", 3}, false},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!flare_str_equal(words[i].word, text))
            continue;
        *out = words[i].value;
        return 0;
    }
    return FLARE_E_BAD_INPUT;
}

int flare__str_or(struct flare_str text, struct flare_str fallback,
                  struct flare_str *out)
{
    *out = text.ptr != NULL ? text : fallback;
    return 0;
}

int flare__u64_or(struct flare_str text, uint64_t fallback, uint64_t *out)
{
    if (text.ptr != NULL)
        return flare_u64_parse(text, out);
    *out = fallback;
    return 0;
}

int flare__i64_or(struct flare_str text, int64_t fallback, int64_t *out)
{
    if (text.ptr != NULL)
        return flare_i64_parse(text, out);
    *out = fallback;
    return 0;
}

int flare__bool_or(struct flare_str text, bool fallback, bool *out)
{
    if (text.ptr != NULL)
        return flare_bool_parse(text, out);
    *out = fallback;
    return 0;
}
