/* SPDX-License-Identifier: MIT */
/*
 * Matching a path against the compiled routes.
 *
 * A depth-first walk that takes the best alternative at each segment and keeps
 * the others on a stack.  The nodes are a tree, so none is visited twice and
 * the walk costs at most the steps counted when the table was built.  Each
 * segment is split and hashed once, however often the walk comes back to it.
 */
#include "http/router_tree.h"

#include "base/assert.h"

/* An alternative not taken yet: `node` by the segment at `depth`. */
struct later {
    uint32_t node;
    uint8_t depth;
    uint8_t params; /* taken before it */
    bool is_rest;
};

struct walk {
    const struct flare__router *router;
    struct flare__param *params;
    const char *path_end;
    struct flare__segments segments;
    uint32_t allowed;     /* methods of patterns that match the path */
    uint32_t split;       /* segments in segs */
    uint32_t later_count; /* at most a parameter and a rest per depth */
    uint32_t side;
    enum flare_method method;
    struct later later[2 * FLARE__ROUTE_DEPTH_MAX];
    struct flare__segment segs[FLARE__ROUTE_DEPTH_MAX + 1];
};

/* The route at `node` for the method; NULL adds the methods there. */
static inline const struct flare__router_route *route_at(
    const struct flare__router *r, uint32_t node, uint32_t side,
    enum flare_method method, uint32_t *allowed)
{
    uint32_t methods = r->nodes[node].methods[side];
    uint32_t route;

    if (methods == 0)
        return NULL;
    if (!(methods & 1u << method)) {
        if (method == FLARE_METHOD_HEAD && methods & 1u << FLARE_METHOD_GET)
            method = FLARE_METHOD_GET;
        else if (methods & 1u << FLARE_METHOD_ANY)
            method = FLARE_METHOD_ANY;
        else {
            *allowed |= methods;
            return NULL;
        }
    }
    route = r->nodes[node].routes[side];
    while (r->routes[route].method != method)
        route = r->routes[route].next[side];
    return &r->routes[route];
}

/* Whether there is a segment at `depth`; if so, it is in segs. */
static inline bool walk_has(struct walk *w, uint32_t depth)
{
    if (depth < w->split)
        return true;
    if (!flare__segments_next(&w->segments, &w->segs[depth]))
        return false;
    w->split++;
    return true;
}

static inline void walk_push(struct walk *w, uint32_t node, uint32_t depth,
                             uint32_t params, bool is_rest)
{
    w->later[w->later_count++] = (struct later){
        .node = node,
        .depth = (uint8_t)depth,
        .params = (uint8_t)params,
        .is_rest = is_rest,
    };
}

static const struct flare__router_route *walk_run(struct walk *w)
{
    const struct flare__router *r = w->router;
    const struct flare__router_route *route;
    const struct flare__segment *seg;
    uint32_t at = 0, depth = 0, params = 0;
    bool is_rest = false;

    for (;;) {
        const struct flare__router_node *node = &r->nodes[at];
        struct later next;
        uint32_t child;

        if (is_rest || !walk_has(w, depth)) {
            route = route_at(r, at, w->side, w->method, &w->allowed);
            if (route != NULL)
                return route;
        } else if (w->segs[depth].len > 0) {
            if (node->rest != 0)
                walk_push(w, node->rest, depth, params, /* is_rest = */ true);
            if (node->param != 0)
                walk_push(w, node->param, depth, params, /* is_rest = */ false);
            child = 0;
            if (node->literals != 0)
                child = flare__router_slot(r, at, &w->segs[depth])->child;
            if (child != 0) {
                at = child;
                depth++;
                continue;
            }
        }
        if (w->later_count == 0)
            return NULL;
        next = w->later[--w->later_count];
        seg = &w->segs[next.depth];
        at = next.node;
        depth = next.depth + 1u;
        params = next.params + 1u;
        is_rest = next.is_rest;
        w->params[next.params].value = (struct flare_str){
            .ptr = seg->ptr,
            .len = is_rest ? (size_t)(w->path_end - seg->ptr) : seg->len,
        };
    }
}

static uint32_t allowed_methods(uint32_t methods)
{
    if (methods & 1u << FLARE_METHOD_GET)
        methods |= 1u << FLARE_METHOD_HEAD;
    return methods | 1u << FLARE_METHOD_OPTIONS;
}

/* Out of line: "/" is to pay for none of it. */
static __attribute__((noinline)) const struct flare__router_route *match_walk(
    const struct flare__router *r, enum flare_method method,
    struct flare_str path, struct flare__match *m, uint32_t *allowed)
{
    const struct flare__router_route *route;
    struct walk w; /* not cleared: 3 KiB, of which a match touches little */

    w.router = r;
    w.params = m->params;
    w.path_end = path.ptr + path.len;
    w.side = flare__segments_init(&w.segments, path);
    w.allowed = 0;
    w.split = 0;
    w.later_count = 0;
    w.method = method;

    route = walk_run(&w);
    *allowed = w.allowed;
    return route;
}

int flare__router_match(const struct flare__router *r, enum flare_method method,
                        struct flare_str path, struct flare__match *m)
{
    const struct flare__router_route *route;
    uint32_t allowed = 0;

    FLARE_ASSERT(method < FLARE_METHOD_COUNT);

    if (path.len == 0 || path.ptr[0] != '/')
        return FLARE_E_NOT_FOUND;
    if (path.len == 1)
        route = route_at(r, 0, FLARE__SIDE_PLAIN, method, &allowed);
    else
        route = match_walk(r, method, path, m, &allowed);
    if (route == NULL && allowed == 0)
        return FLARE_E_NOT_FOUND;
    if (route == NULL) {
        m->allowed = allowed_methods(allowed);
        return FLARE_E_METHOD_NOT_ALLOWED;
    }
    m->handler = route->handler;
    m->flags = route->flags;
    m->body_bytes_max = route->body_bytes_max;
    m->pattern = route->pattern;
    m->param_count = route->name_count;
    for (uint32_t i = 0; i < route->name_count; i++)
        m->params[i].name = route->names[i];
    return 0;
}
