/* SPDX-License-Identifier: MIT */
/* The decoder: bombs, ends, garbage, and that no cut matters (U10, U12). */
#include "http/inflate.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/guard.h"
#include "tests/support/noise.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#ifdef FLARE_HAVE_ZLIB

static const struct flare_allocator *const al = &flare__allocator_default;
static const struct flare__inflate_limits loose = {UINT64_MAX, 0, 0};

/* Gives what `body` becomes; free with flare__free. */
static struct flare_str encode(enum flare__wrap wrap, struct flare_str body)
{
    struct flare_str out;

    ck_assert_int_eq(flare__deflate_once(al, wrap, 9, body, &out), 0);
    return out;
}

static void release(struct flare_str text)
{
    flare__free(al, (void *)(uintptr_t)text.ptr);
}

/*
 * Decodes `in` in pieces of `piece` into rooms of `room`, appended to `out`.
 * Returns the length, or the error.
 */
static int decode(enum flare__wrap wrap,
                  const struct flare__inflate_limits *limits,
                  struct flare_str in, size_t piece, int room, char *out)
{
    struct flare__inflate *d;
    int len = 0, n = 0;

    ck_assert_int_eq(flare__inflate_new(&d, al, wrap, limits), 0);
    for (size_t at = 0; at < in.len && n >= 0; at += piece) {
        struct flare_str part = {in.ptr + at,
                                 in.len - at < piece ? in.len - at : piece};

        do {
            n = flare__inflate_feed(d, &part, out + len, room);
            if (n > 0)
                len += n;
        } while (n == room);
        if (n >= 0)
            ck_assert_uint_eq(part.len, 0);
    }
    if (n >= 0)
        n = flare__inflate_finish(d);
    else /* an error stays */
        ck_assert_int_eq(flare__inflate_finish(d), n);
    flare__inflate_free(d);
    return n < 0 ? n : len;
}

static const struct {
    const char *name;
    const char *hex;
    enum flare__wrap wrap;
    int rc; /* bytes of "hello", more than once, or the error */
} rows[] = {
/* made by Python's zlib, level 9, time 0 */
#define MEMBER "1f8b08000000000002ffcb48cdc9c9070086a6103605000000"
#define ZLIB "78dacb48cdc9c90700062c0215"
#define RAW "cb48cdc9c90700"
    {"gzip", MEMBER, FLARE__WRAP_GZIP, 5},
    {"two members", MEMBER MEMBER, FLARE__WRAP_GZIP, 10},
    {"three", MEMBER MEMBER MEMBER, FLARE__WRAP_GZIP, 15},
    {"zlib", ZLIB, FLARE__WRAP_ZLIB, 5},
    {"raw", RAW, FLARE__WRAP_RAW, 5},
    {"zlib, found out", ZLIB, FLARE__WRAP_ZLIB_OR_RAW, 5},
    {"raw, found out", RAW, FLARE__WRAP_ZLIB_OR_RAW, 5},
    {"raw, stored", "010500faff68656c6c6f", FLARE__WRAP_ZLIB_OR_RAW, 5},
    {"with a name",
     "1f8b08080000000002ff6e616d6500cb48cdc9c9070086a6103605000000",
     FLARE__WRAP_GZIP, 5},
    {"with an extra field",
     "1f8b08040000000002ff0300616263cb48cdc9c9070086a6103605000000",
     FLARE__WRAP_GZIP, 5},

    {"nothing", "", FLARE__WRAP_GZIP, FLARE_E_BAD_CODING},
    {"nothing of zlib", "", FLARE__WRAP_ZLIB, FLARE_E_BAD_CODING},
    {"nothing of raw", "", FLARE__WRAP_RAW, FLARE_E_BAD_CODING},
    {"a zero behind", MEMBER "00", FLARE__WRAP_GZIP, FLARE_E_BAD_CODING},
    {"zeros behind", MEMBER "0000000000000000", FLARE__WRAP_GZIP,
     FLARE_E_BAD_CODING},
    {"garbage behind", MEMBER "67617262616765", FLARE__WRAP_GZIP,
     FLARE_E_BAD_CODING},
    {"half a member behind", MEMBER "1f8b08", FLARE__WRAP_GZIP,
     FLARE_E_BAD_CODING},
    {"two of zlib", ZLIB ZLIB, FLARE__WRAP_ZLIB, FLARE_E_BAD_CODING},
    {"a byte behind zlib", ZLIB "0a", FLARE__WRAP_ZLIB, FLARE_E_BAD_CODING},
    {"a byte behind raw", RAW "00", FLARE__WRAP_RAW, FLARE_E_BAD_CODING},
    {"zlib as gzip", ZLIB, FLARE__WRAP_GZIP, FLARE_E_BAD_CODING},
    {"gzip as zlib", MEMBER, FLARE__WRAP_ZLIB, FLARE_E_BAD_CODING},
    {"raw as zlib", RAW, FLARE__WRAP_ZLIB, FLARE_E_BAD_CODING},
    {"text", "68656c6c6f", FLARE__WRAP_GZIP, FLARE_E_BAD_CODING},
    {"a wrong checksum", "1f8b08000000000002ffcb48cdc9c9070087a6103605000000",
     FLARE__WRAP_GZIP, FLARE_E_BAD_CODING},
    {"a wrong length", "1f8b08000000000002ffcb48cdc9c9070086a6103604000000",
     FLARE__WRAP_GZIP, FLARE_E_BAD_CODING},
    {"another method", "1f8b07000000000002ffcb48cdc9c9070086a6103605000000",
     FLARE__WRAP_GZIP, FLARE_E_BAD_CODING},
    {"reserved flags", "1f8b08e00000000002ffcb48cdc9c9070086a6103605000000",
     FLARE__WRAP_GZIP, FLARE_E_BAD_CODING},
    {"a wrong header checksum",
     "1f8b08020000000002ff0000cb48cdc9c9070086a6103605000000", FLARE__WRAP_GZIP,
     FLARE_E_BAD_CODING},
    {"a preset dictionary", "78bb00000001cb48cdc9c90700062c0215",
     FLARE__WRAP_ZLIB, FLARE_E_BAD_CODING},
    {"block type 3", "07", FLARE__WRAP_RAW, FLARE_E_BAD_CODING},
    {"a stored block of two lengths", "010500000068656c6c6f", FLARE__WRAP_RAW,
     FLARE_E_BAD_CODING},
    {"a distance before the start", "4b04a200", FLARE__WRAP_RAW,
     FLARE_E_BAD_CODING},
};

static size_t unhex(const char *hex, char *out)
{
    size_t len = strlen(hex) / 2;

    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out[i] = (char)strtoul(digits, NULL, 16);
    }
    return len;
}

START_TEST(test_inflate_result_does_not_depend_on_the_cut)
{
    char bytes[256], out[256];
    struct flare_str in = {bytes, unhex(rows[_i].hex, bytes)};
    struct guard guard;

    guard_init(&guard, sizeof(bytes));
    in.ptr = guard_put(&guard, bytes, in.len);
    for (size_t piece = 1; piece <= in.len + 1; piece++) {
        for (int room = 1; room <= 64; room *= 4) {
            int rc = decode(rows[_i].wrap, &loose, in, piece, room, out);

            ck_assert_msg(rc == rows[_i].rc, "%s in %zu, %d: %d", rows[_i].name,
                          piece, room, rc);
            for (int at = 0; at < rc; at += 5)
                ck_assert(memcmp(out + at, "hello", 5) == 0);
        }
    }
    guard_fini(&guard);
}
END_TEST

START_TEST(test_inflate_cut_off_anywhere_is_an_error_U12)
{
    char bytes[256], out[256];
    struct flare_str in = {bytes, unhex(rows[_i].hex, bytes)};
    size_t whole = in.len;
    int members = rows[_i].rc / 5;

    if (members <= 0)
        return;
    for (in.len = 0; in.len < whole; in.len++) {
        int rc = decode(rows[_i].wrap, &loose, in, 7, 16, out);
        bool is_end = in.len > 0 && in.len % (whole / (size_t)members) == 0;

        ck_assert_msg(rc == (is_end
                                 ? (int)(in.len * 5 * (size_t)members / whole)
                                 : FLARE_E_BAD_CODING),
                      "%s to %zu: %d", rows[_i].name, in.len, rc);
    }
}
END_TEST

START_TEST(test_inflate_gives_back_what_was_encoded)
{
    enum { LEN = 40000 };
    static const enum flare__wrap wraps[] = {FLARE__WRAP_GZIP, FLARE__WRAP_ZLIB,
                                             FLARE__WRAP_RAW};
    char *body = malloc(LEN), *out = malloc(LEN + 4096);

    for (int kind = NOISE_RANDOM; kind <= NOISE_ZEROS; kind++) {
        struct flare_str coded;

        noise_fill(body, LEN, (enum noise)kind, 5);
        coded = encode(wraps[_i], (struct flare_str){body, LEN});
        for (size_t piece = 1; piece <= coded.len; piece = piece * 7 + 1) {
            int rc = decode(wraps[_i], &loose, coded, piece, 1000, out);

            ck_assert_int_eq(rc, LEN);
            ck_assert(memcmp(out, body, LEN) == 0);
        }
        release(coded);
    }
    free(body);
    free(out);
}
END_TEST

START_TEST(test_inflate_output_cap_is_exact)
{
    struct flare_str body = FLARE_STR("hello hello hello hello");
    struct flare_str coded = encode(FLARE__WRAP_GZIP, body);
    char out[64];

    for (uint64_t max = 0; max <= body.len + 1; max++) {
        struct flare__inflate_limits limits = {max, 0, 0};

        for (int room = 1; room <= 64; room = room * 3 + 1) {
            int rc = decode(FLARE__WRAP_GZIP, &limits, coded, 5, room, out);

            ck_assert_int_eq(rc, max < body.len ? FLARE_E_CODING_LIMIT
                                                : (int)body.len);
        }
    }
    release(coded);
}
END_TEST

START_TEST(test_inflate_bomb_is_stopped_by_its_ratio_U10)
{
    enum { LEN = 10000000 };
    static const struct flare__inflate_limits limits = {
        UINT64_MAX, FLARE__INFLATE_RATIO_MAX, FLARE__INFLATE_RATIO_GRACE};
    struct flare_str body = {calloc(1, LEN), LEN}, coded, out = {NULL, 0};
    char room[4096];
    struct flare__inflate *d;
    uint64_t seen = 0;
    int n;

    coded = encode(FLARE__WRAP_GZIP, body); /* 1030:1 */
    ck_assert_uint_lt(coded.len, LEN / 1000);
    ck_assert_int_eq(
        flare__inflate_once(al, FLARE__WRAP_GZIP, &limits, coded, &out),
        FLARE_E_CODING_LIMIT);
    ck_assert_ptr_null(out.ptr);

    ck_assert_int_eq(flare__inflate_new(&d, al, FLARE__WRAP_GZIP, &limits), 0);
    out = coded;
    while ((n = flare__inflate_feed(d, &out, room, sizeof(room))) > 0)
        seen += (uint64_t)n;
    ck_assert_int_eq(n, FLARE_E_CODING_LIMIT);
    ck_assert_uint_le(seen, FLARE__INFLATE_RATIO_GRACE + 100 * coded.len);
    flare__inflate_free(d);
    release(coded);
    free((void *)(uintptr_t)body.ptr);
}
END_TEST

START_TEST(test_inflate_small_and_dense_is_no_bomb)
{
    enum { LEN = FLARE__INFLATE_RATIO_GRACE };
    static const struct flare__inflate_limits limits = {
        LEN, FLARE__INFLATE_RATIO_MAX, FLARE__INFLATE_RATIO_GRACE};
    struct flare_str body = {calloc(1, LEN), LEN}, coded, out;

    coded = encode(FLARE__WRAP_ZLIB, body);
    ck_assert_int_eq(
        flare__inflate_once(al, FLARE__WRAP_ZLIB, &limits, coded, &out), 0);
    ck_assert(flare_str_equal(out, body));
    release(out);
    release(coded);
    free((void *)(uintptr_t)body.ptr);
}
END_TEST

START_TEST(test_inflate_once_of_an_empty_body)
{
    struct flare_str coded = encode(FLARE__WRAP_GZIP, FLARE_STR(""));
    struct flare_str out = FLARE_STR("x");

    ck_assert_int_eq(
        flare__inflate_once(al, FLARE__WRAP_GZIP, &loose, coded, &out), 0);
    ck_assert_ptr_null(out.ptr);
    ck_assert_uint_eq(out.len, 0);
    release(coded);
}
END_TEST

START_TEST(test_inflate_refuses_a_wrap_it_has_not)
{
    struct flare__inflate *d = NULL;

    ck_assert_int_eq(flare__inflate_new(&d, al, (enum flare__wrap)9, &loose),
                     -EINVAL);
    flare__inflate_free(d);
}
END_TEST

static int scenario_once(struct fault *f, void *ctx)
{
    struct flare_str out;
    int rc = flare__inflate_once(&f->al, FLARE__WRAP_ZLIB_OR_RAW, &loose,
                                 *(struct flare_str *)ctx, &out);

    if (rc == 0) {
        ck_assert_uint_eq(out.len, 40000);
        flare__free(&f->al, (void *)(uintptr_t)out.ptr);
    }
    return rc;
}

START_TEST(test_inflate_survives_every_lack_of_memory)
{
    char *body = malloc(40000);
    struct flare_str coded;
    struct fault_report report;

    noise_fill(body, 40000, NOISE_TEXT, 6);
    coded = encode(FLARE__WRAP_RAW, (struct flare_str){body, 40000});
    report = fault_each("inflate", scenario_once, &coded);
    ck_assert_uint_ge(report.sites, 4);
    release(coded);
    free(body);
}
END_TEST

START_TEST(test_inflate_stream_keeps_to_its_memory)
{
    enum { LEN = 100000 };
    char *body = malloc(LEN), out[512];
    struct flare_str coded, in;
    struct flare__inflate *d;
    struct fault f;

    noise_fill(body, LEN, NOISE_TEXT, 7);
    coded = encode(FLARE__WRAP_GZIP, (struct flare_str){body, LEN});
    in = coded;
    fault_init(&f, FAULT_NEVER, 0);
    ck_assert_int_eq(flare__inflate_new(&d, &f.al, FLARE__WRAP_GZIP, &loose),
                     0);
    while (flare__inflate_feed(d, &in, out, sizeof(out)) == sizeof(out))
        ;
    printf("an inflate stream: %zu bytes\n", f.peak_bytes);
    ck_assert_uint_le(f.peak_bytes, FLARE__INFLATE_BYTES);
    flare__inflate_free(d);
    fault_fini(&f, "inflate");
    release(coded);
    free(body);
}
END_TEST

static void inflate_tests(TCase *tc)
{
    tcase_add_loop_test(tc, test_inflate_result_does_not_depend_on_the_cut, 0,
                        ROWS(rows));
    tcase_add_loop_test(tc, test_inflate_cut_off_anywhere_is_an_error_U12, 0,
                        ROWS(rows));
    tcase_add_loop_test(tc, test_inflate_gives_back_what_was_encoded, 0, 3);
    tcase_add_test(tc, test_inflate_output_cap_is_exact);
    tcase_add_test(tc, test_inflate_bomb_is_stopped_by_its_ratio_U10);
    tcase_add_test(tc, test_inflate_small_and_dense_is_no_bomb);
    tcase_add_test(tc, test_inflate_once_of_an_empty_body);
    tcase_add_test(tc, test_inflate_refuses_a_wrap_it_has_not);
    tcase_add_test(tc, test_inflate_survives_every_lack_of_memory);
    tcase_add_test(tc, test_inflate_stream_keeps_to_its_memory);
}

#else

START_TEST(test_inflate_is_not_here_and_says_so)
{
    static const struct flare__inflate_limits limits = {1, 0, 0};
    struct flare__inflate *d;
    struct flare_str out;

    ck_assert_int_eq(flare__inflate_new(&d, &flare__allocator_default,
                                        FLARE__WRAP_GZIP, &limits),
                     -EOPNOTSUPP);
    ck_assert_int_eq(flare__inflate_once(&flare__allocator_default,
                                         FLARE__WRAP_GZIP, &limits,
                                         FLARE_STR("x"), &out),
                     -EOPNOTSUPP);
}
END_TEST

static void inflate_tests(TCase *tc)
{
    tcase_add_test(tc, test_inflate_is_not_here_and_says_so);
}

#endif

int main(void)
{
    Suite *suite = suite_create("http/inflate");
    TCase *tc = tcase_create("inflate");

    inflate_tests(tc);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
