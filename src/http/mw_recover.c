/* SPDX-License-Identifier: MIT */
/*
 * Pages for errors.  One that a handler returns is answered on the way out.
 * One of an answer that was to come is told to the hook before its head: the
 * page is an answer of its own then, inside the plain one, which it ends.
 */
#include "http/dispatch.h"
#include "http/exchange.h"
#include "http/filter.h"
#include "http/mw_tools.h"
#include "http/res.h"

static int recover_page(flare_req *req, flare_res *res, int error,
                        const struct flare_recover *o)
{
    int rc;

    flare__res_reset(res);
    if (error == FLARE_E_METHOD_NOT_ALLOWED) {
        rc = flare__dispatch_allow(res, req->match.allowed);
        if (rc < 0)
            return rc;
    }
    rc = o->on_error(req, res, error, o->ctx);
    if (res->state == FLARE__RES_OPEN)
        return error; /* the plain one it is */
    flare__dispatch_log(FLARE__EXCHANGE_OF(req, req), error);
    return rc < 0 ? rc : 0;
}

static int recover_before_head(flare_req *req, flare_res *res, void *ctx)
{
    const struct flare_recover *o = ctx;

    if (res->error == 0 || !FLARE__EXCHANGE_OF(res, res)->is_detached)
        return 0;
    flare__res_unfilter(res);
    (void)o->on_error(req, res, res->error, o->ctx); /* else the plain one */
    return res->state == FLARE__RES_OPEN ? 0 : FLARE_E_ALREADY_ANSWERED;
}

static int recover_run(flare_req *req, flare_res *res,
                       struct flare_handler next, void *ctx)
{
    const struct flare_recover *o = ctx;
    int rc = 0;

    if (o->on_error != NULL)
        rc = flare_res_before_head(res, recover_before_head, ctx);
    if (rc >= 0)
        rc = flare_next(req, res, next);
    if (rc == FLARE_OK && res->state == FLARE__RES_OPEN)
        rc = FLARE_E_NOT_ANSWERED;
    if (rc >= 0 || res->state != FLARE__RES_OPEN || o->on_error == NULL)
        return rc;
    return recover_page(req, res, rc, o);
}

int flare_recover_init(struct flare_middleware *out,
                       const struct flare_recover *options,
                       struct flare_error *err)
{
    (void)err;
    *out = (struct flare_middleware){recover_run, (void *)(uintptr_t)options};
    return 0;
}
