/* SPDX-License-Identifier: MIT */
/*
 * Middlewares around a handler, flattened when the server starts: one link for
 * each, which holds the handler that is next.  A chain is entered like any
 * handler, so a route without middleware costs nothing.
 */
#ifndef FLARE__HTTP_CHAIN_H
#define FLARE__HTTP_CHAIN_H

#include <flare/router.h>

struct flare__chain_link {
    struct flare_middleware mw;
    struct flare_handler next;
};

/*
 * Writes `count` links, the outermost first, around `handler`.  Returns the
 * handler that enters them: `handler` itself if count is 0.
 */
struct flare_handler flare__chain_build(
    struct flare__chain_link *links, const struct flare_middleware *const *list,
    size_t count, struct flare_handler handler);

/* How many of a row's or a server's middlewares are given. */
static inline size_t flare__chain_count(
    const struct flare_middleware *const list[FLARE_MIDDLEWARE_MAX + 1])
{
    size_t count = 0;

    while (count <= FLARE_MIDDLEWARE_MAX && list[count] != NULL)
        count++;
    return count;
}

/* The end of the server's middlewares: runs req->inner. */
int flare__chain_inner(flare_req *req, flare_res *res);

#endif
