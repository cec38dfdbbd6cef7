/* SPDX-License-Identifier: MIT */
/*
 * Compiling a table of routes: every route is checked and counted, then one
 * block is taken that holds the whole router, then the routes are added in
 * turn, which cannot fail but for a conflict.  Redirects come last: they take
 * what no route has.
 */
#include "http/router_flat.h"
#include "http/router_tree.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"

#include <errno.h>

/* What the block has to hold. */
struct totals {
    size_t segments;
    size_t literals;
    size_t names;
    size_t links;
    size_t text; /* bytes of joined patterns */
    size_t routes;
    size_t redirects;
};

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
           (c >= 'A' && c <= 'F');
}

/* Why no path has this segment (RFC 3986 section 3.3); NULL: some may. */
static const char *literal_fault(const struct flare__segment *seg)
{
    const char *p = seg->ptr;

    if (seg->len == 0)
        return "it has an empty segment";
    if ((seg->len == 1 && p[0] == '.') ||
        (seg->len == 2 && p[0] == '.' && p[1] == '.'))
        return "it has a dot segment, which no client sends";
    for (size_t i = 0; i < seg->len; i++) {
        if (p[i] == '%') {
            if (seg->len - i < 3 || !is_hex(p[i + 1]) || !is_hex(p[i + 2]))
                return "'%' needs two hexadecimal digits";
        } else if (p[i] == '*') {
            return "'*' may only start a segment";
        } else if (!is_alnum(p[i]) &&
                   strchr("-._~!$&'()+,;=:@", p[i]) == NULL) {
            return "it has a byte that no path can have";
        }
    }
    return NULL;
}

static const char *name_fault(const struct flare__segment *seg)
{
    if (seg->len < 2)
        return "a parameter has no name";
    for (size_t i = 1; i < seg->len; i++)
        if (!is_alnum(seg->ptr[i]) && seg->ptr[i] != '_' && seg->ptr[i] != '-')
            return "a parameter is a whole segment, its name of letters, "
                   "digits, '_' and '-'";
    return NULL;
}

static struct flare_str name_of(const struct flare__segment *seg)
{
    return (struct flare_str){.ptr = seg->ptr + 1, .len = seg->len - 1};
}

static bool names_have(const struct flare_str *names, size_t count,
                       struct flare_str name)
{
    for (size_t i = 0; i < count; i++)
        if (flare_str_equal(names[i], name))
            return true;
    return false;
}

/* What is wrong with a pattern; NULL, and its size added to `totals`. */
static const char *pattern_fault(struct flare_str pattern,
                                 struct totals *totals)
{
    struct flare_str names[FLARE__ROUTE_PARAMS_MAX];
    struct flare__segments segments;
    struct flare__segment seg;
    size_t depth = 0, count = 0;
    const char *fault;

    if (pattern.len == 0 || pattern.ptr[0] != '/')
        return "it does not start with '/'";
    if (pattern.len > FLARE__ROUTE_PATTERN_MAX)
        return "it is longer than 4096 bytes";

    flare__segments_init(&segments, pattern);
    for (; flare__segments_next(&segments, &seg); depth++) {
        bool is_name = seg.len > 0 && (seg.ptr[0] == ':' || seg.ptr[0] == '*');

        fault = is_name ? name_fault(&seg) : literal_fault(&seg);
        if (fault != NULL)
            return fault;
        if (depth == FLARE__ROUTE_DEPTH_MAX)
            return "it has more than 64 segments";
        if (!is_name) {
            totals->literals++;
            continue;
        }
        if (seg.ptr[0] == '*' && segments.has_more)
            return "'*' must be the last segment";
        if (count == FLARE__ROUTE_PARAMS_MAX)
            return "it has more than 16 parameters";
        if (names_have(names, count, name_of(&seg)))
            return "it has two parameters of one name";
        names[count++] = name_of(&seg);
    }
    totals->segments += depth;
    totals->names += count;
    return NULL;
}

static int route_check(const struct flare__flat_route *flat, void *ctx,
                       struct flare_error *err)
{
    const struct flare_route *row = flat->row;
    struct totals *totals = ctx;
    const char *fault = NULL;

    if ((unsigned)row->method > FLARE_METHOD_ANY)
        fault = "its method is not one of enum flare_method";
    else if (row->handler.fn == NULL)
        fault = "it has no handler";
    else if (row->flags & ~FLARE_ROUTE_STREAM_BODY)
        fault = "it has an unknown flag";
    else if (!(row->flags & FLARE_ROUTE_STREAM_BODY) &&
             row->body_bytes_max > FLARE__ROUTE_BODY_MAX)
        fault = "a body of more than 1 GiB can only be streamed";
    else
        fault = pattern_fault(flat->pattern, totals);
    if (fault != NULL)
        return flare__error(err, FLARE_E_BAD_ROUTE, "route %u '%s': %s",
                            (unsigned)flat->number, flat->pattern.ptr, fault);
    totals->routes++;
    totals->links += flat->chain_count;
    if (flat->is_joined)
        totals->text += flat->pattern.len + 1;
    if (flat->slash == FLARE_SLASH_REDIRECT)
        totals->redirects++;
    return 0;
}

enum { CACHE_LINE = 64 };

/* Takes the block and divides it; -ENOMEM. */
static int router_alloc(struct flare__router **out,
                        const struct flare_allocator *al,
                        const struct totals *totals)
{
    size_t routes = (totals->routes + totals->redirects) *
                    sizeof(struct flare__router_route);
    size_t nodes = (totals->segments + 1) * sizeof(struct flare__router_node);
    size_t names = totals->names * sizeof(struct flare_str);
    size_t links = totals->links * sizeof(struct flare__chain_link);
    uint32_t bits = 1;
    struct flare__router *r;
    size_t edges;
    char *block, *at;

    while ((size_t)1 << bits < 2 * totals->literals)
        bits++;
    edges = sizeof(struct flare__router_edge) << bits;

    block = flare__calloc(al, 1,
                          CACHE_LINE + edges + routes + nodes + names + links +
                              sizeof(*r) + totals->text);
    if (block == NULL)
        return -ENOMEM;

    /* every part's size is a multiple of 8, the alignment of the next */
    at = block + (CACHE_LINE - (uintptr_t)block % CACHE_LINE);
    r = (void *)(at + edges + routes + nodes + names + links);
    r->al = *al;
    r->block = block;
    r->edges = (void *)at;
    r->routes = (void *)(at + edges);
    r->nodes = (void *)(at + edges + routes);
    r->names = (void *)(at + edges + routes + nodes);
    r->links = (void *)(at + edges + routes + nodes + names);
    r->text = (char *)(r + 1);
    r->edge_mask = ((uint32_t)1 << bits) - 1;
    r->edge_shift = 64 - bits;
    r->node_count = 1;
    *out = r;
    return 0;
}

/* The child of `parent` that `link` names, made if it is not there yet. */
static uint32_t child_of(struct flare__router *r, uint32_t parent,
                         uint32_t *link)
{
    if (*link == 0) {
        *link = r->node_count++;
        r->nodes[*link].parent = parent;
    }
    return *link;
}

static uint32_t literal_child(struct flare__router *r, uint32_t parent,
                              const struct flare__segment *seg)
{
    struct flare__router_edge *edge = flare__router_slot(r, parent, seg);

    if (edge->child == 0) {
        edge->head = seg->head;
        edge->text = seg->ptr;
        edge->len = (uint32_t)seg->len;
        edge->parent = parent;
        r->nodes[parent].literals++;
    }
    return child_of(r, parent, &edge->child);
}

/*
 * The node of a pattern, made if it is not there.  Names of parameters go to
 * `route` unless that is NULL.
 */
static uint32_t pattern_node(struct flare__router *r, struct flare_str pattern,
                             struct flare__router_route *route)
{
    struct flare__segments segments;
    struct flare__segment seg;
    uint32_t at = 0;

    flare__segments_init(&segments, pattern);
    while (flare__segments_next(&segments, &seg)) {
        if (seg.ptr[0] == ':')
            at = child_of(r, at, &r->nodes[at].param);
        else if (seg.ptr[0] == '*')
            at = child_of(r, at, &r->nodes[at].rest);
        else {
            at = literal_child(r, at, &seg);
            continue;
        }
        if (route != NULL) {
            r->names[r->name_count++] = name_of(&seg);
            route->name_count++;
        }
    }
    return at;
}

/* The sides of its node on which a route answers itself. */
static uint32_t route_sides(const struct flare__router *r, uint32_t node,
                            const struct flare__flat_route *flat)
{
    bool is_rest = r->nodes[r->nodes[node].parent].rest == node && node != 0;

    if (is_rest || flat->slash == FLARE_SLASH_IGNORE)
        return 1u << FLARE__SIDE_PLAIN | 1u << FLARE__SIDE_SLASH;
    return 1u << flare__side_of(flat->pattern);
}

static void node_attach(struct flare__router *r, uint32_t at, uint32_t side,
                        uint32_t route)
{
    struct flare__router_node *node = &r->nodes[at];

    r->routes[route].next[side] =
        node->methods[side] != 0 ? node->routes[side] : route;
    node->methods[side] |= 1u << r->routes[route].method;
    node->routes[side] = route;
}

static int node_conflict(const struct flare__router *r, uint32_t at,
                         uint32_t side, uint32_t route, struct flare_error *err)
{
    uint32_t other = r->nodes[at].routes[side];

    while (r->routes[other].method != r->routes[route].method)
        other = r->routes[other].next[side];
    return flare__error(err, FLARE_E_ROUTE_CONFLICT,
                        "route %u '%s' conflicts with route %u '%s'",
                        (unsigned)route + 1, r->routes[route].pattern,
                        (unsigned)other + 1, r->routes[other].pattern);
}

/* Puts the route at its node; two of one method there are a conflict. */
static int route_attach(struct flare__router *r, uint32_t at, uint32_t sides,
                        uint32_t route, struct flare_error *err)
{
    for (uint32_t side = 0; side < FLARE__SIDES; side++) {
        if (!(sides & 1u << side))
            continue;
        if (r->nodes[at].methods[side] & 1u << r->routes[route].method)
            return node_conflict(r, at, side, route, err);
        node_attach(r, at, side, route);
    }
    return 0;
}

/* The pattern, in the block if it is of several texts. */
static struct flare_str route_text(struct flare__router *r,
                                   const struct flare__flat_route *flat)
{
    char *text = r->text + r->text_len;

    if (!flat->is_joined)
        return flat->pattern;
    memcpy(text, flat->pattern.ptr, flat->pattern.len);
    r->text_len += flat->pattern.len + 1; /* cleared */
    return (struct flare_str){text, flat->pattern.len};
}

static int route_add(const struct flare__flat_route *flat, void *ctx,
                     struct flare_error *err)
{
    struct flare__router *r = ctx;
    struct flare__router_route *route = &r->routes[r->route_count];
    struct flare_str pattern = route_text(r, flat);
    uint32_t at;

    route->handler = flare__chain_build(&r->links[r->link_count], flat->chain,
                                        flat->chain_count, flat->row->handler);
    r->link_count += (uint32_t)flat->chain_count;
    route->pattern = pattern.ptr;
    route->names = &r->names[r->name_count];
    route->body_bytes_max = flat->row->body_bytes_max;
    route->flags = flat->row->flags;
    route->method = flat->row->method;
    at = pattern_node(r, pattern, route);
    return route_attach(r, at, route_sides(r, at, flat), r->route_count++, err);
}

/* A redirect to a route, where its node has none of its own to answer. */
static int redirect_add(const struct flare__flat_route *flat, void *ctx,
                        struct flare_error *err)
{
    struct flare__router *r = ctx;
    const struct flare__router_route *to = &r->routes[flat->number - 1];
    uint32_t at = pattern_node(r, flat->pattern, NULL);
    uint32_t side = !flare__side_of(flat->pattern);
    uint32_t takers = 1u << to->method | 1u << FLARE_METHOD_ANY;

    (void)err;
    if (flat->slash != FLARE_SLASH_REDIRECT || at == 0 ||
        r->nodes[at].methods[side] & takers)
        return 0;
    r->routes[r->route_count] = (struct flare__router_route){
        .handler = {flare__router_redirect, NULL},
        .pattern = to->pattern,
        .names = to->names,
        .name_count = to->name_count,
        .method = to->method,
    };
    node_attach(r, at, side, r->route_count++);
    return 0;
}

struct step {
    uint32_t all;     /* most nodes a match can visit from here on */
    uint32_t literal; /* the most of any literal child */
};

/*
 * The most nodes one path can make a match visit: at each node it can follow
 * one literal and the parameter.  Children come after their parents.  -ENOMEM.
 */
static int router_steps(const struct flare__router *r, uint32_t *out)
{
    struct step *steps = flare__calloc(&r->al, r->node_count, sizeof(*steps));

    if (steps == NULL)
        return -ENOMEM;
    for (uint32_t i = r->node_count; i-- > 0;) {
        const struct flare__router_node *node = &r->nodes[i];
        const struct flare__router_node *parent = &r->nodes[node->parent];
        struct step *above = &steps[node->parent];

        steps[i].all = 1 + steps[i].literal;
        if (node->param != 0)
            steps[i].all += steps[node->param].all;
        if (node->rest != 0)
            steps[i].all += steps[node->rest].all;
        if (i != 0 && i != parent->param && i != parent->rest &&
            steps[i].all > above->literal)
            above->literal = steps[i].all;
    }
    *out = steps[0].all;
    flare__free(&r->al, steps);
    return 0;
}

static int router_check_steps(const struct flare__router *r,
                              struct flare_error *err)
{
    uint32_t steps;
    int rc = router_steps(r, &steps);

    if (rc < 0)
        return flare__error(err, rc, "no memory for %u routes",
                            (unsigned)r->route_count);
    if (steps > FLARE__ROUTE_STEPS_MAX)
        return flare__error(err, FLARE_E_BAD_ROUTE,
                            "the routes are too ambiguous: one path could need "
                            "%u steps, at most %d are allowed",
                            (unsigned)steps, FLARE__ROUTE_STEPS_MAX);
    return 0;
}

int flare__router_new(struct flare__router **out,
                      const struct flare_allocator *al,
                      struct flare_routes routes, struct flare_error *err)
{
    struct totals totals = {0};
    struct flare__router *r;
    int rc;

    FLARE_ASSERT(routes.list != NULL || routes.count == 0);

    rc = flare__routes_walk(routes, route_check, &totals, err);
    if (rc < 0)
        return rc;
    rc = router_alloc(&r, al, &totals);
    if (rc < 0)
        return flare__error(err, rc, "no memory for %zu routes", totals.routes);

    rc = flare__routes_walk(routes, route_add, r, err);
    if (rc >= 0 && totals.redirects > 0)
        rc = flare__routes_walk(routes, redirect_add, r, err);
    if (rc >= 0)
        rc = router_check_steps(r, err);
    if (rc < 0) {
        flare__router_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

void flare__router_free(struct flare__router *r)
{
    struct flare_allocator al;

    if (r == NULL)
        return;
    al = r->al;
    flare__free(&al, r->block);
}
