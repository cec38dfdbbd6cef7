/* SPDX-License-Identifier: MIT */
/* See race.h. */
#include "tcp/race.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

void flare__race_order(struct flare_ip *ips, uint32_t count)
{
    struct flare_ip sorted[FLARE__RACE_MAX];
    uint32_t at[2] = {0, 0}; /* the next of the first family, of the other */
    uint32_t turn = 0;

    FLARE_ASSERT(count <= FLARE__RACE_MAX);
    for (uint32_t n = 0; n < count; turn ^= 1) {
        uint32_t *i = &at[turn];

        while (*i < count && (ips[*i].family != ips[0].family) != turn)
            ++*i;
        if (*i < count) /* else the other family is all there is */
            sorted[n++] = ips[(*i)++];
    }
    memcpy(ips, sorted, count * sizeof(*ips));
}

void flare__race_init(struct flare__race *race, uint32_t count,
                      const struct flare__race_times *times, uint64_t now_ms)
{
    FLARE_ASSERT(count >= 1 && count <= FLARE__RACE_MAX);
    *race = (struct flare__race){
        .times = *times,
        .count = count,
        .winner = FLARE__RACE_MAX,
        .rc = -ETIMEDOUT,
        .next_ms = now_ms,
    };
}

/* When attempt `index`, which runs, has taken too long. */
static uint64_t race_limit(const struct flare__race *race, uint32_t index)
{
    if (race->times.attempt_ms == FLARE_UNLIMITED)
        return UINT64_MAX;
    return race->started_ms[index] + race->times.attempt_ms;
}

static void race_fail(struct flare__race *race, uint32_t index, int rc,
                      uint64_t now_ms)
{
    race->states[index] = FLARE__RACE_FAILED;
    race->running--;
    race->last = index;
    race->rc = rc;
    race->next_ms = now_ms; /* section 5: no need to wait for the delay */
}

static struct flare__race_step race_start(struct flare__race *race,
                                          uint64_t now_ms)
{
    uint32_t index = race->begun++;

    race->states[index] = FLARE__RACE_RUNNING;
    race->started_ms[index] = now_ms;
    race->running++;
    race->next_ms = now_ms + race->times.delay_ms;
    return (struct flare__race_step){FLARE__RACE_START, index, 0};
}

struct flare__race_step flare__race_next(struct flare__race *race,
                                         uint64_t now_ms)
{
    if (race->winner < race->count)
        return (struct flare__race_step){FLARE__RACE_WON, race->winner, 0};
    if (!race->is_lost && now_ms >= race->times.deadline_ms) {
        race->is_lost = true;
        race->rc = -ETIMEDOUT;
        if (race->begun > 0)
            race->last = race->begun - 1;
    }
    if (race->is_lost)
        return (struct flare__race_step){FLARE__RACE_LOST, race->last,
                                         race->rc};
    for (uint32_t i = 0; i < race->begun; i++) {
        if (race->states[i] != FLARE__RACE_RUNNING ||
            now_ms < race_limit(race, i))
            continue;
        race_fail(race, i, -ETIMEDOUT, now_ms);
        return (struct flare__race_step){FLARE__RACE_CUT, i, -ETIMEDOUT};
    }
    if (race->begun < race->count && now_ms >= race->next_ms)
        return race_start(race, now_ms);
    if (race->begun == race->count && race->running == 0) {
        race->is_lost = true;
        return (struct flare__race_step){FLARE__RACE_LOST, race->last,
                                         race->rc};
    }
    return (struct flare__race_step){FLARE__RACE_WAIT, 0, 0};
}

bool flare__race_connected(struct flare__race *race, uint32_t index)
{
    FLARE_ASSERT(index < race->begun);
    if (race->is_lost || race->winner < race->count ||
        race->states[index] != FLARE__RACE_RUNNING)
        return false;
    race->states[index] = FLARE__RACE_CONNECTED;
    race->running--;
    race->winner = index;
    return true;
}

void flare__race_failed(struct flare__race *race, uint32_t index, int rc,
                        uint64_t now_ms)
{
    FLARE_ASSERT(index < race->begun && rc < 0);
    if (race->is_lost || race->states[index] != FLARE__RACE_RUNNING)
        return;
    race_fail(race, index, rc, now_ms);
}

uint64_t flare__race_wake(const struct flare__race *race)
{
    uint64_t at_ms = race->times.deadline_ms;

    if (race->winner < race->count || race->is_lost)
        return UINT64_MAX;
    if (race->begun < race->count && race->next_ms < at_ms)
        at_ms = race->next_ms;
    for (uint32_t i = 0; i < race->begun; i++)
        if (race->states[i] == FLARE__RACE_RUNNING &&
            race_limit(race, i) < at_ms)
            at_ms = race_limit(race, i);
    return at_ms;
}
