/* SPDX-License-Identifier: MIT */
/* The public codings: both ways, in one go and at every cut, and their limits.
 */
#include <flare/encoding.h>

#include "tests/support/fault.h"
#include "tests/support/noise.h"
#include "tests/support/test.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#ifdef FLARE_HAVE_ZLIB

enum { BODY = 30000 };

static const enum flare_coding codings[] = {FLARE_CODING_GZIP,
                                            FLARE_CODING_ZLIB, FLARE_CODING_RAW,
                                            FLARE_CODING_DEFLATE};

static struct flare_str body(enum noise kind)
{
    static char bytes[BODY];

    noise_fill(bytes, sizeof(bytes), kind, 5);
    return (struct flare_str){bytes, sizeof(bytes)};
}

START_TEST(test_encoding_comes_back)
{
    for (int kind = NOISE_RANDOM; kind <= NOISE_TEXT; kind++) {
        for (int level = 0; level <= 9; level++) {
            struct flare_str in = body((enum noise)kind), coded, out;

            ck_assert_int_eq(
                flare_encode(&coded, codings[_i], in,
                             &(struct flare_encode_options){.level = level}),
                0);
            ck_assert_int_eq(flare_decode(&out, codings[_i], coded, NULL), 0);
            ck_assert(flare_str_equal(in, out));
            flare_coding_free(out, NULL);
            flare_coding_free(coded, NULL);
        }
    }
}
END_TEST

START_TEST(test_encoding_of_nothing_is_something)
{
    struct flare_str coded, out = {"x", 1};

    ck_assert_int_eq(flare_encode(&coded, codings[_i], FLARE_STR(""), NULL), 0);
    ck_assert_uint_gt(coded.len, 0);
    ck_assert_int_eq(flare_decode(&out, codings[_i], coded, NULL), 0);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_ptr_null(out.ptr);
    flare_coding_free(out, NULL);
    flare_coding_free(coded, NULL);
}
END_TEST

/* Encoded in pieces and rooms of these sizes; returns the length. */
static size_t encode_pieces(flare_encoder *e, struct flare_str in, size_t piece,
                            size_t room, char *out)
{
    size_t len = 0;
    int n;

    while (in.len > 0) {
        struct flare_str part = {in.ptr, in.len < piece ? in.len : piece};

        in.ptr += part.len;
        in.len -= part.len;
        do {
            n = flare_encoder_feed(e, &part, out + len, room);
            ck_assert_int_ge(n, 0);
            len += (size_t)n;
        } while ((size_t)n == room);
        ck_assert_uint_eq(part.len, 0);
    }
    do {
        n = flare_encoder_finish(e, out + len, room);
        ck_assert_int_ge(n, 0);
        len += (size_t)n;
    } while ((size_t)n == room);
    return len;
}

/* The length, or the error. */
static int decode_pieces(flare_decoder *d, struct flare_str in, size_t piece,
                         size_t room, char *out)
{
    int len = 0, n = 0;

    while (in.len > 0) {
        struct flare_str part = {in.ptr, in.len < piece ? in.len : piece};

        in.ptr += part.len;
        in.len -= part.len;
        do {
            n = flare_decoder_feed(d, &part, out + len, room);
            if (n < 0)
                return n;
            len += n;
        } while ((size_t)n == room);
        ck_assert_uint_eq(part.len, 0);
    }
    n = flare_decoder_finish(d);
    return n < 0 ? n : len;
}

START_TEST(test_encoding_in_pieces_is_the_same)
{
    static const size_t pieces[] = {1, 7, 1000, BODY};
    static const size_t rooms[] = {FLARE_ENCODER_ROOM_MIN, 100, 5000};
    static char coded[2 * BODY], out[2 * BODY];
    struct flare_str in = body(NOISE_TEXT);
    flare_encoder *e;

    ck_assert_int_eq(flare_encoder_new(&e, codings[_i], NULL), 0);
    for (int p = 0; p < ROWS(pieces); p++) {
        for (int r = 0; r < ROWS(rooms); r++) {
            flare_decoder *d;
            size_t len = encode_pieces(e, in, pieces[p], rooms[r], coded);

            ck_assert_int_eq(flare_decoder_new(&d, codings[_i], NULL), 0);
            ck_assert_int_eq(decode_pieces(d, (struct flare_str){coded, len},
                                           pieces[p], rooms[r], out),
                             BODY);
            ck_assert(memcmp(out, in.ptr, BODY) == 0);
            flare_decoder_free(d);
            flare_encoder_reset(e);
        }
    }
    flare_encoder_free(e);
}
END_TEST

START_TEST(test_encoding_flushed_can_be_decoded_so_far)
{
    struct flare_str hello = FLARE_STR("hello"), none = FLARE_STR("");
    char coded[256], out[64];
    flare_encoder *e;
    flare_decoder *d;
    int len, n;

    ck_assert_int_eq(flare_encoder_new(&e, codings[_i], NULL), 0);
    ck_assert_int_eq(flare_decoder_new(&d, codings[_i], NULL), 0);
    len = flare_encoder_feed(e, &hello, coded, sizeof(coded));
    ck_assert_int_ge(len, 0);
    n = flare_encoder_flush(e, coded + len, sizeof(coded) - (size_t)len);
    ck_assert_int_gt(n, 0);
    hello = (struct flare_str){coded, (size_t)(len + n)};
    ck_assert_int_eq(flare_decoder_feed(d, &hello, out, sizeof(out)), 5);
    ck_assert(memcmp(out, "hello", 5) == 0);
    ck_assert_int_eq(flare_decoder_finish(d), FLARE_E_BAD_CODING);
    ck_assert_int_ge(flare_encoder_finish(e, coded, sizeof(coded)), 0);
    ck_assert_int_eq(flare_encoder_finish(e, coded, sizeof(coded)), 0);
    hello = FLARE_STR("x");
    ck_assert_int_eq(flare_encoder_feed(e, &hello, coded, sizeof(coded)),
                     -EINVAL);
    ck_assert_int_eq(flare_decoder_feed(d, &none, out, sizeof(out)),
                     FLARE_E_BAD_CODING);
    flare_encoder_free(e);
    flare_decoder_free(d);
}
END_TEST

/* U12 */
START_TEST(test_encoding_cut_or_followed_is_an_error)
{
    struct flare_str coded, out;
    char bytes[128];

    ck_assert_int_eq(flare_encode(&coded, codings[_i],
                                  FLARE_STR("a text, and a text"), NULL),
                     0);
    ck_assert_uint_lt(coded.len, sizeof(bytes));
    memcpy(bytes, coded.ptr, coded.len);
    bytes[coded.len] = 'x';
    for (size_t cut = 0; cut < coded.len; cut++)
        ck_assert_msg(flare_decode(&out, codings[_i],
                                   (struct flare_str){coded.ptr, cut},
                                   NULL) == FLARE_E_BAD_CODING,
                      "cut at %zu", cut);
    ck_assert_int_eq(flare_decode(&out, codings[_i],
                                  (struct flare_str){bytes, coded.len + 1},
                                  NULL),
                     FLARE_E_BAD_CODING);
    flare_coding_free(coded, NULL);
}
END_TEST

START_TEST(test_encoding_members_follow_each_other)
{
    struct flare_str one, two, out;
    char both[256];

    ck_assert_int_eq(
        flare_encode(&one, FLARE_CODING_GZIP, FLARE_STR("one,"), NULL), 0);
    ck_assert_int_eq(
        flare_encode(&two, FLARE_CODING_GZIP, FLARE_STR("two"), NULL), 0);
    memcpy(both, one.ptr, one.len);
    memcpy(both + one.len, two.ptr, two.len);
    ck_assert_int_eq(flare_decode(&out, FLARE_CODING_GZIP,
                                  (struct flare_str){both, one.len + two.len},
                                  NULL),
                     0);
    ck_assert(flare_str_equal(out, FLARE_STR("one,two")));
    flare_coding_free(one, NULL);
    flare_coding_free(two, NULL);
    flare_coding_free(out, NULL);
}
END_TEST

/* U10 */
START_TEST(test_encoding_bombs_are_stopped)
{
    static const struct {
        struct flare_decode_options options;
        int rc;
    } rows[] = {
        {{.bytes_max = 0}, FLARE_E_CODING_LIMIT}, /* the ratio's default */
        {{.ratio_max = FLARE_UNLIMITED}, 0},
        {{.ratio_max = 2000}, 0},
        {{.ratio_grace = 2000000}, 0},
        {{.ratio_max = FLARE_UNLIMITED, .bytes_max = 1000000}, 0},
        {{.ratio_max = FLARE_UNLIMITED, .bytes_max = 999999},
         FLARE_E_CODING_LIMIT},
        {{.ratio_max = FLARE_UNLIMITED, .bytes_max = UINT64_MAX}, 0},
    };
    char *zeros = calloc(1, 1000000);
    struct flare_str coded, out;

    ck_assert_int_eq(flare_encode(&coded, codings[_i],
                                  (struct flare_str){zeros, 1000000}, NULL),
                     0);
    for (int i = 0; i < ROWS(rows); i++) {
        int rc = flare_decode(&out, codings[_i], coded, &rows[i].options);

        ck_assert_msg(rc == rows[i].rc, "row %d: %d", i, rc);
        if (rc == 0)
            flare_coding_free(out, NULL);
    }
    flare_coding_free(coded, NULL);
    free(zeros);
}
END_TEST

START_TEST(test_encoding_as_found_takes_both)
{
    for (int i = 1; i <= 2; i++) {
        struct flare_str coded, out;

        ck_assert_int_eq(
            flare_encode(&coded, codings[i], FLARE_STR("text"), NULL), 0);
        ck_assert_int_eq(flare_decode(&out, FLARE_CODING_DEFLATE, coded, NULL),
                         0);
        ck_assert(flare_str_equal(out, FLARE_STR("text")));
        flare_coding_free(out, NULL);
        flare_coding_free(coded, NULL);
    }
}
END_TEST

START_TEST(test_encoding_numbers_have_ranges)
{
    static const struct flare_encode_options levels[] = {{.level = -1},
                                                         {.level = 10}};
    struct flare_str out, in = FLARE_STR("x");
    char room[FLARE_ENCODER_ROOM_MIN];
    flare_encoder *e;
    flare_decoder *d;

    for (int i = 0; i < ROWS(levels); i++) {
        ck_assert_int_eq(flare_encode(&out, FLARE_CODING_GZIP, in, &levels[i]),
                         FLARE_E_RANGE);
        ck_assert_int_eq(flare_encoder_new(&e, FLARE_CODING_GZIP, &levels[i]),
                         FLARE_E_RANGE);
    }
    ck_assert_int_eq(flare_encode(&out, (enum flare_coding)4, in, NULL),
                     FLARE_E_RANGE);
    ck_assert_int_eq(flare_decode(&out, (enum flare_coding)4, in, NULL),
                     FLARE_E_RANGE);
    ck_assert_int_eq(flare_encoder_new(&e, (enum flare_coding)4, NULL),
                     FLARE_E_RANGE);
    ck_assert_int_eq(flare_decoder_new(&d, (enum flare_coding)4, NULL),
                     FLARE_E_RANGE);

    ck_assert_int_eq(flare_encoder_new(&e, FLARE_CODING_GZIP, NULL), 0);
    ck_assert_int_eq(flare_encoder_feed(e, &in, room, sizeof(room) - 1),
                     FLARE_E_RANGE);
    ck_assert_int_eq(flare_encoder_flush(e, room, 0), FLARE_E_RANGE);
    ck_assert_int_eq(flare_encoder_finish(e, room, (size_t)INT_MAX + 1),
                     FLARE_E_RANGE);
    flare_encoder_free(e);
    ck_assert_int_eq(flare_decoder_new(&d, FLARE_CODING_GZIP, NULL), 0);
    ck_assert_int_eq(flare_decoder_feed(d, &in, room, 0), FLARE_E_RANGE);
    ck_assert_int_eq(flare_decoder_feed(d, &in, room, (size_t)INT_MAX + 1),
                     FLARE_E_RANGE);
    flare_decoder_free(d);
    flare_encoder_free(NULL);
    flare_decoder_free(NULL);
    flare_coding_free((struct flare_str){NULL, 0}, NULL);
}
END_TEST

static int scenario_once(struct fault *f, void *ctx)
{
    const struct flare_encode_options encode = {.allocator = &f->al};
    const struct flare_decode_options decode = {.allocator = &f->al};
    struct flare_str in = body(NOISE_TEXT), coded, out;
    int rc = flare_encode(&coded, FLARE_CODING_GZIP, in, &encode);

    (void)ctx;
    if (rc < 0)
        return rc;
    rc = flare_decode(&out, FLARE_CODING_GZIP, coded, &decode);
    if (rc == 0)
        flare_coding_free(out, &f->al);
    flare_coding_free(coded, &f->al);
    return rc;
}

static int scenario_pieces(struct fault *f, void *ctx)
{
    static char coded[2 * BODY], out[2 * BODY];
    struct flare_encode_options encode = {.allocator = &f->al};
    struct flare_decode_options decode = {.allocator = &f->al};
    struct flare_allocator copy = f->al;
    flare_encoder *e;
    flare_decoder *d;
    size_t len;
    int rc;

    (void)ctx;
    encode.allocator = decode.allocator = &copy;
    rc = flare_encoder_new(&e, FLARE_CODING_ZLIB, &encode);
    if (rc < 0)
        return rc;
    rc = flare_decoder_new(&d, FLARE_CODING_ZLIB, &decode);
    copy = (struct flare_allocator){.ctx = NULL}; /* it was copied */
    len = encode_pieces(e, body(NOISE_TEXT), 500, 500, coded);
    flare_encoder_free(e);
    if (rc < 0)
        return rc;
    rc = decode_pieces(d, (struct flare_str){coded, len}, 500, 500, out);
    flare_decoder_free(d);
    return rc;
}

START_TEST(test_encoding_survives_every_lack_of_memory)
{
    struct fault_report report;

    fault_each("encoding", scenario_once, NULL);
    report = fault_each("encoding in pieces", scenario_pieces, NULL);
    /* what the header says of both */
    ck_assert_uint_le(report.peak_bytes, (73 + 49) * 1024);
}
END_TEST

static void encoding_tests(TCase *tc)
{
    tcase_add_loop_test(tc, test_encoding_comes_back, 0, ROWS(codings));
    tcase_add_loop_test(tc, test_encoding_of_nothing_is_something, 0,
                        ROWS(codings));
    tcase_add_loop_test(tc, test_encoding_in_pieces_is_the_same, 0,
                        ROWS(codings));
    tcase_add_loop_test(tc, test_encoding_flushed_can_be_decoded_so_far, 0,
                        ROWS(codings));
    tcase_add_loop_test(tc, test_encoding_cut_or_followed_is_an_error, 0,
                        ROWS(codings));
    tcase_add_test(tc, test_encoding_members_follow_each_other);
    tcase_add_loop_test(tc, test_encoding_bombs_are_stopped, 0, ROWS(codings));
    tcase_add_test(tc, test_encoding_as_found_takes_both);
    tcase_add_test(tc, test_encoding_numbers_have_ranges);
    tcase_add_test(tc, test_encoding_survives_every_lack_of_memory);
}

#else

START_TEST(test_encoding_is_not_here_and_says_so)
{
    struct flare_str out;
    flare_encoder *e;
    flare_decoder *d;

    ck_assert_int_eq(
        flare_encode(&out, FLARE_CODING_GZIP, FLARE_STR("x"), NULL),
        -EOPNOTSUPP);
    ck_assert_int_eq(
        flare_decode(&out, FLARE_CODING_GZIP, FLARE_STR("x"), NULL),
        -EOPNOTSUPP);
    ck_assert_int_eq(flare_encoder_new(&e, FLARE_CODING_RAW, NULL),
                     -EOPNOTSUPP);
    ck_assert_int_eq(flare_decoder_new(&d, FLARE_CODING_RAW, NULL),
                     -EOPNOTSUPP);
}
END_TEST

static void encoding_tests(TCase *tc)
{
    tcase_add_test(tc, test_encoding_is_not_here_and_says_so);
}

#endif

int main(void)
{
    Suite *suite = suite_create("http/encoding");
    TCase *tc = tcase_create("encoding");

    encoding_tests(tc);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
