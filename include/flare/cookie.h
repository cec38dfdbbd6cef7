/* SPDX-License-Identifier: MIT */
/* Cookies, in and out (RFC 6265 and its successor, "6265bis"). */
#ifndef FLARE_COOKIE_H
#define FLARE_COOKIE_H

#include <flare/handler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- cookies that came ---- */

/*
 * A pair that is not `token=value` with a value of the RFC's octets (no white
 * space, comma, backslash, control or byte past 0x7F; quotes only around the
 * whole) is skipped, never repaired: some other page's script must not be able
 * to lock a visitor out.  Names are compared with regard to case.  Quotes are
 * part of a value, as in section 4.1.1.  What is lent is valid until the
 * handler returns.
 */

/*
 * Lends the value of the first cookie `name`; ptr is NULL without one, and if
 * flare_req_cookie_check fails.
 */
FLARE_API struct flare_str flare_req_cookie(flare_req *req, const char *name);

/*
 * Whether the cookies can be read.  Returns 0; FLARE_E_HEAD_TOO_LARGE (a 431)
 * if there are more than 100, and then there are none; -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_req_cookie_check(flare_req *req);

/* How many cookies came; repeated ones count each.  0 after an error. */
FLARE_API size_t flare_req_cookie_count(flare_req *req);

/*
 * Lends cookie `index` (0 to count - 1), in the order of the fields.
 * Returns 0, or FLARE_E_RANGE with nothing written.
 */
FLARE_API FLARE_MUST_USE int flare_req_cookie_at(flare_req *req, size_t index,
                                                 struct flare_str *name,
                                                 struct flare_str *value);

/* ---- cookies that go out ---- */

enum flare_same_site {
    FLARE_SAME_SITE_UNSAID, /* what the browser does then: mostly Lax */
    FLARE_SAME_SITE_LAX,
    FLARE_SAME_SITE_STRICT,
    FLARE_SAME_SITE_NONE /* needs is_secure */
};

/* A cookie to be set; zero leaves an attribute out. */
struct flare_cookie {
    const char *name; /* a token */
    struct flare_str value;
    const char *path;   /* starts with '/' */
    const char *domain; /* a name with a dot in it, without one at its ends */
    int64_t max_age_s;  /* below 0: the cookie is deleted */
    int64_t expires_s;  /* Unix time, until 9999 */
    enum flare_same_site same_site;
    bool is_secure;
    bool is_http_only;
    bool is_partitioned; /* needs is_secure */
};

/*
 * Adds a Set-Cookie field to the response, as flare_res_header would.  Copies
 * all.  One name should be set once in a response (section 4.1.1).
 *
 *     rc = flare_res_cookie(res, &(struct flare_cookie){
 *         .name = "__Host-session", .value = token, .path = "/",
 *         .is_secure = true, .is_http_only = true,
 *         .same_site = FLARE_SAME_SITE_LAX, .max_age_s = 86400});
 *
 * Returns 0; FLARE_E_BAD_HEADER for a cookie that a browser would refuse, or
 * read as another than this one:
 *   a name that is no token; a value with other than the RFC's octets
 *   a path that does not start with '/', or has a ';' or a control in it
 *   a domain that is no host name, is an address, or has no dot: without the
 *   public suffix list nothing more can be said here
 *   SameSite=None or Partitioned without Secure
 *   a name that starts with __Secure-, __Host-, __Http- or __Host-Http- (in
 *   whatever case) without what that promises: Secure; Secure, Path=/ and no
 *   Domain; and HttpOnly
 *   more than 4096 bytes in all (section 6.1), or 1024 in one attribute
 * and what flare_res_header returns for want of room or of time.
 */
FLARE_API FLARE_MUST_USE int flare_res_cookie(
    flare_res *res, const struct flare_cookie *cookie);

#ifdef __cplusplus
}
#endif
#endif
