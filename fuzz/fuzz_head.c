/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a request head: every kernel gives the oracle's answer, from
 * the same byte on, with the same parts, however much lies behind it.  The
 * first byte chooses the limits.
 */
#include "tests/support/head_check.h"
#include "tests/support/head_oracle.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct flare__head_limits limits[] = {
    {8192, 8192, ORACLE_FIELDS_MAX},
    {16, 64, 3},
    {3, 40, 1},
    {64, 256, 8},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *wrong;
    int rc;

    if (size == 0 || size > ORACLE_BYTES_MAX)
        return 0;
    wrong = head_check(&limits[data[0] % 4], (const char *)data + 1, size - 1,
                       HEAD_CHECK_TURN, &rc);
    if (wrong != NULL) {
        fprintf(stderr, "fuzz_head: %s\n", wrong);
        abort();
    }
    return 0;
}
