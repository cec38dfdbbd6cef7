/* SPDX-License-Identifier: MIT */
/*
 * The chunked decoder against the oracle, however its input is cut, out of
 * memory that ends where each piece does.
 */
#ifndef FLARE__TEST_CHUNKED_CHECK_H
#define FLARE__TEST_CHUNKED_CHECK_H

#include "http/chunked.h"

enum chunked_check_cuts {
    CHUNKED_CHECK_FEW,  /* whole, and one byte at a time */
    CHUNKED_CHECK_EVERY /* and in two pieces cut at every place */
};

/*
 * Decodes `bytes` in pieces cut like that.  Returns NULL, or what differed
 * (static text, valid until the next call);
 * `*rc` is the oracle's answer.  Not for two threads.
 */
const char *chunked_check(const struct flare__chunked_limits *limits,
                          const char *bytes, size_t len,
                          enum chunked_check_cuts cuts, int *rc);

#endif
