/* SPDX-License-Identifier: MIT */
/* Each piece ends at an unmapped page, and is gone when the next one comes. */
#include "tests/support/multipart_check.h"

#include "http/multipart.h"
#include "tests/support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct guard memory;
static struct multipart_log wanted;
static struct multipart_log got;
static char wrong[256];

/* False once the reader has said its last. */
static bool read_piece(struct flare_multipart *m, struct flare_str piece,
                       bool is_last)
{
    struct flare_part part;
    int rc;

    flare_multipart_feed(m, piece, is_last);
    while ((rc = flare_multipart_read(m, &part)) > 0) {
        if (rc == FLARE_MULTIPART_PART)
            multipart_log_part(&got, &part);
        else if (rc == FLARE_MULTIPART_DATA)
            multipart_log_add(&got, part.body.ptr, part.body.len);
        else
            multipart_log_add(&got, rc == FLARE_MULTIPART_END ? "." : "/", 1);
        if (rc == FLARE_MULTIPART_DATA && part.body.len == 0)
            abort();
    }
    got.rc = rc;
    return rc == 0;
}

static const char *run_cut(struct flare_str boundary, const char *body,
                           size_t len, size_t first, size_t step)
{
    static struct flare_multipart m;
    char type[128];
    size_t at = 0;
    int n =
        snprintf(type, sizeof(type), "multipart/form-data; boundary=\"%.*s\"",
                 FLARE_STR_ARG(boundary));

    if (flare__multipart_init(&m, (struct flare_str){type, (size_t)n}) < 0)
        return "the boundary is refused";
    got.len = 0;
    got.text[0] = '\0';
    while (at < len || at == 0) {
        size_t size = at == 0 && first > 0 ? first : step;
        struct flare_str piece;

        if (size > len - at)
            size = len - at;
        piece = (struct flare_str){guard_put(&memory, body + at, size), size};
        at += size;
        if (!read_piece(&m, piece, at == len) || len == 0)
            break;
    }
    if (got.rc == wanted.rc && got.len == wanted.len &&
        memcmp(got.text, wanted.text, got.len) == 0)
        return NULL;
    snprintf(wrong, sizeof(wrong),
             "cut at %zu, then %zu: %d and \"%.60s\", not %d and \"%.60s\"",
             first, step, got.rc, got.text, wanted.rc, wanted.text);
    return wrong;
}

const char *multipart_check(struct flare_str boundary, const char *body,
                            size_t len, enum multipart_cuts cuts,
                            const struct multipart_log **log)
{
    const char *error;

    if (memory.base == NULL)
        guard_init(&memory, MULTIPART_BODY_MAX);
    multipart_oracle(&wanted, boundary, body, len);
    *log = &wanted;
    error = run_cut(boundary, body, len, 0, len);
    if (error == NULL)
        error = run_cut(boundary, body, len, 0, 1);
    if (cuts == MULTIPART_CUT_EVERY)
        for (size_t cut = 1; error == NULL && cut < len; cut++)
            error = run_cut(boundary, body, len, cut, len);
    return error;
}
