/* SPDX-License-Identifier: MIT */
/* Reading histograms; see histogram.h. */
#include "tools/bench/histogram.h"

#include <math.h>

/* How many doublings wide the bucket is. */
static unsigned shift_of(uint32_t index)
{
    return index < 2 * HISTOGRAM_HALF ? 0 : index / HISTOGRAM_HALF - 1;
}

static uint64_t lowest(uint32_t index)
{
    unsigned shift = shift_of(index);

    return ((uint64_t)index - (uint64_t)shift * HISTOGRAM_HALF) << shift;
}

uint64_t histogram_value(uint32_t index)
{
    return lowest(index) + (UINT64_C(1) << shift_of(index)) - 1;
}

static double middle(uint32_t index)
{
    return ((double)lowest(index) + (double)histogram_value(index)) / 2;
}

uint64_t histogram_total(const struct histogram *h)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += h->counts[i];
    return total;
}

uint64_t histogram_at(const struct histogram *h, double fraction)
{
    double wanted = fraction * (double)histogram_total(h);
    uint64_t seen = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        /* A fraction like 0.999 is not exact; of any real count less than a
         * millionth of a value is. */
        if (seen > 0 && (double)seen >= wanted - 1e-6)
            return histogram_value(i);
    }
    return 0;
}

struct histogram_facts histogram_facts(const struct histogram *h)
{
    struct histogram_facts facts = {.total = 0};
    double sum = 0;
    double squares = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->counts[i] == 0)
            continue;
        if (facts.total == 0)
            facts.min = lowest(i);
        facts.max = histogram_value(i);
        facts.total += h->counts[i];
        sum += middle(i) * (double)h->counts[i];
    }
    if (facts.total == 0)
        return facts;
    facts.mean = sum / (double)facts.total;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        double off = middle(i) - facts.mean;

        squares += off * off * (double)h->counts[i];
    }
    facts.stdev = sqrt(squares / (double)facts.total);
    return facts;
}

/* ---- .hgrm ---- */

enum { TICKS_PER_HALVING = 5 };

/* The next percentile that is written after `level`. */
static double next_level(double level)
{
    double left = 100 - level;
    double halvings = 2; /* 2 to the number of halvings in what is gone, and
                          * one more */

    while (left * halvings <= 100)
        halvings *= 2;
    return level + 100 / (TICKS_PER_HALVING * halvings);
}

static void put_level(FILE *file, double ms, double fraction, uint64_t seen)
{
    fprintf(file, "%12.3f %2.12f %10llu", ms, fraction,
            (unsigned long long)seen);
    if (fraction < 1)
        fprintf(file, " %14.2f", 1 / (1 - fraction));
    fputc('\n', file);
}

void histogram_write_hgrm(const struct histogram *h, FILE *file)
{
    struct histogram_facts facts = histogram_facts(h);
    uint64_t seen = 0;
    double level = 0;

    fprintf(file, "%12s %14s %10s %14s\n\n", "Value", "Percentile",
            "TotalCount", "1/(1-Percentile)");
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && seen < facts.total; i++) {
        double reached;

        if (h->counts[i] == 0)
            continue;
        seen += h->counts[i];
        reached = 100 * (double)seen / (double)facts.total;
        while (reached >= level) {
            put_level(file, (double)histogram_value(i) / 1e6, level / 100,
                      seen);
            level = next_level(level);
            if (seen == facts.total)
                break;
        }
    }
    if (facts.total > 0)
        put_level(file, (double)facts.max / 1e6, 1, facts.total);
    fprintf(file, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
            facts.mean / 1e6, facts.stdev / 1e6);
    fprintf(file, "#[Max     = %12.3f, Total count    = %12llu]\n",
            (double)facts.max / 1e6, (unsigned long long)facts.total);
    fprintf(file, "#[Buckets = %12d, SubBuckets     = %12d]\n",
            HISTOGRAM_DOUBLINGS, 2 * HISTOGRAM_HALF);
}
