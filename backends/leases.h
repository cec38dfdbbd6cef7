/* SPDX-License-Identifier: MIT */
/*
 * The pool of receive buffers of a backend without the kernel's own.  A stack:
 * the buffer given back last is taken next, while it is in the cache.  Under
 * AddressSanitizer a buffer is poisoned while it is in the pool.
 */
#ifndef FLARE__LEASES_H
#define FLARE__LEASES_H

#include "base/assert.h"

#include <flare/alloc.h>

#if defined(__SANITIZE_ADDRESS__)
#define FLARE__LEASES_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FLARE__LEASES_POISON 1
#endif
#endif
#ifdef FLARE__LEASES_POISON
#include <sanitizer/asan_interface.h>
#define FLARE__POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define FLARE__UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define FLARE__POISON(p, n) ((void)(p), (void)(n))
#define FLARE__UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { FLARE__LEASES_MAX = 32768 };

struct flare__leases {
    const struct flare_allocator *al;
    void *block;      /* all of it */
    uint8_t *buffers; /* cache line aligned */
    uint64_t *out;    /* a bit per lease that is not in the pool */
    uint16_t *stack;  /* the leases in the pool */
    uint32_t bytes;
    uint32_t count;
    uint32_t free;
};

/*
 * `bytes` and `count` are powers of two, count <= FLARE__LEASES_MAX.  0,
 * -EINVAL, or -ENOMEM.  The buffers' pages are not touched.
 */
FLARE_MUST_USE
int flare__leases_init(struct flare__leases *l,
                       const struct flare_allocator *al, uint32_t bytes,
                       uint32_t count);

/* Every lease must be back. */
void flare__leases_fini(struct flare__leases *l);

static inline uint8_t *flare__lease_data(const struct flare__leases *l,
                                         uint32_t lease)
{
    return l->buffers + (size_t)lease * l->bytes;
}

/* A lease; the pool must not be empty. */
static inline uint32_t flare__leases_take(struct flare__leases *l)
{
    uint32_t lease = l->stack[--l->free];

    l->out[lease / 64] |= UINT64_C(1) << lease % 64;
    FLARE__UNPOISON(flare__lease_data(l, lease), l->bytes);
    return lease;
}

/* Giving one back twice, or one that never was, is a bug and asserts. */
static inline void flare__leases_give(struct flare__leases *l, uint32_t lease)
{
    uint64_t bit = UINT64_C(1) << lease % 64;

    FLARE_ASSERT(lease < l->count && (l->out[lease / 64] & bit));

    l->out[lease / 64] &= ~bit;
    l->stack[l->free++] = (uint16_t)lease;
    FLARE__POISON(flare__lease_data(l, lease), l->bytes);
}

#endif
