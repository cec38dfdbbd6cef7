/* SPDX-License-Identifier: MIT */
/* SHA-1: the standard's vectors, and every length about the block's border. */
#include "base/sha1.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

enum { LENGTHS = 301 };

static void hex(char *out, const uint8_t digest[FLARE__SHA1_BYTES])
{
    for (size_t i = 0; i < FLARE__SHA1_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static const struct {
    const char *text;
    size_t times;
    const char *digest;
} vectors[] = {
    /* FIPS 180, appendices A.1 to A.3 */
    {"abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {"a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
    {"", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    /* RFC 6455 section 1.3 */
    {"dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 1,
     "b37a4f2cc0624f1690f64606cf385945b2bec4ea"},
};

START_TEST(test_sha1_has_the_vectors_of_the_standard)
{
    size_t len = strlen(vectors[_i].text);
    char *all = malloc(len * vectors[_i].times + 1);
    uint8_t digest[FLARE__SHA1_BYTES];
    char text[2 * FLARE__SHA1_BYTES + 1];

    for (size_t i = 0; i < vectors[_i].times; i++)
        memcpy(all + i * len, vectors[_i].text, len);
    flare__sha1(digest, (struct flare_str){all, len * vectors[_i].times});
    hex(text, digest);
    ck_assert_str_eq(text, vectors[_i].digest);
    free(all);
}
END_TEST

START_TEST(test_sha1_of_nothing_needs_no_address)
{
    uint8_t digest[FLARE__SHA1_BYTES];
    char text[2 * FLARE__SHA1_BYTES + 1];

    flare__sha1(digest, (struct flare_str){NULL, 0});
    hex(text, digest);
    ck_assert_str_eq(text, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}
END_TEST

/* The sum over the digests of 0 to 300 bytes, made by Python's hashlib. */
START_TEST(test_sha1_of_every_length_up_to_300)
{
    uint8_t digests[LENGTHS * FLARE__SHA1_BYTES], sum[FLARE__SHA1_BYTES];
    char bytes[LENGTHS], text[2 * FLARE__SHA1_BYTES + 1];
    struct guard g;

    guard_init(&g, sizeof(bytes));
    for (size_t i = 0; i < LENGTHS; i++)
        bytes[i] = (char)(i * 7 + 3);
    for (size_t len = 0; len < LENGTHS; len++)
        flare__sha1(digests + len * FLARE__SHA1_BYTES,
                    (struct flare_str){guard_put(&g, bytes, len), len});
    flare__sha1(sum, (struct flare_str){(char *)digests, sizeof(digests)});
    hex(text, sum);
    ck_assert_str_eq(text, "43debf5006166594c976375f1c06253e43d53ddf");
    guard_fini(&g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/sha1");
    TCase *tc = tcase_create("sha1");

    tcase_add_loop_test(tc, test_sha1_has_the_vectors_of_the_standard, 0,
                        ROWS(vectors));
    tcase_add_test(tc, test_sha1_of_nothing_needs_no_address);
    tcase_add_test(tc, test_sha1_of_every_length_up_to_300);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
