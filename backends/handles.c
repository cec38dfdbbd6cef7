/* SPDX-License-Identifier: MIT */
/*
 * The handle table.  A free slot is, from bit 0: the mark 1, 24 bits of the
 * generation its next socket gets, 7 bits unused, 32 bits of the next free
 * index.  The free list is a stack: the slot used last is in the cache.
 */
#include "backends/handles.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <errno.h>

#define NONE UINT32_MAX
#define GENERATION_MASK ((UINT32_C(1) << FLARE__HANDLES_GENERATION_BITS) - 1)

_Static_assert(_Alignof(struct flare__sock) >= 2,
               "bit 0 of a pointer to a socket is free");

enum { SLOTS_FIRST = 64 };

static uint64_t slot_free(uint32_t generation, uint32_t next)
{
    return (uint64_t)next << 32 | (uint64_t)generation << 1 | 1;
}

static uint32_t slot_generation(uint64_t slot)
{
    return (uint32_t)(slot >> 1) & GENERATION_MASK;
}

static uint32_t slot_next(uint64_t slot)
{
    return (uint32_t)(slot >> 32);
}

void flare__handles_init(struct flare__handles *h,
                         const struct flare_allocator *al, uint32_t max)
{
    *h = (struct flare__handles){
        .al = al,
        .free = NONE,
        .max = max == 0 || max > FLARE__HANDLES_MAX ? FLARE__HANDLES_MAX : max,
    };
}

void flare__handles_fini(struct flare__handles *h)
{
    FLARE_ASSERT(h->used == 0);

    flare__free(h->al, h->slots);
    h->slots = NULL;
    h->size = 0;
    h->free = NONE;
}

static int handles_grow(struct flare__handles *h)
{
    uint32_t size = h->size == 0 ? SLOTS_FIRST : h->size + h->size / 2;
    uint64_t *slots;

    if (h->size == h->max)
        return -EMFILE;
    if (size > h->max)
        size = h->max;
    slots = flare__realloc(h->al, h->slots, (size_t)size * sizeof(*slots));
    if (slots == NULL)
        return -ENOMEM;
    for (uint32_t i = h->size; i < size; i++)
        slots[i] = slot_free(1, i + 1 < size ? i + 1 : NONE);
    h->free = h->size;
    h->slots = slots;
    h->size = size;
    return 0;
}

int flare__handles_add(struct flare__handles *h, struct flare__sock *sock)
{
    uint64_t slot;

    if (h->free == NONE) {
        int rc = handles_grow(h);

        if (rc < 0)
            return rc;
    }
    slot = h->slots[h->free];
    sock->index = h->free;
    sock->generation = slot_generation(slot);
    h->slots[h->free] = (uintptr_t)sock;
    h->free = slot_next(slot);
    h->used++;
    return 0;
}

void flare__handles_remove(struct flare__handles *h, struct flare__sock *sock)
{
    uint32_t generation = (sock->generation + 1) & GENERATION_MASK;

    FLARE_ASSERT(sock->index < h->size &&
                 h->slots[sock->index] == (uintptr_t)sock);

    if (generation == 0)
        generation = 1; /* a handle of all zeros is never valid */
    h->slots[sock->index] = slot_free(generation, h->free);
    h->free = sock->index;
    h->used--;
    sock->generation = 0;
}

void flare__handles_check(const struct flare__handles *h)
{
    uint32_t used = 0;
    uint32_t listed = 0;

    for (uint32_t i = 0; i < h->size; i++) {
        const struct flare__sock *sock;

        if (h->slots[i] & 1)
            continue;
        sock = (const struct flare__sock *)(uintptr_t)h->slots[i];
        FLARE_ASSERT(sock->index == i && sock->generation != 0);
        used++;
    }
    for (uint32_t i = h->free; i != NONE; i = slot_next(h->slots[i])) {
        FLARE_ASSERT(i < h->size && (h->slots[i] & 1));
        FLARE_ASSERT(slot_generation(h->slots[i]) != 0);
        FLARE_ASSERT(++listed <= h->size);
    }
    FLARE_ASSERT(used == h->used && used + listed == h->size);
}
