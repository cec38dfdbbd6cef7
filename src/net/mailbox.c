/* SPDX-License-Identifier: MIT */
/*
 * A ring of slots with sequence numbers (the bounded queue of D. Vyukov), with
 * one consumer.  A slot's sequence says whose turn it is:
 *
 *   sequence == p             free for the post that claims position p
 *   sequence == p + 1         the call of position p is there
 *   sequence == p + capacity  free again, one round later
 *
 * Closing.  The top bit of `tail` is the closed flag, in the very word that a
 * post claims its position with: the claim either comes before the close, and
 * is drained, or it fails.  There is no moment in between.
 *
 * Sleeping.  The poster publishes its slot, then reads `is_sleeping`; the owner
 * writes `is_sleeping`, then reads the slot.  All four are sequentially
 * consistent, so at least one of the two sees the other (operations rather
 * than a fence: the same instructions on x86-64, and TSan understands them).
 * Who swaps true for false owes the wake: one poster for each sleep.
 */
#include "net/mailbox.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

enum {
    MAILBOX_LINE = 64, /* bytes of a cache line */
    MAILBOX_CAPACITY_MIN = 2,
    MAILBOX_CAPACITY_MAX = 1 << 20
};

static const uint64_t mailbox_closed = (uint64_t)1 << 63;

/* Two to a line, and none across two. */
struct mailbox_slot {
    _Alignas(32) _Atomic uint64_t sequence;
    flare__post_fn fn;
    void *ctx;
};

struct flare__mailbox {
    /* constant */
    const struct flare_allocator *al;
    void *block; /* what the allocator gave, before aligning */
    uint64_t mask;
    /* written by posters */
    _Alignas(MAILBOX_LINE) _Atomic uint64_t tail;
    /* written by the owner, read by posters */
    _Alignas(MAILBOX_LINE) atomic_bool is_sleeping;
    /* the owner's */
    _Alignas(MAILBOX_LINE) uint64_t head;

    _Alignas(MAILBOX_LINE) struct mailbox_slot slots[];
};

_Static_assert(sizeof(struct mailbox_slot) == 32, "two slots to a line");

int flare__mailbox_new(struct flare__mailbox **out,
                       const struct flare_allocator *al, uint32_t capacity)
{
    size_t size = sizeof(struct flare__mailbox) +
                  capacity * sizeof(struct mailbox_slot) + MAILBOX_LINE - 1;
    struct flare__mailbox *m;
    void *block;

    FLARE_ASSERT(capacity >= MAILBOX_CAPACITY_MIN);
    FLARE_ASSERT(capacity <= MAILBOX_CAPACITY_MAX);
    FLARE_ASSERT((capacity & (capacity - 1)) == 0);
    block = flare__alloc(al, size);
    if (block == NULL)
        return -ENOMEM;
    m = (void *)(((uintptr_t)block + MAILBOX_LINE - 1) &
                 ~(uintptr_t)(MAILBOX_LINE - 1));
    m->al = al;
    m->block = block;
    m->mask = capacity - 1;
    m->head = 0;
    atomic_init(&m->tail, 0);
    atomic_init(&m->is_sleeping, false);
    for (uint32_t i = 0; i < capacity; i++)
        atomic_init(&m->slots[i].sequence, i);
    *out = m;
    return 0;
}

void flare__mailbox_free(struct flare__mailbox *m)
{
    if (m == NULL)
        return;
    /* an accepted call runs: free it after the last drain */
    FLARE_ASSERT((atomic_load(&m->tail) & ~mailbox_closed) == m->head);
    flare__free(m->al, m->block);
}

/* Claims a position for one post. */
static int mailbox_claim(struct flare__mailbox *m, uint64_t *position)
{
    uint64_t tail = atomic_load_explicit(&m->tail, memory_order_relaxed);

    for (;;) {
        uint64_t sequence;

        if (FLARE_UNLIKELY(tail & mailbox_closed))
            return FLARE_E_STOPPED;
        sequence = atomic_load_explicit(&m->slots[tail & m->mask].sequence,
                                        memory_order_acquire);
        if (sequence == tail) {
            *position = tail;
            if (atomic_compare_exchange_weak_explicit(&m->tail, &tail, tail + 1,
                                                      memory_order_relaxed,
                                                      memory_order_relaxed))
                return 0;
            continue; /* `tail` was read anew by the exchange */
        }
        if ((int64_t)(sequence - tail) < 0)
            return FLARE_E_MAILBOX_FULL;
        /* another post took this position meanwhile */
        tail = atomic_load_explicit(&m->tail, memory_order_relaxed);
    }
}

int flare__mailbox_post(struct flare__mailbox *m, flare__post_fn fn, void *ctx)
{
    struct mailbox_slot *slot;
    uint64_t position = 0;
    int rc;

    FLARE_ASSERT(fn != NULL);
    rc = mailbox_claim(m, &position);
    if (rc < 0)
        return rc;
    slot = &m->slots[position & m->mask];
    slot->fn = fn;
    slot->ctx = ctx;
    atomic_store(&slot->sequence, position + 1);
    return atomic_load(&m->is_sleeping) &&
           atomic_exchange(&m->is_sleeping, false);
}

/* Whether the call of position `head` is there. */
static bool mailbox_is_ready(struct flare__mailbox *m)
{
    return atomic_load(&m->slots[m->head & m->mask].sequence) == m->head + 1;
}

/*
 * A post of before the close may have claimed its position and not yet
 * published: after the close nobody would come back for it, so it is awaited.
 */
static bool mailbox_await_claimed(struct flare__mailbox *m)
{
    if (atomic_load(&m->tail) != (m->head | mailbox_closed) &&
        atomic_load(&m->tail) & mailbox_closed) {
        while (!mailbox_is_ready(m))
            sched_yield(); /* the poster is a few instructions from it */
        return true;
    }
    return false;
}

uint32_t flare__mailbox_drain(struct flare__mailbox *m, uint32_t budget)
{
    uint32_t ran = 0;

    while (ran < budget) {
        struct mailbox_slot *slot = &m->slots[m->head & m->mask];
        flare__post_fn fn;
        void *ctx;

        if (!mailbox_is_ready(m) && !mailbox_await_claimed(m))
            break;
        fn = slot->fn;
        ctx = slot->ctx;
        /* given back first: the call may itself post to a full mailbox */
        atomic_store_explicit(&slot->sequence, m->head + m->mask + 1,
                              memory_order_release);
        m->head++;
        fn(ctx);
        ran++;
    }
    return ran;
}

bool flare__mailbox_is_empty(struct flare__mailbox *m)
{
    return (atomic_load(&m->tail) & ~mailbox_closed) == m->head;
}

bool flare__mailbox_sleep(struct flare__mailbox *m)
{
    atomic_store(&m->is_sleeping, true);
    if (!mailbox_is_ready(m))
        return true;
    atomic_store(&m->is_sleeping, false);
    return false;
}

void flare__mailbox_awake(struct flare__mailbox *m)
{
    atomic_store_explicit(&m->is_sleeping, false, memory_order_relaxed);
}

void flare__mailbox_close(struct flare__mailbox *m)
{
    atomic_fetch_or(&m->tail, mailbox_closed);
}
