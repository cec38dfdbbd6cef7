/* SPDX-License-Identifier: MIT */
/*
 * A client's cookies, as "6265bis" (draft-ietf-httpbis-rfc6265bis, which
 * replaces RFC 6265) has a user agent keep them: what responses set is checked
 * and kept, what a request is to send comes out in order.
 *
 *     const struct flare_cookie_url url = {
 *         .host = FLARE_STR("example.com"), .path = FLARE_STR("/"),
 *         .is_secure = true};
 *
 *     rc = flare_cookie_jar_store(jar, &url, set_cookie, now, &err);
 *     len = flare_cookie_jar_header(jar, &url, now, buffer, sizeof(buffer));
 *
 * The jar knows no socket and no clock: `now_s` is Unix time, in seconds, and
 * asking for it once per request is enough.  Nothing of what is kept outlives
 * its time, nor more than 400 days (section 5.5).  docs/cookies.md has the
 * rules in a table.
 *
 * Thread: any, but one at a time for one jar.
 */
#ifndef FLARE_COOKIE_JAR_H
#define FLARE_COOKIE_JAR_H

#include <flare/alloc.h>
#include <flare/cookie.h>
#include <flare/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FLARE_COOKIE_PAIR_MAX = 4096, /* bytes of a name and its value */
    FLARE_COOKIE_AGE_MAX_S = 400 * 86400
};

typedef struct flare_cookie_jar flare_cookie_jar;

/*
 * Whether every host below `domain` may belong to somebody else ("co.uk",
 * "github.io"): then no cookie is for all of them.  `domain` is in lower case,
 * has a dot in it and none at its ends.  publicsuffix.org has the list, libpsl
 * reads it.  Must not call the jar.
 */
typedef bool (*flare_public_suffix_fn)(struct flare_str domain, void *ctx);

/* Zero is the default, in brackets. */
struct flare_cookie_jar_config {
    uint32_t cookies_max;    /* in all; 1 to 100 000 [3000] */
    uint32_t per_domain_max; /* of one domain; 1 to 100 000 [180] */
    uint32_t bytes_max; /* memory of the cookies; 16 KiB to 1 GiB [16 MiB] */
    /* [only names without a dot are public suffixes] */
    flare_public_suffix_fn is_public_suffix;
    void *public_suffix_ctx;
    /* Copied; its context is borrowed until the jar is freed [malloc]. */
    const struct flare_allocator *allocator;
};

/*
 * flare_cookie_jar_new(out, config, err): gives an empty jar.  `config` and
 * `err` may be NULL.
 *
 * Returns 0; FLARE_E_BAD_CONFIG with the member in `err`; -ENOMEM; -errno if
 * there are no random numbers.  Release it with flare_cookie_jar_free.
 */
#define flare_cookie_jar_new(...)                                              \
    flare_cookie_jar_new_sized(sizeof(struct flare_cookie_jar_config),         \
                               __VA_ARGS__)

/* flare_cookie_jar_new, and how large the caller's configuration is. */
FLARE_API FLARE_MUST_USE int flare_cookie_jar_new_sized(
    size_t config_size, flare_cookie_jar **out,
    const struct flare_cookie_jar_config *config, struct flare_error *err);

/* Accepts NULL. */
FLARE_API void flare_cookie_jar_free(flare_cookie_jar *jar);

/* ---- requests and responses ---- */

/*
 * Who wants the request (section 5.2): what cookies with SameSite are kept back
 * from.  A program that follows nobody's links is always FLARE_SITE_SAME.
 */
enum flare_site {
    FLARE_SITE_SAME,       /* its own site, or the program itself */
    FLARE_SITE_CROSS_LINK, /* another site, and the user goes there by GET or
                              another safe method: no Strict cookie is sent */
    FLARE_SITE_CROSS_FORM, /* as LINK, by POST or another: only None is sent */
    FLARE_SITE_CROSS       /* another site, for a part of its page: only None
                              is sent, and only None is stored */
};

/* What matters of a request's URL.  A cookie knows no port. */
struct flare_cookie_url {
    struct flare_str host; /* a name or an address, IPv6 in brackets or not */
    struct flare_str path; /* up to a '?' or '#'; else than "/...": "/" */
    bool is_secure;        /* https, wss; "localhost" alone is not */
    enum flare_site site;
};

/*
 * Keeps, replaces or deletes a cookie as the value of one Set-Cookie field of a
 * response says.
 *
 * Returns 0 if that was done, which may mean that nothing is kept: the cookie
 * had expired.  Else nothing has changed, and `err` (may be NULL) says why:
 *   FLARE_E_BAD_HOSTNAME       `url->host` (flare_dns_host_check)
 *   FLARE_E_COOKIE_SYNTAX      a control byte; neither name nor value; no name,
 *                              and a value like "a=b" that would be sent as one
 *   FLARE_E_COOKIE_TOO_LARGE   over FLARE_COOKIE_PAIR_MAX
 *   FLARE_E_COOKIE_DOMAIN      Domain is not the host or above it, is a public
 *                              suffix, or ends in a dot
 *   FLARE_E_COOKIE_INSECURE    Secure, but not over https; SameSite=None
 *                              without Secure; or a Secure cookie of that name
 *                              is there, which only https may replace
 *   FLARE_E_COOKIE_CROSS_SITE  FLARE_SITE_CROSS without SameSite=None
 *   FLARE_E_COOKIE_PREFIX      the name promises more than is kept: __Secure-,
 *                              __Host-, __Http-, __Host-Http-, in any case
 *   FLARE_E_COOKIE_FULL        the domain has `per_domain_max` Secure cookies,
 *                              and this one is none
 *   -ENOMEM
 *
 * Where there are too many, others go first: of the domain those without
 * Secure, of all the one that was not sent for longest.  A response's fields
 * are stored in their order; one that is refused is no reason not to store the
 * next.  Copies all.
 */
FLARE_API FLARE_MUST_USE int flare_cookie_jar_store(
    flare_cookie_jar *jar, const struct flare_cookie_url *url,
    struct flare_str set_cookie, int64_t now_s, struct flare_error *err);

/*
 * Keeps a cookie of the program's own, as if `url` had set it.  Without a
 * domain it is for that host only; without a path for the folder of `url`'s.
 *
 * Returns 0; FLARE_E_BAD_HEADER if flare_res_cookie would refuse it (see
 * there); or what flare_cookie_jar_store returns.  Copies all.
 */
FLARE_API FLARE_MUST_USE int flare_cookie_jar_set(
    flare_cookie_jar *jar, const struct flare_cookie_url *url,
    const struct flare_cookie *cookie, int64_t now_s, struct flare_error *err);

/*
 * Writes the value of the Cookie field for a request, "a=1; b=2": longer paths
 * first, then older cookies.  Not terminated.
 *
 * Returns its length; 0: there is no cookie to be sent.  If that is more than
 * `size`, nothing was written: call again with room for as much.  Or
 * FLARE_E_BAD_HOSTNAME.  `buffer` may be NULL if `size` is 0.  What is returned
 * counts as sent when it comes to what goes first.
 */
FLARE_API FLARE_MUST_USE int flare_cookie_jar_header(
    flare_cookie_jar *jar, const struct flare_cookie_url *url, int64_t now_s,
    char *buffer, size_t size);

/* ---- what is in it ---- */

/* A cookie in the jar. */
struct flare_cookie_info {
    struct flare_str name;   /* may be empty, for servers that forget it */
    struct flare_str value;  /* with its quotes; may be empty if name is not */
    struct flare_str domain; /* lower case, without a dot in front */
    struct flare_str path;
    int64_t created_s;
    int64_t expires_s; /* of a session's cookie INT64_MAX */
    enum flare_same_site same_site;
    bool is_session;   /* it ends with the session, not at a time */
    bool is_host_only; /* not for hosts below `domain` */
    bool is_secure;
    bool is_http_only;
};

/* Lends `info` until it returns; other than 0 ends the walk.  Must not call
 * the jar. */
typedef int (*flare_cookie_fn)(const struct flare_cookie_info *info, void *ctx);

/*
 * Calls `fn` for every cookie, the one that was not sent for longest first.
 * Returns 0, or what `fn` returned to end it.
 */
FLARE_API int flare_cookie_jar_each(const flare_cookie_jar *jar,
                                    flare_cookie_fn fn, void *ctx);

/*
 * How many cookies there are.  Those past their time go when the jar is next
 * given a time; to have them gone: flare_cookie_jar_expire before.
 */
FLARE_API size_t flare_cookie_jar_count(const flare_cookie_jar *jar);

/*
 * Drops the cookies of domain `domain`, path `path` and name `name`: exactly
 * these, in the form that flare_cookie_info has; all, where ptr is NULL.
 * Returns how many.
 */
FLARE_API size_t flare_cookie_jar_remove(flare_cookie_jar *jar,
                                         struct flare_str domain,
                                         struct flare_str path,
                                         struct flare_str name);

/* Drops those past their time.  Returns how many. */
FLARE_API size_t flare_cookie_jar_expire(flare_cookie_jar *jar, int64_t now_s);

/* Drops those that end with the session.  Returns how many. */
FLARE_API size_t flare_cookie_jar_clear_session(flare_cookie_jar *jar);

/* Drops all. */
FLARE_API void flare_cookie_jar_clear(flare_cookie_jar *jar);

/* ---- files ---- */

enum flare_cookie_format {
    FLARE_COOKIE_FORMAT_OWN,     /* everything there is to know */
    FLARE_COOKIE_FORMAT_NETSCAPE /* curl's, wget's, Python's: without SameSite
                                    and without the age of a cookie */
};

/* Zero is the default, in brackets. */
struct flare_cookie_save_options {
    enum flare_cookie_format format; /* [FLARE_COOKIE_FORMAT_OWN] */
    bool has_session; /* those that end with the session, too [no] */
};

/*
 * Writes the cookies to file `path`: to a new file beside it, readable by its
 * owner only (0600), that takes its place at the end, so that there is always a
 * whole one.  `options` may be NULL.
 *
 * Returns how many were written; a cookie with a tab in it cannot be in
 * FLARE_COOKIE_FORMAT_NETSCAPE and is left out.  Or -errno (-EFBIG:
 * over 64 MiB), with the file's name in `err` (may be NULL), and what was there
 * is still there.  Blocks on the disk.
 */
FLARE_API FLARE_MUST_USE int flare_cookie_jar_save(
    flare_cookie_jar *jar, const char *path,
    const struct flare_cookie_save_options *options, int64_t now_s,
    struct flare_error *err);

/*
 * Reads a file that flare_cookie_jar_save or another program wrote; its first
 * line says in which format.  A cookie that is in the jar already is replaced;
 * one that has expired is not taken; one for all hosts of an address or of a
 * public suffix is taken for that host only.
 *
 * Returns how many were taken; FLARE_E_COOKIE_FILE if a line is no cookie or
 * one that flare_cookie_jar_store would never keep, with its number in `err`
 * (may be NULL), and nothing was taken; -errno (-EFBIG: over 64 MiB, -EINVAL:
 * no regular file), nothing taken; -ENOMEM, and some may have been taken.
 * Blocks on the disk.
 */
FLARE_API FLARE_MUST_USE int flare_cookie_jar_load(flare_cookie_jar *jar,
                                                   const char *path,
                                                   int64_t now_s,
                                                   struct flare_error *err);

#ifdef __cplusplus
}
#endif
#endif
