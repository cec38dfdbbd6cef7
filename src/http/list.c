/* SPDX-License-Identifier: MIT */
/* Lists in field values. */
#include "http/list.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

struct flare_str flare__trim(struct flare_str text)
{
    while (text.len > 0 && is_space(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

/* Where `mark` stands outside quotation marks, or the length. */
static size_t find_mark(struct flare_str text, char mark,
                        enum flare__quoting quoting)
{
    bool is_quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && c == '\\' && quoting == FLARE__QUOTED_STRING)
            i++;
        else if (!is_quoted && c == mark)
            return i;
    }
    return text.len;
}

struct flare_str flare__cut(struct flare_str *text, char mark,
                            enum flare__quoting quoting)
{
    size_t end = find_mark(*text, mark, quoting);
    struct flare_str part = {text->ptr, end};

    if (end < text->len)
        end++;
    if (end > 0) /* nothing of NULL, too */
        text->ptr += end;
    text->len -= end;
    return flare__trim(part);
}

bool flare__list_next(struct flare_str *rest, enum flare__quoting quoting,
                      struct flare_str *element)
{
    while (rest->len > 0) {
        *element = flare__cut(rest, ',', quoting);
        if (element->len > 0)
            return true;
    }
    return false;
}
