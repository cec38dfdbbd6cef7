/* SPDX-License-Identifier: MIT */
/*
 * Bugs assert.  FLARE_ASSERT stays in release builds and guards memory safety
 * and state machines; FLARE_DCHECK is for costly invariants.  Neither is ever
 * used on a peer's bytes, on memory or on a kernel's answer.
 */
#ifndef FLARE__BASE_ASSERT_H
#define FLARE__BASE_ASSERT_H

#include <stddef.h>

#define FLARE_LIKELY(x) __builtin_expect(!!(x), 1)
#define FLARE_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define FLARE_ASSERT(condition)                                                \
    do {                                                                       \
        if (FLARE_UNLIKELY(!(condition)))                                      \
            flare__assert_fail(#condition, __FILE__, __LINE__);                \
    } while (0)

#ifdef FLARE_DEBUG
#define FLARE_DCHECK(condition) FLARE_ASSERT(condition)
#else
#define FLARE_DCHECK(condition) ((void)sizeof(condition))
#endif

/* Writes one line to standard error and aborts. */
__attribute__((noreturn, cold)) void flare__assert_fail(const char *condition,
                                                        const char *file,
                                                        int line);

/* The structure that holds `member` at `pointer`. */
#define FLARE_CONTAINER_OF(pointer, type, member)                              \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
