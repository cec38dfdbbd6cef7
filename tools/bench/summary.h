/* SPDX-License-Identifier: MIT */
/*
 * A result as it is told: on the terminal, as JSON (schema.json), as HTML, and
 * read back from JSON to be compared.  Everything is of the seconds that
 * counted; times are nanoseconds unless they say otherwise.
 */
#ifndef TOOL_BENCH_SUMMARY_H
#define TOOL_BENCH_SUMMARY_H

#include "tools/bench/outcome.h"

enum {
    SUMMARY_LEVELS = 35, /* summary_levels */
    SUMMARY_STATUS_MAX = 64,
    SUMMARY_SCHEMA = 1 /* the version of schema.json */
};

/* The percentiles that are told, 0 to 100. */
extern const double summary_levels[SUMMARY_LEVELS];

struct summary_times {
    uint64_t count;
    double min;
    double max;
    double mean;
    double stdev;
    double at[SUMMARY_LEVELS];
};

struct summary {
    char version[32];
    char url[1024];
    char started[32]; /* ISO 8601, UTC */
    char backend[16];
    bool is_partial;

    uint32_t threads;
    uint32_t connections;
    uint32_t depth;
    bool closes;
    double rate_wanted; /* 0: closed loop */
    bool is_poisson;
    uint64_t count_wanted;
    double warmup_s;

    double seconds;
    uint64_t answers;
    double rate;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t connects;
    uint64_t resent;
    uint64_t unsent;
    uint64_t unanswered;
    uint64_t errors[TALLY_ERROR_COUNT];
    uint64_t error_total;
    char fault[256];
    struct {
        uint16_t code;
        uint64_t count;
    } status[SUMMARY_STATUS_MAX];
    size_t status_count;
    struct summary_times latency;
    struct summary_times service; /* at a rate */
    struct summary_times connect;
    double cpu_user_s;
    double cpu_system_s;
    struct sample samples[OUTCOME_SAMPLES_MAX];
    size_t sample_count;
};

void summary_make(struct summary *s, const struct job *job,
                  const struct outcome *outcome);

/* Writes it as members of an object that is open. */
void summary_write(const struct summary *s, struct flare_json *json);

/* Reads what summary_write wrote; what is none ends the program as a usage
 * error that names the file. */
void summary_read(struct summary *s, const char *path);

/* The latency at one of summary_levels; `level` is one of them. */
double summary_at(const struct summary_times *times, double level);

/* For people, to `file`. */
void summary_print(const struct summary *s, FILE *file);

/* Side by side; the second as a change of the first. */
void summary_compare(const struct summary *a, const struct summary *b,
                     FILE *file);

#endif
