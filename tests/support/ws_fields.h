/* SPDX-License-Identifier: MIT */
/* Fields of a head from text, for tests and fuzzers of the handshake. */
#ifndef FLARE__TEST_WS_FIELDS_H
#define FLARE__TEST_WS_FIELDS_H

#include "ws/field.h"

#include <string.h>

static inline bool ws_fields_is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The `at` of struct flare__ws_fields over lines of "name: value"; `ctx` is a
 * struct flare_str with them. */
static inline bool ws_fields_at(const void *ctx, size_t index,
                                struct flare_str *name, struct flare_str *value)
{
    struct flare_str text = *(const struct flare_str *)ctx, line;
    const char *end, *colon;

    do {
        if (text.len == 0)
            return false;
        end = memchr(text.ptr, '\n', text.len);
        line.ptr = text.ptr;
        line.len = end ? (size_t)(end - text.ptr) : text.len;
        flare__ws_skip(&text, end ? line.len + 1 : line.len);
    } while (index-- > 0);
    colon = memchr(line.ptr, ':', line.len);
    *name = line;
    if (colon != NULL)
        name->len = (size_t)(colon - line.ptr);
    *value = line;
    flare__ws_skip(value, name->len + (colon != NULL));
    while (value->len > 0 && ws_fields_is_white(value->ptr[0]))
        flare__ws_skip(value, 1);
    while (value->len > 0 && ws_fields_is_white(value->ptr[value->len - 1]))
        value->len--;
    return true;
}

/* Borrows `lines`. */
static inline struct flare__ws_fields ws_fields(const struct flare_str *lines)
{
    return (struct flare__ws_fields){ws_fields_at, lines};
}

#endif
