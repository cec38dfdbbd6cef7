/* SPDX-License-Identifier: MIT */
/* Features are used only if processor and kernel both have them. */
#include "base/cpu.h"

#include "tests/support/test.h"

#include <pthread.h>

enum {
    ECX_SSE = 1u << 9 | 1u << 19 | 1u << 20 | 1u << 23,
    ECX_AVX = ECX_SSE | 1u << 27 | 1u << 28,
    EBX_AVX2 = 1u << 3 | 1u << 5 | 1u << 8,
    LZCNT = 1u << 5,
    XCR0_SSE = 3,
    XCR0_AVX = 7,
    XCR0_512 = 0xe7,
    SSE = FLARE__CPU_SSE42,
    AVX2 = FLARE__CPU_SSE42 | FLARE__CPU_AVX2,
    AVX512 = FLARE__CPU_SSE42 | FLARE__CPU_AVX2 | FLARE__CPU_AVX512BW
};
#define EBX_512 ((uint32_t)EBX_AVX2 | 1u << 16 | 1u << 30 | 1u << 31)

static const struct {
    const char *name;
    struct flare__cpuid id;
    uint32_t bits;
} rows[] = {
    {"nothing", {0, 0, 0, 0}, 0},
    {"Nehalem", {ECX_SSE, 0, 0, 0}, SSE},
    {"SSE4.2 without POPCNT", {1u << 9 | 3u << 19, 0, 0, 0}, 0},
    {"Sandy Bridge: AVX only", {ECX_AVX, 0, 0, XCR0_AVX}, SSE},
    {"Haswell", {ECX_AVX, EBX_AVX2, LZCNT, XCR0_AVX}, AVX2},
    {"Haswell, kernel saves no YMM", {ECX_AVX, EBX_AVX2, LZCNT, XCR0_SSE}, SSE},
    {"Haswell, no OSXSAVE",
     {ECX_SSE | 1u << 28, EBX_AVX2, LZCNT, XCR0_AVX},
     SSE},
    {"AVX2 without LZCNT", {ECX_AVX, EBX_AVX2, 0, XCR0_AVX}, SSE},
    {"AVX2 without BMI2", {ECX_AVX, 1u << 3 | 1u << 5, LZCNT, XCR0_AVX}, SSE},
    {"AVX2 bit without SSE4.2", {1u << 27 | 1u << 28, EBX_AVX2, LZCNT, 7}, 0},
    {"Skylake-X", {ECX_AVX, EBX_512, LZCNT, XCR0_512}, AVX512},
    {"Skylake-X, kernel saves no ZMM",
     {ECX_AVX, EBX_512, LZCNT, XCR0_AVX},
     AVX2},
    {"AVX-512 without VL",
     {ECX_AVX, EBX_AVX2 | 1u << 16 | 1u << 30, LZCNT, XCR0_512},
     AVX2},
    {"Knights Landing: no BW",
     {ECX_AVX, EBX_AVX2 | 1u << 16, LZCNT, XCR0_512},
     AVX2},
};

START_TEST(test_cpu_level_needs_processor_and_kernel)
{
    uint32_t bits = flare__cpu_decode(&rows[_i].id);

    ck_assert_msg(bits == rows[_i].bits, "%s: %x", rows[_i].name, bits);
}
END_TEST

START_TEST(test_cpu_agrees_with_the_compiler_runtime)
{
#if defined(__x86_64__)
    uint32_t bits = flare__cpu_features(0);

    __builtin_cpu_init();
    ck_assert_int_eq(!!(bits & FLARE__CPU_SSE42),
                     !!__builtin_cpu_supports("sse4.2"));
    ck_assert_int_eq(!!(bits & FLARE__CPU_AVX2),
                     !!__builtin_cpu_supports("avx2"));
    ck_assert_int_eq(!!(bits & FLARE__CPU_AVX512BW),
                     !!__builtin_cpu_supports("avx512bw"));
#elif defined(__aarch64__)
    ck_assert_uint_eq(flare__cpu_features(0), FLARE__CPU_NEON);
#else
    ck_assert_uint_eq(flare__cpu_features(0), 0);
#endif
}
END_TEST

START_TEST(test_cpu_denied_level_takes_what_rests_on_it)
{
    uint32_t all = flare__cpu_features(0);

    ck_assert_uint_eq(flare__cpu_features(FLARE__CPU_ALL), 0);
    ck_assert_uint_eq(flare__cpu_features(FLARE__CPU_AVX512BW),
                      all & ~(uint32_t)FLARE__CPU_AVX512BW);
    ck_assert_uint_eq(flare__cpu_features(FLARE__CPU_AVX2),
                      all & (FLARE__CPU_SSE42 | FLARE__CPU_NEON));
    ck_assert_uint_eq(flare__cpu_features(FLARE__CPU_SSE42),
                      all & FLARE__CPU_NEON);
    ck_assert_uint_eq(flare__cpu_features(0), all); /* denied only for a call */
}
END_TEST

static void *ask(void *ctx)
{
    uint32_t *bits = ctx;

    *bits = flare__cpu_features(0);
    return NULL;
}

START_TEST(test_cpu_answers_every_thread_alike)
{
    pthread_t threads[4];
    uint32_t bits[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &bits[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_eq(bits[i], flare__cpu_features(0));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu");
    TCase *tc = tcase_create("cpu");

    tcase_add_loop_test(tc, test_cpu_level_needs_processor_and_kernel, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_cpu_answers_every_thread_alike);
    tcase_add_test(tc, test_cpu_agrees_with_the_compiler_runtime);
    tcase_add_test(tc, test_cpu_denied_level_takes_what_rests_on_it);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
