/* SPDX-License-Identifier: MIT */
/* A text that grows, and what may stand in one of HTML or in a URL. */
#ifndef FLARE_SERVE_TEXT_H
#define FLARE_SERVE_TEXT_H

#include <flare/flare.h>

/* Zeroed to begin with.  A failure sticks and is told at the end. */
struct text {
    char *ptr;
    size_t len;
    size_t room;
    bool has_failed;
};

void text_put(struct text *t, const char *text);
void text_put_bytes(struct text *t, struct flare_str bytes);
void text_put_html(struct text *t, struct flare_str bytes); /* escaped */
void text_put_url(struct text *t, struct flare_str bytes);  /* a segment */

/* Answers with it and is empty afterwards, whatever is returned: as
 * flare_res_give. */
int text_give(struct text *t, flare_res *res, int status,
              struct flare_str type);

/* Whether `word` is in `list`, without regard to case. */
bool text_has(struct flare_str list, const char *word);

/* Whether it is UTF-8 without control characters: what a URL may name. */
bool text_is_utf8(struct flare_str text);

#endif
