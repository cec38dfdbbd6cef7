/* SPDX-License-Identifier: MIT */
/* The command line of flare-bench. */
#ifndef TOOL_BENCH_SETTINGS_H
#define TOOL_BENCH_SETTINGS_H

#include "tools/bench/condition.h"
#include "tools/bench/job.h"

enum { SETTINGS_CONDITIONS_MAX = 16 };

/* Of flare-bench, beyond TOOL_EXIT_*. */
enum { EXIT_CONDITION = 3, EXIT_INTERRUPTED = 130 };

struct settings {
    struct job job;
    struct phase phase;
    bool has_json;
    bool is_quiet;
    const char *hgrm; /* files; NULL: none */
    const char *html;
    const char *compare[2]; /* results to be compared; NULL: none */
    struct condition fail_if[SETTINGS_CONDITIONS_MAX];
    size_t fail_if_count;
    bool has_peak;
    struct condition peak;
};

/* What is faulty ends the program as a usage error, what cannot be looked up
 * or read as well. */
void settings_read(struct settings *s, int argc, char **argv);

void settings_fini(struct settings *s);

#endif
