/* SPDX-License-Identifier: MIT */
/* See metrics_text.h. */
#include "http/metrics_text.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Those of Prometheus' libraries, and two below for us. */
const struct flare__metrics_bound flare__metrics_bounds[FLARE__METRICS_BOUNDS] =
    {
        {100000, "0.0001"}, {500000, "0.0005"},  {1000000, "0.001"},
        {5000000, "0.005"}, {10000000, "0.01"},  {25000000, "0.025"},
        {50000000, "0.05"}, {100000000, "0.1"},  {250000000, "0.25"},
        {500000000, "0.5"}, {1000000000, "1"},   {2500000000, "2.5"},
        {5000000000, "5"},  {10000000000, "10"},
};

struct metrics_text {
    const char *prefix;
    size_t len;
    char *bytes;
};

/* A sample of a family with one label. */
struct metrics_sample {
    const char *label; /* its value */
    uint64_t value;
};

static void text_add(struct metrics_text *t, const char *format, ...)
    FLARE_PRINTF(2, 3);

static void text_add(struct metrics_text *t, const char *format, ...)
{
    size_t room = FLARE__METRICS_TEXT_MAX - t->len;
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

static void text_one(struct metrics_text *t, const char *name, const char *type,
                     const char *help, uint64_t value)
{
    text_head(t, name, type, help);
    text_add(t, "%s_%s %" PRIu64 "\n", t->prefix, name, value);
}

static void text_samples(struct metrics_text *t, const char *name,
                         const char *label,
                         const struct metrics_sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_add(t, "%s_%s{%s=\"%s\"} %" PRIu64 "\n", t->prefix, name, label,
                 samples[i].label, samples[i].value);
}

/* The two ways of something that counts. */
static void text_ways(struct metrics_text *t, const char *name,
                      const char *help, uint64_t in, uint64_t out)
{
    const struct metrics_sample samples[] = {{"received", in}, {"sent", out}};

    text_head(t, name, "counter", help);
    text_samples(t, name, "direction", samples, 2);
}

static void metrics_connections(struct metrics_text *t,
                                const struct flare_stats *s)
{
    text_one(t, "connections", "gauge", "Connections open now.",
             s->connections);
    text_one(t, "connections_accepted_total", "counter",
             "Connections accepted.", s->accepted);
    text_one(t, "connections_closed_total", "counter", "Connections closed.",
             s->closed);
    text_one(t, "connections_aborted_total", "counter",
             "Connections that ended in a reset or an error.", s->aborted);
    text_one(t, "connections_shed_total", "counter",
             "Connections closed at once for want of memory or room.", s->shed);
    text_one(t, "connections_timed_out_total", "counter",
             "Connections ended by a deadline.", s->timeouts);
    text_one(t, "received_bytes_total", "counter", "Bytes received.",
             s->bytes_in);
    text_one(t, "sent_bytes_total", "counter", "Bytes sent.", s->bytes_out);
    text_one(t, "accept_pauses_total", "counter",
             "Times accepting had to wait.", s->accept_pauses);
    text_one(t, "loop_turns_total", "counter", "Turns of the workers' loops.",
             s->turns);
    text_one(t, "memory_used_bytes", "gauge",
             "Memory counted against the workers' budgets; 0 without one.",
             s->memory_used);
    text_one(t, "memory_budget_bytes", "gauge",
             "The workers' budgets together; 0 without one.", s->memory_max);
}

static void metrics_requests(struct metrics_text *t,
                             const struct flare_stats *s)
{
    const struct metrics_sample classes[] = {
        {"2xx", s->responses_2xx},
        {"3xx", s->responses_3xx},
        {"4xx", s->responses_4xx},
        {"5xx", s->responses_5xx},
    };

    text_one(t, "requests_total", "counter", "Requests handed to a handler.",
             s->requests);
    text_one(t, "requests_refused_total", "counter",
             "Requests that were no HTTP, or past a limit.", s->refused);
    text_head(t, "responses_total", "counter", "Responses by class of status.");
    text_samples(t, "responses_total", "class", classes, 4);
}

static void metrics_durations(struct metrics_text *t,
                              const struct flare__metrics *m)
{
    static const char name[] = "request_duration_seconds";
    uint64_t count = 0;

    text_head(t, name, "histogram",
              "From the head of a request to the end of its answer.");
    for (int b = 0; b < FLARE__METRICS_BOUNDS; b++) {
        count += m->buckets[b];
        text_add(t, "%s_%s_bucket{le=\"%s\"} %" PRIu64 "\n", t->prefix, name,
                 flare__metrics_bounds[b].text, count);
    }
    count += m->buckets[FLARE__METRICS_BOUNDS];
    text_add(t, "%s_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", t->prefix, name,
             count);
    text_add(t, "%s_%s_sum %" PRIu64 ".%09" PRIu64 "\n", t->prefix, name,
             m->sum_ns / 1000000000, m->sum_ns % 1000000000);
    text_add(t, "%s_%s_count %" PRIu64 "\n", t->prefix, name, count);
}

static void metrics_tls(struct metrics_text *t, const struct flare_tls_stats *s)
{
    /* read one after the other, while others count */
    uint64_t resumed = s->resumed < s->handshakes ? s->resumed : s->handshakes;
    const struct metrics_sample results[] = {
        {"full", s->handshakes - resumed},
        {"resumed", resumed},
        {"failed", s->failed},
    };

    text_head(t, "tls_handshakes_total", "counter",
              "TLS handshakes by how they ended.");
    text_samples(t, "tls_handshakes_total", "result", results, 3);
    text_ways(t, "tls_kernel_total",
              "Connections whose encryption went to the kernel, each way.",
              s->kernel_rx, s->kernel_tx);
}

static void metrics_websockets(struct metrics_text *t,
                               const struct flare_stats *s)
{
    static const char *const codes[FLARE_STATS_CLOSES] = {
        "1000", "1001", "1002", "1003", "1004", "1005", "1006",
        "1007", "1008", "1009", "1010", "1011", "1012", "1013",
        "1014", "1015", "3xxx", "4xxx", "other"};
    struct metrics_sample closes[FLARE_STATS_CLOSES];

    for (int i = 0; i < FLARE_STATS_CLOSES; i++)
        closes[i] = (struct metrics_sample){codes[i], s->ws_closes[i]};
    text_one(t, "websocket_connections", "gauge", "WebSockets open now.",
             s->ws_connections);
    text_one(t, "websocket_opened_total", "counter", "WebSockets accepted.",
             s->ws_opened);
    text_head(t, "websocket_closed_total", "counter",
              "WebSockets that ended, by close code; 1006: without one.");
    text_samples(t, "websocket_closed_total", "code", closes,
                 FLARE_STATS_CLOSES);
    text_ways(t, "websocket_messages_total", "Messages of WebSockets.",
              s->ws_messages_in, s->ws_messages_out);
    text_ways(t, "websocket_message_bytes_total",
              "Bytes of those messages, uncompressed.", s->ws_bytes_in,
              s->ws_bytes_out);
    text_one(t, "websocket_refused_total", "counter",
             "Messages that a full queue has not taken.", s->ws_refused);
}

size_t flare__metrics_write(char out[FLARE__METRICS_TEXT_MAX],
                            const struct flare__metrics *m)
{
    struct metrics_text t = {.prefix = m->prefix, .bytes = out};

    metrics_connections(&t, &m->server);
    metrics_requests(&t, &m->server);
    metrics_durations(&t, m);
    metrics_tls(&t, &m->tls);
    metrics_websockets(&t, &m->server);
    return t.len;
}
