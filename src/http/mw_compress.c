/* SPDX-License-Identifier: MIT */
/*
 * gzip for bodies that get notably smaller by it, decided before the head is
 * written, when status, type, length and fields are known.  Without memory for
 * it the body goes as it is.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "http/accept.h"
#include "http/deflate.h"
#include "http/filter.h"
#include "http/mime.h"
#include "http/mw_tools.h"

#include <errno.h>
#include <string.h>

enum {
    COMPRESS_BYTES_MIN = 1024, /* below it a packet is a packet */
    COMPRESS_ROOM = 4096,
    COMPRESS_ETAG_MAX = 256
};

/* ---- the filter ---- */

struct compress_filter {
    struct flare__filter base;
    const struct flare_allocator *al;
    struct flare__deflate *deflate;
};

static int compress_feed(struct flare__filter *f, struct flare_str in,
                         enum flare__filter_how how, flare__filter_sink_fn sink,
                         void *ctx)
{
    static const enum flare__flush flushes[] = {
        [FLARE__FILTER_MORE] = FLARE__FLUSH_NONE,
        [FLARE__FILTER_FLUSH] = FLARE__FLUSH_SYNC,
        [FLARE__FILTER_END] = FLARE__FLUSH_FINISH,
    };
    struct compress_filter *c =
        FLARE_CONTAINER_OF(f, struct compress_filter, base);
    char room[COMPRESS_ROOM];
    int n;

    do {
        int rc = 0;

        n = flare__deflate_feed(c->deflate, &in, flushes[how], room,
                                sizeof(room));
        if (n > 0)
            rc = sink(ctx, (struct flare_str){room, (size_t)n});
        if (n < 0 || rc < 0)
            return n < 0 ? n : rc;
    } while (n == COMPRESS_ROOM);
    return 0;
}

static void compress_free(struct flare__filter *f)
{
    struct compress_filter *c =
        FLARE_CONTAINER_OF(f, struct compress_filter, base);

    flare__deflate_free(c->deflate);
    flare__free(c->al, c);
}

static struct compress_filter *compress_new(const struct flare_allocator *al,
                                            const struct flare_compress *o)
{
    struct compress_filter *c = flare__alloc(al, sizeof(*c));
    int level = o->level != 0 ? (int)o->level : FLARE__DEFLATE_LEVEL;

    if (c == NULL)
        return NULL;
    *c = (struct compress_filter){
        .base = {"gzip", compress_feed, compress_free},
        .al = al,
    };
    if (flare__deflate_new(&c->deflate, al, FLARE__WRAP_GZIP, level) < 0) {
        flare__free(al, c);
        return NULL;
    }
    return c;
}

/* ---- whether ---- */

static bool compress_has(const flare_res *res, const char *name)
{
    uint32_t at = 0;

    return flare__mw_added(res, name, &at).ptr != NULL;
}

static bool compress_may_transform(const flare_res *res)
{
    uint32_t at = 0;
    struct flare_str line;
    struct flare_str word;

    while ((line = flare__mw_added(res, "Cache-Control", &at)).ptr != NULL)
        while (flare__list_next(&line, FLARE__QUOTED_STRING, &word))
            if (flare_str_equal_nocase(word, FLARE_STR("no-transform")))
                return false;
    return true;
}

/* Whether this answer would be coded for somebody. */
static bool compress_is_due(const struct flare_compress *o,
                            const flare_res *res)
{
    uint32_t least = o->bytes_min != 0 ? o->bytes_min : COMPRESS_BYTES_MIN;

    if (res->is_file || res->filter != NULL || res->status == 206 ||
        compress_has(res, "Content-Encoding") ||
        compress_has(res, "Content-Range") || !compress_may_transform(res))
        return false;
    if (res->status == 304) /* of what its 200 would be nothing is known */
        return true;
    return res->status != 204 && res->status != 205 &&
           (res->length == FLARE_LENGTH_UNKNOWN || res->length >= least) &&
           flare__mime_is_compressible(res->type);
}

static bool compress_is_liked(const flare_req *req)
{
    static const enum flare__coding offered[] = {FLARE__CODING_GZIP};
    struct flare_str lines[FLARE__MW_LINES_MAX];

    return flare__accept_coding(flare__mw_lines(req, "Accept-Encoding", lines),
                                offered, 1) == FLARE__CODING_GZIP;
}

/* RFC 9110 section 8.8.1: other bytes, so no longer the same strong tag. */
static int compress_weaken_etag(flare_res *res)
{
    char weak[COMPRESS_ETAG_MAX];
    uint32_t at = 0;
    struct flare_str tag = flare__mw_added(res, "ETag", &at);

    if (tag.len == 0 || tag.ptr[0] != '"')
        return 0;
    if (tag.len + 2 > sizeof(weak)) {
        flare__mw_take_back(res, "ETag");
        return 0;
    }
    memcpy(weak, "W/", 2);
    memcpy(weak + 2, tag.ptr, tag.len);
    at = (uint32_t)tag.len + 2;
    flare__mw_take_back(res, "ETag");
    return flare_res_header(res, "ETag", (struct flare_str){weak, at});
}

static int compress_before_head(flare_req *req, flare_res *res, void *ctx)
{
    const struct flare_compress *o = ctx;
    struct compress_filter *c = NULL;
    int rc;

    if (!compress_is_due(o, res))
        return 0;
    rc = flare_res_header(res, "Vary", FLARE_STR("Accept-Encoding"));
    if (rc < 0 || !compress_is_liked(req))
        return rc;
    if (res->status != 304) {
        c = compress_new(res->http->options->al, o);
        if (c == NULL)
            return 0;
    }
    rc = compress_weaken_etag(res);
    if (rc >= 0 && c != NULL)
        rc = flare__res_filter(res, &c->base);
    if (rc < 0 && c != NULL)
        compress_free(&c->base);
    return rc;
}

static int compress_run(flare_req *req, flare_res *res,
                        struct flare_handler next, void *ctx)
{
    int rc = flare_res_before_head(res, compress_before_head, ctx);

    return rc < 0 ? rc : flare_next(req, res, next);
}

int flare_compress_init(struct flare_middleware *out,
                        const struct flare_compress *options,
                        struct flare_error *err)
{
    if (!flare__deflate_is_here())
        return flare__error(err, -EOPNOTSUPP,
                            "compress: this flare was built without zlib");
    if (options->level > 9)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "compress: level must be from 1 to 9");
    *out = (struct flare_middleware){compress_run, (void *)(uintptr_t)options};
    return 0;
}
