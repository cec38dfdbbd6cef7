/* SPDX-License-Identifier: MIT */
/*
 * Trace points for perf, bpftrace and systemtap: USDT probes of the provider
 * "flare", where configure has found sys/sdt.h; else nothing.  One that nobody
 * looks at is a nop, and its arguments are what is at hand: pointers that tell
 * one connection from another, numbers, bytes with their length.
 * docs/OPERATIONS.md lists them, tests/e2e/test_usdt.py compares.
 */
#ifndef FLARE__BASE_TRACE_H
#define FLARE__BASE_TRACE_H

#ifdef FLARE_HAVE_USDT
#include <sys/sdt.h>

#define FLARE__TRACE1(name, a) DTRACE_PROBE1(flare, name, a)
#define FLARE__TRACE2(name, a, b) DTRACE_PROBE2(flare, name, a, b)
#define FLARE__TRACE3(name, a, b, c) DTRACE_PROBE3(flare, name, a, b, c)
#else
/* Not evaluated, but neither unused. */
#define FLARE__TRACE1(name, a) ((void)sizeof(a))
#define FLARE__TRACE2(name, a, b) ((void)sizeof(a), (void)sizeof(b))
#define FLARE__TRACE3(name, a, b, c)                                           \
    ((void)sizeof(a), (void)sizeof(b), (void)sizeof(c))
#endif

#endif
