/* SPDX-License-Identifier: MIT */
/* A result made of what was counted, and as JSON; see summary.h. */
#include "tools/bench/summary.h"

#include "tools/common/tool.h"

#include <string.h>

const double summary_levels[SUMMARY_LEVELS] = {
    0,     5,    10,    15,    20,     25,     30,      35,    40,
    45,    50,   55,    60,    65,     70,     75,      80,    85,
    90,    92.5, 95,    96,    97,     98,     99,      99.25, 99.5,
    99.75, 99.9, 99.95, 99.99, 99.995, 99.999, 99.9999, 100,
};

double summary_at(const struct summary_times *times, double level)
{
    for (size_t i = 0; i < SUMMARY_LEVELS; i++)
        if (summary_levels[i] >= level)
            return times->at[i];
    return times->max;
}

/* ---- from an outcome ---- */

static struct summary_times make_times(const struct histogram *h)
{
    struct histogram_facts facts = histogram_facts(h);
    struct summary_times times = {
        .count = facts.total,
        .min = (double)facts.min,
        .max = (double)facts.max,
        .mean = facts.mean,
        .stdev = facts.stdev,
    };

    for (size_t i = 0; i < SUMMARY_LEVELS; i++)
        times.at[i] = (double)histogram_at(h, summary_levels[i] / 100);
    return times;
}

static void make_status(struct summary *s, const struct tally *tally)
{
    for (uint16_t code = 0; code < TALLY_STATUS_MAX; code++) {
        if (tally->status[code] == 0 || s->status_count == SUMMARY_STATUS_MAX)
            continue;
        s->status[s->status_count].code = code;
        s->status[s->status_count].count = tally->status[code];
        s->status_count++;
    }
}

static void make_counts(struct summary *s, const struct outcome *o)
{
    const struct tally *tally = &o->tally;

    s->seconds = o->seconds;
    s->answers = tally->answers;
    s->rate = outcome_rate(o);
    s->bytes_in = tally->bytes_in;
    s->bytes_out = tally->bytes_out;
    s->connects = tally->connects;
    s->resent = tally->resent;
    s->unsent = tally->unsent;
    s->unanswered = tally->unanswered;
    memcpy(s->errors, tally->errors, sizeof(s->errors));
    s->error_total = tally_errors(tally);
    memcpy(s->fault, o->fault, sizeof(s->fault));
    make_status(s, tally);
    s->latency = make_times(&tally->latency);
    s->service = make_times(&tally->service);
    s->connect = make_times(&tally->connect);
    s->cpu_user_s = o->cpu_user_s;
    s->cpu_system_s = o->cpu_system_s;
}

void summary_make(struct summary *s, const struct job *job,
                  const struct outcome *o)
{
    struct tm tm;

    memset(s, 0, sizeof(*s));
    snprintf(s->version, sizeof(s->version), "%s", flare_version());
    snprintf(s->url, sizeof(s->url), "%s", job->url);
    gmtime_r(&o->started, &tm);
    strftime(s->started, sizeof(s->started), "%Y-%m-%dT%H:%M:%SZ", &tm);
    snprintf(s->backend, sizeof(s->backend), "%s", o->backend);
    s->is_partial = o->is_partial;
    s->threads = job->threads;
    s->connections = job->connections;
    s->depth = job->depth;
    s->closes = job->closes;
    s->rate_wanted = o->phase.rate;
    s->is_poisson = o->phase.is_poisson;
    s->count_wanted = o->phase.count;
    s->warmup_s = (double)o->phase.warmup_ns / 1e9;
    make_counts(s, o);
    s->sample_count = o->sample_count;
    memcpy(s->samples, o->samples, sizeof(s->samples));
}

/* ---- as JSON ---- */

static void put_u64(struct flare_json *json, const char *key, uint64_t value)
{
    flare_json_key(json, key);
    flare_json_u64(json, value);
}

static void put_double(struct flare_json *json, const char *key, double value)
{
    flare_json_key(json, key);
    flare_json_double(json, value);
}

static void put_bool(struct flare_json *json, const char *key, bool value)
{
    flare_json_key(json, key);
    flare_json_bool(json, value);
}

static void put_string(struct flare_json *json, const char *key,
                       const char *value)
{
    flare_json_key(json, key);
    flare_json_string(json, flare_str(value));
}

static void put_times(struct flare_json *json, const char *key,
                      const struct summary_times *times)
{
    flare_json_key(json, key);
    flare_json_begin_object(json);
    put_u64(json, "count", times->count);
    put_double(json, "min_ns", times->min);
    put_double(json, "max_ns", times->max);
    put_double(json, "mean_ns", times->mean);
    put_double(json, "stdev_ns", times->stdev);
    flare_json_key(json, "percentiles_ns");
    flare_json_begin_object(json);
    for (size_t i = 0; i < SUMMARY_LEVELS; i++) {
        char name[24];

        snprintf(name, sizeof(name), "p%g", summary_levels[i]);
        put_double(json, name, times->at[i]);
    }
    flare_json_end_object(json);
    flare_json_end_object(json);
}

static void put_settings(struct flare_json *json, const struct summary *s)
{
    flare_json_key(json, "settings");
    flare_json_begin_object(json);
    put_u64(json, "threads", s->threads);
    put_u64(json, "connections", s->connections);
    put_u64(json, "pipeline", s->depth);
    put_bool(json, "keepalive", !s->closes);
    put_double(json, "rate", s->rate_wanted);
    put_bool(json, "poisson", s->is_poisson);
    put_u64(json, "requests", s->count_wanted);
    put_double(json, "warmup_s", s->warmup_s);
    flare_json_end_object(json);
}

static void put_counts(struct flare_json *json, const struct summary *s)
{
    put_double(json, "seconds", s->seconds);
    put_u64(json, "answers", s->answers);
    put_double(json, "answers_per_s", s->rate);
    put_u64(json, "bytes_in", s->bytes_in);
    put_u64(json, "bytes_out", s->bytes_out);
    put_u64(json, "connects", s->connects);
    put_u64(json, "resent", s->resent);
    put_u64(json, "unsent", s->unsent);
    put_u64(json, "unanswered", s->unanswered);
    flare_json_key(json, "status");
    flare_json_begin_object(json);
    for (size_t i = 0; i < s->status_count; i++) {
        char code[8];

        snprintf(code, sizeof(code), "%u", s->status[i].code);
        put_u64(json, code, s->status[i].count);
    }
    flare_json_end_object(json);
    flare_json_key(json, "errors");
    flare_json_begin_object(json);
    put_u64(json, "total", s->error_total);
    for (int i = 0; i < TALLY_ERROR_COUNT; i++)
        put_u64(json, tally_error_name((enum tally_error)i), s->errors[i]);
    flare_json_end_object(json);
    put_string(json, "first_error", s->fault);
}

static void put_samples(struct flare_json *json, const struct summary *s)
{
    flare_json_key(json, "series");
    flare_json_begin_array(json);
    for (size_t i = 0; i < s->sample_count; i++) {
        const struct sample *sample = &s->samples[i];

        flare_json_begin_object(json);
        put_double(json, "at_s", sample->at_s);
        put_double(json, "seconds", sample->seconds);
        put_u64(json, "answers", sample->answers);
        put_u64(json, "errors", sample->errors);
        put_u64(json, "p50_ns", sample->p50_ns);
        put_u64(json, "p99_ns", sample->p99_ns);
        put_u64(json, "max_ns", sample->max_ns);
        flare_json_end_object(json);
    }
    flare_json_end_array(json);
}

void summary_write(const struct summary *s, struct flare_json *json)
{
    put_string(json, "tool", "flare-bench");
    put_u64(json, "schema", SUMMARY_SCHEMA);
    put_string(json, "version", s->version);
    put_string(json, "url", s->url);
    put_string(json, "started", s->started);
    put_string(json, "backend", s->backend);
    put_bool(json, "partial", s->is_partial);
    put_settings(json, s);
    put_counts(json, s);
    put_times(json, "latency", &s->latency);
    put_times(json, "service", &s->service);
    put_times(json, "connect", &s->connect);
    flare_json_key(json, "cpu");
    flare_json_begin_object(json);
    put_double(json, "user_s", s->cpu_user_s);
    put_double(json, "system_s", s->cpu_system_s);
    flare_json_end_object(json);
    put_samples(json, s);
}
