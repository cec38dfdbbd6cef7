/* SPDX-License-Identifier: MIT */
/*
 * What a server's connections have come to, across reloads: relaxed atomics,
 * counted by its holder and every configuration, as connections outlive both.
 * A client has none: NULL is accepted everywhere.  Thread: any.
 */
#ifndef FLARE__TLS_COUNTS_H
#define FLARE__TLS_COUNTS_H

#include <flare/tls.h>

struct flare__tls_counts;

/* One reference.  NULL: no memory. */
struct flare__tls_counts *flare__tls_counts_new(
    const struct flare_allocator *al);
struct flare__tls_counts *flare__tls_counts_ref(
    struct flare__tls_counts *counts);
void flare__tls_counts_unref(struct flare__tls_counts *counts);

void flare__tls_counts_opened(struct flare__tls_counts *counts,
                              bool is_resumed);
void flare__tls_counts_failed(struct flare__tls_counts *counts);
void flare__tls_counts_kernel(struct flare__tls_counts *counts, bool is_sent);

void flare__tls_counts_read(struct flare__tls_counts *counts,
                            struct flare_tls_stats *out);

#endif
