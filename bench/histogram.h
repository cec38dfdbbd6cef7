/* SPDX-License-Identifier: MIT */
/*
 * Latencies in nanoseconds, in buckets no wider than 1/64 of their value, so a
 * percentile is right to 1.6 % from 1 ns to 18 minutes and adding one is a
 * shift and an increment.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    HISTOGRAM_BITS = 6, /* 64 buckets for each doubling */
    HISTOGRAM_VALUE_BITS = 40,
    HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_BITS + 1)
                        << HISTOGRAM_BITS
};

struct histogram {
    uint64_t total;
    uint32_t counts[HISTOGRAM_BUCKETS];
};

static inline void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

static inline void histogram_add(struct histogram *h, uint64_t ns,
                                 uint32_t times)
{
    const uint64_t max = (UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1;
    uint64_t index = ns;

    if (ns > max)
        ns = max;
    if (ns >> HISTOGRAM_BITS > 1) {
        unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - HISTOGRAM_BITS;

        index = ((uint64_t)shift << HISTOGRAM_BITS) + (ns >> shift);
    }
    h->counts[index] += times;
    h->total += times;
}

/* The middle of a bucket. */
static inline uint64_t histogram_value(uint64_t index)
{
    uint64_t shift = index >> HISTOGRAM_BITS;

    if (shift <= 1)
        return index;
    shift--;
    return ((index - (shift << HISTOGRAM_BITS)) << shift) +
           (UINT64_C(1) << (shift - 1));
}

/* The middle of the bucket where `fraction` of all values is reached. */
static inline uint64_t histogram_at(const struct histogram *h, double fraction)
{
    uint64_t wanted = (uint64_t)((double)h->total * fraction);
    uint64_t seen = 0;

    for (uint64_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen > wanted)
            return histogram_value(i);
    }
    return 0;
}

/* Adds all that `from` holds. */
static inline void histogram_merge(struct histogram *h,
                                   const struct histogram *from)
{
    for (uint64_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        h->counts[i] += from->counts[i];
    h->total += from->total;
}

/* A line of JSON: pairs of a value and how often it was. */
static inline void histogram_print(const struct histogram *h, const char *name)
{
    const char *comma = "";

    printf("{\"histogram\":\"%s\",\"pairs\":[", name);
    for (uint64_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->counts[i] == 0)
            continue;
        printf("%s[%" PRIu64 ",%" PRIu32 "]", comma, histogram_value(i),
               h->counts[i]);
        comma = ",";
    }
    printf("]}\n");
}

#endif
