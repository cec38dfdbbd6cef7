/* SPDX-License-Identifier: MIT */
/*
 * Blocks come from malloc at their exact size, so AddressSanitizer sees every
 * byte beyond them; what is live is kept beside them in a hash table, so a
 * foreign pointer is recognised without touching it.
 */
#include "tests/support/fault.h"

#include "tests/support/test.h"

#include <flare/error.h>

#include <stdarg.h>
#include <string.h>

enum {
    FAULT_SLOTS_MIN = 64,     /* a power of two */
    FAULT_SITES_MAX = 1 << 20 /* a scenario that never ends */
};

struct fault_block {
    void *block; /* NULL: free */
    size_t size;
};

__attribute__((noreturn, format(printf, 1, 2))) static void fault_die(
    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    abort();
}

static size_t fault_hash(const struct fault *f, const void *block)
{
    uint64_t mixed = (uint64_t)(uintptr_t)block * 0x9e3779b97f4a7c15u;

    return (size_t)(mixed >> 32) & (f->block_slots - 1);
}

/* The slot of `block`, or the free one where it belongs. */
static struct fault_block *fault_find(const struct fault *f, const void *block)
{
    size_t i = fault_hash(f, block);

    while (f->blocks[i].block != NULL && f->blocks[i].block != block)
        i = (i + 1) & (f->block_slots - 1);
    return &f->blocks[i];
}

static void fault_table_grow(struct fault *f)
{
    struct fault_block *old = f->blocks;
    size_t old_slots = f->block_slots;

    f->block_slots = old_slots == 0 ? FAULT_SLOTS_MIN : old_slots * 2;
    f->blocks = calloc(f->block_slots, sizeof(*f->blocks));
    if (f->blocks == NULL)
        fault_die("fault: the machine is out of memory\n");
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i].block != NULL)
            *fault_find(f, old[i].block) = old[i];
    }
    free(old);
}

static void fault_add(struct fault *f, void *block, size_t size)
{
    if ((f->live_blocks + 1) * 2 > f->block_slots)
        fault_table_grow(f);
    *fault_find(f, block) = (struct fault_block){block, size};
    f->live_blocks++;
    f->live_bytes += size;
    if (f->live_blocks > f->peak_blocks)
        f->peak_blocks = f->live_blocks;
    if (f->live_bytes > f->peak_bytes)
        f->peak_bytes = f->live_bytes;
}

/* Closes the gap that a removed block leaves in its chain. */
static void fault_table_mend(struct fault *f, size_t gap)
{
    size_t mask = f->block_slots - 1;

    for (size_t i = (gap + 1) & mask; f->blocks[i].block != NULL;
         i = (i + 1) & mask) {
        size_t home = fault_hash(f, f->blocks[i].block);

        if (((i - home) & mask) < ((i - gap) & mask))
            continue; /* its chain starts behind the gap */
        f->blocks[gap] = f->blocks[i];
        f->blocks[i].block = NULL;
        gap = i;
    }
}

static void fault_remove(struct fault *f, void *block, const char *verb)
{
    struct fault_block *slot = fault_find(f, block);

    if (slot->block == NULL)
        fault_die("fault: %s of %p, which is not a live block\n", verb, block);
    f->live_blocks--;
    f->live_bytes -= slot->size;
    slot->block = NULL;
    fault_table_mend(f, (size_t)(slot - f->blocks));
}

/* A place for a breakpoint: the stack shows the site that fails. */
__attribute__((noinline)) static void fault_hit(struct fault *f)
{
    f->failed++;
    __asm__ volatile(""); /* keeps the call */
}

/* The lock is held. */
static bool fault_count(struct fault *f)
{
    bool fails;

    f->sites++;
    fails = (f->mode == FAULT_ONCE && f->sites == f->at) ||
            (f->mode == FAULT_FROM && f->sites >= f->at);
    if (fails)
        fault_hit(f);
    return fails;
}

bool fault_site(struct fault *f)
{
    bool fails;

    pthread_mutex_lock(&f->lock);
    fails = fault_count(f);
    pthread_mutex_unlock(&f->lock);
    return fails;
}

void fault_disarm(struct fault *f)
{
    pthread_mutex_lock(&f->lock);
    f->mode = FAULT_NEVER;
    pthread_mutex_unlock(&f->lock);
}

/* Both allocation and, with `old` not NULL, reallocation. */
static void *fault_obtain(struct fault *f, void *old, size_t size)
{
    void *block = NULL;

    pthread_mutex_lock(&f->lock);
    f->allocs++;
    if (!fault_count(f)) {
        size_t old_size = old == NULL ? 0 : fault_find(f, old)->size;

        if (old != NULL)
            fault_remove(f, old, "realloc");
        block = malloc(size);
        if (block == NULL)
            fault_die("fault: the machine is out of memory\n");
        memset(block, 0xa5, size); /* nobody relies on zeros */
        if (old != NULL)
            memcpy(block, old, old_size < size ? old_size : size);
        free(old); /* every realloc moves: nobody relies on the address */
        fault_add(f, block, size);
    }
    pthread_mutex_unlock(&f->lock);
    return block;
}

static void *fault_alloc(size_t size, void *ctx)
{
    if (size == 0)
        fault_die("fault: allocation of 0 bytes\n");
    return fault_obtain(ctx, NULL, size);
}

static void *fault_realloc(void *block, size_t size, void *ctx)
{
    if (size == 0)
        fault_die("fault: reallocation to 0 bytes\n");
    return fault_obtain(ctx, block, size);
}

static void fault_free(void *block, void *ctx)
{
    struct fault *f = ctx;

    if (block == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    fault_remove(f, block, "free");
    pthread_mutex_unlock(&f->lock);
    free(block);
}

void fault_init(struct fault *f, enum fault_mode mode, uint64_t at)
{
    *f = (struct fault){.al = {fault_alloc, fault_realloc, fault_free, f},
                        .mode = mode,
                        .at = at};
    pthread_mutex_init(&f->lock, NULL);
    fault_table_grow(f);
}

void fault_fini(struct fault *f, const char *name)
{
    static const char *const modes[] = {"none", "once", "from then on"};
    size_t blocks = f->live_blocks;

    for (size_t i = 0; i < f->block_slots; i++) {
        if (f->blocks[i].block != NULL && blocks <= 8)
            fprintf(stderr, "fault: %s: %zu bytes left\n", name,
                    f->blocks[i].size);
        free(f->blocks[i].block);
    }
    free(f->blocks);
    pthread_mutex_destroy(&f->lock);
    f->blocks = NULL;
    f->block_slots = 0;
    ck_assert_msg(
        blocks == 0, "%s: %zu blocks, %zu bytes left (site %llu fails: %s)",
        name, blocks, f->live_bytes, (unsigned long long)f->at, modes[f->mode]);
}

/* One run with a failure; false if it ended before its site. */
static bool fault_run(const char *name, fault_scenario_fn scenario, void *ctx,
                      struct fault *f, struct fault_report *report)
{
    int rc = scenario(f, ctx);
    bool is_hit = f->failed > 0;

    ck_assert_msg(rc >= 0 || strcmp(flare_strerror(rc), "unknown error") != 0,
                  "%s: %d is no error code", name, rc);
    ck_assert_msg(is_hit || rc >= 0, "%s: %s, though nothing failed", name,
                  flare_error_name(rc));
    fault_fini(f, name);
    report->runs += is_hit;
    report->recovered += is_hit && rc >= 0;
    return is_hit;
}

struct fault_report fault_each(const char *name, fault_scenario_fn scenario,
                               void *ctx)
{
    struct fault_report report = {0};
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    fault_run(name, scenario, ctx, &f, &report);
    report.sites = f.sites;
    report.peak_bytes = f.peak_bytes;
    for (int mode = FAULT_ONCE; mode <= FAULT_FROM; mode++) {
        for (uint64_t at = 1;; at++) {
            ck_assert_msg(at < FAULT_SITES_MAX, "%s: does not end", name);
            fault_init(&f, (enum fault_mode)mode, at);
            if (!fault_run(name, scenario, ctx, &f, &report))
                break;
        }
    }
    printf("fault: %s: %llu sites, %llu failing runs, %llu recovered, "
           "peak %zu bytes, nothing left\n",
           name, (unsigned long long)report.sites,
           (unsigned long long)report.runs,
           (unsigned long long)report.recovered, report.peak_bytes);
    return report;
}
