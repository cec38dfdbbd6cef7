/* SPDX-License-Identifier: MIT */
/* See watch.h. */
#include "http/watch.h"

#include "base/assert.h"
#include "net/watchdog.h"

static int watch_enter(flare_req *req, flare_res *res)
{
    struct flare__watch *watch = req->http->watch;
    struct flare_handler inner = req->http->options->watched;
    int rc;

    if (watch == NULL) /* not started yet, or a test */
        return flare_next(req, res, inner);
    flare__watch_note(watch, req->head->path);
    rc = flare_next(req, res, inner);
    flare__watch_clear(watch);
    return rc;
}

void flare__watch_wrap(struct flare__http_options *options)
{
    options->watched = options->outer.fn != NULL
                           ? options->outer
                           : (struct flare_handler){flare__chain_inner, NULL};
    options->outer = (struct flare_handler){watch_enter, NULL};
}
