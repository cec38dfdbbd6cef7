/* SPDX-License-Identifier: MIT */
/* See pool.h. */
#include "http/pool.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "net/random.h"

#include <errno.h>
#include <string.h>

enum { POOL_SLOTS_FIRST = 16, POOL_KEY_MAX = 512 };

int flare__pool_init(struct flare__pool *pool, const struct flare_allocator *al,
                     const struct flare__pool_limits *limits)
{
    int rc;

    *pool = (struct flare__pool){.al = al, .limits = *limits};
    rc = flare__random(pool->seed, sizeof(pool->seed));
    if (rc < 0)
        return rc;
    pool->table = flare__calloc(al, POOL_SLOTS_FIRST, sizeof(*pool->table));
    if (pool->table == NULL)
        return -ENOMEM;
    pool->mask = POOL_SLOTS_FIRST - 1;
    return 0;
}

void flare__pool_fini(struct flare__pool *pool)
{
    if (pool->table == NULL)
        return;
    FLARE_ASSERT(pool->conns == 0 && pool->waiting == 0 && pool->origins == 0);
    flare__free(pool->al, pool->table);
    pool->table = NULL;
}

/* ---- origins ---- */

/* Of the key as bytes; hosts of clients' URLs are no longer than that. */
static uint64_t pool_hash(const struct flare__pool *pool,
                          const struct flare__pool_key *key)
{
    char bytes[POOL_KEY_MAX];
    size_t n =
        key->host.len < sizeof(bytes) - 4 ? key->host.len : sizeof(bytes) - 4;

    bytes[0] = (char)(key->port >> 8);
    bytes[1] = (char)key->port;
    bytes[2] = (char)key->is_secure;
    bytes[3] = (char)key->is_proxied;
    memcpy(bytes + 4, key->host.ptr, n);
    return flare__hash(pool->seed, (struct flare_str){bytes, n + 4});
}

static bool origin_is(const struct flare__pool_origin *o,
                      const struct flare__pool_key *key)
{
    return o->port == key->port && o->is_secure == key->is_secure &&
           o->is_proxied == key->is_proxied && o->host_len == key->host.len &&
           memcmp(o->host, key->host.ptr, o->host_len) == 0;
}

/* Twice the slots; as it is, if there is no memory: only slower. */
static void pool_grow(struct flare__pool *pool)
{
    uint32_t mask = pool->mask * 2 + 1;
    struct flare__pool_origin **table;

    table =
        flare__calloc(pool->al, mask + 1, sizeof(struct flare__pool_origin *));
    if (table == NULL)
        return;
    for (uint32_t i = 0; i <= pool->mask; i++)
        for (struct flare__pool_origin *o = pool->table[i], *next; o != NULL;
             o = next) {
            next = o->chain;
            o->chain = table[o->hash & mask];
            table[o->hash & mask] = o;
        }
    flare__free(pool->al, pool->table);
    pool->table = table;
    pool->mask = mask;
}

struct flare__pool_origin *flare__pool_origin(struct flare__pool *pool,
                                              const struct flare__pool_key *key)
{
    struct flare__pool_origin *o = pool->last;
    uint64_t hash;

    if (o != NULL && origin_is(o, key))
        return o;
    hash = pool_hash(pool, key);
    o = pool->table[hash & pool->mask];
    while (o != NULL && !(o->hash == hash && origin_is(o, key)))
        o = o->chain;
    if (o != NULL) {
        pool->last = o;
        return o;
    }
    o = flare__calloc(pool->al, 1, sizeof(*o) + key->host.len + 1);
    if (o == NULL)
        return NULL;
    o->hash = hash;
    o->waiting_end = &o->waiting;
    o->host_len = (uint32_t)key->host.len;
    o->port = key->port;
    o->is_secure = key->is_secure;
    o->is_proxied = key->is_proxied;
    memcpy(o->host, key->host.ptr, key->host.len);
    if (pool->origins > pool->mask)
        pool_grow(pool);
    o->chain = pool->table[hash & pool->mask];
    pool->table[hash & pool->mask] = o;
    pool->origins++;
    pool->last = o;
    return o;
}

void flare__pool_forget(struct flare__pool *pool,
                        struct flare__pool_origin *origin)
{
    struct flare__pool_origin **link = &pool->table[origin->hash & pool->mask];

    if (origin->conns != 0 || origin->waiting != NULL)
        return;
    while (*link != origin)
        link = &(*link)->chain;
    *link = origin->chain;
    if (pool->last == origin)
        pool->last = NULL;
    pool->origins--;
    flare__free(pool->al, origin);
}

/* ---- connections ---- */

static void idle_add(struct flare__pool *pool, struct flare__pool_conn *conn)
{
    struct flare__pool_origin *o = conn->origin;

    conn->is_idle = true;
    conn->next = o->idle;
    conn->link = &o->idle;
    if (o->idle != NULL)
        o->idle->link = &conn->next;
    o->idle = conn;

    conn->newer = NULL;
    conn->older = pool->newest;
    if (pool->newest != NULL)
        pool->newest->newer = conn;
    else
        pool->oldest = conn;
    pool->newest = conn;
    pool->idle++;
}

static void idle_remove(struct flare__pool *pool, struct flare__pool_conn *conn)
{
    conn->is_idle = false;
    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    if (conn->newer != NULL)
        conn->newer->older = conn->older;
    else
        pool->newest = conn->older;
    if (conn->older != NULL)
        conn->older->newer = conn->newer;
    else
        pool->oldest = conn->newer;
    pool->idle--;
}

enum flare__pool_grant flare__pool_ask(struct flare__pool *pool,
                                       struct flare__pool_origin *origin,
                                       bool is_next,
                                       struct flare__pool_conn **conn)
{
    bool may_go = is_next || origin->waiting == NULL;

    *conn = NULL;
    if (may_go && origin->idle != NULL) {
        *conn = origin->idle;
        idle_remove(pool, *conn);
        return FLARE__POOL_REUSE;
    }
    if (may_go && origin->conns < pool->limits.origin_max) {
        if (pool->conns < pool->limits.total_max)
            return FLARE__POOL_OPEN;
        *conn = pool->oldest;
        if (*conn != NULL)
            return FLARE__POOL_EVICT;
    }
    return pool->waiting < pool->limits.waiting_max ? FLARE__POOL_WAIT
                                                    : FLARE__POOL_FULL;
}

void flare__pool_add(struct flare__pool *pool,
                     struct flare__pool_origin *origin,
                     struct flare__pool_conn *conn)
{
    *conn = (struct flare__pool_conn){.origin = origin};
    origin->conns++;
    pool->conns++;
}

void flare__pool_rest(struct flare__pool *pool, struct flare__pool_conn *conn)
{
    FLARE_ASSERT(conn->origin != NULL && !conn->is_idle);
    idle_add(pool, conn);
}

void flare__pool_unrest(struct flare__pool *pool, struct flare__pool_conn *conn)
{
    if (conn->is_idle)
        idle_remove(pool, conn);
}

void flare__pool_remove(struct flare__pool *pool, struct flare__pool_conn *conn)
{
    struct flare__pool_origin *o = conn->origin;

    if (o == NULL)
        return;
    if (conn->is_idle)
        idle_remove(pool, conn);
    conn->origin = NULL;
    o->conns--;
    pool->conns--;
    flare__pool_forget(pool, o);
}

/* ---- those who wait ---- */

static void wanted_add(struct flare__pool *pool, struct flare__pool_origin *o)
{
    o->next_wanted = pool->wanted;
    o->wanted_link = &pool->wanted;
    if (pool->wanted != NULL)
        pool->wanted->wanted_link = &o->next_wanted;
    pool->wanted = o;
}

static void wanted_remove(struct flare__pool_origin *o)
{
    *o->wanted_link = o->next_wanted;
    if (o->next_wanted != NULL)
        o->next_wanted->wanted_link = o->wanted_link;
}

void flare__pool_wait(struct flare__pool *pool,
                      struct flare__pool_origin *origin,
                      struct flare__pool_wait *wait)
{
    if (origin->waiting == NULL)
        wanted_add(pool, origin);
    *wait = (struct flare__pool_wait){.origin = origin,
                                      .link = origin->waiting_end,
                                      .number = pool->next_number++};
    *origin->waiting_end = wait;
    origin->waiting_end = &wait->next;
    pool->waiting++;
}

void flare__pool_unwait(struct flare__pool *pool, struct flare__pool_wait *wait)
{
    struct flare__pool_origin *o = wait->origin;

    if (o == NULL)
        return;
    wait->origin = NULL;
    *wait->link = wait->next;
    if (wait->next != NULL)
        wait->next->link = wait->link;
    else
        o->waiting_end = wait->link;
    pool->waiting--;
    if (o->waiting == NULL)
        wanted_remove(o);
}

static bool origin_has_way(const struct flare__pool *pool,
                           const struct flare__pool_origin *o)
{
    if (o->idle != NULL)
        return true;
    return o->conns < pool->limits.origin_max &&
           (pool->conns < pool->limits.total_max || pool->oldest != NULL);
}

struct flare__pool_wait *flare__pool_next(const struct flare__pool *pool)
{
    struct flare__pool_wait *next = NULL;

    for (const struct flare__pool_origin *o = pool->wanted; o != NULL;
         o = o->next_wanted)
        if ((next == NULL || o->waiting->number < next->number) &&
            origin_has_way(pool, o))
            next = o->waiting;
    return next;
}

/* ---- for tests ---- */

static void origin_check(const struct flare__pool *pool,
                         const struct flare__pool_origin *o, uint32_t *idle,
                         uint32_t *waiting)
{
    uint32_t own = 0;

    FLARE_ASSERT(o->conns <= pool->limits.origin_max);
    FLARE_ASSERT(o->conns != 0 || o->waiting != NULL);
    for (const struct flare__pool_conn *c = o->idle; c != NULL; c = c->next) {
        FLARE_ASSERT(c->is_idle && c->origin == o && *c->link == c);
        own++;
    }
    FLARE_ASSERT(own <= o->conns);
    *idle += own;
    for (const struct flare__pool_wait *w = o->waiting; w != NULL;
         w = w->next) {
        FLARE_ASSERT(w->origin == o && *w->link == w);
        FLARE_ASSERT(w->next == NULL || w->next->number > w->number);
        (*waiting)++;
    }
    FLARE_ASSERT(*o->waiting_end == NULL);
}

void flare__pool_check(const struct flare__pool *pool)
{
    uint32_t conns = 0;
    uint32_t idle = 0;
    uint32_t waiting = 0;
    uint32_t origins = 0;
    uint32_t listed = 0;

    for (uint32_t i = 0; i <= pool->mask; i++)
        for (const struct flare__pool_origin *o = pool->table[i]; o != NULL;
             o = o->chain) {
            origin_check(pool, o, &idle, &waiting);
            conns += o->conns;
            origins++;
        }
    for (const struct flare__pool_conn *c = pool->newest; c != NULL;
         c = c->older)
        listed++;
    FLARE_ASSERT(conns == pool->conns && conns <= pool->limits.total_max);
    FLARE_ASSERT(idle == pool->idle && listed == idle);
    FLARE_ASSERT(waiting == pool->waiting && origins == pool->origins);
    FLARE_ASSERT(waiting <= pool->limits.waiting_max);
}
