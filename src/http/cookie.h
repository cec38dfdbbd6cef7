/* SPDX-License-Identifier: MIT */
/* The Cookie field read, the Set-Cookie field written.  What a client does with
 * both: setcookie.h, jar.h. */
#ifndef FLARE__HTTP_COOKIE_H
#define FLARE__HTTP_COOKIE_H

#include <flare/cookie.h>

#include "http/params.h"

enum {
    FLARE__COOKIES_MAX = 100, /* FAILURES H15 */
    FLARE__COOKIE_BYTES_MAX = 4096,
    FLARE__COOKIE_ATTRIBUTE_MAX = 1024 /* 6265bis section 5.6 */
};

/*
 * Adds the cookies of one Cookie field's value to `p`, copied to the arena;
 * `p` starts cleared.  Pairs that are none are skipped (flare/cookie.h).
 * p->rc is 0; FLARE_E_HEAD_TOO_LARGE or -ENOMEM, and then there are none.
 */
void flare__cookies_parse(struct flare__params *p, struct flare__arena *arena,
                          struct flare_str value);

/* A value as a cookie may have it, with quotes or without. */
bool flare__cookie_is_value(struct flare_str value);

/*
 * Whether a cookie is what its name promises by beginning with __Secure-,
 * __Host-, __Http- or __Host-Http-, in any case.  `is_of_host`: Path=/ is given
 * and no Domain.
 */
bool flare__cookie_is_promise_kept(struct flare_str name, bool is_secure,
                                   bool is_of_host, bool is_http_only);

/*
 * Writes the value of a Set-Cookie field, not terminated.
 * Returns its length or FLARE_E_BAD_HEADER.
 */
FLARE_MUST_USE
int flare__cookie_write(char out[FLARE__COOKIE_BYTES_MAX],
                        const struct flare_cookie *cookie);

#endif
