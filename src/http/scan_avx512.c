/* SPDX-License-Identifier: MIT */
/*
 * The AVX-512 kernel (x86-64-v4: Ice Lake, Zen 4).  A block is one vector, and
 * where bytes end the load is masked: lanes outside it are not accessed.
 */
#include "http/scan.h"

#ifdef FLARE__SCAN_X86

#include "base/assert.h"
#include "http/scan_tables.h"

#include <immintrin.h>
#include <string.h>

#define HEAD_PARSE flare__head_parse_avx512

#ifdef __clang__
#pragma clang attribute push(                                                  \
    __attribute__((target("avx512f,avx512bw,avx512vl,bmi,bmi2"))),             \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,bmi,bmi2")
#endif

struct scan_masks {
    uint64_t name;
    uint64_t value;
    uint64_t target;
};

/* The n < 64 bytes at p, and zeros. */
SCAN_INLINE __m512i vector_load(const char *p, size_t n)
{
    return _mm512_maskz_loadu_epi8(_bzhi_u64(UINT64_MAX, (unsigned)n), p);
}

SCAN_INLINE __m512i table(const uint8_t halves[32])
{
    return _mm512_broadcast_i64x4(
        _mm256_load_si256((const __m256i *)(const void *)halves));
}

SCAN_INLINE __m512i rows_of(__m512i bytes)
{
    __m512i nibble =
        _mm512_and_si512(_mm512_srli_epi16(bytes, 4), _mm512_set1_epi8(0x0f));

    return _mm512_shuffle_epi8(table(flare__scan_rows), nibble);
}

/* Bit i: byte i, which is in row i of `rows`, is not of the class. */
SCAN_INLINE uint64_t not_in(const uint8_t class_[32], __m512i bytes,
                            __m512i rows)
{
    return _mm512_testn_epi8_mask(_mm512_shuffle_epi8(table(class_), bytes),
                                  rows);
}

SCAN_INLINE struct scan_masks vector_masks(__m512i bytes)
{
    __m512i rows = rows_of(bytes);

    return (struct scan_masks){
        not_in(flare__scan_name, bytes, rows),
        _mm512_test_epi8_mask(
            _mm512_shuffle_epi8(table(flare__scan_control), bytes), rows),
        not_in(flare__scan_target, bytes, rows),
    };
}

SCAN_INLINE struct scan_masks scan_block(const char *p)
{
    return vector_masks(_mm512_loadu_si512(p));
}

SCAN_INLINE struct scan_masks scan_last(const char *buf, const char *p,
                                        size_t n)
{
    (void)buf;
    return vector_masks(vector_load(p, n));
}

#include "http/scan_masks.inc"

SCAN_INLINE struct scan_host_masks scan_host_masks(const char *buf,
                                                   const char *p,
                                                   const char *end)
{
    size_t n = end - p < 32 ? (size_t)(end - p) : 32;
    __m512i bytes = vector_load(p, n);
    __m512i digit = _mm512_sub_epi8(bytes, _mm512_set1_epi8('0'));

    (void)buf;
    return (struct scan_host_masks){
        not_in(flare__scan_host, bytes, rows_of(bytes)),
        _mm512_cmpgt_epu8_mask(digit, _mm512_set1_epi8(9)),
    };
}

#include "http/head_parse.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
