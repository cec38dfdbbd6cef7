/* SPDX-License-Identifier: MIT */
/*
 * flare_reader against a naive reading of the whole input: the same script of
 * calls has the same results, fed and pulled, however the input is cut.
 */
#ifndef FLARE__TEST_READER_CHECK_H
#define FLARE__TEST_READER_CHECK_H

#include <flare/io.h>

enum reader_call {
    READER_LINE,
    READER_UNTIL,
    READER_EXACT, /* `size` bytes */
    READER_BODY,  /* `size` bytes, by flare_reader_some */
    READER_SKIP
};

struct reader_step {
    enum reader_call call;
    struct flare_str delimiter; /* of UNTIL and SKIP */
    size_t size;                /* of EXACT and BODY, at least 1 */
};

struct reader_script {
    const struct reader_step *steps; /* again from the first after the last */
    size_t count;
    uint32_t line_max;
    uint32_t buffer_max; /* 0: the default */
};

enum {
    READER_INPUT_MAX = 4096,
    READER_EXACT_MAX = 512 /* the oracle knows no other limit */
};

enum reader_cuts {
    READER_CUT_FEW,  /* whole, byte by byte, and some sizes */
    READER_CUT_EVERY /* also in two at every place */
};

/* NULL, or what is wrong, until the next call. */
const char *reader_check(const struct reader_script *script,
                         struct flare_str input, enum reader_cuts cuts);

#endif
