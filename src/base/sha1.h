/* SPDX-License-Identifier: MIT */
/*
 * SHA-1 (FIPS 180-4 section 6.1) of a few bytes, for the one protocol that
 * demands it: the WebSocket handshake (RFC 6455 section 4.2.2), where it
 * protects nothing.  SHA-1 is broken: not for anything else.
 */
#ifndef FLARE__BASE_SHA1_H
#define FLARE__BASE_SHA1_H

#include <flare/base.h>

enum { FLARE__SHA1_BYTES = 20 };

/* The digest of any bytes.  Thread: any. */
void flare__sha1(uint8_t out[FLARE__SHA1_BYTES], struct flare_str in);

#endif
