/* SPDX-License-Identifier: MIT */
/* A mapping two pages longer than asked for, first and last without access. */
#include "tests/support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void guard_init(struct guard *g, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *all;

    g->size = (size + page - 1) / page * page;
    all = mmap(NULL, g->size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0);
    if (all == MAP_FAILED ||
        mprotect(all + page, g->size, PROT_READ | PROT_WRITE) != 0) {
        perror("guard");
        abort();
    }
    g->base = all + page;
}

void guard_fini(struct guard *g)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    munmap(g->base - page, g->size + 2 * page);
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
