/* SPDX-License-Identifier: MIT */
/*
 * Times in nanoseconds, kept to three significant digits from 1 ns to 73
 * minutes in 264 KiB: 2048 buckets of one nanosecond, and 1024 for each
 * doubling above them, as HdrHistogram lays them out.
 *
 * One thread adds while another takes copies (tally.h); everything but adding
 * works on a copy.
 */
#ifndef TOOL_BENCH_HISTOGRAM_H
#define TOOL_BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum {
    HISTOGRAM_SUB_BITS = 11, /* 2048 is above 2 * 10^3: three digits */
    HISTOGRAM_VALUE_BITS = 42,
    HISTOGRAM_HALF = 1 << (HISTOGRAM_SUB_BITS - 1),
    HISTOGRAM_DOUBLINGS = HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1,
    HISTOGRAM_BUCKETS = (HISTOGRAM_DOUBLINGS + 1) * HISTOGRAM_HALF
};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
};

/* Where `ns` is counted; what is too long, with the longest. */
static inline uint32_t histogram_index(uint64_t ns)
{
    const uint64_t max = (UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1;
    unsigned shift;

    if (ns > max)
        ns = max;
    if (ns < UINT64_C(1) << HISTOGRAM_SUB_BITS)
        return (uint32_t)ns;
    shift = 64 - HISTOGRAM_SUB_BITS - (unsigned)__builtin_clzll(ns);
    return (uint32_t)((uint64_t)shift * HISTOGRAM_HALF + (ns >> shift));
}

/* By the one thread that adds. */
static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    uint64_t *count = &h->counts[histogram_index(ns)];

    __atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
}

/* The last value that is counted at `index`: what is said of a bucket. */
uint64_t histogram_value(uint32_t index);

uint64_t histogram_total(const struct histogram *h);

/* The value that at least `fraction` (0 to 1) of all do not exceed; 0 of
 * none. */
uint64_t histogram_at(const struct histogram *h, double fraction);

struct histogram_facts {
    uint64_t total;
    uint64_t min;
    uint64_t max;
    double mean;
    double stdev;
};

/* All zero of none. */
struct histogram_facts histogram_facts(const struct histogram *h);

/*
 * Writes the distribution in the text form that HdrHistogram's tools plot
 * (.hgrm), in milliseconds: five lines for each halving of what is left.
 */
void histogram_write_hgrm(const struct histogram *h, FILE *file);

#endif
