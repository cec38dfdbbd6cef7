/* SPDX-License-Identifier: MIT */
/* The world: its life, and which of its workers runs next. */
#include "backends/sim_impl.h"

#include <stdlib.h>
#include <string.h>

struct flare__sim *flare__sim_new(const struct flare__sim_config *config)
{
    struct flare__sim *w = calloc(1, sizeof(*w));

    if (w != NULL)
        flare__sim_reset(w, config);
    return w;
}

void flare__sim_reset(struct flare__sim *w,
                      const struct flare__sim_config *config)
{
    for (uint32_t i = 0; i < w->backend_count; i++)
        SIM_CHECK(w, w->backends[i] == NULL, "backend %u is not freed", i);
    sim_net_clear(w);
    w->config = *config;
    w->backend_count = 0;
    w->route_count = 0;
    w->now = 1000 * SIM_MS;
    w->order = 0;
    w->hash = config->seed;
    w->line_count = 0;
    memset(&w->counts, 0, sizeof(w->counts));
    sim_random_init(w);
}

void flare__sim_free(struct flare__sim *w)
{
    if (w == NULL)
        return;
    sim_net_clear(w);
    for (uint32_t i = 1; i < w->end_count; i++) {
        free(w->ends[i]->rx.buf);
        free(w->ends[i]->pending);
        free(w->ends[i]);
    }
    free(w->ends);
    free(w->free_ends);
    free(w->fds);
    free(w->heap);
    free(w->packets);
    free(w);
}

uint64_t flare__sim_now(const struct flare__sim *w)
{
    return w->now;
}

uint32_t flare__sim_leases(const struct flare__backend *b)
{
    return b->leases_out;
}

static bool backend_is_runnable(const struct flare__backend *b)
{
    uint64_t now = b->world->now;

    if (b->stalled_until > now)
        return false;
    if (b->ready_count > 0 || b->deadline <= now)
        return true;
    return atomic_load(&b->woken) != 0 &&
           (b->wake_due == SIM_NEVER || b->wake_due <= now);
}

static uint64_t backend_next(const struct flare__backend *b)
{
    uint64_t next = b->deadline < b->wake_due ? b->deadline : b->wake_due;

    /* What it would have done meanwhile it does then. */
    if (b->stalled_until > b->world->now)
        return b->stalled_until;
    return next;
}

static struct flare__backend *backend_pick(struct flare__sim *w)
{
    struct flare__backend *found = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->backend_count; i++) {
        struct flare__backend *b = w->backends[i];

        if (b == NULL || !backend_is_runnable(b))
            continue;
        if (flare__sim_below(w, ++count) == 0)
            found = b;
    }
    return found;
}

static struct flare__backend *backend_any(struct flare__sim *w)
{
    uint32_t at = flare__sim_below(w, w->backend_count);

    while (w->backends[at] == NULL)
        at = (at + 1) % w->backend_count;
    return w->backends[at];
}

/* The next moment at which anything happens. */
static uint64_t world_next(const struct flare__sim *w, bool *is_deadline)
{
    uint64_t next = sim_next_due(w);

    *is_deadline = false;
    for (uint32_t i = 0; i < w->backend_count; i++) {
        if (w->backends[i] == NULL || backend_next(w->backends[i]) >= next)
            continue;
        next = backend_next(w->backends[i]);
        *is_deadline = true;
    }
    return next;
}

int flare__sim_next(struct flare__sim *w, uint64_t limit_ns)
{
    struct flare__backend *b;
    bool is_moved, is_deadline;
    uint64_t next;

    is_moved = sim_run_due(w);
    b = backend_pick(w);
    if (b != NULL && !sim_chance(w, FLARE__SIM_WORKER_STALL))
        return (int)b->index;
    if (b != NULL)
        b->stalled_until = w->now + 10 * sim_delay(w);
    if (is_moved)
        return FLARE__SIM_LATER;
    if (b == NULL && sim_chance(w, FLARE__SIM_POLL_EMPTY))
        return (int)backend_any(w)->index; /* EINTR: it polls again */
    next = world_next(w, &is_deadline);
    if (next == SIM_NEVER || next > limit_ns) {
        if (limit_ns != SIM_NEVER && limit_ns > w->now)
            w->now = limit_ns;
        return FLARE__SIM_OVER;
    }
    if (next > w->now)
        w->now = next;
    if (is_deadline && sim_chance(w, FLARE__SIM_POLL_LATE))
        w->now += sim_delay(w);
    (void)sim_run_due(w);
    return FLARE__SIM_LATER;
}
