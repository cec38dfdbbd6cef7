/* SPDX-License-Identifier: MIT */
/* Fields by name, lists of tokens.  See field.h. */
#include "ws/field.h"

#include <string.h>

bool flare__ws_line_next(struct flare__ws_lines *lines, struct flare_str *value)
{
    const struct flare__ws_fields *fields = lines->fields;
    struct flare_str name, text;

    while (fields->at(fields->ctx, lines->index, &name, &text)) {
        lines->index++;
        if (!flare_str_equal_nocase(name, lines->name))
            continue;
        *value = text;
        return true;
    }
    return false;
}

size_t flare__ws_field_find(const struct flare__ws_fields *fields,
                            struct flare_str name, struct flare_str *value)
{
    struct flare__ws_lines lines = {fields, name, 0};
    struct flare_str text;
    size_t count = 0;

    for (; flare__ws_line_next(&lines, &text); count++) {
        if (count == 0)
            *value = text;
    }
    return count;
}

bool flare__ws_field_has(const struct flare__ws_fields *fields,
                         struct flare_str name, struct flare_str word)
{
    struct flare__ws_lines lines = {fields, name, 0};
    struct flare_str text, element;

    while (flare__ws_line_next(&lines, &text)) {
        while (flare__ws_element_next(&text, &element)) {
            if (flare_str_equal_nocase(element, word))
                return true;
        }
    }
    return false;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t';
}

bool flare__ws_element_next(struct flare_str *rest, struct flare_str *element)
{
    while (rest->len > 0) {
        const char *comma = memchr(rest->ptr, ',', rest->len);
        size_t len = comma ? (size_t)(comma - rest->ptr) : rest->len;

        *element = (struct flare_str){rest->ptr, len};
        flare__ws_skip(rest, comma ? len + 1 : len);
        flare__ws_skip_white(element);
        while (element->len > 0 && is_white(element->ptr[element->len - 1]))
            element->len--;
        if (element->len > 0)
            return true;
    }
    return false;
}

void flare__ws_skip(struct flare_str *text, size_t len)
{
    if (len == 0)
        return; /* of NULL, too */
    text->ptr += len;
    text->len -= len;
}

void flare__ws_skip_white(struct flare_str *text)
{
    while (text->len > 0 && is_white(text->ptr[0]))
        flare__ws_skip(text, 1);
}

size_t flare__ws_take_token(struct flare_str *text, struct flare_str *token)
{
    size_t len = 0;

    while (len < text->len && flare__ws_is_token_char(text->ptr[len]))
        len++;
    *token = (struct flare_str){text->ptr, len};
    flare__ws_skip(text, len);
    return len;
}

bool flare__ws_is_token_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool flare__ws_is_token(struct flare_str text)
{
    struct flare_str token;

    return flare__ws_take_token(&text, &token) > 0 && text.len == 0;
}
