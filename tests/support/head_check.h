/* SPDX-License-Identifier: MIT */
/*
 * Every kernel of the head parser against the oracle: the same answer, from
 * the same byte on, with the same parts, out of memory that ends where the
 * bytes do.
 */
#ifndef FLARE__TEST_HEAD_CHECK_H
#define FLARE__TEST_HEAD_CHECK_H

#include "http/head.h"

enum head_check_cuts {
    HEAD_CHECK_TURN, /* whole, and just before and at the deciding byte */
    HEAD_CHECK_EVERY /* and cut at every byte */
};

/*
 * Parses the front pieces of `bytes` with every kernel.  Returns NULL, or what
 * differed (static text, valid until the next call); `*rc` is the oracle's
 * answer.  Not for two threads.
 */
const char *head_check(const struct flare__head_limits *limits,
                       const char *bytes, size_t len, enum head_check_cuts cuts,
                       int *rc);

#endif
