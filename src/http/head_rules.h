/* SPDX-License-Identifier: MIT */
/*
 * What single fields mean to framing and to the connection.  A field is judged
 * when its line is complete; what needs all of them at the end of the head.
 */
#ifndef FLARE__HTTP_HEAD_RULES_H
#define FLARE__HTTP_HEAD_RULES_H

#include "http/head.h"
#include "http/reply_head.h"

#include <string.h>

/* What the fields so far have said; the parser keeps it in a local. */
enum {
    FLARE__SEEN_HOST = 1,
    FLARE__SEEN_LENGTH = 2,
    FLARE__SEEN_CODING = 4,
    FLARE__SEEN_CLOSE = 8,
    FLARE__SEEN_KEEP_ALIVE = 16,
    FLARE__SEEN_UPGRADE = 32,
    FLARE__SEEN_CONTINUE = 64,
    FLARE__SEEN_AUTHORITY = 128 /* the target has one: Host does not count */
};

/*
 * First letters of the names with a rule, by length: Host, Expect, Connection,
 * Content-Length, Transfer-Encoding.  Tells nearly every other field apart in
 * one comparison; `name_len` is at least 1.
 */
static inline bool flare__rule_may_apply(const char *name, size_t name_len)
{
    static const char first[32] = {
        [4] = 'h', [6] = 'e', [10] = 'c', [14] = 'c', [17] = 't'};

    return (name[0] | 0x20) == first[name_len % sizeof(first)];
}

/*
 * Whether the `len` bytes at `p`, none of them a control, are the lower-case
 * `word` in any case; `len` is a constant from 4 up.  Exact, because what
 * differs from a letter, a digit or '-' in bit 5 alone is a letter or a
 * control.
 */
static inline __attribute__((always_inline)) bool flare__word_is(
    const char *p, const char *word, size_t len)
{
    const uint64_t bit = UINT64_C(0x2020202020202020);
    const size_t step = len < 8 ? 4 : 8;
    uint64_t is_other = 0;

    for (size_t i = 0; i < len; i += step) {
        size_t at = i + step <= len ? i : len - step; /* the last overlaps */
        uint32_t half[2];
        uint64_t whole[2];

        if (step == 8) {
            memcpy(&whole[0], p + at, 8);
            memcpy(&whole[1], word + at, 8);
            is_other |= (whole[0] | bit) ^ whole[1];
        } else {
            memcpy(&half[0], p + at, 4);
            memcpy(&half[1], word + at, 4);
            is_other |= (half[0] | (uint32_t)bit) ^ half[1];
        }
    }
    return is_other == 0;
}

/* Applies the field's rule, if it has one.  What has been seen then, which is
 * no address so that the parser's stays in a register, or the error. */
FLARE_MUST_USE
int flare__rule_field(struct flare__head *head,
                      const struct flare__field *field, uint32_t seen);

/* All fields are there: the rules across them, and the flags. */
FLARE_MUST_USE
int flare__rule_end_slow(struct flare__head *head, uint32_t seen);

static inline int flare__rule_end(struct flare__head *head, uint32_t seen)
{
    if ((seen & ~(uint32_t)FLARE__SEEN_KEEP_ALIVE) != FLARE__SEEN_HOST ||
        head->minor == 0)
        return flare__rule_end_slow(head, seen);
    head->flags = FLARE__HEAD_KEEP_ALIVE;
    return 0;
}

/* The same two for a response; CODING_UNKNOWN, BAD_FRAMING, BAD_REQUEST. */
FLARE_MUST_USE
int flare__rule_reply_field(struct flare__reply_head *head,
                            const struct flare__field *field, uint32_t seen);
FLARE_MUST_USE
int flare__rule_reply_end(struct flare__reply_head *head, uint32_t seen);

#endif
