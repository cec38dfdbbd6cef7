/* SPDX-License-Identifier: MIT */
/* How it goes, in one line of a terminal that is written again and again. */
#ifndef TOOL_BENCH_PROGRESS_H
#define TOOL_BENCH_PROGRESS_H

#include "tools/bench/run.h"

/* A watcher that writes to standard error if that is a terminal, and nothing
 * else. */
struct run_watcher progress_watcher(bool is_quiet);

/* Wipes the line, so that something else may be written. */
void progress_clear(void);

#endif
