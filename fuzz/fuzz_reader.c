/* SPDX-License-Identifier: MIT */
/*
 * Any calls of a reader on any bytes: the naive reading's results, fed and
 * pulled, whole, byte by byte, in pieces; short inputs cut at every place too.
 *
 * The first byte is the longest line, the second has the size of the buffer in
 * its high half and the number of steps in its low one; two bytes for each
 * step: a call, and a size or delimiter.  The rest is the input.
 */
#include "tests/support/reader_check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 16 };

static const struct flare_str delimiters[] = {
    {"\n", 1},
    {"\r\n", 2},
    {"\0", 1},
    {"\r\n\r\n", 4},
    {"aab", 3},
    {"aaaa", 4},
    {"abab", 4},
    {"--b", 3},
    {"; ", 2},
    {"\xff", 1},
    {"aaaaaaaaaaaaaaab", 16},
    {"\n\n", 2},
    {"abcabcabcabcabcd", 16},
};

static struct reader_step step_of(const uint8_t pair[2])
{
    struct reader_step step = {
        .call = (enum reader_call)(pair[0] % (READER_SKIP + 1)),
        .delimiter =
            delimiters[pair[1] % (sizeof(delimiters) / sizeof(*delimiters))],
        .size = (size_t)pair[1] + 1,
    };

    return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader_step steps[STEPS_MAX];
    struct reader_script script = {.steps = steps};
    struct flare_str input;
    const char *wrong;

    if (size < 2 || size > READER_INPUT_MAX)
        return 0;
    script.line_max = data[0] + 1U;
    if (data[1] >> 4 != 0)
        script.buffer_max = READER_EXACT_MAX + 64U * (data[1] >> 4);
    script.count = (data[1] & 15U) + 1;
    if (size < 2 + 2 * script.count)
        return 0;
    for (size_t i = 0; i < script.count; i++)
        steps[i] = step_of(data + 2 + 2 * i);
    input.ptr = (const char *)data + 2 + 2 * script.count;
    input.len = size - 2 - 2 * script.count;
    wrong = reader_check(&script, input,
                         input.len < 128 ? READER_CUT_EVERY : READER_CUT_FEW);
    if (wrong != NULL) {
        fprintf(stderr, "fuzz_reader: %s\n", wrong);
        abort();
    }
    return 0;
}
