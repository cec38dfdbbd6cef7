/* SPDX-License-Identifier: MIT */
/* The handle table, against a list of what should be there. */
#include "backends/handles.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

enum { MODEL_SOCKS = 500, MODEL_STEPS = 200000 };

START_TEST(test_a_handle_finds_its_socket_until_it_is_removed)
{
    struct flare__handles h;
    struct flare__sock a;
    struct flare__sock b;
    uint32_t index;
    uint32_t generation;

    flare__handles_init(&h, &flare__allocator_default, 0);
    ck_assert_ptr_null(flare__handles_get(&h, 0, 1));
    ck_assert_int_eq(flare__handles_add(&h, &a), 0);
    index = a.index;
    generation = a.generation;
    ck_assert_ptr_eq(flare__handles_get(&h, index, generation), &a);
    ck_assert_ptr_null(flare__handles_get(&h, index, generation + 1));
    ck_assert_ptr_null(flare__handles_get(&h, index + 1, generation));
    ck_assert_ptr_null(flare__handles_get(&h, UINT32_MAX, generation));

    flare__handles_remove(&h, &a);
    ck_assert_ptr_null(flare__handles_get(&h, index, generation));
    ck_assert_int_eq(flare__handles_add(&h, &b), 0);
    ck_assert_uint_eq(b.index, index); /* used again, for another */
    ck_assert_ptr_null(flare__handles_get(&h, index, generation));
    ck_assert_ptr_eq(flare__handles_get(&h, b.index, b.generation), &b);
    flare__handles_remove(&h, &b);
    flare__handles_fini(&h);
}
END_TEST

/* A removed socket's generation is 0, which no handle has. */
START_TEST(test_no_handle_is_all_zeros)
{
    struct flare__handles h;
    struct flare__sock sock;

    flare__handles_init(&h, &flare__allocator_default, 0);
    ck_assert_int_eq(flare__handles_add(&h, &sock), 0);
    ck_assert_uint_ne(sock.generation, 0);
    flare__handles_remove(&h, &sock);
    ck_assert_uint_eq(sock.generation, 0);
    ck_assert_ptr_null(flare__handles_get(&h, 0, 0));
    flare__handles_fini(&h);
}
END_TEST

START_TEST(test_generations_wrap_without_zero_after_2_to_the_24)
{
    const uint32_t wrap = UINT32_C(1) << FLARE__HANDLES_GENERATION_BITS;
    struct flare__handles h;
    struct flare__sock sock;

    flare__handles_init(&h, &flare__allocator_default, 0);
    for (uint32_t i = 1; i <= wrap + 2; i++) {
        int rc = flare__handles_add(&h, &sock);
        uint32_t expected = i < wrap ? i : i - wrap + 1;

        if (rc != 0 || sock.index != 0 || sock.generation != expected)
            ck_abort_msg("round %u: %d, generation %u", i, rc, sock.generation);
        flare__handles_remove(&h, &sock);
    }
    flare__handles_check(&h);
    flare__handles_fini(&h);
}
END_TEST

START_TEST(test_a_full_table_says_so_and_changes_nothing)
{
    struct flare__handles h;
    struct flare__sock socks[100];
    struct flare__sock more = {.index = 7, .generation = 9};

    flare__handles_init(&h, &flare__allocator_default, 100);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(flare__handles_add(&h, &socks[i]), 0);
    ck_assert_int_eq(flare__handles_add(&h, &more), -EMFILE);
    ck_assert_uint_eq(more.index, 7);
    ck_assert_uint_eq(more.generation, 9);
    flare__handles_check(&h);
    flare__handles_remove(&h, &socks[50]);
    ck_assert_int_eq(flare__handles_add(&h, &more), 0);
    socks[50] = more;
    for (int i = 0; i < 100; i++)
        flare__handles_remove(&h, i == 50 ? &more : &socks[i]);
    flare__handles_fini(&h);
}
END_TEST

START_TEST(test_without_memory_it_stays_as_it_was)
{
    struct flare__handles h;
    struct flare__sock socks[65];
    struct fault f;

    fault_init(&f, FAULT_FROM, 2); /* the second growth */
    flare__handles_init(&h, &f.al, 0);
    for (int i = 0; i < 64; i++)
        ck_assert_int_eq(flare__handles_add(&h, &socks[i]), 0);
    ck_assert_int_eq(flare__handles_add(&h, &socks[64]), -ENOMEM);
    flare__handles_check(&h);
    fault_disarm(&f);
    ck_assert_int_eq(flare__handles_add(&h, &socks[64]), 0);
    for (int i = 0; i < 65; i++)
        flare__handles_remove(&h, &socks[i]);
    flare__handles_fini(&h);
    fault_fini(&f, "handles");
}
END_TEST

START_TEST(test_a_socket_costs_at_most_16_bytes)
{
    enum { SOCKS = 20000 };
    static struct flare__sock socks[SOCKS];
    struct flare__handles h;

    flare__handles_init(&h, &flare__allocator_default, 0);
    for (uint32_t i = 0; i < SOCKS; i++) {
        ck_assert_int_eq(flare__handles_add(&h, &socks[i]), 0);
        if (i >= 64 && h.size * sizeof(*h.slots) > 16 * (size_t)(i + 1))
            ck_abort_msg("%u sockets, %u slots", i + 1, h.size);
    }
    for (uint32_t i = 0; i < SOCKS; i++)
        flare__handles_remove(&h, &socks[i]);
    flare__handles_fini(&h);
}
END_TEST

START_TEST(test_it_agrees_with_a_model_through_random_steps)
{
    static struct flare__sock socks[MODEL_SOCKS];
    static uint32_t old_index[MODEL_SOCKS];
    static uint32_t old_generation[MODEL_SOCKS];
    static bool is_in[MODEL_SOCKS];
    struct flare__handles h;
    uint32_t random = 1;

    flare__handles_init(&h, &flare__allocator_default, MODEL_SOCKS - 50);
    for (int step = 0; step < MODEL_STEPS; step++) {
        uint32_t i;

        random = random * 1664525 + 1013904223;
        i = (random >> 8) % MODEL_SOCKS;
        if (is_in[i]) {
            old_index[i] = socks[i].index;
            old_generation[i] = socks[i].generation;
            flare__handles_remove(&h, &socks[i]);
            is_in[i] = false;
        } else {
            is_in[i] = flare__handles_add(&h, &socks[i]) == 0;
        }
        i = (random >> 17) % MODEL_SOCKS;
        if (is_in[i] && flare__handles_get(&h, socks[i].index,
                                           socks[i].generation) != &socks[i])
            ck_abort_msg("step %d: socket %u is not found", step, i);
        if (old_generation[i] != 0 &&
            flare__handles_get(&h, old_index[i], old_generation[i]) != NULL)
            ck_abort_msg("step %d: a stale handle finds something", step);
        if (step % 1000 == 0)
            flare__handles_check(&h);
    }
    for (int i = 0; i < MODEL_SOCKS; i++)
        if (is_in[i])
            flare__handles_remove(&h, &socks[i]);
    flare__handles_fini(&h);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backends/handles");
    TCase *tc = tcase_create("handles");

    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, test_a_handle_finds_its_socket_until_it_is_removed);
    tcase_add_test(tc, test_no_handle_is_all_zeros);
    tcase_add_test(tc, test_generations_wrap_without_zero_after_2_to_the_24);
    tcase_add_test(tc, test_a_full_table_says_so_and_changes_nothing);
    tcase_add_test(tc, test_without_memory_it_stays_as_it_was);
    tcase_add_test(tc, test_a_socket_costs_at_most_16_bytes);
    tcase_add_test(tc, test_it_agrees_with_a_model_through_random_steps);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
