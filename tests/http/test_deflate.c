/* SPDX-License-Identifier: MIT */
/* The encoder: what it writes, zlib itself reads, however it was fed. */
#include "http/deflate.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/noise.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#ifdef FLARE_HAVE_ZLIB

#include <zlib.h>

static const struct flare_allocator *const al = &flare__allocator_default;

/* Decodes one whole stream with zlib; the test fails if it is none. */
static void read_back(enum flare__wrap wrap, struct flare_str coded,
                      struct flare_str want)
{
    static const int windows[] = {15 + 16, 15, -15};
    char *out = malloc(want.len + 64);
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)coded.ptr,
                  .avail_in = (unsigned)coded.len,
                  .next_out = (unsigned char *)out,
                  .avail_out = (unsigned)want.len + 64};

    ck_assert_int_eq(inflateInit2(&z, windows[wrap]), Z_OK);
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(z.avail_in, 0);
    ck_assert_uint_eq(z.total_out, want.len);
    ck_assert(memcmp(out, want.ptr, want.len) == 0);
    ck_assert_int_eq(inflateEnd(&z), Z_OK);
    free(out);
}

static const struct {
    enum noise noise;
    size_t len;
} bodies[] = {{NOISE_TEXT, 0},    {NOISE_TEXT, 1},
              {NOISE_TEXT, 100},  {NOISE_TEXT, 100000},
              {NOISE_RANDOM, 65}, {NOISE_RANDOM, 100000},
              {NOISE_ZEROS, 1},   {NOISE_ZEROS, 1000000}};

START_TEST(test_deflate_once_is_read_back_by_zlib)
{
    struct flare_str in = {NULL, bodies[_i].len}, out;
    char *body = malloc(in.len + 1);

    noise_fill(body, in.len, bodies[_i].noise, 1);
    in.ptr = body;
    for (int wrap = FLARE__WRAP_GZIP; wrap <= FLARE__WRAP_RAW; wrap++) {
        for (int level = 1; level <= 9; level += 4) {
            ck_assert_int_eq(flare__deflate_once(al, (enum flare__wrap)wrap,
                                                 level, in, &out),
                             0);
            read_back((enum flare__wrap)wrap, out, in);
            flare__free(al, (void *)(uintptr_t)out.ptr);
        }
    }
    free(body);
}
END_TEST

/* Feeds `in` in pieces, with rooms of `room`; what comes is appended. */
static void feed(struct flare__deflate *d, struct flare_str in,
                 enum flare__flush flush, int room, char *out, size_t *len)
{
    int n;

    do {
        n = flare__deflate_feed(d, &in, flush, out + *len, room);
        ck_assert_int_ge(n, 0);
        *len += (size_t)n;
    } while (n == room);
    ck_assert_uint_eq(in.len, 0);
}

START_TEST(test_deflate_pieces_and_rooms_do_not_matter)
{
    enum { LEN = 3000 };
    char body[LEN], out[2 * LEN + 4096];
    struct flare__deflate *d;

    noise_fill(body, LEN, _i % 2 == 0 ? NOISE_TEXT : NOISE_RANDOM, 2);
    ck_assert_int_eq(flare__deflate_new(&d, al, FLARE__WRAP_GZIP, 4), 0);
    for (size_t piece = 1; piece <= LEN; piece += piece / 3 + 1) {
        for (int room = FLARE__DEFLATE_ROOM_MIN; room < 1000; room *= 3) {
            struct flare_str coded = {out, 0};

            for (size_t at = 0; at < LEN; at += piece) {
                struct flare_str part = {body + at,
                                         LEN - at < piece ? LEN - at : piece};

                feed(d, part, FLARE__FLUSH_NONE, room, out, &coded.len);
            }
            feed(d, (struct flare_str){body, 0}, FLARE__FLUSH_FINISH, room, out,
                 &coded.len);
            read_back(FLARE__WRAP_GZIP, coded, (struct flare_str){body, LEN});
            flare__deflate_reset(d);
        }
    }
    flare__deflate_free(d);
}
END_TEST

/* What an event stream needs: each message leaves at once. */
START_TEST(test_deflate_sync_lets_all_be_decoded)
{
    enum { LEN = 2000, STEP = 37 };
    char body[LEN], coded[LEN * 4], back[LEN];
    size_t len = 0;
    z_stream z = {.next_in = (unsigned char *)coded,
                  .next_out = (unsigned char *)back,
                  .avail_out = LEN};
    struct flare__deflate *d;

    noise_fill(body, LEN, NOISE_TEXT, 3);
    ck_assert_int_eq(inflateInit2(&z, 15), Z_OK);
    ck_assert_int_eq(flare__deflate_new(&d, al, FLARE__WRAP_ZLIB, 1), 0);
    for (size_t at = 0; at + STEP <= LEN; at += STEP) {
        size_t before = len;

        feed(d, (struct flare_str){body + at, STEP}, FLARE__FLUSH_SYNC, 64,
             coded, &len);
        ck_assert(memcmp(coded + len - 4, "\0\0\xFF\xFF", 4) == 0);
        z.avail_in = (unsigned)(len - before);
        ck_assert_int_eq(inflate(&z, Z_SYNC_FLUSH), Z_OK);
        ck_assert_uint_eq(z.total_out, at + STEP);
        before = len;
        feed(d, (struct flare_str){body, 0}, FLARE__FLUSH_SYNC, 64, coded,
             &len);
        ck_assert_uint_eq(len, before); /* nothing new, nothing said */
    }
    ck_assert(memcmp(back, body, z.total_out) == 0);
    ck_assert_int_eq(inflateEnd(&z), Z_OK);
    flare__deflate_free(d);
}
END_TEST

START_TEST(test_deflate_takes_nothing_behind_its_end)
{
    struct flare_str in = FLARE_STR("x");
    struct flare__deflate *d;
    char out[64];

    ck_assert_int_eq(flare__deflate_new(&d, al, FLARE__WRAP_RAW, 9), 0);
    ck_assert_int_gt(flare__deflate_feed(d, &in, FLARE__FLUSH_FINISH, out, 64),
                     0);
    ck_assert_int_eq(flare__deflate_feed(d, &in, FLARE__FLUSH_FINISH, out, 64),
                     0);
    in = FLARE_STR("y");
    ck_assert_int_eq(flare__deflate_feed(d, &in, FLARE__FLUSH_FINISH, out, 64),
                     -EINVAL);
    ck_assert_int_eq(flare__deflate_feed(d, &in, FLARE__FLUSH_NONE, out, 64),
                     -EINVAL);
    flare__deflate_free(d);
}
END_TEST

static const struct {
    enum flare__wrap wrap;
    int level;
} wrong[] = {
    {FLARE__WRAP_GZIP, 0},    {FLARE__WRAP_GZIP, 10},
    {FLARE__WRAP_GZIP, -1},   {FLARE__WRAP_ZLIB_OR_RAW, 4},
    {(enum flare__wrap)9, 4},
};

START_TEST(test_deflate_refuses_what_it_has_not)
{
    struct flare__deflate *d = NULL;

    ck_assert_int_eq(
        flare__deflate_new(&d, al, wrong[_i].wrap, wrong[_i].level), -EINVAL);
    ck_assert_ptr_null(d);
    flare__deflate_free(d);
}
END_TEST

/* The number that the header promises. */
START_TEST(test_deflate_stream_keeps_to_its_memory)
{
    struct flare_str in = {NULL, 100000};
    char *body = malloc(in.len), out[4096];
    struct flare__deflate *d;
    struct fault f;
    uint64_t allocs;
    int n;

    noise_fill(body, in.len, NOISE_RANDOM, 4);
    in.ptr = body;
    fault_init(&f, FAULT_NEVER, 0);
    ck_assert_int_eq(flare__deflate_new(&d, &f.al, FLARE__WRAP_GZIP, 9), 0);
    allocs = f.allocs;
    do {
        n = flare__deflate_feed(d, &in, FLARE__FLUSH_FINISH, out, sizeof(out));
    } while (n == sizeof(out));
    ck_assert_uint_eq(f.allocs, allocs);
    printf("a deflate stream: %zu bytes\n", f.peak_bytes);
    ck_assert_uint_le(f.peak_bytes, FLARE__DEFLATE_BYTES);
    flare__deflate_free(d);
    fault_fini(&f, "deflate");
    free(body);
}
END_TEST

static int scenario_once(struct fault *f, void *ctx)
{
    struct flare_str out;
    int rc = flare__deflate_once(&f->al, FLARE__WRAP_GZIP, 4,
                                 FLARE_STR("hello, hello, hello"), &out);

    (void)ctx;
    if (rc == 0)
        flare__free(&f->al, (void *)(uintptr_t)out.ptr);
    return rc;
}

START_TEST(test_deflate_survives_every_lack_of_memory)
{
    ck_assert_uint_ge(fault_each("deflate", scenario_once, NULL).sites, 4);
}
END_TEST

static void deflate_tests(TCase *tc)
{
    tcase_add_loop_test(tc, test_deflate_once_is_read_back_by_zlib, 0,
                        ROWS(bodies));
    tcase_add_loop_test(tc, test_deflate_pieces_and_rooms_do_not_matter, 0, 2);
    tcase_add_test(tc, test_deflate_sync_lets_all_be_decoded);
    tcase_add_test(tc, test_deflate_takes_nothing_behind_its_end);
    tcase_add_loop_test(tc, test_deflate_refuses_what_it_has_not, 0,
                        ROWS(wrong));
    tcase_add_test(tc, test_deflate_stream_keeps_to_its_memory);
    tcase_add_test(tc, test_deflate_survives_every_lack_of_memory);
}

#else

START_TEST(test_deflate_is_not_here_and_says_so)
{
    struct flare__deflate *d;
    struct flare_str out;

    ck_assert_int_eq(
        flare__deflate_new(&d, &flare__allocator_default, FLARE__WRAP_GZIP, 4),
        -EOPNOTSUPP);
    ck_assert_int_eq(flare__deflate_once(&flare__allocator_default,
                                         FLARE__WRAP_GZIP, 4, FLARE_STR("x"),
                                         &out),
                     -EOPNOTSUPP);
    ck_assert(!flare__deflate_is_here());
}
END_TEST

static void deflate_tests(TCase *tc)
{
    tcase_add_test(tc, test_deflate_is_not_here_and_says_so);
}

#endif

int main(void)
{
    Suite *suite = suite_create("http/deflate");
    TCase *tc = tcase_create("deflate");

    deflate_tests(tc);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
