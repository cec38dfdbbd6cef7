/* SPDX-License-Identifier: MIT */
/*
 * The text of URLs under construction, for url*.c: a bounded writer, and the
 * normal form of escapes (RFC 3986 section 6.2.2).
 */
#ifndef FLARE__HTTP_URL_TEXT_H
#define FLARE__HTTP_URL_TEXT_H

#include <flare/base.h>

struct flare__url_text {
    char *out;
    size_t size; /* with the NUL */
    size_t len;
    bool is_full; /* something had no room */
};

enum flare__url_case { FLARE__URL_CASE_KEPT, FLARE__URL_CASE_LOWER };

void flare__url_put(struct flare__url_text *t, struct flare_str bytes);
void flare__url_put_char(struct flare__url_text *t, char c);

/* A decimal number. */
void flare__url_put_number(struct flare__url_text *t, unsigned number);

/*
 * A part with its escapes in upper case, and none where the byte may stand for
 * itself in every part; LOWER: letters that are not escaped in lower case.
 */
void flare__url_put_normal(struct flare__url_text *t, struct flare_str part,
                           enum flare__url_case letters);

/*
 * A path behind what was written from `start` on: nothing, or a path that ends
 * with '/'.  Works "." and ".." off both (section 5.2.4).
 */
void flare__url_put_path(struct flare__url_text *t, size_t start,
                         struct flare_str path, bool is_normal);

/* Terminates.  The length, or -ENOBUFS: too little room, or too long. */
FLARE_MUST_USE
int flare__url_text_end(struct flare__url_text *t);

/* Whether both are the same in normal form and lower case. */
bool flare__url_text_equal(struct flare_str a, struct flare_str b);

#endif
