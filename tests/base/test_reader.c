/* SPDX-License-Identifier: MIT */
/* The reader: what each call gives, fed and pulled; its limits; its cost. */
#include <flare/io.h>

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/noise.h"
#include "tests/support/reader_check.h"
#include "tests/support/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* What the reader looks at and moves is counted: see tests/files.mk. */
static size_t looked;
static size_t moved;

void *__real_memchr(const void *bytes, int byte, size_t len);
void *__wrap_memchr(const void *bytes, int byte, size_t len);
void *__real_memmove(void *to, const void *from, size_t len);
void *__wrap_memmove(void *to, const void *from, size_t len);

void *__wrap_memchr(const void *bytes, int byte, size_t len)
{
    const char *at = __real_memchr(bytes, byte, len);

    looked += at != NULL ? (size_t)(at - (const char *)bytes) + 1 : len;
    return (void *)(uintptr_t)at;
}

void *__wrap_memmove(void *to, const void *from, size_t len)
{
    moved += len;
    return __real_memmove(to, from, len);
}

static void assert_is(struct flare_str got, const char *wanted)
{
    ck_assert_msg(flare_str_equal(got, flare_str(wanted)),
                  "\"%.*s\", not \"%s\"", FLARE_STR_ARG(got), wanted);
}

static flare_reader *fed(const char *text, const struct flare_reader_options *o)
{
    flare_reader *r;

    ck_assert_int_eq(flare_reader_new(&r, o, NULL, NULL), 0);
    ck_assert_int_eq(flare_reader_feed(r, flare_str(text)), 0);
    return r;
}

#define LINE()                                                                 \
    {                                                                          \
        READER_LINE, {NULL, 0}, 1                                              \
    }
#define UNTIL(text)                                                            \
    {                                                                          \
        READER_UNTIL, {text, sizeof(text) - 1}, 1                              \
    }
#define SKIP(text)                                                             \
    {                                                                          \
        READER_SKIP, {text, sizeof(text) - 1}, 1                               \
    }
#define EXACT(n)                                                               \
    {                                                                          \
        READER_EXACT, {NULL, 0}, n                                             \
    }
#define BODY(n)                                                                \
    {                                                                          \
        READER_BODY, {NULL, 0}, n                                              \
    }
#define INPUT(text)                                                            \
    {                                                                          \
        text, sizeof(text) - 1                                                 \
    }

static const struct {
    const char *name;
    struct reader_step steps[4];
    size_t count;
    uint32_t line_max;
    struct flare_str input;
} rows[] = {
    {"lines", {LINE()}, 1, 8, INPUT("a\nbc\r\n\n\r\nlast")},
    {"all ended", {LINE()}, 1, 8, INPUT("a\nb\n")},
    {"CR alone ends nothing", {LINE()}, 1, 8, INPUT("a\rb\r\r\n\r")},
    {"NUL is a byte", {LINE()}, 1, 8, INPUT("a\0b\n\0\n\0")},
    {"as long as allowed", {LINE()}, 1, 4, INPUT("1234\n1234\r\n1234")},
    {"one too long", {LINE()}, 1, 4, INPUT("12345\n1\n12345\r\n2\r\n12345")},
    {"CR is the one too long", {LINE()}, 1, 4, INPUT("1234\r")},
    {"far too long", {LINE()}, 1, 2, INPUT("0123456789\nab\n0123456789")},
    {"two bytes", {UNTIL("\r\n")}, 1, 8, INPUT("a\nb\r\n\r\r\n\n\r\nend\r")},
    {"overlaps itself", {UNTIL("aab")}, 1, 8, INPUT("aaabaabxaaaab aa")},
    {"all the same", {UNTIL("aaaa")}, 1, 8, INPUT("aaaaaaaaaaaaaaa")},
    {"16 bytes",
     {UNTIL("aaaaaaaaaaaaaaab")},
     1,
     4,
     INPUT("aaaaaaaaaaaaaaaaaabxaaaaaaaaaaaaaaabaaaaaaaaaaaaaaaa")},
    {"until has the limit too", {UNTIL("::")}, 1, 3, INPUT("abc::abcd::x:")},
    {"length and bytes",
     {LINE(), EXACT(5)},
     2,
     8,
     INPUT("5\nhello5\r\nworld5\nabc")},
    {"a body", {LINE(), BODY(9), LINE()}, 3, 8, INPUT("PUT\n012345678\nPUT\n")},
    {"ends in a body", {BODY(9)}, 1, 8, INPUT("0123456789")},
    {"skips", {SKIP("ab"), LINE()}, 2, 3, INPUT("aaaaaaaaabx\naaab\n\naaaa")},
    {"two delimiters in turn",
     {UNTIL(","), UNTIL(";")},
     2,
     8,
     INPUT("a,b;c,d,e;,;f;g")},
};

START_TEST(test_reader_gives_the_same_however_it_is_cut)
{
    struct reader_script script = {
        .steps = rows[_i].steps,
        .count = rows[_i].count,
        .line_max = rows[_i].line_max,
    };
    const char *wrong = reader_check(&script, rows[_i].input, READER_CUT_EVERY);

    ck_assert_msg(wrong == NULL, "%s: %s", rows[_i].name, wrong);
    script.buffer_max = 1024; /* so small that it is moved and refilled */
    wrong = reader_check(&script, rows[_i].input, READER_CUT_FEW);
    ck_assert_msg(wrong == NULL, "%s, small: %s", rows[_i].name, wrong);
}
END_TEST

/* Noise with many ends in it, so that all calls meet. */
START_TEST(test_reader_gives_what_a_naive_reading_gives)
{
    static const char alphabet[] = "aaab\r\n\n,";
    static const struct reader_step steps[] = {
        LINE(), UNTIL("aab"), BODY(20), LINE(), EXACT(3), SKIP(","),
    };
    struct reader_script script = {.steps = steps,
                                   .count = sizeof(steps) / sizeof(*steps)};
    char text[3000];
    const char *wrong;

    noise_fill(text, sizeof(text), NOISE_RANDOM, (uint64_t)_i + 1);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = alphabet[(unsigned char)text[i] % 8];
    script.line_max = (uint32_t)_i % 12 + 1;
    script.buffer_max = _i % 2 == 0 ? 0 : 64;
    wrong = reader_check(&script, (struct flare_str){text, sizeof(text)},
                         READER_CUT_FEW);
    ck_assert_msg(wrong == NULL, "seed %d: %s", _i + 1, wrong);
}
END_TEST

START_TEST(test_reader_tells_an_empty_line_from_the_end)
{
    flare_reader *r = fed("\n\r\n", NULL);
    struct flare_str line = FLARE_STR("before");

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(flare_reader_line(r, &line), FLARE_READ_WHOLE);
        ck_assert_uint_eq(line.len, 0);
    }
    line = FLARE_STR("before");
    ck_assert_int_eq(flare_reader_line(r, &line), -EAGAIN);
    flare_reader_end(r);
    flare_reader_end(r);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(flare_reader_line(r, &line), FLARE_READ_END);
    assert_is(line, "before");
    ck_assert_int_eq(flare_reader_until(r, FLARE_STR(","), &line),
                     FLARE_READ_END);
    ck_assert_int_eq(flare_reader_exact(r, 1, &line), FLARE_READ_END);
    ck_assert_int_eq(flare_reader_some(r, 1, &line), FLARE_READ_END);
    ck_assert_int_eq(flare_reader_skip(r, FLARE_STR(",")), FLARE_READ_END);
    flare_reader_free(r);
}
END_TEST

START_TEST(test_reader_flags_a_last_line_without_end)
{
    flare_reader *r = fed("one\ntwo", NULL);
    struct flare_str line;

    ck_assert_int_eq(flare_reader_line(r, &line), FLARE_READ_WHOLE);
    assert_is(line, "one");
    ck_assert_int_eq(flare_reader_line(r, &line), -EAGAIN);
    ck_assert_uint_eq(flare_reader_unread(r), 3);
    flare_reader_end(r);
    ck_assert_int_eq(flare_reader_line(r, &line), FLARE_READ_UNENDED);
    assert_is(line, "two");
    ck_assert_int_eq(flare_reader_line(r, &line), FLARE_READ_END);
    flare_reader_free(r);
}
END_TEST

/* What is known of one delimiter says nothing about another. */
START_TEST(test_reader_may_be_asked_for_another_delimiter)
{
    flare_reader *r = fed("a-b\nc,d", NULL);
    struct flare_str out;

    ck_assert_int_eq(flare_reader_until(r, FLARE_STR("--"), &out), -EAGAIN);
    ck_assert_int_eq(flare_reader_until(r, FLARE_STR("-"), &out),
                     FLARE_READ_WHOLE);
    assert_is(out, "a");
    ck_assert_int_eq(flare_reader_until(r, FLARE_STR(";"), &out), -EAGAIN);
    ck_assert_int_eq(flare_reader_line(r, &out), FLARE_READ_WHOLE);
    assert_is(out, "b");
    ck_assert_int_eq(flare_reader_line(r, &out), -EAGAIN);
    ck_assert_int_eq(flare_reader_skip(r, FLARE_STR(",")), FLARE_READ_WHOLE);
    ck_assert_int_eq(flare_reader_until(r, FLARE_STR("\n\n"), &out), -EAGAIN);
    ck_assert_int_eq(flare_reader_exact(r, 1, &out), FLARE_READ_WHOLE);
    assert_is(out, "d");
    flare_reader_free(r);
}
END_TEST

START_TEST(test_reader_keeps_a_line_that_is_too_long)
{
    struct flare_reader_options options = {.line_bytes_max = 4};
    flare_reader *r = fed("12345", &options);
    struct flare_str out;

    /* It may still be 4 bytes, CR and LF: no.  The 5th is no CR, but this is
     * told only when no end can follow in time. */
    ck_assert_int_eq(flare_reader_line(r, &out), -EAGAIN);
    ck_assert_int_eq(flare_reader_feed(r, FLARE_STR("6")), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(flare_reader_line(r, &out), FLARE_E_LINE_TOO_LONG);
    ck_assert_int_eq(flare_reader_some(r, 3, &out), FLARE_READ_WHOLE);
    assert_is(out, "123");
    ck_assert_int_eq(flare_reader_feed(r, FLARE_STR("\n12345678\nok\n")), 0);
    ck_assert_int_eq(flare_reader_line(r, &out), FLARE_READ_WHOLE);
    assert_is(out, "456");
    ck_assert_int_eq(flare_reader_line(r, &out), FLARE_E_LINE_TOO_LONG);
    ck_assert_int_eq(flare_reader_skip(r, FLARE_STR("\n")), FLARE_READ_WHOLE);
    ck_assert_int_eq(flare_reader_line(r, &out), FLARE_READ_WHOLE);
    assert_is(out, "ok");
    flare_reader_free(r);
}
END_TEST

START_TEST(test_reader_skips_more_than_it_can_hold)
{
    struct flare_reader_options options = {.line_bytes_max = 8,
                                           .buffer_bytes_max = 25};
    flare_reader *r = fed("", &options);
    struct flare_str out;

    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(flare_reader_feed(r, FLARE_STR("0123456789end-of-")),
                         0);
        ck_assert_int_eq(flare_reader_skip(r, FLARE_STR("end-of-it")), -EAGAIN);
        ck_assert_uint_lt(flare_reader_unread(r), 9);
    }
    ck_assert_int_eq(flare_reader_feed(r, FLARE_STR("itx\n")), 0);
    ck_assert_int_eq(flare_reader_skip(r, FLARE_STR("end-of-it")),
                     FLARE_READ_WHOLE);
    ck_assert_int_eq(flare_reader_line(r, &out), FLARE_READ_WHOLE);
    assert_is(out, "x");
    flare_reader_free(r);
}
END_TEST

START_TEST(test_reader_tells_an_end_within_from_an_end_between)
{
    flare_reader *r = fed("abcde", NULL);
    struct flare_str out;

    ck_assert_int_eq(flare_reader_exact(r, 2, &out), FLARE_READ_WHOLE);
    assert_is(out, "ab");
    ck_assert_int_eq(flare_reader_exact(r, 4, &out), -EAGAIN);
    flare_reader_end(r);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(flare_reader_exact(r, 4, &out), FLARE_E_END_OF_STREAM);
    ck_assert_int_eq(flare_reader_exact(r, 3, &out), FLARE_READ_WHOLE);
    assert_is(out, "cde");
    ck_assert_int_eq(flare_reader_exact(r, 1, &out), FLARE_READ_END);
    ck_assert_int_eq(flare_reader_exact(r, 0, &out), FLARE_READ_WHOLE);
    assert_is(out, "");
    ck_assert_int_eq(flare_reader_some(r, 0, &out), FLARE_READ_WHOLE);
    assert_is(out, "");
    flare_reader_free(r);
}
END_TEST

START_TEST(test_reader_refuses_what_is_out_of_range)
{
    static const struct flare_reader_options bad[] = {
        {.line_bytes_max = 100, .buffer_bytes_max = 115},
        {.buffer_bytes_max = FLARE_LINE_BYTES_DEFAULT},
        {.buffer_bytes_max = FLARE_READER_BYTES_MAX + 1U},
        {.line_bytes_max = FLARE_READER_BYTES_MAX},
        {.line_bytes_max = UINT32_MAX},
    };
    struct flare_reader_options least = {.line_bytes_max = 100,
                                         .buffer_bytes_max = 116};
    struct flare_str out;
    flare_reader *r;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_int_eq(flare_reader_new(&r, &bad[i], NULL, NULL),
                         FLARE_E_BAD_CONFIG);
    r = fed("12345678901234567", &least);
    ck_assert_int_eq(flare_reader_until(r, FLARE_STR(""), &out), FLARE_E_RANGE);
    ck_assert_int_eq(
        flare_reader_until(r, FLARE_STR("12345678901234567"), &out),
        FLARE_E_RANGE);
    ck_assert_int_eq(flare_reader_skip(r, FLARE_STR("")), FLARE_E_RANGE);
    ck_assert_int_eq(flare_reader_exact(r, 117, &out), FLARE_E_RANGE);
    ck_assert_int_eq(flare_reader_exact(r, 116, &out), -EAGAIN);
    ck_assert_uint_eq(flare_reader_unread(r), 17);
    flare_reader_free(r);
    flare_reader_free(NULL);
}
END_TEST

START_TEST(test_reader_takes_no_more_than_its_buffer)
{
    struct flare_reader_options options = {.line_bytes_max = 84,
                                           .buffer_bytes_max = 100};
    char bytes[100];
    flare_reader *r = fed("ab", &options);
    struct flare_str out;

    memset(bytes, 'x', sizeof(bytes));
    ck_assert_int_eq(flare_reader_feed(r, (struct flare_str){bytes, 99}),
                     -ENOBUFS);
    ck_assert_uint_eq(flare_reader_unread(r), 2);
    ck_assert_int_eq(flare_reader_feed(r, (struct flare_str){bytes, 98}), 0);
    ck_assert_int_eq(flare_reader_feed(r, (struct flare_str){bytes, 1}),
                     -ENOBUFS);
    ck_assert_int_eq(flare_reader_feed(r, (struct flare_str){NULL, 0}), 0);
    ck_assert_int_eq(flare_reader_exact(r, 100, &out), FLARE_READ_WHOLE);
    ck_assert_uint_eq(out.len, 100);
    ck_assert(out.ptr[1] == 'b' && out.ptr[99] == 'x');
    ck_assert_int_eq(flare_reader_feed(r, (struct flare_str){bytes, 100}), 0);
    flare_reader_free(r);
}
END_TEST

START_TEST(test_reader_is_not_fed_after_the_end)
{
    flare_reader *r = fed("a", NULL);

    flare_reader_end(r);
    (void)!flare_reader_feed(r, FLARE_STR("b")); /* aborts */
}
END_TEST

/* ---- pulled ---- */

struct script {
    const int *results; /* then 0 */
    size_t count;
    size_t at;
};

static int script_pull(void *ctx, void *buf, size_t size)
{
    struct script *s = ctx;
    int rc = s->at < s->count ? s->results[s->at] : 0;

    s->at++;
    if (rc > 0) {
        ck_assert_uint_ge(size, (size_t)rc);
        memset(buf, 'x', (size_t)rc);
    }
    return rc;
}

START_TEST(test_reader_passes_on_errors_of_the_source_and_asks_again)
{
    static const int results[] = {3, -ETIMEDOUT, -EINTR, 2, -ECONNRESET};
    struct script s = {results, 5, 0};
    struct flare_str out;
    flare_reader *r;

    ck_assert_int_eq(flare_reader_new(&r, NULL, script_pull, &s), 0);
    ck_assert_int_eq(flare_reader_line(r, &out), -ETIMEDOUT);
    ck_assert_int_eq(flare_reader_exact(r, 5, &out), -EINTR);
    ck_assert_int_eq(flare_reader_exact(r, 5, &out), FLARE_READ_WHOLE);
    assert_is(out, "xxxxx");
    ck_assert_int_eq(flare_reader_skip(r, FLARE_STR("\n")), -ECONNRESET);
    ck_assert_int_eq(flare_reader_some(r, 9, &out), FLARE_READ_END);
    ck_assert_int_eq(flare_reader_some(r, 9, &out), FLARE_READ_END);
    ck_assert_uint_eq(s.at, 6); /* an end is asked for once */
    flare_reader_free(r);
}
END_TEST

START_TEST(test_reader_reads_what_was_read_too_far_before_it_pulls)
{
    static const int results[] = {2};
    struct script s = {results, 1, 0};
    struct flare_str out;
    flare_reader *r;

    ck_assert_int_eq(flare_reader_new(&r, NULL, script_pull, &s), 0);
    ck_assert_int_eq(flare_reader_feed(r, FLARE_STR("one\ntw")), 0);
    ck_assert_int_eq(flare_reader_line(r, &out), FLARE_READ_WHOLE);
    assert_is(out, "one");
    ck_assert_uint_eq(s.at, 0);
    ck_assert_int_eq(flare_reader_line(r, &out), FLARE_READ_UNENDED);
    assert_is(out, "twxx");
    flare_reader_free(r);
}
END_TEST

/* As much as it is asked for, of a stream without end. */
static int flood_pull(void *ctx, void *buf, size_t size)
{
    size_t *most = ctx;

    if (size > *most)
        *most = size;
    memset(buf, 'x', size);
    return (int)size;
}

START_TEST(test_reader_pulls_no_more_than_its_buffer)
{
    struct fault f;
    struct flare_reader_options options = {
        .line_bytes_max = 984, .buffer_bytes_max = 1000, .allocator = &f.al};
    size_t most = 0, before;
    struct flare_str out;
    flare_reader *r;

    fault_init(&f, FAULT_NEVER, 0);
    ck_assert_int_eq(flare_reader_new(&r, &options, flood_pull, &most), 0);
    before = f.live_bytes;
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(flare_reader_some(r, 7, &out), FLARE_READ_WHOLE);
        ck_assert_int_eq(flare_reader_line(r, &out), FLARE_E_LINE_TOO_LONG);
        ck_assert_uint_le(flare_reader_unread(r), 1000);
        ck_assert_int_eq(flare_reader_exact(r, 1000, &out), FLARE_READ_WHOLE);
        ck_assert_uint_eq(out.len, 1000);
    }
    ck_assert_uint_eq(most, 1000);
    ck_assert_uint_eq(f.peak_bytes, before + 2000); /* as io.h promises */
    flare_reader_free(r);
    fault_fini(&f, "reader");
}
END_TEST

/* ---- cost ---- */

enum { LONG = 1 << 20 };

/* Quadratic would be 2^39 looks. */
START_TEST(test_reader_looks_at_each_byte_once_however_they_come)
{
    struct flare_reader_options options = {.line_bytes_max = LONG};
    flare_reader *r = fed("", &options);
    struct flare_str out;

    looked = moved = 0;
    for (int i = 0; i < LONG; i++) {
        ck_assert_int_eq(flare_reader_feed(r, FLARE_STR("x")), 0);
        if (flare_reader_line(r, &out) != -EAGAIN)
            ck_abort_msg("a line after %d bytes", i);
    }
    ck_assert_int_eq(flare_reader_feed(r, FLARE_STR("\n")), 0);
    ck_assert_int_eq(flare_reader_line(r, &out), FLARE_READ_WHOLE);
    ck_assert_uint_eq(out.len, LONG);
    ck_assert_uint_ge(looked, LONG);
    ck_assert_uint_le(looked, LONG + 1);
    ck_assert_uint_le(moved, 2 * LONG);
    flare_reader_free(r);
}
END_TEST

/* A buffer that is always almost full: the worst there is for moving. */
START_TEST(test_reader_moves_each_byte_less_than_twice)
{
    enum { HELD = 10000, BYTES = 1000000 };
    struct fault f;
    struct flare_reader_options options = {
        .line_bytes_max = 1, .buffer_bytes_max = HELD + 1, .allocator = &f.al};
    struct flare_str out;
    flare_reader *r;
    size_t before;

    fault_init(&f, FAULT_NEVER, 0);
    ck_assert_int_eq(flare_reader_new(&r, &options, NULL, NULL), 0);
    before = f.live_bytes;
    for (int i = 0; i < HELD; i++)
        ck_assert_int_eq(flare_reader_feed(r, FLARE_STR("x")), 0);
    moved = 0;
    for (int i = 0; i < BYTES; i++) {
        if (flare_reader_feed(r, FLARE_STR("y")) != 0 ||
            flare_reader_exact(r, 1, &out) != FLARE_READ_WHOLE)
            ck_abort_msg("not after %d bytes", i);
    }
#if !defined(FLARE__ASAN) || !defined(__clang__) /* which moves by itself */
    ck_assert_uint_gt(moved, 0);
#endif
    ck_assert_uint_le(moved, BYTES + 2 * HELD);
    ck_assert_uint_le(f.live_bytes, before + 2 * (HELD + 1));
    flare_reader_free(r);
    fault_fini(&f, "reader");
}
END_TEST

START_TEST(test_reader_memory_follows_the_bytes_and_not_the_limits)
{
    struct fault f;
    struct flare_reader_options options = {
        .line_bytes_max = 1 << 20,
        .allocator = &f.al,
    };
    struct flare_str out;
    flare_reader *r;
    size_t before;

    fault_init(&f, FAULT_NEVER, 0);
    ck_assert_int_eq(flare_reader_new(&r, &options, NULL, NULL), 0);
    before = f.live_bytes;
    ck_assert_uint_lt(before, 512);
    ck_assert_int_eq(flare_reader_exact(r, 1 << 20, &out), -EAGAIN);
    ck_assert_uint_eq(f.live_bytes, before);
    for (int i = 0; i < 100000; i++) {
        if (flare_reader_feed(r, FLARE_STR("0123456789\n")) != 0 ||
            flare_reader_line(r, &out) != FLARE_READ_WHOLE)
            ck_abort_msg("not after %d lines", i);
    }
    ck_assert_uint_le(f.peak_bytes, before + 512);
    flare_reader_free(r);
    fault_fini(&f, "reader");
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    static const int results[] = {5000, 5000, 5000};
    struct flare_reader_options options = {.line_bytes_max = 20000,
                                           .allocator = &f->al};
    struct script s = {results, 3, 0};
    struct flare_str out;
    flare_reader *r;
    int rc = flare_reader_new(&r, &options, script_pull, &s);

    (void)ctx;
    if (rc < 0)
        return rc;
    rc = flare_reader_feed(r, FLARE_STR("abc"));
    if (rc == 0)
        rc = flare_reader_exact(r, 10003, &out);
    else if (flare_reader_unread(r) != 0)
        ck_abort_msg("taken all the same");
    if (rc == -ENOMEM) { /* nothing is lost, and it goes on */
        bool is_fed = flare_reader_unread(r) > 0;

        fault_disarm(f);
        ck_assert_int_eq(flare_reader_line(r, &out), FLARE_READ_UNENDED);
        ck_assert_uint_eq(out.len, is_fed ? 15003 : 15000);
    } else if (rc > 0) {
        ck_assert(out.ptr[0] == 'a' && out.len == 10003);
    }
    flare_reader_free(r);
    return rc;
}

START_TEST(test_reader_survives_each_failed_allocation)
{
    struct fault_report report = fault_each("reader", scenario, NULL);

    ck_assert_uint_ge(report.sites, 4);
    ck_assert_uint_eq(report.recovered, 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("reader");
    TCase *t = tcase_create("reader");

    tcase_add_loop_test(t, test_reader_gives_the_same_however_it_is_cut, 0,
                        ROWS(rows));
    tcase_add_loop_test(t, test_reader_gives_what_a_naive_reading_gives, 0,
                        100);
    tcase_add_test(t, test_reader_tells_an_empty_line_from_the_end);
    tcase_add_test(t, test_reader_flags_a_last_line_without_end);
    tcase_add_test(t, test_reader_may_be_asked_for_another_delimiter);
    tcase_add_test(t, test_reader_keeps_a_line_that_is_too_long);
    tcase_add_test(t, test_reader_skips_more_than_it_can_hold);
    tcase_add_test(t, test_reader_tells_an_end_within_from_an_end_between);
    tcase_add_test(t, test_reader_refuses_what_is_out_of_range);
    tcase_add_test(t, test_reader_takes_no_more_than_its_buffer);
    tcase_add_test_raise_signal(t, test_reader_is_not_fed_after_the_end,
                                SIGABRT);
    tcase_add_test(t,
                   test_reader_passes_on_errors_of_the_source_and_asks_again);
    tcase_add_test(t, test_reader_reads_what_was_read_too_far_before_it_pulls);
    tcase_add_test(t, test_reader_pulls_no_more_than_its_buffer);
    tcase_add_test(t, test_reader_looks_at_each_byte_once_however_they_come);
    tcase_add_test(t, test_reader_moves_each_byte_less_than_twice);
    tcase_add_test(t, test_reader_memory_follows_the_bytes_and_not_the_limits);
    tcase_add_test(t, test_reader_survives_each_failed_allocation);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(suite());
}
