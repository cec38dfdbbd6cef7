/* SPDX-License-Identifier: MIT */
/* The pool of receive buffers: one block, buffers first, then the books. */
#include "backends/leases.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>

enum { LINE = 64 };

static bool is_power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

int flare__leases_init(struct flare__leases *l,
                       const struct flare_allocator *al, uint32_t bytes,
                       uint32_t count)
{
    size_t buffers = (size_t)bytes * count;
    size_t words = ((size_t)count + 63) / 64;
    uint8_t *block;

    if (!is_power_of_two(bytes) || !is_power_of_two(count) ||
        count > FLARE__LEASES_MAX || bytes < LINE || bytes > INT32_MAX / 2 ||
        buffers / count != bytes)
        return -EINVAL;
    block = flare__alloc(al, LINE + buffers + words * sizeof(uint64_t) +
                                 count * sizeof(uint16_t));
    if (block == NULL)
        return -ENOMEM;

    *l = (struct flare__leases){
        .al = al,
        .block = block,
        .bytes = bytes,
        .count = count,
        .free = count,
    };
    l->buffers = block + (LINE - (uintptr_t)block % LINE) % LINE;
    l->out = (uint64_t *)(void *)(l->buffers + buffers);
    l->stack = (uint16_t *)(void *)(l->out + words);
    memset(l->out, 0, words * sizeof(uint64_t));
    for (uint32_t i = 0; i < count; i++)
        l->stack[i] = (uint16_t)(count - 1 - i); /* the first is on top */
    FLARE__POISON(l->buffers, buffers);
    return 0;
}

void flare__leases_fini(struct flare__leases *l)
{
    FLARE_ASSERT(l->free == l->count);

    FLARE__UNPOISON(l->buffers, (size_t)l->bytes * l->count);
    flare__free(l->al, l->block);
    l->block = NULL;
}
