/* SPDX-License-Identifier: MIT */
/*
 * Chunk k holds 2^(first_shift + k) objects, so that the place of an object
 * follows from its number without a search: with 2^first_shift added, the top
 * bit names the chunk and the rest the place in it.
 *
 * A free object's first word links the free list.  Its generation is even; a
 * live one's is odd, and moves on with each take and give.
 */
#include "base/slab.h"

#include "base/alloc.h"
#include "base/assert.h"

enum {
    SLAB_LINE = 64,          /* chunks start at a cache line */
    SLAB_FIRST_BYTES = 4096, /* about the size of the first chunk */
    SLAB_OBJECT_MAX = 1 << 20,
    SLAB_COUNT_MAX = 1 << 30
};

struct slab_header {
    uint32_t index;
    uint32_t generation;
};

_Static_assert(sizeof(struct slab_header) == 8, "8 bytes for each object");

static struct slab_header *slab_header_of(const void *object)
{
    return (struct slab_header *)(uintptr_t)object - 1;
}

void flare__slab_init(struct flare__slab *slab,
                      const struct flare_allocator *al, size_t object_bytes,
                      uint32_t count_max)
{
    uint32_t stride;
    uint32_t shift = 0;

    FLARE_ASSERT(object_bytes > 0 && object_bytes <= SLAB_OBJECT_MAX);
    FLARE_ASSERT(count_max > 0 && count_max <= SLAB_COUNT_MAX);
    stride = (uint32_t)((object_bytes + 7) & ~(size_t)7) +
             (uint32_t)sizeof(struct slab_header);
    while (stride << (shift + 1) <= SLAB_FIRST_BYTES)
        shift++;
    *slab = (struct flare__slab){.al = al,
                                 .count_max = count_max,
                                 .stride = stride,
                                 .first_shift = shift};
}

/* One cache line before a chunk: what the allocator gave. */
struct slab_block {
    void *raw;
    size_t size;
};

static struct slab_block *slab_block_of(void *chunk)
{
    return (struct slab_block *)(void *)((char *)chunk - SLAB_LINE);
}

void flare__slab_fini(struct flare__slab *slab)
{
    FLARE_ASSERT(slab->live == 0);
    for (uint32_t i = 0; i < slab->chunk_count; i++) {
        struct slab_block block = *slab_block_of(slab->chunks[i]);

        flare__unpoison(block.raw, block.size);
        flare__free(slab->al, block.raw);
    }
    slab->free_list = NULL;
    slab->fresh = 0;
    slab->ready = 0;
    slab->chunk_count = 0;
}

static struct slab_header *slab_at(const struct flare__slab *slab,
                                   uint32_t index)
{
    uint32_t number = index + (1u << slab->first_shift);
    uint32_t top = 31 - (uint32_t)__builtin_clz(number);
    char *chunk = slab->chunks[top - slab->first_shift];
    size_t place = number ^ (1u << top);

    return (struct slab_header *)(void *)(chunk + place * slab->stride);
}

static bool slab_grow(struct flare__slab *slab)
{
    uint32_t count = 1u << (slab->first_shift + slab->chunk_count);
    uintptr_t at;
    size_t size;
    void *raw;
    void *chunk;

    if (count > slab->count_max - slab->ready)
        count = slab->count_max - slab->ready;
    if (__builtin_mul_overflow((size_t)count, slab->stride, &size) ||
        __builtin_add_overflow(size, 2 * SLAB_LINE, &size))
        return false;
    raw = flare__alloc(slab->al, size);
    if (raw == NULL)
        return false;
    at = ((uintptr_t)raw + 2 * SLAB_LINE - 1) & ~(uintptr_t)(SLAB_LINE - 1);
    chunk = (char *)raw + (at - (uintptr_t)raw);
    *slab_block_of(chunk) = (struct slab_block){.raw = raw, .size = size};
    slab->chunks[slab->chunk_count++] = chunk;
    slab->ready += count;
    return true;
}

/*
 * An object that was never taken: its memory is touched here first.  Apart,
 * so that the common take saves no registers.
 */
__attribute__((noinline)) static void *slab_take_fresh(struct flare__slab *slab)
{
    struct slab_header *header;

    if (slab->fresh == slab->ready &&
        (slab->ready == slab->count_max || !slab_grow(slab)))
        return NULL;
    header = slab_at(slab, slab->fresh);
    header->index = slab->fresh++;
    header->generation = 1;
    slab->live++;
    return header + 1;
}

void *flare__slab_take(struct flare__slab *slab)
{
    void *object = slab->free_list;

    if (FLARE_UNLIKELY(object == NULL))
        return slab_take_fresh(slab);
    flare__unpoison(object, slab->stride - sizeof(struct slab_header));
    slab->free_list = *(void **)object;
    slab_header_of(object)->generation++;
    slab->live++;
    return object;
}

void flare__slab_give(struct flare__slab *slab, void *object)
{
    struct slab_header *header = slab_header_of(object);

    FLARE_ASSERT(header->generation & 1); /* else it is given twice */
    FLARE_DCHECK(slab_at(slab, header->index) == header);
    header->generation++;
    *(void **)object = slab->free_list;
    slab->free_list = object;
    slab->live--;
    flare__poison(object, slab->stride - sizeof(struct slab_header));
}

bool flare__slab_is_full(const struct flare__slab *slab)
{
    return slab->live == slab->count_max;
}

flare__slab_handle flare__slab_handle_of(const void *object)
{
    const struct slab_header *header = slab_header_of(object);

    FLARE_ASSERT(header->generation & 1);
    return (uint64_t)header->generation << 32 | header->index;
}

void *flare__slab_get(const struct flare__slab *slab, flare__slab_handle handle)
{
    uint32_t generation = (uint32_t)(handle >> 32);
    uint32_t index = (uint32_t)handle;
    struct slab_header *header;

    if (index >= slab->fresh || !(generation & 1))
        return NULL;
    header = slab_at(slab, index);
    return header->generation == generation ? header + 1 : NULL;
}

void *flare__slab_next(const struct flare__slab *slab, uint32_t *cursor)
{
    while (*cursor < slab->fresh) {
        struct slab_header *header = slab_at(slab, (*cursor)++);

        if (header->generation & 1)
            return header + 1;
    }
    return NULL;
}
