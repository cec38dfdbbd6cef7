/* SPDX-License-Identifier: MIT */
/* See router_flat.h.  Recurses once per level, FLARE__ROUTE_GROUPS_MAX deep. */
#include "http/router_flat.h"

#include "base/log.h"
#include "http/chain.h"

#include <string.h>

enum { CHAIN_MAX = (FLARE__ROUTE_GROUPS_MAX + 1) * FLARE_MIDDLEWARE_MAX };

struct walk {
    flare__flat_fn *visit;
    void *ctx;
    struct flare_error *err;
    uint32_t count; /* routes so far */
    uint32_t depth; /* groups around this table */
    size_t prefix_len;
    size_t chain_count;
    const struct flare_middleware *chain[CHAIN_MAX];
    char text[FLARE__ROUTE_PATTERN_MAX + 1]; /* the prefix, then a pattern */
};

static int walk_table(struct walk *w, struct flare_routes routes,
                      enum flare_slash slash);

/* Appends to the prefix; false if that is too long. */
static bool walk_join(struct walk *w, struct flare_str part)
{
    if (part.len > FLARE__ROUTE_PATTERN_MAX - w->prefix_len)
        return false;
    memcpy(w->text + w->prefix_len, part.ptr, part.len);
    w->text[w->prefix_len + part.len] = '\0';
    return true;
}

static const char *walk_push(struct walk *w, const struct flare_route *row)
{
    size_t count = flare__chain_count(row->middleware);

    if (count > FLARE_MIDDLEWARE_MAX)
        return "it has more than 8 middlewares";
    for (size_t i = 0; i < count; i++) {
        if (row->middleware[i]->fn == NULL)
            return "a middleware has no function";
        w->chain[w->chain_count++] = row->middleware[i];
    }
    return NULL;
}

static const char *group_fault(const struct walk *w,
                               const struct flare_route *row)
{
    if (row->pattern[0] != '/')
        return "its prefix does not start with '/'";
    if (row->method != FLARE_METHOD_ANY || row->handler.fn != NULL ||
        row->flags != 0 || row->body_bytes_max != 0)
        return "a group has no method, handler, flags or maximum of its own";
    if (w->depth == FLARE__ROUTE_GROUPS_MAX)
        return "more than 16 groups are in each other";
    return NULL;
}

static int walk_group(struct walk *w, const struct flare_route *row,
                      enum flare_slash slash)
{
    struct flare_str prefix = flare_str(row->pattern);
    size_t outer_len = w->prefix_len;
    const char *fault = group_fault(w, row);
    int rc;

    if (prefix.len > 0 && prefix.ptr[prefix.len - 1] == '/')
        prefix.len--;
    if (fault == NULL && !walk_join(w, prefix))
        fault = "it is longer than 4096 bytes";
    if (fault == NULL)
        fault = walk_push(w, row);
    if (fault != NULL)
        return flare__error(w->err, FLARE_E_BAD_ROUTE, "group '%.*s%s': %s",
                            (int)outer_len, w->text, row->pattern, fault);
    w->prefix_len += prefix.len;
    w->depth++;
    rc = walk_table(w, row->routes, slash);
    w->depth--;
    w->prefix_len = outer_len;
    return rc;
}

/* "route 2 'x' in '/api'" */
static int route_error(const struct walk *w, const struct flare_route *row,
                       const char *fault)
{
    return flare__error(w->err, FLARE_E_BAD_ROUTE,
                        w->prefix_len > 0 ? "route %u '%s' in '%.*s': %s"
                                          : "route %u '%s'%.*s: %s",
                        (unsigned)w->count, row->pattern, (int)w->prefix_len,
                        w->text, fault);
}

static int walk_route(struct walk *w, const struct flare_route *row,
                      enum flare_slash slash)
{
    struct flare__flat_route flat = {.row = row, .slash = slash};
    const char *fault;

    flat.number = ++w->count;
    flat.pattern = flare_str(row->pattern);
    if (w->count > FLARE__ROUTE_COUNT_MAX)
        return route_error(w, row, "at most 65536 routes are allowed");
    if (row->pattern[0] != '/' && (row->pattern[0] != '\0' || w->depth == 0))
        return route_error(w, row, "it does not start with '/'");
    fault = walk_push(w, row);
    if (fault != NULL)
        return route_error(w, row, fault);
    if (w->prefix_len > 0) {
        if (!walk_join(w, flat.pattern))
            return route_error(w, row, "it is longer than 4096 bytes");
        flat.pattern.ptr = w->text;
        flat.pattern.len += w->prefix_len;
        flat.is_joined = true;
    }
    flat.chain = w->chain;
    flat.chain_count = w->chain_count;
    return w->visit(&flat, w->ctx, w->err);
}

static int walk_table(struct walk *w, struct flare_routes routes,
                      enum flare_slash slash)
{
    size_t chain_count = w->chain_count;
    int rc = 0;

    if ((unsigned)routes.slash > FLARE_SLASH_REDIRECT)
        return flare__error(w->err, FLARE_E_BAD_ROUTE,
                            "the table of '%.*s' has a wrong flare_slash",
                            (int)w->prefix_len, w->text);
    if (routes.slash != FLARE_SLASH_DEFAULT)
        slash = routes.slash;
    for (size_t i = 0; i < routes.count && rc >= 0; i++) {
        const struct flare_route *row = &routes.list[i];

        if (row->pattern == NULL)
            return flare__error(w->err, FLARE_E_BAD_ROUTE,
                                "route %u has no pattern",
                                (unsigned)w->count + 1);
        rc = row->routes.list != NULL ? walk_group(w, row, slash)
                                      : walk_route(w, row, slash);
        w->chain_count = chain_count;
    }
    return rc < 0 ? rc : 0;
}

int flare__routes_walk(struct flare_routes routes, flare__flat_fn *visit,
                       void *ctx, struct flare_error *err)
{
    struct walk w; /* not cleared: 5 KiB */

    if (routes.count > FLARE__ROUTE_COUNT_MAX)
        return flare__error(err, FLARE_E_BAD_ROUTE,
                            "%zu routes, at most %d are allowed", routes.count,
                            FLARE__ROUTE_COUNT_MAX);
    w.visit = visit;
    w.ctx = ctx;
    w.err = err;
    w.count = 0;
    w.depth = 0;
    w.prefix_len = 0;
    w.chain_count = 0;
    w.text[0] = '\0';
    return walk_table(&w, routes, FLARE_SLASH_IGNORE);
}
