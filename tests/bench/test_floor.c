/* SPDX-License-Identifier: MIT */
/* What the bench's figures stand on: heads are counted right at every cut, the
 * answer's length is what it says, percentiles are as exact as promised. */
#include "bench/floor.h"
#include "bench/histogram.h"

#include "tests/support/test.h"

enum { WIRE_MAX = 400 };

/* Every four bytes CR LF CR LF, overlapping ones too, as the masks see it. */
static unsigned heads_naive(const char *wire, size_t len)
{
    unsigned heads = 0;

    for (size_t i = 3; i < len; i++)
        heads += memcmp(wire + i - 3, "\r\n\r\n", 4) == 0;
    return heads;
}

/* Counts wire[0, len) in pieces of at most `piece` bytes. */
static unsigned heads_in_pieces(const char *wire, size_t len, size_t piece)
{
    struct floor_cut cut = {0};
    unsigned heads = 0;

    for (size_t at = 0; at < len; at += piece) {
        /* 63 bytes more may be read, and must not count */
        uint8_t buffer[WIRE_MAX + 64];
        size_t n = len - at < piece ? len - at : piece;

        memset(buffer, '\n', sizeof(buffer));
        memcpy(buffer, wire + at, n);
        heads += floor_heads_count(&cut, buffer, (uint32_t)n);
    }
    return heads;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 16;
}

START_TEST(test_floor_heads_do_not_depend_on_the_cut)
{
    static const char letters[] = "\r\n\r\n\r\nx";
    uint32_t state = (uint32_t)_i + 1;
    char wire[WIRE_MAX];
    size_t len = next_random(&state) % WIRE_MAX;
    unsigned heads;

    for (size_t i = 0; i < len; i++)
        wire[i] = next_random(&state) % 3 == 0
                      ? letters[next_random(&state) % 7]
                      : letters[i % 4];
    heads = heads_naive(wire, len);
    for (size_t piece = 1; piece <= len; piece++) {
        unsigned counted = heads_in_pieces(wire, len, piece);

        ck_assert_msg(counted == heads, "seed %d, pieces of %zu: %u of %u", _i,
                      piece, counted, heads);
    }
}
END_TEST

START_TEST(test_answer_has_a_date_where_it_says)
{
    char answer[BENCH_ANSWER_BYTES + 1] = BENCH_ANSWER;

    bench_date_write(answer + BENCH_ANSWER_DATE_AT, 784111777);
    ck_assert_ptr_nonnull(
        strstr(answer, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    ck_assert_uint_eq(strlen(answer), strlen(BENCH_ANSWER));
    ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\nhello\n");
}
END_TEST

START_TEST(test_histogram_percentiles_are_right_to_one_in_64)
{
    static struct histogram h;

    for (uint64_t ns = 1; ns < UINT64_C(1) << 38; ns = ns * 9 / 8 + 1) {
        uint64_t found;

        histogram_clear(&h);
        histogram_add(&h, ns, 99);
        histogram_add(&h, ns * 3, 1);
        found = histogram_at(&h, 0.5);
        ck_assert_uint_eq(h.total, 100);
        ck_assert_msg(found + found / 64 >= ns && found <= ns + ns / 64,
                      "%lu for %lu", (unsigned long)found, (unsigned long)ns);
        ck_assert_uint_gt(histogram_at(&h, 0.99), ns * 2);
    }
    histogram_add(&h, UINT64_MAX, 1); /* off the scale: the last bucket */
    ck_assert_uint_gt(h.counts[HISTOGRAM_BUCKETS - 1], 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("floor");
    TCase *tc = tcase_create("floor");

    tcase_add_loop_test(tc, test_floor_heads_do_not_depend_on_the_cut, 0, 100);
    tcase_add_test(tc, test_answer_has_a_date_where_it_says);
    tcase_add_test(tc, test_histogram_percentiles_are_right_to_one_in_64);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
