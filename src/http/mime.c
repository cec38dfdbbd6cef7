/* SPDX-License-Identifier: MIT */
/*
 * The table of types, sorted by extension for a binary search: a new one goes
 * to its place, and the test fails if it does not.
 */
#include "http/mime.h"

#include "http/mime_table.h"

#include <string.h>

/* The entry of `ext`, in lower case, or NULL. */
static const struct flare__mime_row *find_row(const char *ext)
{
    size_t low = 0, high = flare__mime_rows_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(ext, flare__mime_rows[middle].ext);

        if (order == 0)
            return &flare__mime_rows[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct flare_str flare__mime_of_path(struct flare_str path)
{
    const struct flare__mime_row *row = NULL;
    char ext[FLARE__MIME_EXT_MAX + 1];
    size_t start = path.len;
    size_t len;

    while (start > 0 && path.ptr[start - 1] != '.' &&
           path.ptr[start - 1] != '/')
        start--;
    len = path.len - start;
    /* ".profile" is a name, not an extension */
    if (start >= 2 && path.ptr[start - 1] == '.' &&
        path.ptr[start - 2] != '/' && len <= FLARE__MIME_EXT_MAX) {
        for (size_t i = 0; i < len; i++) {
            char c = path.ptr[start + i];

            /* a NUL would end it: to a byte that is in no extension */
            ext[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20)
                     : c == '\0'          ? '?'
                                          : c;
        }
        ext[len] = '\0';
        row = find_row(ext);
    }
    return row != NULL ? row->type : FLARE_STR("application/octet-stream");
}

static bool starts_with(struct flare_str text, struct flare_str start)
{
    return text.len >= start.len &&
           flare_str_equal_nocase((struct flare_str){text.ptr, start.len},
                                  start);
}

static bool ends_with(struct flare_str text, struct flare_str end)
{
    return text.len >= end.len &&
           flare_str_equal_nocase(
               (struct flare_str){text.ptr + text.len - end.len, end.len}, end);
}

#define LITERAL(text)                                                          \
    {                                                                          \
        text, sizeof(text) - 1                                                 \
    }

bool flare__mime_is_compressible(struct flare_str content_type)
{
    static const struct flare_str others[] = {
        LITERAL("application/dash+xml"),
        LITERAL("application/json"),
        LITERAL("application/javascript"),
        LITERAL("application/ecmascript"),
        LITERAL("application/jsonl"),
        LITERAL("application/n-quads"),
        LITERAL("application/n-triples"),
        LITERAL("application/postscript"),
        LITERAL("application/rtf"),
        LITERAL("application/sql"),
        LITERAL("application/toml"),
        LITERAL("application/vnd.apple.mpegurl"),
        LITERAL("application/vnd.ms-fontobject"),
        LITERAL("application/wasm"),
        LITERAL("application/x-javascript"),
        LITERAL("application/x-ndjson"),
        LITERAL("application/x-sh"),
        LITERAL("application/x-subrip"),
        LITERAL("application/x-tar"),
        LITERAL("application/x-tex"),
        LITERAL("application/xml"),
        LITERAL("application/xml-dtd"),
        LITERAL("application/yaml"),
        LITERAL("font/collection"),
        LITERAL("font/otf"),
        LITERAL("font/ttf"),
        LITERAL("image/bmp"),
        LITERAL("image/x-icon"),
        LITERAL("image/vnd.microsoft.icon"),
        LITERAL("message/rfc822"),
        LITERAL("model/obj"),
        LITERAL("model/stl"),
    };
    struct flare_str type = {content_type.ptr, 0};

    while (type.len < content_type.len && type.ptr[type.len] != ';' &&
           type.ptr[type.len] != ' ' && type.ptr[type.len] != '\t')
        type.len++;
    if (starts_with(type, FLARE_STR("text/")))
        return !flare_str_equal_nocase(type, FLARE_STR("text/event-stream"));
    if (ends_with(type, FLARE_STR("+json")) ||
        ends_with(type, FLARE_STR("+xml")))
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (flare_str_equal_nocase(type, others[i]))
            return true;
    return false;
}
