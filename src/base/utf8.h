/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 (RFC 3629 section 4): whether bytes are, whole or as they come, and by
 * the character.
 *
 * Only well-formed sequences: no overlong forms, no surrogates, nothing above
 * U+10FFFF.  NUL is a character like the others.  Thread: any.
 */
#ifndef FLARE__BASE_UTF8_H
#define FLARE__BASE_UTF8_H

#include <flare/base.h>

bool flare__utf8_is_valid(struct flare_str text);

/* Between two pieces of a text: what is left of a character that was cut. */
struct flare__utf8 {
    uint8_t left; /* bytes it still needs; 0: none was */
    uint8_t low;  /* the range that the next of them must be in */
    uint8_t high;
};

static inline void flare__utf8_init(struct flare__utf8 *u)
{
    *u = (struct flare__utf8){0, 0, 0};
}

/*
 * Takes the next piece.  Returns `len`, or the index of the first byte with
 * which no text can be well-formed, wherever the text was cut: the earliest
 * moment to say so.  Then only init may follow.
 */
FLARE_MUST_USE
size_t flare__utf8_feed(struct flare__utf8 *u, const char *bytes, size_t len);

/* Whether the text may end here. */
static inline bool flare__utf8_is_whole(const struct flare__utf8 *u)
{
    return u->left == 0;
}

/*
 * The length of the character at `bytes`, of which at least one is left; 0 if
 * it is none.  `*bad` is then how many bytes one U+FFFD stands for: the
 * "maximal subpart" of section 3.9 of the Unicode standard, at least 1.
 */
size_t flare__utf8_next(const char *bytes, size_t left, size_t *bad);

#endif
