/* SPDX-License-Identifier: MIT */
/* Counts of a server: all of them, and as long as anybody holds them. */
#include "tls/counts.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>

START_TEST(test_counts_add_up_and_outlive_their_holder)
{
    struct flare__tls_counts *counts =
        flare__tls_counts_new(&flare__allocator_default);
    struct flare_tls_stats stats;

    ck_assert_ptr_eq(flare__tls_counts_ref(counts), counts);
    flare__tls_counts_unref(counts); /* the holder's */
    flare__tls_counts_opened(counts, false);
    flare__tls_counts_opened(counts, true);
    flare__tls_counts_failed(counts);
    for (int i = 0; i < 3; i++)
        flare__tls_counts_kernel(counts, /* is_sent = */ true);
    flare__tls_counts_kernel(counts, /* is_sent = */ false);
    flare__tls_counts_read(counts, &stats);
    ck_assert_uint_eq(stats.handshakes, 2);
    ck_assert_uint_eq(stats.resumed, 1);
    ck_assert_uint_eq(stats.failed, 1);
    ck_assert_uint_eq(stats.kernel_tx, 3);
    ck_assert_uint_eq(stats.kernel_rx, 1);
    flare__tls_counts_unref(counts);
}
END_TEST

/* A client's. */
START_TEST(test_counts_may_be_none)
{
    flare__tls_counts_opened(NULL, true);
    flare__tls_counts_failed(NULL);
    flare__tls_counts_kernel(NULL, true);
    flare__tls_counts_unref(NULL);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare__tls_counts *counts = flare__tls_counts_new(&f->al);

    (void)ctx;
    flare__tls_counts_unref(counts);
    return counts == NULL ? -ENOMEM : 0;
}

START_TEST(test_counts_without_memory)
{
    (void)fault_each("tls/counts", scenario, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/counts");
    TCase *tc = tcase_create("counts");

    tcase_add_test(tc, test_counts_add_up_and_outlive_their_holder);
    tcase_add_test(tc, test_counts_may_be_none);
    tcase_add_test(tc, test_counts_without_memory);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
