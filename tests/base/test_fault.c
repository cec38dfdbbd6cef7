/* SPDX-License-Identifier: MIT */
/* The torture driver itself: it finds what it is there to find. */
#include "tests/support/fault.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

START_TEST(test_fault_counts_live_and_peak)
{
    struct fault f;
    void *a;
    void *b;

    fault_init(&f, FAULT_NEVER, 0);
    a = flare__alloc(&f.al, 100);
    b = flare__alloc(&f.al, 50);
    ck_assert_uint_eq(f.live_blocks, 2);
    ck_assert_uint_eq(f.live_bytes, 150);
    flare__free(&f.al, a);
    b = flare__realloc(&f.al, b, 60);
    ck_assert_uint_eq(f.live_bytes, 60);
    ck_assert_uint_eq(f.peak_blocks, 2);
    ck_assert_uint_eq(f.peak_bytes, 150);
    flare__free(&f.al, b);
    fault_fini(&f, "count");
}
END_TEST

START_TEST(test_fault_fails_once_or_from_then_on)
{
    static const char *const want[] = {"1111", "1011", "1000"};
    char got[5] = "";
    struct fault f;

    fault_init(&f, (enum fault_mode)_i, 2);
    for (int i = 0; i < 4; i++)
        got[i] = fault_site(&f) ? '0' : '1';
    ck_assert_str_eq(got, want[_i]);
    ck_assert_uint_eq(f.sites, 4);
    fault_disarm(&f);
    ck_assert(!fault_site(&f));
    fault_fini(&f, "modes");
}
END_TEST

START_TEST(test_fault_remembers_many_blocks_in_any_order)
{
    enum { BLOCKS = 5000 };
    static void *blocks[BLOCKS];
    struct fault f;
    uint64_t seed = 1;

    fault_init(&f, FAULT_NEVER, 0);
    for (int step = 0; step < 100000; step++) {
        void **block;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        block = &blocks[(seed >> 33) % BLOCKS];
        if (*block == NULL) {
            *block = flare__alloc(&f.al, 1 + (seed >> 60));
        } else {
            flare__free(&f.al, *block);
            *block = NULL;
        }
    }
    for (int i = 0; i < BLOCKS; i++)
        flare__free(&f.al, blocks[i]);
    ck_assert_uint_eq(f.live_bytes, 0);
    fault_fini(&f, "many");
}
END_TEST

/* Two sites: an allocation, and a call that is made again when it fails. */
static int scenario_retry(struct fault *f, void *ctx)
{
    int *runs = ctx;
    void *block = flare__alloc(&f->al, 10);

    ++*runs;
    if (block == NULL)
        return -ENOMEM;
    if (fault_site(f) && fault_site(f)) {
        flare__free(&f->al, block);
        return -EIO;
    }
    flare__free(&f->al, block);
    return 0;
}

START_TEST(test_fault_each_walks_every_site_in_both_modes)
{
    int runs = 0;
    struct fault_report report = fault_each("retry", scenario_retry, &runs);

    ck_assert_uint_eq(report.sites, 2);
    ck_assert_uint_eq(report.runs, 4);
    ck_assert_uint_eq(report.recovered, 1); /* site 2, once */
    ck_assert_uint_eq(report.peak_bytes, 10);
    ck_assert_int_eq(runs, 1 + 3 + 3); /* each mode ends with a clean run */
}
END_TEST

/* Each of these must fail its test: run in a child of Check's, by fork. */

static int scenario_leaky(struct fault *f, void *ctx)
{
    void *a = flare__alloc(&f->al, 10);
    void *b;

    (void)ctx;
    if (a == NULL)
        return -ENOMEM;
    b = flare__alloc(&f->al, 20);
    if (b == NULL)
        return -ENOMEM; /* forgets a */
    flare__free(&f->al, b);
    flare__free(&f->al, a);
    return 0;
}

static int scenario_liar(struct fault *f, void *ctx)
{
    (void)ctx;
    return fault_site(f) ? -9999 : 0;
}

static int scenario_broken(struct fault *f, void *ctx)
{
    (void)ctx;
    (void)fault_site(f);
    return -EIO;
}

static const struct {
    const char *name;
    fault_scenario_fn scenario;
    const char *message;
} bad[] = {
    {"leak", scenario_leaky, "1 blocks, 10 bytes left (site 2 fails: once)"},
    {"no error code", scenario_liar, "-9999 is no error code"},
    {"fails by itself", scenario_broken, "EIO, though nothing failed"},
};

static int bad_row;

START_TEST(bad_scenario)
{
    fault_each(bad[bad_row].name, bad[bad_row].scenario, NULL);
}
END_TEST

START_TEST(test_fault_each_reports_a_bad_scenario)
{
    Suite *suite = suite_create("bad");
    TCase *tc = tcase_create("bad");
    SRunner *runner;
    TestResult **results;

    bad_row = _i;
    tcase_add_test(tc, bad_scenario);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_SILENT);
    ck_assert_int_eq(srunner_ntests_failed(runner), 1);
    results = srunner_failures(runner);
    ck_assert_msg(strstr(tr_msg(results[0]), bad[_i].message) != NULL, "%s: %s",
                  bad[_i].name, tr_msg(results[0]));
    free(results);
    srunner_free(runner);
}
END_TEST

START_TEST(test_fault_foreign_free_is_a_bug)
{
    struct fault f;
    char local[16];

    fault_init(&f, FAULT_NEVER, 0);
    flare__free(&f.al, local + 1);
}
END_TEST

START_TEST(test_fault_double_free_is_a_bug)
{
    struct fault f;
    void *block;

    fault_init(&f, FAULT_NEVER, 0);
    block = flare__alloc(&f.al, 3);
    flare__free(&f.al, block);
    flare__free(&f.al, block);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault");
    TCase *tc = tcase_create("fault");

    tcase_add_test(tc, test_fault_counts_live_and_peak);
    tcase_add_loop_test(tc, test_fault_fails_once_or_from_then_on, 0, 3);
    tcase_add_test(tc, test_fault_remembers_many_blocks_in_any_order);
    tcase_add_test(tc, test_fault_each_walks_every_site_in_both_modes);
    tcase_add_loop_test(tc, test_fault_each_reports_a_bad_scenario, 0,
                        ROWS(bad));
    tcase_add_test_raise_signal(tc, test_fault_foreign_free_is_a_bug, SIGABRT);
    tcase_add_test_raise_signal(tc, test_fault_double_free_is_a_bug, SIGABRT);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
