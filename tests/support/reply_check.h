/* SPDX-License-Identifier: MIT */
/*
 * The reader of responses against the oracle: every kernel's parser on fronts
 * of the bytes, and the whole reader however its input is cut, out of memory
 * that ends where the bytes do.
 */
#ifndef FLARE__TEST_REPLY_CHECK_H
#define FLARE__TEST_REPLY_CHECK_H

#include "http/reply.h"

enum reply_check_cuts {
    REPLY_CHECK_FEW,  /* whole, byte by byte, before and at the last byte */
    REPLY_CHECK_EVERY /* and in two pieces, cut at every byte */
};

/*
 * Reads `bytes` as the answer to a request that was FLARE__REPLY_TO_*.  Returns
 * NULL, or what differed (static text, valid until the next call); `*rc` is the
 * oracle's answer, `*rc_clean` its answer to an end behind the bytes.  Not for
 * two threads.
 */
const char *reply_check(const struct flare__reply_limits *limits,
                        unsigned request, struct flare_str bytes,
                        enum reply_check_cuts cuts, int *rc, int *rc_clean);

/* The head at the front alone, with each kernel. */
const char *reply_head_check(const struct flare__reply_head_limits *limits,
                             const char *bytes, size_t len,
                             enum reply_check_cuts cuts, int *rc);

#endif
