/* SPDX-License-Identifier: MIT */
/* The AVX2 kernel (x86-64-v3: Haswell, Zen).  */
#include "http/scan.h"

#ifdef FLARE__SCAN_X86

#include "base/assert.h"
#include "http/chars.h"
#include "http/head_line.h"
#include "http/head_rules.h"
#include "http/scan_tables.h"

#include <immintrin.h>
#include <string.h>

#define HEAD_PARSE flare__head_parse_avx2
#define SCAN_WIDTH 32

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2")
#endif

#include "http/scan_masks.inc"

static inline __m256i table(const uint8_t row[16])
{
    return _mm256_broadcastsi128_si256(
        _mm_loadu_si128((const __m128i *)(const void *)row));
}

/* Bit i: byte i of `low` and `high` have no row in common. */
static inline uint64_t not_in(__m256i low, __m256i high)
{
    __m256i rows = _mm256_and_si256(low, high);

    return (uint32_t)_mm256_movemask_epi8(
        _mm256_cmpeq_epi8(rows, _mm256_setzero_si256()));
}

static inline struct scan_masks scan_vector(const char *p)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i nibble = _mm256_and_si256(_mm256_srli_epi16(bytes, 4),
                                      _mm256_set1_epi8(0x0f));
    __m256i high = _mm256_shuffle_epi8(table(flare__scan_rows), nibble);
    __m256i name = _mm256_shuffle_epi8(table(flare__scan_name), bytes);
    __m256i control = _mm256_shuffle_epi8(table(flare__scan_control), bytes);
    __m256i target = _mm256_shuffle_epi8(table(flare__scan_target), bytes);

    return (struct scan_masks){
        not_in(name, high),
        (uint32_t)~not_in(control, high),
        not_in(target, high),
    };
}

#include "http/head_parse.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
