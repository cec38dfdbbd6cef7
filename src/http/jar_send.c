/* SPDX-License-Identifier: MIT */
/* What a jar sends: "6265bis", section 5.8.3.  Nothing here allocates. */
#include "http/jar.h"

#include "http/jar_match.h"

#include <string.h>

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
