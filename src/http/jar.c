/* SPDX-License-Identifier: MIT */
/* A jar's life, and what is in it.  The rules are in jar_store.c and
 * jar_send.c. */
#include "http/jar.h"

#include "base/alloc.h"
#include "base/log.h"
#include "http/jar_match.h"
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

static int config_range(const char *name, uint32_t value, uint32_t least,
                        uint32_t most, struct flare_error *err)
{
    if (value >= least && value <= most)
        return 0;
    return flare__error(err, FLARE_E_BAD_CONFIG, "%s is %u, not %u to %u", name,
                        value, least, most);
}

/* Fills in the defaults and checks the rest. */
static int config_check(struct flare_cookie_jar_config *c,
                        struct flare_error *err)
{
    const struct flare_allocator *al = c->allocator;
    int rc;

    if (c->cookies_max == 0)
        c->cookies_max = JAR_COOKIES;
    if (c->per_domain_max == 0)
        c->per_domain_max = JAR_PER_DOMAIN;
    if (c->bytes_max == 0)
        c->bytes_max = JAR_BYTES;
    rc = config_range("cookies_max", c->cookies_max, 1, JAR_COOKIES_MAX, err);
    if (rc == 0)
        rc = config_range("per_domain_max", c->per_domain_max, 1,
                          JAR_COOKIES_MAX, err);
    if (rc == 0)
        rc = config_range("bytes_max", c->bytes_max, JAR_BYTES_MIN,
                          JAR_BYTES_MAX, err);
    if (rc == 0 && al != NULL &&
        (al->alloc_fn == NULL || al->realloc_fn == NULL || al->free_fn == NULL))
        rc = flare__error(err, FLARE_E_BAD_CONFIG,
                          "allocator lacks one of its three functions");
    return rc;
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
