/* SPDX-License-Identifier: MIT */
/* The clocks tell the time, in the units that they say. */
#include "net/clock.h"

#include "tests/support/test.h"

#include <time.h>

START_TEST(test_clock_realtime_is_seconds_since_1970)
{
    time_t before = time(NULL);
    int64_t now = flare__clock_realtime();
    time_t after = time(NULL);

    /* time() may be up to a tick behind clock_gettime */
    ck_assert_int_ge(now, (int64_t)before);
    ck_assert_int_le(now, (int64_t)after + 1);
}
END_TEST

START_TEST(test_clock_monotonic_never_goes_back)
{
    uint64_t last = flare__clock_monotonic();

    for (int i = 0; i < 100000; i++) {
        uint64_t now = flare__clock_monotonic();

        if (now < last)
            ck_abort_msg("went back at reading %d", i);
        last = now;
    }
}
END_TEST

START_TEST(test_clock_monotonic_counts_nanoseconds)
{
    struct timespec before;
    struct timespec after;
    uint64_t now;

    clock_gettime(CLOCK_MONOTONIC, &before);
    now = flare__clock_monotonic();
    clock_gettime(CLOCK_MONOTONIC, &after);
    ck_assert_uint_ge(now / 1000000000, (uint64_t)before.tv_sec);
    ck_assert_uint_le(now / 1000000000, (uint64_t)after.tv_sec);
    if (before.tv_sec == after.tv_sec) {
        ck_assert_uint_ge(now % 1000000000, (uint64_t)before.tv_nsec);
        ck_assert_uint_le(now % 1000000000, (uint64_t)after.tv_nsec);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tc = tcase_create("clock");

    tcase_add_test(tc, test_clock_realtime_is_seconds_since_1970);
    tcase_add_test(tc, test_clock_monotonic_never_goes_back);
    tcase_add_test(tc, test_clock_monotonic_counts_nanoseconds);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
