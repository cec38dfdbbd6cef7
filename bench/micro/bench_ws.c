/* SPDX-License-Identifier: MIT */
/*
 * WebSocket's inner loops alone, in GB/s: masking with every kernel of this
 * CPU beside memcpy of the same size and a loop over bytes, and validation of
 * text with every kernel, on ASCII and on mixed scripts.  And whole frames
 * through the decoder, as a server reads them.
 *
 *   bench_ws                     the tables: medians of interleaved rounds
 *   bench_ws mask|utf8|frame     one of them
 *   bench_ws frame SIZE N        decodes N times 64 binary frames and prints
 *                                nothing: run it under valgrind
 *                                --tool=callgrind, with two different N
 *
 * Payloads lie as they do in a message: 14 bytes into a buffer, the key two
 * bytes turned; copies go from there to a place of malloc's.  Short ones lie
 * side by side and are taken in turn: in place, the same one again would wait
 * for its own stores, which no message does.
 */
#include "base/alloc.h"
#include "base/utf8_kernels.h"
#include "ws/frame.h"
#include "ws/mask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROUNDS = 101,
    SLICE_NS = 300000,
    WAYS_MAX = 16,
    SKEW = 14,
    SLOTS = 16,
    SLOT_SIZE = 1024 + SKEW,
    FRAMES = 64,
    TEXT_MAX = 1 << 20,
    ROOM = TEXT_MAX + 64
};

static const size_t sizes[] = {32, 64, 125, 1024, 16384, 65536, 1 << 20};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

struct way {
    const char *name;
    void (*run)(const struct way *way, size_t size, size_t at);
    flare__mask_fn *mask;
    flare__utf8_scan_fn *scan;
    const char *text;
    double gbs[ROUNDS];
};

static char *from, *to, *ascii, *mixed;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What a compiler would make a vector loop of is held back. */
static void byte_loop(char *p, size_t len, uint32_t key)
{
    unsigned char bytes[4];

    memcpy(bytes, &key, 4);
    for (size_t i = 0; i < len; i++) {
        p[i] = (char)(p[i] ^ bytes[i & 3]);
        __asm__ volatile("" : : : "memory");
    }
}

static void run_bytes(const struct way *way, size_t size, size_t at)
{
    (void)way;
    byte_loop(from + at, size, 0x01020304);
}

static void run_memcpy(const struct way *way, size_t size, size_t at)
{
    (void)way;
    memcpy(to + at - SKEW, from + at, size);
}

static void run_in_place(const struct way *way, size_t size, size_t at)
{
    way->mask(from + at, from + at, size, flare__mask_turn(0x01020304, 2));
}

static void run_copy(const struct way *way, size_t size, size_t at)
{
    way->mask(to + at - SKEW, from + at, size, flare__mask_turn(0x01020304, 2));
}

static void run_utf8(const struct way *way, size_t size, size_t at)
{
    struct flare__utf8 u;
    size_t good;

    (void)at; /* a text is as long as `size` for one place only */
    flare__utf8_init(&u);
    good = flare__utf8_feed_with(&u, way->scan, way->text + SKEW, size);
    if (good != size)
        abort();
}

static void run_many(const struct way *way, size_t size, long n)
{
    for (long i = 0; i < n; i++) {
        size_t slot = size <= 1024 ? (size_t)i % SLOTS : 0;

        way->run(way, size, SKEW + slot * SLOT_SIZE);
        __asm__ volatile("" : : : "memory");
    }
}

static long runs_per_slice(const struct way *way, size_t size)
{
    uint64_t start = now_ns();
    long n = 0;

    do {
        run_many(way, size, 8);
        n += 8;
    } while (now_ns() - start < SLICE_NS);
    return n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(struct way *ways, int count, size_t size)
{
    long n[WAYS_MAX];

    for (int i = 0; i < count; i++)
        n[i] = runs_per_slice(&ways[i], size);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < count; i++) {
            uint64_t start = now_ns();

            run_many(&ways[i], size, n[i]);
            ways[i].gbs[round] =
                (double)size * (double)n[i] / (double)(now_ns() - start + 1);
        }
    printf("%-9zu", size);
    for (int i = 0; i < count; i++) {
        qsort(ways[i].gbs, ROUNDS, sizeof(double), by_value);
        printf(" %14.1f", ways[i].gbs[ROUNDS / 2]);
    }
    printf("\n");
    fflush(stdout);
}

static void table(struct way *ways, int count)
{
    printf("%-9s", "bytes");
    for (int i = 0; i < count; i++)
        printf(" %14s", ways[i].name);
    printf("\n");
    for (int i = 0; i < SIZES; i++)
        measure(ways, count, sizes[i]);
    printf("\n");
}

static void table_mask(void)
{
    struct flare__mask_kernel k[FLARE__MASK_KERNELS_MAX + 1];
    static struct way ways[WAYS_MAX];
    static char names[FLARE__MASK_KERNELS_MAX][16];
    int n = 0;

    ways[n++] = (struct way){.name = "byte loop", .run = run_bytes};
    ways[n++] = (struct way){.name = "memcpy", .run = run_memcpy};
    (void)flare__mask_kernels(k, 0);
    for (int i = 0; k[i].mask; i++) {
        ways[n++] = (struct way){
            .name = k[i].name, .run = run_in_place, .mask = k[i].mask};
        snprintf(names[i], sizeof(names[i]), "%s copy", k[i].name);
        ways[n++] =
            (struct way){.name = names[i], .run = run_copy, .mask = k[i].mask};
    }
    printf("masking, GB/s\n");
    table(ways, n);
}

static void table_utf8(const char *title, const char *text)
{
    struct flare__utf8_kernel k[FLARE__UTF8_KERNELS_MAX + 1];
    static struct way ways[WAYS_MAX];
    int n = 0;

    (void)flare__utf8_kernels(k, 0);
    for (int i = 0; k[i].name; i++)
        ways[n++] = (struct way){.name = k[i].name,
                                 .run = run_utf8,
                                 .scan = k[i].scan,
                                 .text = text};
    printf("UTF-8, %s, GB/s\n", title);
    table(ways, n);
}

/* 64 masked frames behind one another at `from`; their bytes. */
static size_t frames_write(unsigned opcode, size_t size)
{
    struct flare__ws_frame frame = {.len = size,
                                    .opcode = (uint8_t)opcode,
                                    .is_fin = true,
                                    .key = "\0\0\0\0"};
    size_t len = 0;

    for (int i = 0; i < FRAMES; i++) {
        len += flare__ws_write_head(from + len, &frame);
        memset(from + len, 'a', size);
        len += size;
    }
    return len;
}

/* The key is 0, so that the bytes are the same the next time. */
static void frames_read(size_t len, long n)
{
    static const struct flare__ws_rules rules = {&flare__allocator_default,
                                                 TEXT_MAX, 1, false};
    struct flare__ws_decoder d;
    struct flare__ws_piece piece;

    flare__ws_decoder_init(&d, &rules, false);
    for (long i = 0; i < n; i++) {
        struct flare__ws_bytes in = {from, len};

        while (in.len > 0)
            if (flare__ws_decode(&d, &in, &piece) != FLARE__WS_DATA)
                abort();
    }
    flare__ws_decoder_fini(&d);
}

static void table_frame(void)
{
    static const size_t frame_sizes[] = {0, 5, 32, 125, 1024};
    static double ns[ROUNDS];

    printf("decoding, ns per frame\n%-9s %14s %14s\n", "bytes", "binary",
           "text");
    for (size_t i = 0; i < sizeof(frame_sizes) / sizeof(frame_sizes[0]); i++) {
        printf("%-9zu", frame_sizes[i]);
        for (unsigned opcode = FLARE__WS_BINARY; opcode > 0; opcode--) {
            size_t len = frames_write(opcode, frame_sizes[i]);

            for (int round = 0; round < ROUNDS; round++) {
                uint64_t start = now_ns();

                frames_read(len, 200);
                ns[round] = (double)(now_ns() - start) / (200 * FRAMES);
            }
            qsort(ns, ROUNDS, sizeof(double), by_value);
            printf(" %14.1f", ns[ROUNDS / 2]);
        }
        printf("\n");
    }
}

/* Words of several scripts, and ASCII where a size may end. */
static void fill(void)
{
    static const char word[] = "na\xC3\xAFve \xD0\xBC\xD0\xB8\xD1\x80 "
                               "\xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x94\xA5 ok ";
    size_t len = sizeof(word) - 1;

    memset(ascii, 'a', ROOM);
    memset(mixed, 'a', ROOM);
    memset(from, 'b', ROOM);
    memset(to, 'c', ROOM);
    for (size_t i = 0, at = SKEW; i < SIZES; i++)
        for (; at + len <= SKEW + sizes[i]; at += len)
            memcpy(mixed + at, word, len);
}

int main(int argc, char **argv)
{
    from = malloc(ROOM);
    to = malloc(ROOM);
    ascii = malloc(ROOM);
    mixed = malloc(ROOM);
    if (!from || !to || !ascii || !mixed)
        return EXIT_FAILURE;
    fill();
    if (argc == 4) {
        frames_read(
            frames_write(FLARE__WS_BINARY, strtoul(argv[2], NULL, 10) % 8192),
            strtol(argv[3], NULL, 10));
        return EXIT_SUCCESS;
    }
    if (argc < 2 || !strcmp(argv[1], "mask"))
        table_mask();
    if (argc < 2 || !strcmp(argv[1], "utf8")) {
        table_utf8("ASCII", ascii);
        table_utf8("mixed scripts", mixed);
    }
    if (argc < 2 || !strcmp(argv[1], "frame"))
        table_frame();
    free(from);
    free(to);
    free(ascii);
    free(mixed);
    return EXIT_SUCCESS;
}
