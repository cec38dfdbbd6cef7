/* SPDX-License-Identifier: MIT */
/*
 * Names with values: a query, a form, cookies.  A list in the order of the
 * text, searched from its start: nothing is hashed, so no peer can make names
 * collide.
 */
#ifndef FLARE__HTTP_PARAMS_H
#define FLARE__HTTP_PARAMS_H

#include <flare/error.h>

#include "base/arena.h"

enum { FLARE__PARAMS_MAX = 1000 }; /* FAILURES H16 */

struct flare__pair {
    struct flare_str name;
    struct flare_str value;
};

/* A part of a multipart body; `at` is where its content starts in the body. */
struct flare__part {
    struct flare_str name;
    struct flare_str filename; /* ptr NULL: none */
    struct flare_str type;     /* likewise */
    size_t at;
    size_t len;
};

struct flare__params {
    int rc; /* 0, or why there are none */
    uint32_t count;
    struct flare__pair *list;
    /* Of a multipart form, also those that are no text. */
    int parts_rc;
    uint32_t part_count;
    struct flare__part *parts;
};

/*
 * Reads application/x-www-form-urlencoded text (WHATWG URL section 5.1) into
 * `p`, all of it copied to the arena.  Pairs are parted by '&', empty ones are
 * skipped; without '=' the value is empty.  '+' is a space, "%41" is "A".
 *
 * p->rc is 0; -ENOMEM, and arena->is_limited says whether that was its bound;
 * or FLARE_E_BAD_INPUT:
 *   '%' without two hexadecimal digits
 *   NUL, escaped or not
 *   another control character that is not escaped, or in a name: a value may
 *   be what somebody wrote into a text area, and then has line ends and more
 *   a name or a value that is not UTF-8
 *   more than FLARE__PARAMS_MAX pairs
 * On failure there are none.
 */
void flare__params_parse(struct flare__params *p, struct flare__arena *arena,
                         struct flare_str text);

/* The first pair of that name; NULL: none. */
const struct flare__pair *flare__params_find(const struct flare__params *p,
                                             struct flare_str name);

#endif
