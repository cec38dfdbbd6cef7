/* SPDX-License-Identifier: MIT */
/*
 * Compiling a table of routes: every row is checked and counted, then one
 * block is taken that holds the whole router, then the rows are added in turn.
 * Adding cannot fail but for a conflict.
 */
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

static int routes_check(struct flare_routes routes, struct totals *totals,
                        struct flare_error *err)
{
    if (routes.count > FLARE__ROUTE_COUNT_MAX)
        return flare__error(err, FLARE_E_BAD_ROUTE,
                            "%zu routes, at most %d are allowed", routes.count,
                            FLARE__ROUTE_COUNT_MAX);

    for (size_t i = 0; i < routes.count; i++) {
        const struct flare_route *route = &routes.list[i];
        const char *fault = NULL;

        if (route->pattern == NULL)
            return flare__error(err, FLARE_E_BAD_ROUTE,
                                "route %zu has no pattern", i + 1);
        if ((unsigned)route->method > FLARE_METHOD_ANY)
            fault = "its method is not one of enum flare_method";
        else if (route->handler.fn == NULL)
            fault = "it has no handler";
        else
            fault = pattern_fault(flare_str(route->pattern), totals);
        if (fault != NULL)
            return flare__error(err, FLARE_E_BAD_ROUTE, "route %zu '%s': %s",
                                i + 1, route->pattern, fault);
    }
    return 0;
}

enum { CACHE_LINE = 64 };

/* Takes the block and divides it; -ENOMEM. */
static int router_alloc(struct flare__router **out,
                        const struct flare_allocator *al, size_t route_count,
                        const struct totals *totals)
{
    size_t nodes = (totals->segments + 1) * sizeof(struct flare__router_node);
    size_t routes = route_count * sizeof(struct flare__router_route);
    size_t names = totals->names * sizeof(struct flare_str);
    uint32_t bits = 1;
    struct flare__router *r;
    size_t edges;
    char *block, *at;

    while ((size_t)1 << bits < 2 * totals->literals)
        bits++;
    edges = sizeof(struct flare__router_edge) << bits;

    block = flare__calloc(
        al, 1, CACHE_LINE + edges + nodes + routes + names + sizeof(*r));
    if (block == NULL)
        return -ENOMEM;

    /* every part's size is a multiple of 8, the alignment of the next */
    at = block + (CACHE_LINE - (uintptr_t)block % CACHE_LINE);
    r = (void *)(at + edges + nodes + routes + names);
    r->al = *al;
    r->block = block;
    r->edges = (void *)at;
    r->nodes = (void *)(at + edges);
    r->routes = (void *)(at + edges + nodes);
    r->names = (void *)(at + edges + nodes + routes);
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

/* Puts the route at its node; two of one method there are a conflict. */
static int node_attach(struct flare__router *r, uint32_t at, uint32_t route,
                       struct flare_error *err)
{
    struct flare__router_node *node = &r->nodes[at];
    struct flare__router_route *added = &r->routes[route];
    const struct flare__router_route *other;

    if (node->methods & 1u << added->method) {
        other = &r->routes[node->route];
        while (other->method != added->method)
            other = &r->routes[other->next];
        return flare__error(err, FLARE_E_ROUTE_CONFLICT,
                            "route %u '%s' conflicts with route %u '%s'",
                            (unsigned)(added - r->routes) + 1, added->pattern,
                            (unsigned)(other - r->routes) + 1, other->pattern);
    }
    added->next = node->methods != 0 ? node->route : route;
    node->methods |= 1u << added->method;
    node->route = route;
    return 0;
}

static int route_add(struct flare__router *r, const struct flare_route *row,
                     struct flare_error *err)
{
    struct flare__router_route *route = &r->routes[r->route_count];
    struct flare__segments segments;
    struct flare__segment seg;
    uint32_t at = 0;

    route->handler = row->handler;
    route->pattern = row->pattern;
    route->method = row->method;
    route->names = &r->names[r->name_count];

    flare__segments_init(&segments, flare_str(row->pattern));
    while (flare__segments_next(&segments, &seg)) {
        if (seg.ptr[0] == ':')
            at = child_of(r, at, &r->nodes[at].param);
        else if (seg.ptr[0] == '*')
            at = child_of(r, at, &r->nodes[at].rest);
        else {
            at = literal_child(r, at, &seg);
            continue;
        }
        r->names[r->name_count++] = name_of(&seg);
        route->name_count++;
    }
    return node_attach(r, at, r->route_count++, err);
}

/*
 * The most nodes one path can make a match visit: at each node it can follow
 * one literal and the parameter.  Children come after their parents.
 */
static uint32_t router_steps(struct flare__router *r)
{
    for (uint32_t i = r->node_count; i-- > 0;) {
        struct flare__router_node *node = &r->nodes[i];
        struct flare__router_node *parent = &r->nodes[node->parent];

        node->steps = 1 + node->literal_steps;
        if (node->param != 0)
            node->steps += r->nodes[node->param].steps;
        if (node->rest != 0)
            node->steps += r->nodes[node->rest].steps;
        if (i != 0 && i != parent->param && i != parent->rest &&
            node->steps > parent->literal_steps)
            parent->literal_steps = node->steps;
    }
    return r->nodes[0].steps;
}

int flare__router_new(struct flare__router **out,
                      const struct flare_allocator *al,
                      struct flare_routes routes, struct flare_error *err)
{
    struct totals totals = {0};
    struct flare__router *r;
    uint32_t steps;
    int rc;

    FLARE_ASSERT(routes.list != NULL || routes.count == 0);

    rc = routes_check(routes, &totals, err);
    if (rc < 0)
        return rc;
    rc = router_alloc(&r, al, routes.count, &totals);
    if (rc < 0)
        return flare__error(err, rc, "no memory for %zu routes", routes.count);

    for (size_t i = 0; i < routes.count; i++) {
        rc = route_add(r, &routes.list[i], err);
        if (rc < 0)
            goto fail;
    }
    steps = router_steps(r);
    if (steps > FLARE__ROUTE_STEPS_MAX) {
        rc = flare__error(err, FLARE_E_BAD_ROUTE,
                          "the routes are too ambiguous: one path could need "
                          "%u steps, at most %d are allowed",
                          (unsigned)steps, FLARE__ROUTE_STEPS_MAX);
        goto fail;
    }
    *out = r;
    return 0;

fail:
    flare__router_free(r);
    return rc;
}

void flare__router_free(struct flare__router *r)
{
    struct flare_allocator al;

    if (r == NULL)
        return;
    al = r->al;
    flare__free(&al, r->block);
}
