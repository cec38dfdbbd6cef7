/* SPDX-License-Identifier: MIT */
/*
 * The compiled router: an immutable tree, shared by the workers.  A match
 * costs O(path) plus at most FLARE__ROUTE_STEPS_MAX visits of nodes, whatever
 * the number of routes; it allocates nothing and does not recurse.
 *
 * Segments are compared as raw bytes.  A literal matches only itself: "/a%62"
 * is not "/ab", although RFC 3986 section 6.2.2.2 calls the two equivalent.
 * One spelling per resource means that nothing in front of the server and
 * nothing behind it can read the same path in two ways.
 *
 * An empty segment ("//") matches no literal and no parameter, and no rest
 * starts with one.  One slash at the end of a path or pattern is not a
 * segment; each node has two sets of routes, for paths without it and with it,
 * and enum flare_slash decides in which a route is, or a redirect to it.
 *
 * Groups are gone when the tree is built: a route has its whole pattern, and
 * its handler is the outermost link of its chain (http/chain.h).
 */
#ifndef FLARE__HTTP_ROUTER_H
#define FLARE__HTTP_ROUTER_H

#include <flare/router.h>

enum {
    FLARE__ROUTE_PARAMS_MAX = 16,
    FLARE__ROUTE_DEPTH_MAX = 64,
    FLARE__ROUTE_PATTERN_MAX = 4096, /* bytes */
    FLARE__ROUTE_STEPS_MAX = 1024,
    FLARE__ROUTE_BODY_MAX = 1 << 30,  /* bytes, of one that is collected */
    FLARE__ROUTE_COUNT_MAX = 1 << 16, /* keeps sizes inside 32 bits */
    FLARE__ROUTE_GROUPS_MAX = 16      /* in each other */
};

struct flare__param {
    struct flare_str name;  /* the pattern's, borrowed */
    struct flare_str value; /* raw, inside the path */
};

struct flare__match {
    struct flare_handler handler;
    const char *pattern;
    uint32_t allowed; /* METHOD_NOT_ALLOWED: bits 1 << enum flare_method */
    uint32_t param_count;
    uint32_t flags;          /* of the route */
    uint64_t body_bytes_max; /* of the route; 0: the server's */
    struct flare__param params[FLARE__ROUTE_PARAMS_MAX];
};

struct flare__router;

/*
 * Compiles a table into one block of `al`, which is copied.  The arrays and
 * middlewares may go after the call, the strings may not.  Returns 0; -ENOMEM;
 * or
 *   FLARE_E_BAD_ROUTE       a row that no request could match or that nothing
 *                           answers; a table too ambiguous to be matched in
 *                           FLARE__ROUTE_STEPS_MAX visits
 *   FLARE_E_ROUTE_CONFLICT  two rows of one method and shape
 * `err` names the routes, counted from 1 through all groups, with their whole
 * pattern:
 * "route 3 '/api/users/:id' conflicts with route 1 '/api/users/:name'".
 */
FLARE_MUST_USE
int flare__router_new(struct flare__router **out,
                      const struct flare_allocator *al,
                      struct flare_routes routes, struct flare_error *err);

/* Accepts NULL. */
void flare__router_free(struct flare__router *r);

/*
 * Finds the best of the routes that match the path and take the method: the
 * first segment in which two of them differ decides, a literal before a
 * parameter before a rest.  So "DELETE /users/:id" gets DELETE /users/me even
 * where there is "GET /users/me".  On one pattern the method itself comes
 * first, then GET for HEAD, then ANY.
 *
 * `path` is raw; one that does not start with '/' is not found.  A rest is
 * given to the path's end, with the slash there if there is one.  Returns 0
 * with `m` filled, FLARE_E_NOT_FOUND, or FLARE_E_METHOD_NOT_ALLOWED with
 * `m->allowed` set, of all patterns that match (GET brings HEAD; OPTIONS is
 * always in it) and untouched in the other cases.  Thread: any.
 */
FLARE_MUST_USE
int flare__router_match(const struct flare__router *r, enum flare_method method,
                        struct flare_str path, struct flare__match *m);

/*
 * The handler of a path whose slash at the end is not the pattern's: 308 (RFC
 * 9110 section 15.4.9) to the other form.  Location is a path of this host,
 * whatever the target was; what no URI has in it goes out escaped.
 */
FLARE_MUST_USE
int flare__router_redirect(flare_req *req, flare_res *res);

#endif
