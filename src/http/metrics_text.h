/* SPDX-License-Identifier: MIT */
/*
 * Numbers as Prometheus reads them: the text exposition format 0.0.4.  Every
 * family has HELP and TYPE once and its samples behind them, counters end in
 * _total, units are seconds and bytes, labels are from fixed sets.
 */
#ifndef FLARE__HTTP_METRICS_TEXT_H
#define FLARE__HTTP_METRICS_TEXT_H

#include <flare/stats.h>

enum {
    FLARE__METRICS_BOUNDS = 14,
    FLARE__METRICS_PREFIX_MAX = 32,
    FLARE__METRICS_TEXT_MAX = 24576 /* the longest numbers and prefix fit */
};

struct flare__metrics_bound {
    uint64_t ns;
    const char *text; /* in seconds */
};

/* Upper bounds of durations; past the last there is one bucket more. */
extern const struct flare__metrics_bound
    flare__metrics_bounds[FLARE__METRICS_BOUNDS];

struct flare__metrics {
    const char *prefix; /* of every name, FLARE__METRICS_PREFIX_MAX at most */
    struct flare_stats server;
    struct flare_tls_stats tls;
    uint64_t buckets[FLARE__METRICS_BOUNDS + 1]; /* each alone, not a sum */
    uint64_t sum_ns;
};

/* Writes all of it; returns the length.  No terminator. */
size_t flare__metrics_write(char out[FLARE__METRICS_TEXT_MAX],
                            const struct flare__metrics *m);

#endif
