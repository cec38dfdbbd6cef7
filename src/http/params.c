/* SPDX-License-Identifier: MIT */
/*
 * One pass that counts, so that the list is allocated once, and one that
 * decodes.  What is decoded is never longer than what came.
 */
#include "http/params.h"

#include "base/utf8.h"
#include "http/number.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

static bool is_control(unsigned c)
{
    return c < 0x20 || c == 0x7F;
}

/*
 * Decodes `raw` to `*out`, and moves that behind it.  False if it is not as
 * flare__params_parse says.
 */
static bool params_decode(char **out, struct flare_str raw, bool is_name,
                          struct flare_str *decoded)
{
    char *start = *out;
    char *p = start;
    unsigned seen = 0; /* all bytes or-ed */

    for (size_t i = 0; i < raw.len; i++) {
        unsigned c = (unsigned char)raw.ptr[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high, low;

            if (raw.len - i < 3)
                return false;
            high = flare__hex_digit(raw.ptr[i + 1]);
            low = flare__hex_digit(raw.ptr[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (unsigned)(high << 4 | low);
            if (c == 0 || (is_name && is_control(c)))
                return false;
            i += 2;
        } else if (is_control(c)) {
            return false;
        }
        seen |= c;
        *p++ = (char)c;
    }
    *decoded = (struct flare_str){start, (size_t)(p - start)};
    *out = p;
    return seen < 0x80 || flare__utf8_is_valid(*decoded);
}

/* The pair in `raw`, decoded to `*out`. */
static bool params_pair(char **out, struct flare_str raw,
                        struct flare__pair *pair)
{
    const char *equals = memchr(raw.ptr, '=', raw.len);
    struct flare_str name = raw;
    struct flare_str value = {raw.ptr + raw.len, 0};

    if (equals != NULL) {
        name.len = (size_t)(equals - raw.ptr);
        value.ptr = equals + 1;
        value.len = raw.len - name.len - 1;
    }
    return params_decode(out, name, /* is_name = */ true, &pair->name) &&
           params_decode(out, value, /* is_name = */ false, &pair->value);
}

/* Takes the next pair that is not empty from `*text`; false: none is left. */
static bool params_next(struct flare_str *text, struct flare_str *pair)
{
    while (text->len > 0) {
        const char *end = memchr(text->ptr, '&', text->len);
        size_t len = end != NULL ? (size_t)(end - text->ptr) : text->len;
        size_t taken = end != NULL ? len + 1 : len;

        *pair = (struct flare_str){text->ptr, len};
        *text = (struct flare_str){text->ptr + taken, text->len - taken};
        if (len > 0)
            return true;
    }
    return false;
}

/* Up to one more than there may be. */
static uint32_t params_count(struct flare_str text)
{
    struct flare_str pair;
    uint32_t count = 0;

    while (count <= FLARE__PARAMS_MAX && params_next(&text, &pair))
        count++;
    return count;
}

static int params_read(struct flare__params *p, struct flare__arena *arena,
                       struct flare_str text)
{
    uint32_t count = params_count(text);
    struct flare_str raw;
    char *out;

    if (count == 0)
        return 0;
    if (count > FLARE__PARAMS_MAX)
        return FLARE_E_BAD_INPUT;
    p->list = flare__arena_alloc(arena, count * sizeof(*p->list),
                                 alignof(struct flare__pair));
    if (p->list == NULL)
        return -ENOMEM;
    out = flare__arena_alloc(arena, text.len, 1);
    if (out == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; params_next(&text, &raw); i++)
        if (!params_pair(&out, raw, &p->list[i]))
            return FLARE_E_BAD_INPUT;
    p->count = count;
    return 0;
}

void flare__params_parse(struct flare__params *p, struct flare__arena *arena,
                         struct flare_str text)
{
    *p = (struct flare__params){0};
    p->rc = params_read(p, arena, text);
}

const struct flare__pair *flare__params_find(const struct flare__params *p,
                                             struct flare_str name)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (flare_str_equal(p->list[i].name, name))
            return &p->list[i];
    return NULL;
}
