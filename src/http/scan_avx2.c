/* SPDX-License-Identifier: MIT */
/* The AVX2 kernel (x86-64-v3: Haswell, Zen). */
#include "http/scan.h"

#ifdef FLARE__SCAN_X86

#include "base/assert.h"
#include "http/scan_tables.h"

#include <immintrin.h>
#include <string.h>

#define HEAD_PARSE flare__head_parse_avx2
#define REPLY_PARSE flare__reply_parse_avx2

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))),         \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2")
#endif

struct scan_masks {
    uint64_t name;
    uint64_t value;
    uint64_t target;
    uint64_t host;
};

SCAN_INLINE __m256i vector_load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* The 16 to 31 bytes at p: the first 16, then the last 16. */
SCAN_INLINE __m256i vector_load_short(const char *p, size_t n)
{
    __m128i first = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i last = _mm_loadu_si128((const __m128i *)(const void *)(p + n - 16));

    return _mm256_inserti128_si256(_mm256_castsi128_si256(first), last, 1);
}

SCAN_INLINE __m256i table(const uint8_t quarters[64])
{
    return _mm256_load_si256((const __m256i *)(const void *)quarters);
}

SCAN_INLINE __m256i rows_of(__m256i bytes)
{
    __m256i nibble = _mm256_and_si256(_mm256_srli_epi16(bytes, 4),
                                      table(flare__scan_nibble));

    return _mm256_shuffle_epi8(table(flare__scan_rows), nibble);
}

/* Bit i: byte i, which is in row i of `rows`, is not of the class. */
SCAN_INLINE uint32_t not_in(const uint8_t class_[64], __m256i bytes,
                            __m256i rows)
{
    __m256i own = _mm256_shuffle_epi8(table(class_), bytes);

    return (uint32_t)_mm256_movemask_epi8(
        _mm256_cmpeq_epi8(_mm256_and_si256(own, rows), _mm256_setzero_si256()));
}

SCAN_INLINE struct scan_masks vector_masks(__m256i bytes)
{
    __m256i rows = rows_of(bytes);

    return (struct scan_masks){
        not_in(flare__scan_name, bytes, rows),
        (uint32_t)~not_in(flare__scan_control, bytes, rows),
        not_in(flare__scan_target, bytes, rows),
        not_in(flare__scan_host, bytes, rows),
    };
}

SCAN_INLINE struct scan_masks masks_join(struct scan_masks low,
                                         struct scan_masks high, size_t shift)
{
    return (struct scan_masks){
        low.name | high.name << shift, low.value | high.value << shift,
        low.target | high.target << shift, low.host | high.host << shift};
}

SCAN_INLINE struct scan_masks scan_block(const char *p)
{
    return masks_join(vector_masks(vector_load(p)),
                      vector_masks(vector_load(p + 32)), 32);
}

/* Of fewer than 32 bytes, so that a result is in two registers: each of the
 * masks in the half that its name says. */
struct scan_few {
    uint64_t name_value;
    uint64_t target_host;
};

/* Fewer bytes than a vector in all. */
static __attribute__((noinline)) struct scan_few scan_few(const char *p,
                                                          size_t n)
{
    struct scan_masks m;

    if (n >= 16) {
        struct scan_masks both = vector_masks(vector_load_short(p, n));
        struct scan_masks low = {both.name & 0xffff, both.value & 0xffff,
                                 both.target & 0xffff, both.host & 0xffff};
        struct scan_masks high = {both.name >> 16, both.value >> 16,
                                  both.target >> 16, both.host >> 16};

        m = masks_join(low, high, n - 16);
    } else {
        char copy[32] = {0};

        memcpy(copy, p, n);
        m = vector_masks(vector_load(copy));
    }
    return (struct scan_few){(uint32_t)m.name | m.value << 32,
                             (uint32_t)m.target | m.host << 32};
}

SCAN_INLINE struct scan_masks scan_short(const char *buf, const char *p,
                                         size_t n)
{
    const char *end = p + n;
    struct scan_masks m;
    size_t gap;

    if (n >= 32) /* they overlap */
        return masks_join(vector_masks(vector_load(p)),
                          vector_masks(vector_load(end - 32)), n - 32);
    if (FLARE_UNLIKELY(end - buf < 32)) {
        struct scan_few few = scan_few(p, n);

        return (struct scan_masks){
            (uint32_t)few.name_value, few.name_value >> 32,
            (uint32_t)few.target_host, few.target_host >> 32};
    }
    m = vector_masks(vector_load(end - 32));
    gap = 32 - n;
    return (struct scan_masks){m.name >> gap, m.value >> gap, m.target >> gap,
                               m.host >> gap};
}

SCAN_INLINE struct scan_masks scan_last(const char *buf, const char *p,
                                        size_t n)
{
    struct scan_masks m = scan_short(buf, p, n);
    uint64_t stop = UINT64_MAX << n;

    return (struct scan_masks){m.name | stop, m.value | stop, m.target | stop,
                               m.host | stop};
}

SCAN_INLINE size_t scan_host_run(const char *buf, const char *p,
                                 const char *end)
{
    size_t gap = end - p < 32 ? (size_t)(32 - (end - p)) : 0;
    uint64_t is_not = UINT64_C(1) << 32;
    __m256i bytes;

    if (FLARE_UNLIKELY((size_t)(p - buf) < gap))
        return 0;
    bytes = vector_load(p - gap);
    is_not |= not_in(flare__scan_host, bytes, rows_of(bytes));
    return (size_t)__builtin_ctzll(is_not >> gap);
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
