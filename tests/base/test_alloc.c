/* SPDX-License-Identifier: MIT */
/* The allocator hook: what reaches it, and what never does. */
#include "base/alloc.h"

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <signal.h>
#include <string.h>

START_TEST(test_alloc_empty_hook_means_malloc)
{
    const struct flare_allocator none = {0};
    char *block = flare__alloc(&none, 5);

    ck_assert_ptr_nonnull(block);
    block = flare__realloc(&none, block, 50);
    ck_assert_ptr_nonnull(block);
    memset(block, 1, 50);
    flare__free(&none, block);
}
END_TEST

START_TEST(test_alloc_calloc_clears_whatever_the_hook_gives)
{
    struct fault f;
    unsigned char *block;

    fault_init(&f, FAULT_NEVER, 0); /* fills with 0xa5 */
    block = flare__calloc(&f.al, 25, 4);
    for (size_t i = 0; i < 100; i++)
        ck_assert_uint_eq(block[i], 0);
    flare__free(&f.al, block);
    fault_fini(&f, "calloc");
}
END_TEST

START_TEST(test_alloc_calloc_refuses_an_overflow_unseen_by_the_hook)
{
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    ck_assert_ptr_null(flare__calloc(&f.al, SIZE_MAX / 2, 3));
    ck_assert_uint_eq(f.sites, 0);
    fault_fini(&f, "overflow");
}
END_TEST

START_TEST(test_alloc_realloc_of_null_allocates)
{
    struct fault f;
    void *block;

    fault_init(&f, FAULT_NEVER, 0);
    block = flare__realloc(&f.al, NULL, 7);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(f.live_bytes, 7);
    flare__free(&f.al, block);
    fault_fini(&f, "realloc");
}
END_TEST

START_TEST(test_alloc_failed_realloc_leaves_the_block)
{
    struct fault f;
    char *block;

    fault_init(&f, FAULT_ONCE, 2);
    block = flare__alloc(&f.al, 4);
    memcpy(block, "abc", 4);
    ck_assert_ptr_null(flare__realloc(&f.al, block, 4000));
    ck_assert_str_eq(block, "abc");
    block = flare__realloc(&f.al, block, 4000);
    ck_assert_str_eq(block, "abc");
    flare__free(&f.al, block);
    fault_fini(&f, "realloc");
}
END_TEST

START_TEST(test_alloc_free_of_null_is_nothing)
{
    flare__free(&flare__allocator_default, NULL);
}
END_TEST

START_TEST(test_alloc_of_nothing_is_a_bug)
{
    (void)flare__alloc(&flare__allocator_default, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alloc");
    TCase *tc = tcase_create("alloc");

    tcase_add_test(tc, test_alloc_empty_hook_means_malloc);
    tcase_add_test(tc, test_alloc_calloc_clears_whatever_the_hook_gives);
    tcase_add_test(tc,
                   test_alloc_calloc_refuses_an_overflow_unseen_by_the_hook);
    tcase_add_test(tc, test_alloc_realloc_of_null_allocates);
    tcase_add_test(tc, test_alloc_failed_realloc_leaves_the_block);
    tcase_add_test(tc, test_alloc_free_of_null_is_nothing);
    tcase_add_test_raise_signal(tc, test_alloc_of_nothing_is_a_bug, SIGABRT);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
