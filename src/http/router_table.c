/* SPDX-License-Identifier: MIT */
/*
 * flare_router: a table of routes that grows call by call.  It is no second
 * router: it only writes the rows that a program could have written itself, and
 * the server compiles those (router_build.c).
 *
 * Groups form a tree under the router that flare_router_new gave; texts and the
 * first failure are kept there.
 */
#include "base/alloc.h"
#include "base/arena.h"
#include "http/chain.h"
#include "http/router.h"

#include <errno.h>
#include <string.h>

enum {
    TABLE_ROWS = 16, /* at first; doubled when they are full */
    TABLE_TEXT_BYTES = 1024,
    TABLE_TEXT_BYTES_MAX = 1 << 30
};

struct flare_router {
    struct flare_router *root;
    struct flare_router *next;   /* group of the same parent */
    struct flare_router *groups; /* the newest first */
    size_t row;                  /* of this group in its parent */
    uint32_t depth;
    struct flare_route *rows;
    size_t count;
    size_t room;
    enum flare_slash slash;
    const struct flare_middleware *middleware[FLARE_MIDDLEWARE_MAX + 1];

    /* The root's. */
    struct flare_allocator al;
    struct flare__arena texts;
    struct flare_route around; /* all its rows, if it has middlewares */
    int failed;
};

static const struct flare_route table_empty[1];

/* Remembers a failure. */
static int table_fail(struct flare_router *router, int rc)
{
    if (router->root->failed == 0)
        router->root->failed = rc;
    return rc;
}

int flare_router_new(flare_router **out,
                     const struct flare_allocator *allocator)
{
    const struct flare_allocator *al =
        allocator != NULL ? allocator : &flare__allocator_default;
    struct flare_router *router = flare__calloc(al, 1, sizeof(*router));

    if (router == NULL)
        return -ENOMEM;
    router->root = router;
    router->al = *al;
    flare__arena_init(&router->texts, &router->al, TABLE_TEXT_BYTES,
                      TABLE_TEXT_BYTES_MAX);
    *out = router;
    return 0;
}

static int table_grow(struct flare_router *router)
{
    size_t room = router->room > 0 ? 2 * router->room : TABLE_ROWS;
    struct flare_route *rows;

    if (router->count < router->room)
        return 0;
    if (room > 2 * (size_t)FLARE__ROUTE_COUNT_MAX)
        return FLARE_E_BAD_ROUTE;
    rows = flare__realloc(&router->root->al, router->rows,
                          room * sizeof(*router->rows));
    if (rows == NULL)
        return -ENOMEM;
    router->rows = rows;
    router->room = room;
    return 0;
}

int flare_router_add(flare_router *router, const struct flare_route *route)
{
    const char *text = NULL;
    int rc = table_grow(router);

    if (rc < 0)
        return table_fail(router, rc);
    if (route->pattern != NULL) {
        text =
            flare__arena_copy(&router->root->texts, flare_str(route->pattern));
        if (text == NULL)
            return table_fail(router, -ENOMEM);
    }
    router->rows[router->count] = *route;
    router->rows[router->count++].pattern = text;
    return 0;
}

#define TABLE_VERB(verb, method_)                                              \
    int flare_router_##verb(flare_router *router, const char *pattern,         \
                            flare_handler_fn fn, void *ctx)                    \
    {                                                                          \
        return flare_router_add(                                               \
            router, &(struct flare_route){.method = FLARE_METHOD_##method_,    \
                                          .pattern = pattern,                  \
                                          .handler = {fn, ctx}});              \
    }

TABLE_VERB(get, GET)
TABLE_VERB(head, HEAD)
TABLE_VERB(post, POST)
TABLE_VERB(put, PUT)
TABLE_VERB(patch, PATCH)
TABLE_VERB(delete, DELETE)
TABLE_VERB(options, OPTIONS)
TABLE_VERB(any, ANY)

int flare_router_use(flare_router *router,
                     const struct flare_middleware *middleware)
{
    size_t count = flare__chain_count(router->middleware);

    if (count >= FLARE_MIDDLEWARE_MAX)
        return table_fail(router, FLARE_E_BAD_ROUTE);
    router->middleware[count] = middleware;
    return 0;
}

void flare_router_slash(flare_router *router, enum flare_slash slash)
{
    router->slash = slash;
}

int flare_router_mount(flare_router *router, const char *prefix,
                       struct flare_routes routes)
{
    if (routes.list == NULL)
        routes.list = table_empty;
    return flare_router_add(router,
                            &(struct flare_route){.method = FLARE_METHOD_ANY,
                                                  .pattern = prefix,
                                                  .routes = routes});
}

int flare_router_group(flare_router *router, flare_router **out,
                       const char *prefix)
{
    struct flare_router *group;
    int rc;

    if (router->depth + 1 >= FLARE__ROUTE_GROUPS_MAX)
        return table_fail(router, FLARE_E_BAD_ROUTE);
    group = flare__calloc(&router->root->al, 1, sizeof(*group));
    if (group == NULL)
        return table_fail(router, -ENOMEM);
    rc = flare_router_mount(router, prefix, (struct flare_routes){0});
    if (rc < 0) {
        flare__free(&router->root->al, group);
        return rc;
    }
    group->root = router->root;
    group->depth = router->depth + 1;
    group->row = router->count - 1;
    group->next = router->groups;
    router->groups = group;
    *out = group;
    return 0;
}

static struct flare_routes table_of(const struct flare_router *router)
{
    return (struct flare_routes){
        .list = router->count > 0 ? router->rows : table_empty,
        .count = router->count,
        .slash = router->slash,
    };
}

/* Writes what groups have become since into the rows that stand for them. */
static void table_close(struct flare_router *router)
{
    for (struct flare_router *g = router->groups; g != NULL; g = g->next) {
        struct flare_route *row = &router->rows[g->row];

        table_close(g); /* FLARE__ROUTE_GROUPS_MAX deep at most */
        row->routes = table_of(g);
        memcpy(row->middleware, g->middleware, sizeof(row->middleware));
    }
}

int flare_router_routes(flare_router *router, struct flare_routes *out)
{
    struct flare_route *around = &router->around;

    if (router->root->failed < 0)
        return router->root->failed;
    table_close(router);
    *out = table_of(router);
    if (router->middleware[0] == NULL)
        return 0;
    *around = (struct flare_route){
        .method = FLARE_METHOD_ANY,
        .pattern = "/",
        .routes = *out,
    };
    memcpy(around->middleware, router->middleware, sizeof(around->middleware));
    *out = (struct flare_routes){.list = around, .count = 1};
    return 0;
}

/* All groups of a tree, the deepest last, without recursion. */
static void table_free_groups(struct flare_router *root)
{
    struct flare_router *list = root->groups;

    while (list != NULL) {
        struct flare_router *group = list;
        struct flare_router *last = group->groups;

        list = group->next;
        if (last != NULL) {
            while (last->next != NULL)
                last = last->next;
            last->next = list;
            list = group->groups;
        }
        flare__free(&root->al, group->rows);
        flare__free(&root->al, group);
    }
}

void flare_router_free(flare_router *router)
{
    struct flare_allocator al;

    if (router == NULL)
        return;
    al = router->al;
    table_free_groups(router);
    flare__arena_fini(&router->texts);
    flare__free(&al, router->rows);
    flare__free(&al, router);
}
