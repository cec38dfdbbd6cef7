/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's random numbers from a seed, and its clock standing still: with both
 * a run of TLS is the same run twice, keys, signatures and tickets included.
 * For tests of one thread.
 */
#ifndef FLARE__TEST_SSL_RANDOM_H
#define FLARE__TEST_SSL_RANDOM_H

#include <stdint.h>

/*
 * From now on random numbers are those of `seed`, all of them, and time(2) is
 * CERTS_NOW for whoever asks in this process.
 */
void ssl_random_seed(uint64_t seed);

/* Both are the system's again. */
void ssl_random_end(void);

#endif
