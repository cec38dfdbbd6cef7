/* SPDX-License-Identifier: MIT */
/* What is around an answer: hooks before its head and at its end, its time. */
#include "base/assert.h"
#include "http/exchange.h"

#include <errno.h>

static struct flare__hook *hook_new(struct flare_res *res, void *ctx)
{
    struct flare_req *req = &FLARE__EXCHANGE_OF(res, res)->req;
    struct flare__hook *hook = flare__arena_alloc(&req->arena, sizeof(*hook),
                                                  _Alignof(struct flare__hook));

    if (hook == NULL)
        return NULL;
    *hook = (struct flare__hook){.ctx = ctx};
    return hook;
}

int flare_res_before_head(flare_res *res, flare_before_head_fn fn, void *ctx)
{
    struct flare__hook *hook;

    if (res->state != FLARE__RES_OPEN)
        return FLARE_E_ALREADY_ANSWERED;
    hook = hook_new(res, ctx);
    if (hook == NULL)
        return -ENOMEM;
    hook->before_head = fn;
    hook->next = res->before_head;
    res->before_head = hook;
    return 0;
}

int flare_res_on_done(flare_res *res, flare_done_fn fn, void *ctx)
{
    struct flare__hook *hook;

    if (res->state == FLARE__RES_COMPLETE)
        return FLARE_E_ALREADY_ANSWERED;
    hook = hook_new(res, ctx);
    if (hook == NULL)
        return -ENOMEM;
    if (res->on_done == NULL) /* the handler, or who is around it, starts */
        FLARE__EXCHANGE_OF(res, res)->started_ns = res->http->loop->now_ns;
    hook->on_done = fn;
    hook->next = res->on_done;
    res->on_done = hook;
    return 0;
}

int flare_res_status(const flare_res *res)
{
    return res->status;
}

void flare_res_timeout(flare_res *res, uint32_t ms)
{
    struct flare__exchange *x = FLARE__EXCHANGE_OF(res, res);

    x->timeout_ms = ms;
    x->is_touched = true;
    if (x->is_detached && res->state != FLARE__RES_COMPLETE)
        flare__conn_touch(res->conn);
}
