/* SPDX-License-Identifier: MIT */
/* Answers in JSON: whole, or asked for in parts. */
#include <flare/answer.h>

#include "base/alloc.h"
#include "http/exchange.h"
#include "http/json.h"

#include <errno.h>

enum {
    RES_JSON_MAX = 16 << 20,
    RES_JSON_PIECE = 4096 /* parts are collected up to it, then sent */
};

#define RES_JSON_TYPE FLARE_STR("application/json")

static void res_json_free(void *ctx, void *block)
{
    flare__free(ctx, block);
}

/* A finished text; a long one is not copied. */
static int res_json_answer(struct flare_res *res, int status,
                           struct flare_json *json)
{
    const struct flare_allocator *al = res->http->options->al;
    struct flare_str text;
    char *block = flare__json_take(json, &text);
    int rc;

    if (block == NULL)
        return flare_res_copy(res, status, RES_JSON_TYPE,
                              flare_json_bytes(json));
    rc = flare_res_give(res, status, RES_JSON_TYPE, text, res_json_free,
                        (void *)(uintptr_t)al);
    if (rc < 0)
        flare__free(al, block);
    return rc;
}

int flare_res_json(flare_res *res, int status, flare_json_fill_fn fill,
                   void *ctx)
{
    struct flare_json json;
    int rc;

    flare_json_init(&json, res->http->options->al, RES_JSON_MAX);
    rc = fill(&json, ctx);
    if (rc >= 0)
        rc = flare_json_finish(&json);
    if (rc >= 0)
        rc = res_json_answer(res, status, &json);
    flare_json_fini(&json);
    return rc;
}

/* ---- in parts ---- */

struct res_json {
    struct flare_json json;
    flare_json_part_fn part;
    void *ctx;
};

static void res_json_on_done(flare_req *req, flare_res *res,
                             const struct flare_outcome *outcome, void *ctx)
{
    struct res_json *j = ctx;

    (void)req;
    (void)res;
    (void)outcome;
    flare_json_fini(&j->json);
}

/* Whether the outermost value has ended. */
static bool res_json_is_whole(const struct flare_json *json)
{
    return json->depth == 0 && json->state != 0;
}

/* What there is so far goes out; the writer begins its block anew. */
static int res_json_send(struct flare_res *res, struct flare_json *json)
{
    struct flare_str text = {json->block, json->len};

    if (json->rc < 0)
        return json->rc;
    json->len = 0;
    return flare_res_write(res, text);
}

static int res_json_pull(flare_req *req, flare_res *res, void *ctx)
{
    struct res_json *j = ctx;
    size_t before;
    int asked = 0;
    int rc;

    do {
        before = j->json.len;
        asked = j->part(req, res, &j->json, j->ctx);
        if (asked < 0)
            return asked;
        if (res->state != FLARE__RES_BODY)
            return 0; /* given up from within */
    } while (asked == 0 && j->json.rc == 0 && j->json.len > before &&
             j->json.len < RES_JSON_PIECE && !res_json_is_whole(&j->json));
    rc = res_json_send(res, &j->json);
    if (rc < 0)
        return rc;
    if (res_json_is_whole(&j->json))
        return flare_res_finish(res);
    return asked;
}

int flare_res_json_pull(flare_res *res, int status, flare_json_part_fn part,
                        void *ctx)
{
    struct flare_req *req = &FLARE__EXCHANGE_OF(res, res)->req;
    struct res_json *j;
    int rc;

    if (res->state != FLARE__RES_OPEN)
        return FLARE_E_ALREADY_ANSWERED;
    j = flare_req_alloc(req, sizeof(*j));
    if (j == NULL)
        return -ENOMEM;
    flare_json_init(&j->json, res->http->options->al, RES_JSON_MAX);
    j->part = part;
    j->ctx = ctx;
    rc = flare_res_on_done(res, res_json_on_done, j);
    if (rc >= 0)
        rc = flare_res_pull(res, status, RES_JSON_TYPE, FLARE_LENGTH_UNKNOWN,
                            res_json_pull, j);
    if (rc >= 0 && res->has_no_body)
        rc = flare_res_finish(res); /* nobody would read it */
    return rc;
}
