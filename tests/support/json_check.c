/* SPDX-License-Identifier: MIT */
/* Recursive descent, a function for each rule of the grammar. */
#include "tests/support/json_check.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    const char *at;
    const char *end;
    int depth_left;
    const char *wrong;
    json_check_string_fn on_string;
    void *ctx;
};

static void fail(struct reader *r, const char *what)
{
    if (r->wrong == NULL)
        r->wrong = what;
    r->at = r->end;
}

static int peek(const struct reader *r)
{
    return r->at < r->end ? (unsigned char)*r->at : -1;
}

static bool take(struct reader *r, char c)
{
    if (peek(r) != (unsigned char)c)
        return false;
    r->at++;
    return true;
}

static unsigned take_hex4(struct reader *r)
{
    unsigned n = 0;

    for (int i = 0; i < 4; i++) {
        int c = peek(r);
        const char *digits = "0123456789abcdef";
        const char *digit = c > 0 ? strchr(digits, c) : NULL;

        if (digit == NULL) {
            fail(r, "bad \\u");
            return 0;
        }
        n = n * 16 + (unsigned)(digit - digits);
        r->at++;
    }
    return n;
}

/* An escape, behind its backslash; the writer escapes nothing past ASCII. */
static char read_escape(struct reader *r)
{
    static const char from[] = "\"\\bfnrt", to[] = "\"\\\b\f\n\r\t";
    int c = peek(r);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    unsigned n;

    r->at += r->at < r->end;
    if (found != NULL)
        return to[found - from];
    if (c != 'u') {
        fail(r, "unknown escape");
        return 0;
    }
    n = take_hex4(r);
    if (n >= 0x20)
        fail(r, "an escape that is not needed");
    return (char)n;
}

/* One UTF-8 character past ASCII, by decoding it and looking at the number. */
static size_t utf8_len(const struct reader *r)
{
    const unsigned char *p = (const unsigned char *)r->at;
    size_t left = (size_t)(r->end - r->at);
    size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : p[0] >= 0xC0 ? 2 : 0;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t n = len > 0 ? p[0] & (0xFFu >> (len + 1)) : 0;

    if (len == 0 || len > left || p[0] >= 0xF8)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        n = n << 6 | (p[i] & 0x3F);
    }
    if (n < least[len] || n > 0x10FFFF || (n >= 0xD800 && n <= 0xDFFF))
        return 0;
    return len;
}

static void read_string(struct reader *r)
{
    char *out = malloc((size_t)(r->end - r->at) + 1);
    struct flare_str text = {out, 0};

    if (!take(r, '"'))
        fail(r, "no string");
    while (r->wrong == NULL && !take(r, '"')) {
        int c = peek(r);
        size_t len;

        if (c < 0x20) {
            fail(r, "a control character or an end in a string");
        } else if (c == '\\') {
            r->at++;
            out[text.len++] = read_escape(r);
        } else if (c < 0x80) {
            out[text.len++] = *r->at++;
        } else if ((len = utf8_len(r)) == 0) {
            fail(r, "not UTF-8");
        } else {
            memcpy(out + text.len, r->at, len);
            text.len += len;
            r->at += len;
        }
    }
    if (r->wrong == NULL && r->on_string != NULL)
        r->on_string(r->ctx, text);
    free(out);
}

static void take_digits(struct reader *r)
{
    if (peek(r) < '0' || peek(r) > '9')
        fail(r, "no digit");
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
}

static void read_number(struct reader *r)
{
    (void)take(r, '-');
    if (take(r, '0')) {
        if (peek(r) >= '0' && peek(r) <= '9')
            fail(r, "a leading zero");
    } else {
        take_digits(r);
    }
    if (take(r, '.'))
        take_digits(r);
    if (take(r, 'e')) {
        if (!take(r, '+'))
            (void)take(r, '-');
        take_digits(r);
    }
}

static void read_word(struct reader *r, const char *word)
{
    for (; *word != '\0'; word++)
        if (!take(r, *word))
            fail(r, "no value");
}

static void read_value(struct reader *r);

static void read_members(struct reader *r, bool is_object)
{
    char end = is_object ? '}' : ']';

    if (r->depth_left-- == 0)
        fail(r, "too deep");
    r->at += r->at < r->end;
    if (!take(r, end)) {
        do {
            if (is_object) {
                read_string(r);
                if (!take(r, ':'))
                    fail(r, "no colon");
            }
            read_value(r);
        } while (take(r, ','));
        if (!take(r, end))
            fail(r, "no end");
    }
    r->depth_left++;
}

static void read_value(struct reader *r)
{
    switch (peek(r)) {
    case '{':
        read_members(r, /* is_object = */ true);
        break;
    case '[':
        read_members(r, /* is_object = */ false);
        break;
    case '"':
        read_string(r);
        break;
    case 't':
        read_word(r, "true");
        break;
    case 'f':
        read_word(r, "false");
        break;
    case 'n':
        read_word(r, "null");
        break;
    default:
        read_number(r);
    }
}

const char *json_check(struct flare_str text, int depth_max,
                       json_check_string_fn on_string, void *ctx)
{
    struct reader r = {text.ptr, text.ptr + text.len, depth_max,
                       NULL,     on_string,           ctx};

    read_value(&r);
    if (r.wrong == NULL && r.at != r.end)
        r.wrong = "something behind the value";
    return r.wrong;
}
