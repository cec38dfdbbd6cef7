/* SPDX-License-Identifier: MIT */
/* The SSE4.2 kernel (x86-64-v2; what it uses is PSHUFB of SSSE3). */
#include "http/scan.h"

#ifdef FLARE__SCAN_X86

#include "base/assert.h"
#include "http/scan_tables.h"

#include <immintrin.h>
#include <string.h>

#define HEAD_PARSE flare__head_parse_sse42
#define REPLY_PARSE flare__reply_parse_sse42

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("sse4.2"))),                \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("sse4.2")
#endif

struct scan_masks {
    uint64_t name;
    uint64_t value;
    uint64_t target;
    uint64_t host;
};

SCAN_INLINE __m128i vector_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

SCAN_INLINE __m128i rows_of(__m128i bytes)
{
    __m128i nibble =
        _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));

    return _mm_shuffle_epi8(vector_load((const char *)flare__scan_rows),
                            nibble);
}

/* Bit i: byte i, which is in row i of `rows`, is not of the class. */
SCAN_INLINE uint32_t not_in(const uint8_t class_[64], __m128i bytes,
                            __m128i rows)
{
    __m128i own = _mm_shuffle_epi8(vector_load((const char *)class_), bytes);

    return (uint32_t)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_and_si128(own, rows), _mm_setzero_si128()));
}

SCAN_INLINE struct scan_masks vector_masks(__m128i bytes)
{
    __m128i rows = rows_of(bytes);

    return (struct scan_masks){
        not_in(flare__scan_name, bytes, rows),
        not_in(flare__scan_control, bytes, rows) ^ 0xffff,
        not_in(flare__scan_target, bytes, rows),
        not_in(flare__scan_host, bytes, rows),
    };
}

SCAN_INLINE void masks_add(struct scan_masks *to, struct scan_masks m,
                           size_t shift)
{
    to->name |= m.name << shift;
    to->value |= m.value << shift;
    to->target |= m.target << shift;
    to->host |= m.host << shift;
}

SCAN_INLINE struct scan_masks scan_block(const char *p)
{
    struct scan_masks m = vector_masks(vector_load(p));

    for (size_t i = 16; i < 64; i += 16)
        masks_add(&m, vector_masks(vector_load(p + i)), i);
    return m;
}

SCAN_INLINE struct scan_masks scan_short(const char *buf, const char *p,
                                         size_t n)
{
    struct scan_masks m = {0, 0, 0, 0};
    const char *end = p + n;
    size_t i = 0;

    for (; i + 16 <= n; i += 16)
        masks_add(&m, vector_masks(vector_load(p + i)), i);
    if (i == n)
        return m;
    if (end - buf >= 16) {
        struct scan_masks last = vector_masks(vector_load(end - 16));
        size_t gap = 16 - (n - i);

        last = (struct scan_masks){last.name >> gap, last.value >> gap,
                                   last.target >> gap, last.host >> gap};
        masks_add(&m, last, i);
    } else {
        char copy[16] = {0};

        memcpy(copy, p, n);
        m = vector_masks(vector_load(copy));
    }
    return m;
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
    size_t gap = end - p < 16 ? (size_t)(16 - (end - p)) : 0;
    uint32_t is_not = UINT32_C(1) << 16;
    __m128i bytes;

    if (FLARE_UNLIKELY((size_t)(p - buf) < gap))
        return 0;
    bytes = vector_load(p - gap);
    is_not |= not_in(flare__scan_host, bytes, rows_of(bytes));
    return (size_t)__builtin_ctz(is_not >> gap);
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
