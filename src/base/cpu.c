/* SPDX-License-Identifier: MIT */
/*
 * CPUID says what the processor knows, XCR0 what the kernel saves at a context
 * switch; vector registers are used only if both agree (Intel SDM vol. 1, 14.3
 * and 15.2).  Features are cumulative levels: code for one may use all below.
 */
#include "base/cpu.h"

#include <stdatomic.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

enum {
    CPU_LEAF1_ECX = 1u << 9 | 1u << 19 | 1u << 20 | 1u << 23,
    /* SSSE3, SSE4.1, SSE4.2, POPCNT */
    CPU_LEAF1_ECX_AVX = 1u << 27 | 1u << 28,     /* OSXSAVE, AVX */
    CPU_LEAF7_EBX = 1u << 3 | 1u << 5 | 1u << 8, /* BMI1, AVX2, BMI2 */
    CPU_EXT1_ECX = 1u << 5,                      /* LZCNT */
    CPU_XCR0_AVX = 1u << 1 | 1u << 2,            /* XMM, YMM */
    CPU_LEAF7_EBX_512 = 1u << 16 | 1u << 30,     /* F, BW */
    CPU_XCR0_512 = 7u << 5 /* opmask, upper ZMM, ZMM16-31 */
};
static const uint32_t cpu_leaf7_ebx_vl = 1u << 31; /* no enumerator: > int */

static bool cpu_has(uint32_t word, uint32_t bits)
{
    return (word & bits) == bits;
}

uint32_t flare__cpu_decode(const struct flare__cpuid *id)
{
    uint32_t bits = 0;

    if (!cpu_has(id->leaf1_ecx, CPU_LEAF1_ECX))
        return bits;
    bits |= FLARE__CPU_SSE42;
    if (!cpu_has(id->leaf1_ecx, CPU_LEAF1_ECX_AVX) ||
        !cpu_has(id->leaf7_ebx, CPU_LEAF7_EBX) ||
        !cpu_has(id->ext1_ecx, CPU_EXT1_ECX) ||
        !cpu_has(id->xcr0, CPU_XCR0_AVX))
        return bits;
    bits |= FLARE__CPU_AVX2;
    if (!cpu_has(id->leaf7_ebx, CPU_LEAF7_EBX_512 | cpu_leaf7_ebx_vl) ||
        !cpu_has(id->xcr0, CPU_XCR0_512))
        return bits;
    return bits | FLARE__CPU_AVX512BW;
}

#if defined(__x86_64__) || defined(__i386__)
static uint32_t cpu_ask(void)
{
    struct flare__cpuid id = {0};
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;

    if (__get_cpuid(1, &a, &b, &c, &d))
        id.leaf1_ecx = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        id.leaf7_ebx = b;
    if (__get_cpuid(0x80000001, &a, &b, &c, &d))
        id.ext1_ecx = c;
    if (id.leaf1_ecx & 1u << 27) { /* OSXSAVE: the instruction is allowed */
        __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
        id.xcr0 = a;
    }
    return flare__cpu_decode(&id);
}
#elif defined(__aarch64__)
static uint32_t cpu_ask(void)
{
    return FLARE__CPU_NEON; /* part of the architecture */
}
#else
static uint32_t cpu_ask(void)
{
    return 0;
}
#endif

uint32_t flare__cpu_features(uint32_t denied)
{
    enum { CPU_IS_KNOWN = 1u << 30 };
    /* two threads that ask at once store the same answer */
    static _Atomic uint32_t cached;
    uint32_t bits = atomic_load_explicit(&cached, memory_order_relaxed);

    if (bits == 0) {
        bits = cpu_ask() | CPU_IS_KNOWN;
        atomic_store_explicit(&cached, bits, memory_order_relaxed);
    }
    if (denied & FLARE__CPU_SSE42)
        denied |= FLARE__CPU_AVX2;
    if (denied & FLARE__CPU_AVX2)
        denied |= FLARE__CPU_AVX512BW;
    return bits & FLARE__CPU_ALL & ~denied;
}
