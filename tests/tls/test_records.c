/* SPDX-License-Identifier: MIT */
/* Streams of records, cut anywhere: what is missing, and the last nonce. */
#include "tls/records.h"

#include "tests/support/test.h"

#include <string.h>

/* A stream of records with bodies of these lengths, 0xff ends the list. */
static const struct {
    const char *name;
    int bodies[6];
} rows[] = {
    {"none", {-1}},
    {"one", {40, -1}},
    {"an empty one", {0, 3, -1}},
    {"several", {1, 2, 300, 9, -1}},
    {"shorter than a nonce", {20, 4, -1}},
    {"as long as can be", {16384 + 256, 5, -1}},
};

struct stream {
    char bytes[20000];
    size_t len;
    size_t ends[6]; /* where each record ends */
    int count;
};

static void stream_make(struct stream *s, const int *bodies)
{
    memset(s, 0, sizeof(*s));
    for (int i = 0; bodies[i] >= 0; i++) {
        char *at = s->bytes + s->len;

        at[0] = 23;
        at[1] = at[2] = 3;
        at[3] = (char)(bodies[i] >> 8);
        at[4] = (char)bodies[i];
        for (int j = 0; j < bodies[i]; j++)
            at[5 + j] = (char)(i * 16 + j + 1);
        s->len += 5 + (size_t)bodies[i];
        s->ends[s->count++] = s->len;
    }
}

/* By the list, and not by counting. */
static size_t missing_at(const struct stream *s, size_t at)
{
    size_t begin = 0;

    for (int i = 0; i < s->count; begin = s->ends[i++]) {
        if (at == begin)
            return 0;
        if (at < begin + 5)
            return begin + 5 - at;
        if (at < s->ends[i])
            return s->ends[i] - at;
    }
    return 0;
}

START_TEST(test_records_know_where_a_stream_stands)
{
    static struct stream s;
    size_t step;

    stream_make(&s, rows[_i].bodies);
    step = s.len > 1000 ? 7 : 1;
    for (size_t cut = 0; cut <= s.len; cut += step) {
        struct flare__tls_records r = {0};

        flare__tls_records_feed(&r, s.bytes, cut);
        ck_assert_msg(flare__tls_records_missing(&r) == missing_at(&s, cut),
                      "%s, at %zu: %u are missing", rows[_i].name, cut,
                      flare__tls_records_missing(&r));
        flare__tls_records_feed(&r, s.bytes + cut, s.len - cut);
        ck_assert_uint_eq(flare__tls_records_missing(&r), 0);
    }
}
END_TEST

START_TEST(test_records_keep_the_front_of_the_last_body)
{
    static const int bodies[] = {30, 12, -1};
    static struct stream s;

    stream_make(&s, bodies);
    for (size_t piece = 1; piece <= s.len; piece++) {
        struct flare__tls_records r = {0};

        for (size_t at = 0; at < s.len; at += piece)
            flare__tls_records_feed(&r, s.bytes + at,
                                    piece < s.len - at ? piece : s.len - at);
        ck_assert_mem_eq(r.nonce, s.bytes + 35 + 5, sizeof(r.nonce));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/records");
    TCase *tc = tcase_create("records");

    tcase_add_loop_test(tc, test_records_know_where_a_stream_stands, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_records_keep_the_front_of_the_last_body);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
