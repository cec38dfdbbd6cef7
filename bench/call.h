/* SPDX-License-Identifier: MIT */
/*
 * System calls inlined, because a `ret` right after `syscall` is dear on some
 * machines: 80 ns each was measured on the AMD EPYC guest the floors were
 * written on, a fifth of the whole server's cost.
 */
#ifndef BENCH_CALL_H
#define BENCH_CALL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the system call: -errno on failure. */
#if defined(__x86_64__)
static inline __attribute__((always_inline)) long bench_call(long nr, long a,
                                                             const void *b,
                                                             long c, long d,
                                                             long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = 0;
    long rc;

    __asm__ volatile("syscall"
                     : "=a"(rc)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
                       "r"(r9)
                     : "rcx", "r11", "memory");
    return rc;
}
#elif defined(__aarch64__)
static inline __attribute__((always_inline)) long bench_call(long nr, long a,
                                                             const void *b,
                                                             long c, long d,
                                                             long e)
{
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register const void *x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = 0;

    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
static inline long bench_call(long nr, long a, const void *b, long c, long d,
                              long e)
{
    long rc = syscall(nr, a, b, c, d, e, 0L);

    return rc < 0 ? -errno : rc;
}
#endif

#endif
