/* SPDX-License-Identifier: MIT */
/* See cache.h.  A table of chains, and one list from new to old use. */
#include "dns/cache.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "net/random.h"

#include <errno.h>
#include <string.h>

enum { CACHE_KEY_MAX = FLARE_DNS_HOST_MAX + 1 /* a dot */ + 1 /* family */ };

struct cache_entry {
    struct cache_entry *chain;
    struct cache_entry *newer; /* NULL: the newest */
    struct cache_entry *older;
    uint64_t end_ms;
    uint64_t hash;
    uint32_t count;
    uint32_t key_len;
    bool is_truncated;
    struct flare_ip ips[]; /* the key behind them */
};

struct flare__dns_cache {
    const struct flare_allocator *al;
    uint64_t seed[2];
    uint32_t keep_ms;
    uint32_t entries_max;
    uint32_t count;
    uint32_t mask; /* slots - 1 */
    struct cache_entry *newest;
    struct cache_entry *oldest;
    struct cache_entry *slots[];
};

struct cache_key {
    char bytes[CACHE_KEY_MAX];
    struct flare_str text;
    uint64_t hash;
};

static void key_init(struct cache_key *key, const struct flare__dns_cache *c,
                     struct flare_str host, enum flare_dns_family family)
{
    FLARE_ASSERT(host.len < sizeof(key->bytes));
    for (size_t i = 0; i < host.len; i++) {
        char ch = host.ptr[i];

        key->bytes[i] = ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
    }
    key->bytes[host.len] = (char)family;
    key->text = (struct flare_str){key->bytes, host.len + 1};
    key->hash = flare__hash(c->seed, key->text);
}

int flare__dns_cache_new(struct flare__dns_cache **out,
                         const struct flare_allocator *al, uint32_t entries_max,
                         uint32_t keep_ms)
{
    struct flare__dns_cache *c;
    uint32_t slots = 1;
    int rc;

    FLARE_ASSERT(entries_max > 0 && entries_max <= FLARE_DNS_CACHE_MAX);
    while (slots < entries_max)
        slots *= 2;
    c = flare__calloc(al, 1, sizeof(*c) + slots * sizeof(struct cache_entry *));
    if (c == NULL)
        return -ENOMEM;
    rc = flare__random(c->seed, sizeof(c->seed));
    if (rc < 0) {
        flare__free(al, c);
        return rc;
    }
    c->al = al;
    c->entries_max = entries_max;
    c->keep_ms = keep_ms;
    c->mask = slots - 1;
    *out = c;
    return 0;
}

/* ---- one entry ---- */

static const char *entry_key(const struct cache_entry *e)
{
    return (const char *)&e->ips[e->count];
}

static struct cache_entry **entry_link(struct flare__dns_cache *c,
                                       const struct cache_key *key)
{
    struct cache_entry **link = &c->slots[key->hash & c->mask];

    for (; *link != NULL; link = &(*link)->chain) {
        struct cache_entry *e = *link;

        if (e->hash == key->hash && e->key_len == key->text.len &&
            memcmp(entry_key(e), key->text.ptr, e->key_len) == 0)
            break;
    }
    return link;
}

static void list_remove(struct flare__dns_cache *c, struct cache_entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void list_add(struct flare__dns_cache *c, struct cache_entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(e->older != NULL ? &e->older->newer : &c->oldest) = e;
    c->newest = e;
}

static void entry_drop(struct flare__dns_cache *c, struct cache_entry *e)
{
    struct cache_entry **link = &c->slots[e->hash & c->mask];

    while (*link != e)
        link = &(*link)->chain;
    *link = e->chain;
    list_remove(c, e);
    c->count--;
    flare__free(c->al, e);
}

static struct cache_entry *entry_new(struct flare__dns_cache *c,
                                     const struct cache_key *key,
                                     const struct flare_dns_result *result)
{
    size_t ips_size = result->count * sizeof(result->ips[0]);
    struct cache_entry *e =
        flare__alloc(c->al, sizeof(*e) + ips_size + key->text.len);

    if (e == NULL)
        return NULL;
    e->hash = key->hash;
    e->key_len = (uint32_t)key->text.len;
    e->count = result->count;
    e->is_truncated = result->is_truncated;
    memcpy(e->ips, result->ips, ips_size);
    memcpy((char *)e->ips + ips_size, key->text.ptr, key->text.len);
    return e;
}

/* ---- the table ---- */

bool flare__dns_cache_find(struct flare__dns_cache *c, struct flare_str host,
                           enum flare_dns_family family, uint64_t now_ms,
                           struct flare_dns_result *out)
{
    struct cache_key key;
    struct cache_entry *e;

    key_init(&key, c, host, family);
    e = *entry_link(c, &key);
    if (e == NULL)
        return false;
    if (now_ms >= e->end_ms) {
        entry_drop(c, e);
        return false;
    }
    list_remove(c, e);
    list_add(c, e);
    *out = (struct flare_dns_result){.count = e->count,
                                     .is_truncated = e->is_truncated};
    memcpy(out->ips, e->ips, e->count * sizeof(out->ips[0]));
    return true;
}

void flare__dns_cache_put(struct flare__dns_cache *c, struct flare_str host,
                          enum flare_dns_family family, uint64_t now_ms,
                          const struct flare_dns_result *result)
{
    struct cache_key key;
    struct cache_entry *e;

    key_init(&key, c, host, family);
    e = *entry_link(c, &key);
    if (e != NULL)
        entry_drop(c, e);
    if (c->count == c->entries_max)
        entry_drop(c, c->oldest);
    e = entry_new(c, &key, result);
    if (e == NULL)
        return;
    e->end_ms = now_ms + c->keep_ms;
    e->chain = c->slots[e->hash & c->mask];
    c->slots[e->hash & c->mask] = e;
    list_add(c, e);
    c->count++;
}

void flare__dns_cache_clear(struct flare__dns_cache *c)
{
    while (c->oldest != NULL)
        entry_drop(c, c->oldest);
}

uint32_t flare__dns_cache_count(const struct flare__dns_cache *c)
{
    return c->count;
}

void flare__dns_cache_free(struct flare__dns_cache *c)
{
    if (c == NULL)
        return;
    flare__dns_cache_clear(c);
    flare__free(c->al, c);
}
