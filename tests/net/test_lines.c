/* SPDX-License-Identifier: MIT */
/* Lines reach their descriptor whole and in order, or are counted as lost. */
#include "net/lines.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { GIVERS = 4, EACH = 5000 };

static struct flare__lines lines; /* 64 KiB and more */

static void *give_many(void *arg)
{
    char text[32];

    for (int i = 0; i < EACH; i++) {
        int n = snprintf(text, sizeof(text), "%d %d%.*s\n", *(int *)arg, i,
                         i % 17, "xxxxxxxxxxxxxxxxx");

        while (!flare__lines_give(&lines, (struct flare_str){text, (size_t)n}))
            continue; /* the ring is small, the reader a file */
    }
    return NULL;
}

START_TEST(test_lines_of_many_threads_arrive_whole_and_in_their_order)
{
    FILE *f = tmpfile();
    pthread_t threads[GIVERS];
    int ids[GIVERS];
    int next[GIVERS] = {0};
    char line[64];
    int count = 0;

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(
        flare__lines_init(&lines, fileno(f), 4096, &flare__allocator_default),
        0);
    for (int i = 0; i < GIVERS; i++) {
        ids[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, give_many, &ids[i]),
                         0);
    }
    for (int i = 0; i < GIVERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    flare__lines_fini(&lines);
    rewind(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        char *rest;
        long id = strtol(line, &rest, 10);
        long n = strtol(rest, &rest, 10);

        ck_assert_int_lt(id, GIVERS);
        ck_assert_int_eq(n, next[id]++);
        ck_assert_uint_eq(strspn(rest, "x"), (size_t)n % 17);
        ck_assert_str_eq(rest + n % 17, "\n");
        count++;
    }
    ck_assert_int_eq(count, GIVERS * EACH);
    ck_assert_int_eq(fclose(f), 0);
}
END_TEST

/* M13 */
START_TEST(test_lines_a_reader_that_is_gone_kills_nobody)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(close(ends[0]), 0);
    ck_assert_int_eq(
        flare__lines_init(&lines, ends[1], 4096, &flare__allocator_default), 0);
    ck_assert(flare__lines_give(&lines, FLARE_STR("lost\n")));
    flare__lines_fini(&lines);
    ck_assert_uint_eq(atomic_load(&lines.dropped), 1);
    ck_assert_int_eq(close(ends[1]), 0);
}
END_TEST

/* M13 */
START_TEST(test_lines_a_reader_that_does_not_read_costs_lines_not_time)
{
    char text[256];
    int ends[2];
    uint64_t given = 0;

    memset(text, 'x', sizeof(text));
    text[255] = '\n';
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(
        flare__lines_init(&lines, ends[1], 4096, &flare__allocator_default), 0);
    for (int i = 0; i < 20000; i++)
        given +=
            flare__lines_give(&lines, (struct flare_str){text, sizeof(text)});
    ck_assert_uint_gt(atomic_load(&lines.dropped), 15000);
    flare__lines_fini(&lines);
    ck_assert_uint_ge(atomic_load(&lines.dropped), 20000 - given);
    ck_assert_int_eq(close(ends[0]), 0);
    ck_assert_int_eq(close(ends[1]), 0);
}
END_TEST

/* M13: every write to it is ENOSPC. */
START_TEST(test_lines_M13_a_full_disk_is_counted)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        TEST_SKIP("no /dev/full");
    ck_assert_int_eq(
        flare__lines_init(&lines, fd, 4096, &flare__allocator_default), 0);
    ck_assert(flare__lines_give(&lines, FLARE_STR("a\n")));
    ck_assert(flare__lines_give(&lines, FLARE_STR("b\n")));
    flare__lines_fini(&lines);
    ck_assert_uint_eq(atomic_load(&lines.dropped), 2);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_lines_one_that_never_fits_is_dropped)
{
    static char big[8192];

    ck_assert_int_eq(
        flare__lines_init(&lines, 1, 4096, &flare__allocator_default), 0);
    ck_assert(!flare__lines_give(&lines, (struct flare_str){big, 8192}));
    flare__lines_fini(&lines);
    ck_assert_uint_eq(atomic_load(&lines.dropped), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/lines");
    TCase *tc = tcase_create("lines");

    tcase_add_test(tc,
                   test_lines_of_many_threads_arrive_whole_and_in_their_order);
    tcase_add_test(tc, test_lines_a_reader_that_is_gone_kills_nobody);
    tcase_add_test(tc,
                   test_lines_a_reader_that_does_not_read_costs_lines_not_time);
    tcase_add_test(tc, test_lines_M13_a_full_disk_is_counted);
    tcase_add_test(tc, test_lines_one_that_never_fits_is_dropped);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
