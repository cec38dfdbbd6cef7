/* SPDX-License-Identifier: MIT */
/*
 * A rate limit per client: one number for each, the time at which its allowance
 * would be full again ("virtual scheduling", GCRA), which says the same as a
 * token bucket without counting tokens.  Four clients are a cache line; one
 * look-up reads one line.  A client is told by a keyed hash of 64 bits, so that
 * nobody can choose addresses that meet.
 *
 * No lock: a client's number changes by compare-and-swap.  Two workers that
 * take one place for two new clients at once make one of them begin with the
 * other's number, for once.
 */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"
#include "http/mw_tools.h"
#include "net/random.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    RATE_WAYS = 4,
    RATE_CLIENTS = 65536,
    RATE_CLIENTS_LEAST = 64,
    RATE_CLIENTS_MOST = 1 << 24,
    RATE_LINE = 64, /* of the cache */
    RATE_PER_MOST_S = 86400,
    RATE_BURST_MOST = 1000000
};

#define RATE_SECOND UINT64_C(1000000000)

struct rate_place {
    _Atomic(uint64_t) key; /* 0: free */
    _Atomic(uint64_t) full_ns;
};

struct rate_set {
    struct rate_place ways[RATE_WAYS];
};

_Static_assert(sizeof(struct rate_set) == RATE_LINE, "one cache line");

struct rate_table {
    const struct flare_allocator *al;
    struct rate_set *sets; /* aligned, behind this */
    uint64_t mask;
    uint64_t seed[2];
    uint64_t cost_ns;   /* of a request */
    uint64_t credit_ns; /* that a client may be ahead of its time */
};

/* ---- who it is ---- */

/* Never 0. */
static uint64_t rate_hash(const uint64_t seed[2], struct flare_str in)
{
    uint64_t h = flare__hash(seed, in);

    return h != 0 ? h : 1;
}

/* An IPv6 user has a /64 to choose addresses from. */
static struct flare_str rate_address(flare_req *req, char bytes[16])
{
    const struct flare_addr *client = flare__mw_client(req);

    memset(bytes, 0, 16);
    if (client->kind == FLARE_ADDR_IP)
        memcpy(bytes, client->ip.bytes,
               client->ip.family == FLARE_IP_V4 ? 16 : 8);
    return (struct flare_str){bytes, 16};
}

/* ---- the table ---- */

/* The client's place; if it has none, that of whoever needs it least. */
static struct rate_place *rate_find(struct rate_table *t, uint64_t key)
{
    struct rate_set *set = &t->sets[key & t->mask];
    struct rate_place *least = &set->ways[0];
    uint64_t least_ns = UINT64_MAX;
    uint64_t old;

    for (int i = 0; i < RATE_WAYS; i++) {
        struct rate_place *p = &set->ways[i];
        uint64_t full_ns;

        if (atomic_load_explicit(&p->key, memory_order_relaxed) == key)
            return p;
        full_ns = atomic_load_explicit(&p->full_ns, memory_order_relaxed);
        if (full_ns < least_ns) {
            least_ns = full_ns;
            least = p;
        }
    }
    old = atomic_load_explicit(&least->key, memory_order_relaxed);
    if (atomic_compare_exchange_strong(&least->key, &old, key))
        atomic_store_explicit(&least->full_ns, 0, memory_order_relaxed);
    return least;
}

/* 0: it may go on; else how long it must wait, in nanoseconds. */
static uint64_t rate_take(struct rate_table *t, uint64_t key, uint64_t now_ns)
{
    struct rate_place *p = rate_find(t, key);
    uint64_t full_ns = atomic_load_explicit(&p->full_ns, memory_order_relaxed);
    uint64_t from_ns;

    do {
        from_ns = full_ns > now_ns ? full_ns : now_ns;
        if (from_ns - now_ns > t->credit_ns)
            return from_ns - now_ns - t->credit_ns;
    } while (!atomic_compare_exchange_weak_explicit(
        &p->full_ns, &full_ns, from_ns + t->cost_ns, memory_order_relaxed,
        memory_order_relaxed));
    return 0;
}

/* ---- the middleware ---- */

/* `ctx` is a number of seconds. */
static int rate_before_head(flare_req *req, flare_res *res, void *ctx)
{
    char text[24];
    int len;

    (void)req;
    if (res->status != 429)
        return 0;
    len = snprintf(text, sizeof(text), "%llu",
                   (unsigned long long)(uintptr_t)ctx);
    return flare_res_header(res, "Retry-After",
                            (struct flare_str){text, (size_t)len});
}

static int rate_run(flare_req *req, flare_res *res, struct flare_handler next,
                    void *ctx)
{
    const struct flare_rate_limit *o = ctx;
    struct rate_table *t = o->table;
    char bytes[16];
    struct flare_str who;
    uint64_t wait_ns;
    uint64_t wait_s;
    int rc;

    who = o->key != NULL ? o->key(req, o->ctx) : rate_address(req, bytes);
    if (who.len == 0)
        return flare_next(req, res, next);
    wait_ns = rate_take(t, rate_hash(t->seed, who), req->http->loop->now_ns);
    if (wait_ns == 0)
        return flare_next(req, res, next);
    wait_s = (wait_ns + RATE_SECOND - 1) / RATE_SECOND;
    rc =
        flare_res_before_head(res, rate_before_head, (void *)(uintptr_t)wait_s);
    return rc < 0 ? rc : FLARE_E_TOO_MANY;
}

/* ---- options ---- */

static int rate_check(const struct flare_rate_limit *o, struct flare_error *err)
{
    if (o->requests == 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "rate limit: requests is required");
    if (o->per_s > RATE_PER_MOST_S)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "rate limit: per_s must be from 1 to %d",
                            RATE_PER_MOST_S);
    if (o->burst > RATE_BURST_MOST)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "rate limit: burst must be at most %d",
                            RATE_BURST_MOST);
    if (o->clients_max != 0 && (o->clients_max < RATE_CLIENTS_LEAST ||
                                o->clients_max > RATE_CLIENTS_MOST))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "rate limit: clients_max must be from %d to %d",
                            RATE_CLIENTS_LEAST, RATE_CLIENTS_MOST);
    return 0;
}

static int rate_fill(struct rate_table *t, const struct flare_rate_limit *o,
                     struct flare_error *err)
{
    uint64_t per_s = o->per_s != 0 ? o->per_s : 1;
    uint64_t burst = o->burst != 0 ? o->burst : o->requests;
    int rc = flare__random(t->seed, sizeof(t->seed));

    if (rc < 0)
        return flare__error(err, rc, "rate limit: no random numbers: %s",
                            flare_strerror(rc));
    t->cost_ns = per_s * RATE_SECOND / o->requests;
    if (t->cost_ns == 0)
        t->cost_ns = 1;
    if (burst - 1 > INT64_MAX / t->cost_ns)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "rate limit: burst is more than three centuries "
                            "allow");
    t->credit_ns = (burst - 1) * t->cost_ns;
    return 0;
}

int flare_rate_limit_init(struct flare_middleware *out,
                          struct flare_rate_limit *options,
                          const struct flare_allocator *allocator,
                          struct flare_error *err)
{
    const struct flare_allocator *al =
        allocator != NULL ? allocator : &flare__allocator_default;
    uint32_t clients =
        options->clients_max != 0 ? options->clients_max : RATE_CLIENTS;
    struct rate_table *t;
    size_t sets = 1;
    int rc = rate_check(options, err);

    if (rc < 0)
        return rc;
    while (sets * RATE_WAYS < clients)
        sets *= 2;
    t = flare__calloc(al, 1, sizeof(*t) + RATE_LINE + sets * RATE_LINE);
    if (t == NULL)
        return flare__error(err, -ENOMEM, "rate limit: out of memory");
    t->al = al;
    t->mask = sets - 1;
    t->sets = (struct rate_set *)(((uintptr_t)(t + 1) + RATE_LINE - 1) &
                                  ~(uintptr_t)(RATE_LINE - 1));
    rc = rate_fill(t, options, err);
    if (rc < 0) {
        flare__free(al, t);
        return rc;
    }
    options->table = t;
    *out = (struct flare_middleware){rate_run, options};
    return 0;
}

void flare_rate_limit_fini(struct flare_rate_limit *options)
{
    struct rate_table *t = options->table;

    if (t == NULL)
        return;
    options->table = NULL;
    flare__free(t->al, t);
}
