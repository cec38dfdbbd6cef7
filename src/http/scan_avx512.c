/* SPDX-License-Identifier: MIT */
/*
 * The AVX-512 kernel (Skylake-X, Zen 4): a vector is a block, and a masked
 * load reads the last one without what lies behind it.
 */
#include "http/scan.h"

#ifdef FLARE__SCAN_X86

#include "base/assert.h"
#include "http/scan_tables.h"

#include <immintrin.h>

#define HEAD_PARSE flare__head_parse_avx512
#define REPLY_PARSE flare__reply_parse_avx512

#if defined(__clang__) && __clang_major__ >= 18 && __clang_major__ < 22
/* these may be told to have no 512 bits, as Zig does: say so here, too */
#pragma clang attribute push(                                                  \
    __attribute__((target("bmi,bmi2,avx512f,avx512bw,avx512vl,evex512"))),     \
    apply_to = function)
#elif defined(__clang__)
#pragma clang attribute push(                                                  \
    __attribute__((target("bmi,bmi2,avx512f,avx512bw,avx512vl"))),             \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("bmi,bmi2,avx512f,avx512bw,avx512vl")
#endif

struct scan_masks {
    uint64_t name;
    uint64_t value;
    uint64_t target;
    uint64_t host;
};

SCAN_INLINE __m512i table(const uint8_t quarters[64])
{
    return _mm512_load_si512((const void *)quarters);
}

/* Bit i: byte i, which is in row i of `rows`, is not of the class. */
SCAN_INLINE uint64_t not_in(const uint8_t class_[64], __m512i bytes,
                            __m512i rows)
{
    return _mm512_testn_epi8_mask(_mm512_shuffle_epi8(table(class_), bytes),
                                  rows);
}

SCAN_INLINE struct scan_masks vector_masks(__m512i bytes)
{
    __m512i nibble = _mm512_and_si512(_mm512_srli_epi16(bytes, 4),
                                      table(flare__scan_nibble));
    __m512i rows = _mm512_shuffle_epi8(table(flare__scan_rows), nibble);

    return (struct scan_masks){
        not_in(flare__scan_name, bytes, rows),
        ~not_in(flare__scan_control, bytes, rows),
        not_in(flare__scan_target, bytes, rows),
        not_in(flare__scan_host, bytes, rows),
    };
}

SCAN_INLINE struct scan_masks scan_block(const char *p)
{
    return vector_masks(_mm512_loadu_si512((const void *)p));
}

/* What is not read is NUL, which is of no class. */
SCAN_INLINE struct scan_masks scan_last(const char *buf, const char *p,
                                        size_t n)
{
    (void)buf;
    return vector_masks(
        _mm512_maskz_loadu_epi8(_bzhi_u64(UINT64_MAX, (uint32_t)n), p));
}

SCAN_INLINE size_t scan_host_run(const char *buf, const char *p,
                                 const char *end)
{
    size_t n = end - p < 32 ? (size_t)(end - p) : 32;
    __m256i bytes =
        _mm256_maskz_loadu_epi8(_bzhi_u32(UINT32_MAX, (uint32_t)n), p);
    __m256i nibble =
        _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
    __m256i rows = _mm256_shuffle_epi8(
        _mm256_load_si256((const __m256i *)(const void *)flare__scan_rows),
        nibble);
    __m256i own = _mm256_shuffle_epi8(
        _mm256_load_si256((const __m256i *)(const void *)flare__scan_host),
        bytes);

    (void)buf;
    return (size_t)__builtin_ctzll(_mm256_testn_epi8_mask(own, rows) |
                                   UINT64_C(1) << 32);
}

#include "http/scan_masks.inc"

#include "http/head_parse.inc"
#include "http/reply_parse.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
