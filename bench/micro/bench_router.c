/* SPDX-License-Identifier: MIT */
/*
 * The router alone: nanoseconds per match in tables of 10 to 10 000 routes.
 *
 *   bench_router              a table: medians of interleaved rounds
 *   bench_router ROUTES N     builds a table, matches N times, prints nothing:
 *                             run it under valgrind --tool=callgrind, with two
 *                             different N, to count instructions
 *
 * The paths go round the whole table in a scattered order, so that large tables
 * also show what caches cannot hold.
 */
#include "base/alloc.h"
#include "http/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 51, SLICE = 20000, SIZES = 4, ROUTES_MAX = 10000 };

static const int sizes[SIZES] = {10, 100, 1000, ROUTES_MAX};

struct table {
    struct flare_route list[ROUTES_MAX];
    char patterns[ROUTES_MAX][64];
    char paths[ROUTES_MAX][64];
    struct flare_str slices[ROUTES_MAX];
    struct flare__router *router;
    size_t count;
};

static int on_any(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return 0;
}

/* A third each: a literal, one parameter, two of them. */
static void fill(struct table *t, size_t count)
{
    static const char *const pattern[] = {"status", ":id", ":id/items/:item"};
    static const char *const path[] = {"status", "12345", "12345/items/678"};

    t->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t place = i * 7919 % count; /* a prime: goes round */

        snprintf(t->patterns[i], sizeof(t->patterns[i]),
                 "/api/v1/service%zu/%s", i / 3, pattern[i % 3]);
        snprintf(t->paths[place], sizeof(t->paths[place]),
                 "/api/v1/service%zu/%s", i / 3, path[i % 3]);
        t->slices[place] = flare_str(t->paths[place]);
        t->list[i] = (struct flare_route)FLARE_GET(t->patterns[i], on_any);
    }
}

static struct table *table_new(size_t count)
{
    struct table *t = calloc(1, sizeof(*t));
    struct flare_routes routes = {.count = count};
    struct flare_error err;

    if (t == NULL)
        abort();
    fill(t, count);
    routes.list = t->list;
    if (flare__router_new(&t->router, &flare__allocator_default, routes, &err) <
        0) {
        fprintf(stderr, "bench_router: %s\n", err.text);
        exit(EXIT_FAILURE);
    }
    return t;
}

static void run(const struct table *t, long n)
{
    struct flare__match m;
    size_t at = 0;

    for (long i = 0; i < n; i++) {
        if (flare__router_match(t->router, FLARE_METHOD_GET, t->slices[at],
                                &m) < 0)
            abort();
        at = at + 1 < t->count ? at + 1 : 0;
    }
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double ns[SIZES][ROUNDS];
    struct table *tables[SIZES];

    if (argc == 3) {
        size_t count = strtoul(argv[1], NULL, 10);

        if (count == 0 || count > ROUTES_MAX)
            return EXIT_FAILURE;
        run(table_new(count), strtol(argv[2], NULL, 10));
        return EXIT_SUCCESS;
    }
    for (int i = 0; i < SIZES; i++)
        tables[i] = table_new((size_t)sizes[i]);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < SIZES; i++) {
            uint64_t start = now_ns();

            run(tables[i], SLICE);
            ns[i][round] = (double)(now_ns() - start) / SLICE;
        }
    for (int i = 0; i < SIZES; i++) {
        qsort(ns[i], ROUNDS, sizeof(ns[i][0]), by_value);
        printf("%6d routes  %6.1f ns  [%.1f %.1f]\n", sizes[i],
               ns[i][ROUNDS / 2], ns[i][ROUNDS / 4], ns[i][ROUNDS * 3 / 4]);
    }
    return EXIT_SUCCESS;
}
