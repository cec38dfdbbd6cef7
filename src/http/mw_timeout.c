/* SPDX-License-Identifier: MIT */
/*
 * The time an answer may take, and what is said when it is over.  The server's
 * own deadline does the work; a hook puts another answer in place of its 503.
 */
#include "base/log.h"
#include "http/exchange.h"
#include "http/filter.h"
#include "http/mw_tools.h"
#include "http/res.h"

#include <errno.h>

struct timeout_call {
    const struct flare_timeout *options;
    uint64_t until_ms;
};

static int timeout_before_head(flare_req *req, flare_res *res, void *ctx)
{
    const struct timeout_call *call = ctx;
    int status = call->options->status != 0 ? call->options->status : 504;
    int rc;

    if (res->error != FLARE_E_OVERLOADED || res->status == status ||
        req->http->loop->now_ms < call->until_ms ||
        !FLARE__EXCHANGE_OF(res, res)->is_detached)
        return 0;
    flare__res_unfilter(res);
    flare__mw_take_back(res, "Retry-After");
    rc = flare__res_plain(res, status);
    return rc < 0 ? rc : FLARE_E_ALREADY_ANSWERED;
}

static int timeout_run(flare_req *req, flare_res *res,
                       struct flare_handler next, void *ctx)
{
    const struct flare_timeout *o = ctx;
    struct timeout_call *call = flare_req_alloc(req, sizeof(*call));
    int rc;

    if (call == NULL)
        return -ENOMEM;
    *call = (struct timeout_call){o, req->http->loop->now_ms + o->ms};
    rc = flare_res_before_head(res, timeout_before_head, call);
    if (rc < 0)
        return rc;
    flare_res_timeout(res, o->ms);
    return flare_next(req, res, next);
}

int flare_timeout_init(struct flare_middleware *out,
                       const struct flare_timeout *options,
                       struct flare_error *err)
{
    int status = options->status;

    if (options->ms < 1 || options->ms > 86400000)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "timeout: ms must be from 1 to 86400000");
    if (status != 0 && status != 408 && (status < 500 || status > 599))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "timeout: status must be 408 or from 500 to 599");
    *out = (struct flare_middleware){timeout_run, (void *)(uintptr_t)options};
    return 0;
}
