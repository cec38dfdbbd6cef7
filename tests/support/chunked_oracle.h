/* SPDX-License-Identifier: MIT */
/*
 * The chunked coding read by descent from its first byte every time, as RFC
 * 9112 section 7.1 writes it; slow, shares no line with src/.
 */
#ifndef FLARE__TEST_CHUNKED_ORACLE_H
#define FLARE__TEST_CHUNKED_ORACLE_H

#include "http/chunked.h"

enum { CHUNKED_ORACLE_BYTES_MAX = 4096 };

struct chunked_oracle {
    int rc;    /* FLARE__CHUNKED_MORE, FLARE__CHUNKED_END or an error */
    size_t at; /* bytes up to that answer: all of them for MORE */
    size_t body_len;
    char body[CHUNKED_ORACLE_BYTES_MAX];
};

void chunked_oracle(struct chunked_oracle *o,
                    const struct flare__chunked_limits *limits,
                    const char *bytes, size_t len);

#endif
