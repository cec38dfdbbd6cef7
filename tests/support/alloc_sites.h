/* SPDX-License-Identifier: MIT */
/*
 * Which places in the sources allocate, and which of them a test has seen fail.
 * For programs linked with --wrap of flare__alloc, flare__calloc and
 * flare__realloc; it reads their debug information with addr2line.
 */
#ifndef FLARE__TEST_ALLOC_SITES_H
#define FLARE__TEST_ALLOC_SITES_H

#include <stdbool.h>
#include <stdio.h>

struct alloc_sites_report {
    int places; /* calls in the sources of src/net and src/http */
    int failed; /* of them, those seen to fail, or failed by their own suite */
};

/*
 * Compares the sources under `srcdir` with what has failed so far, and prints
 * each place that has not.  False: no sources there, no addr2line, or no debug
 * information.
 */
bool alloc_sites_check(const char *srcdir, struct alloc_sites_report *report);

#endif
