/* SPDX-License-Identifier: MIT */
/* Where the load goes: the URL in its parts, and an address that answers. */
#ifndef TOOL_BENCH_TARGET_H
#define TOOL_BENCH_TARGET_H

#include "tools/bench/job.h"

/* Reads the URL, which is borrowed, into `job`; a faulty one is a usage
 * error. */
void target_read(struct job *job, const char *url);

/*
 * Finds where to connect: `connect` or `unix_path`, if they are not NULL; else
 * the first address of the host that can be connected to.  Ends the program if
 * there is none.
 */
void target_find(struct job *job, const char *unix_path, const char *connect);

#endif
