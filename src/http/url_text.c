/* SPDX-License-Identifier: MIT */
/* See url_text.h.  Escapes in the input are whole: the parser saw to that. */
#include "http/url_text.h"

#include "http/number.h"
#include "http/percent.h"

#include <errno.h>
#include <string.h>

void flare__url_put(struct flare__url_text *t, struct flare_str bytes)
{
    if (bytes.len == 0)
        return;
    if (t->is_full || t->size - t->len <= bytes.len) {
        t->is_full = true;
        return;
    }
    memmove(t->out + t->len, bytes.ptr, bytes.len);
    t->len += bytes.len;
}

void flare__url_put_char(struct flare__url_text *t, char c)
{
    flare__url_put(t, (struct flare_str){&c, 1});
}

void flare__url_put_number(struct flare__url_text *t, unsigned number)
{
    char digits[10];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    flare__url_put(t, (struct flare_str){digits + at, sizeof(digits) - at});
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static char to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* The next byte or escape of `rest`, normal, to `unit`; returns its length. */
static size_t unit_next(struct flare_str *rest, enum flare__url_case letters,
                        char unit[3])
{
    const char *p = rest->ptr;
    size_t taken = 1, len = 1;

    unit[0] = p[0];
    if (p[0] == '%' && rest->len >= 3) {
        char byte =
            (char)(flare__hex_digit(p[1]) << 4 | flare__hex_digit(p[2]));

        taken = 3;
        if (flare__percent_keeps(FLARE_PERCENT_VALUE, byte)) {
            unit[0] = byte;
        } else {
            unit[1] = to_upper(p[1]);
            unit[2] = to_upper(p[2]);
            len = 3;
        }
    }
    if (letters == FLARE__URL_CASE_LOWER)
        unit[0] = to_lower(unit[0]);
    rest->ptr += taken;
    rest->len -= taken;
    return len;
}

void flare__url_put_normal(struct flare__url_text *t, struct flare_str part,
                           enum flare__url_case letters)
{
    char unit[3];

    while (part.len > 0) {
        size_t len = unit_next(&part, letters, unit);

        flare__url_put(t, (struct flare_str){unit, len});
    }
}

bool flare__url_text_equal(struct flare_str a, struct flare_str b)
{
    char one[3], other[3];

    while (a.len > 0 && b.len > 0) {
        size_t len = unit_next(&a, FLARE__URL_CASE_LOWER, one);

        if (unit_next(&b, FLARE__URL_CASE_LOWER, other) != len ||
            memcmp(one, other, len) != 0)
            return false;
    }
    return a.len == b.len; /* one is 0 */
}

/*
 * Takes the last segment back.  Where it is the only one of a path that began
 * without '/', that begins with one then: so it comes out of section 5.2.4.
 */
static void path_pop(struct flare__url_text *t, size_t start)
{
    if (t->len == start)
        return;
    t->len--;
    while (t->len > start && t->out[t->len - 1] != '/')
        t->len--;
    if (t->len == start)
        flare__url_put_char(t, '/');
}

/* How many dots the segment from `at` on is; 0 if it is anything else. */
static int dots_at(const struct flare__url_text *t, size_t at)
{
    size_t len = t->len - at;

    if (len == 1 && t->out[at] == '.')
        return 1;
    return len == 2 && memcmp(t->out + at, "..", 2) == 0 ? 2 : 0;
}

void flare__url_put_path(struct flare__url_text *t, size_t start,
                         struct flare_str path, bool is_normal)
{
    while (path.len > 0) {
        const char *slash = memchr(path.ptr, '/', path.len);
        size_t len = slash != NULL ? (size_t)(slash - path.ptr) : path.len;
        struct flare_str segment = {path.ptr, len};
        size_t at = t->len;
        int dots;

        if (is_normal)
            flare__url_put_normal(t, segment, FLARE__URL_CASE_KEPT);
        else
            flare__url_put(t, segment);
        dots = dots_at(t, at);
        if (dots > 0)
            t->len = at;
        if (dots == 2)
            path_pop(t, start);
        if (slash != NULL) {
            if (dots == 0)
                flare__url_put_char(t, '/');
            len++;
        }
        path.ptr += len;
        path.len -= len;
    }
}

int flare__url_text_end(struct flare__url_text *t)
{
    if (t->is_full || t->size == 0 || t->len > FLARE_URL_MAX)
        return -ENOBUFS;
    t->out[t->len] = '\0';
    return (int)t->len;
}
