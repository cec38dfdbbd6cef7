/* SPDX-License-Identifier: MIT */
/*
 * Timers of a request: on the loop's wheel, in the request's memory, stopped
 * with its answer.  One that is no longer armed is used again, so that a timer
 * which starts itself anew for days takes no more memory than once.
 */
#include "http/exchange.h"

#include <errno.h>

enum { RES_TIMER_MS_MAX = 86400000 };

struct res_timer {
    struct res_timer *next;
    struct flare_res *res;
    struct flare__timer timer;
    flare_res_timer_fn fn;
    void *ctx;
};

/* All of one request; its tag's value. */
struct res_timers {
    struct flare__tag tag;
    struct res_timer *first;
};

static const char res_timer_key;

static struct res_timers *res_timers_of(const struct flare_req *req)
{
    struct flare__tag *tag = req->tags;

    while (tag != NULL && tag->key != &res_timer_key)
        tag = tag->next;
    return tag != NULL ? FLARE_CONTAINER_OF(tag, struct res_timers, tag) : NULL;
}

static void res_timer_on_done(flare_req *req, flare_res *res,
                              const struct flare_outcome *outcome, void *ctx)
{
    struct res_timers *all = ctx;

    (void)req;
    (void)outcome;
    for (struct res_timer *t = all->first; t != NULL; t = t->next)
        flare__wheel_stop(&res->http->loop->wheel, &t->timer);
}

static struct res_timers *res_timers_new(struct flare_res *res)
{
    struct flare_req *req = &FLARE__EXCHANGE_OF(res, res)->req;
    struct res_timers *all = flare_req_alloc(req, sizeof(*all));

    if (all == NULL || flare_res_on_done(res, res_timer_on_done, all) < 0)
        return NULL;
    *all =
        (struct res_timers){.tag = {.next = req->tags, .key = &res_timer_key}};
    req->tags = &all->tag;
    return all;
}

/* The one of `fn` and `ctx`, else one that is free. */
static struct res_timer *res_timer_find(struct res_timers *all,
                                        flare_res_timer_fn fn, const void *ctx)
{
    struct res_timer *spare = NULL;

    for (struct res_timer *t = all->first; t != NULL; t = t->next) {
        bool is_armed = flare__timer_is_armed(&t->timer);

        if (is_armed && t->fn == fn && t->ctx == ctx)
            return t;
        if (!is_armed)
            spare = t;
    }
    return spare;
}

static void res_timer_on_expiry(struct flare__timer *timer)
{
    struct res_timer *t = FLARE_CONTAINER_OF(timer, struct res_timer, timer);

    t->fn(&FLARE__EXCHANGE_OF(res, t->res)->req, t->res, t->ctx);
}

int flare_res_timer(flare_res *res, uint32_t ms, flare_res_timer_fn fn,
                    void *ctx)
{
    struct flare_req *req = &FLARE__EXCHANGE_OF(res, res)->req;
    struct res_timers *all = res_timers_of(req);
    struct flare_loop *loop = res->http->loop;
    struct res_timer *t;

    if (ms > RES_TIMER_MS_MAX)
        return -EINVAL;
    if (res->state == FLARE__RES_COMPLETE)
        return FLARE_E_ALREADY_ANSWERED;
    if (all == NULL)
        all = res_timers_new(res);
    if (all == NULL)
        return -ENOMEM;
    t = res_timer_find(all, fn, ctx);
    if (ms == 0) {
        if (t != NULL)
            flare__wheel_stop(&loop->wheel, &t->timer);
        return 0;
    }
    if (t == NULL) {
        t = flare_req_alloc(req, sizeof(*t));
        if (t == NULL)
            return -ENOMEM;
        *t = (struct res_timer){.next = all->first, .res = res};
        all->first = t;
    }
    t->fn = fn;
    t->ctx = ctx;
    flare__wheel_start(&loop->wheel, &t->timer, loop->now_ms + ms,
                       res_timer_on_expiry);
    return 0;
}
