/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a coded body: the same answer and output whole and byte by byte,
 * never past the limits; and what was decoded comes back from the encoder.
 * The first byte chooses wrap and limits.
 */
#include "http/inflate.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_MAX = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct flare__inflate_limits limits[] = {
    {OUT_MAX, 0, 0},
    {OUT_MAX, FLARE__INFLATE_RATIO_MAX, 1024},
    {100, 0, 0},
    {OUT_MAX, 2, 16},
};

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_inflate: %s\n", what);
        abort();
    }
}

struct result {
    int rc;
    size_t len;
    char out[OUT_MAX + 4096];
};

static void decode(enum flare__wrap wrap,
                   const struct flare__inflate_limits *limit,
                   struct flare_str in, size_t piece, int room,
                   struct result *result)
{
    struct flare__inflate *d;
    int n = 0;

    result->len = 0;
    check(flare__inflate_new(&d, &flare__allocator_default, wrap, limit) == 0,
          "no memory");
    for (size_t at = 0; at < in.len && n >= 0; at += piece) {
        struct flare_str part = {in.ptr + at,
                                 in.len - at < piece ? in.len - at : piece};

        do {
            check(result->len <= limit->bytes_max, "past its limit");
            n = flare__inflate_feed(d, &part, result->out + result->len, room);
            if (n > 0)
                result->len += (size_t)n;
        } while (n == room);
        check(n < 0 || part.len == 0, "input left");
    }
    result->rc = n < 0 ? n : flare__inflate_finish(d);
    flare__inflate_free(d);
    check(result->rc == 0 || result->rc == FLARE_E_BAD_CODING ||
              result->rc == FLARE_E_CODING_LIMIT,
          "another error");
}

static void check_encoder(enum flare__wrap wrap, struct flare_str body,
                          struct result *result)
{
    struct flare_str coded;

    if (wrap == FLARE__WRAP_ZLIB_OR_RAW)
        wrap = FLARE__WRAP_ZLIB;
    check(flare__deflate_once(&flare__allocator_default, wrap, 1, body,
                              &coded) == 0,
          "no memory");
    decode(wrap, &limits[0], coded, coded.len, 4096, result);
    check(result->rc == 0 && result->len == body.len &&
              (body.len == 0 || memcmp(result->out, body.ptr, body.len) == 0),
          "the encoder's is not what it was");
    flare__free(&flare__allocator_default, (void *)(uintptr_t)coded.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct result whole, pieces;
    struct flare_str in = {(const char *)data + 1, size - 1};
    enum flare__wrap wrap;
    const struct flare__inflate_limits *limit;

    if (size == 0 || size > 4096)
        return 0;
    wrap = (enum flare__wrap)(data[0] & 3);
    limit = &limits[data[0] >> 2 & 3];
    decode(wrap, limit, in, in.len + 1, 4096, &whole);
    decode(wrap, limit, in, 1, 7, &pieces);
    /* byte by byte a limit may be met first, and what follows not be seen */
    check(whole.rc == pieces.rc || (whole.rc < 0 && pieces.rc < 0) ||
              limit->ratio_max > 0,
          "the cut matters");
    if (whole.rc != 0 || pieces.rc != 0)
        return 0;
    check(whole.len == pieces.len &&
              memcmp(whole.out, pieces.out, whole.len) == 0,
          "the cut matters to the output");
    check_encoder(wrap, (struct flare_str){whole.out, whole.len}, &pieces);
    return 0;
}
