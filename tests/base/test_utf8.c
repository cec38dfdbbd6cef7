/* SPDX-License-Identifier: MIT */
/*
 * Exactly the well-formed sequences of RFC 3629, wherever they stand; and with
 * every kernel of this CPU, however the text is cut, the first bad byte (W11).
 * FLARE_EXHAUSTIVE in the environment: all four-byte words, not samples.
 */
#include "base/utf8_kernels.h"

#include "base/cpu.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

static const struct {
    const char *name;
    const char *text;
    bool is_valid;
} rows[] = {
    {"empty", "", true},
    {"ASCII", "hello", true},
    {"ASCII of more than eight bytes", "0123456789abcdefg", true},
    {"two bytes", "\xC3\xA9", true},
    {"three bytes", "\xE2\x82\xAC", true},
    {"four bytes", "\xF0\x9F\x94\xA5", true},
    {"last before the surrogates", "\xED\x9F\xBF", true},
    {"first after the surrogates", "\xEE\x80\x80", true},
    {"last code point", "\xF4\x8F\xBF\xBF", true},
    {"between ASCII", "abc\xC3\xA9xyzabc\xE2\x82\xAC", true},
    {"continuation first", "\x80", false},
    {"overlong slash", "\xC0\xAF", false},
    {"overlong, C1", "\xC1\xBF", false},
    {"overlong in three bytes", "\xE0\x9F\xBF", false},
    {"overlong in four bytes", "\xF0\x8F\xBF\xBF", false},
    {"surrogate", "\xED\xA0\x80", false},
    {"past the last code point", "\xF4\x90\x80\x80", false},
    {"first byte of five", "\xF8\x88\x80\x80\x80", false},
    {"FF", "\xFF", false},
    {"cut after one of two", "\xC3", false},
    {"cut after two of three", "\xE2\x82", false},
    {"cut after three of four", "\xF0\x9F\x94", false},
    {"third byte is none", "\xE2\x82z", false},
    {"fourth byte is none", "\xF0\x9F\x94z", false},
};

START_TEST(test_utf8_takes_the_well_formed_wherever_they_stand)
{
    char text[64];
    struct guard g;

    guard_init(&g, sizeof(text));
    for (size_t before = 0; before < 18; before++) {
        for (size_t behind = 0; behind < 18; behind++) {
            size_t len = strlen(rows[_i].text);
            struct flare_str s = {NULL, before + len + behind};

            memset(text, 'a', sizeof(text));
            memcpy(text + before, rows[_i].text, len);
            s.ptr = guard_put(&g, text, s.len);
            ck_assert_msg(flare__utf8_is_valid(s) == rows[_i].is_valid,
                          "%s, behind %zu and before %zu", rows[_i].name,
                          before, behind);
        }
    }
    guard_fini(&g);
}
END_TEST

START_TEST(test_utf8_takes_every_code_point_and_no_other)
{
    for (uint32_t c = 0; c < 0x120000; c++) {
        size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        bool is_valid = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        uint32_t rest = c;
        char bytes[4];

        for (size_t i = len; i-- > 1; rest >>= 6)
            bytes[i] = (char)(0x80 | (rest & 0x3F));
        bytes[0] = (char)(len == 1 ? rest : (0xF00 >> len & 0xFF) | rest);
        if (flare__utf8_is_valid((struct flare_str){bytes, len}) != is_valid)
            ck_abort_msg("U+%04X", c);
    }
}
END_TEST

/* How much one U+FFFD stands for: the examples of the Unicode standard, 3.9. */
static const struct {
    const char *name;
    const char *text;
    size_t len;
    size_t bad;
} steps[] = {
    {"ASCII", "ab", 1, 1},
    {"two bytes", "\xC3\xA9z", 2, 1},
    {"four bytes", "\xF0\x9F\x94\xA5", 4, 1},
    {"continuation first", "\x80\x80", 0, 1},
    {"overlong", "\xC0\xAF", 0, 1},
    {"surrogate", "\xED\xA0\x80", 0, 1},
    {"cut by ASCII after two of four", "\xF1\x80z", 0, 2},
    {"cut by ASCII after three of four", "\xF1\x80\x80z", 0, 3},
    {"cut by the end after two of three", "\xE1\x80", 0, 2},
};

START_TEST(test_utf8_next_tells_what_stands_for_one_replacement)
{
    size_t left = strlen(steps[_i].text), bad = 99;
    struct guard g;
    size_t len;

    guard_init(&g, 64);
    len = flare__utf8_next(guard_put(&g, steps[_i].text, left), left, &bad);
    ck_assert_msg(len == steps[_i].len && bad == steps[_i].bad, "%s: %zu, %zu",
                  steps[_i].name, len, bad);
    guard_fini(&g);
}
END_TEST

/* The kernels of this CPU; a loop test has a row for each there may be. */
static const struct flare__utf8_kernel *kernel_of(int row)
{
    static struct flare__utf8_kernel kernels[FLARE__UTF8_KERNELS_MAX + 1];
    size_t n = flare__utf8_kernels(kernels, 0);

    return (size_t)row < n ? &kernels[row] : NULL;
}

/*
 * Whether the `have` bytes at `p` begin some character, by what they may still
 * come to: the code points from all further bytes 80 to those from all BF.
 */
static bool oracle_may_be(const unsigned char *p, size_t have, size_t *need)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t low, high;

    *need = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if ((p[0] >= 0x80 && p[0] < 0xC0) || p[0] >= 0xF8)
        return false;
    if (*need == 1)
        return true;
    low = high = p[0] & (0xFFu >> (*need + 1));
    for (size_t i = 1; i < *need; i++) {
        if (i < have && (p[i] & 0xC0) != 0x80)
            return false;
        low = low << 6 | (i < have ? p[i] & 0x3Fu : 0);
        high = high << 6 | (i < have ? p[i] & 0x3Fu : 0x3Fu);
    }
    return high >= least[*need] && low <= 0x10FFFF &&
           !(low >= 0xD800 && high <= 0xDFFF);
}

/* The first bad byte, or the length; whether the text may end there. */
static size_t oracle(const char *text, size_t len, bool *is_whole)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t at = 0, need, have = 0;

    for (size_t i = 0; i < len; i++) {
        have = i - at + 1;
        if (!oracle_may_be(p + at, have, &need))
            return i;
        if (have == need) {
            at = i + 1;
            have = 0;
        }
    }
    *is_whole = have == 0;
    return len;
}

/* In two pieces, each out of memory that ends behind it. */
static void check_cut(const struct flare__utf8_kernel *k, const struct guard *g,
                      const char *text, size_t len, size_t cut)
{
    bool want_whole = false;
    size_t want = oracle(text, len, &want_whole);
    struct flare__utf8 u;
    size_t got;

    flare__utf8_init(&u);
    got = flare__utf8_feed_with(&u, k->scan, guard_put(g, text, cut), cut);
    if (got == cut)
        got += flare__utf8_feed_with(
            &u, k->scan, guard_put(g, text + cut, len - cut), len - cut);
    if (got != want || (want == len && flare__utf8_is_whole(&u) != want_whole))
        ck_abort_msg("%s: %zu bytes cut at %zu: %zu, not %zu", k->name, len,
                     cut, got, want);
}

START_TEST(test_utf8_finds_the_first_bad_byte_wherever_the_text_is_cut)
{
    const struct flare__utf8_kernel *k = kernel_of(_i);
    struct guard g;

    if (k == NULL)
        TEST_SKIP("this CPU runs %d kernels", _i);
    guard_init(&g, 512);
    for (int row = 0; row < ROWS(rows); row++) {
        static const size_t fronts[] = {0, 1, 15, 31, 47, 61, 62, 63, 64, 127};
        size_t own = strlen(rows[row].text);

        for (size_t f = 0; f < sizeof(fronts) / sizeof(fronts[0]); f++) {
            char text[256];
            size_t len = fronts[f] + own + 70;

            memset(text, 'a', sizeof(text));
            memcpy(text + fronts[f], rows[row].text, own);
            for (size_t cut = 0; cut <= len; cut++)
                check_cut(k, &g, text, len, cut);
            check_cut(k, &g, text, fronts[f] + own, 0);
        }
    }
    guard_fini(&g);
}
END_TEST

/* The same sequence on every machine. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static size_t put_character(char *out, uint32_t *state)
{
    static const char *const some[] = {
        "a",
        "z",
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        ("plain ASCII that is longer than a vector is, so that whole blocks "
         "of it come between the others, too: 123456789 123456789 1234567"),
    };
    const char *c = some[next_random(state) % (sizeof(some) / sizeof(some[0]))];
    size_t len = strlen(c);

    memcpy(out, c, len);
    return len;
}

START_TEST(test_utf8_kernels_agree_on_random_text_with_a_random_fault)
{
    const struct flare__utf8_kernel *k = kernel_of(_i);
    uint32_t state = 7;
    struct guard g;

    if (k == NULL)
        TEST_SKIP("this CPU runs %d kernels", _i);
    guard_init(&g, 1024);
    for (int round = 0; round < 20000; round++) {
        size_t len = 0, most = next_random(&state) % 400;
        char text[600];

        while (len < most)
            len += put_character(text + len, &state);
        if (round % 2 && len > 0)
            text[next_random(&state) % len] = (char)next_random(&state);
        if (round % 3 == 0 && len > 0)
            len -= next_random(&state) % 4 % len;
        check_cut(k, &g, text, len, next_random(&state) % (len + 1));
    }
    guard_fini(&g);
}
END_TEST

/* Four bytes over the edge of a vector, between ASCII. */
static void check_word(const struct flare__utf8_kernel *k, char block[96],
                       const unsigned char word[4], size_t at)
{
    const char *five = memcpy(block + at, word, 4); /* and one of ASCII */
    bool is_whole;
    size_t good = oracle(five, 5, &is_whole), got;
    struct flare__utf8 u;

    flare__utf8_init(&u);
    got = flare__utf8_feed_with(&u, k->scan, block, 96);
    if (got != (good == 5 ? 96 : at + good))
        ck_abort_msg("%s: %02x %02x %02x %02x at %zu: %zu", k->name, word[0],
                     word[1], word[2], word[3], at, got);
    memset(block + at, 'a', 4);
}

/* The bytes at which some rule changes. */
static const unsigned char edges[] = {
    0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0,
    0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
    0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFF,
};

START_TEST(test_utf8_kernels_agree_on_four_bytes)
{
    enum { EDGES = sizeof(edges) };
    const struct flare__utf8_kernel *k = kernel_of(_i);
    bool is_all = getenv("FLARE_EXHAUSTIVE") != NULL;
    uint64_t count = is_all ? UINT64_C(1) << 32 : EDGES * EDGES * EDGES * EDGES;
    char block[96];

    if (k == NULL)
        TEST_SKIP("this CPU runs %d kernels", _i);
    memset(block, 'a', sizeof(block));
    for (uint64_t n = 0; n < count; n++) {
        unsigned char word[4];
        uint64_t rest = n;

        for (int i = 0; i < 4; i++) {
            word[i] = is_all ? (unsigned char)rest : edges[rest % EDGES];
            rest /= is_all ? 256 : EDGES;
        }
        check_word(k, block, word, 13 + n % 4 + 16 * (n / 4 % 4));
    }
}
END_TEST

static Suite *utf8_suite(void)
{
    Suite *suite = suite_create("base/utf8");
    TCase *tc = tcase_create("utf8");

    tcase_add_loop_test(tc, test_utf8_takes_the_well_formed_wherever_they_stand,
                        0, ROWS(rows));
    tcase_add_test(tc, test_utf8_takes_every_code_point_and_no_other);
    tcase_add_loop_test(tc,
                        test_utf8_next_tells_what_stands_for_one_replacement, 0,
                        (int)(sizeof(steps) / sizeof(steps[0])));
    tcase_add_loop_test(
        tc, test_utf8_finds_the_first_bad_byte_wherever_the_text_is_cut, 0,
        FLARE__UTF8_KERNELS_MAX);
    tcase_add_loop_test(
        tc, test_utf8_kernels_agree_on_random_text_with_a_random_fault, 0,
        FLARE__UTF8_KERNELS_MAX);
    tcase_add_loop_test(tc, test_utf8_kernels_agree_on_four_bytes, 0,
                        FLARE__UTF8_KERNELS_MAX);
    if (getenv("FLARE_EXHAUSTIVE") != NULL)
        tcase_set_timeout(tc, 1200);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(utf8_suite());
}
