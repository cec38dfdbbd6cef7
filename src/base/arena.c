/* SPDX-License-Identifier: MIT */
/*
 * A list of chunks, of which only the newest is filled.  The last one takes
 * what is left under the bound.
 */
#include "base/arena.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <string.h>

enum {
    ARENA_ALIGN_MAX = 64,
    ARENA_CHUNK_MIN = 64,
    ARENA_CHUNK_MAX = 1 << 20 /* doubling ends here */
};

struct flare__arena_chunk {
    struct flare__arena_chunk *next;
    size_t size; /* with this header */
};

void flare__arena_init(struct flare__arena *arena,
                       const struct flare_allocator *al, size_t chunk_bytes,
                       size_t bytes_max)
{
    FLARE_ASSERT(chunk_bytes >= ARENA_CHUNK_MIN && chunk_bytes <= bytes_max);
    *arena = (struct flare__arena){
        .al = al, .chunk_bytes = chunk_bytes, .bytes_max = bytes_max};
}

/* Makes `chunk` the one that is filled; NULL: none. */
static void arena_open(struct flare__arena *arena,
                       struct flare__arena_chunk *chunk)
{
    arena->at = NULL;
    arena->end = NULL;
    if (chunk == NULL)
        return;
    arena->at = (uint8_t *)(chunk + 1);
    arena->end = (uint8_t *)chunk + chunk->size;
    flare__poison(arena->at, (size_t)(arena->end - arena->at));
}

/* Frees the chunks, but for one of the first size if `keep`. */
static void arena_clear(struct flare__arena *arena, bool keep)
{
    struct flare__arena_chunk *kept = NULL;
    struct flare__arena_chunk *chunk = arena->chunks;

    while (chunk != NULL) {
        struct flare__arena_chunk *next = chunk->next;

        if (keep && kept == NULL && chunk->size == arena->chunk_bytes) {
            kept = chunk;
        } else {
            arena->bytes -= chunk->size;
            flare__unpoison(chunk, chunk->size);
            flare__free(arena->al, chunk);
        }
        chunk = next;
    }
    if (kept != NULL)
        kept->next = NULL;
    arena->chunks = kept;
    arena->is_limited = false;
    arena->is_used = false;
    arena_open(arena, kept);
}

void flare__arena_fini(struct flare__arena *arena)
{
    arena_clear(arena, /* keep = */ false);
}

void flare__arena_reset(struct flare__arena *arena)
{
    arena_clear(arena, /* keep = */ true);
}

/* The size of a new chunk that holds `need`; 0 if none fits. */
static size_t arena_chunk_size(const struct flare__arena *arena, size_t need)
{
    size_t room = arena->bytes_max - arena->bytes;
    size_t size = arena->chunk_bytes;

    if (arena->chunks != NULL && arena->bytes >= size)
        size = arena->bytes < ARENA_CHUNK_MAX ? arena->bytes : ARENA_CHUNK_MAX;
    if (size < need)
        size = need;
    if (size > room)
        size = room;
    return size >= need ? size : 0;
}

static bool arena_grow(struct flare__arena *arena, size_t size, size_t align)
{
    struct flare__arena_chunk *chunk;
    size_t need;

    if (__builtin_add_overflow(size, sizeof(*chunk) + align, &need)) {
        arena->is_limited = true;
        return false;
    }
    size = arena_chunk_size(arena, need);
    arena->is_limited = size == 0;
    if (size == 0)
        return false;
    chunk = flare__alloc(arena->al, size);
    if (chunk == NULL)
        return false;
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->bytes += size;
    arena_open(arena, chunk);
    return true;
}

/* Bytes to skip so that the next object is aligned. */
static size_t arena_pad(const struct flare__arena *arena, size_t align)
{
    return (size_t)(-(uintptr_t)arena->at & (align - 1));
}

void *flare__arena_alloc(struct flare__arena *arena, size_t size, size_t align)
{
    size_t pad = arena_pad(arena, align);
    size_t room = (size_t)(arena->end - arena->at);
    uint8_t *object;

    FLARE_ASSERT((align & (align - 1)) == 0);
    FLARE_ASSERT(align > 0 && align <= ARENA_ALIGN_MAX);
    if (FLARE_UNLIKELY(arena->at == NULL || pad > room || size > room - pad)) {
        if (!arena_grow(arena, size, align))
            return NULL;
        pad = arena_pad(arena, align);
    }
    object = arena->at + pad;
    arena->at = object + size;
    arena->is_used = true;
    flare__unpoison(object, size);
    return object;
}

char *flare__arena_copy(struct flare__arena *arena, struct flare_str bytes)
{
    char *copy;

    if (bytes.len == SIZE_MAX)
        return NULL;
    copy = flare__arena_alloc(arena, bytes.len + 1, 1);
    if (copy == NULL)
        return NULL;
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = '\0';
    return copy;
}
