/* SPDX-License-Identifier: MIT */
/*
 * ASCII goes by eight bytes at a time, longer text by the vector kernel of
 * this CPU, and what is left, a cut character and a fault, byte by byte.
 */
#include "base/utf8.h"

#include "base/cpu.h"
#include "base/utf8_kernels.h"

#include <stdatomic.h>
#include <string.h>

enum {
    /* shorter rests are quicker by the byte than copied for a vector */
    SCAN_BYTES_MIN = 16,
    /* that much ASCII in front is looked at before a kernel is called */
    ASCII_FIRST = 64
};

enum {
    /* what any fault of two neighbours needs of the first's lower half */
    ANY_LOW = UTF8_TOO_SHORT | UTF8_TOO_LONG | UTF8_TWO_CONTS,
    LOW_5_UP = ANY_LOW | UTF8_TOO_LARGE | UTF8_EDGE_4,
    /* and which a continuation may complete */
    ANY_CONT = UTF8_TOO_LONG | UTF8_OVERLONG_2 | UTF8_TWO_CONTS,
    CONT_A_B = ANY_CONT | UTF8_SURROGATE | UTF8_TOO_LARGE
};

const uint8_t flare__utf8_first_high[16] = {
    [0x0] = UTF8_TOO_LONG,
    [0x1] = UTF8_TOO_LONG,
    [0x2] = UTF8_TOO_LONG,
    [0x3] = UTF8_TOO_LONG,
    [0x4] = UTF8_TOO_LONG,
    [0x5] = UTF8_TOO_LONG,
    [0x6] = UTF8_TOO_LONG,
    [0x7] = UTF8_TOO_LONG,
    [0x8] = UTF8_TWO_CONTS,
    [0x9] = UTF8_TWO_CONTS,
    [0xA] = UTF8_TWO_CONTS,
    [0xB] = UTF8_TWO_CONTS,
    [0xC] = UTF8_TOO_SHORT | UTF8_OVERLONG_2,
    [0xD] = UTF8_TOO_SHORT,
    [0xE] = UTF8_TOO_SHORT | UTF8_OVERLONG_3 | UTF8_SURROGATE,
    [0xF] = UTF8_TOO_SHORT | UTF8_TOO_LARGE | UTF8_EDGE_4,
};

const uint8_t flare__utf8_first_low[16] = {
    [0x0] = ANY_LOW | UTF8_OVERLONG_3 | UTF8_OVERLONG_2 | UTF8_EDGE_4,
    [0x1] = ANY_LOW | UTF8_OVERLONG_2,
    [0x2] = ANY_LOW,
    [0x3] = ANY_LOW,
    [0x4] = ANY_LOW | UTF8_TOO_LARGE,
    [0x5] = LOW_5_UP,
    [0x6] = LOW_5_UP,
    [0x7] = LOW_5_UP,
    [0x8] = LOW_5_UP,
    [0x9] = LOW_5_UP,
    [0xA] = LOW_5_UP,
    [0xB] = LOW_5_UP,
    [0xC] = LOW_5_UP,
    [0xD] = LOW_5_UP | UTF8_SURROGATE,
    [0xE] = LOW_5_UP,
    [0xF] = LOW_5_UP,
};

const uint8_t flare__utf8_second_high[16] = {
    [0x0] = UTF8_TOO_SHORT,
    [0x1] = UTF8_TOO_SHORT,
    [0x2] = UTF8_TOO_SHORT,
    [0x3] = UTF8_TOO_SHORT,
    [0x4] = UTF8_TOO_SHORT,
    [0x5] = UTF8_TOO_SHORT,
    [0x6] = UTF8_TOO_SHORT,
    [0x7] = UTF8_TOO_SHORT,
    [0x8] = ANY_CONT | UTF8_OVERLONG_3 | UTF8_EDGE_4,
    [0x9] = ANY_CONT | UTF8_OVERLONG_3 | UTF8_TOO_LARGE,
    [0xA] = CONT_A_B,
    [0xB] = CONT_A_B,
    [0xC] = UTF8_TOO_SHORT,
    [0xD] = UTF8_TOO_SHORT,
    [0xE] = UTF8_TOO_SHORT,
    [0xF] = UTF8_TOO_SHORT,
};

/* The bytes of a sequence by its first, and the range of the second. */
static size_t sequence_of(unsigned char first, unsigned char *low,
                          unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    if (first == 0xE0)
        *low = 0xA0; /* below: overlong */
    else if (first == 0xED)
        *high = 0x9F; /* above: surrogates */
    else if (first == 0xF0)
        *low = 0x90; /* below: overlong */
    else if (first == 0xF4)
        *high = 0x8F; /* above: past U+10FFFF */
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Table 3-7 of the Unicode standard. */
size_t flare__utf8_next(const char *bytes, size_t left, size_t *bad)
{
    const unsigned char *p = (const unsigned char *)bytes;
    unsigned char low, high;
    size_t len = sequence_of(p[0], &low, &high);

    *bad = 1;
    for (size_t i = 1; i < len; i++) {
        if (i == left || p[i] < low || p[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xBF;
    }
    return len;
}

static bool is_ascii8(const char *p)
{
    uint64_t eight;

    memcpy(&eight, p, sizeof(eight));
    return (eight & UINT64_C(0x8080808080808080)) == 0;
}

static bool is_ascii16(const char *p)
{
    uint64_t words[2];

    memcpy(words, p, sizeof(words));
    return ((words[0] | words[1]) & UINT64_C(0x8080808080808080)) == 0;
}

/* Takes one byte; false if it is bad. */
static bool step(struct flare__utf8 *u, unsigned char byte)
{
    size_t len;

    if (u->left > 0) {
        if (byte < u->low || byte > u->high)
            return false;
        u->low = 0x80;
        u->high = 0xBF;
        u->left--;
        return true;
    }
    len = sequence_of(byte, &u->low, &u->high);
    if (len == 0)
        return false;
    u->left = (uint8_t)(len - 1);
    return true;
}

/* From `at` to the first bad byte or the end. */
static size_t walk(struct flare__utf8 *u, const char *bytes, size_t at,
                   size_t len)
{
    while (at < len) {
        if (u->left == 0 && len - at >= 8 && is_ascii8(bytes + at)) {
            at += 8;
            continue;
        }
        if ((u->left > 0 || (unsigned char)bytes[at] >= 0x80) &&
            !step(u, (unsigned char)bytes[at]))
            return at;
        at++;
    }
    return at;
}

/* How far the ASCII in front goes, as far as it is looked at by the word; of a
 * text that is not much longer, all. */
static size_t skip_ascii(const char *bytes, size_t at, size_t len)
{
    size_t end = len - at < 2 * ASCII_FIRST ? len : at + ASCII_FIRST;
    size_t start = at;

    for (; end - at >= 16; at += 16)
        if (!is_ascii16(bytes + at))
            return at;
    if (end - at >= 8 && is_ascii8(bytes + at))
        at += 8;
    /* the last few, with some before them */
    if (end - at < 8 && end - start >= 8 && is_ascii8(bytes + end - 8))
        at = end;
    return at;
}

size_t flare__utf8_feed_with(struct flare__utf8 *u, flare__utf8_scan_fn *scan,
                             const char *bytes, size_t len)
{
    size_t at = 0;

    for (; u->left > 0 && at < len; at++)
        if (!step(u, (unsigned char)bytes[at]))
            return at;
    if (scan == NULL)
        return walk(u, bytes, at, len);
    at = skip_ascii(bytes, at, len);
    if (len - at >= SCAN_BYTES_MIN)
        at += scan(bytes + at, len - at);
    return walk(u, bytes, at, len);
}

size_t flare__utf8_kernels(
    struct flare__utf8_kernel out[FLARE__UTF8_KERNELS_MAX + 1], uint32_t denied)
{
    uint32_t cpu = flare__cpu_features(denied);
    size_t n = 0;

    (void)cpu;
#ifdef FLARE__UTF8_X86
    if (cpu & FLARE__CPU_AVX512BW)
        out[n++] =
            (struct flare__utf8_kernel){"avx512", flare__utf8_scan_avx512};
    if (cpu & FLARE__CPU_AVX2)
        out[n++] = (struct flare__utf8_kernel){"avx2", flare__utf8_scan_avx2};
    if (cpu & FLARE__CPU_SSE42)
        out[n++] = (struct flare__utf8_kernel){"sse42", flare__utf8_scan_sse42};
#endif
#ifdef FLARE__UTF8_NEON
    if (cpu & FLARE__CPU_NEON)
        out[n++] = (struct flare__utf8_kernel){"neon", flare__utf8_scan_neon};
#endif
    out[n++] = (struct flare__utf8_kernel){"scalar", NULL};
    out[n] = (struct flare__utf8_kernel){NULL, NULL};
    return n;
}

static size_t scan_first(const char *bytes, size_t len);

/* Chosen by the first call; threads that race here store the same. */
static _Atomic(flare__utf8_scan_fn *) scan_chosen = scan_first;

static size_t scan_first(const char *bytes, size_t len)
{
    struct flare__utf8_kernel kernels[FLARE__UTF8_KERNELS_MAX + 1];

    (void)flare__utf8_kernels(kernels, 0); /* scalar at least */
    atomic_store_explicit(&scan_chosen, kernels[0].scan, memory_order_relaxed);
    return kernels[0].scan == NULL ? 0 : kernels[0].scan(bytes, len);
}

size_t flare__utf8_feed(struct flare__utf8 *u, const char *bytes, size_t len)
{
    return flare__utf8_feed_with(
        u, atomic_load_explicit(&scan_chosen, memory_order_relaxed), bytes,
        len);
}

bool flare__utf8_is_valid(struct flare_str text)
{
    struct flare__utf8 u;

    flare__utf8_init(&u);
    return flare__utf8_feed(&u, text.ptr, text.len) == text.len &&
           flare__utf8_is_whole(&u);
}
