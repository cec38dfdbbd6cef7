/* SPDX-License-Identifier: MIT */
/*
 * The rules of a jar: "6265bis", section 5.7 for what is stored and 5.8 for
 * what is sent, on the strict side where it leaves a choice:
 *
 *   - a domain without a dot is a public suffix, with the user's list or none;
 *   - Domain never ends in a dot, and never names an address's neighbours;
 *   - a default path has a bound, and no controls.
 */
#include "http/jar.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "http/cookie.h"
#include "http/jar_match.h"
#include "http/setcookie.h"
#include "net/random.h"

#include <errno.h>
#include <string.h>

enum {
    JAR_COOKIES = 3000,   /* section 6.1: at least */
    JAR_PER_DOMAIN = 180, /* at least 50; what Chrome has */
    JAR_BYTES = 16 << 20,
    JAR_COOKIES_MAX = 100000,
    JAR_BYTES_MIN = 16384,   /* the largest cookie and its domain */
    JAR_BYTES_MAX = 1 << 30, /* the length of a field is an int */
    JAR_PER_SLOT = 4
};

_Static_assert(JAR_BYTES_MIN > sizeof(struct flare__jar_cookie) +
                                   FLARE_COOKIE_PAIR_MAX + FLARE__JAR_PATH_MAX +
                                   sizeof(struct flare__jar_domain) +
                                   FLARE_DNS_HOST_MAX + 1,
               "one cookie is always kept");

/* ---- life ---- */

static int config_range(uint32_t *value, uint32_t fallback, uint32_t least,
                        uint32_t most)
{
    if (*value == 0)
        *value = fallback;
    return *value >= least && *value <= most ? 0 : FLARE_E_BAD_CONFIG;
}

static int config_check(struct flare_cookie_jar_config *c,
                        struct flare_error *err)
{
    const struct flare_allocator *al = c->allocator;

    if (config_range(&c->cookies_max, JAR_COOKIES, 1, JAR_COOKIES_MAX) < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "cookies_max is %u, not 1 to %d", c->cookies_max,
                            JAR_COOKIES_MAX);
    if (config_range(&c->per_domain_max, JAR_PER_DOMAIN, 1, JAR_COOKIES_MAX) <
        0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "per_domain_max is %u, not 1 to %d",
                            c->per_domain_max, JAR_COOKIES_MAX);
    if (config_range(&c->bytes_max, JAR_BYTES, JAR_BYTES_MIN, JAR_BYTES_MAX) <
        0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "bytes_max is %u, not %d to %d", c->bytes_max,
                            JAR_BYTES_MIN, JAR_BYTES_MAX);
    if (al != NULL &&
        (al->alloc_fn == NULL || al->realloc_fn == NULL || al->free_fn == NULL))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "allocator lacks one of its three functions");
    return 0;
}

static int jar_alloc(flare_cookie_jar **out,
                     const struct flare_cookie_jar_config *c)
{
    const struct flare_allocator *al =
        c->allocator != NULL ? c->allocator : &flare__allocator_default;
    flare_cookie_jar *jar;
    size_t slots = 16;
    int rc;

    while (slots < c->cookies_max / JAR_PER_SLOT)
        slots *= 2;
    jar = flare__calloc(al, 1,
                        sizeof(*jar) + slots * sizeof(*jar->domains) +
                            slots * sizeof(*jar->names));
    if (jar == NULL)
        return -ENOMEM;
    rc = flare__random(jar->seed, sizeof(jar->seed));
    if (rc < 0) {
        flare__free(al, jar);
        return rc;
    }
    jar->al = *al;
    jar->mask = (uint32_t)slots - 1;
    jar->domains = (struct flare__jar_domain **)(void *)(jar + 1);
    jar->names = (struct flare__jar_cookie **)(void *)(jar->domains + slots);
    *out = jar;
    return 0;
}

int flare_cookie_jar_new_sized(size_t config_size, flare_cookie_jar **out,
                               const struct flare_cookie_jar_config *config,
                               struct flare_error *err)
{
    struct flare_cookie_jar_config c = {0};
    flare_cookie_jar *jar = NULL;
    int rc;

    if (config_size > sizeof(c))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "built for a newer flare than this %s",
                            FLARE_VERSION);
    if (config != NULL)
        memcpy(&c, config, config_size);
    rc = config_check(&c, err);
    if (rc < 0)
        return rc;
    rc = jar_alloc(&jar, &c);
    if (rc < 0)
        return flare__error(err, rc, "cookie jar: %s", flare_strerror(rc));
    jar->is_public_suffix = c.is_public_suffix;
    jar->public_suffix_ctx = c.public_suffix_ctx;
    jar->cookies_max = c.cookies_max;
    jar->per_domain_max =
        c.per_domain_max < c.cookies_max ? c.per_domain_max : c.cookies_max;
    jar->bytes_max = c.bytes_max;
    jar->next_number = 1;
    jar->next_end_s = INT64_MAX;
    *out = jar;
    return 0;
}

void flare_cookie_jar_free(flare_cookie_jar *jar)
{
    struct flare_allocator al;

    if (jar == NULL)
        return;
    flare_cookie_jar_clear(jar);
    al = jar->al;
    flare__free(&al, jar);
}

/* ---- storing ---- */

bool flare__jar_is_public(const flare_cookie_jar *jar, struct flare_str domain)
{
    if (domain.len == 0 || memchr(domain.ptr, '.', domain.len) == NULL)
        return true;
    return jar->is_public_suffix != NULL &&
           jar->is_public_suffix(domain, jar->public_suffix_ctx);
}

/* Steps 7 to 10: whose cookie it is. */
static int set_domain(const flare_cookie_jar *jar, struct flare__jar_new *n,
                      const struct flare__jar_host *host,
                      struct flare_str wanted, struct flare__jar_host *domain,
                      struct flare_error *err)
{
    bool is_same, is_public;

    n->info.domain = host->text;
    n->info.is_host_only = true;
    n->is_address = host->is_address;
    if (wanted.len == 0)
        return 0;
    if (flare__jar_host_init(domain, wanted, NULL) < 0 ||
        domain->text.ptr[domain->text.len - 1] == '.')
        return flare__error(err, FLARE_E_COOKIE_DOMAIN,
                            "cookie: its Domain is no domain");
    is_same = flare_str_equal(host->text, domain->text);
    is_public = domain->is_address || flare__jar_is_public(jar, domain->text);
    if (is_public && is_same)
        return 0;
    if (is_public)
        return flare__error(
            err, FLARE_E_COOKIE_DOMAIN, "cookie: its Domain '%.*s' is %s",
            FLARE_STR_ARG(domain->text),
            domain->is_address ? "another address" : "a public suffix");
    if (!flare__jar_domain_matches(host->text, host->is_address, domain->text))
        return flare__error(err, FLARE_E_COOKIE_DOMAIN,
                            "cookie: '%.*s' may not set one for '%.*s'",
                            FLARE_STR_ARG(host->text),
                            FLARE_STR_ARG(domain->text));
    n->info.domain = domain->text;
    n->info.is_host_only = false;
    return 0;
}

/* Step 11, and what a path of the URL's must not have. */
static int set_path(struct flare__jar_new *n, struct flare_str wanted,
                    struct flare_str url_path, struct flare_error *err)
{
    struct flare_str path = wanted;

    if (path.len == 0)
        path = flare__jar_default_path(url_path);
    if (path.len > FLARE__JAR_PATH_MAX)
        return flare__error(err, FLARE_E_COOKIE_TOO_LARGE,
                            "cookie: the URL's path is too long for it");
    for (size_t i = 0; i < path.len; i++)
        if (flare__cookie_is_control(path.ptr[i]))
            return flare__error(err, FLARE_E_COOKIE_SYNTAX,
                                "cookie: the URL's path has a control in it");
    n->info.path = path;
    return 0;
}

/* Steps 13 to 18: whether such a request may set such a cookie. */
static int check_source(const flare_cookie_jar *jar,
                        const struct flare__jar_new *n,
                        const struct flare_cookie_url *url,
                        struct flare_error *err)
{
    if (n->info.is_secure && !url->is_secure)
        return flare__error(err, FLARE_E_COOKIE_INSECURE,
                            "cookie: Secure, but not set over https");
    if (!n->info.is_secure && !url->is_secure && flare__jar_has_secure(jar, n))
        return flare__error(err, FLARE_E_COOKIE_INSECURE,
                            "cookie: a Secure one of that name is there, and "
                            "this one was not set over https");
    if (n->info.same_site != FLARE_SAME_SITE_NONE &&
        url->site == FLARE_SITE_CROSS)
        return flare__error(err, FLARE_E_COOKIE_CROSS_SITE,
                            "cookie: set by another site's request, without "
                            "SameSite=None");
    return 0;
}

/* Steps 2 to 4, and 19 to 22. */
int flare__jar_cookie_check(const struct flare_cookie_info *info, bool has_path,
                            struct flare_error *err)
{
    bool is_of_host = info->is_host_only && has_path &&
                      flare_str_equal(info->path, FLARE_STR("/"));
    bool is_kept;

    if (info->same_site == FLARE_SAME_SITE_NONE && !info->is_secure)
        return flare__error(err, FLARE_E_COOKIE_INSECURE,
                            "cookie: SameSite=None without Secure");
    is_kept = flare__cookie_is_promise_kept(info->name, info->is_secure,
                                            is_of_host, info->is_http_only);
    if (info->name.len == 0) /* "=__Host-a=b" comes back as if it were one */
        is_kept =
            flare__cookie_is_promise_kept(info->value, false, false, false);
    if (!is_kept)
        return flare__error(err, FLARE_E_COOKIE_PREFIX,
                            "cookie: it lacks what its name's prefix promises");
    return 0;
}

static int jar_keep(flare_cookie_jar *jar, struct flare__jar_new *n,
                    int64_t now_s, struct flare_error *err)
{
    int rc = 0;

    if (!n->info.is_session && n->info.expires_s <= now_s)
        flare__jar_forget(jar, n);
    else
        rc = flare__jar_put(jar, n);
    if (rc == FLARE_E_COOKIE_FULL)
        return flare__error(err, rc,
                            "cookie: '%.*s' has too many, and they are Secure",
                            FLARE_STR_ARG(n->info.domain));
    if (rc < 0)
        return flare__error(err, rc, "cookie: %s", flare_strerror(rc));
    return 0;
}

int flare_cookie_jar_store(flare_cookie_jar *jar,
                           const struct flare_cookie_url *url,
                           struct flare_str set_cookie, int64_t now_s,
                           struct flare_error *err)
{
    struct flare__jar_host host, domain;
    struct flare__set_cookie c;
    struct flare__jar_new n;
    int rc = flare__jar_host_init(&host, url->host, err);

    (void)flare_cookie_jar_expire(jar, now_s);
    if (rc >= 0)
        rc = flare__set_cookie_parse(&c, set_cookie, now_s, err);
    if (rc < 0)
        return rc;
    n = (struct flare__jar_new){
        .info = {.name = c.name,
                 .value = c.value,
                 .created_s = now_s,
                 .expires_s = c.expires_s,
                 .same_site = c.same_site,
                 .is_session = !c.is_persistent,
                 .is_secure = c.is_secure,
                 .is_http_only = c.is_http_only},
    };
    rc = set_domain(jar, &n, &host, c.domain, &domain, err);
    if (rc >= 0)
        rc = set_path(&n, c.path, url->path, err);
    if (rc >= 0)
        rc = check_source(jar, &n, url, err);
    if (rc >= 0)
        rc = flare__jar_cookie_check(&n.info, c.has_path, err);
    if (rc >= 0)
        rc = jar_keep(jar, &n, now_s, err);
    return rc;
}

int flare_cookie_jar_set(flare_cookie_jar *jar,
                         const struct flare_cookie_url *url,
                         const struct flare_cookie *cookie, int64_t now_s,
                         struct flare_error *err)
{
    char text[FLARE__COOKIE_BYTES_MAX];
    int len = flare__cookie_write(text, cookie);

    if (len < 0)
        return flare__error(err, len,
                            "cookie: a name, value or attribute that no "
                            "browser would take");
    return flare_cookie_jar_store(
        jar, url, (struct flare_str){text, (size_t)len}, now_s, err);
}

/* ---- sending ---- */

struct pick {
    struct flare__jar_cookie *first;
    size_t len; /* of the field */
};

/* Section 5.8.3: SameSite. */
static bool is_for_site(const struct flare__jar_cookie *c, enum flare_site site)
{
    if (site == FLARE_SITE_SAME || c->same_site == FLARE_SAME_SITE_NONE)
        return true;
    return site == FLARE_SITE_CROSS_LINK &&
           c->same_site != FLARE_SAME_SITE_STRICT;
}

/* Those of one domain that the request is to send; `is_host`: its own. */
static void pick_domain(struct pick *p, const struct flare__jar_domain *d,
                        bool is_host, const struct flare_cookie_url *url)
{
    struct flare_str path = flare__jar_path(url->path);
    struct flare__jar_cookie *c = d->list.newest;

    for (; c != NULL; c = c->links[FLARE__JAR_DOMAIN].older) {
        if ((c->is_host_only && !is_host) ||
            (c->is_secure && !url->is_secure) || !is_for_site(c, url->site) ||
            !flare__jar_path_matches(path, flare__jar_path_of(c)))
            continue;
        c->picked = p->first;
        p->first = c;
        p->len += c->name_len + (c->name_len > 0) + c->value_len + 2;
    }
}

/* Whether `a` stands before `b`: section 5.8.3, step 2. */
static bool is_before(const struct flare__jar_cookie *a,
                      const struct flare__jar_cookie *b)
{
    if (a->path_len != b->path_len)
        return a->path_len > b->path_len;
    if (a->created_s != b->created_s)
        return a->created_s < b->created_s;
    return a->number < b->number;
}

static struct flare__jar_cookie *merge(struct flare__jar_cookie *a,
                                       struct flare__jar_cookie *b)
{
    struct flare__jar_cookie *first = NULL, **end = &first;

    while (a != NULL && b != NULL) {
        struct flare__jar_cookie **next = is_before(b, a) ? &b : &a;

        *end = *next;
        end = &(*next)->picked;
        *next = *end;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* Merge sort from below: heap[i] is nothing or 2^i in order. */
static struct flare__jar_cookie *sort(struct flare__jar_cookie *list)
{
    struct flare__jar_cookie *heap[32] = {NULL};
    struct flare__jar_cookie *all = NULL;

    while (list != NULL) {
        struct flare__jar_cookie *run = list;
        size_t i = 0;

        list = list->picked;
        run->picked = NULL;
        for (; heap[i] != NULL; i++) {
            run = merge(heap[i], run);
            heap[i] = NULL;
        }
        heap[i] = run;
    }
    for (size_t i = 0; i < sizeof(heap) / sizeof(heap[0]); i++)
        all = merge(heap[i], all);
    return all;
}

static char *put(char *at, struct flare_str text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static void write_field(char *out, const struct flare__jar_cookie *c)
{
    for (; c != NULL; c = c->picked) {
        out = put(out, flare__jar_name_of(c));
        if (c->name_len > 0)
            out = put(out, FLARE_STR("="));
        out = put(out, flare__jar_value_of(c));
        if (c->picked != NULL)
            out = put(out, FLARE_STR("; "));
    }
}

int flare_cookie_jar_header(flare_cookie_jar *jar,
                            const struct flare_cookie_url *url, int64_t now_s,
                            char *buffer, size_t size)
{
    struct flare__jar_host host;
    struct flare_str domain;
    struct pick p = {0};
    bool has_more;

    (void)flare_cookie_jar_expire(jar, now_s);
    if (flare__jar_host_init(&host, url->host, NULL) < 0)
        return FLARE_E_BAD_HOSTNAME;
    domain = host.text;
    do {
        const struct flare__jar_domain *d = flare__jar_find_domain(jar, domain);

        if (d != NULL)
            pick_domain(&p, d, domain.len == host.text.len, url);
        has_more = !host.is_address && flare__jar_domain_up(&domain);
    } while (has_more);
    if (p.first == NULL)
        return 0;
    p.len -= 2; /* behind the last there is no "; " */
    p.first = sort(p.first);
    if (p.len <= size)
        write_field(buffer, p.first);
    for (struct flare__jar_cookie *c = p.first; c != NULL; c = c->picked)
        flare__jar_touch(jar, c);
    return (int)p.len;
}

/* ---- what is in it ---- */

int flare_cookie_jar_each(const flare_cookie_jar *jar, flare_cookie_fn fn,
                          void *ctx)
{
    const struct flare__jar_cookie *c = jar->list.oldest;
    int rc = 0;

    for (; c != NULL && rc == 0; c = c->links[FLARE__JAR_ALL].newer) {
        struct flare_cookie_info info;

        flare__jar_info_of(c, &info);
        rc = fn(&info, ctx);
    }
    return rc;
}

size_t flare_cookie_jar_count(const flare_cookie_jar *jar)
{
    return jar->count;
}

static bool is_wanted(struct flare_str wanted, struct flare_str is)
{
    return wanted.ptr == NULL || flare_str_equal(wanted, is);
}

size_t flare_cookie_jar_remove(flare_cookie_jar *jar, struct flare_str domain,
                               struct flare_str path, struct flare_str name)
{
    size_t before = jar->count;
    struct flare__jar_cookie *next;

    for (struct flare__jar_cookie *c = jar->list.oldest; c != NULL; c = next) {
        next = c->links[FLARE__JAR_ALL].newer;
        if (is_wanted(domain, flare__jar_domain_of(c)) &&
            is_wanted(path, flare__jar_path_of(c)) &&
            is_wanted(name, flare__jar_name_of(c)))
            flare__jar_drop(jar, c);
    }
    return before - jar->count;
}

size_t flare_cookie_jar_expire(flare_cookie_jar *jar, int64_t now_s)
{
    size_t before = jar->count;
    struct flare__jar_cookie *next;

    if (now_s < jar->next_end_s)
        return 0;
    jar->next_end_s = INT64_MAX;
    for (struct flare__jar_cookie *c = jar->list.oldest; c != NULL; c = next) {
        next = c->links[FLARE__JAR_ALL].newer;
        if (c->is_persistent && c->expires_s <= now_s)
            flare__jar_drop(jar, c);
        else if (c->is_persistent && c->expires_s < jar->next_end_s)
            jar->next_end_s = c->expires_s;
    }
    return before - jar->count;
}

size_t flare_cookie_jar_clear_session(flare_cookie_jar *jar)
{
    size_t before = jar->count;
    struct flare__jar_cookie *next;

    for (struct flare__jar_cookie *c = jar->list.oldest; c != NULL; c = next) {
        next = c->links[FLARE__JAR_ALL].newer;
        if (!c->is_persistent)
            flare__jar_drop(jar, c);
    }
    return before - jar->count;
}

void flare_cookie_jar_clear(flare_cookie_jar *jar)
{
    while (jar->list.oldest != NULL)
        flare__jar_drop(jar, jar->list.oldest);
}
