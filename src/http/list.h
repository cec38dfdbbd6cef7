/* SPDX-License-Identifier: MIT */
/*
 * Lists in field values, #element of RFC 9110 section 5.6.1: cut at commas
 * that stand outside quotation marks, white space around and empty elements
 * dropped.  A field sent several times is a list of lists.
 */
#ifndef FLARE__HTTP_LIST_H
#define FLARE__HTTP_LIST_H

#include <flare/base.h>

/* A field's lines in the order received.  Borrowed; `count` may be 0. */
struct flare__values {
    const struct flare_str *at;
    size_t count;
};

/* What quotation marks in an element mean. */
enum flare__quoting {
    FLARE__QUOTED_STRING, /* backslash escapes: quoted-string, 5.6.4 */
    FLARE__QUOTED_ETAG    /* it does not: opaque-tag, 8.8.3 */
};

/* Lends the text without spaces and tabs at its ends. */
struct flare_str flare__trim(struct flare_str text);

/*
 * Takes the next element off `rest`.  Returns false when there is none.
 * A quotation mark that is never closed reaches to the end.
 */
bool flare__list_next(struct flare_str *rest, enum flare__quoting quoting,
                      struct flare_str *element);

/* Cuts `text` at the first `mark` outside quoted strings; what stands before
 * it is returned trimmed, `text` becomes what follows, empty if no mark. */
struct flare_str flare__cut(struct flare_str *text, char mark,
                            enum flare__quoting quoting);

#endif
