/* SPDX-License-Identifier: MIT */
/*
 * A table of routes walked as if it had no groups: every route with its whole
 * pattern, all the middlewares around it and what a slash at its end means.
 */
#ifndef FLARE__HTTP_ROUTER_FLAT_H
#define FLARE__HTTP_ROUTER_FLAT_H

#include "http/router.h"

struct flare__flat_route {
    const struct flare_route *row;
    struct flare_str pattern; /* terminated */
    bool is_joined;           /* of several texts; gone after the visit */
    enum flare_slash slash;   /* not DEFAULT */
    uint32_t number;          /* counted from 1 */
    /* The outermost first; gone after the visit. */
    const struct flare_middleware *const *chain;
    size_t chain_count;
};

/* Negative: an error, which ends the walk. */
typedef int flare__flat_fn(const struct flare__flat_route *route, void *ctx,
                           struct flare_error *err);

/*
 * Calls `visit` for each route in order.  Returns 0, what `visit` returned, or
 * FLARE_E_BAD_ROUTE for what is wrong with a group, a pattern's beginning or
 * length, or the number of routes; a row's other parts are not looked at.
 */
FLARE_MUST_USE
int flare__routes_walk(struct flare_routes routes, flare__flat_fn *visit,
                       void *ctx, struct flare_error *err);

#endif
