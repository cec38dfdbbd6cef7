/* SPDX-License-Identifier: MIT */
/* Holds the reader of multipart/form-data against the oracle, at every cut. */
#ifndef FLARE__TEST_MULTIPART_CHECK_H
#define FLARE__TEST_MULTIPART_CHECK_H

#include "tests/support/multipart_oracle.h"

enum { MULTIPART_BODY_MAX = 1 << 16 };

enum multipart_cuts {
    MULTIPART_CUT_FEW,  /* whole, and byte by byte */
    MULTIPART_CUT_EVERY /* and in two pieces, at every place */
};

/*
 * NULL if the reader says of `body` what the oracle does, however it is cut;
 * else what is wrong.  `*log` is the oracle's, lent until the next call.
 */
const char *multipart_check(struct flare_str boundary, const char *body,
                            size_t len, enum multipart_cuts cuts,
                            const struct multipart_log **log);

#endif
