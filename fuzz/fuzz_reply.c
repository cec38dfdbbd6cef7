/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the answer to a request: every kernel reads the head as the
 * oracle does, and the reader gives the oracle's events, end and reuse, whether
 * the bytes come whole or one at a time; short inputs cut at every place too.
 * Of the first byte, two bits choose the limits and three the request.
 */
#include "tests/support/reply_check.h"
#include "tests/support/reply_oracle.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct flare__reply_limits limits[] = {
    {.head = {4096, 8192, ORACLE_FIELDS_MAX},
     .chunked = {8192, 256},
     .heads_bytes_max = 8192,
     .interim_max = 16,
     .trailers_max = ORACLE_BYTES_MAX},
    {.head = {4, 64, 3},
     .chunked = {14, 7},
     .heads_bytes_max = 64,
     .interim_max = 1},
    {.head = {64, 256, 8},
     .chunked = {64, 64},
     .heads_bytes_max = 128,
     .interim_max = 3,
     .trailers_max = ORACLE_BYTES_MAX},
    {.head = {0, 40, 1},
     .chunked = {3, 16},
     .heads_bytes_max = 40,
     .interim_max = 0},
};

static void insist(const char *wrong)
{
    if (wrong == NULL)
        return;
    fprintf(stderr, "fuzz_reply: %s\n", wrong);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct flare__reply_limits *l;
    const char *bytes = (const char *)data + 1;
    enum reply_check_cuts cuts =
        size < 64 ? REPLY_CHECK_EVERY : REPLY_CHECK_FEW;
    int rc, rc_clean;

    if (size == 0 || size > ORACLE_BYTES_MAX)
        return 0;
    l = &limits[data[0] & 3];
    insist(reply_head_check(&l->head, bytes, size - 1, cuts, &rc));
    insist(reply_check(l, data[0] >> 2 & 7, (struct flare_str){bytes, size - 1},
                       cuts, &rc, &rc_clean));
    return 0;
}
