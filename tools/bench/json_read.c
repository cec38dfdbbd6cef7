/* SPDX-License-Identifier: MIT */
/* Walking over JSON; see json_read.h. */
#include "tools/bench/json_read.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_blank(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Behind a string that begins at `p`; NULL if it is none. */
static const char *skip_string(const char *p, const char *end)
{
    if (p == end || *p++ != '"')
        return NULL;
    for (; p < end && *p != '"'; p++) {
        if ((unsigned char)*p < ' ')
            return NULL;
        if (*p != '\\')
            continue;
        if (++p == end || *p == '\0' || strchr("\"\\/bfnrtu", *p) == NULL)
            return NULL;
        if (*p != 'u')
            continue;
        for (int i = 0; i < 4; i++)
            if (++p == end || !is_hex(*p))
                return NULL;
    }
    return p < end ? p + 1 : NULL;
}

static const char *skip_digits(const char *p, const char *end)
{
    const char *begin = p;

    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p > begin ? p : NULL;
}

static const char *skip_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else
        p = skip_digits(p, end);
    if (p != NULL && p < end && *p == '.')
        p = skip_digits(p + 1, end);
    if (p != NULL && p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = skip_digits(p, end);
    }
    return p;
}

static const char *skip_word(const char *p, const char *end)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(words[i]);

        if ((size_t)(end - p) >= len && memcmp(p, words[i], len) == 0)
            return p + len;
    }
    return skip_number(p, end);
}

static const char *skip_value(const char *p, const char *end, int depth);

/* "key": as far as the value. */
static const char *skip_key(const char *p, const char *end)
{
    p = skip_string(p, end);
    if (p == NULL)
        return NULL;
    p = skip_blank(p, end);
    return p < end && *p == ':' ? skip_blank(p + 1, end) : NULL;
}

static const char *skip_items(const char *p, const char *end, int depth)
{
    bool is_object = *p == '{';
    char close = is_object ? '}' : ']';

    p = skip_blank(p + 1, end);
    if (p < end && *p == close)
        return p + 1;
    while (p != NULL && p < end) {
        if (is_object)
            p = skip_key(p, end);
        if (p != NULL)
            p = skip_value(p, end, depth);
        if (p == NULL)
            return NULL;
        p = skip_blank(p, end);
        if (p < end && *p == close)
            return p + 1;
        if (p == end || *p != ',')
            return NULL;
        p = skip_blank(p + 1, end);
    }
    return NULL;
}

static const char *skip_value(const char *p, const char *end, int depth)
{
    if (p == end || depth == JSON_READ_DEPTH)
        return NULL;
    if (*p == '{' || *p == '[')
        return skip_items(p, end, depth + 1);
    return *p == '"' ? skip_string(p, end) : skip_word(p, end);
}

bool json_read_check(struct flare_str text)
{
    const char *end = text.ptr + text.len;
    const char *p = skip_value(skip_blank(text.ptr, end), end, 0);

    return p != NULL && skip_blank(p, end) == end;
}

static struct flare_str next_item(struct flare_str *rest, struct flare_str *key)
{
    const char *end = rest->ptr + rest->len;
    const char *p = skip_blank(rest->ptr, end);
    struct flare_str item = {.ptr = NULL};
    const char *after;

    if (p < end && (*p == '[' || *p == '{' || *p == ','))
        p = skip_blank(p + 1, end);
    if (p == end || *p == ']' || *p == '}')
        return item;
    if (key != NULL) {
        after = skip_string(p, end);
        *key = (struct flare_str){p + 1, (size_t)(after - p) - 2};
        p = skip_key(p, end);
    }
    after = skip_value(p, end, 0);
    item = (struct flare_str){p, (size_t)(after - p)};
    *rest = (struct flare_str){after, (size_t)(end - after)};
    return item;
}

static bool begins(struct flare_str value, char c)
{
    const char *end = value.ptr + value.len;
    const char *p = value.ptr;

    if (p == NULL)
        return false;
    p = skip_blank(p, end);
    return p < end && *p == c;
}

struct flare_str json_read_next(struct flare_str *rest)
{
    if (begins(*rest, '[') || begins(*rest, ','))
        return next_item(rest, NULL);
    return (struct flare_str){.ptr = NULL};
}

struct flare_str json_read_next_member(struct flare_str *rest,
                                       struct flare_str *key)
{
    if (begins(*rest, '{') || begins(*rest, ','))
        return next_item(rest, key);
    return (struct flare_str){.ptr = NULL};
}

struct flare_str json_read_member(struct flare_str object, const char *key)
{
    struct flare_str name;
    struct flare_str value;

    do
        value = json_read_next_member(&object, &name);
    while (value.ptr != NULL && !flare_str_equal(name, flare_str(key)));
    return value;
}

double json_read_number(struct flare_str value, double other)
{
    char text[64];

    if (value.ptr == NULL || value.len == 0 || value.len >= sizeof(text) ||
        (*value.ptr != '-' && (*value.ptr < '0' || *value.ptr > '9')))
        return other;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    return strtod(text, NULL);
}

bool json_read_bool(struct flare_str value, bool other)
{
    if (flare_str_equal(value, FLARE_STR("true")))
        return true;
    return flare_str_equal(value, FLARE_STR("false")) ? false : other;
}

static unsigned long read_hex(const char *p)
{
    char text[5] = {p[0], p[1], p[2], p[3], '\0'};

    return strtoul(text, NULL, 16);
}

/* One escape behind its backslash, as UTF-8 of up to three bytes; what needs
 * more, as a question mark.  Moves `*p` behind it. */
static size_t read_escape(const char **p, char out[3])
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *at = strchr(from, **p);
    unsigned long c;

    if (**p != 'u') {
        out[0] = at != NULL ? to[at - from] : **p;
        *p += 1;
        return 1;
    }
    c = read_hex(*p + 1);
    *p += 5;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c >= 0xd800 && c <= 0xdfff) {
        out[0] = '?';
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

void json_read_string(struct flare_str value, char *out, size_t size)
{
    const char *p = value.ptr + 1;
    size_t len = 0;

    if (begins(value, '"')) {
        while (*p != '"' && len + 4 < size) {
            if (*p == '\\') {
                p++;
                len += read_escape(&p, out + len);
            } else {
                out[len++] = *p++;
            }
        }
    }
    out[len] = '\0';
}
