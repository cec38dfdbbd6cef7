/* SPDX-License-Identifier: MIT */
/*
 * Timers of the user: flare/timer.h.  The wheel's, with memory of their own and
 * a beat.  Not armed they rest: they are the loop's to free, and nothing that
 * it goes on for.
 *
 * Never early: a delay counts from the clock's own now, not from the turn's,
 * and is rounded up to the wheel's next millisecond.
 */
#include <flare/timer.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/loop.h"

#include <errno.h>

#define NS_PER_MS UINT64_C(1000000)

struct flare_timer {
    struct flare__timer wheel;
    struct flare__resident resident;
    struct flare_loop *loop;
    flare_timer_fn fn;
    void *ctx;
    uint64_t interval_ms; /* 0: once */
};

static void timer_evict(struct flare__resident *resident)
{
    flare_timer_free(
        FLARE_CONTAINER_OF(resident, struct flare_timer, resident));
}

int flare_timer_new(flare_loop *loop, flare_timer **out, flare_timer_fn fn,
                    void *ctx)
{
    struct flare_timer *t;

    FLARE_ASSERT(fn != NULL);
    FLARE_DCHECK(flare__loop_is_owner(loop));
    if (loop->is_ending)
        return FLARE_E_STOPPED;
    t = flare__calloc(&loop->allocator, 1, sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    t->loop = loop;
    t->fn = fn;
    t->ctx = ctx;
    flare__loop_resident_add(loop, &t->resident, timer_evict);
    flare__loop_resident_rest(loop);
    *out = t;
    return 0;
}

/* ---- armed or at rest ---- */

static void timer_work(struct flare_timer *t)
{
    flare__loop_resident_work(t->loop);
    t->loop->timers_armed++;
}

static void timer_rest(struct flare_timer *t)
{
    flare__loop_resident_rest(t->loop);
    t->loop->timers_armed--;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* The first beat after now. */
static uint64_t timer_next_beat(const struct flare_timer *t)
{
    uint64_t last = t->wheel.expiry_ms;
    uint64_t missed = (t->loop->now_ms - last) / t->interval_ms;

    return add_saturated(last + missed * t->interval_ms, t->interval_ms);
}

static void timer_on_due(struct flare__timer *wheel)
{
    struct flare_timer *t =
        FLARE_CONTAINER_OF(wheel, struct flare_timer, wheel);

    if (t->interval_ms != 0)
        flare__wheel_start(&t->loop->wheel, wheel, timer_next_beat(t),
                           timer_on_due);
    else
        timer_rest(t);
    t->fn(t, t->ctx); /* may free it */
}

void flare_timer_start(flare_timer *t, uint64_t delay_ms, uint64_t interval_ms)
{
    struct flare_loop *loop = t->loop;
    uint64_t now_ns = loop->ops->now(loop->backend);
    uint64_t now_ms = (now_ns + NS_PER_MS - 1) / NS_PER_MS;

    FLARE_DCHECK(flare__loop_is_owner(loop));
    if (!flare__timer_is_armed(&t->wheel))
        timer_work(t);
    t->interval_ms = interval_ms;
    flare__wheel_start(&loop->wheel, &t->wheel, add_saturated(now_ms, delay_ms),
                       timer_on_due);
}

void flare_timer_stop(flare_timer *t)
{
    FLARE_DCHECK(flare__loop_is_owner(t->loop));
    if (!flare__timer_is_armed(&t->wheel))
        return;
    flare__wheel_stop(&t->loop->wheel, &t->wheel);
    timer_rest(t);
}

bool flare_timer_is_armed(const flare_timer *t)
{
    return flare__timer_is_armed(&t->wheel);
}

void flare_timer_free(flare_timer *t)
{
    struct flare_loop *loop;

    if (t == NULL)
        return;
    loop = t->loop;
    flare_timer_stop(t);
    flare__loop_resident_work(loop); /* it rested: it leaves the count */
    flare__loop_resident_remove(loop, &t->resident);
    flare__free(&loop->allocator, t);
}
