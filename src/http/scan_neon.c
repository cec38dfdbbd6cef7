/* SPDX-License-Identifier: MIT */
/* The NEON kernel (every aarch64 has it): a vector is four registers. */
#include "http/scan.h"

#ifdef FLARE__SCAN_NEON

#include "base/assert.h"
#include "http/chars.h"
#include "http/scan_tables.h"

#include <arm_neon.h>
#include <string.h>

#define HEAD_PARSE flare__head_parse_neon
#define REPLY_PARSE flare__reply_parse_neon

struct scan_masks {
    uint64_t name;
    uint64_t value;
    uint64_t target;
    uint64_t host;
};

/* 0xff in each byte of `low` and `high` that have no row in common. */
SCAN_INLINE uint8x16_t not_in(const uint8_t class_[64], uint8x16_t bytes,
                              uint8x16_t high)
{
    uint8x16_t low = vqtbl1q_u8(vld1q_u8(class_), bytes);

    return vceqzq_u8(vandq_u8(low, high));
}

/* One bit per byte of four vectors of 0 and 0xff. */
SCAN_INLINE uint64_t bits(const uint8x16_t v[4])
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                        1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t w = vld1q_u8(weights);
    uint8x16_t low = vpaddq_u8(vandq_u8(v[0], w), vandq_u8(v[1], w));
    uint8x16_t high = vpaddq_u8(vandq_u8(v[2], w), vandq_u8(v[3], w));
    uint8x16_t sum = vpaddq_u8(low, high);

    sum = vpaddq_u8(sum, sum);
    return vgetq_lane_u64(vreinterpretq_u64_u8(sum), 0);
}

SCAN_INLINE struct scan_masks scan_block(const char *p)
{
    uint8x16_t name[4];
    uint8x16_t control[4];
    uint8x16_t target[4];
    uint8x16_t host[4];

    for (int i = 0; i < 4; i++) {
        uint8x16_t bytes = vld1q_u8((const uint8_t *)p + i * 16);
        uint8x16_t high =
            vqtbl1q_u8(vld1q_u8(flare__scan_rows), vshrq_n_u8(bytes, 4));

        /* as PSHUFB does: an index from 0x80 up selects nothing */
        bytes = vandq_u8(bytes, vdupq_n_u8(0x8f));
        name[i] = not_in(flare__scan_name, bytes, high);
        control[i] = not_in(flare__scan_control, bytes, high);
        target[i] = not_in(flare__scan_target, bytes, high);
        host[i] = not_in(flare__scan_host, bytes, high);
    }
    return (struct scan_masks){bits(name), ~bits(control), bits(target),
                               bits(host)};
}

SCAN_INLINE struct scan_masks scan_short(const char *buf, const char *p,
                                         size_t n)
{
    char copy[64] = {0};

    if (n > 0 && p + n - buf >= 64) {
        struct scan_masks m = scan_block(p + n - 64);
        size_t gap = 64 - n;

        return (struct scan_masks){m.name >> gap, m.value >> gap,
                                   m.target >> gap, m.host >> gap};
    }
    memcpy(copy, p, n);
    return scan_block(copy);
}

SCAN_INLINE struct scan_masks scan_last(const char *buf, const char *p,
                                        size_t n)
{
    struct scan_masks m = scan_short(buf, p, n);
    uint64_t stop = UINT64_MAX << n;

    return (struct scan_masks){m.name | stop, m.value | stop, m.target | stop,
                               m.host | stop};
}

/* One vector of sixteen is not worth its bits here. */
SCAN_INLINE size_t scan_host_run(const char *buf, const char *p,
                                 const char *end)
{
    const char *start = p;

    (void)buf;
    while (p < end && flare__char_is(*p, FLARE__CHAR_NAME))
        p++;
    return (size_t)(p - start);
}

#include "http/scan_masks.inc"

#include "http/head_parse.inc"
#include "http/reply_parse.inc"

#endif
