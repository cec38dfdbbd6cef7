/* SPDX-License-Identifier: MIT */
/*
 * The vector kernels of UTF-8 validation.  They look at 64 bytes at once and
 * say how far all is well; the scalar code of utf8.c finds which byte is not.
 *
 * A fault shows in two neighbouring bytes, but for the continuations that the
 * third and fourth byte of a character are.  So three tables, by the halves of
 * the first byte and the upper half of the second, give a bit for each fault
 * that half allows; a fault is where all three have its bit (the method of
 * Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte",
 * 2021).
 */
#ifndef FLARE__BASE_UTF8_KERNELS_H
#define FLARE__BASE_UTF8_KERNELS_H

#include "base/utf8.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define FLARE__UTF8_X86 1
#elif defined(__aarch64__)
#define FLARE__UTF8_NEON 1
#endif

#define UTF8_INLINE static inline __attribute__((always_inline))

/*
 * How many of the `len` bytes, which begin with a character, are whole
 * well-formed characters, up to a block where something is wrong or cut.  May
 * be less than there are, never more.
 */
typedef size_t flare__utf8_scan_fn(const char *bytes, size_t len);

#ifdef FLARE__UTF8_X86
flare__utf8_scan_fn flare__utf8_scan_sse42;
flare__utf8_scan_fn flare__utf8_scan_avx2;
flare__utf8_scan_fn flare__utf8_scan_avx512;
#endif
#ifdef FLARE__UTF8_NEON
flare__utf8_scan_fn flare__utf8_scan_neon;
#endif

struct flare__utf8_kernel {
    const char *name;          /* NULL ends the list */
    flare__utf8_scan_fn *scan; /* NULL: the scalar code alone */
};

enum { FLARE__UTF8_KERNELS_MAX = 4 };

/* As flare__scan_kernels (http/scan.h): what this CPU runs, scalar last. */
size_t flare__utf8_kernels(
    struct flare__utf8_kernel out[FLARE__UTF8_KERNELS_MAX + 1],
    uint32_t denied);

/* flare__utf8_feed with that kernel. */
FLARE_MUST_USE
size_t flare__utf8_feed_with(struct flare__utf8 *u, flare__utf8_scan_fn *scan,
                             const char *bytes, size_t len);

/* The tables; each is indexed by half a byte. */
extern const uint8_t flare__utf8_first_high[16];
extern const uint8_t flare__utf8_first_low[16];
extern const uint8_t flare__utf8_second_high[16];

enum {
    UTF8_TOO_SHORT = 0x01,  /* a first byte, then no continuation */
    UTF8_TOO_LONG = 0x02,   /* ASCII, then a continuation */
    UTF8_OVERLONG_3 = 0x04, /* E0, then 80 to 9F */
    UTF8_TOO_LARGE = 0x08,  /* F4 and above, then 90 to BF */
    UTF8_SURROGATE = 0x10,  /* ED, then A0 to BF */
    UTF8_OVERLONG_2 = 0x20, /* C0 or C1, then a continuation */
    UTF8_EDGE_4 = 0x40,     /* F0, or F5 and above, then 80 to 8F */
    UTF8_TWO_CONTS = 0x80   /* two continuations: no fault if the second is the
                               third or fourth byte of a character */
};

/* Where the last character that begins before `end` and is whole ends. */
UTF8_INLINE size_t utf8_whole_end(const char *bytes, size_t end)
{
    for (size_t i = 1; i <= 3 && i <= end; i++) {
        unsigned char c = (unsigned char)bytes[end - i];

        if (c < 0x80)
            return end;
        if (c >= 0xC0) {
            size_t need = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

            return need > i ? end - i : end;
        }
    }
    return end;
}

#endif
