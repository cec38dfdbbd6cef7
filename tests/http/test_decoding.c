/* SPDX-License-Identifier: MIT */
/* Chains of content codings: which, at every cut, and no way round the limits
 * (C12, U11, U12). */
#include "http/decoding.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/noise.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static const struct flare_allocator *const al = &flare__allocator_default;
static const struct flare__inflate_limits loose = {UINT64_MAX, 0, 0};

static int chain_new(struct flare__decoding **out, const char *field,
                     const struct flare__inflate_limits *limits)
{
    struct flare_str value = flare_str(field);

    return flare__decoding_new(out, al, (struct flare__values){&value, 1},
                               limits);
}

static const struct {
    const char *field;
    int rc;
    bool is_none; /* nothing to decode */
} names[] = {
    {"", 0, true},
    {"identity", 0, true},
    {"identity, IDENTITY,,", 0, true},
    {"br", FLARE_E_UNSUPPORTED_CODING, true},
    {"gzip, br", FLARE_E_UNSUPPORTED_CODING, true},
    {"chunked", FLARE_E_UNSUPPORTED_CODING, true},
    {"gzip;q=1", FLARE_E_UNSUPPORTED_CODING, true},
    {"gzip gzip", FLARE_E_UNSUPPORTED_CODING, true},
    {"gzip\"", FLARE_E_UNSUPPORTED_CODING, true},
    {"compress", FLARE_E_UNSUPPORTED_CODING, true},
    /* U11 */
    {"gzip,gzip,gzip,gzip,gzip,gzip", FLARE_E_CODING_LIMIT, true},
#ifdef FLARE_HAVE_ZLIB
    {"gzip", 0, false},
    {"x-gzip", 0, false},
    {"GZip", 0, false},
    {"deflate", 0, false},
    {"identity, gzip", 0, false},
    {"gzip,gzip,gzip,gzip,gzip", 0, false},
    {"gzip,identity,gzip,gzip,gzip,identity,gzip", 0, false},
#else
    {"gzip", -EOPNOTSUPP, true},
    {"deflate", -EOPNOTSUPP, true},
#endif
};

START_TEST(test_decoding_takes_these_names)
{
    struct flare__decoding *d = (struct flare__decoding *)1;
    int rc = chain_new(&d, names[_i].field, &loose);

    ck_assert_msg(rc == names[_i].rc, "%s: %d", names[_i].field, rc);
    ck_assert_msg((d == NULL) == names[_i].is_none, "%s", names[_i].field);
    flare__decoding_free(d);
}
END_TEST

START_TEST(test_decoding_without_the_field_is_none)
{
    struct flare__decoding *d;

    ck_assert_int_eq(
        flare__decoding_new(&d, al, (struct flare__values){NULL, 0}, &loose),
        0);
    ck_assert_ptr_null(d);
}
END_TEST

#ifdef FLARE_HAVE_ZLIB

enum { BODY = 20000 };

/* "gdz": gzip, then raw deflate, then zlib, as a server applies them. */
static struct flare_str encode_chain(struct flare_str in, const char *codings)
{
    struct flare_str out = in;

    for (const char *p = codings; *p != '\0'; p++) {
        enum flare__wrap wrap = *p == 'g'   ? FLARE__WRAP_GZIP
                                : *p == 'z' ? FLARE__WRAP_ZLIB
                                            : FLARE__WRAP_RAW;
        struct flare_str coded;

        ck_assert_int_eq(flare__deflate_once(al, wrap, 9, out, &coded), 0);
        if (p > codings)
            flare__free(al, (void *)(uintptr_t)out.ptr);
        out = coded;
    }
    return out;
}

static void release(struct flare_str text)
{
    flare__free(al, (void *)(uintptr_t)text.ptr);
}

/* The length, or the error; `out` may be NULL, then nothing is kept. */
static int decode(struct flare__decoding *d, struct flare_str in, size_t piece,
                  int room, char *out)
{
    static char dropped[65536];
    int len = 0, n = 0;

    while (in.len > 0) {
        struct flare_str part = {in.ptr, in.len < piece ? in.len : piece};

        in.ptr += part.len;
        in.len -= part.len;
        do {
            n = flare__decoding_feed(d, &part,
                                     out != NULL ? out + len : dropped, room);
            if (n < 0) { /* it stays */
                ck_assert_int_eq(flare__decoding_feed(d, &part, dropped, 1), n);
                ck_assert_int_eq(flare__decoding_finish(d), n);
                return n;
            }
            len += n;
        } while (n == room);
        ck_assert_uint_eq(part.len, 0);
    }
    n = flare__decoding_finish(d);
    return n < 0 ? n : len;
}

static int decode_all(const char *field, struct flare_str in,
                      const struct flare__inflate_limits *limits)
{
    struct flare__decoding *d;
    int rc;

    ck_assert_int_eq(chain_new(&d, field, limits), 0);
    rc = decode(d, in, 1000, 4096, NULL);
    flare__decoding_free(d);
    return rc;
}

static const struct {
    const char *field, *codings;
} chains[] = {
    {"gzip", "g"},
    {"deflate", "z"},
    {"deflate", "r"},
    {"gzip, deflate", "gz"},
    {"deflate, gzip", "rg"},
    {"gzip, identity, gzip", "gg"},
    {"deflate, x-gzip, deflate", "zgr"},
    {"gzip, gzip, gzip, gzip, gzip", "ggggg"},
};

START_TEST(test_decoding_does_not_depend_on_the_cut)
{
    static const size_t pieces[] = {1, 13, 4000, 100000};
    static const int rooms[] = {1, 100, 8192, 40000};
    static char body[BODY], out[2 * BODY];
    struct flare_str coded;

    for (int kind = NOISE_RANDOM; kind <= NOISE_TEXT; kind++) {
        noise_fill(body, BODY, (enum noise)kind, 4);
        coded =
            encode_chain((struct flare_str){body, BODY}, chains[_i].codings);
        for (int p = 0; p < ROWS(pieces); p++) {
            for (int r = 0; r < ROWS(rooms); r++) {
                struct flare__decoding *d;

                ck_assert_int_eq(chain_new(&d, chains[_i].field, &loose), 0);
                ck_assert_int_eq(decode(d, coded, pieces[p], rooms[r], out),
                                 BODY);
                ck_assert(memcmp(out, body, BODY) == 0);
                flare__decoding_free(d);
            }
        }
        release(coded);
    }
}
END_TEST

START_TEST(test_decoding_cut_or_followed_is_an_error)
{
    struct flare_str coded =
        encode_chain(FLARE_STR("text and text"), chains[_i].codings);
    char bytes[512];

    ck_assert_uint_lt(coded.len, sizeof(bytes));
    memcpy(bytes, coded.ptr, coded.len);
    bytes[coded.len] = 0;
    for (size_t cut = 0; cut < coded.len; cut++)
        ck_assert_msg(decode_all(chains[_i].field,
                                 (struct flare_str){bytes, cut},
                                 &loose) == FLARE_E_BAD_CODING,
                      "cut at %zu", cut);
    ck_assert_int_eq(decode_all(chains[_i].field,
                                (struct flare_str){bytes, coded.len + 1},
                                &loose),
                     FLARE_E_BAD_CODING);
    release(coded);
}
END_TEST

/* What is wrong inside is wrong, though what is around it is whole. */
START_TEST(test_decoding_wrong_inside_is_an_error)
{
    static const char *const inner[] = {"", "text", "\x1f\x8b\x08"};

    for (int i = 0; i < ROWS(inner); i++) {
        struct flare_str coded = encode_chain(flare_str(inner[i]), "g");

        ck_assert_int_eq(decode_all("gzip, gzip", coded, &loose),
                         FLARE_E_BAD_CODING);
        release(coded);
    }
}
END_TEST

START_TEST(test_decoding_order_is_the_fields)
{
    struct flare_str coded = encode_chain(FLARE_STR("text"), "gz");

    ck_assert_int_eq(decode_all("gzip, deflate", coded, &loose), 4);
    ck_assert_int_eq(decode_all("deflate, gzip", coded, &loose),
                     FLARE_E_BAD_CODING);
    release(coded);
}
END_TEST

START_TEST(test_decoding_of_several_lines_is_of_one)
{
    const struct flare_str lines[] = {FLARE_STR("gzip"), FLARE_STR("deflate")};
    struct flare_str coded = encode_chain(FLARE_STR("text"), "gz");
    struct flare__decoding *d;

    ck_assert_int_eq(
        flare__decoding_new(&d, al, (struct flare__values){lines, 2}, &loose),
        0);
    ck_assert_int_eq(decode(d, coded, 100, 100, NULL), 4);
    flare__decoding_free(d);
    release(coded);
}
END_TEST

enum { ZEROS = 8 * 1024 * 1024 };

static const struct {
    const char *name;
    const char *codings, *field;
    struct flare__inflate_limits limits;
    int rc;
} bombs[] = {
    {"C12 a bomb",
     "r",
     "deflate",
     {UINT64_MAX, FLARE__INFLATE_RATIO_MAX, FLARE__INFLATE_RATIO_GRACE},
     FLARE_E_CODING_LIMIT},
    {"C12 each link's ratio is harmless, the chain's is not",
     "gg",
     "gzip, gzip",
     {UINT64_MAX, 1100, 65536},
     FLARE_E_CODING_LIMIT},
    {"C12 past the cap",
     "gg",
     "gzip, gzip",
     {100000, 0, 0},
     FLARE_E_CODING_LIMIT},
    {"C12 a byte past the cap",
     "gg",
     "gzip, gzip",
     {ZEROS - 1, 0, 0},
     FLARE_E_CODING_LIMIT},
    {"up to the cap", "gg", "gzip, gzip", {ZEROS, 0, 0}, ZEROS},
    {"a link's ratio is not looked at alone",
     "r",
     "deflate",
     {UINT64_MAX, 1100, 65536},
     ZEROS},
};

START_TEST(test_decoding_bombs_in_bombs_are_stopped)
{
    char *zeros = calloc(1, ZEROS);
    struct flare_str coded =
        encode_chain((struct flare_str){zeros, ZEROS}, bombs[_i].codings);
    int rc = decode_all(bombs[_i].field, coded, &bombs[_i].limits);

    ck_assert_msg(rc == bombs[_i].rc, "%s: %d", bombs[_i].name, rc);
    release(coded);
    free(zeros);
}
END_TEST

/* Much between two links out of which nothing comes: empty stored blocks. */
START_TEST(test_decoding_work_between_links_is_bounded)
{
    enum { BLOCKS = 400000, BLOCK = 5 };
    const struct flare__inflate_limits by_ratio = {1000, 100, 65536};
    const struct flare__inflate_limits by_bytes = {1000, 0, 0};
    char *blocks = malloc(BLOCKS * BLOCK);
    struct flare_str coded;

    for (size_t i = 0; i < BLOCKS; i++)
        memcpy(blocks + i * BLOCK, "\0\0\0\xff\xff", BLOCK);
    blocks[(BLOCKS - 1) * BLOCK] = 1; /* the last one says so */
    coded = encode_chain((struct flare_str){blocks, BLOCKS * BLOCK}, "g");
    ck_assert_int_eq(decode_all("deflate, gzip", coded, &loose), 0);
    ck_assert_int_eq(decode_all("deflate, gzip", coded, &by_ratio),
                     FLARE_E_CODING_LIMIT);
    ck_assert_int_eq(decode_all("deflate, gzip", coded, &by_bytes),
                     FLARE_E_CODING_LIMIT);
    release(coded);
    free(blocks);
}
END_TEST

/* The cap is of what comes out: what is between may be a little more. */
START_TEST(test_decoding_of_noise_up_to_the_cap_passes)
{
    static char body[BODY];
    const struct flare__inflate_limits exactly = {BODY, 100, 0};
    const struct flare__inflate_limits less = {BODY - 1, 100, 0};
    struct flare_str coded;

    noise_fill(body, BODY, NOISE_RANDOM, 8);
    coded = encode_chain((struct flare_str){body, BODY}, "ggggg");
    ck_assert_int_eq(decode_all("gzip,gzip,gzip,gzip,gzip", coded, &exactly),
                     BODY);
    ck_assert_int_eq(decode_all("gzip,gzip,gzip,gzip,gzip", coded, &less),
                     FLARE_E_CODING_LIMIT);
    release(coded);
}
END_TEST

static int scenario_chain(struct fault *f, void *ctx)
{
    struct flare_str field = FLARE_STR("gzip,gzip,gzip,gzip,gzip");
    struct flare__decoding *d;
    int rc = flare__decoding_new(&d, &f->al, (struct flare__values){&field, 1},
                                 &loose);

    if (rc < 0)
        return rc;
    rc = decode(d, *(const struct flare_str *)ctx, 1000, 1000, NULL);
    flare__decoding_free(d);
    return rc;
}

START_TEST(test_decoding_survives_every_lack_of_memory)
{
    static char body[BODY];
    struct flare_str coded;
    struct fault_report report;

    noise_fill(body, BODY, NOISE_RANDOM, 8);
    coded = encode_chain((struct flare_str){body, BODY}, "ggggg");
    report = fault_each("decoding", scenario_chain, &coded);
    ck_assert_uint_le(report.peak_bytes,
                      FLARE__DECODING_MAX * FLARE__DECODING_LINK_BYTES);
    release(coded);
}
END_TEST

static void decoding_tests(TCase *tc)
{
    tcase_add_loop_test(tc, test_decoding_does_not_depend_on_the_cut, 0,
                        ROWS(chains));
    tcase_add_loop_test(tc, test_decoding_cut_or_followed_is_an_error, 0,
                        ROWS(chains));
    tcase_add_test(tc, test_decoding_wrong_inside_is_an_error);
    tcase_add_test(tc, test_decoding_order_is_the_fields);
    tcase_add_test(tc, test_decoding_of_several_lines_is_of_one);
    tcase_add_loop_test(tc, test_decoding_bombs_in_bombs_are_stopped, 0,
                        ROWS(bombs));
    tcase_add_test(tc, test_decoding_work_between_links_is_bounded);
    tcase_add_test(tc, test_decoding_of_noise_up_to_the_cap_passes);
    tcase_add_test(tc, test_decoding_survives_every_lack_of_memory);
}

#else

static void decoding_tests(TCase *tc)
{
    (void)tc;
}

#endif

START_TEST(test_decoding_asks_for_what_is_here)
{
    ck_assert(flare_str_equal(
        flare__decoding_accept(),
        flare__deflate_is_here() ? FLARE_STR("gzip, deflate") : FLARE_STR("")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/decoding");
    TCase *tc = tcase_create("decoding");

    tcase_add_loop_test(tc, test_decoding_takes_these_names, 0, ROWS(names));
    tcase_add_test(tc, test_decoding_without_the_field_is_none);
    tcase_add_test(tc, test_decoding_asks_for_what_is_here);
    decoding_tests(tc);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
