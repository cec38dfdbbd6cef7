/* SPDX-License-Identifier: MIT */
/* Bytes for codecs to work on: the same for the same seed. */
#ifndef FLARE__TEST_NOISE_H
#define FLARE__TEST_NOISE_H

#include <stddef.h>
#include <stdint.h>

enum noise {
    NOISE_RANDOM, /* cannot be compressed */
    NOISE_TEXT,   /* words of a small vocabulary */
    NOISE_ZEROS
};

static inline void noise_fill(char *out, size_t len, enum noise kind,
                              uint64_t seed)
{
    static const char *const words[] = {
        "flare ", "request ", "of ", "the ", "answer ", "\n", "a ", "socket, "};
    const char *word = "";

    for (size_t i = 0; i < len; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        if (kind == NOISE_RANDOM) {
            out[i] = (char)(seed >> 56);
        } else if (kind == NOISE_ZEROS) {
            out[i] = 0;
        } else {
            if (*word == '\0')
                word = words[seed >> 61];
            out[i] = *word++;
        }
    }
}

#endif
