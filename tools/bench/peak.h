/* SPDX-License-Identifier: MIT */
/*
 * The highest rate at which a latency is kept: measured in steps, each of which
 * is told, so that who reads the answer sees what it stands on.
 */
#ifndef TOOL_BENCH_PEAK_H
#define TOOL_BENCH_PEAK_H

#include "tools/bench/condition.h"
#include "tools/bench/run.h"

enum { PEAK_STEPS_MAX = 24 };

enum peak_verdict {
    PEAK_HOLDS,
    PEAK_SLOW,   /* the latency is not kept */
    PEAK_BEHIND, /* fewer answers than 98 % of what was wanted */
    PEAK_ERRORS  /* something failed, or a status of 500 and above */
};

struct peak_step {
    double wanted; /* a second; 0: as fast as answers come */
    double rate;   /* answers a second */
    double p50_ns;
    double p99_ns;
    double metric_ns; /* what is to be kept */
    uint64_t errors;
    enum peak_verdict verdict;
};

struct peak {
    struct peak_step steps[PEAK_STEPS_MAX];
    size_t count;
    double rate; /* the answer; 0: none that was tried */
    bool is_partial;
};

const char *peak_verdict_words(enum peak_verdict verdict);

/*
 * Looks for it with phases like `phase`.  `outcome` is that of the best step in
 * the end, or of the last one if none holds.  `on_step` (may be NULL) is told
 * of each step.
 */
void peak_find(struct peak *peak, struct run *run, const struct phase *phase,
               const struct condition *keep, struct outcome *outcome,
               void (*on_step)(const struct peak_step *step));

/* A line for people, and what is above all of them. */
void peak_print_head(const struct condition *keep, FILE *file);
void peak_print_step(const struct peak_step *step, FILE *file);

#endif
