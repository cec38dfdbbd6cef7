/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as text: every kernel of this CPU finds the same first bad byte as
 * the scalar code, whole and cut, out of memory of just that size; and it is
 * where walking by the character stops.  The first byte chooses the cut.
 */
#include "base/utf8_kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_utf8: %s\n", what);
        abort();
    }
}

/* A piece from memory of its own: a sanitizer sees one byte too far. */
static size_t feed(struct flare__utf8 *u, flare__utf8_scan_fn *scan,
                   const char *bytes, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    size_t good;

    check(copy != NULL, "no memory");
    memcpy(copy, bytes, len);
    good = flare__utf8_feed_with(u, scan, copy, len);
    check(good <= len, "more than there is");
    free(copy);
    return good;
}

static size_t feed_cut(struct flare__utf8 *u, flare__utf8_scan_fn *scan,
                       struct flare_str text, size_t cut)
{
    size_t good;

    flare__utf8_init(u);
    good = feed(u, scan, text.ptr, cut);
    if (good < cut)
        return good;
    return cut + feed(u, scan, text.ptr + cut, text.len - cut);
}

/* The range counts only inside a character. */
static bool is_same(const struct flare__utf8 *u, const struct flare__utf8 *v)
{
    return u->left == v->left &&
           (u->left == 0 || (u->low == v->low && u->high == v->high));
}

/* By the character, up to the first that is none or cut. */
static size_t walk(struct flare_str text, size_t *bad)
{
    size_t at = 0, n = 1;

    *bad = 0;
    while (at < text.len && n > 0) {
        n = flare__utf8_next(text.ptr + at, text.len - at, bad);
        at += n;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare__utf8_kernel k[FLARE__UTF8_KERNELS_MAX + 1];
    struct flare_str text = {(const char *)data + 1, size - 1};
    size_t want, cut, chars, bad;
    struct flare__utf8 u, v;

    if (size < 2 || size > 4096)
        return 0;
    cut = data[0] * 3u % (text.len + 1);
    want = feed_cut(&u, NULL, text, text.len);
    (void)flare__utf8_kernels(k, 0);
    for (size_t i = 0; k[i].name != NULL; i++) {
        check(feed_cut(&v, k[i].scan, text, text.len) == want, k[i].name);
        check(want < text.len || is_same(&u, &v), "its state");
        check(feed_cut(&v, k[i].scan, text, cut) == want, "cut");
        check(want < text.len || is_same(&u, &v), "its state when cut");
    }
    chars = walk(text, &bad);
    check(flare__utf8_is_valid(text) == (chars == text.len), "is_valid");
    check(chars == text.len || want == chars + bad ||
              (want == chars && bad == 1),
          "not where walking stops");
    return 0;
}
