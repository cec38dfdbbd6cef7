/* SPDX-License-Identifier: MIT */
/* A report as one HTML file that needs no other, light and dark. */
#ifndef TOOL_BENCH_HTML_H
#define TOOL_BENCH_HTML_H

#include "tools/bench/peak.h"
#include "tools/bench/summary.h"

/* Writes one result, or two beside each other (`other` may be NULL), and the
 * steps of a search (`peak` may be NULL).  A file that cannot be written ends
 * the program. */
void html_write(const char *path, const struct summary *s,
                const struct summary *other, const struct peak *peak);

#endif
