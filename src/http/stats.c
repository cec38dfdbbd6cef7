/* SPDX-License-Identifier: MIT */
/* See stats.h. */
#include "http/stats.h"

#include <string.h>

_Static_assert(sizeof(struct flare_stats) % sizeof(uint64_t) == 0,
               "every number of it is a uint64_t");

static uint64_t stats_pauses(const struct flare__http *h)
{
    uint64_t pauses = 0;

    for (uint32_t i = 0; i < h->listener_count; i++)
        pauses += h->listeners[i].pauses;
    return pauses;
}

void flare__stats_publish(struct flare__stats_cell *cell,
                          const struct flare__http *h, uint64_t turns)
{
    const struct flare__http_counters *c = &h->counters;
    struct flare_stats now = {
        .accepted = c->accepted,
        .closed = c->closed,
        .connections = h->conns.live,
        .requests = c->requests,
        .responses = c->responses,
        .responses_2xx = c->responses - c->by_class[3] - c->by_class[4] -
                         c->by_class[5],
        .responses_3xx = c->by_class[3],
        .responses_4xx = c->by_class[4],
        .responses_5xx = c->by_class[5],
        .refused = c->refused,
        .timeouts = c->timeouts,
        .aborted = c->aborted,
        .shed = c->shed,
        .bytes_in = c->bytes_in,
        .bytes_out = c->bytes_out,
        .accept_pauses = stats_pauses(h),
        .turns = turns,
    };
    uint64_t values[FLARE__STATS_COUNT];

    memcpy(values, &now, sizeof(values));
    for (int i = 0; i < FLARE__STATS_COUNT; i++)
        atomic_store_explicit(&cell->values[i], values[i],
                              memory_order_relaxed);
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
