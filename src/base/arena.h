/* SPDX-License-Identifier: MIT */
/*
 * Memory for things that die together: taken by moving a pointer, given back
 * all at once.  Chunks double as it grows.
 *
 * Bound: `bytes_max` of memory from the allocator.  Owner: whoever embeds it.
 * One thread.
 */
#ifndef FLARE__BASE_ARENA_H
#define FLARE__BASE_ARENA_H

#include <flare/alloc.h>

struct flare__arena_chunk;

struct flare__arena {
    const struct flare_allocator *al;
    struct flare__arena_chunk *chunks; /* the newest first */
    uint8_t *at;                       /* free from here */
    uint8_t *end;
    size_t chunk_bytes;
    size_t bytes_max;
    size_t bytes; /* taken from the allocator now */
    bool is_limited;
    bool is_used; /* something was taken since init or reset */
};

/*
 * Allocates nothing yet.  `chunk_bytes` is the size of the first chunk, from
 * 64 to `bytes_max`.
 */
void flare__arena_init(struct flare__arena *arena,
                       const struct flare_allocator *al, size_t chunk_bytes,
                       size_t bytes_max);

/* Everything in it is gone. */
void flare__arena_fini(struct flare__arena *arena);

/* As fini, but keeps one chunk of the first size for the next use. */
void flare__arena_reset(struct flare__arena *arena);

/*
 * `size` bytes, not cleared, aligned to `align`, a power of two up to 64; they
 * live until reset or fini.  A size of 0 gives an address that is not NULL.
 * NULL without memory or at the bound; `is_limited` says it was the bound.
 */
void *flare__arena_alloc(struct flare__arena *arena, size_t size, size_t align);

/* A copy of `bytes` with a NUL behind it; NULL as above. */
char *flare__arena_copy(struct flare__arena *arena, struct flare_str bytes);

#endif
