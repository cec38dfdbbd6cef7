/* SPDX-License-Identifier: MIT */
/* Base64: the RFC's vectors, and nothing that encoding would not write. */
#include "base/base64.h"

#include "tests/support/test.h"

#include <string.h>

static const struct {
    const char *plain;
    const char *coded;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xfe\xfd", "//79"},
    {"\xfb\xef", "++8="},
};

START_TEST(test_base64_has_the_vectors_of_rfc_4648)
{
    const char *plain = vectors[_i].plain;
    const char *coded = vectors[_i].coded;
    char out[64];
    size_t len = flare__base64_length(strlen(plain));

    ck_assert_uint_eq(len, strlen(coded));
    flare__base64_encode(out, flare_str(plain));
    ck_assert_mem_eq(out, coded, len);
    ck_assert_int_eq(flare__base64_decode(out, flare_str(coded)),
                     (int)strlen(plain));
    ck_assert_mem_eq(out, plain, strlen(plain));
}
END_TEST

static const char *const faults[] = {
    "Z",    "Zg",   "Zg=",     "Zg===", "=",        "====",       "Zh==",
    "Zm9=", "Zm 9", "Zm9v\n",  "Zm9v ", "Zg==Zg==", "Z===",       "Zm9v=",
    "Zm-v", "Zm_v", "Zm9\x80", "=Zg=",  "Zm8=\n",   "Zm9vZg==\n",
};

START_TEST(test_base64_rejects_what_encoding_would_not_write)
{
    char out[64];

    ck_assert_msg(flare__base64_decode(out, flare_str(faults[_i])) ==
                      FLARE_E_BAD_INPUT,
                  "'%s'", faults[_i]);
}
END_TEST

START_TEST(test_base64_takes_each_of_its_64_characters_and_no_other)
{
    char in[5] = "AAAA";
    char out[3];
    int taken = 0;

    for (int c = 0; c < 256; c++) {
        in[0] = (char)c;
        if (flare__base64_decode(out, (struct flare_str){in, 4}) >= 0) {
            char again[4];

            taken++;
            flare__base64_encode(again, (struct flare_str){out, 3});
            ck_assert_mem_eq(again, in, 4);
        }
    }
    ck_assert_int_eq(taken, 64);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/base64");
    TCase *tc = tcase_create("base64");

    tcase_add_loop_test(tc, test_base64_has_the_vectors_of_rfc_4648, 0,
                        ROWS(vectors));
    tcase_add_loop_test(tc, test_base64_rejects_what_encoding_would_not_write,
                        0, ROWS(faults));
    tcase_add_test(tc,
                   test_base64_takes_each_of_its_64_characters_and_no_other);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
