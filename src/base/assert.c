/* SPDX-License-Identifier: MIT */
/* The end of a process that has found a bug in itself. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void flare__assert_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "flare: %s:%d: assertion failed: %s\n", file, line,
            condition);
    abort();
}
