/* SPDX-License-Identifier: MIT */
/*
 * A keyed hash for tables whose keys strangers choose: without the seed nobody
 * can make up keys that meet in one place.  SipHash-1-3 (Aumasson and
 * Bernstein, 2012).
 */
#ifndef FLARE__BASE_HASH_H
#define FLARE__BASE_HASH_H

#include <flare/base.h>

/* The hash of any bytes.  `seed`: random, the table's own. */
uint64_t flare__hash(const uint64_t seed[2], struct flare_str in);

#endif
