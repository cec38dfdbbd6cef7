/* SPDX-License-Identifier: MIT */
/* Strict: a parameter is a name, '=', and a token or a quoted string. */
#include "http/fieldparam.h"

#include "http/chars.h"

static void skip(struct flare_str *text, size_t len)
{
    if (len == 0)
        return; /* of NULL, too */
    text->ptr += len;
    text->len -= len;
}

static void skip_white(struct flare_str *text)
{
    while (text->len > 0 && (text->ptr[0] == ' ' || text->ptr[0] == '\t'))
        skip(text, 1);
}

/* Takes a token; its length, 0: there is none. */
static size_t take_token(struct flare_str *text, struct flare_str *token)
{
    size_t len = 0;

    while (len < text->len && flare__char_is(text->ptr[len], FLARE__CHAR_TOKEN))
        len++;
    *token = (struct flare_str){text->ptr, len};
    skip(text, len);
    return len;
}

/* Takes a quoted string; text->ptr is at its first quote. */
static bool take_quoted(struct flare_str *text, struct flare_str *inside)
{
    const char *p = text->ptr;
    size_t i = 1;

    while (i < text->len && p[i] != '"') {
        if (p[i] == '\\')
            i++;
        if (i == text->len || !flare__char_is(p[i], FLARE__CHAR_VALUE))
            return false;
        i++;
    }
    if (i == text->len)
        return false;
    *inside = (struct flare_str){p + 1, i - 1};
    skip(text, i + 1);
    return true;
}

/* Whether a parameter or nothing comes next. */
static bool is_at_border(struct flare_str text)
{
    return text.len == 0 || text.ptr[0] == ';';
}

int flare__fieldparam_first(struct flare_str *text, struct flare_str *word)
{
    struct flare_str part;

    skip_white(text);
    if (take_token(text, word) == 0)
        return FLARE_E_BAD_INPUT;
    if (text->len > 0 && text->ptr[0] == '/') {
        skip(text, 1);
        if (take_token(text, &part) == 0)
            return FLARE_E_BAD_INPUT;
        word->len += 1 + part.len;
    }
    skip_white(text);
    return is_at_border(*text) ? 0 : FLARE_E_BAD_INPUT;
}

int flare__fieldparam_next(struct flare_str *text,
                           struct flare__fieldparam *param)
{
    while (text->len > 0 && text->ptr[0] == ';') {
        skip(text, 1);
        skip_white(text); /* an empty parameter is none: section 5.6.6 */
    }
    if (text->len == 0)
        return 0;
    if (take_token(text, &param->name) == 0 || text->len == 0 ||
        text->ptr[0] != '=')
        return FLARE_E_BAD_INPUT;
    skip(text, 1);
    param->is_quoted = text->len > 0 && text->ptr[0] == '"';
    if (param->is_quoted) {
        if (!take_quoted(text, &param->value))
            return FLARE_E_BAD_INPUT;
    } else if (take_token(text, &param->value) == 0) {
        return FLARE_E_BAD_INPUT;
    }
    skip_white(text);
    return is_at_border(*text) ? 1 : FLARE_E_BAD_INPUT;
}
