/* SPDX-License-Identifier: MIT */
/* The slab: addresses stay, stale handles miss, memory is bounded and back. */
#include "base/slab.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* ck_assert writes to a pipe each time: too slow for millions of checks. */
#define HOLD(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            ck_abort_msg("does not hold: %s", #condition);                     \
    } while (0)

enum {
    OBJECT = 120, /* with its header two cache lines */
    COUNT = 10000
};

static const struct {
    size_t object_bytes;
    uint32_t count_max;
} shapes[] = {
    {1, 1},      {1, 5},        {8, 1000},    {13, 777},   {120, 10000},
    {248, 4096}, {4088, 50},    {4089, 50},   {100000, 9}, {1 << 20, 3},
    {24, 65536}, {4096 - 8, 1}, {2040, 3000},
};

/* Fills an object with a pattern of its number, and checks it. */
static void mark(unsigned char *object, size_t bytes, uint32_t number)
{
    memset(object, (int)(number * 31 + 7) & 0xff, bytes);
}

static bool is_marked(const unsigned char *object, size_t bytes,
                      uint32_t number)
{
    for (size_t i = 0; i < bytes; i++) {
        if (object[i] != ((number * 31 + 7) & 0xff))
            return false;
    }
    return true;
}

START_TEST(test_slab_objects_are_apart_up_to_the_bound)
{
    size_t bytes = shapes[_i].object_bytes;
    uint32_t count = shapes[_i].count_max;
    unsigned char **objects = calloc(count, sizeof(*objects));
    struct flare__slab slab;
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    flare__slab_init(&slab, &f.al, bytes, count);
    ck_assert_uint_eq(f.allocs, 0);
    for (uint32_t i = 0; i < count; i++) {
        objects[i] = flare__slab_take(&slab);
        HOLD(objects[i] != NULL && (uintptr_t)objects[i] % 8 == 0);
        mark(objects[i], bytes, i);
    }
    ck_assert(flare__slab_is_full(&slab));
    ck_assert_ptr_null(flare__slab_take(&slab));
    for (uint32_t i = 0; i < count; i++) {
        HOLD(is_marked(objects[i], bytes, i));
        flare__slab_give(&slab, objects[i]);
    }
    flare__slab_fini(&slab);
    fault_fini(&f, "slab");
    free(objects);
}
END_TEST

START_TEST(test_slab_costs_eight_bytes_for_each_object)
{
    struct flare__slab slab;
    struct fault f;
    void **objects = calloc(COUNT, sizeof(*objects));

    fault_init(&f, FAULT_NEVER, 0);
    flare__slab_init(&slab, &f.al, OBJECT, COUNT);
    for (int i = 0; i < COUNT; i++)
        objects[i] = flare__slab_take(&slab);
    ck_assert_uint_le(f.live_bytes, (OBJECT + 8) * COUNT + f.live_blocks * 128);
    ck_assert_uint_le(f.live_blocks, 16);
    printf("slab: %d objects of %d bytes take %zu bytes in %zu chunks\n", COUNT,
           OBJECT, f.live_bytes, f.live_blocks);
    for (int i = 0; i < COUNT; i++)
        flare__slab_give(&slab, objects[i]);
    flare__slab_fini(&slab);
    fault_fini(&f, "slab");
    free(objects);
}
END_TEST

START_TEST(test_slab_object_with_its_header_fills_whole_cache_lines)
{
    struct flare__slab slab;
    void *object;

    flare__slab_init(&slab, &flare__allocator_default, OBJECT, 4);
    object = flare__slab_take(&slab);
    ck_assert_uint_eq((uintptr_t)object % 64, 8);
    flare__slab_give(&slab, object);
    flare__slab_fini(&slab);
}
END_TEST

START_TEST(test_slab_handle_is_stale_once_its_object_is_back)
{
    struct flare__slab slab;
    flare__slab_handle first;
    flare__slab_handle second;
    void *object;

    flare__slab_init(&slab, &flare__allocator_default, OBJECT, 4);
    object = flare__slab_take(&slab);
    first = flare__slab_handle_of(object);
    ck_assert_uint_ne(first, 0);
    ck_assert_ptr_eq(flare__slab_get(&slab, first), object);
    flare__slab_give(&slab, object);
    ck_assert_ptr_null(flare__slab_get(&slab, first));
    /* nor is there a handle to what is free */
    ck_assert_ptr_null(flare__slab_get(&slab, first + ((uint64_t)1 << 32)));
    /* the place is used again, by another life */
    ck_assert_ptr_eq(flare__slab_take(&slab), object);
    second = flare__slab_handle_of(object);
    ck_assert_uint_ne(second, first);
    ck_assert_ptr_null(flare__slab_get(&slab, first));
    ck_assert_ptr_eq(flare__slab_get(&slab, second), object);
    flare__slab_give(&slab, object);
    flare__slab_fini(&slab);
}
END_TEST

START_TEST(test_slab_numbers_that_are_no_handles_name_nothing)
{
    static const flare__slab_handle none[] = {
        0,          1,          (uint64_t)1 << 32 | 1, (uint64_t)2 << 32,
        UINT64_MAX, UINT32_MAX, (uint64_t)3 << 32,     (uint64_t)1 << 63,
    };
    struct flare__slab slab;
    void *object;

    flare__slab_init(&slab, &flare__allocator_default, OBJECT, 4);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        ck_assert_ptr_null(flare__slab_get(&slab, none[i]));
    object = flare__slab_take(&slab); /* its handle is 1 << 32 */
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        ck_assert_ptr_null(flare__slab_get(&slab, none[i]));
    flare__slab_give(&slab, object);
    flare__slab_fini(&slab);
}
END_TEST

START_TEST(test_slab_walk_meets_each_live_object_once)
{
    struct flare__slab slab;
    void *objects[200];
    uint32_t cursor = 0;
    int met = 0;
    int *object;

    flare__slab_init(&slab, &flare__allocator_default, sizeof(long), 500);
    for (int i = 0; i < 200; i++) {
        objects[i] = flare__slab_take(&slab);
        *(int *)objects[i] = i;
    }
    for (int i = 0; i < 200; i += 3)
        flare__slab_give(&slab, objects[i]);
    while ((object = flare__slab_next(&slab, &cursor)) != NULL) {
        ck_assert_int_ne(*object % 3, 0);
        flare__slab_give(&slab, object); /* while walking */
        met++;
    }
    ck_assert_int_eq(met, 133);
    ck_assert_uint_eq(slab.live, 0);
    flare__slab_fini(&slab);
}
END_TEST

/* Random takes and gives against an array that remembers. */
START_TEST(test_slab_agrees_with_a_model)
{
    enum { MODEL = 600 };
    static struct {
        unsigned char *object;
        flare__slab_handle handle;
        flare__slab_handle stale;
    } model[MODEL];
    struct flare__slab slab;
    struct fault f;
    uint64_t seed = 88172645463325252u;

    fault_init(&f, FAULT_NEVER, 0);
    flare__slab_init(&slab, &f.al, 40, MODEL);
    for (int step = 0; step < 300000; step++) {
        uint32_t i;

        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        i = (uint32_t)(seed >> 20) % MODEL;
        HOLD(flare__slab_get(&slab, model[i].stale) == NULL);
        if (model[i].object == NULL) {
            model[i].object = flare__slab_take(&slab);
            HOLD(model[i].object != NULL);
            mark(model[i].object, 40, i);
            model[i].handle = flare__slab_handle_of(model[i].object);
            continue;
        }
        HOLD(flare__slab_get(&slab, model[i].handle) == model[i].object);
        HOLD(is_marked(model[i].object, 40, i));
        flare__slab_give(&slab, model[i].object);
        model[i].object = NULL;
        model[i].stale = model[i].handle;
    }
    for (int i = 0; i < MODEL; i++) {
        if (model[i].object != NULL)
            flare__slab_give(&slab, model[i].object);
    }
    flare__slab_fini(&slab);
    fault_fini(&f, "slab");
}
END_TEST

/* Takes 300 objects; what fails is tried again once nothing fails. */
static int scenario_slab(struct fault *f, void *ctx)
{
    struct flare__slab slab;
    uint32_t cursor = 0;
    void *object;
    int rc = 0;

    (void)ctx;
    flare__slab_init(&slab, &f->al, OBJECT, 300);
    for (int i = 0; i < 300 && rc == 0; i++)
        rc = flare__slab_take(&slab) == NULL ? -ENOMEM : 0;
    if (rc < 0) {
        ck_assert(!flare__slab_is_full(&slab));
        fault_disarm(f);
        while (slab.live < 300)
            ck_assert_ptr_nonnull(flare__slab_take(&slab));
    }
    while ((object = flare__slab_next(&slab, &cursor)) != NULL)
        flare__slab_give(&slab, object);
    flare__slab_fini(&slab);
    return rc;
}

START_TEST(test_slab_survives_every_allocation_failure)
{
    struct fault_report report = fault_each("slab", scenario_slab, NULL);

    ck_assert_uint_ge(report.sites, 3);
    ck_assert_uint_eq(report.runs, 2 * report.sites);
    ck_assert_uint_eq(report.recovered, 0);
}
END_TEST

START_TEST(test_slab_giving_twice_is_a_bug)
{
    struct flare__slab slab;
    void *object;

    flare__slab_init(&slab, &flare__allocator_default, OBJECT, 4);
    object = flare__slab_take(&slab);
    flare__slab_give(&slab, object);
    flare__slab_give(&slab, object);
}
END_TEST

START_TEST(test_slab_ending_with_live_objects_is_a_bug)
{
    struct flare__slab slab;

    flare__slab_init(&slab, &flare__allocator_default, OBJECT, 4);
    ck_assert_ptr_nonnull(flare__slab_take(&slab));
    flare__slab_fini(&slab);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slab");
    TCase *tc = tcase_create("slab");

    tcase_add_loop_test(tc, test_slab_objects_are_apart_up_to_the_bound, 0,
                        ROWS(shapes));
    tcase_add_test(tc, test_slab_costs_eight_bytes_for_each_object);
    tcase_add_test(tc,
                   test_slab_object_with_its_header_fills_whole_cache_lines);
    tcase_add_test(tc, test_slab_handle_is_stale_once_its_object_is_back);
    tcase_add_test(tc, test_slab_numbers_that_are_no_handles_name_nothing);
    tcase_add_test(tc, test_slab_walk_meets_each_live_object_once);
    tcase_add_test(tc, test_slab_agrees_with_a_model);
    tcase_add_test(tc, test_slab_survives_every_allocation_failure);
    tcase_add_test_raise_signal(tc, test_slab_giving_twice_is_a_bug, SIGABRT);
    tcase_add_test_raise_signal(tc, test_slab_ending_with_live_objects_is_a_bug,
                                SIGABRT);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
