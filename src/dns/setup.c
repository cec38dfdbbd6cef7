/* SPDX-License-Identifier: MIT */
/* See setup.h. */
#include "dns/setup.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "dns/cache.h"
#include "net/loop.h"

#include <errno.h>

enum { NS_PER_MS = 1000000 };

struct setup {
    struct flare_allocator al;          /* outlives the loop's copy */
    struct flare_dns_resolver resolver; /* start NULL: getaddrinfo */
    struct flare__dns_cache *cache;     /* NULL: none */
    uint32_t epoch;                     /* 0 is none's */
};

static void setup_free(void *state)
{
    struct setup *s = state;
    struct flare_allocator al = s->al;

    flare__dns_cache_free(s->cache);
    flare__free(&al, s);
}

static int setup_need(struct setup **out, struct flare_loop *loop)
{
    struct flare__extra *extra = &loop->extras[FLARE__EXTRA_DNS];

    FLARE_DCHECK(flare__loop_is_owner(loop));
    if (extra->state == NULL) {
        struct setup *s = flare__calloc(&loop->allocator, 1, sizeof(*s));

        if (s == NULL)
            return -ENOMEM;
        s->al = loop->allocator;
        s->epoch = 1;
        extra->state = s;
        extra->free_fn = setup_free;
    }
    *out = extra->state;
    return 0;
}

static struct setup *setup_of(const struct flare_loop *loop)
{
    return loop->extras[FLARE__EXTRA_DNS].state;
}

static void setup_next_epoch(struct setup *s)
{
    if (++s->epoch == 0)
        s->epoch = 1;
}

void flare__dns_setup_get(const struct flare_loop *loop,
                          struct flare_dns_resolver *resolver, uint32_t *epoch)
{
    const struct setup *s = setup_of(loop);

    *resolver = (struct flare_dns_resolver){.start = NULL};
    *epoch = 0;
    if (s == NULL)
        return;
    *resolver = s->resolver;
    *epoch = s->epoch;
}

bool flare__dns_setup_find(struct flare_loop *loop, struct flare_str host,
                           enum flare_dns_family family,
                           struct flare_dns_result *out)
{
    struct setup *s = setup_of(loop);
    uint64_t now_ms;

    if (s == NULL || s->cache == NULL)
        return false;
    /* not the turn's time, which may be long past */
    now_ms = loop->ops->now(loop->backend) / NS_PER_MS;
    return flare__dns_cache_find(s->cache, host, family, now_ms, out);
}

void flare__dns_setup_keep(struct flare_loop *loop, uint32_t epoch,
                           struct flare_str host, enum flare_dns_family family,
                           const struct flare_dns_result *result)
{
    struct setup *s = setup_of(loop);

    if (s != NULL && s->cache != NULL && s->epoch == epoch)
        flare__dns_cache_put(s->cache, host, family, loop->now_ms, result);
}

int flare_dns_resolver_set(flare_loop *loop,
                           const struct flare_dns_resolver *resolver)
{
    struct setup *s;
    int rc = setup_need(&s, loop);

    if (rc < 0)
        return rc;
    s->resolver = (struct flare_dns_resolver){.start = NULL};
    if (resolver != NULL) {
        FLARE_ASSERT(resolver->start != NULL && resolver->cancel != NULL);
        s->resolver = *resolver;
    }
    if (s->cache != NULL)
        flare__dns_cache_clear(s->cache);
    setup_next_epoch(s);
    return 0;
}

int flare_dns_cache_set(flare_loop *loop, uint32_t entries_max,
                        uint32_t keep_ms)
{
    struct flare__dns_cache *cache = NULL;
    struct setup *s = NULL;
    int rc = setup_need(&s, loop);

    if (entries_max > FLARE_DNS_CACHE_MAX || (entries_max > 0 && keep_ms == 0))
        return FLARE_E_RANGE;
    if (rc == 0 && entries_max > 0)
        rc = flare__dns_cache_new(&cache, &s->al, entries_max, keep_ms);
    if (rc < 0)
        return rc;
    flare__dns_cache_free(s->cache);
    s->cache = cache;
    setup_next_epoch(s);
    return 0;
}
