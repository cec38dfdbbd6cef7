/* SPDX-License-Identifier: MIT */
/* See filter.h. */
#include "http/filter.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/mw_tools.h"
#include "http/res.h"

#include <errno.h>
#include <string.h>

int flare__res_filter(struct flare_res *res, struct flare__filter *f)
{
    int rc;

    if (res->filter != NULL)
        return FLARE_E_ALREADY_ANSWERED;
    rc = flare__res_field(res, FLARE_STR("Content-Encoding"),
                          flare_str(f->coding));
    if (rc < 0)
        return rc;
    res->filter = f;
    return 0;
}

void flare__res_unfilter(struct flare_res *res)
{
    if (res->filter == NULL)
        return;
    res->filter->free(res->filter);
    res->filter = NULL;
    flare__mw_take_back(res, "Content-Encoding");
}

/* What comes out of a filter, in one block. */
struct filter_block {
    const struct flare_allocator *al;
    char *bytes;
    size_t len;
    size_t cap;
};

static int filter_gather(void *ctx, struct flare_str bytes)
{
    struct filter_block *b = ctx;

    if (bytes.len > b->cap - b->len) {
        size_t cap = (b->len + bytes.len) * 2;
        char *grown = flare__realloc(b->al, b->bytes, cap);

        if (grown == NULL)
            return -ENOMEM;
        b->bytes = grown;
        b->cap = cap;
    }
    if (bytes.len > 0)
        memcpy(b->bytes + b->len, bytes.ptr, bytes.len);
    b->len += bytes.len;
    return 0;
}

int flare__filter_whole(struct flare_res *res, struct flare_str body,
                        struct flare_str *coded)
{
    struct filter_block b = {.al = res->http->options->al};
    struct flare__filter *f = res->filter;
    int rc = f->feed(f, body, FLARE__FILTER_END, filter_gather, &b);

    if (rc >= 0 && b.len > INT32_MAX)
        rc = FLARE_E_RANGE;
    if (rc < 0) {
        flare__free(b.al, b.bytes);
        return rc;
    }
    *coded = (struct flare_str){b.bytes, b.len};
    return 0;
}
