/* SPDX-License-Identifier: MIT */
/*
 * Objects of one size that never move, and handles that know when theirs is
 * gone.  Memory comes in chunks that double, up to a bound; an object costs 8
 * bytes beside its own, and one that was never used costs no touched page.
 *
 * Bound: `count_max` objects.  Owner: whoever embeds it; all memory goes back
 * at `fini`.  One thread.
 */
#ifndef FLARE__BASE_SLAB_H
#define FLARE__BASE_SLAB_H

#include <flare/alloc.h>

enum {
    FLARE__SLAB_CHUNKS_MAX = 32 /* doubling: more than uint32_t counts */
};

/*
 * Names an object and its life: 0 never names any.  A place counts 2^31 lives
 * before a handle kept since then could be taken for a new one.
 */
typedef uint64_t flare__slab_handle;

/* Fields are the module's; `live` may be read: objects taken and not given. */
struct flare__slab {
    const struct flare_allocator *al;
    void *free_list;
    uint32_t live;
    uint32_t count_max;
    uint32_t fresh;       /* objects below were taken at least once */
    uint32_t ready;       /* objects that have memory */
    uint32_t stride;      /* bytes from one to the next */
    uint32_t first_shift; /* the first chunk has 1 << first_shift objects */
    uint32_t chunk_count;
    void *chunks[FLARE__SLAB_CHUNKS_MAX];
};

/*
 * Allocates nothing yet.  `object_bytes` is 1 to 2^20; objects are aligned to
 * 8.  The header takes the 8 bytes before each: an object of 64 * n - 8 bytes
 * and its header fill n cache lines exactly.  `count_max` is 1 to 2^30.
 */
void flare__slab_init(struct flare__slab *slab,
                      const struct flare_allocator *al, size_t object_bytes,
                      uint32_t count_max);

/* Every object must have been given back. */
void flare__slab_fini(struct flare__slab *slab);

/*
 * Gives an object, not cleared; NULL when `count_max` are live or there is no
 * memory (flare__slab_is_full tells).  The last one given back comes first.
 */
void *flare__slab_take(struct flare__slab *slab);

/* Takes the object back; handles to it are stale from now on. */
void flare__slab_give(struct flare__slab *slab, void *object);

bool flare__slab_is_full(const struct flare__slab *slab);

/* The handle of a live object. */
flare__slab_handle flare__slab_handle_of(const void *object);

/* The object, or NULL if it was given back or the handle is no handle. */
void *flare__slab_get(const struct flare__slab *slab,
                      flare__slab_handle handle);

/*
 * Walks the live objects: start with *cursor = 0, NULL ends it.  The one just
 * returned may be given back meanwhile.
 */
void *flare__slab_next(const struct flare__slab *slab, uint32_t *cursor);

#endif
