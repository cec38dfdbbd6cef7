/* SPDX-License-Identifier: MIT */
/* flare_offload: a promise (later.c) that a thread of the pool keeps. */
#include <flare/offload.h>

#include "base/alloc.h"
#include "http/exchange.h"
#include "http/later.h"
#include "net/offload.h"

#include <errno.h>

struct offload_job {
    struct flare__job job;
    struct flare_later *later;
    void (*work)(void *ctx);
    flare_later_fn done;
    void *ctx;
    struct flare_allocator al; /* a copy: it may outlive the server */
};

static void offload_answer(struct offload_job *o)
{
    struct flare_later *later = o->later;
    struct flare_allocator al = o->al;
    flare_later_fn done = o->done;
    void *ctx = o->ctx;

    flare__free(&al, o);
    flare_later_answer(later, done, ctx);
}

static void offload_run(struct flare__job *job)
{
    struct offload_job *o = FLARE_CONTAINER_OF(job, struct offload_job, job);

    o->work(o->ctx);
    offload_answer(o);
}

/* The server has ended, and with it the loops. */
static void offload_cancel(struct flare__job *job)
{
    offload_answer(FLARE_CONTAINER_OF(job, struct offload_job, job));
}

int flare_offload(flare_res *res, void (*work)(void *ctx), flare_later_fn done,
                  void *ctx)
{
    struct flare__exchange *x = FLARE__EXCHANGE_OF(res, res);
    const struct flare__http_options *options = res->http->options;
    /* not the request's: another thread may free it */
    const struct flare_allocator *al = &res->http->loop->allocator;
    struct offload_job *o;
    int rc;

    if (options->offload == NULL)
        return FLARE_E_STOPPED;
    if (res->state == FLARE__RES_COMPLETE || x->later != NULL)
        return FLARE_E_ALREADY_ANSWERED;
    o = flare__alloc(al, sizeof(*o));
    if (o == NULL)
        return -ENOMEM;
    *o = (struct offload_job){
        .job = {.run = offload_run, .cancel = offload_cancel},
        .later = flare_res_defer(res),
        .work = work,
        .done = done,
        .ctx = ctx,
        .al = *al,
    };
    rc = o->later != NULL ? flare__offload_submit(options->offload, &o->job)
                          : -ENOMEM;
    if (rc < 0) {
        flare__later_take_back(x);
        flare__free(al, o);
    }
    return rc;
}
