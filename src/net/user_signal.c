/* SPDX-License-Identifier: MIT */
/* Signals of the user: flare/watch.h, on net/signal. */
#include <flare/watch.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/signal.h"

#include <errno.h>

struct flare_signal {
    struct flare__signals signals;
    struct flare__resident resident;
};

static void signal_evict(struct flare__resident *resident)
{
    flare_signal_free(
        FLARE_CONTAINER_OF(resident, struct flare_signal, resident));
}

static void signal_on_closed(struct flare__signals *signals)
{
    struct flare_signal *s =
        FLARE_CONTAINER_OF(signals, struct flare_signal, signals);
    struct flare_loop *loop = signals->loop;

    flare__loop_resident_remove(loop, &s->resident);
    flare__free(&loop->allocator, s);
}

int flare_signal_new(flare_loop *loop, flare_signal **out, int number,
                     flare_signal_fn fn, void *ctx)
{
    struct flare_signal *s;
    int rc;

    FLARE_ASSERT(fn != NULL);
    FLARE_DCHECK(flare__loop_is_owner(loop));
    if (loop->is_ending)
        return FLARE_E_STOPPED;
    s = flare__calloc(&loop->allocator, 1, sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    s->signals.on_closed = signal_on_closed;
    rc = flare__signals_block_one(&s->signals, number);
    if (rc >= 0)
        rc = flare__signals_open(&s->signals, loop, fn, ctx);
    if (s->signals.is_open) /* also when it is on its way out again */
        flare__loop_resident_add(loop, &s->resident, signal_evict);
    if (rc >= 0) {
        *out = s;
        return 0;
    }
    flare__signals_unblock(&s->signals);
    if (!s->signals.is_open)
        flare__free(&loop->allocator, s);
    return rc;
}

void flare_signal_free(flare_signal *s)
{
    if (s == NULL)
        return;
    FLARE_DCHECK(flare__loop_is_owner(s->signals.loop));
    flare__signals_close(&s->signals);
    flare__signals_unblock(&s->signals);
}
