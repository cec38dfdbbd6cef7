/* SPDX-License-Identifier: MIT */
/* The output queue: order, bounds, ownership. */
#include "net/out.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

/* A queue and its pool over the counting allocator. */
struct bench {
    struct fault fault;
    struct flare__out_pool pool;
    struct flare__out out;
};

static void bench_init(struct bench *b)
{
    fault_init(&b->fault, FAULT_NEVER, 0);
    flare__out_pool_init(&b->pool, &b->fault.al);
    b->out = (struct flare__out){0};
}

static void bench_fini(struct bench *b)
{
    flare__out_clear(&b->out, &b->pool);
    flare__out_pool_fini(&b->pool);
    fault_fini(&b->fault, "out");
}

static void put(struct bench *b, const char *text, uint32_t len)
{
    char *room = flare__out_reserve(&b->out, &b->pool, len);

    ck_assert_ptr_nonnull(room);
    memcpy(room, text, len);
    flare__out_commit(&b->out, len);
}

/* Takes one send, as the kernel would, behind `*got`. */
static uint32_t take(struct bench *b, char *got, size_t *len)
{
    struct iovec one;
    const struct iovec *iov;
    uint32_t count = flare__out_next(&b->out, &b->pool, &one, &iov);

    for (uint32_t i = 0; i < count; i++) {
        memcpy(got + *len, iov[i].iov_base, iov[i].iov_len);
        *len += iov[i].iov_len;
    }
    flare__out_sent(&b->out, &b->pool);
    return count;
}

START_TEST(test_out_answers_of_a_turn_leave_in_one_buffer)
{
    struct bench b;
    struct iovec one;
    const struct iovec *iov;

    bench_init(&b);
    for (int i = 0; i < 16; i++)
        put(&b, "0123456789", 10);
    ck_assert_uint_eq(flare__out_next(&b.out, &b.pool, &one, &iov), 1);
    ck_assert_uint_eq(iov[0].iov_len, 160);
    flare__out_sent(&b.out, &b.pool);
    ck_assert_uint_eq(b.out.bytes, 0);
    ck_assert_ptr_null(b.out.head);
    bench_fini(&b);
}
END_TEST

START_TEST(test_out_bytes_written_during_a_send_are_sent_after_it)
{
    struct bench b;
    struct iovec one;
    const struct iovec *iov;
    char got[64];
    size_t len = 0;

    bench_init(&b);
    put(&b, "first", 5);
    ck_assert_uint_eq(flare__out_next(&b.out, &b.pool, &one, &iov), 1);
    put(&b, "second", 6);
    ck_assert_uint_eq(iov[0].iov_len, 5);
    flare__out_sent(&b.out, &b.pool);
    ck_assert_uint_eq(b.out.bytes, 6);
    ck_assert_uint_eq(take(&b, got, &len), 1);
    ck_assert(len == 6 && memcmp(got, "second", 6) == 0);
    bench_fini(&b);
}
END_TEST

START_TEST(test_out_order_survives_chunks_and_borrowed_bodies)
{
    static char big[10000];
    struct bench b;
    char *got = malloc(100000);
    char *want = malloc(100000);
    size_t got_len = 0;
    size_t want_len = 0;

    ck_assert(got != NULL && want != NULL);
    bench_init(&b);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)('a' + i % 26);
    for (uint32_t size = 1; size < 5000; size += 613) {
        struct flare__out_chunk *c = flare__out_borrow(
            &b.pool, (struct flare_str){big, size * 2}, NULL, NULL);

        ck_assert_ptr_nonnull(c);
        put(&b, big + size, size);
        flare__out_append(&b.out, c);
        memcpy(want + want_len, big + size, size);
        memcpy(want + want_len + size, big, size * 2);
        want_len += size * 3;
    }
    ck_assert_uint_eq(b.out.bytes, want_len);
    while (take(&b, got, &got_len) != 0)
        ;
    ck_assert_uint_eq(got_len, want_len);
    ck_assert(memcmp(got, want, want_len) == 0);
    bench_fini(&b);
    free(got);
    free(want);
}
END_TEST

START_TEST(test_out_a_send_is_bounded_in_bytes_and_buffers)
{
    static char huge[FLARE__OUT_SEND_MAX * 2 + 100];
    struct bench b;
    struct iovec one;
    const struct iovec *iov;

    bench_init(&b);
    flare__out_append(&b.out,
                      flare__out_borrow(&b.pool,
                                        (struct flare_str){huge, sizeof(huge)},
                                        NULL, NULL));
    for (int left = (int)sizeof(huge); left > 0;) {
        ck_assert_uint_eq(flare__out_next(&b.out, &b.pool, &one, &iov), 1);
        ck_assert_uint_le(b.out.in_flight, FLARE__OUT_SEND_MAX);
        left -= (int)b.out.in_flight;
        flare__out_sent(&b.out, &b.pool);
    }
    for (int i = 0; i < FLARE__OUT_IOV_MAX + 5; i++)
        flare__out_append(
            &b.out, flare__out_borrow(&b.pool, FLARE_STR("x"), NULL, NULL));
    ck_assert_uint_eq(flare__out_next(&b.out, &b.pool, &one, &iov),
                      FLARE__OUT_IOV_MAX);
    flare__out_sent(&b.out, &b.pool);
    ck_assert_uint_eq(b.out.bytes, 5);
    bench_fini(&b);
}
END_TEST

static int freed;

static void count_free(void *ctx, void *block)
{
    (void)block;
    freed += *(int *)ctx;
}

START_TEST(test_out_a_body_is_given_back_once_sent_or_dropped)
{
    struct bench b;
    char got[16];
    size_t len = 0;
    int one = 1;
    int ten = 10;
    int hundred = 100;

    bench_init(&b);
    freed = 0;
    flare__out_append(&b.out, flare__out_borrow(&b.pool, FLARE_STR("sent"),
                                                count_free, &one));
    ck_assert_uint_eq(take(&b, got, &len), 1);
    ck_assert_int_eq(freed, 1);
    flare__out_append(&b.out, flare__out_borrow(&b.pool, FLARE_STR("dropped"),
                                                count_free, &ten));
    flare__out_clear(&b.out, &b.pool);
    ck_assert_int_eq(freed, 11);
    flare__out_forget(&b.pool, flare__out_borrow(&b.pool, FLARE_STR("kept"),
                                                 count_free, &hundred));
    ck_assert_int_eq(freed, 11);
    bench_fini(&b);
}
END_TEST

START_TEST(test_out_the_pool_is_bounded)
{
    struct bench b;

    bench_init(&b);
    for (int i = 0; i < FLARE__OUT_POOL_MAX + 100; i++)
        (void)put(&b, "x", 1), b.out.tail->len = b.out.tail->cap;
    flare__out_clear(&b.out, &b.pool);
    ck_assert_uint_eq(b.pool.free_count, FLARE__OUT_POOL_MAX);
    bench_fini(&b);
}
END_TEST

static int scenario_out(struct fault *f, void *ctx)
{
    struct flare__out_pool pool;
    struct flare__out out = {0};
    struct flare__out_chunk *body;
    struct iovec one;
    const struct iovec *iov;
    int rc = 0;

    (void)ctx;
    flare__out_pool_init(&pool, &f->al);
    body = flare__out_borrow(&pool, FLARE_STR("body"), NULL, NULL);
    if (body == NULL || flare__out_reserve(&out, &pool, 100) == NULL)
        rc = -ENOMEM;
    else
        flare__out_commit(&out, 100);
    if (body != NULL)
        flare__out_append(&out, body);
    /* without memory for a vector, one buffer at a time goes out */
    while (flare__out_next(&out, &pool, &one, &iov) > 0)
        flare__out_sent(&out, &pool);
    flare__out_clear(&out, &pool);
    flare__out_pool_fini(&pool);
    return rc;
}

START_TEST(test_out_survives_every_allocation_failure)
{
    struct fault_report r = fault_each("out", scenario_out, NULL);

    ck_assert_uint_ge(r.sites, 3);
    ck_assert_uint_ge(r.recovered, 1);
}
END_TEST

/* ---- copies ---- */

START_TEST(test_out_a_copy_fills_chunk_after_chunk_however_it_is_cut)
{
    static char text[30000], got[30000];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7 + i / 251);
    for (size_t piece = 1; piece < sizeof(text); piece = piece * 3 + 1) {
        struct bench b;
        size_t len = 0;

        bench_init(&b);
        for (size_t at = 0; at < sizeof(text); at += piece) {
            size_t n = sizeof(text) - at < piece ? sizeof(text) - at : piece;

            ck_assert_int_eq(flare__out_copy(&b.out, &b.pool,
                                             (struct flare_str){text + at, n}),
                             0);
        }
        ck_assert_uint_eq(b.out.bytes, sizeof(text));
        /* no more chunks than it takes */
        ck_assert_uint_le(b.fault.live_blocks, sizeof(text) / 4000 + 1);
        while (take(&b, got, &len) > 0)
            ;
        ck_assert_uint_eq(len, sizeof(text));
        ck_assert_mem_eq(got, text, sizeof(text));
        bench_fini(&b);
    }
}
END_TEST

START_TEST(test_out_a_copy_without_memory_takes_nothing)
{
    static char text[20000], got[40000];

    for (uint64_t at = 1; at <= 6; at++) {
        struct bench b;
        size_t len = 0;
        int rc;

        bench_init(&b);
        put(&b, "before", 6);
        b.fault.mode = FAULT_ONCE;
        b.fault.at = b.fault.sites + at;
        rc = flare__out_copy_two(
            &b.out, &b.pool, (struct flare_str){text, 5000},
            (struct flare_str){text + 5000, sizeof(text) - 5000});
        ck_assert_int_eq(rc, at <= 4 ? -ENOMEM : 0);
        ck_assert_uint_eq(b.out.bytes, rc < 0 ? 6 : 6 + sizeof(text));
        b.fault.mode = FAULT_NEVER;
        ck_assert_int_eq(flare__out_copy(&b.out, &b.pool, FLARE_STR("after")),
                         0);
        while (take(&b, got, &len) > 0)
            ;
        ck_assert_uint_eq(len, 6 + (rc < 0 ? 0 : sizeof(text)) + 5);
        ck_assert_mem_eq(got, "before", 6);
        ck_assert_mem_eq(got + len - 5, "after", 5);
        bench_fini(&b);
    }
}
END_TEST

START_TEST(test_out_two_are_copied_one_behind_the_other)
{
    struct bench b;
    char got[16];
    size_t len = 0;

    bench_init(&b);
    ck_assert_int_eq(flare__out_copy_two(&b.out, &b.pool, FLARE_STR("head"),
                                         FLARE_STR("body")),
                     0);
    ck_assert_int_eq(
        flare__out_copy_two(&b.out, &b.pool, FLARE_STR("head"), FLARE_STR("")),
        0);
    ck_assert_uint_eq(b.fault.live_blocks, 1);
    while (take(&b, got, &len) > 0)
        ;
    ck_assert_uint_eq(len, 12);
    ck_assert_mem_eq(got, "headbodyhead", 12);
    bench_fini(&b);
}
END_TEST

/* Sends one message of so many bytes. */
static void pass(struct bench *b, uint32_t bytes)
{
    static char text[FLARE__OUT_PIECE_MAX + 1], got[FLARE__OUT_PIECE_MAX + 1];
    size_t len = 0;

    text[bytes - 1] = (char)bytes;
    put(b, text, bytes);
    ck_assert_uint_eq(take(b, got, &len), 1);
    ck_assert_uint_eq(len, bytes);
    ck_assert_mem_eq(got, text, bytes);
}

START_TEST(test_out_a_long_piece_is_used_again_if_it_fits)
{
    struct bench b;
    uint64_t sites;

    bench_init(&b);
    pass(&b, 20000);
    ck_assert_uint_eq(b.pool.piece_bytes, 20000);
    sites = b.fault.sites;
    pass(&b, 20000);
    pass(&b, 10000); /* half of it is enough */
    ck_assert_uint_eq(b.fault.sites, sites);
    pass(&b, 9999); /* another, in its place */
    ck_assert_uint_eq(b.fault.sites, sites + 1);
    ck_assert_uint_eq(b.pool.piece_bytes, 9999);
    pass(&b, 20001);
    ck_assert_uint_eq(b.pool.piece_bytes, 20001);
    ck_assert_uint_eq(b.fault.live_blocks, 1);
    bench_fini(&b);
}
END_TEST

START_TEST(test_out_no_more_long_pieces_are_kept_than_the_pool_may)
{
    struct bench b;
    char *got = malloc(200000);
    size_t len = 0;

    ck_assert_ptr_nonnull(got);
    bench_init(&b);
    pass(&b, FLARE__OUT_PIECE_MAX + 1);
    ck_assert_uint_eq(b.fault.live_blocks, 0);
    flare__out_pool_keep(&b.pool, 10); /* of 4 KiB, nearly */
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(flare__out_reserve(&b.out, &b.pool, 16000));
        memset(flare__out_reserve(&b.out, &b.pool, 16000), 'x', 16000);
        flare__out_commit(&b.out, 16000);
    }
    while (take(&b, got, &len) > 0)
        ;
    ck_assert_uint_eq(len, 48000);
    ck_assert_uint_eq(b.pool.piece_bytes, 32000);
    flare__out_pool_keep(&b.pool, 5);
    ck_assert_uint_eq(b.pool.piece_bytes, 16000);
    flare__out_pool_keep(&b.pool, 0);
    ck_assert_uint_eq(b.pool.piece_bytes, 0);
    ck_assert_uint_eq(b.fault.live_blocks, 0);
    free(got);
    bench_fini(&b);
}
END_TEST

START_TEST(test_out_a_copy_never_writes_behind_a_borrowed_body)
{
    struct bench b;
    char got[16];
    size_t len = 0;

    bench_init(&b);
    flare__out_append(
        &b.out, flare__out_borrow(&b.pool, FLARE_STR("lent"), NULL, NULL));
    ck_assert_int_eq(flare__out_copy(&b.out, &b.pool, FLARE_STR("copied")), 0);
    ck_assert_int_eq(flare__out_copy(&b.out, &b.pool, FLARE_STR("")), 0);
    while (take(&b, got, &len) > 0)
        ;
    ck_assert_uint_eq(len, 10);
    ck_assert_mem_eq(got, "lentcopied", 10);
    bench_fini(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/out");
    TCase *t = tcase_create("out");

    tcase_add_test(t, test_out_answers_of_a_turn_leave_in_one_buffer);
    tcase_add_test(t, test_out_bytes_written_during_a_send_are_sent_after_it);
    tcase_add_test(t, test_out_order_survives_chunks_and_borrowed_bodies);
    tcase_add_test(t, test_out_a_send_is_bounded_in_bytes_and_buffers);
    tcase_add_test(t, test_out_a_body_is_given_back_once_sent_or_dropped);
    tcase_add_test(t, test_out_the_pool_is_bounded);
    tcase_add_test(t, test_out_survives_every_allocation_failure);
    tcase_add_test(t,
                   test_out_a_copy_fills_chunk_after_chunk_however_it_is_cut);
    tcase_add_test(t, test_out_a_copy_without_memory_takes_nothing);
    tcase_add_test(t, test_out_two_are_copied_one_behind_the_other);
    tcase_add_test(t, test_out_a_long_piece_is_used_again_if_it_fits);
    tcase_add_test(t, test_out_no_more_long_pieces_are_kept_than_the_pool_may);
    tcase_add_test(t, test_out_a_copy_never_writes_behind_a_borrowed_body);
    suite_add_tcase(s, t);
    return test_run(s);
}
