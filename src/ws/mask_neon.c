/* SPDX-License-Identifier: MIT */
/* The NEON masking kernel: every aarch64 has it. */
#include "ws/mask_kernels.h"

#ifdef FLARE__MASK_NEON

#include <arm_neon.h>

#define MASK_RUN flare__mask_neon
#define MASK_VEC sizeof(uint8x16_t)

typedef uint8x16_t mask_vec;

MASK_INLINE mask_vec mask_load(const char *p)
{
    return vld1q_u8((const uint8_t *)p);
}

MASK_INLINE void mask_store(char *p, mask_vec v)
{
    vst1q_u8((uint8_t *)p, v);
}

MASK_INLINE mask_vec mask_xor(mask_vec a, mask_vec b)
{
    return veorq_u8(a, b);
}

MASK_INLINE mask_vec mask_splat(uint32_t key)
{
    return vreinterpretq_u8_u32(vdupq_n_u32(key));
}

MASK_INLINE void mask_short(char *out, const char *in, size_t len, uint32_t key)
{
    if (len >= 8)
        mask_eight(out, in, len, key);
    else
        mask_few(out, in, len, key);
}

#include "ws/mask_run.inc"

#endif
