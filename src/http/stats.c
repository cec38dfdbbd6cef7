/* SPDX-License-Identifier: MIT */
/* See stats.h. */
#include "http/stats.h"

#include "http/memory.h"

#include <stddef.h>
#include <string.h>

/* What only some servers count: `memory_used` and on. */
enum {
    STATS_USUAL = offsetof(struct flare_stats, memory_used) / sizeof(uint64_t)
};

_Static_assert(sizeof(struct flare_stats) % sizeof(uint64_t) == 0,
               "every number of it is a uint64_t");

static uint64_t stats_pauses(const struct flare__http *h)
{
    uint64_t pauses = 0;

    for (uint32_t i = 0; i < h->listener_count; i++)
        pauses += h->listeners[i].pauses;
    return pauses;
}

static void stats_store(struct flare__stats_cell *cell,
                        const struct flare_stats *c, int from, int to)
{
    const uint64_t *values = (const uint64_t *)c;

    for (int i = from; i < to; i++)
        atomic_store_explicit(&cell->values[i], values[i],
                              memory_order_relaxed);
}

/* Apart, so that the usual numbers are stored without a count. */
__attribute__((noinline)) static void stats_publish_rest(
    struct flare__stats_cell *cell, struct flare__http *h)
{
    struct flare_stats *c = &h->counters;

    c->ws_connections = c->ws_opened - c->ws_closed;
    if (h->memory != NULL) {
        c->memory_used = h->memory->used;
        c->memory_max = h->memory->max;
    }
    stats_store(cell, c, STATS_USUAL, FLARE__STATS_COUNT);
}

void flare__stats_status(struct flare_stats *counters, int status)
{
    if (status >= 500)
        counters->responses_5xx++;
    else if (status >= 400)
        counters->responses_4xx++;
    else
        counters->responses_3xx++;
}

void flare__stats_publish(struct flare__stats_cell *cell, struct flare__http *h,
                          uint64_t turns)
{
    struct flare_stats *c = &h->counters;

    c->connections = h->conns.live;
    c->responses_2xx =
        c->responses - c->responses_3xx - c->responses_4xx - c->responses_5xx;
    c->accept_pauses = stats_pauses(h);
    c->turns = turns;
    stats_store(cell, c, 0, STATS_USUAL);
    if (FLARE_UNLIKELY(c->ws_opened != 0 || h->memory != NULL))
        stats_publish_rest(cell, h);
}

void flare__stats_add(const struct flare__stats_cell *cell,
                      struct flare_stats *out)
{
    uint64_t values[FLARE__STATS_COUNT];

    memcpy(values, out, sizeof(values));
    for (int i = 0; i < FLARE__STATS_COUNT; i++)
        values[i] +=
            atomic_load_explicit(&cell->values[i], memory_order_relaxed);
    memcpy(out, values, sizeof(values));
}
