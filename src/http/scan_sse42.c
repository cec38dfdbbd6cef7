/* SPDX-License-Identifier: MIT */
/* The SSE4.2 kernel (x86-64-v2; what it uses is PSHUFB of SSSE3). */
#include "http/scan.h"

#ifdef FLARE__SCAN_X86

#include "base/assert.h"
#include "http/chars.h"
#include "http/head_line.h"
#include "http/head_rules.h"
#include "http/scan_tables.h"

#include <immintrin.h>
#include <string.h>

#define HEAD_PARSE flare__head_parse_sse42
#define SCAN_WIDTH 16

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("sse4.2"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("sse4.2")
#endif

#include "http/scan_masks.inc"

static inline __m128i table(const uint8_t row[16])
{
    return _mm_loadu_si128((const __m128i *)(const void *)row);
}

/* Bit i: byte i of `low` and `high` have no row in common. */
static inline uint64_t not_in(__m128i low, __m128i high)
{
    __m128i rows = _mm_and_si128(low, high);

    return (uint32_t)_mm_movemask_epi8(
        _mm_cmpeq_epi8(rows, _mm_setzero_si128()));
}

static inline struct scan_masks scan_vector(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i nibble =
        _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
    __m128i high = _mm_shuffle_epi8(table(flare__scan_rows), nibble);
    __m128i name = _mm_shuffle_epi8(table(flare__scan_name), bytes);
    __m128i control = _mm_shuffle_epi8(table(flare__scan_control), bytes);
    __m128i target = _mm_shuffle_epi8(table(flare__scan_target), bytes);

    return (struct scan_masks){
        not_in(name, high),
        not_in(control, high) ^ 0xffff,
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
