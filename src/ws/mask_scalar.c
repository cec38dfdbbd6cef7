/* SPDX-License-Identifier: MIT */
/* The masking kernel of any machine: a vector is a word of eight bytes. */
#include "ws/mask_kernels.h"

#define MASK_RUN flare__mask_scalar
#define MASK_VEC sizeof(uint64_t)

typedef uint64_t mask_vec;

#define mask_load mask_load8
#define mask_store mask_store8
#define mask_splat mask_double
#define mask_short mask_few

MASK_INLINE mask_vec mask_xor(mask_vec a, mask_vec b)
{
    return a ^ b;
}

#include "ws/mask_run.inc"
