/* SPDX-License-Identifier: MIT */
/* A result read back from its JSON; see summary.h. */
#include "tools/bench/json_read.h"
#include "tools/bench/summary.h"
#include "tools/bench/text.h"
#include "tools/common/tool.h"

#include <stdlib.h>
#include <string.h>

static double get_double(struct flare_str object, const char *key)
{
    return json_read_number(json_read_member(object, key), 0);
}

/* What is no count of ours becomes none. */
static uint64_t to_u64(struct flare_str text)
{
    double value = json_read_number(text, 0);

    return value > 0 && value < 0x1p63 ? (uint64_t)value : 0;
}

static uint64_t get_u64(struct flare_str object, const char *key)
{
    return to_u64(json_read_member(object, key));
}

static void get_string(struct flare_str object, const char *key, char *out,
                       size_t size)
{
    json_read_string(json_read_member(object, key), out, size);
}

static void read_times(struct summary_times *times, struct flare_str object,
                       const char *key)
{
    struct flare_str at;

    object = json_read_member(object, key);
    at = json_read_member(object, "percentiles_ns");
    times->count = get_u64(object, "count");
    times->min = get_double(object, "min_ns");
    times->max = get_double(object, "max_ns");
    times->mean = get_double(object, "mean_ns");
    times->stdev = get_double(object, "stdev_ns");
    for (size_t i = 0; i < SUMMARY_LEVELS; i++) {
        char name[24];

        snprintf(name, sizeof(name), "p%g", summary_levels[i]);
        times->at[i] = get_double(at, name);
    }
}

static void read_settings(struct summary *s, struct flare_str object)
{
    s->threads = (uint32_t)get_u64(object, "threads");
    s->connections = (uint32_t)get_u64(object, "connections");
    s->depth = (uint32_t)get_u64(object, "pipeline");
    s->closes = !json_read_bool(json_read_member(object, "keepalive"), true);
    s->rate_wanted = get_double(object, "rate");
    s->is_poisson = json_read_bool(json_read_member(object, "poisson"), false);
    s->count_wanted = get_u64(object, "requests");
    s->warmup_s = get_double(object, "warmup_s");
}

static void read_counts(struct summary *s, struct flare_str object)
{
    struct flare_str errors = json_read_member(object, "errors");
    struct flare_str rest = json_read_member(object, "status");
    struct flare_str code;
    struct flare_str count;

    s->seconds = get_double(object, "seconds");
    s->answers = get_u64(object, "answers");
    s->rate = get_double(object, "answers_per_s");
    s->bytes_in = get_u64(object, "bytes_in");
    s->bytes_out = get_u64(object, "bytes_out");
    s->connects = get_u64(object, "connects");
    s->resent = get_u64(object, "resent");
    s->unsent = get_u64(object, "unsent");
    s->unanswered = get_u64(object, "unanswered");
    s->error_total = get_u64(errors, "total");
    for (int i = 0; i < TALLY_ERROR_COUNT; i++)
        s->errors[i] = get_u64(errors, tally_error_name((enum tally_error)i));
    get_string(object, "first_error", s->fault, sizeof(s->fault));
    while (s->status_count < SUMMARY_STATUS_MAX &&
           (count = json_read_next_member(&rest, &code)).ptr != NULL) {
        s->status[s->status_count].code = (uint16_t)to_u64(code);
        s->status[s->status_count].count = to_u64(count);
        s->status_count++;
    }
}

static void read_samples(struct summary *s, struct flare_str rest)
{
    while (s->sample_count < OUTCOME_SAMPLES_MAX) {
        struct flare_str object = json_read_next(&rest);

        if (object.ptr == NULL)
            return;
        s->samples[s->sample_count++] = (struct sample){
            .at_s = get_double(object, "at_s"),
            .seconds = get_double(object, "seconds"),
            .answers = get_u64(object, "answers"),
            .errors = get_u64(object, "errors"),
            .p50_ns = get_u64(object, "p50_ns"),
            .p99_ns = get_u64(object, "p99_ns"),
            .max_ns = get_u64(object, "max_ns"),
        };
    }
}

void summary_read(struct summary *s, const char *path)
{
    struct flare_str text = text_read_file("--compare", path);
    char tool[32] = "";

    memset(s, 0, sizeof(*s));
    if (json_read_check(text))
        get_string(text, "tool", tool, sizeof(tool));
    if (strcmp(tool, "flare-bench") != 0)
        tool_usage("--compare: %s is no result of flare-bench --json", path);
    if (get_u64(text, "schema") != SUMMARY_SCHEMA)
        tool_usage("--compare: %s has another schema than %d", path,
                   SUMMARY_SCHEMA);
    get_string(text, "version", s->version, sizeof(s->version));
    get_string(text, "url", s->url, sizeof(s->url));
    get_string(text, "started", s->started, sizeof(s->started));
    get_string(text, "backend", s->backend, sizeof(s->backend));
    s->is_partial = json_read_bool(json_read_member(text, "partial"), false);
    read_settings(s, json_read_member(text, "settings"));
    read_counts(s, text);
    read_times(&s->latency, text, "latency");
    read_times(&s->service, text, "service");
    read_times(&s->connect, text, "connect");
    s->cpu_user_s = get_double(json_read_member(text, "cpu"), "user_s");
    s->cpu_system_s = get_double(json_read_member(text, "cpu"), "system_s");
    read_samples(s, json_read_member(text, "series"));
    free((char *)text.ptr); /* text_read_file gave it */
}
