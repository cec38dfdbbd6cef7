/* SPDX-License-Identifier: MIT */
/*
 * Routes are data: a table compiled to a tree when the server starts.
 *
 * A pattern starts with '/' and consists of segments: a literal, ":name" (one
 * non-empty segment), or "*name" (last; one or more segments).  A literal
 * beats a parameter beats a rest, whatever the order of the table.  Matching
 * is on the raw path, segment by segment; parameters are percent-decoded after
 * that, so %2F never separates.  A trailing slash is ignored.
 */
#ifndef FLARE_ROUTER_H
#define FLARE_ROUTER_H

#include <flare/handler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One row of the table; strings are borrowed until the server is freed. */
struct flare_route {
    enum flare_method method;
    const char *pattern;
    struct flare_handler handler;
};

struct flare_routes {
    const struct flare_route *list;
    size_t count;
};

/* A context that is left out is NULL. */
#define FLARE__HANDLER(fn, ctx, ...)                                           \
    {                                                                          \
        fn, ctx                                                                \
    }
#define FLARE__ROUTE(method, pattern, ...)                                     \
    {                                                                          \
        FLARE_METHOD_##method, pattern,                                        \
            FLARE__HANDLER(__VA_ARGS__, NULL, NULL)                            \
    }

/* FLARE_GET("/users/:id", on_user) or FLARE_GET("/users/:id", on_user, ctx) */
#define FLARE_GET(pattern, ...) FLARE__ROUTE(GET, pattern, __VA_ARGS__)
#define FLARE_HEAD(pattern, ...) FLARE__ROUTE(HEAD, pattern, __VA_ARGS__)
#define FLARE_POST(pattern, ...) FLARE__ROUTE(POST, pattern, __VA_ARGS__)
#define FLARE_PUT(pattern, ...) FLARE__ROUTE(PUT, pattern, __VA_ARGS__)
#define FLARE_PATCH(pattern, ...) FLARE__ROUTE(PATCH, pattern, __VA_ARGS__)
#define FLARE_DELETE(pattern, ...) FLARE__ROUTE(DELETE, pattern, __VA_ARGS__)
#define FLARE_OPTIONS(pattern, ...) FLARE__ROUTE(OPTIONS, pattern, __VA_ARGS__)
#define FLARE_ANY(pattern, ...) FLARE__ROUTE(ANY, pattern, __VA_ARGS__)

/* The struct flare_routes of an array. */
#ifdef __cplusplus
static inline struct flare_routes flare__routes_of(
    const struct flare_route *list, size_t count)
{
    struct flare_routes r = {list, count};

    return r;
}
#define FLARE_ROUTES(array)                                                    \
    flare__routes_of((array), sizeof(array) / sizeof((array)[0]))
#else
#define FLARE_ROUTES(array)                                                    \
    ((struct flare_routes){(array), sizeof(array) / sizeof((array)[0])})
#endif

#ifdef __cplusplus
}
#endif
#endif
