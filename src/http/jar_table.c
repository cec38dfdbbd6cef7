/* SPDX-License-Identifier: MIT */
/* What a jar keeps: see jar.h.  Every cookie is one block, every domain too. */
#include "http/jar.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "http/jar_match.h"

#include <errno.h>
#include <string.h>

/* ---- reading a cookie ---- */

struct flare_str flare__jar_name_of(const struct flare__jar_cookie *c)
{
    return (struct flare_str){c->text, c->name_len};
}

struct flare_str flare__jar_value_of(const struct flare__jar_cookie *c)
{
    return (struct flare_str){c->text + c->name_len, c->value_len};
}

struct flare_str flare__jar_path_of(const struct flare__jar_cookie *c)
{
    return (struct flare_str){c->text + c->name_len + c->value_len,
                              c->path_len};
}

struct flare_str flare__jar_domain_of(const struct flare__jar_cookie *c)
{
    return (struct flare_str){c->domain->text, c->domain->len};
}

void flare__jar_info_of(const struct flare__jar_cookie *c,
                        struct flare_cookie_info *out)
{
    *out = (struct flare_cookie_info){
        .name = flare__jar_name_of(c),
        .value = flare__jar_value_of(c),
        .domain = flare__jar_domain_of(c),
        .path = flare__jar_path_of(c),
        .created_s = c->created_s,
        .expires_s = c->expires_s,
        .same_site = c->same_site,
        .is_session = !c->is_persistent,
        .is_host_only = c->is_host_only,
        .is_secure = c->is_secure,
        .is_http_only = c->is_http_only,
    };
}

/* ---- the orders ---- */

static void list_remove(struct flare__jar_list *list,
                        struct flare__jar_cookie *c, enum flare__jar_order o)
{
    struct flare__jar_link *l = &c->links[o];

    *(l->newer != NULL ? &l->newer->links[o].older : &list->newest) = l->older;
    *(l->older != NULL ? &l->older->links[o].newer : &list->oldest) = l->newer;
}

static void list_add(struct flare__jar_list *list, struct flare__jar_cookie *c,
                     enum flare__jar_order o)
{
    struct flare__jar_link *l = &c->links[o];

    l->newer = NULL;
    l->older = list->newest;
    *(l->older != NULL ? &l->older->links[o].newer : &list->oldest) = c;
    list->newest = c;
}

void flare__jar_touch(flare_cookie_jar *jar, struct flare__jar_cookie *c)
{
    list_remove(&jar->list, c, FLARE__JAR_ALL);
    list_add(&jar->list, c, FLARE__JAR_ALL);
    list_remove(&c->domain->list, c, FLARE__JAR_DOMAIN);
    list_add(&c->domain->list, c, FLARE__JAR_DOMAIN);
}

/* ---- domains ---- */

static struct flare__jar_domain **domain_link(const flare_cookie_jar *jar,
                                              struct flare_str text,
                                              uint64_t hash)
{
    struct flare__jar_domain **link = &jar->domains[hash & jar->mask];

    for (; *link != NULL; link = &(*link)->chain) {
        const struct flare__jar_domain *d = *link;

        if (d->hash == hash &&
            flare_str_equal(text, (struct flare_str){d->text, d->len}))
            break;
    }
    return link;
}

struct flare__jar_domain *flare__jar_find_domain(const flare_cookie_jar *jar,
                                                 struct flare_str domain)
{
    return *domain_link(jar, domain, flare__hash(jar->seed, domain));
}

/* The domain of a cookie that is to come; NULL without memory. */
static struct flare__jar_domain *domain_get(flare_cookie_jar *jar,
                                            const struct flare__jar_new *n)
{
    struct flare_str text = n->info.domain;
    uint64_t hash = flare__hash(jar->seed, text);
    struct flare__jar_domain **link = domain_link(jar, text, hash);
    struct flare__jar_domain *d = *link;

    if (d != NULL)
        return d;
    d = flare__calloc(&jar->al, 1, sizeof(*d) + text.len);
    if (d == NULL)
        return NULL;
    d->hash = hash;
    d->is_address = n->is_address;
    d->len = (uint32_t)text.len;
    memcpy(d->text, text.ptr, text.len);
    jar->bytes += sizeof(*d) + text.len;
    *link = d;
    return d;
}

static void domain_drop_empty(flare_cookie_jar *jar,
                              struct flare__jar_domain *d)
{
    struct flare__jar_domain **link = &jar->domains[d->hash & jar->mask];

    if (d->count > 0)
        return;
    while (*link != d)
        link = &(*link)->chain;
    *link = d->chain;
    jar->bytes -= sizeof(*d) + d->len;
    flare__free(&jar->al, d);
}

/* ---- Secure ones by name ---- */

static void names_add(flare_cookie_jar *jar, struct flare__jar_cookie *c)
{
    struct flare__jar_cookie **slot = &jar->names[c->name_hash & jar->mask];

    c->same_name = *slot;
    *slot = c;
}

static void names_remove(flare_cookie_jar *jar, struct flare__jar_cookie *c)
{
    struct flare__jar_cookie **link = &jar->names[c->name_hash & jar->mask];

    while (*link != c)
        link = &(*link)->same_name;
    *link = c->same_name;
}

bool flare__jar_has_secure(const flare_cookie_jar *jar,
                           const struct flare__jar_new *cookie)
{
    const struct flare_cookie_info *in = &cookie->info;
    uint64_t hash = flare__hash(jar->seed, in->name);
    const struct flare__jar_cookie *c = jar->names[hash & jar->mask];

    for (; c != NULL; c = c->same_name) {
        struct flare_str domain = flare__jar_domain_of(c);

        if (c->name_hash == hash &&
            flare_str_equal(flare__jar_name_of(c), in->name) &&
            (flare__jar_domain_matches(domain, c->domain->is_address,
                                       in->domain) ||
             flare__jar_domain_matches(in->domain, cookie->is_address,
                                       domain)) &&
            flare__jar_path_matches(in->path, flare__jar_path_of(c)))
            return true;
    }
    return false;
}

/* ---- cookies ---- */

static size_t cookie_size(const struct flare__jar_cookie *c)
{
    return sizeof(*c) + c->name_len + c->value_len + c->path_len;
}

static struct flare__jar_cookie *cookie_find(const struct flare__jar_domain *d,
                                             const struct flare_cookie_info *in,
                                             uint64_t name_hash)
{
    struct flare__jar_cookie *c = d->list.newest;

    while (c != NULL &&
           (c->name_hash != name_hash || c->is_host_only != in->is_host_only ||
            !flare_str_equal(flare__jar_name_of(c), in->name) ||
            !flare_str_equal(flare__jar_path_of(c), in->path)))
        c = c->links[FLARE__JAR_DOMAIN].older;
    return c;
}

static char *append(char *at, struct flare_str text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    return at + text.len;
}

/* On its own; NULL without memory. */
static struct flare__jar_cookie *cookie_new(const flare_cookie_jar *jar,
                                            const struct flare__jar_new *n)
{
    const struct flare_cookie_info *in = &n->info;
    struct flare__jar_cookie *c = flare__calloc(
        &jar->al, 1, sizeof(*c) + in->name.len + in->value.len + in->path.len);

    if (c == NULL)
        return NULL;
    c->name_hash = flare__hash(jar->seed, in->name);
    c->number = n->number;
    c->created_s = in->created_s;
    c->expires_s = in->is_session ? INT64_MAX : in->expires_s;
    c->name_len = (uint32_t)in->name.len;
    c->value_len = (uint32_t)in->value.len;
    c->path_len = (uint32_t)in->path.len;
    c->same_site = in->same_site;
    c->is_persistent = !in->is_session;
    c->is_host_only = in->is_host_only;
    c->is_secure = in->is_secure;
    c->is_http_only = in->is_http_only;
    append(append(append(c->text, in->name), in->value), in->path);
    return c;
}

static void cookie_link(flare_cookie_jar *jar, struct flare__jar_domain *d,
                        struct flare__jar_cookie *c)
{
    if (c->number == 0)
        c->number = jar->next_number;
    if (c->number >= jar->next_number)
        jar->next_number = c->number + 1;
    c->domain = d;
    d->count++;
    jar->count++;
    jar->bytes += cookie_size(c);
    list_add(&d->list, c, FLARE__JAR_DOMAIN);
    list_add(&jar->list, c, FLARE__JAR_ALL);
    if (c->is_secure)
        names_add(jar, c);
    if (c->is_persistent && c->expires_s < jar->next_end_s)
        jar->next_end_s = c->expires_s;
}

/* Leaves the domain, which may be empty then. */
static void cookie_unlink(flare_cookie_jar *jar, struct flare__jar_cookie *c)
{
    struct flare__jar_domain *d = c->domain;

    list_remove(&d->list, c, FLARE__JAR_DOMAIN);
    list_remove(&jar->list, c, FLARE__JAR_ALL);
    if (c->is_secure)
        names_remove(jar, c);
    d->count--;
    jar->count--;
    jar->bytes -= cookie_size(c);
    flare__free(&jar->al, c);
}

void flare__jar_drop(flare_cookie_jar *jar, struct flare__jar_cookie *c)
{
    struct flare__jar_domain *d = c->domain;

    cookie_unlink(jar, c);
    domain_drop_empty(jar, d);
}

void flare__jar_forget(flare_cookie_jar *jar,
                       const struct flare__jar_new *cookie)
{
    struct flare__jar_domain *d =
        flare__jar_find_domain(jar, cookie->info.domain);
    struct flare__jar_cookie *c =
        d == NULL ? NULL
                  : cookie_find(d, &cookie->info,
                                flare__hash(jar->seed, cookie->info.name));

    if (c != NULL)
        flare__jar_drop(jar, c);
}

/* ---- what goes: the end of section 5.7 ---- */

/* Of a domain: the least used that http may read, else the least used. */
static struct flare__jar_cookie *domain_victim(
    const struct flare__jar_domain *d)
{
    struct flare__jar_cookie *c = d->list.oldest;

    while (c != NULL && c->is_secure)
        c = c->links[FLARE__JAR_DOMAIN].newer;
    return c != NULL ? c : d->list.oldest;
}

/* Takes leave of what is too much but `newest`, which is the last to go. */
static void make_room(flare_cookie_jar *jar,
                      const struct flare__jar_cookie *newest)
{
    while (jar->list.oldest != newest &&
           (jar->count > jar->cookies_max || jar->bytes > jar->bytes_max))
        flare__jar_drop(jar, jar->list.oldest);
}

int flare__jar_put(flare_cookie_jar *jar, const struct flare__jar_new *cookie)
{
    struct flare__jar_cookie *c = cookie_new(jar, cookie);
    struct flare__jar_domain *d = c != NULL ? domain_get(jar, cookie) : NULL;
    struct flare__jar_cookie *old, *victim;

    if (d == NULL) {
        flare__free(&jar->al, c);
        return -ENOMEM;
    }
    old = cookie_find(d, &cookie->info, c->name_hash);
    victim = d->count >= jar->per_domain_max ? domain_victim(d) : NULL;
    if (old == NULL && victim != NULL && victim->is_secure && !c->is_secure) {
        flare__free(&jar->al, c);
        return FLARE_E_COOKIE_FULL; /* it would itself be the first to go */
    }
    if (old != NULL) {
        c->created_s = old->created_s;
        c->number = old->number;
        victim = old;
    }
    if (victim != NULL)
        cookie_unlink(jar, victim);
    cookie_link(jar, d, c);
    make_room(jar, c);
    return 0;
}

/* ---- invariants ---- */

static void domain_check(const flare_cookie_jar *jar,
                         const struct flare__jar_domain *d)
{
    size_t count = 0;

    for (const struct flare__jar_cookie *c = d->list.newest; c != NULL;
         c = c->links[FLARE__JAR_DOMAIN].older) {
        const struct flare__jar_cookie *older =
            c->links[FLARE__JAR_DOMAIN].older;

        FLARE_ASSERT(c->domain == d);
        FLARE_ASSERT(older != NULL ? older->links[FLARE__JAR_DOMAIN].newer == c
                                   : d->list.oldest == c);
        count++;
    }
    FLARE_ASSERT(count == d->count && count > 0);
    FLARE_ASSERT(count <= jar->per_domain_max);
}

void flare__jar_check(const flare_cookie_jar *jar)
{
    size_t bytes = 0, count = 0, named = 0, secure = 0, in_domains = 0;

    for (const struct flare__jar_cookie *c = jar->list.newest; c != NULL;
         c = c->links[FLARE__JAR_ALL].older) {
        bytes += cookie_size(c);
        count++;
        secure += c->is_secure;
        FLARE_ASSERT(c->number < jar->next_number && c->number > 0);
        FLARE_ASSERT(!c->is_persistent || c->expires_s >= jar->next_end_s);
    }
    for (size_t i = 0; i <= jar->mask; i++) {
        for (const struct flare__jar_domain *d = jar->domains[i]; d != NULL;
             d = d->chain) {
            domain_check(jar, d);
            bytes += sizeof(*d) + d->len;
            in_domains += d->count;
        }
        for (const struct flare__jar_cookie *c = jar->names[i]; c != NULL;
             c = c->same_name)
            named++;
    }
    FLARE_ASSERT(count == jar->count && count == in_domains);
    FLARE_ASSERT(named == secure && bytes == jar->bytes);
    FLARE_ASSERT(count <= jar->cookies_max && bytes <= jar->bytes_max);
}
