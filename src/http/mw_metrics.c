/* SPDX-License-Identifier: MIT */
/*
 * Durations in a histogram, and everything the server counts, told by
 * metrics_text.h.  Each worker adds to a line of its own of the
 * histogram, chosen by its loop, so nobody waits for a cache line.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "http/metrics_text.h"
#include "http/mw_tools.h"
#include "http/server_impl.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { METRICS_SHARDS = 64 };

struct metrics_shard {
    _Atomic(uint64_t) buckets[FLARE__METRICS_BOUNDS + 1];
    _Atomic(uint64_t) sum_ns;
};

_Static_assert(sizeof(struct metrics_shard) % 64 == 0, "whole cache lines");

struct metrics_state {
    const struct flare_allocator *al;
    struct metrics_shard shards[METRICS_SHARDS];
};

/* ---- counting ---- */

static struct metrics_shard *metrics_shard_of(struct metrics_state *s,
                                              const flare_req *req)
{
    uint64_t loop = (uint64_t)(uintptr_t)req->http->loop;

    return &s->shards[loop * UINT64_C(0x9e3779b97f4a7c15) >> 58];
}

static void metrics_done(flare_req *req, flare_res *res,
                         const struct flare_outcome *outcome, void *ctx)
{
    const struct flare_metrics *o = ctx;
    struct metrics_shard *shard = metrics_shard_of(o->state, req);
    int i = 0;

    (void)res;
    while (i < FLARE__METRICS_BOUNDS &&
           outcome->elapsed_ns > flare__metrics_bounds[i].ns)
        i++;
    atomic_fetch_add_explicit(&shard->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&shard->sum_ns, outcome->elapsed_ns,
                              memory_order_relaxed);
}

static int metrics_run(flare_req *req, flare_res *res,
                       struct flare_handler next, void *ctx)
{
    int rc = flare_res_on_done(res, metrics_done, ctx);

    return rc < 0 ? rc : flare_next(req, res, next);
}

/* ---- telling ---- */

static void metrics_sum(struct flare__metrics *m, const struct metrics_state *s)
{
    for (int i = 0; i < METRICS_SHARDS; i++) {
        const struct metrics_shard *shard = &s->shards[i];

        for (int b = 0; b <= FLARE__METRICS_BOUNDS; b++)
            m->buckets[b] +=
                atomic_load_explicit(&shard->buckets[b], memory_order_relaxed);
        m->sum_ns += atomic_load_explicit(&shard->sum_ns, memory_order_relaxed);
    }
}

static const char *metrics_prefix(const struct flare_metrics *o)
{
    return o->prefix != NULL ? o->prefix : "flare";
}

int flare_metrics_serve(flare_req *req, flare_res *res)
{
    const struct flare_metrics *o = flare_req_ctx(req);
    const struct metrics_state *s = o->state;
    const struct flare_server *server = req->http->options->server;
    struct flare__metrics m = {.prefix = metrics_prefix(o)};
    char *text = flare__alloc(s->al, FLARE__METRICS_TEXT_MAX);
    size_t len;
    int rc;

    if (text == NULL)
        return -ENOMEM;
    if (server != NULL) {
        flare_server_stats(server, &m.server);
        if (server->config.tls != NULL)
            flare_tls_server_stats(server->config.tls, &m.tls);
    }
    metrics_sum(&m, s);
    len = flare__metrics_write(text, &m);
    rc = flare_res_copy(res, 200,
                        FLARE_STR("text/plain; version=0.0.4; charset=utf-8"),
                        (struct flare_str){text, len});
    flare__free(s->al, text);
    return rc;
}

/* ---- options ---- */

int flare_metrics_init(struct flare_middleware *out,
                       struct flare_metrics *options,
                       const struct flare_allocator *allocator,
                       struct flare_error *err)
{
    const struct flare_allocator *al =
        allocator != NULL ? allocator : &flare__allocator_default;
    const char *prefix = metrics_prefix(options);
    size_t len = strlen(prefix);
    struct metrics_state *s;

    if (len == 0 || len > FLARE__METRICS_PREFIX_MAX ||
        strspn(prefix, "abcdefghijklmnopqrstuvwxyz_") != len)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "metrics: prefix must be 1 to %d of a-z and _",
                            FLARE__METRICS_PREFIX_MAX);
    s = flare__calloc(al, 1, sizeof(*s));
    if (s == NULL)
        return flare__error(err, -ENOMEM, "metrics: out of memory");
    s->al = al;
    options->state = s;
    *out = (struct flare_middleware){metrics_run, options};
    return 0;
}

void flare_metrics_fini(struct flare_metrics *options)
{
    struct metrics_state *s = options->state;

    if (s == NULL)
        return;
    options->state = NULL;
    flare__free(s->al, s);
}
