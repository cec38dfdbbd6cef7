/* SPDX-License-Identifier: MIT */
/*
 * What every Check suite here starts with: a main that runs one suite, and
 * short names for building it.  CK_FORK=no and CK_RUN_CASE work as usual.
 */
#ifndef FLARE__TEST_H
#define FLARE__TEST_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Elements of an array, as Check's loop tests want them. */
#define ROWS(array) (int)(sizeof(array) / sizeof((array)[0]))

/* A skip is always printed, never silent. */
#define TEST_SKIP(...)                                                         \
    do {                                                                       \
        printf("SKIP %s: ", __func__);                                         \
        printf(__VA_ARGS__);                                                   \
        printf("\n");                                                          \
        return;                                                                \
    } while (0)

/* For a test that codes or undoes a body. */
#ifdef FLARE_HAVE_ZLIB
#define TEST_NEEDS_ZLIB() (void)0
#else
#define TEST_NEEDS_ZLIB() TEST_SKIP("built without zlib")
#endif

static inline int test_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
