/* SPDX-License-Identifier: MIT */
/*
 * A text doubles its room as it grows, and is given to the answer as it is: no
 * page is copied.
 */
#include "tools/serve/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void text_put_bytes(struct text *t, struct flare_str bytes)
{
    if (t->has_failed || bytes.len == 0)
        return;
    if (bytes.len > t->room - t->len) {
        size_t room = t->room != 0 ? t->room : 4096;
        char *more;

        while (room - t->len < bytes.len)
            room *= 2;
        more = realloc(t->ptr, room);
        if (more == NULL) {
            t->has_failed = true;
            return;
        }
        t->ptr = more;
        t->room = room;
    }
    memcpy(t->ptr + t->len, bytes.ptr, bytes.len);
    t->len += bytes.len;
}

void text_put(struct text *t, const char *text)
{
    text_put_bytes(t, flare_str(text));
}

void text_put_html(struct text *t, struct flare_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        const char *as = c == '&'    ? "&amp;"
                         : c == '<'  ? "&lt;"
                         : c == '>'  ? "&gt;"
                         : c == '"'  ? "&quot;"
                         : c == '\'' ? "&#39;"
                                     : NULL;

        if (as != NULL)
            text_put(t, as);
        else
            text_put_bytes(t, (struct flare_str){bytes.ptr + i, 1});
    }
}

void text_put_url(struct text *t, struct flare_str bytes)
{
    char url[3 * 255 + 1];
    int len =
        flare_percent_encode(FLARE_PERCENT_VALUE, bytes, url, sizeof(url));

    if (len < 0)
        t->has_failed = true;
    else
        text_put_bytes(t, (struct flare_str){url, (size_t)len});
}

static void text_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

int text_give(struct text *t, flare_res *res, int status, struct flare_str type)
{
    int rc = -ENOMEM;

    if (!t->has_failed)
        rc =
            flare_res_give(res, status, type,
                           (struct flare_str){t->ptr, t->len}, text_free, NULL);
    if (rc < 0)
        free(t->ptr);
    memset(t, 0, sizeof(*t));
    return rc;
}

bool text_has(struct flare_str list, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= list.len; i++)
        if (strncasecmp(list.ptr + i, word, len) == 0)
            return true;
    return false;
}

bool text_is_utf8(struct flare_str text)
{
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.ptr[i++];
        int more = c < 0x80 ? 0 : c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        uint32_t code = c & (0x7Fu >> (more + (more != 0)));

        if (c < 0x20 || c == 0x7F || c == '\\' || (c >= 0x80 && c < 0xC2) ||
            c > 0xF4)
            return false;
        for (; more > 0 && i < text.len; more--) {
            if (((unsigned char)text.ptr[i] & 0xC0) != 0x80)
                return false;
            code = code << 6 | ((unsigned char)text.ptr[i++] & 0x3Fu);
        }
        if (more != 0 || (c >= 0xF0 && (code < 0x10000 || code > 0x10FFFF)) ||
            (c >= 0xE0 && c < 0xF0 &&
             (code < 0x800 || (code >= 0xD800 && code < 0xE000))))
            return false;
    }
    return true;
}
