/* SPDX-License-Identifier: MIT */
/*
 * What a handshake reads in a head: fields by name, and lists of tokens in
 * them (RFC 9110 section 5.6).  Knows no head parser: whoever has parsed one
 * lends its fields.
 */
#ifndef FLARE__WS_FIELD_H
#define FLARE__WS_FIELD_H

#include <flare/base.h>

/* The fields of a head, in the order received.  Borrowed. */
struct flare__ws_fields {
    /* Lends field `index`, its value without white space around it; false past
     * the last. */
    bool (*at)(const void *ctx, size_t index, struct flare_str *name,
               struct flare_str *value);
    const void *ctx;
};

/* The lines of one field, first to last. */
struct flare__ws_lines {
    const struct flare__ws_fields *fields;
    struct flare_str name; /* in any case */
    size_t index;          /* the next field to look at; 0 at the start */
};

/* Lends the value of the field's next line; false: there is none. */
bool flare__ws_line_next(struct flare__ws_lines *lines,
                         struct flare_str *value);

/* How many lines field `name` has; `*value` is the first's, if any. */
size_t flare__ws_field_find(const struct flare__ws_fields *fields,
                            struct flare_str name, struct flare_str *value);

/* Whether a list in field `name`, on any line, has `word`, in any case. */
bool flare__ws_field_has(const struct flare__ws_fields *fields,
                         struct flare_str name, struct flare_str word);

/*
 * Takes the next element off a list without quoted strings, without white
 * space around it; empty ones are left out.  False: there is none.
 */
bool flare__ws_element_next(struct flare_str *rest, struct flare_str *element);

/* Moves `*text`, which has them, `len` bytes on. */
void flare__ws_skip(struct flare_str *text, size_t len);
void flare__ws_skip_white(struct flare_str *text);

/* Takes a token off the start of `*text`; its length, 0: there is none. */
size_t flare__ws_take_token(struct flare_str *text, struct flare_str *token);

bool flare__ws_is_token_char(char c);

/* Whether it is a token: one tchar or more, and nothing else. */
bool flare__ws_is_token(struct flare_str text);

#endif
