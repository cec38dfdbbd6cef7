/* SPDX-License-Identifier: MIT */
/*
 * Choices.  From a seed they are drawn by splitmix64; from a tape they are its
 * bytes, and zeros after its end: a choice of 0 is always the plain one, so an
 * empty tape is a calm world.  Integers only: floating point could differ
 * between compilers.
 */
#include "backends/sim_impl.h"

static uint64_t random_next(struct flare__sim *w)
{
    uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t tape_next(struct flare__sim *w)
{
    if (w->tape_at >= w->config.tape_len)
        return 0;
    return w->config.tape[w->tape_at++];
}

uint32_t flare__sim_below(struct flare__sim *w, uint32_t n)
{
    uint32_t value;

    if (n <= 1)
        return 0;
    if (w->config.tape == NULL)
        return (uint32_t)(((random_next(w) >> 32) * n) >> 32);
    value = tape_next(w);
    if (n > 256)
        value = value << 8 | tape_next(w);
    if (n > 65536)
        value = value << 8 | tape_next(w);
    return value % n;
}

/* Half of the faults sleep, the others are rare, middling or rampant. */
static uint32_t rate_draw(struct flare__sim *w, uint32_t highest)
{
    switch (flare__sim_below(w, 6)) {
    case 3:
        return highest / 20 + 1;
    case 4:
        return highest / 4 + 1;
    case 5:
        return highest;
    default:
        return 0;
    }
}

void sim_random_init(struct flare__sim *w)
{
    static const uint32_t highest[] = {
#define SIM_HIGHEST(name, value) value,
        FLARE__SIM_FAULTS(SIM_HIGHEST)
#undef SIM_HIGHEST
    };

    w->random = w->config.seed;
    w->tape_at = 0;
    for (uint32_t i = 0; i < FLARE__SIM_FAULT_COUNT; i++)
        w->rates[i] = w->config.is_calm ? 0 : rate_draw(w, highest[i]);
    w->has_datagrams = false;
}

void sim_random_datagrams(struct flare__sim *w)
{
    static const uint32_t highest[] = {
#define SIM_HIGHEST(name, value) value,
        FLARE__SIM_DATAGRAM_FAULTS(SIM_HIGHEST)
#undef SIM_HIGHEST
    };

    if (w->has_datagrams)
        return;
    w->has_datagrams = true;
    for (uint32_t i = FLARE__SIM_FAULT_COUNT; i < FLARE__SIM_FAULT_ALL; i++)
        w->rates[i] = w->config.is_calm
                          ? 0
                          : rate_draw(w, highest[i - FLARE__SIM_FAULT_COUNT]);
}

bool sim_chance(struct flare__sim *w, enum flare__sim_fault fault)
{
    uint32_t rate = w->rates[fault];

    if (rate == 0)
        return false;
    /* The low choices are the plain ones. */
    if (rate < 1000 && flare__sim_below(w, 1000) < 1000 - rate)
        return false;
    w->counts.faults[fault]++;
    sim_trace(w, SIM_N_FAULT, (uint32_t)fault, 0, 0);
    return true;
}

uint64_t sim_cut(struct flare__sim *w, uint64_t n)
{
    uint32_t most = n > 60000 ? 60000 : (uint32_t)n;

    /* Small pieces find more than halves do. */
    switch (flare__sim_below(w, 3)) {
    case 1:
        return 1;
    case 2:
        return 1 + flare__sim_below(w, most > 16 ? 16 : most);
    default:
        return 1 + flare__sim_below(w, most);
    }
}

uint64_t sim_delay(struct flare__sim *w)
{
    static const uint64_t scales[] = {1 * SIM_US, 50 * SIM_US, 1 * SIM_MS,
                                      20 * SIM_MS};
    uint64_t scale = scales[flare__sim_below(w, 4)];

    return scale + scale * flare__sim_below(w, 32) / 8;
}

uint64_t sim_later(struct flare__sim *w, enum flare__sim_fault fault)
{
    return sim_chance(w, fault) ? w->now + sim_delay(w) : w->now;
}

void flare__sim_calm(struct flare__sim *w)
{
    w->has_datagrams = true;
    for (uint32_t i = 0; i < FLARE__SIM_FAULT_ALL; i++)
        w->rates[i] = 0;
}

void flare__sim_rate_set(struct flare__sim *w, enum flare__sim_fault fault,
                         uint32_t rate)
{
    if (fault >= FLARE__SIM_FAULT_COUNT)
        sim_random_datagrams(w);
    w->rates[fault] = rate;
}
