/* SPDX-License-Identifier: MIT */
/*
 * Memory between two unmapped pages: whoever reads or writes one byte past what
 * was put there dies, with any compiler and sanitizer or none.
 */
#ifndef FLARE__TEST_GUARD_H
#define FLARE__TEST_GUARD_H

#include <stddef.h>

struct guard {
    char *base;  /* an unmapped page lies before it, too */
    size_t size; /* usable bytes, a multiple of the page */
};

/* At least `size` bytes; aborts if there is no memory. */
void guard_init(struct guard *g, size_t size);
void guard_fini(struct guard *g);

/* The last `size` bytes before the unmapped page. */
void *guard_last(const struct guard *g, size_t size);

/* Copies `bytes` to the end of the memory; valid until the next put. */
const char *guard_put(const struct guard *g, const char *bytes, size_t len);

#endif
