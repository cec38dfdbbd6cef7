/* SPDX-License-Identifier: MIT */
/*
 * Durations in a histogram, and everything the server counts, as Prometheus
 * reads it (text format 0.0.4).  Each worker adds to a line of its own of the
 * histogram, chosen by its loop, so nobody waits for a cache line.
 */
#include <flare/stats.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "http/mw_tools.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    METRICS_SHARDS = 64,
    METRICS_BOUNDS = 14,
    METRICS_PREFIX_MAX = 32,
    METRICS_TEXT_MAX = 16384
};

/* Upper bounds; those of Prometheus' libraries, and two below for us. */
static const struct {
    uint64_t ns;
    const char *text; /* in seconds */
} bounds[METRICS_BOUNDS] = {
    {100000, "0.0001"}, {500000, "0.0005"},  {1000000, "0.001"},
    {5000000, "0.005"}, {10000000, "0.01"},  {25000000, "0.025"},
    {50000000, "0.05"}, {100000000, "0.1"},  {250000000, "0.25"},
    {500000000, "0.5"}, {1000000000, "1"},   {2500000000, "2.5"},
    {5000000000, "5"},  {10000000000, "10"},
};

struct metrics_shard {
    _Atomic(uint64_t) buckets[METRICS_BOUNDS + 1];
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
    while (i < METRICS_BOUNDS && outcome->elapsed_ns > bounds[i].ns)
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

struct metrics_text {
    const char *prefix;
    size_t len;
    char bytes[METRICS_TEXT_MAX];
};

static void text_add(struct metrics_text *t, const char *format, ...)
    FLARE_PRINTF(2, 3);

static void text_add(struct metrics_text *t, const char *format, ...)
{
    size_t room = sizeof(t->bytes) - t->len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->bytes + t->len, room, format, args);
    va_end(args);
    FLARE_ASSERT(n >= 0 && (size_t)n < room); /* lines and prefix are ours */
    t->len += (size_t)n;
}

static void text_head(struct metrics_text *t, const char *name,
                      const char *type, const char *help)
{
    text_add(t, "# HELP %s_%s %s\n# TYPE %s_%s %s\n", t->prefix, name, help,
             t->prefix, name, type);
}

static void metrics_tell_stats(struct metrics_text *t,
                               const struct flare_stats *s)
{
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } rows[] = {
        {"connections", "gauge", "Connections open now.", s->connections},
        {"connections_accepted_total", "counter", "Connections accepted.",
         s->accepted},
        {"connections_closed_total", "counter", "Connections closed.",
         s->closed},
        {"connections_aborted_total", "counter",
         "Connections that ended in a reset or an error.", s->aborted},
        {"connections_shed_total", "counter",
         "Connections closed at once for want of memory or room.", s->shed},
        {"connections_timed_out_total", "counter",
         "Connections ended by a deadline.", s->timeouts},
        {"requests_total", "counter", "Requests handed to a handler.",
         s->requests},
        {"requests_refused_total", "counter",
         "Requests that were no HTTP, or past a limit.", s->refused},
        {"received_bytes_total", "counter", "Bytes received.", s->bytes_in},
        {"sent_bytes_total", "counter", "Bytes sent.", s->bytes_out},
        {"accept_pauses_total", "counter", "Times accepting had to wait.",
         s->accept_pauses},
        {"loop_turns_total", "counter", "Turns of the workers' loops.",
         s->turns},
    };
    const uint64_t classes[] = {s->responses_2xx, s->responses_3xx,
                                s->responses_4xx, s->responses_5xx};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        text_head(t, rows[i].name, rows[i].type, rows[i].help);
        text_add(t, "%s_%s %" PRIu64 "\n", t->prefix, rows[i].name,
                 rows[i].value);
    }
    text_head(t, "responses_total", "counter", "Responses by class of status.");
    for (int i = 0; i < 4; i++)
        text_add(t, "%s_responses_total{class=\"%dxx\"} %" PRIu64 "\n",
                 t->prefix, i + 2, classes[i]);
}

static void metrics_tell_durations(struct metrics_text *t,
                                   const struct metrics_state *s)
{
    uint64_t counts[METRICS_BOUNDS + 1] = {0};
    uint64_t sum_ns = 0;
    uint64_t count = 0;

    for (int i = 0; i < METRICS_SHARDS; i++) {
        const struct metrics_shard *shard = &s->shards[i];

        for (int b = 0; b <= METRICS_BOUNDS; b++)
            counts[b] +=
                atomic_load_explicit(&shard->buckets[b], memory_order_relaxed);
        sum_ns += atomic_load_explicit(&shard->sum_ns, memory_order_relaxed);
    }
    text_head(t, "request_duration_seconds", "histogram",
              "From the head of a request to the end of its answer.");
    for (int b = 0; b <= METRICS_BOUNDS; b++) {
        count += counts[b];
        text_add(
            t, "%s_request_duration_seconds_bucket{le=\"%s\"} %" PRIu64 "\n",
            t->prefix, b < METRICS_BOUNDS ? bounds[b].text : "+Inf", count);
    }
    text_add(t, "%s_request_duration_seconds_sum %" PRIu64 ".%09" PRIu64 "\n",
             t->prefix, sum_ns / 1000000000, sum_ns % 1000000000);
    text_add(t, "%s_request_duration_seconds_count %" PRIu64 "\n", t->prefix,
             count);
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
    struct flare_stats stats = {0};
    struct metrics_text *t = flare__alloc(s->al, sizeof(*t));
    int rc;

    if (t == NULL)
        return -ENOMEM;
    t->prefix = metrics_prefix(o);
    t->len = 0;
    if (server != NULL)
        flare_server_stats(server, &stats);
    metrics_tell_stats(t, &stats);
    metrics_tell_durations(t, s);
    rc = flare_res_copy(res, 200,
                        FLARE_STR("text/plain; version=0.0.4; charset=utf-8"),
                        (struct flare_str){t->bytes, t->len});
    flare__free(s->al, t);
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

    if (len == 0 || len > METRICS_PREFIX_MAX ||
        strspn(prefix, "abcdefghijklmnopqrstuvwxyz_") != len)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "metrics: prefix must be 1 to %d of a-z and _",
                            METRICS_PREFIX_MAX);
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
