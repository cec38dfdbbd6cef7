/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a body with a chain of content codings: the same outcome whole
 * and byte by byte, never past its limits; what comes out is what the links
 * make one after the other.  The first byte chooses chain and limits.
 */
#include "http/decoding.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_MAX = 1 << 17 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct flare_allocator *const al = &flare__allocator_default;

static const struct {
    const char *field;
    const char *wraps; /* the one to be taken off first, first */
} chains[] = {
    {"gzip", "g"},
    {"deflate", "d"},
    {"gzip, gzip", "gg"},
    {"deflate, gzip", "gd"},
    {"gzip, deflate", "dg"},
    {"deflate, deflate", "dd"},
    {"gzip, deflate, gzip", "gdg"},
    {"deflate,deflate,deflate,deflate,deflate", "ddddd"},
};

static const struct flare__inflate_limits limits[] = {
    {OUT_MAX, 0, 0},
    {OUT_MAX, 50, 1024},
    {100, 0, 0},
    {OUT_MAX, 2, 16},
};

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_decoding: %s\n", what);
        abort();
    }
}

struct result {
    int rc;
    size_t len;
    char out[OUT_MAX + 8192];
};

static void decode(const char *field, const struct flare__inflate_limits *limit,
                   struct flare_str in, size_t piece, int room,
                   struct result *result)
{
    struct flare_str value = {field, strlen(field)};
    struct flare__decoding *d;
    int n = 0;

    result->len = 0;
    check(flare__decoding_new(&d, al, (struct flare__values){&value, 1},
                              limit) == 0,
          "no memory");
    for (size_t at = 0; at < in.len && n >= 0; at += piece) {
        struct flare_str part = {in.ptr + at,
                                 in.len - at < piece ? in.len - at : piece};

        do {
            n = flare__decoding_feed(d, &part, result->out + result->len, room);
            if (n > 0)
                result->len += (size_t)n;
            check(result->len <= limit->bytes_max, "past its limit");
        } while (n == room);
        check(n < 0 || part.len == 0, "input left");
    }
    result->rc = n < 0 ? n : flare__decoding_finish(d);
    check(result->rc == 0 || result->rc == FLARE_E_BAD_CODING ||
              result->rc == FLARE_E_CODING_LIMIT,
          "another error");
    flare__decoding_free(d);
}

/* The links one after the other, each in one go. */
static void check_links(const char *wraps, struct flare_str in,
                        const struct result *chain)
{
    const struct flare__inflate_limits loose = {8 * OUT_MAX, 0, 0};
    struct flare_str out = in, next;
    int rc = 0;

    for (const char *p = wraps; *p != '\0' && rc == 0; p++) {
        rc = flare__inflate_once(
            al, *p == 'g' ? FLARE__WRAP_GZIP : FLARE__WRAP_ZLIB_OR_RAW, &loose,
            out, &next);
        if (rc == 0) {
            if (p > wraps)
                flare__free(al, (void *)(uintptr_t)out.ptr);
            out = next;
        }
    }
    check(chain->rc == 0 ? rc == 0
                         : chain->rc == FLARE_E_CODING_LIMIT || rc < 0,
          "the links think otherwise");
    check(chain->rc < 0 ||
              (out.len == chain->len &&
               (out.len == 0 || memcmp(out.ptr, chain->out, out.len) == 0)),
          "the links make something else");
    if (out.ptr != in.ptr)
        flare__free(al, (void *)(uintptr_t)out.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct result whole, pieces;
    const struct flare__inflate_limits *limit;
    struct flare_str in;
    size_t at;

    if (size == 0 || size > 4096 || !flare__deflate_is_here())
        return 0;
    in = (struct flare_str){(const char *)data + 1, size - 1};
    at = data[0] & 7;
    limit = &limits[data[0] >> 3 & 3];
    decode(chains[at].field, limit, in, in.len + 1, 4096, &whole);
    decode(chains[at].field, limit, in, 1, 7, &pieces);
    /* byte by byte a limit may be met first, and what follows not be seen */
    check((whole.rc < 0) == (pieces.rc < 0) || limit->ratio_max > 0,
          "the cut matters");
    if (whole.rc == 0 && pieces.rc == 0)
        check(whole.len == pieces.len &&
                  memcmp(whole.out, pieces.out, whole.len) == 0,
              "the cut matters to the output");
    check_links(chains[at].wraps, in, &whole);
    return 0;
}
