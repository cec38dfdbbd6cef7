/* SPDX-License-Identifier: MIT */
/* See hash.h. */
#include "base/hash.h"

#include <string.h>

#define ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = ROTL(v[1], 13) ^ v[0];
    v[3] = ROTL(v[3], 16) ^ v[2];
    v[0] = ROTL(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = ROTL(v[1], 17) ^ v[2];
    v[3] = ROTL(v[3], 21) ^ v[0];
    v[2] = ROTL(v[2], 32);
}

/* The next eight bytes, little-endian; at the end with the length on top. */
static uint64_t sip_word(struct flare_str in, size_t at)
{
    size_t n = in.len - at < 8 ? in.len - at : 8;
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)(unsigned char)in.ptr[at + i] << (8 * i);
    if (n < 8)
        word |= (uint64_t)(in.len & 255) << 56;
    return word;
}

uint64_t flare__hash(const uint64_t seed[2], struct flare_str in)
{
    uint64_t v[4] = {seed[0] ^ UINT64_C(0x736f6d6570736575),
                     seed[1] ^ UINT64_C(0x646f72616e646f6d),
                     seed[0] ^ UINT64_C(0x6c7967656e657261),
                     seed[1] ^ UINT64_C(0x7465646279746573)};

    for (size_t i = 0; i <= in.len; i += 8) {
        uint64_t word = sip_word(in, i);

        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 255;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
