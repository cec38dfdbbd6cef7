/* SPDX-License-Identifier: MIT */
/* The arena: aligned, apart, bounded, and empty again at once. */
#include "base/arena.h"

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

START_TEST(test_arena_objects_are_aligned_and_apart)
{
    unsigned char *objects[400];
    struct flare__arena arena;
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    flare__arena_init(&arena, &f.al, 256, 1 << 20);
    ck_assert_uint_eq(f.allocs, 0);
    for (unsigned i = 0; i < 400; i++) {
        size_t align = (size_t)1 << (i % 7);

        objects[i] = flare__arena_alloc(&arena, i, align);
        ck_assert_ptr_nonnull(objects[i]);
        ck_assert_uint_eq((uintptr_t)objects[i] % align, 0);
        memset(objects[i], (int)i & 0xff, i);
    }
    for (unsigned i = 0; i < 400; i++) {
        for (unsigned j = 0; j < i; j++)
            ck_assert_uint_eq(objects[i][j], i & 0xff);
    }
    ck_assert_uint_eq(f.live_bytes, arena.bytes);
    ck_assert_uint_lt(f.live_blocks, 16); /* they double */
    flare__arena_fini(&arena);
    fault_fini(&f, "arena");
}
END_TEST

START_TEST(test_arena_new_chunk_has_room_for_the_padding)
{
    struct flare__arena arena;
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    flare__arena_init(&arena, &f.al, 64, 1 << 20);
    for (size_t align = 1; align <= 64; align *= 2) {
        for (size_t size = 60; size < 260; size += 20) {
            char *object = flare__arena_alloc(&arena, size, align);

            ck_assert_ptr_nonnull(object);
            ck_assert(arena.at <= arena.end);
            memset(object, 1, size);
            flare__arena_fini(&arena); /* the next one needs a new chunk too */
        }
    }
    fault_fini(&f, "arena");
}
END_TEST

START_TEST(test_arena_bound_is_on_memory_and_exact)
{
    struct flare__arena arena;
    struct fault f;
    size_t taken = 0;

    fault_init(&f, FAULT_NEVER, 0);
    flare__arena_init(&arena, &f.al, 256, 5000);
    while (flare__arena_alloc(&arena, 10, 1) != NULL)
        taken += 10;
    ck_assert(arena.is_limited);
    ck_assert_uint_le(f.peak_bytes, 5000);
    ck_assert_uint_gt(taken, 4700); /* the last chunk is cut to fit */
    flare__arena_reset(&arena);
    ck_assert(!arena.is_limited);
    ck_assert_ptr_nonnull(flare__arena_alloc(&arena, 10, 1));
    flare__arena_fini(&arena);
    fault_fini(&f, "arena");
}
END_TEST

static const struct {
    const char *name;
    size_t size;
    size_t align;
} refused[] = {
    {"one byte over", 4096, 1},
    {"as large as memory", SIZE_MAX, 1},
    {"the padding overflows", SIZE_MAX - 16, 64},
    {"half of memory", SIZE_MAX / 2 + 1, 8},
};

START_TEST(test_arena_refuses_what_can_never_fit_without_asking)
{
    struct flare__arena arena;
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    flare__arena_init(&arena, &f.al, 256, 4096);
    ck_assert_msg(
        flare__arena_alloc(&arena, refused[_i].size, refused[_i].align) == NULL,
        "%s", refused[_i].name);
    ck_assert(arena.is_limited);
    ck_assert_uint_eq(f.allocs, 0);
    flare__arena_fini(&arena);
    fault_fini(&f, "arena");
}
END_TEST

START_TEST(test_arena_reset_keeps_one_chunk_and_uses_it_again)
{
    struct flare__arena arena;
    struct fault f;
    void *first;

    fault_init(&f, FAULT_NEVER, 0);
    flare__arena_init(&arena, &f.al, 256, 1 << 20);
    first = flare__arena_alloc(&arena, 100, 8);
    ck_assert_ptr_nonnull(flare__arena_alloc(&arena, 5000, 8));
    ck_assert_uint_eq(f.live_blocks, 2);
    flare__arena_reset(&arena);
    ck_assert_uint_eq(f.live_blocks, 1);
    ck_assert_uint_eq(f.live_bytes, 256);
    ck_assert_ptr_eq(flare__arena_alloc(&arena, 100, 8), first);
    ck_assert_uint_eq(f.allocs, 2);
    flare__arena_fini(&arena);
    ck_assert_uint_eq(f.live_blocks, 0);
    fault_fini(&f, "arena");
}
END_TEST

START_TEST(test_arena_reset_keeps_no_oversized_chunk)
{
    struct flare__arena arena;
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    flare__arena_init(&arena, &f.al, 256, 1 << 20);
    ck_assert_ptr_nonnull(flare__arena_alloc(&arena, 100000, 8));
    flare__arena_reset(&arena);
    ck_assert_uint_eq(f.live_blocks, 0);
    ck_assert_uint_eq(arena.bytes, 0);
    flare__arena_fini(&arena);
    fault_fini(&f, "arena");
}
END_TEST

START_TEST(test_arena_ended_can_be_used_again)
{
    struct flare__arena arena;
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    flare__arena_init(&arena, &f.al, 256, 4096);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(flare__arena_alloc(&arena, 1000, 8));
        flare__arena_fini(&arena);
    }
    fault_fini(&f, "arena");
}
END_TEST

START_TEST(test_arena_copy_is_terminated_and_may_hold_nul)
{
    struct flare__arena arena;
    struct fault f;
    char *copy;

    fault_init(&f, FAULT_NEVER, 0);
    flare__arena_init(&arena, &f.al, 256, 4096);
    copy = flare__arena_copy(&arena, FLARE_STR("a\0b"));
    ck_assert_int_eq(memcmp(copy, "a\0b", 4), 0);
    copy = flare__arena_copy(&arena, (struct flare_str){NULL, 0});
    ck_assert_str_eq(copy, "");
    ck_assert_ptr_null(
        flare__arena_copy(&arena, (struct flare_str){"", SIZE_MAX}));
    flare__arena_fini(&arena);
    fault_fini(&f, "arena");
}
END_TEST

/* Grows through several chunks, resets, and grows again. */
static int scenario_arena(struct fault *f, void *ctx)
{
    struct flare__arena arena;
    int rc = 0;

    (void)ctx;
    flare__arena_init(&arena, &f->al, 64, 1 << 16);
    for (int round = 0; round < 2 && rc == 0; round++) {
        for (size_t size = 1; size < 3000 && rc == 0; size *= 2)
            rc = flare__arena_alloc(&arena, size, 16) == NULL ? -ENOMEM : 0;
        if (rc == 0)
            flare__arena_reset(&arena);
    }
    if (rc < 0) {
        ck_assert(!arena.is_limited);
        fault_disarm(f);
        ck_assert_ptr_nonnull(flare__arena_alloc(&arena, 3000, 8));
    }
    flare__arena_fini(&arena);
    return rc;
}

START_TEST(test_arena_survives_every_allocation_failure)
{
    struct fault_report report = fault_each("arena", scenario_arena, NULL);

    ck_assert_uint_ge(report.sites, 6);
    ck_assert_uint_eq(report.runs, 2 * report.sites);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tc = tcase_create("arena");

    tcase_add_test(tc, test_arena_objects_are_aligned_and_apart);
    tcase_add_test(tc, test_arena_new_chunk_has_room_for_the_padding);
    tcase_add_test(tc, test_arena_bound_is_on_memory_and_exact);
    tcase_add_loop_test(tc,
                        test_arena_refuses_what_can_never_fit_without_asking, 0,
                        ROWS(refused));
    tcase_add_test(tc, test_arena_reset_keeps_one_chunk_and_uses_it_again);
    tcase_add_test(tc, test_arena_reset_keeps_no_oversized_chunk);
    tcase_add_test(tc, test_arena_ended_can_be_used_again);
    tcase_add_test(tc, test_arena_copy_is_terminated_and_may_hold_nul);
    tcase_add_test(tc, test_arena_survives_every_allocation_failure);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
