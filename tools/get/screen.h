/* SPDX-License-Identifier: MIT */
/*
 * A body on its way to people: text with what could command a terminal escaped,
 * JSON indented and coloured.  It comes in pieces cut anywhere, and is written
 * as it comes; what is no JSON is still all there.
 */
#ifndef FLARE_TOOL_GET_SCREEN_H
#define FLARE_TOOL_GET_SCREEN_H

#include <flare/base.h>
#include <stdint.h>
#include <stdio.h>

enum { SCREEN_DEPTH_MAX = 64 };

struct screen {
    FILE *file;
    bool is_json;
    bool in_string;
    bool is_escaped;  /* behind a backslash */
    bool is_key;      /* the string is one */
    bool in_word;     /* a number, true, false, null */
    bool is_fresh;    /* nothing since the bracket was opened */
    bool wants_key;   /* in an object, before the colon */
    uint64_t objects; /* bit d: depth d is an object */
    unsigned depth;
    char carry[4]; /* the front of a character */
    size_t carry_len;
    int last; /* the last byte written; 0: none */
};

void screen_begin(struct screen *screen, FILE *file, bool is_json);
void screen_put(struct screen *screen, struct flare_str piece);

/* Ends the last line. */
void screen_end(struct screen *screen);

#endif
