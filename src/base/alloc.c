/* SPDX-License-Identifier: MIT */
/*
 * The four doors to memory.  Sizes are checked here once, so that a hook never
 * sees 0 and nobody multiplies unchecked.
 */
#include "base/alloc.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

static void *default_alloc(size_t size, void *ctx)
{
    (void)ctx;
    return malloc(size);
}

static void *default_realloc(void *block, size_t size, void *ctx)
{
    (void)ctx;
    return realloc(block, size);
}

static void default_free(void *block, void *ctx)
{
    (void)ctx;
    free(block);
}

const struct flare_allocator flare__allocator_default = {
    .alloc_fn = default_alloc,
    .realloc_fn = default_realloc,
    .free_fn = default_free,
};

/* The public contract lets a user leave all three out. */
static const struct flare_allocator *alloc_of(const struct flare_allocator *al)
{
    FLARE_ASSERT(al != NULL);
    return al->alloc_fn != NULL ? al : &flare__allocator_default;
}

void *flare__alloc(const struct flare_allocator *al, size_t size)
{
    al = alloc_of(al);
    FLARE_ASSERT(size > 0);
    return al->alloc_fn(size, al->ctx);
}

void *flare__calloc(const struct flare_allocator *al, size_t count, size_t size)
{
    size_t total;
    void *block;

    al = alloc_of(al);
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    FLARE_ASSERT(total > 0);
    /* calloc leaves the pages of a large table untouched until they are used */
    if (al->alloc_fn == default_alloc)
        return calloc(1, total);
    block = al->alloc_fn(total, al->ctx);
    if (block != NULL)
        memset(block, 0, total);
    return block;
}

void *flare__realloc(const struct flare_allocator *al, void *block, size_t size)
{
    al = alloc_of(al);
    FLARE_ASSERT(size > 0);
    if (block == NULL)
        return al->alloc_fn(size, al->ctx);
    return al->realloc_fn(block, size, al->ctx);
}

void flare__free(const struct flare_allocator *al, void *block)
{
    al = alloc_of(al);
    if (block != NULL)
        al->free_fn(block, al->ctx);
}
