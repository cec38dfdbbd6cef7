/* SPDX-License-Identifier: MIT */
/* See sha1.h.  Straight from the standard: a handshake hashes one block. */
#include "base/sha1.h"

#include <string.h>

enum { BLOCK = 64, ROUNDS = 80, LENGTH_AT = 56 };

static uint32_t rotate(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t read_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static void write_be32(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

/* f and K of section 4.1.1 and 4.2.1. */
static uint32_t mix(unsigned round, const uint32_t v[5])
{
    if (round < 20)
        return ((v[1] & v[2]) ^ (~v[1] & v[3])) + 0x5A827999;
    if (round < 40)
        return (v[1] ^ v[2] ^ v[3]) + 0x6ED9EBA1;
    if (round < 60)
        return ((v[1] & v[2]) ^ (v[1] & v[3]) ^ (v[2] & v[3])) + 0x8F1BBCDC;
    return (v[1] ^ v[2] ^ v[3]) + 0xCA62C1D6;
}

static void add_block(uint32_t h[5], const uint8_t *p)
{
    uint32_t w[ROUNDS], v[5];

    for (unsigned t = 0; t < 16; t++)
        w[t] = read_be32(p + 4 * (size_t)t);
    for (unsigned t = 16; t < ROUNDS; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    memcpy(v, h, sizeof(v));
    for (unsigned t = 0; t < ROUNDS; t++) {
        uint32_t next = rotate(v[0], 5) + mix(t, v) + v[4] + w[t];

        v[4] = v[3];
        v[3] = v[2];
        v[2] = rotate(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (size_t i = 0; i < 5; i++)
        h[i] += v[i];
}

void flare__sha1(uint8_t out[FLARE__SHA1_BYTES], struct flare_str in)
{
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476,
                     0xC3D2E1F0};
    uint64_t bits = (uint64_t)in.len * 8;
    uint8_t last[2 * BLOCK] = {0};
    size_t at = 0, rest, end;

    for (; in.len - at >= BLOCK; at += BLOCK)
        add_block(h, (const uint8_t *)in.ptr + at);
    rest = in.len - at;
    if (rest > 0)
        memcpy(last, in.ptr + at, rest);
    last[rest] = 0x80;
    end = rest < LENGTH_AT ? BLOCK : 2 * BLOCK;
    write_be32(last + end - 8, (uint32_t)(bits >> 32));
    write_be32(last + end - 4, (uint32_t)bits);
    for (at = 0; at < end; at += BLOCK)
        add_block(h, last + at);
    for (size_t i = 0; i < 5; i++)
        write_be32(out + 4 * i, h[i]);
}
