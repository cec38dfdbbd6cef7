/* SPDX-License-Identifier: MIT */
/* What a phase has come to. */
#ifndef TOOL_BENCH_OUTCOME_H
#define TOOL_BENCH_OUTCOME_H

#include "tools/bench/job.h"
#include "tools/bench/tally.h"

#include <time.h>

enum { OUTCOME_SAMPLES_MAX = 512 };

/* A stretch within a phase. */
struct sample {
    double at_s; /* its end, from the begin of what counts */
    double seconds;
    uint64_t answers;
    uint64_t errors;
    uint64_t p50_ns;
    uint64_t p99_ns;
    uint64_t max_ns;
};

struct outcome {
    struct phase phase;
    struct tally tally; /* of all threads */
    double seconds;     /* that counted */
    bool is_partial;    /* it was interrupted */
    bool has_failed;    /* a thread's loop broke */
    time_t started;
    double cpu_user_s; /* this program's, in the seconds that counted */
    double cpu_system_s;
    const char *backend;
    char fault[256]; /* the first error, in words */
    struct sample samples[OUTCOME_SAMPLES_MAX];
    size_t sample_count;
};

/* Answers a second. */
static inline double outcome_rate(const struct outcome *o)
{
    return o->seconds > 0 ? (double)o->tally.answers / o->seconds : 0;
}

#endif
