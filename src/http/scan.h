/* SPDX-License-Identifier: MIT */
/*
 * The kernels of the head parsers.  A parser is one text (head_parse.inc for
 * requests, reply_parse.inc for responses), built once per instruction set
 * around that set's way of scanning for the next byte of a class, so that
 * scanning is inlined.  All kernels give the
 * same verdict on the same bytes; only scalar is always there.
 */
#ifndef FLARE__HTTP_SCAN_H
#define FLARE__HTTP_SCAN_H

#include "http/head.h"
#include "http/reply_head.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define FLARE__SCAN_X86 1
#elif defined(__aarch64__)
#define FLARE__SCAN_NEON 1
#endif

/* The parser is one function per kernel, or its state is not in registers. */
#define SCAN_INLINE static inline __attribute__((always_inline))

/* As flare__head_parse. */
typedef int flare__head_parse_fn(struct flare__head *head,
                                 const struct flare__head_limits *limits,
                                 const char *buf, size_t len);

/* As flare__reply_head_parse. */
typedef int flare__reply_parse_fn(struct flare__reply_head *head,
                                  const struct flare__reply_head_limits *limits,
                                  const char *buf, size_t len);

flare__head_parse_fn flare__head_parse_scalar;
flare__reply_parse_fn flare__reply_parse_scalar;
#ifdef FLARE__SCAN_X86
flare__head_parse_fn flare__head_parse_sse42;
flare__reply_parse_fn flare__reply_parse_sse42;
flare__head_parse_fn flare__head_parse_avx2;
flare__reply_parse_fn flare__reply_parse_avx2;
flare__head_parse_fn flare__head_parse_avx512;
flare__reply_parse_fn flare__reply_parse_avx512;
#endif
#ifdef FLARE__SCAN_NEON
flare__head_parse_fn flare__head_parse_neon;
flare__reply_parse_fn flare__reply_parse_neon;
#endif

struct flare__scan_kernel {
    const char *name;
    flare__head_parse_fn *parse; /* NULL ends the list */
    flare__reply_parse_fn *parse_reply;
};

enum { FLARE__SCAN_KERNELS_MAX = 4 };

/*
 * Fills `out` with what this CPU runs, fastest first, scalar last, NULL behind
 * it, as if it had none of the features `denied` (FLARE__CPU_*).  Returns
 * their number.
 */
size_t flare__scan_kernels(
    struct flare__scan_kernel out[FLARE__SCAN_KERNELS_MAX + 1],
    uint32_t denied);

#endif
