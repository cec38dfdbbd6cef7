/* SPDX-License-Identifier: MIT */
/* See wire.h. */
#include "net/wire.h"

#include "base/alloc.h"
#include "base/assert.h"

/* What is kept for reuse, the last one given back first. */
struct wire_stack {
    char *bytes[FLARE__WIRE_OUT_KEEP];
    uint32_t count;
};

struct wire_home {
    const struct flare_allocator *al;
    struct wire_stack small;
    struct wire_stack large;
    char *leases[FLARE__WIRE_LEASES]; /* NULL: never needed */
    uint8_t in[FLARE__WIRE_LEASES];   /* numbers of those not out */
    uint32_t in_count;
    char *scratch;
    struct flare__wire_waiter *waiters;
    struct flare__wire_waiter **waiters_end;
};

static void stack_clear(struct wire_home *home, struct wire_stack *stack)
{
    while (stack->count > 0)
        flare__free(home->al, stack->bytes[--stack->count]);
}

static void wire_free(void *state)
{
    struct wire_home *home = state;

    FLARE_ASSERT(home->in_count == FLARE__WIRE_LEASES);
    for (uint32_t i = 0; i < FLARE__WIRE_LEASES; i++)
        flare__free(home->al, home->leases[i]);
    stack_clear(home, &home->small);
    stack_clear(home, &home->large);
    flare__free(home->al, home->scratch);
    flare__free(home->al, home);
}

static struct wire_home *wire_home_of(struct flare_loop *loop)
{
    struct flare__extra *extra = &loop->extras[FLARE__EXTRA_WIRE];
    struct wire_home *home = extra->state;

    if (FLARE_LIKELY(home != NULL))
        return home;
    home = flare__calloc(&loop->allocator, 1, sizeof(*home));
    if (home == NULL)
        return NULL;
    home->al = &loop->allocator;
    for (uint32_t i = 0; i < FLARE__WIRE_LEASES; i++)
        home->in[i] = (uint8_t)(FLARE__WIRE_LEASES - 1 - i);
    home->in_count = FLARE__WIRE_LEASES;
    home->waiters_end = &home->waiters;
    *extra = (struct flare__extra){.state = home, .free_fn = wire_free};
    return home;
}

char *flare__wire_lease_take(struct flare_loop *loop, uint32_t *lease)
{
    struct wire_home *home = wire_home_of(loop);
    uint32_t i;

    if (home == NULL || home->in_count == 0)
        return NULL;
    i = home->in[home->in_count - 1];
    if (home->leases[i] == NULL) {
        home->leases[i] = flare__alloc(home->al, FLARE__WIRE_LEASE_BYTES);
        if (home->leases[i] == NULL)
            return NULL;
    }
    home->in_count--;
    *lease = FLARE__WIRE_LEASE + i;
    return home->leases[i];
}

void flare__wire_lease_give(struct flare_loop *loop, uint32_t lease)
{
    struct wire_home *home = loop->extras[FLARE__EXTRA_WIRE].state;

    FLARE_ASSERT(home->in_count < FLARE__WIRE_LEASES);
    home->in[home->in_count++] = (uint8_t)(lease - FLARE__WIRE_LEASE);
    /* all of them: who is first may not need it any more */
    while (FLARE_UNLIKELY(home->waiters != NULL)) {
        struct flare__wire_waiter *waiter = home->waiters;

        flare__wire_lease_unwait(loop, waiter);
        waiter->on_lease(waiter);
    }
}

bool flare__wire_lease_wait(struct flare_loop *loop,
                            struct flare__wire_waiter *waiter,
                            void (*on_lease)(struct flare__wire_waiter *))
{
    struct wire_home *home = loop->extras[FLARE__EXTRA_WIRE].state;

    if (home == NULL || home->in_count > 0)
        return false;
    if (waiter->link != NULL)
        return true;
    waiter->on_lease = on_lease;
    waiter->next = NULL;
    waiter->link = home->waiters_end;
    *home->waiters_end = waiter;
    home->waiters_end = &waiter->next;
    return true;
}

void flare__wire_lease_unwait(struct flare_loop *loop,
                              struct flare__wire_waiter *waiter)
{
    struct wire_home *home = loop->extras[FLARE__EXTRA_WIRE].state;

    if (waiter->link == NULL)
        return;
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    else
        home->waiters_end = waiter->link;
    waiter->link = NULL;
}

char *flare__wire_scratch(struct flare_loop *loop)
{
    struct wire_home *home = wire_home_of(loop);

    if (home != NULL && home->scratch == NULL)
        home->scratch = flare__alloc(home->al, FLARE__WIRE_LEASE_BYTES);
    return home != NULL ? home->scratch : NULL;
}

char *flare__wire_out_take(struct flare_loop *loop, size_t plain_bytes,
                           uint32_t *cap)
{
    struct wire_home *home = wire_home_of(loop);
    bool is_small = plain_bytes <= FLARE__WIRE_LEASE_BYTES;
    struct wire_stack *stack;

    if (home == NULL)
        return NULL;
    stack = is_small ? &home->small : &home->large;
    *cap = is_small ? FLARE__WIRE_OUT_SMALL : FLARE__WIRE_OUT_LARGE;
    if (stack->count > 0)
        return stack->bytes[--stack->count];
    return flare__alloc(home->al, *cap);
}

void flare__wire_out_give(struct flare_loop *loop, char *bytes, uint32_t cap)
{
    struct wire_home *home = loop->extras[FLARE__EXTRA_WIRE].state;
    struct wire_stack *stack =
        cap == FLARE__WIRE_OUT_SMALL ? &home->small : &home->large;

    if (stack->count < FLARE__WIRE_OUT_KEEP)
        stack->bytes[stack->count++] = bytes;
    else
        flare__free(home->al, bytes);
}
