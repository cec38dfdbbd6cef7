/* SPDX-License-Identifier: MIT */
/*
 * Torture: an allocator that counts and fails on demand, and a driver that
 * fails every fallible site of a scenario in turn.
 *
 * A site is a call that the world may refuse: each allocation through `al`,
 * and whatever asks fault_site() (a simulated system call, say).  Sites are
 * numbered from 1 in the order of the run.
 *
 * A scenario builds what it needs, uses it, takes it down, and returns >= 0
 * or the error it met:
 *
 *     static int scenario_arena(struct fault *f, void *ctx)
 *     {
 *         struct flare__arena arena;
 *         int rc = 0;
 *
 *         flare__arena_init(&arena, &f->al, 256, 4096);
 *         if (flare__arena_alloc(&arena, 100, 8) == NULL)
 *             rc = -ENOMEM;
 *         flare__arena_fini(&arena);
 *         return rc;
 *     }
 *
 *     fault_each("arena", scenario_arena, NULL);
 *
 * Something long-lived that must work again after a failure is tried inside
 * the scenario, after fault_disarm().
 *
 * Counting is locked, so a scenario may use threads; then the numbers of the
 * sites differ from run to run, and every run still has to end well.  To see
 * where site n is, break on fault_hit in a debugger.
 */
#ifndef FLARE__TEST_FAULT_H
#define FLARE__TEST_FAULT_H

#include <flare/alloc.h>

#include <pthread.h>

enum fault_mode {
    FAULT_NEVER,
    FAULT_ONCE, /* site `at` fails */
    FAULT_FROM  /* site `at` and all after it fail */
};

/* One per run.  Give `al` to the code under test; read the rest. */
struct fault {
    struct flare_allocator al;
    enum fault_mode mode;
    uint64_t at;
    uint64_t sites;  /* seen so far */
    uint64_t allocs; /* how many of them were allocations */
    uint64_t failed; /* how many of them were failed */
    size_t live_blocks;
    size_t live_bytes;
    size_t peak_blocks;
    size_t peak_bytes;
    struct fault_block *blocks; /* a hash table of what is live */
    size_t block_slots;
    pthread_mutex_t lock;
};

void fault_init(struct fault *f, enum fault_mode mode, uint64_t at);

/* Fails the test, with what is left, if a block is live; frees the rest. */
void fault_fini(struct fault *f, const char *name);

/* Counts a site; true if it must fail.  Thread: any. */
bool fault_site(struct fault *f);

/* Nothing fails from now on. */
void fault_disarm(struct fault *f);

/* >= 0, or the error that it met, a code that flare_strerror knows. */
typedef int (*fault_scenario_fn)(struct fault *f, void *ctx);

struct fault_report {
    uint64_t sites;     /* of the run in which nothing failed */
    uint64_t runs;      /* with a failure in them */
    uint64_t recovered; /* runs that succeeded all the same */
    size_t peak_bytes;  /* of the run in which nothing failed */
};

/*
 * Runs the scenario once, counting; it must succeed.  Then again and again,
 * with site 1, 2, ... failing once, then with all from there on, until a run
 * ends before its site.  After each, nothing may be left.  Prints a line.
 */
struct fault_report fault_each(const char *name, fault_scenario_fn scenario,
                               void *ctx);

#endif
