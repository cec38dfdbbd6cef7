/* SPDX-License-Identifier: MIT */
/*
 * Line charts as inline SVG, in colours that the page around them names
 * (--line-1, --line-2, --ink, --grid).
 */
#ifndef TOOL_BENCH_CHART_H
#define TOOL_BENCH_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { CHART_LINES_MAX = 4, CHART_TICKS_MAX = 12 };

struct chart_point {
    double x;
    double y;
};

struct chart_line {
    const char *name;
    const struct chart_point *points;
    size_t count;
    unsigned colour; /* 1 to 4 */
    bool is_dashed;
};

struct chart_tick {
    double at;
    const char *text; /* not escaped */
};

struct chart {
    const char *title; /* for who does not see it */
    const char *x_name;
    struct chart_line lines[CHART_LINES_MAX];
    size_t line_count;
    const struct chart_tick *ticks; /* of x; NULL: round numbers */
    size_t tick_count;
    bool is_time; /* y is nanoseconds; and by its logarithm where it spreads */
};

/* Writes it; nothing where there is nothing to be drawn. */
void chart_write(const struct chart *chart, FILE *file);

#endif
