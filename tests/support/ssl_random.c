/* SPDX-License-Identifier: MIT */
/*
 * See ssl_random.h.  OpenSSL 3 still asks a RAND_METHOD first, before its tree
 * of generators: for public and private numbers alike.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tests/support/ssl_random.h"

#include "tests/support/certs.h"

#include <openssl/rand.h>

#include <time.h>

static struct {
    uint64_t state;
    bool is_on;
} ssl_random;

/* splitmix64: any state is a good one. */
static uint64_t random_next(void)
{
    uint64_t x = ssl_random.state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int random_bytes(unsigned char *out, int len)
{
    uint64_t word = 0;

    for (int i = 0; i < len; i++) {
        if (i % 8 == 0)
            word = random_next();
        out[i] = (unsigned char)(word >> (i % 8 * 8));
    }
    return 1;
}

static int random_status(void)
{
    return 1;
}

static const RAND_METHOD random_method = {
    .bytes = random_bytes,
    .pseudorand = random_bytes,
    .status = random_status,
};

void ssl_random_seed(uint64_t seed)
{
    ssl_random.state = seed;
    ssl_random.is_on = true;
    RAND_set_rand_method(&random_method);
}

void ssl_random_end(void)
{
    ssl_random.is_on = false;
    RAND_set_rand_method(NULL);
}

/*
 * Stands before the C library's, and must be seen from OpenSSL's: the time of a
 * session is in its ticket.
 */
__attribute__((visibility("default"))) time_t time(time_t *out)
{
    struct timespec now = {.tv_sec = (time_t)CERTS_NOW};

    if (!ssl_random.is_on)
        (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
