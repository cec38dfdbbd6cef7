/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a multipart/form-data body: the oracle's parts, contents and
 * answer, whole and byte by byte; short inputs cut at every place too.  The
 * first byte chooses the boundary.
 */
#include "tests/support/multipart_check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct flare_str boundaries[] = {
    {"b", 1},
    {"-", 1},
    {"--b--", 5},
    {"a b", 3},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct multipart_log *log;
    const char *wrong;

    if (size == 0 || size > MULTIPART_BODY_MAX)
        return 0;
    wrong = multipart_check(
        boundaries[data[0] % 4], (const char *)data + 1, size - 1,
        size < 128 ? MULTIPART_CUT_EVERY : MULTIPART_CUT_FEW, &log);
    if (wrong != NULL) {
        fprintf(stderr, "fuzz_multipart: %s\n", wrong);
        abort();
    }
    return 0;
}
