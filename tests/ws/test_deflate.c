/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate's two directions: the RFC's bytes, every cut, every
 * window, bounds of output and memory (W17, W18).
 */
#include "ws/deflate.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/guard.h"
#include "tests/support/noise.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static const struct flare_allocator *const al = &flare__allocator_default;

#ifdef FLARE_HAVE_ZLIB

#include <zlib.h>

enum { OUT_MAX = 1 << 17, LIMIT = 1 << 24 };

static size_t unhex(const char *hex, char *out)
{
    size_t len = strlen(hex) / 2;

    for (size_t i = 0; i < len; i++) {
        unsigned byte;

        ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    return len;
}

/*
 * Inflates one message in pieces of `piece` bytes into rooms of `room`,
 * appended to `out`.  Returns the length, or the error.
 */
static int unpack(struct flare__ws_inflate *d, struct flare_str in,
                  size_t piece, int room, char *out)
{
    int len = 0, n;
    bool is_end;

    do {
        size_t part_len = in.len < piece ? in.len : piece;
        struct flare_str part = {in.ptr, part_len};

        is_end = part_len == in.len;
        do {
            n = flare__ws_inflate_feed(d, &part, is_end, out + len, room);
            if (n < 0)
                return n;
            ck_assert_int_le(n, room);
            len += n;
        } while (flare__ws_inflate_is_busy(d));
        ck_assert_uint_eq(part.len, 0);
        if (part_len > 0)
            in.ptr += part_len;
        in.len -= part_len;
    } while (!is_end);
    return len;
}

/* Deflates `in` with one flush; appended to `out`.  Returns the length. */
static int pack_piece(struct flare__ws_deflate *d, struct flare_str in,
                      enum flare__ws_flush flush, int room, char *out)
{
    int len = 0, n;

    do {
        n = flare__ws_deflate_feed(d, &in, flush, out + len, room);
        ck_assert_int_ge(n, 0);
        ck_assert_int_le(n, room);
        len += n;
    } while (flare__ws_deflate_is_busy(d));
    ck_assert_uint_eq(in.len, 0);
    return len;
}

/* A message in pieces, each but the last with `flush`. */
static int pack(struct flare__ws_deflate *d, struct flare_str in, size_t piece,
                enum flare__ws_flush flush, int room, char *out)
{
    int len = 0;

    for (; in.len > piece; in.len -= piece, in.ptr += piece) {
        struct flare_str part = {in.ptr, piece};

        len += pack_piece(d, part, flush, room, out + len);
    }
    return len + pack_piece(d, in, FLARE__WS_FLUSH_MESSAGE, room, out + len);
}

/* ---- receiving ---- */

static const struct {
    const char *name;
    const char *hex;
    const char *text; /* NULL: FLARE_E_BAD_CODING */
} rows[] = {
    /* section 7.2.3 of the RFC */
    {"7.2.3.1 one block", "f248cdc9c90700", "Hello"},
    {"7.2.3.3 stored", "000500faff48656c6c6f00", "Hello"},
    {"7.2.3.4 BFINAL", "f348cdc9c9070000", "Hello"},
    {"7.2.3.5 two blocks", "f24805000000ffffcac9c90700", "Hello"},
    {"7.2.3.6 empty", "00", ""},

    {"empty, a fixed block", "0200", ""},
    {"stored, no more", "000500faff48656c6c6f000000ffff00", "Hello"},
    {"many empty blocks", "000000ffff000000ffff00", ""},
    {"BFINAL and nothing behind", "f348cdc9c90700", "Hello"},
    {"BFINAL twice", "f348cdc9c90700f348cdc9c9070000", "HelloHello"},
    {"BFINAL, then a reference before it", "f348cdc9c90700f200110000",
     "HelloHello"},
    {"BFINAL, then a block", "f348cdc9c90700f248cdc9c90700", "HelloHello"},

    {"no byte", "", NULL},
    {"its tail not cut off", "f248cdc9c907000000ffff", NULL},
    {"an empty one's tail not cut off", "000000ffff", NULL},
    {"half of its tail not cut off", "f248cdc9c907000000", NULL},
    {"without its last byte", "f248cdc9c907", NULL},
    {"without its end", "f248cd", NULL},
    {"one byte of it", "f2", NULL},
    {"BFINAL without its end", "f348cdc9c907", NULL},
    {"BFINAL and one zero too much", "f348cdc9c907000000", NULL},
    {"BFINAL and a byte of nothing", "f348cdc9c9070001", NULL},
    {"stored, too short", "000600f9ff48656c6c6f00", NULL},
    {"stored, lengths that differ", "000500faf048656c6c6f00", NULL},
    {"a reserved kind of block", "0600", NULL},
    {"a reserved kind of block, last", "07", NULL},
    {"a reference to before the start", "f200110000", NULL},
    {"a reference too far", "f248cdc9c90722000000", NULL},
    {"zlib's header", "789cf248cdc9c90700", NULL},
    {"gzip's header", "1f8b0800000000000003f248cdc9c90700", NULL},
    {"plain text", "48656c6c6f", NULL},
    {"ones", "ffffffffffff", NULL},
};

START_TEST(test_inflate_result_does_not_depend_on_the_cut)
{
    char bytes[64], out[64];
    struct flare_str in = {NULL, unhex(rows[_i].hex, bytes)};
    struct guard g;

    guard_init(&g, sizeof(bytes));
    in.ptr = guard_put(&g, bytes, in.len);
    for (size_t piece = 1; piece <= in.len + 1; piece++) {
        for (int room = 1; room <= 16; room++) {
            struct flare__ws_inflate d;
            int rc;

            flare__ws_inflate_init(&d, al, 15, true, LIMIT);
            rc = unpack(&d, in, piece, room, out);
            if (rows[_i].text == NULL) {
                ck_assert_msg(rc == FLARE_E_BAD_CODING, "%s by %zu: %d",
                              rows[_i].name, piece, rc);
                ck_assert_int_eq(unpack(&d, FLARE_STR("\0"), 1, 1, out),
                                 FLARE_E_BAD_CODING); /* it stays */
            } else {
                ck_assert_msg(rc == (int)strlen(rows[_i].text) &&
                                  memcmp(out, rows[_i].text, (size_t)rc) == 0,
                              "%s by %zu: %d", rows[_i].name, piece, rc);
            }
            flare__ws_inflate_fini(&d);
        }
    }
    guard_fini(&g);
}
END_TEST

/* A message that is whole in the frames before its last, which is empty; behind
 * BFINAL, too. */
START_TEST(test_inflate_ends_with_an_empty_last_fragment)
{
    struct flare_str in = _i == 0 ? FLARE_STR("\xf2\x48\xcd\xc9\xc9\x07\x00")
                                  : FLARE_STR("\xf3\x48\xcd\xc9\xc9\x07\x00");
    struct flare__ws_inflate d;
    char out[16];

    flare__ws_inflate_init(&d, al, 15, true, LIMIT);
    ck_assert_int_eq(flare__ws_inflate_feed(&d, &in, false, out, 16), 5);
    in = (struct flare_str){NULL, 0};
    ck_assert_int_eq(flare__ws_inflate_feed(&d, &in, false, out + 5, 11), 0);
    ck_assert_int_eq(flare__ws_inflate_feed(&d, &in, true, out + 5, 11), 0);
    ck_assert(!flare__ws_inflate_is_busy(&d));
    ck_assert_mem_eq(out, "Hello", 5);
    in = FLARE_STR("\xf2\x00\x11\x00\x00"); /* the context is still there */
    ck_assert_int_eq(flare__ws_inflate_feed(&d, &in, true, out, 16), 5);
    ck_assert_mem_eq(out, "Hello", 5);
    flare__ws_inflate_fini(&d);
}
END_TEST

/* 7.2.3.2: the second message is a reference to the first. */
START_TEST(test_inflate_context_is_taken_over_if_that_was_agreed)
{
    struct flare_str first = FLARE_STR("\xf2\x48\xcd\xc9\xc9\x07\x00");
    struct flare_str second = FLARE_STR("\xf2\x00\x11\x00\x00");
    char out[16];

    for (int has_takeover = 0; has_takeover <= 1; has_takeover++) {
        struct flare__ws_inflate d;

        flare__ws_inflate_init(&d, al, 15, has_takeover, LIMIT);
        ck_assert_int_eq(unpack(&d, first, 99, 16, out), 5);
        ck_assert_int_eq(unpack(&d, first, 99, 16, out), 5);
        flare__ws_inflate_rest(&d);
        ck_assert_int_eq(unpack(&d, second, 99, 16, out),
                         has_takeover ? 5 : FLARE_E_BAD_CODING);
        if (has_takeover)
            ck_assert_mem_eq(out, "Hello", 5);
        flare__ws_inflate_fini(&d);
    }
}
END_TEST

/* ---- sending ---- */

START_TEST(test_deflate_writes_what_the_rfc_shows)
{
    static const struct {
        const char *text;
        const char *hex;
    } messages[] = {{"Hello", "f248cdc9c90700"},
                    {"Hello", "f200110000"},
                    {"", "00"},
                    {"", "00"},
                    {"Hello", NULL}};
    struct flare__ws_deflate d;
    char out[64], expected[64];

    flare__ws_deflate_init(&d, al, 15, true);
    for (size_t i = 0; messages[i].hex != NULL; i++) {
        int len = pack(&d, flare_str(messages[i].text), 99,
                       FLARE__WS_FLUSH_NONE, 64, out);

        ck_assert_uint_eq((size_t)len, unhex(messages[i].hex, expected));
        ck_assert_mem_eq(out, expected, (size_t)len);
    }
    flare__ws_deflate_fini(&d);
    flare__ws_deflate_init(&d, al, 15, false);
    for (int i = 0; i < 3; i++) { /* each stands alone */
        ck_assert_int_eq(
            pack(&d, FLARE_STR("Hello"), 99, FLARE__WS_FLUSH_NONE, 64, out), 7);
        ck_assert_mem_eq(out, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    }
    flare__ws_deflate_fini(&d);
}
END_TEST

/* Inflates with zlib itself, its window held to `bits` by rooms of one byte,
 * so that no reference is served from the output. */
static void check_by_zlib(z_stream *z, const char *payload, int len,
                          struct flare_str body)
{
    char wire[OUT_MAX];
    size_t at = 0;
    int rc;

    memcpy(wire, payload, (size_t)len);
    memcpy(wire + len, "\x00\x00\xff\xff", 4);
    z->next_in = (unsigned char *)wire;
    z->avail_in = (unsigned)len + 4;
    do {
        unsigned char byte;

        z->next_out = &byte;
        z->avail_out = 1;
        rc = inflate(z, Z_NO_FLUSH);
        if (z->avail_out == 0) {
            ck_assert_uint_lt(at, body.len);
            ck_assert_int_eq(byte, (unsigned char)body.ptr[at++]);
        }
    } while (rc == Z_OK);
    ck_assert_int_eq(rc, Z_BUF_ERROR);
    ck_assert_uint_eq(at, body.len);
    ck_assert_uint_eq(z->avail_in, 0);
}

static const size_t lengths[] = {0,   1,    5,    100,   257,  0,
                                 600, 4096, 9000, 20000, 3000, 1};

/* All windows, both ways of takeover: what goes out comes back, here and in
 * zlib, in rooms and pieces of several sizes. */
START_TEST(test_deflate_comes_back_for_every_window)
{
    uint8_t bits = (uint8_t)(8 + _i / 2);
    bool has_takeover = (_i & 1) != 0;
    struct flare__ws_deflate to;
    struct flare__ws_inflate from;
    z_stream z = {0};
    char *body = malloc(OUT_MAX), *wire = malloc(OUT_MAX);
    char *back = malloc(OUT_MAX);

    flare__ws_deflate_init(&to, al, bits, has_takeover);
    flare__ws_inflate_init(&from, al, bits, has_takeover, LIMIT);
    ck_assert_int_eq(inflateInit2(&z, -bits), Z_OK);
    for (int i = 0; i < 3 * ROWS(lengths); i++) {
        size_t body_len = lengths[i % ROWS(lengths)];
        size_t piece = i % 5 == 0 ? 7 : i % 3 == 0 ? 1000 : OUT_MAX;
        int room = i % 2 == 0 ? 64 + i : 4096, len;

        noise_fill(body, body_len, (enum noise)((i + i / 3) % 3), (uint64_t)i);
        len = pack(&to, (struct flare_str){body, body_len}, piece,
                   i % 4 == 0 ? FLARE__WS_FLUSH_FRAGMENT : FLARE__WS_FLUSH_NONE,
                   room, wire);
        ck_assert_int_gt(len, 0);
        check_by_zlib(&z, wire, len, (struct flare_str){body, body_len});
        if (!has_takeover)
            inflateReset(&z);
        ck_assert_int_eq(unpack(&from, (struct flare_str){wire, (size_t)len},
                                i % 7 == 0 ? 1 : 500, room, back),
                         (int)body_len);
        ck_assert(memcmp(back, body, body_len) == 0);
        flare__ws_deflate_rest(&to);
        flare__ws_inflate_rest(&from);
    }
    inflateEnd(&z);
    flare__ws_deflate_fini(&to);
    flare__ws_inflate_fini(&from);
    free(body);
    free(wire);
    free(back);
}
END_TEST

/* A room that a message's end just fills, or just not. */
START_TEST(test_deflate_end_is_right_for_every_room)
{
    enum { LEN = 150 };
    char body[LEN], wire[8 * LEN], back[LEN + 64];

    noise_fill(body, LEN, NOISE_RANDOM, 3);
    for (size_t len = 0; len <= LEN; len++) {
        for (int room = FLARE__WS_DEFLATE_ROOM_MIN; room < 90; room++) {
            struct flare__ws_deflate to;
            struct flare__ws_inflate from;
            int n;

            flare__ws_deflate_init(&to, al, 9, true);
            to.memory_level = 1;
            n = pack(&to, (struct flare_str){body, len}, len + 1,
                     FLARE__WS_FLUSH_NONE, room, wire);
            flare__ws_inflate_init(&from, al, 9, true, LIMIT);
            ck_assert_int_eq(unpack(&from, (struct flare_str){wire, (size_t)n},
                                    1000, 64, back),
                             (int)len);
            ck_assert(memcmp(back, body, len) == 0);
            flare__ws_deflate_fini(&to);
            flare__ws_inflate_fini(&from);
        }
    }
}
END_TEST

START_TEST(test_deflate_fragments_can_be_read_as_they_come)
{
    struct flare__ws_deflate to;
    struct flare__ws_inflate from;
    char wire[256], back[64];
    struct flare_str part, none = {NULL, 0};
    int len;

    flare__ws_deflate_init(&to, al, 15, true);
    flare__ws_inflate_init(&from, al, 15, true, LIMIT);
    for (int i = 0; i < 5; i++) {
        len = pack_piece(&to, FLARE_STR("tick"), FLARE__WS_FLUSH_FRAGMENT, 64,
                         wire);
        part = (struct flare_str){wire, (size_t)len};
        ck_assert_int_eq(flare__ws_inflate_feed(&from, &part, false, back, 64),
                         4);
        ck_assert_mem_eq(back, "tick", 4);
    }
    len = pack_piece(&to, none, FLARE__WS_FLUSH_MESSAGE, 64, wire);
    ck_assert_int_eq(len, 1);
    ck_assert_int_eq(wire[0], 0);
    part = (struct flare_str){wire, 1};
    ck_assert_int_eq(flare__ws_inflate_feed(&from, &part, true, back, 64), 0);
    ck_assert(!flare__ws_inflate_is_busy(&from));
    flare__ws_deflate_fini(&to);
    flare__ws_inflate_fini(&from);
}
END_TEST

/* ---- bounds ---- */

START_TEST(test_inflate_cap_is_exact_and_of_each_message_W17)
{
    struct flare_str hello = FLARE_STR("\xf2\x48\xcd\xc9\xc9\x07\x00");
    char out[16];

    for (uint64_t max = 0; max <= 6; max++) {
        for (int room = 1; room <= 8; room++) {
            struct flare__ws_inflate d;

            flare__ws_inflate_init(&d, al, 15, true, max);
            for (int i = 0; i < 3; i++)
                ck_assert_int_eq(unpack(&d, hello, 3, room, out),
                                 max < 5 ? FLARE_E_CODING_LIMIT : 5);
            flare__ws_inflate_fini(&d);
        }
    }
}
END_TEST

START_TEST(test_inflate_bomb_is_stopped_as_it_streams_W17)
{
    enum { LEN = 10000000, MAX = 100000 };
    char *body = calloc(1, LEN), *wire = malloc(LEN), out[4096];
    struct flare__ws_deflate to;
    struct flare__ws_inflate from;
    struct flare_str in;
    size_t seen = 0;
    int n;

    flare__ws_deflate_init(&to, al, 15, true);
    to.level = 9;
    n = pack(&to, (struct flare_str){body, LEN}, LEN, FLARE__WS_FLUSH_NONE,
             1 << 20, wire);
    ck_assert_int_lt(n, LEN / 1000);
    in = (struct flare_str){wire, (size_t)n};
    flare__ws_inflate_init(&from, al, 15, true, MAX);
    do {
        n = flare__ws_inflate_feed(&from, &in, true, out, sizeof(out));
        if (n > 0)
            seen += (size_t)n;
    } while (n >= 0 && flare__ws_inflate_is_busy(&from));
    ck_assert_int_eq(n, FLARE_E_CODING_LIMIT);
    ck_assert_uint_le(seen, MAX);
    flare__ws_deflate_fini(&to);
    flare__ws_inflate_fini(&from);
    free(body);
    free(wire);
}
END_TEST

START_TEST(test_deflate_memory_is_bounded_and_given_back)
{
    enum { LEN = 100000 };
    uint8_t bits = (uint8_t)(8 + _i);
    char *body = malloc(LEN), *wire = malloc(2 * LEN), *back = malloc(LEN + 99);
    struct flare__ws_deflate to;
    struct flare__ws_inflate from;
    struct fault f;
    int n;

    noise_fill(body, LEN, NOISE_TEXT, 7);
    for (int memory = 1; memory <= 9; memory++) {
        size_t deflate_peak;

        fault_init(&f, FAULT_NEVER, 0);
        flare__ws_deflate_init(&to, &f.al, bits, false);
        to.memory_level = (uint8_t)memory;
        flare__ws_inflate_init(&from, &f.al, bits, false, LIMIT);
        ck_assert_uint_eq(f.live_bytes, 0); /* an idle connection has nothing */
        n = pack(&to, (struct flare_str){body, LEN}, LEN, FLARE__WS_FLUSH_NONE,
                 2 * LEN, wire);
        deflate_peak = f.peak_bytes;
        ck_assert_uint_le(deflate_peak, flare__ws_deflate_bytes(&to));
        ck_assert_uint_gt(deflate_peak, flare__ws_deflate_bytes(&to) / 2);
        flare__ws_deflate_rest(&to);
        ck_assert_uint_eq(f.live_bytes, 0);
        f.peak_bytes = 0;
        unpack(&from, (struct flare_str){wire, (size_t)n}, 999, 4096, back);
        ck_assert_uint_le(f.peak_bytes, flare__ws_inflate_bytes(&from));
        ck_assert_uint_gt(f.peak_bytes, flare__ws_inflate_bytes(&from) / 2);
        if (memory == FLARE__WS_DEFLATE_MEMORY)
            printf("window %d: deflate %zu bytes, inflate %zu\n", bits,
                   deflate_peak, f.peak_bytes);
        flare__ws_inflate_rest(&from);
        ck_assert_uint_eq(f.live_bytes, 0);
        fault_fini(&f, "deflate");
    }
    free(body);
    free(wire);
    free(back);
}
END_TEST

START_TEST(test_deflate_rest_keeps_what_is_needed)
{
    struct flare__ws_deflate to;
    struct flare__ws_inflate from;
    struct flare_str none = {NULL, 0};
    char wire[256], back[64];
    struct flare_str half = FLARE_STR("\xf2\x48\xcd");
    int n;

    flare__ws_deflate_init(&to, al, 15, false);
    flare__ws_inflate_init(&from, al, 15, false, LIMIT);
    flare__ws_deflate_rest(&to); /* of nothing */
    flare__ws_inflate_rest(&from);
    n = pack_piece(&to, FLARE_STR("hello hello"), FLARE__WS_FLUSH_NONE, 64,
                   wire);
    flare__ws_deflate_rest(&to); /* inside a message: not a byte lost */
    n += pack_piece(&to, none, FLARE__WS_FLUSH_MESSAGE, 64, wire + n);
    ck_assert_int_eq(
        unpack(&from, (struct flare_str){wire, (size_t)n}, 99, 64, back), 11);
    ck_assert_int_ge(flare__ws_inflate_feed(&from, &half, false, back, 64), 0);
    flare__ws_inflate_rest(&from);
    half = FLARE_STR("\xc9\xc9\x07\x00");
    ck_assert_int_ge(flare__ws_inflate_feed(&from, &half, true, back, 64), 0);
    flare__ws_deflate_fini(&to);
    flare__ws_inflate_fini(&from);
}
END_TEST

/* Sends and receives; a want of memory at a message's start is no end. */
static int scenario_message(struct fault *f, void *ctx)
{
    struct flare__ws_deflate to;
    struct flare__ws_inflate from;
    struct flare_str in = *(struct flare_str *)ctx;
    char wire[4096], back[4096];
    int n, rc;

    flare__ws_deflate_init(&to, &f->al, 12, true);
    flare__ws_inflate_init(&from, &f->al, 12, true, LIMIT);
    n = flare__ws_deflate_feed(&to, &in, FLARE__WS_FLUSH_MESSAGE, wire,
                               sizeof(wire));
    rc = n;
    if (n == -ENOMEM) {
        ck_assert_uint_eq(in.len, ((struct flare_str *)ctx)->len);
        fault_disarm(f);
        n = flare__ws_deflate_feed(&to, &in, FLARE__WS_FLUSH_MESSAGE, wire,
                                   sizeof(wire));
    }
    ck_assert_int_gt(n, 0);
    in = (struct flare_str){wire, (size_t)n};
    for (size_t at = 0; rc >= 0 && at < in.len; at += 100) {
        struct flare_str part = {wire + at,
                                 in.len - at < 100 ? in.len - at : 100};

        rc = flare__ws_inflate_feed(&from, &part, at + 100 >= in.len, back,
                                    sizeof(back));
    }
    flare__ws_deflate_fini(&to);
    flare__ws_inflate_fini(&from);
    return rc;
}

START_TEST(test_deflate_survives_every_lack_of_memory)
{
    char body[3000];
    struct flare_str in = {body, sizeof(body)};
    struct fault_report report;

    noise_fill(body, sizeof(body), NOISE_TEXT, 6);
    report = fault_each("permessage-deflate", scenario_message, &in);
    ck_assert_uint_ge(report.sites, 8);
}
END_TEST

START_TEST(test_deflate_is_here)
{
    ck_assert(flare__ws_deflate_is_here());
}
END_TEST

static void deflate_tests(TCase *tc)
{
    tcase_add_test(tc, test_deflate_is_here);
    tcase_add_loop_test(tc, test_inflate_result_does_not_depend_on_the_cut, 0,
                        ROWS(rows));
    tcase_add_loop_test(tc, test_inflate_ends_with_an_empty_last_fragment, 0,
                        2);
    tcase_add_test(tc, test_inflate_context_is_taken_over_if_that_was_agreed);
    tcase_add_test(tc, test_deflate_writes_what_the_rfc_shows);
    tcase_add_loop_test(tc, test_deflate_comes_back_for_every_window, 0, 16);
    tcase_add_test(tc, test_deflate_end_is_right_for_every_room);
    tcase_add_test(tc, test_deflate_fragments_can_be_read_as_they_come);
    tcase_add_test(tc, test_inflate_cap_is_exact_and_of_each_message_W17);
    tcase_add_test(tc, test_inflate_bomb_is_stopped_as_it_streams_W17);
    tcase_add_loop_test(tc, test_deflate_memory_is_bounded_and_given_back, 0,
                        8);
    tcase_add_test(tc, test_deflate_rest_keeps_what_is_needed);
    tcase_add_test(tc, test_deflate_survives_every_lack_of_memory);
}

#else

START_TEST(test_deflate_is_not_here_and_says_so)
{
    struct flare__ws_deflate to;
    struct flare__ws_inflate from;
    struct flare_str in = FLARE_STR("x");
    char out[64];

    ck_assert(!flare__ws_deflate_is_here());
    flare__ws_deflate_init(&to, al, 15, true);
    flare__ws_inflate_init(&from, al, 15, true, 1);
    ck_assert_int_eq(
        flare__ws_deflate_feed(&to, &in, FLARE__WS_FLUSH_MESSAGE, out, 64),
        -EOPNOTSUPP);
    ck_assert_int_eq(flare__ws_inflate_feed(&from, &in, true, out, 64),
                     -EOPNOTSUPP);
    flare__ws_deflate_fini(&to);
    flare__ws_inflate_fini(&from);
}
END_TEST

static void deflate_tests(TCase *tc)
{
    tcase_add_test(tc, test_deflate_is_not_here_and_says_so);
}

#endif

int main(void)
{
    Suite *suite = suite_create("ws/deflate");
    TCase *tc = tcase_create("deflate");

    deflate_tests(tc);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
