/* SPDX-License-Identifier: MIT */
/*
 * A hierarchical timing wheel with ticks of one millisecond: arm and cancel in
 * O(1), never early, each timer exactly once, no allocation.  Knows no clock:
 * time is an argument.
 */
#ifndef FLARE__NET_TIMER_H
#define FLARE__NET_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct flare__timer;

typedef void (*flare__timer_fn)(struct flare__timer *timer);

/* Embedded in its owner; zeroed means not armed. */
struct flare__timer {
    struct flare__timer *next;
    struct flare__timer **link; /* what points at this one; NULL: not armed */
    uint64_t expiry_ms;
    flare__timer_fn fn;
};

enum {
    FLARE__WHEEL_LEVELS = 7, /* 64^7 ms: 139 years; farther is clamped */
    FLARE__WHEEL_SLOTS = 64
};

struct flare__wheel {
    uint64_t now_ms;          /* every timer due by then has fired */
    struct flare__timer *due; /* started too late: run at the next advance */
    uint64_t occupied[FLARE__WHEEL_LEVELS]; /* a bit per slot with timers */
    struct flare__timer *slots[FLARE__WHEEL_LEVELS][FLARE__WHEEL_SLOTS];
};

void flare__wheel_init(struct flare__wheel *w, uint64_t now_ms);

/*
 * Arms `timer` (again, if it is armed) for `expiry_ms`; a time that has passed
 * fires at the next advance.  `fn` is stored in it.
 */
void flare__wheel_start(struct flare__wheel *w, struct flare__timer *timer,
                        uint64_t expiry_ms, flare__timer_fn fn);

/* Nothing if it is not armed. */
void flare__wheel_stop(struct flare__wheel *w, struct flare__timer *timer);

bool flare__timer_is_armed(const struct flare__timer *timer);

/*
 * Moves time on and runs every timer with expiry_ms <= now_ms, by tick; the
 * callbacks may start and stop any timer, also this one and those due in the
 * same tick.  A timer they start in the past runs at the next advance.  Time
 * going backwards is ignored.  Returns how many ran.
 */
uint32_t flare__wheel_advance(struct flare__wheel *w, uint64_t now_ms);

/*
 * When to advance next, in ms: never later than the first expiry, perhaps
 * earlier (a cascade); UINT64_MAX without timers.
 */
uint64_t flare__wheel_next(const struct flare__wheel *w);

/* Asserts every invariant; for tests.  O(timers). */
void flare__wheel_check(const struct flare__wheel *w);

#endif
