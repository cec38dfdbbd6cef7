/* SPDX-License-Identifier: MIT */
/* Each block has its size before it. */
#include "tests/support/sim_memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    MEMORY_HEADER = 16, /* keeps malloc's alignment */
    MEMORY_FILL = 4096  /* bytes that are no zeros: nobody relies on them */
};

static void *memory_alloc(size_t size, void *ctx)
{
    struct sim_memory *m = ctx;
    char *block = malloc(size + MEMORY_HEADER);

    if (block == NULL)
        abort();
    memcpy(block, &size, sizeof(size));
    memset(block + MEMORY_HEADER, 0xa5,
           size < MEMORY_FILL ? size : MEMORY_FILL);
    m->live_blocks++;
    m->live_bytes += size;
    if (m->live_bytes > m->peak_bytes)
        m->peak_bytes = m->live_bytes;
    return block + MEMORY_HEADER;
}

static void memory_free(void *block, void *ctx)
{
    struct sim_memory *m = ctx;
    char *start = (char *)block - MEMORY_HEADER;
    size_t size;

    if (block == NULL)
        return;
    memcpy(&size, start, sizeof(size));
    m->live_blocks--;
    m->live_bytes -= size;
    free(start);
}

/* Always moves: nobody relies on the address. */
static void *memory_realloc(void *block, size_t size, void *ctx)
{
    void *moved = memory_alloc(size, ctx);
    size_t old = 0;

    if (block == NULL)
        return moved;
    memcpy(&old, (char *)block - MEMORY_HEADER, sizeof(old));
    memcpy(moved, block, old < size ? old : size);
    memory_free(block, ctx);
    return moved;
}

void sim_memory_init(struct sim_memory *m)
{
    *m = (struct sim_memory){
        .al = {memory_alloc, memory_realloc, memory_free, m}};
}
