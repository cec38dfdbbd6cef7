/* SPDX-License-Identifier: MIT */
/*
 * The compiled router: an immutable tree, shared by the workers.  A match
 * costs O(path), whatever the number of routes, allocates nothing and recurses
 * nowhere beyond the pattern's depth.
 */
#ifndef FLARE__HTTP_ROUTER_H
#define FLARE__HTTP_ROUTER_H

#include <flare/router.h>

enum { FLARE__ROUTE_PARAMS_MAX = 16, FLARE__ROUTE_DEPTH_MAX = 64 };

struct flare__param {
    struct flare_str name;  /* the pattern's, borrowed */
    struct flare_str value; /* raw, inside the path */
};

struct flare__match {
    struct flare_handler handler;
    const char *pattern;
    uint32_t allowed; /* METHOD_NOT_ALLOWED: bits 1 << enum flare_method */
    uint32_t param_count;
    struct flare__param params[FLARE__ROUTE_PARAMS_MAX];
};

struct flare__router;

/*
 * Compiles a table.  -ENOMEM, FLARE_E_BAD_ROUTE (pattern, handler NULL,
 * method; more than 16 parameters or 64 segments; a name twice),
 * FLARE_E_ROUTE_CONFLICT; `err` names the rows:
 * "route 3 '/users/:id' conflicts with route 1 '/users/:name'".
 */
int flare__router_new(struct flare__router **out,
                      const struct flare_allocator *al,
                      struct flare_routes routes, struct flare_error *err);

void flare__router_free(struct flare__router *r);

/*
 * `path` is raw and starts with '/'.  HEAD falls back to GET, every method to
 * ANY.  Returns 0 with `m` filled, FLARE_E_NOT_FOUND, or
 * FLARE_E_METHOD_NOT_ALLOWED with `m->allowed` set (GET brings HEAD; OPTIONS
 * is always in it).
 */
FLARE_MUST_USE
int flare__router_match(const struct flare__router *r, enum flare_method method,
                        struct flare_str path, struct flare__match *m);

#endif
