/* SPDX-License-Identifier: MIT */
/*
 * The whole server in simulated worlds: FLARE_SIM_SEEDS of them (3000), from
 * FLARE_SIM_FIRST (1) on, each run twice.  FLARE_SIM_TRACE=1 with
 * FLARE_SIM_SEEDS=1 replays one seed with its trace on standard error.
 */
#include "tests/support/sim_run.h"

#include "tests/support/test.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { SEEDS = 3000, SEEDS_FOR_ALL_FAULTS = 1000 };

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_sums(const struct sim_run_sums *s)
{
    static const char *const excuses[] = {"none", "world", "calls", "full",
                                          "slow", "last",  "drain", "broken"};

    printf("sim: clients: %" PRIu64 " done, %" PRIu64 " cut, %" PRIu64
           " refused; %" PRIu64 " answers, %" PRIu64 " failed calls, %" PRIu64
           " drains in flight\n",
           s->clients_done, s->clients_cut, s->clients_refused, s->answers,
           s->failed_calls, s->drains_in_flight);
    printf("sim: why cut:");
    for (int i = 1; i < SIM_EXCUSES; i++)
        printf(" %s %" PRIu64, excuses[i], s->excuses[i]);
    printf("\n");
    printf("sim: world: %" PRIu64 " connections, %" PRIu64 " polls, %" PRIu64
           " events, %.0f virtual hours\n",
           s->world.conns, s->world.polls, s->world.events,
           (double)s->world.virtual_ns / 3.6e12);
    printf("sim: faults:");
    for (int i = 0; i < FLARE__SIM_FAULT_COUNT; i++)
        printf(" %s %" PRIu64, flare__sim_fault_name((enum flare__sim_fault)i),
               s->world.faults[i]);
    printf("\nsim: attackers:");
    for (int i = 0; i < SIM_HOSTILE_KINDS; i++)
        printf(" %s %" PRIu64, sim_hostile_name((enum sim_hostile_kind)i),
               s->hostile[i]);
    printf("\n");
}

/* Nothing that the schedules can do may never have happened. */
static void check_everything_happened(const struct sim_run_sums *s)
{
    for (int i = 0; i < FLARE__SIM_FAULT_COUNT; i++)
        ck_assert_msg(s->world.faults[i] > 0, "fault %s never struck",
                      flare__sim_fault_name((enum flare__sim_fault)i));
    for (int i = 0; i < SIM_HOSTILE_KINDS; i++)
        ck_assert_msg(s->hostile[i] > 0, "no %s ever came",
                      sim_hostile_name((enum sim_hostile_kind)i));
    for (int i = 0; i < SIM_REQUEST_KINDS; i++)
        ck_assert_msg(s->requests[i] > 0 || i == SIM_GET_BROKEN,
                      "request kind %d was never answered", i);
    ck_assert_uint_gt(s->excuses[SIM_EXCUSE_BROKEN], 0);
    ck_assert_uint_gt(s->failed_calls, 0);
    ck_assert_uint_gt(s->drains_in_flight, 0);
    ck_assert_uint_gt(s->clients_done, s->clients_cut);
}

START_TEST(test_every_schedule_keeps_every_invariant)
{
    uint64_t first = number_from("FLARE_SIM_FIRST", 1);
    uint64_t count = number_from("FLARE_SIM_SEEDS", SEEDS);
    struct sim_run_sums sums = {0}, again = {0};
    struct sim_run *r = sim_run_new();
    double start = seconds();
    uint64_t all = 0;

    if (getenv("FLARE_SIM_TRACE") != NULL)
        sim_run_trace(r, stderr);
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t hash = sim_run_once(r, seed, NULL, 0, &sums);

        if (hash != sim_run_once(r, seed, NULL, 0, &again))
            ck_abort_msg("seed %" PRIu64 " is not the same run twice", seed);
        all = (all ^ hash) * UINT64_C(0x9fb21c651e98df25);
    }
    start = seconds() - start;
    printf("sim: %" PRIu64 " seeds twice, hash %016" PRIx64
           ", %.0f schedules/s of CPU time\n",
           count, all, (double)count * 2 / start);
    print_sums(&sums);
    sim_run_free(r);
    if (count >= SEEDS_FOR_ALL_FAULTS)
        check_everything_happened(&sums);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim server");
    TCase *tc = tcase_create("schedules");

    tcase_set_timeout(tc, 1800);
    tcase_add_test(tc, test_every_schedule_keeps_every_invariant);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
