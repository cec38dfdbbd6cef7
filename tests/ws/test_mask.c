/* SPDX-License-Identifier: MIT */
/*
 * Every masking kernel of this CPU against a loop over bytes: all lengths,
 * alignments and offsets into the key, in place and copying, and not a byte
 * outside (W25).
 */
#include "ws/mask_kernels.h"

#include "base/cpu.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

enum { LEN_MAX = 300, ALIGN = 64, ROOM = LEN_MAX + 2 * ALIGN + 64 };

static const unsigned char key_bytes[4] = {0x37, 0xfa, 0x21, 0x3d};
static unsigned char plain[4096];

static void byte_loop(unsigned char *out, const unsigned char *in, size_t len,
                      size_t offset)
{
    for (size_t i = 0; i < len; i++)
        out[i] = in[i] ^ key_bytes[(offset + i) % 4];
}

static void plain_fill(void)
{
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (unsigned char)(i * 131 + i / 7);
}

/* The kernels of this CPU; a loop test has a row for each there may be. */
static const struct flare__mask_kernel *kernel_of(int row)
{
    static struct flare__mask_kernel kernels[FLARE__MASK_KERNELS_MAX + 1];
    size_t n = flare__mask_kernels(kernels, 0);

    plain_fill();
    return (size_t)row < n ? &kernels[row] : NULL;
}

/* Masks at `out`, which is `in` or elsewhere, with bytes around it. */
static void check_at(const struct flare__mask_kernel *k, char *out,
                     const char *in, size_t len, size_t offset)
{
    unsigned char want[LEN_MAX];
    uint32_t key = flare__mask_turn(flare__mask_key(key_bytes), offset);

    byte_loop(want, plain, len, offset);
    k->mask(out, in, len, key);
    if (memcmp(out, want, len) != 0)
        ck_abort_msg("%s: %zu bytes at %zu, offset %zu, %s", k->name, len,
                     (size_t)((uintptr_t)out % ALIGN), offset,
                     out == in ? "in place" : "copied");
}

static void check_around(const struct flare__mask_kernel *k, const char *room,
                         const char *out, size_t len)
{
    for (size_t i = 0; i < ROOM; i++)
        if ((room + i < out || room + i >= out + len) && room[i] != '#')
            ck_abort_msg("%s: %zu bytes: wrote at %td", k->name, len,
                         room + i - out);
}

static void check_length(const struct flare__mask_kernel *k, size_t len)
{
    _Alignas(ALIGN) static char room[ROOM], other[ROOM];

    for (size_t align = 0; align < ALIGN; align++)
        for (size_t offset = 0; offset < 4; offset++) {
            char *at = room + ALIGN + align;
            char *from = other + (align * 7 + len) % ALIGN;

            memset(room, '#', ROOM);
            memcpy(at, plain, len);
            check_at(k, at, at, len, offset);
            check_around(k, room, at, len);
            memset(room, '#', ROOM);
            memcpy(from, plain, len);
            check_at(k, at, from, len, offset);
            check_around(k, room, at, len);
            ck_assert(memcmp(from, plain, len) == 0);
        }
}

START_TEST(test_mask_is_the_byte_loop_at_every_length_alignment_and_offset)
{
    const struct flare__mask_kernel *k = kernel_of(_i);

    if (k == NULL)
        TEST_SKIP("this CPU runs %d kernels", _i);
    for (size_t len = 0; len <= LEN_MAX; len++)
        check_length(k, len);
}
END_TEST

START_TEST(test_mask_touches_neither_the_page_before_nor_the_one_behind)
{
    const struct flare__mask_kernel *k = kernel_of(_i);
    struct guard g, from;

    if (k == NULL)
        TEST_SKIP("this CPU runs %d kernels", _i);
    guard_init(&g, 4096);
    guard_init(&from, 4096);
    for (size_t len = 0; len <= LEN_MAX; len++)
        for (size_t offset = 0; offset < 4; offset++) {
            char *last = guard_last(&g, len);
            const char *in = guard_put(&from, (const char *)plain, len);

            check_at(k, last, in, len, offset);
            memcpy(last, plain, len);
            check_at(k, last, last, len, offset);
            memcpy(g.base, plain, len);
            check_at(k, g.base, g.base, len, offset);
            memcpy(from.base, plain, len);
            check_at(k, g.base, from.base, len, offset);
            check_at(k, last, from.base, len, offset);
        }
    guard_fini(&from);
    guard_fini(&g);
}
END_TEST

START_TEST(test_mask_twice_is_nothing_and_pieces_are_the_whole)
{
    static char whole[sizeof(plain)], pieces[sizeof(plain)];
    const struct flare__mask_kernel *k = kernel_of(_i);
    uint32_t key = flare__mask_key(key_bytes);
    size_t at = 0;

    if (k == NULL)
        TEST_SKIP("this CPU runs %d kernels", _i);
    k->mask(whole, (const char *)plain, sizeof(plain), key);
    for (size_t n = 0; at < sizeof(plain); at += n, n = n * 5 % 257 + 1) {
        if (n > sizeof(plain) - at)
            n = sizeof(plain) - at;
        k->mask(pieces + at, (const char *)plain + at, n,
                flare__mask_turn(key, at));
    }
    ck_assert(memcmp(whole, pieces, sizeof(plain)) == 0);
    k->mask(whole, whole, sizeof(plain), key);
    ck_assert(memcmp(whole, plain, sizeof(plain)) == 0);
}
END_TEST

START_TEST(test_mask_is_the_example_of_the_rfc)
{
    char hello[] = "Hello";

    /* RFC 6455 section 5.7: a masked text message */
    flare__mask(hello, hello, 5, flare__mask_key(key_bytes));
    ck_assert(memcmp(hello, "\x7f\x9f\x4d\x51\x58", 5) == 0);
    flare__mask(hello, hello, 5, flare__mask_key(key_bytes));
    ck_assert_str_eq(hello, "Hello");
}
END_TEST

START_TEST(test_mask_kernels_go_with_what_is_denied)
{
    struct flare__mask_kernel k[FLARE__MASK_KERNELS_MAX + 1];
    size_t n = flare__mask_kernels(k, FLARE__CPU_ALL);

    ck_assert_str_eq(k[n - 1].name, "scalar");
    ck_assert_ptr_null(k[n].mask);
#ifdef FLARE__MASK_X86
    ck_assert_str_eq(k[0].name, "sse2"); /* part of the architecture */
#else
    ck_assert_uint_eq(n, 1);
#endif
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/mask");
    TCase *tc = tcase_create("W25");

    tcase_add_loop_test(
        tc, test_mask_is_the_byte_loop_at_every_length_alignment_and_offset, 0,
        FLARE__MASK_KERNELS_MAX);
    tcase_add_loop_test(
        tc, test_mask_touches_neither_the_page_before_nor_the_one_behind, 0,
        FLARE__MASK_KERNELS_MAX);
    tcase_add_loop_test(tc, test_mask_twice_is_nothing_and_pieces_are_the_whole,
                        0, FLARE__MASK_KERNELS_MAX);
    tcase_add_test(tc, test_mask_is_the_example_of_the_rfc);
    tcase_add_test(tc, test_mask_kernels_go_with_what_is_denied);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
