/* SPDX-License-Identifier: MIT */
/* SipHash-1-3: as others compute it, and every byte and bit of the seed counts.
 */
#include "base/hash.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

/* With the seed 0: hash() of CPython 3.11 under PYTHONHASHSEED=0. */
static const struct {
    const char *bytes;
    size_t len;
    uint64_t hash;
} rows[] = {
    {"a", 1, UINT64_C(0x407448d2b89b1813)},
    {"\xff\xfe\xfd", 3, UINT64_C(0x1a3b5eca76d772b7)},
    {"12345678", 8, UINT64_C(0x3489982430560a87)},
    {"example.com", 11, UINT64_C(0x7e0432aaedb1758c)},
    {"123456789abcdef", 15, UINT64_C(0xf3543d992ba71328)},
    {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, UINT64_C(0x76be999e3e25b2a0)},
};

START_TEST(test_hash_is_what_others_compute_wherever_the_bytes_lie)
{
    const uint64_t seed[2] = {0, 0};
    struct guard g;

    guard_init(&g, 16);
    ck_assert_uint_eq(
        flare__hash(seed, (struct flare_str){guard_put(&g, rows[_i].bytes,
                                                       rows[_i].len),
                                             rows[_i].len}),
        rows[_i].hash);
    guard_fini(&g);
}
END_TEST

START_TEST(test_hash_every_bit_of_seed_and_bytes_counts)
{
    const struct flare_str in = FLARE_STR("some twenty bytes...");
    const uint64_t seed[2] = {1, 2};
    const uint64_t plain = flare__hash(seed, in);
    char bytes[20];

    for (int i = 0; i < 128; i++) {
        uint64_t other[2] = {1, 2};

        other[i / 64] ^= UINT64_C(1) << i % 64;
        ck_assert_uint_ne(flare__hash(other, in), plain);
    }
    for (size_t i = 0; i < in.len * 8; i++) {
        memcpy(bytes, in.ptr, in.len);
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
        ck_assert_uint_ne(flare__hash(seed, (struct flare_str){bytes, in.len}),
                          plain);
    }
    for (size_t len = 0; len < in.len; len++)
        ck_assert_uint_ne(flare__hash(seed, (struct flare_str){in.ptr, len}),
                          plain);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/hash");
    TCase *tc = tcase_create("hash");

    tcase_add_loop_test(tc,
                        test_hash_is_what_others_compute_wherever_the_bytes_lie,
                        0, ROWS(rows));
    tcase_add_test(tc, test_hash_every_bit_of_seed_and_bytes_counts);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
