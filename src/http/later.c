/* SPDX-License-Identifier: MIT */
/*
 * A promise is a letter to the request's loop whose memory is there from the
 * start, so keeping it cannot fail.  What ties it to the request is touched by
 * the loop's thread only; the rest by whoever holds the promise.
 */
#include "http/later.h"

#include "base/alloc.h"
#include "http/exchange.h"
#include "http/res.h"

struct flare_later {
    struct flare__letter letter;
    struct flare_loop *loop;
    struct flare__exchange *x; /* NULL: the request is over */
    flare_later_fn fn;
    void *ctx;
};

flare_later *flare_res_defer(flare_res *res)
{
    struct flare__exchange *x = FLARE__EXCHANGE_OF(res, res);
    struct flare_loop *loop = res->http->loop;
    struct flare_later *later;

    flare__res_check_thread(res);
    if (res->state == FLARE__RES_COMPLETE || x->later != NULL)
        return NULL;
    later = flare__alloc(&loop->allocator, sizeof(*later));
    if (later == NULL)
        return NULL;
    *later = (struct flare_later){.loop = loop, .x = x};
    flare__loop_ref(loop);
    x->later = later;
    return later;
}

void flare__later_void(struct flare_later *later)
{
    later->x = NULL;
}

static void later_free(struct flare_later *later)
{
    struct flare_loop *loop = later->loop;

    flare__free(&loop->allocator, later);
    flare__loop_unref(loop);
}

/* Whether something is still to give the answer, or the rest of it. */
static bool later_goes_on(const struct flare__exchange *x)
{
    return x->res.state != FLARE__RES_OPEN || x->later != NULL ||
           x->req.on_body != NULL;
}

void flare__later_take_back(struct flare__exchange *x)
{
    if (x->later != NULL)
        later_free(x->later);
    x->later = NULL;
}

static void later_open(struct flare__letter *letter)
{
    struct flare_later *later =
        FLARE_CONTAINER_OF(letter, struct flare_later, letter);
    struct flare__exchange *x = later->x;
    flare_later_fn fn = later->fn;
    void *ctx = later->ctx;

    if (x != NULL)
        x->later = NULL;
    later_free(later);
    if (x == NULL) {
        fn(NULL, NULL, ctx);
        return;
    }
    fn(&x->req, &x->res, ctx);
    if (!later_goes_on(x))
        flare__exchange_settle(x, FLARE_E_NOT_ANSWERED);
}

void flare_later_answer(flare_later *later, flare_later_fn fn, void *ctx)
{
    later->fn = fn;
    later->ctx = ctx;
    later->letter.fn = later_open;
    if (flare__loop_send(later->loop, &later->letter))
        return;
    later_free(later);
    fn(NULL, NULL, ctx);
}

static void later_refuse(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)ctx;
    if (res != NULL)
        flare__exchange_settle(FLARE__EXCHANGE_OF(res, res),
                               FLARE_E_OVERLOADED);
}

void flare_later_drop(flare_later *later)
{
    if (later != NULL)
        flare_later_answer(later, later_refuse, NULL);
}
