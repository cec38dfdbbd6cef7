/* SPDX-License-Identifier: MIT */
/*
 * See chain.h.  req->handler is always the one that runs: flare_next sets it
 * for the inner handler and restores it, so that flare_req_ctx is right on both
 * sides of the call.
 */
#include "http/chain.h"

#include "http/http.h"

/* Enters the link that is the running handler's context. */
static int chain_enter(flare_req *req, flare_res *res)
{
    const struct flare__chain_link *link = req->handler.ctx;

    req->handler.ctx = link->mw.ctx;
    return link->mw.fn(req, res, link->next, link->mw.ctx);
}

int flare_next(flare_req *req, flare_res *res, struct flare_handler next)
{
    struct flare_handler outer = req->handler;
    int rc;

    req->handler = next;
    rc = next.fn(req, res);
    req->handler = outer;
    return rc;
}

struct flare_handler flare__chain_build(
    struct flare__chain_link *links, const struct flare_middleware *const *list,
    size_t count, struct flare_handler handler)
{
    while (count-- > 0) {
        links[count] = (struct flare__chain_link){*list[count], handler};
        handler = (struct flare_handler){chain_enter, &links[count]};
    }
    return handler;
}

int flare__chain_inner(flare_req *req, flare_res *res)
{
    return flare_next(req, res, req->inner);
}
