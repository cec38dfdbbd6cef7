/* SPDX-License-Identifier: MIT */
/* UTF-8 validation with NEON: every aarch64 has it. */
#include "base/utf8_kernels.h"

#ifdef FLARE__UTF8_NEON

#include <arm_neon.h>
#include <string.h>

#define UTF8_SCAN flare__utf8_scan_neon
#define UTF8_VECS 4

typedef uint8x16_t utf8_vec;

UTF8_INLINE utf8_vec utf8_load(const char *p)
{
    return vld1q_u8((const uint8_t *)p);
}

UTF8_INLINE utf8_vec utf8_splat(int byte)
{
    return vdupq_n_u8((uint8_t)byte);
}

UTF8_INLINE utf8_vec utf8_zero(void)
{
    return utf8_splat(0);
}

UTF8_INLINE utf8_vec utf8_or(utf8_vec a, utf8_vec b)
{
    return vorrq_u8(a, b);
}

UTF8_INLINE utf8_vec utf8_and(utf8_vec a, utf8_vec b)
{
    return vandq_u8(a, b);
}

UTF8_INLINE utf8_vec utf8_xor(utf8_vec a, utf8_vec b)
{
    return veorq_u8(a, b);
}

UTF8_INLINE utf8_vec utf8_table(const uint8_t table[16])
{
    return vld1q_u8(table);
}

UTF8_INLINE utf8_vec utf8_look(utf8_vec table, utf8_vec at)
{
    return vqtbl1q_u8(table, at);
}

UTF8_INLINE utf8_vec utf8_low(utf8_vec v)
{
    return vandq_u8(v, utf8_splat(0x0f));
}

UTF8_INLINE utf8_vec utf8_high(utf8_vec v)
{
    return vshrq_n_u8(v, 4);
}

UTF8_INLINE utf8_vec utf8_less(utf8_vec v, int byte)
{
    return vqsubq_u8(v, utf8_splat(byte));
}

#define utf8_back_1(v, before) vextq_u8(before, v, 15)
#define utf8_back_2(v, before) vextq_u8(before, v, 14)
#define utf8_back_3(v, before) vextq_u8(before, v, 13)

UTF8_INLINE bool utf8_is_ascii(utf8_vec v)
{
    return vmaxvq_u8(v) < 0x80;
}

UTF8_INLINE bool utf8_is_zero(utf8_vec v)
{
    return vmaxvq_u8(v) == 0;
}

#include "base/utf8_scan.inc"

#endif
