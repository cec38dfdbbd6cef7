/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a chunked body: the oracle's answer and body, whether it comes
 * whole or one byte at a time; short inputs cut at every place too.  The first
 * byte chooses the limits.
 */
#include "tests/support/chunked_check.h"
#include "tests/support/chunked_oracle.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct flare__chunked_limits limits[] = {
    {8192, 256},
    {14, 7},
    {64, 64},
    {3, 16},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *wrong;
    int rc;

    if (size == 0 || size > CHUNKED_ORACLE_BYTES_MAX)
        return 0;
    wrong =
        chunked_check(&limits[data[0] % 4], (const char *)data + 1, size - 1,
                      size < 64 ? CHUNKED_CHECK_EVERY : CHUNKED_CHECK_FEW, &rc);
    if (wrong != NULL) {
        fprintf(stderr, "fuzz_chunked: %s\n", wrong);
        abort();
    }
    return 0;
}
