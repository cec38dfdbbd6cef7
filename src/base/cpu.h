/* SPDX-License-Identifier: MIT */
/*
 * What this processor can do beyond its architecture's baseline, asked at run
 * time, so that one binary runs everywhere and is fast where it can be.
 */
#ifndef FLARE__BASE_CPU_H
#define FLARE__BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Each bit stands for everything that came to market with it. */
enum {
    FLARE__CPU_SSE42 = 1 << 0,    /* with SSSE3, SSE4.1, POPCNT */
    FLARE__CPU_AVX2 = 1 << 1,     /* with the above, BMI1, BMI2, LZCNT */
    FLARE__CPU_AVX512BW = 1 << 2, /* with the above, AVX-512 F, VL, BW */
    FLARE__CPU_NEON = 1 << 3,
    FLARE__CPU_ALL = (1 << 4) - 1
};

/*
 * The features that may be used: what processor and kernel support, without
 * those in `denied` and what rests on them (a test passes each in turn, users
 * 0).  The processor is asked once for the process.  Thread: any.
 */
uint32_t flare__cpu_features(uint32_t denied);

/* What CPUID answers, and XCR0; all 0 where there is no such leaf. */
struct flare__cpuid {
    uint32_t leaf1_ecx;
    uint32_t leaf7_ebx;
    uint32_t ext1_ecx; /* leaf 0x80000001 */
    uint32_t xcr0;     /* register state the kernel saves */
};

/* The x86 bits of those answers; for tests, on any machine. */
uint32_t flare__cpu_decode(const struct flare__cpuid *id);

#endif
