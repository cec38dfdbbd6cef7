/* SPDX-License-Identifier: MIT */
/*
 * The Set-Cookie field read as a user agent has to: the algorithms of
 * "6265bis", sections 5.1.1 and 5.6.  Servers write these fields in any way
 * they like, so what is no error there is none here, and what is none of its
 * attributes is skipped.  What may be kept of it is for the jar.
 */
#ifndef FLARE__HTTP_SETCOOKIE_H
#define FLARE__HTTP_SETCOOKIE_H

#include <flare/cookie_jar.h>

/* Slices of the field. */
struct flare__set_cookie {
    struct flare_str name; /* one of these two may be empty */
    struct flare_str value;
    struct flare_str domain; /* as it stands, without a dot in front */
    struct flare_str path;   /* begins with '/', or is empty: the default */
    int64_t expires_s;       /* INT64_MIN: at once; INT64_MAX: never */
    enum flare_same_site same_site;
    bool is_persistent; /* expires_s was said */
    bool has_path;      /* a path was, be it a faulty one */
    bool is_secure;
    bool is_http_only;
};

/*
 * Reads the value of a Set-Cookie field that came at `now_s`.  Returns 0,
 * FLARE_E_COOKIE_SYNTAX or FLARE_E_COOKIE_TOO_LARGE with nothing written; `err`
 * may be NULL.
 */
FLARE_MUST_USE
int flare__set_cookie_parse(struct flare__set_cookie *out,
                            struct flare_str text, int64_t now_s,
                            struct flare_error *err);

/*
 * Reads a date by section 5.1.1, which finds one in nearly everything.
 * Returns 0, or FLARE_E_BAD_INPUT with nothing written.
 */
FLARE_MUST_USE
int flare__cookie_date_parse(struct flare_str text, int64_t *out);

/* The time until which a cookie may be kept at most: 400 days from `now_s`. */
int64_t flare__cookie_latest(int64_t now_s);

/* A byte that no cookie may have: a control, but a tab. */
bool flare__cookie_is_control(char c);

#endif
