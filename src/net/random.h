/* SPDX-License-Identifier: MIT */
/* Bytes that nobody can guess. */
#ifndef FLARE__NET_RANDOM_H
#define FLARE__NET_RANDOM_H

#include <flare/error.h>

/* Fills `out`, of at most 256 bytes.  0 or -errno.  Thread: any. */
FLARE_MUST_USE int flare__random(void *out, size_t size);

#endif
