/* SPDX-License-Identifier: MIT */
/*
 * What a result is held to: "p99>5ms", "errors>0", "rate<10000".
 *
 *     metric   p50, p99.9 and any other percentile, mean, min, max: times
 *              rate: answers a second; answers, errors, unsent, unanswered,
 *              1xx to 5xx: counts, or with % behind the value the share of all
 *              that was tried
 *     operator > >= < <= =
 */
#ifndef TOOL_BENCH_CONDITION_H
#define TOOL_BENCH_CONDITION_H

#include "tools/bench/outcome.h"

enum condition_operator {
    CONDITION_ABOVE,
    CONDITION_AT_LEAST,
    CONDITION_BELOW,
    CONDITION_AT_MOST,
    CONDITION_EQUAL
};

enum condition_metric {
    CONDITION_PERCENTILE,
    CONDITION_MEAN,
    CONDITION_MIN,
    CONDITION_MAX,
    CONDITION_RATE,
    CONDITION_ANSWERS,
    CONDITION_ERRORS,
    CONDITION_UNSENT,
    CONDITION_UNANSWERED,
    CONDITION_CLASS
};

struct condition {
    const char *text; /* as given; borrowed */
    enum condition_metric metric;
    enum condition_operator op;
    double level;  /* of PERCENTILE, 0 to 100; of CLASS its hundreds */
    bool is_share; /* `value` is in per cent */
    double value;  /* nanoseconds, if the metric is a time */
};

/* A faulty text is a usage error that names `option`. */
void condition_parse(struct condition *c, const char *option, const char *text);

bool condition_is_time(const struct condition *c);

/* What the metric is. */
double condition_measure(const struct condition *c, const struct outcome *o);

/* Whether it holds. */
bool condition_holds(const struct condition *c, const struct outcome *o);

#endif
