/* SPDX-License-Identifier: MIT */
/* A mapping one page longer than asked for, the last one without access. */
#include "tests/support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void guard_init(struct guard *g, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    g->size = (size + page - 1) / page * page;
    g->base = mmap(NULL, g->size + page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->base == MAP_FAILED ||
        mprotect(g->base + g->size, page, PROT_NONE) != 0) {
        perror("guard");
        abort();
    }
}

void guard_fini(struct guard *g)
{
    munmap(g->base, g->size + (size_t)sysconf(_SC_PAGESIZE));
}

void *guard_last(const struct guard *g, size_t size)
{
    if (size > g->size)
        abort();
    return g->base + (g->size - size);
}

const char *guard_put(const struct guard *g, const char *bytes, size_t len)
{
    char *at = guard_last(g, len);

    memcpy(at, bytes, len);
    return at;
}
