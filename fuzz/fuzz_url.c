/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a URL, and as a base with a reference behind the first NUL: read
 * and resolved as a naive reader does; what is written is read as the same; the
 * normal form is normal and of the same origin; what is sent is of the grammar;
 * percent-encoding comes back.
 */
#include "tests/support/url_check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *broken)
{
    if (broken != NULL) {
        fprintf(stderr, "fuzz_url: %s\n", broken);
        abort();
    }
}

static void check_percent(struct flare_str text)
{
    static char coded[3 * 4096 + 1], back[4096 + 1];

    for (int set = 0; set <= FLARE_PERCENT_USERINFO; set++) {
        int len = flare_percent_encode((enum flare_percent_set)set, text, coded,
                                       3 * text.len + 1);

        if (len < 0 || strlen(coded) != (size_t)len ||
            flare_percent_decode((enum flare_percent_set)set,
                                 (struct flare_str){coded, (size_t)len}, back,
                                 text.len + 1) != (int)text.len ||
            (text.len > 0 && memcmp(back, text.ptr, text.len) != 0))
            check("what was encoded does not come back");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct flare_str text = {(const char *)data, size};
    const char *nul;

    if (size > 4096)
        return 0;
    check(url_check(text));
    check_percent(text);
    nul = size > 0 ? memchr(data, '\0', size) : NULL;
    if (nul != NULL) {
        struct flare_str base = {text.ptr, (size_t)(nul - text.ptr)};
        struct flare_str reference = {nul + 1, size - base.len - 1};

        check(url_check(base));
        check(url_check(reference));
        check(url_check_resolve(base, reference));
    }
    return 0;
}
