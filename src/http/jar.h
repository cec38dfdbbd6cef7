/* SPDX-License-Identifier: MIT */
/*
 * What a jar keeps and how it is found; the rules are in jar_store.c and
 * jar_send.c.
 *
 * Cookies hang on their domain, which a table finds by its hash, so that a
 * request looks at the cookies of its host and of the domains above, and at no
 * other.  Secure ones hang in a table by their name as well: for the question
 * whether http would shadow one, which goes across domains.  Two orders from
 * new to old use, of the jar and of each domain, tell who goes first.
 */
#ifndef FLARE__HTTP_JAR_H
#define FLARE__HTTP_JAR_H

#include <flare/cookie_jar.h>

/* Bytes of a default path, which 6265bis does not bound. */
enum { FLARE__JAR_PATH_MAX = 4096 };

enum flare__jar_order { FLARE__JAR_ALL, FLARE__JAR_DOMAIN, FLARE__JAR_ORDERS };

struct flare__jar_link {
    struct flare__jar_cookie *newer; /* NULL: the newest */
    struct flare__jar_cookie *older;
};

struct flare__jar_list {
    struct flare__jar_cookie *newest;
    struct flare__jar_cookie *oldest;
};

struct flare__jar_domain {
    struct flare__jar_domain *chain;
    struct flare__jar_list list;
    uint64_t hash;
    uint32_t count;
    uint32_t len;
    bool is_address;
    char text[];
};

struct flare__jar_cookie {
    struct flare__jar_link links[FLARE__JAR_ORDERS];
    struct flare__jar_domain *domain;
    struct flare__jar_cookie *same_name; /* chain, of a Secure one */
    struct flare__jar_cookie *picked;    /* while a field is put together */
    uint64_t name_hash;
    uint64_t number; /* grows; tells apart what was created in one second */
    int64_t created_s;
    int64_t expires_s;
    uint32_t name_len;
    uint32_t value_len;
    uint32_t path_len;
    enum flare_same_site same_site;
    bool is_persistent;
    bool is_host_only;
    bool is_secure;
    bool is_http_only;
    char text[]; /* name, value, path */
};

struct flare_cookie_jar {
    struct flare_allocator al;
    uint64_t seed[2];
    flare_public_suffix_fn is_public_suffix;
    void *public_suffix_ctx;
    uint32_t cookies_max;
    uint32_t per_domain_max;
    size_t bytes_max;
    size_t bytes;
    size_t count;
    uint64_t next_number;
    int64_t next_end_s; /* no cookie ends before */
    struct flare__jar_list list;
    uint32_t mask; /* slots of a table - 1 */
    struct flare__jar_domain **domains;
    struct flare__jar_cookie **names;
};

/* ---- what is kept: jar_table.c ---- */

/* Cookies as slices, in the lengths that a jar takes; `number` 0: a new one. */
struct flare__jar_new {
    struct flare_cookie_info info; /* is_session: expires_s does not matter */
    bool is_address;               /* its domain */
    uint64_t number;
};

struct flare_str flare__jar_name_of(const struct flare__jar_cookie *c);
struct flare_str flare__jar_value_of(const struct flare__jar_cookie *c);
struct flare_str flare__jar_path_of(const struct flare__jar_cookie *c);
struct flare_str flare__jar_domain_of(const struct flare__jar_cookie *c);
void flare__jar_info_of(const struct flare__jar_cookie *c,
                        struct flare_cookie_info *out);

/* NULL: no cookie of just this domain. */
struct flare__jar_domain *flare__jar_find_domain(const flare_cookie_jar *jar,
                                                 struct flare_str domain);

/*
 * Whether a Secure cookie is there that a cookie of this name, domain and path
 * would shadow: section 5.7, step 16.
 */
bool flare__jar_has_secure(const flare_cookie_jar *jar,
                           const struct flare__jar_new *cookie);

/*
 * Keeps a cookie, in the place of the one of the same name, domain, path and
 * is_host_only, whose age it gets; what is too much then, goes.  The cookies
 * that have expired must be gone.  Returns 0, -ENOMEM or FLARE_E_COOKIE_FULL
 * with nothing changed.
 */
FLARE_MUST_USE
int flare__jar_put(flare_cookie_jar *jar, const struct flare__jar_new *cookie);

/* Drops the one of that name, domain, path and is_host_only, if there is one.
 */
void flare__jar_forget(flare_cookie_jar *jar,
                       const struct flare__jar_new *cookie);

void flare__jar_drop(flare_cookie_jar *jar, struct flare__jar_cookie *c);

/* Makes it the newest of both orders. */
void flare__jar_touch(flare_cookie_jar *jar, struct flare__jar_cookie *c);

/* For tests: all that must be true of what is kept. */
void flare__jar_check(const flare_cookie_jar *jar);

/* ---- which rules it has to keep: jar_store.c ---- */

/* Whether no cookie may be for all hosts below. */
bool flare__jar_is_public(const flare_cookie_jar *jar, struct flare_str domain);

/*
 * What is wrong with a cookie by itself, whoever sets it: lengths, controls,
 * prefixes, SameSite=None, a name in the value.  `has_path`: a path of "/" was
 * asked for.  Returns 0 or an error of flare_cookie_jar_store's with its
 * sentence.
 */
FLARE_MUST_USE
int flare__jar_cookie_check(const struct flare_cookie_info *info, bool has_path,
                            struct flare_error *err);

#endif
