/* SPDX-License-Identifier: MIT */
/*
 * Timers of a loop.  Arming and stopping cost the same however many there are,
 * and allocate nothing.  A timer is never early, and late by what the loop is
 * busy with.
 */
#ifndef FLARE_TIMER_H
#define FLARE_TIMER_H

#include <flare/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flare_timer flare_timer;

/* May make any call, also free `timer`. */
typedef void (*flare_timer_fn)(flare_timer *timer, void *ctx);

/*
 * Gives a timer that is not armed; release it with flare_timer_free, or let
 * flare_loop_free do it.  Borrows `ctx` for its life.
 * Returns 0; -ENOMEM; FLARE_E_STOPPED while the loop ends.
 */
FLARE_API FLARE_MUST_USE int flare_timer_new(flare_loop *loop,
                                             flare_timer **out,
                                             flare_timer_fn fn, void *ctx);

/*
 * Arms it, anew if it is armed: `fn` is called once `delay_ms` have passed from
 * this call on (not from the start of the turn), and then, unless `interval_ms`
 * is 0, every `interval_ms` from there.  Of beats that a busy loop has missed
 * the last is told, and the beat is kept.  0 is the next turn, or this one.
 * Times beyond 100 years are as good as never.
 */
FLARE_API void flare_timer_start(flare_timer *timer, uint64_t delay_ms,
                                 uint64_t interval_ms);

/* `fn` is not called any more.  Nothing if it is not armed. */
FLARE_API void flare_timer_stop(flare_timer *timer);

/* Whether `fn` will be called; within it: again. */
FLARE_API bool flare_timer_is_armed(const flare_timer *timer);

/* Stops it and frees it.  Accepts NULL. */
FLARE_API void flare_timer_free(flare_timer *timer);

#ifdef __cplusplus
}
#endif
#endif
