/* SPDX-License-Identifier: MIT */
/*
 * Masking of WebSocket payloads (RFC 6455 section 5.3): byte i is XORed with
 * byte i % 4 of the key.  Doing it twice undoes it.
 *
 * One kernel per instruction set, the fastest of this CPU chosen by the first
 * call.  All give the same bytes, and none touches a byte outside its two
 * ranges, wherever they lie: no alignment is asked for.
 */
#ifndef FLARE__WS_MASK_H
#define FLARE__WS_MASK_H

#include <flare/base.h>

#include <string.h>

/* The key, its four bytes in the order of the wire, whatever the machine's. */
static inline uint32_t flare__mask_key(const void *bytes)
{
    uint32_t key;

    memcpy(&key, bytes, sizeof(key));
    return key;
}

/* The key as it is to be used from byte `offset` of a payload on. */
static inline uint32_t flare__mask_turn(uint32_t key, size_t offset)
{
    unsigned bits = 8 * (offset & 3);

    if (bits == 0)
        return key;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return key >> bits | key << (32 - bits);
#else
    return key << bits | key >> (32 - bits);
#endif
}

/*
 * Writes `len` bytes of `in`, masked, to `out`: the same place, or one that
 * does not overlap.  Thread: any.
 */
typedef void flare__mask_fn(char *out, const char *in, size_t len,
                            uint32_t key);

flare__mask_fn flare__mask;

struct flare__mask_kernel {
    const char *name;
    flare__mask_fn *mask; /* NULL ends the list */
};

enum { FLARE__MASK_KERNELS_MAX = 4 };

/*
 * Fills `out` with what this CPU runs, fastest first, scalar last, NULL behind
 * it, as if it had none of the features `denied` (FLARE__CPU_*).  Returns
 * their number.
 */
size_t flare__mask_kernels(
    struct flare__mask_kernel out[FLARE__MASK_KERNELS_MAX + 1],
    uint32_t denied);

#endif
