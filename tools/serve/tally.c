/* SPDX-License-Identifier: MIT */
/*
 * Each worker counts for itself, in buckets that are at most a sixteenth wide;
 * they are put together when the workers have ended.  The time is from the
 * head's end to the answer's last byte queued.
 */
#include "tools/serve/tally.h"

#include "tools/common/tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TALLY_STEPS = 16, TALLY_BUCKETS = 61 * TALLY_STEPS };

struct tally {
    _Alignas(64) uint64_t count;
    uint64_t bytes;  /* of bodies */
    uint64_t errors; /* 5xx, and those that broke off */
    uint32_t buckets[TALLY_BUCKETS];
};

static struct tally *tallies;
static uint32_t tally_count;
static struct timespec began;

static size_t bucket_of(uint64_t ns)
{
    unsigned top;

    if (ns < TALLY_STEPS)
        return (size_t)ns;
    top = 63 - (unsigned)__builtin_clzll(ns); /* 4 to 63 */
    return (top - 3) * TALLY_STEPS + ((ns >> (top - 4)) & (TALLY_STEPS - 1));
}

/* The middle of it. */
static double bucket_ns(size_t bucket)
{
    size_t top = bucket / TALLY_STEPS + 3;
    double step;

    if (bucket < TALLY_STEPS)
        return (double)bucket;
    step = (double)(UINT64_C(1) << (top - 4));
    return step * ((double)(TALLY_STEPS + bucket % TALLY_STEPS) + 0.5);
}

static void on_done(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    struct tally *t = &tallies[flare_worker_index(flare_req_worker(req))];

    (void)res, (void)ctx;
    t->count++;
    t->bytes += outcome->body_bytes;
    t->errors += outcome->rc < 0 || outcome->status >= 500;
    t->buckets[bucket_of(outcome->elapsed_ns)]++;
}

int tally_pass(flare_req *req, flare_res *res, struct flare_handler next,
               void *ctx)
{
    (void)!flare_res_on_done(res, on_done, ctx); /* one that is not counted */
    return flare_next(req, res, next);
}

void tally_begin(uint32_t workers)
{
    size_t size = sizeof(*tallies) * workers;

    tallies = aligned_alloc(64, size);
    if (tallies == NULL)
        tool_die("out of memory");
    memset(tallies, 0, size);
    tally_count = workers;
    clock_gettime(CLOCK_MONOTONIC, &began);
}

void tally_end(void)
{
    free(tallies);
}

/* ---- the summary ---- */

struct summary {
    uint64_t count, bytes, errors;
    double p50, p99, seconds;
    struct flare_stats stats;
};

static double quantile(uint64_t count, double part)
{
    uint64_t wanted = (uint64_t)((double)count * part);
    uint64_t seen = 0;

    for (size_t b = 0; b < TALLY_BUCKETS; b++) {
        for (uint32_t i = 0; i < tally_count; i++)
            seen += tallies[i].buckets[b];
        if (seen > wanted || (seen == count && count > 0))
            return bucket_ns(b);
    }
    return 0;
}

static void summary_make(struct summary *s, const flare_server *server)
{
    struct timespec now;

    memset(s, 0, sizeof(*s));
    for (uint32_t i = 0; i < tally_count; i++) {
        s->count += tallies[i].count;
        s->bytes += tallies[i].bytes;
        s->errors += tallies[i].errors;
    }
    s->p50 = quantile(s->count, 0.5);
    s->p99 = quantile(s->count, 0.99);
    clock_gettime(CLOCK_MONOTONIC, &now);
    s->seconds = (double)(now.tv_sec - began.tv_sec) +
                 (double)(now.tv_nsec - began.tv_nsec) / 1e9;
    flare_server_stats(server, &s->stats);
}

static void put_number(struct flare_json *json, const char *key, uint64_t value)
{
    flare_json_key(json, key);
    flare_json_u64(json, value);
}

static void print_json(const struct summary *s)
{
    struct flare_json json;

    flare_json_init(&json, NULL, 1 << 16);
    flare_json_begin_object(&json);
    flare_json_key(&json, "event");
    flare_json_string(&json, FLARE_STR("stopped"));
    flare_json_key(&json, "seconds");
    flare_json_double(&json, s->seconds);
    put_number(&json, "requests", s->count);
    put_number(&json, "body_bytes", s->bytes);
    put_number(&json, "errors", s->errors);
    put_number(&json, "p50_ns", (uint64_t)s->p50);
    put_number(&json, "p99_ns", (uint64_t)s->p99);
    put_number(&json, "connections", s->stats.accepted);
    put_number(&json, "responses_2xx", s->stats.responses_2xx);
    put_number(&json, "responses_3xx", s->stats.responses_3xx);
    put_number(&json, "responses_4xx", s->stats.responses_4xx);
    put_number(&json, "responses_5xx", s->stats.responses_5xx);
    put_number(&json, "refused", s->stats.refused);
    put_number(&json, "bytes_in", s->stats.bytes_in);
    put_number(&json, "bytes_out", s->stats.bytes_out);
    flare_json_end_object(&json);
    tool_put_json(&json);
}

void tally_print(const flare_server *server)
{
    char bytes[TOOL_TEXT_BYTES], p50[TOOL_TEXT_BYTES], p99[TOOL_TEXT_BYTES];
    char time[TOOL_TEXT_BYTES];
    struct summary s;

    summary_make(&s, server);
    if (serve.json) {
        print_json(&s);
        return;
    }
    if (serve.quiet)
        return;
    fprintf(stderr, "\n%s%" PRIu64 " requests%s in %s, %s, ",
            tool_style(stderr, TOOL_BOLD), s.count,
            tool_style(stderr, TOOL_PLAIN), tool_show_ns(time, s.seconds * 1e9),
            tool_show_bytes(bytes, (double)s.bytes));
    fprintf(stderr, "%s%" PRIu64 " errors%s\n",
            tool_style(stderr, s.errors > 0 ? TOOL_RED : TOOL_PLAIN), s.errors,
            tool_style(stderr, TOOL_PLAIN));
    if (s.count > 0)
        fprintf(stderr, "half of them within %s, 99%% within %s\n",
                tool_show_ns(p50, s.p50), tool_show_ns(p99, s.p99));
}
