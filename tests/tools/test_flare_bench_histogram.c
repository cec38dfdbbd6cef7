/* SPDX-License-Identifier: MIT */
/* Three significant digits, whatever the values: against sorted ones. */
#include "tools/bench/histogram.h"

#include "tests/support/test.h"

#include <math.h>
#include <string.h>

enum { VALUES = 20000 };

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct histogram *fresh(void)
{
    struct histogram *h = calloc(1, sizeof(*h));

    ck_assert_ptr_nonnull(h);
    return h;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* How values are spread. */
static uint64_t draw(int shape, int i)
{
    switch (shape) {
    case 0: /* evenly */
        return random_next() % 1000000;
    case 1: /* by orders of magnitude, from 1 ns to an hour */
        return random_next() >> (23 + random_next() % 40);
    case 2: /* two heaps far apart */
        return (i % 100 == 0 ? 900000000 : 20000) + random_next() % 1000;
    default: /* all the same */
        return 123456;
    }
}

START_TEST(test_quantiles_are_right_to_a_thousandth)
{
    static const double fractions[] = {0,   0.001, 0.1,   0.25,   0.5, 0.75,
                                       0.9, 0.99,  0.999, 0.9999, 1.0};
    static uint64_t sorted[VALUES];
    struct histogram *h = fresh();

    for (int i = 0; i < VALUES; i++) {
        sorted[i] = draw(_i, i);
        histogram_add(h, sorted[i]);
    }
    qsort(sorted, VALUES, sizeof(sorted[0]), compare);
    for (int i = 0; i < ROWS(fractions); i++) {
        double rank = ceil(fractions[i] * VALUES - 1e-6);
        uint64_t exact = sorted[rank < 1 ? 0 : (int)rank - 1];
        uint64_t said = histogram_at(h, fractions[i]);

        ck_assert_msg(said >= exact && said - exact <= exact / 1000 + 1,
                      "shape %d, %g: %llu is not %llu", _i, fractions[i],
                      (unsigned long long)said, (unsigned long long)exact);
    }
    free(h);
}
END_TEST

START_TEST(test_every_value_is_in_its_bucket)
{
    for (uint64_t value = 0; value < UINT64_C(1) << HISTOGRAM_VALUE_BITS;
         value += value / 700 + 1) {
        uint32_t index = histogram_index(value);

        ck_assert_uint_lt(index, HISTOGRAM_BUCKETS);
        ck_assert_uint_ge(histogram_value(index), value);
        ck_assert(index == 0 || histogram_value(index - 1) < value);
        ck_assert_uint_le(histogram_value(index) - value, value / 1000 + 1);
    }
}
END_TEST

START_TEST(test_a_value_beyond_all_is_the_longest)
{
    ck_assert_uint_eq(histogram_index(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
    ck_assert_uint_eq(histogram_value(HISTOGRAM_BUCKETS - 1),
                      (UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1);
}
END_TEST

START_TEST(test_facts_are_those_of_the_values)
{
    struct histogram *h = fresh();
    struct histogram_facts facts = histogram_facts(h);
    double sum = 0;
    double squares = 0;

    ck_assert_uint_eq(facts.total, 0);
    ck_assert_uint_eq(histogram_at(h, 0.5), 0);
    for (int i = 1; i <= 1000; i++) {
        histogram_add(h, (uint64_t)i * 1000);
        sum += i * 1000.0;
        squares += i * 1000.0 * i * 1000.0;
    }
    facts = histogram_facts(h);
    ck_assert_uint_eq(facts.total, 1000);
    ck_assert_uint_eq(facts.min, 1000);
    ck_assert_uint_ge(facts.max, 1000000);
    ck_assert_uint_le(facts.max, 1001000);
    ck_assert_double_eq_tol(facts.mean, sum / 1000, facts.mean / 1000);
    ck_assert_double_eq_tol(facts.stdev,
                            sqrt(squares / 1000 - sum / 1000 * (sum / 1000)),
                            facts.stdev / 1000);
    free(h);
}
END_TEST

/* As HdrHistogram's Java prints 1 ms to 10 ms, once each. */
START_TEST(test_hgrm_is_what_plotters_read)
{
    static const char wanted[] =
        "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
        "       1.000 0.000000000000          1           1.00\n"
        "       1.000 0.100000000000          1           1.11\n"
        "       2.001 0.200000000000          2           1.25\n"
        "       3.000 0.300000000000          3           1.43\n"
        "       4.002 0.400000000000          4           1.67\n"
        "       5.001 0.500000000000          5           2.00\n"
        "       6.001 0.550000000000          6           2.22\n"
        "       6.001 0.600000000000          6           2.50\n"
        "       7.000 0.650000000000          7           2.86\n"
        "       7.000 0.700000000000          7           3.33\n"
        "       8.004 0.750000000000          8           4.00\n"
        "       8.004 0.775000000000          8           4.44\n"
        "       8.004 0.800000000000          8           5.00\n"
        "       9.003 0.825000000000          9           5.71\n"
        "       9.003 0.850000000000          9           6.67\n"
        "       9.003 0.875000000000          9           8.00\n"
        "       9.003 0.887500000000          9           8.89\n"
        "       9.003 0.900000000000          9          10.00\n"
        "      10.002 0.912500000000         10          11.43\n"
        "      10.002 1.000000000000         10\n";
    struct histogram *h = fresh();
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);

    for (uint64_t ms = 1; ms <= 10; ms++)
        histogram_add(h, ms * 1000000);
    histogram_write_hgrm(h, file);
    fclose(file);
    ck_assert_msg(strncmp(text, wanted, strlen(wanted)) == 0, "%s", text);
    ck_assert_ptr_nonnull(strstr(
        text, "\n#[Max     =       10.002, Total count    =           10]\n"));
    free(text);
    free(h);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flare-bench histogram");
    TCase *tcase = tcase_create("histogram");

    tcase_add_loop_test(tcase, test_quantiles_are_right_to_a_thousandth, 0, 4);
    tcase_add_test(tcase, test_every_value_is_in_its_bucket);
    tcase_add_test(tcase, test_a_value_beyond_all_is_the_longest);
    tcase_add_test(tcase, test_facts_are_those_of_the_values);
    tcase_add_test(tcase, test_hgrm_is_what_plotters_read);
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}
