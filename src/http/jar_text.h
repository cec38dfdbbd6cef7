/* SPDX-License-Identifier: MIT */
/*
 * Cookies as lines of text, in two formats.  Pure: no file, no jar.
 *
 * Our own, whose first line is "flare-cookies 1", has eight fields to a line
 * with a tab between:
 *
 *   domain flags path expires created number name value
 *
 * `flags` are words with commas between (host, secure, httponly, lax, strict,
 * none), or "-"; `expires` is a Unix time or "session"; `number` orders what
 * was created in one second.  Controls, spaces, '%' and what is not ASCII are
 * written as %XX.  Lines are in the order of use, the newest last.
 *
 * Netscape's has seven, as curl documents it, "#HttpOnly_" in front of a line;
 * other lines with '#' and empty ones are comments.
 */
#ifndef FLARE__HTTP_JAR_TEXT_H
#define FLARE__HTTP_JAR_TEXT_H

#include "http/jar.h"
#include "http/jar_match.h"

/* A text that grows. */
struct flare__jar_text {
    const struct flare_allocator *al;
    char *bytes;
    size_t len;
    size_t size;
    bool has_failed; /* no memory */
};

/* Frees the bytes. */
void flare__jar_text_fini(struct flare__jar_text *text);

/* The lines in front of all others. */
void flare__jar_text_begin(struct flare__jar_text *text,
                           enum flare_cookie_format format);

/* Adds a cookie.  false: it cannot be in this format. */
bool flare__jar_text_add(struct flare__jar_text *text,
                         enum flare_cookie_format format,
                         const struct flare_cookie_info *info, uint64_t number);

/* A cookie that was read; its slices lie in here and in the line. */
struct flare__jar_line {
    struct flare__jar_new cookie;
    struct flare__jar_host host;
    char bytes[FLARE_COOKIE_PAIR_MAX + FLARE__JAR_PATH_MAX];
};

/* Takes the next line off a text, without its end. */
struct flare_str flare__jar_line_next(struct flare_str *text);

/* Which format a text is in, whose first line this is; FLARE_E_COOKIE_FILE: a
 * later version of ours. */
int flare__jar_format_of(struct flare_str line);

/*
 * Reads a line at `now_s`: form only, what may be in it is for the jar. Returns
 * NULL with the cookie in `*out`, whose domain may be empty for a comment; or
 * what is wrong.
 */
const char *flare__jar_line_read(struct flare__jar_line *out,
                                 enum flare_cookie_format format,
                                 struct flare_str line, int64_t now_s);

#endif
