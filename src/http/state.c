/* SPDX-License-Identifier: MIT */
/* The state of the application and of a worker: flare/state.h. */
#include <flare/state.h>

#include "http/http.h"

void *flare_req_app(const flare_req *req)
{
    return req->http->options->app;
}

flare_worker *flare_req_worker(const flare_req *req)
{
    return &req->http->worker;
}

void *flare_worker_app_get(const flare_worker *worker)
{
    return worker->http->options->app;
}

void *flare_worker_get(const flare_worker *worker)
{
    return worker->state;
}

void flare_worker_set(flare_worker *worker, void *state)
{
    worker->state = state;
}

uint32_t flare_worker_index(const flare_worker *worker)
{
    return worker->index;
}

flare_loop *flare_worker_loop(const flare_worker *worker)
{
    return worker->http->loop;
}
