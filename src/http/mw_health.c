/* SPDX-License-Identifier: MIT */
/* Whether this server wants requests, for whoever spreads them. */
#include "http/mw_tools.h"

int flare_health_serve(flare_req *req, flare_res *res)
{
    const struct flare_health *o = flare_req_ctx(req);
    int rc = flare_res_header(res, "Cache-Control", FLARE_STR("no-store"));

    if (rc < 0)
        return rc;
    if (req->http->is_draining)
        return flare_res_text(res, 503, "draining\n");
    if (o != NULL && o->check != NULL && o->check(o->ctx) < 0)
        return flare_res_text(res, 503, "not well\n");
    return flare_res_text(res, 200, "ok\n");
}
