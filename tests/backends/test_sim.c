/* SPDX-License-Identifier: MIT */
/*
 * The simulated network by its runs: any seed gives the same one twice, every
 * byte comes back, every fault strikes.
 */
#include "tests/support/sim_echo.h"

#include <string.h>

enum { SEEDS = 400 };

/* The schedule of a seed or tape: its hash. */
static uint64_t echo_run(struct flare__sim *w,
                         const struct flare__sim_config *config,
                         struct flare__sim_counts *counts)
{
    struct asker askers[ECHO_CONNS];
    struct echo_loop loop;
    uint32_t count;
    uint64_t hash;

    flare__sim_reset(w, config);
    echo_loop_open(&loop, w, 1u << flare__sim_below(w, 5));
    echo_listen(&loop, w);
    count = 1 + flare__sim_below(w, ECHO_CONNS);
    askers_start(askers, count, w);
    while (!askers_done(askers, count)) {
        if (flare__sim_now(w) > (uint64_t)600000 * MS)
            flare__sim_fail(w, "it does not end");
        (void)echo_loop_turn(&loop, flare__sim_now(w) + 1000 * (uint64_t)MS);
    }
    for (uint32_t i = 0; i < count; i++)
        ck_assert_msg(!askers[i].is_broken || !config->is_calm,
                      "a calm world broke a connection");
    echo_loop_free(&loop);
    hash = flare__sim_hash(w);
    if (counts != NULL)
        flare__sim_count(w, counts);
    return hash;
}

START_TEST(test_a_calm_world_moves_every_byte)
{
    const struct flare__sim_config config = {.seed = 1, .is_calm = true};
    struct flare__sim *w = flare__sim_new(&config);
    struct flare__sim_counts counts = {0};

    (void)echo_run(w, &config, &counts);
    for (int i = 0; i < FLARE__SIM_FAULT_COUNT; i++)
        ck_assert_uint_eq(counts.faults[i], 0);
    flare__sim_free(w);
}
END_TEST

START_TEST(test_same_seed_same_run_and_every_fault_strikes)
{
    struct flare__sim_config config = {.seed = 0};
    struct flare__sim *w = flare__sim_new(&config);
    struct flare__sim_counts counts = {0};
    uint64_t last = 0;

    for (config.seed = 1; config.seed <= SEEDS; config.seed++) {
        uint64_t hash = echo_run(w, &config, &counts);

        ck_assert_uint_eq(hash, echo_run(w, &config, NULL));
        ck_assert_uint_ne(hash, last);
        last = hash;
    }
    for (int i = 0; i < FLARE__SIM_FAULT_COUNT; i++) {
        if (i == FLARE__SIM_WORKER_STALL || i == FLARE__SIM_WAKE_LATE)
            continue; /* one worker here, and nobody wakes it */
        ck_assert_msg(counts.faults[i] > 0, "%s never struck",
                      flare__sim_fault_name((enum flare__sim_fault)i));
    }
    printf("sim: %d seeds twice, %llu events, %.0f virtual s, last hash "
           "%016llx\n",
           SEEDS, (unsigned long long)counts.events,
           (double)counts.virtual_ns / 1e9, (unsigned long long)last);
    flare__sim_free(w);
}
END_TEST

/* A change of the simulation changes it; then the new value goes here. */
static const uint64_t hash_of_4711 = UINT64_C(0x004cc8742d960b65);

START_TEST(test_the_hash_of_a_seed_is_the_same_in_every_build)
{
    const struct flare__sim_config config = {.seed = 4711};
    struct flare__sim *w = flare__sim_new(&config);
    uint64_t hash = echo_run(w, &config, NULL);

    ck_assert_msg(hash == hash_of_4711, "it is %016llx",
                  (unsigned long long)hash);
    flare__sim_free(w);
}
END_TEST

START_TEST(test_an_empty_tape_is_a_calm_world)
{
    const struct flare__sim_config config = {.tape = (const uint8_t *)"",
                                             .tape_len = 0};
    struct flare__sim *w = flare__sim_new(&config);
    struct flare__sim_counts counts = {0};

    (void)echo_run(w, &config, &counts);
    for (int i = 0; i < FLARE__SIM_FAULT_COUNT; i++)
        ck_assert_uint_eq(counts.faults[i], 0);
    flare__sim_free(w);
}
END_TEST

START_TEST(test_a_tape_is_a_run)
{
    uint8_t tape[300];
    struct flare__sim_config config = {.tape = tape, .tape_len = sizeof(tape)};
    struct flare__sim *w = flare__sim_new(&config);
    uint32_t x = 1;

    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof(tape); i++) {
            x = x * 1664525 + 1013904223;
            tape[i] = (uint8_t)(x >> 24);
        }
        ck_assert_uint_eq(echo_run(w, &config, NULL),
                          echo_run(w, &config, NULL));
    }
    flare__sim_free(w);
}
END_TEST

/* Workers: several backends in one world, stepped. */

static uint64_t workers_run(struct flare__sim *w, uint64_t seed,
                            struct flare__sim_counts *counts)
{
    const struct flare__sim_config config = {.seed = seed, .is_stepped = true};
    struct echo_loop loops[3];
    struct asker askers[ECHO_CONNS];
    uint64_t hash;

    flare__sim_reset(w, &config);
    for (int i = 0; i < 3; i++) {
        echo_loop_open(&loops[i], w, 4);
        echo_listen(&loops[i], w);
    }
    askers_start(askers, ECHO_CONNS, w);
    while (!askers_done(askers, ECHO_CONNS)) {
        int which = flare__sim_next(w, UINT64_MAX);

        ck_assert_int_ne(which, FLARE__SIM_OVER);
        if (which < 0)
            continue;
        (void)echo_loop_turn(&loops[which], flare__sim_now(w) + 100 * MS);
        if (flare__sim_below(w, 8) == 0)
            loops[(which + 1) % 3].ops->wake(loops[(which + 1) % 3].b);
    }
    for (int i = 0; i < 3; i++)
        echo_loop_free(&loops[i]);
    hash = flare__sim_hash(w);
    if (counts != NULL)
        flare__sim_count(w, counts);
    return hash;
}

START_TEST(test_workers_of_one_world_are_deterministic)
{
    struct flare__sim *w =
        flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    struct flare__sim_counts counts = {0};

    for (uint64_t seed = 1; seed <= 100; seed++)
        ck_assert_uint_eq(workers_run(w, seed, &counts),
                          workers_run(w, seed, NULL));
    ck_assert_uint_gt(counts.faults[FLARE__SIM_WORKER_STALL], 0);
    ck_assert_uint_gt(counts.faults[FLARE__SIM_WAKE_LATE], 0);
    flare__sim_free(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *tc = tcase_create("runs");

    tcase_set_timeout(tc, 120); /* sanitizers on a busy machine */
    tcase_add_test(tc, test_a_calm_world_moves_every_byte);
    tcase_add_test(tc, test_same_seed_same_run_and_every_fault_strikes);
    tcase_add_test(tc, test_the_hash_of_a_seed_is_the_same_in_every_build);
    tcase_add_test(tc, test_an_empty_tape_is_a_calm_world);
    tcase_add_test(tc, test_a_tape_is_a_run);
    tcase_add_test(tc, test_workers_of_one_world_are_deterministic);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
