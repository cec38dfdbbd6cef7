/* SPDX-License-Identifier: MIT */
/* Chooses the masking kernel, once. */
#include "ws/mask.h"

#include "base/cpu.h"
#include "ws/mask_kernels.h"

#include <stdatomic.h>

size_t flare__mask_kernels(
    struct flare__mask_kernel out[FLARE__MASK_KERNELS_MAX + 1], uint32_t denied)
{
    uint32_t cpu = flare__cpu_features(denied);
    size_t n = 0;

    (void)cpu;
#ifdef FLARE__MASK_X86
    if (cpu & FLARE__CPU_AVX512BW)
        out[n++] = (struct flare__mask_kernel){"avx512", flare__mask_avx512};
    if (cpu & FLARE__CPU_AVX2)
        out[n++] = (struct flare__mask_kernel){"avx2", flare__mask_avx2};
    out[n++] = (struct flare__mask_kernel){"sse2", flare__mask_sse2};
#endif
#ifdef FLARE__MASK_NEON
    if (cpu & FLARE__CPU_NEON)
        out[n++] = (struct flare__mask_kernel){"neon", flare__mask_neon};
#endif
    out[n++] = (struct flare__mask_kernel){"scalar", flare__mask_scalar};
    out[n] = (struct flare__mask_kernel){NULL, NULL};
    return n;
}

static flare__mask_fn mask_first;

/* Chosen by the first call; threads that race here store the same. */
static _Atomic(flare__mask_fn *) mask_chosen = mask_first;

static void mask_first(char *out, const char *in, size_t len, uint32_t key)
{
    struct flare__mask_kernel kernels[FLARE__MASK_KERNELS_MAX + 1];

    (void)flare__mask_kernels(kernels, 0); /* scalar at least */
    atomic_store_explicit(&mask_chosen, kernels[0].mask, memory_order_relaxed);
    kernels[0].mask(out, in, len, key);
}

void flare__mask(char *out, const char *in, size_t len, uint32_t key)
{
    flare__mask_fn *mask =
        atomic_load_explicit(&mask_chosen, memory_order_relaxed);

    mask(out, in, len, key);
}
