/* SPDX-License-Identifier: MIT */
/*
 * The handle table: numbers that stand for sockets in the kernel's hands
 * (epoll data, io_uring user data), where a pointer could outlive its object.
 * A handle is an index and a generation; a removed socket's handle never finds
 * the next one at its index, unless 2^24 sockets came and went there meanwhile.
 *
 * A slot is 8 bytes and the table grows by half, so a socket costs at most 12;
 * it does not shrink.  A slot in use holds the pointer, whose object knows the
 * generation; a free one holds the next generation and the free list.
 */
#ifndef FLARE__HANDLES_H
#define FLARE__HANDLES_H

#include "backends/backend.h"

#include <flare/alloc.h>

enum {
    FLARE__HANDLES_GENERATION_BITS = 24, /* 1 ... 2^24 - 1, never 0 */
    FLARE__HANDLES_MAX = 1 << 28         /* indices fit 28 bits */
};

struct flare__handles {
    const struct flare_allocator *al;
    uint64_t *slots; /* a pointer, or with bit 0 set a free slot */
    uint32_t size;   /* slots there are */
    uint32_t used;   /* sockets in the table */
    uint32_t free;   /* first free slot; UINT32_MAX: none */
    uint32_t max;
};

/* At most `max` sockets (0: FLARE__HANDLES_MAX).  Allocates nothing yet. */
void flare__handles_init(struct flare__handles *h,
                         const struct flare_allocator *al, uint32_t max);

/* The table must be empty. */
void flare__handles_fini(struct flare__handles *h);

/*
 * Enters `sock` and sets its index and generation.  0, -ENOMEM, or -EMFILE:
 * `max` sockets are there; `sock` is then as it was.
 */
FLARE_MUST_USE
int flare__handles_add(struct flare__handles *h, struct flare__sock *sock);

/* Its handle finds nothing from now on; `sock->generation` becomes 0. */
void flare__handles_remove(struct flare__handles *h, struct flare__sock *sock);

/* Asserts that every slot is in use or on the free list; for tests. */
void flare__handles_check(const struct flare__handles *h);

/* The socket at place `index`, less than h->size; NULL: none. */
static inline struct flare__sock *flare__handles_at(
    const struct flare__handles *h, uint32_t index)
{
    uint64_t slot = h->slots[index];

    return slot & 1 ? NULL : (struct flare__sock *)(uintptr_t)slot;
}

/* The socket of a handle, NULL if it is gone or never was. */
static inline struct flare__sock *flare__handles_get(
    const struct flare__handles *h, uint32_t index, uint32_t generation)
{
    struct flare__sock *sock;
    uint64_t slot;

    if (index >= h->size)
        return NULL;
    slot = h->slots[index];
    if (slot & 1)
        return NULL;
    sock = (struct flare__sock *)(uintptr_t)slot;
    return sock->generation == generation ? sock : NULL;
}

#endif
