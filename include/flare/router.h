/* SPDX-License-Identifier: MIT */
/*
 * Routes are data: a table compiled to a tree when the server starts.
 *
 * A pattern starts with '/' and consists of segments: a literal, ":name" (one
 * non-empty segment), or "*name" (last; one or more segments).  A literal
 * beats a parameter beats a rest, whatever the order of the table.  Matching
 * is on the raw path, segment by segment; parameters are percent-decoded after
 * that, so %2F never separates.  enum flare_slash says what a slash at the end
 * means.
 *
 * A row may also be a group: a table of its own under a prefix, with
 * middlewares around its handlers.  The same tables can be built call by call,
 * with a flare_router.
 */
#ifndef FLARE_ROUTER_H
#define FLARE_ROUTER_H

#include <flare/handler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- middleware: a handler that holds an inner handler ---- */

/*
 * Runs around `next`: answers itself, or calls flare_next and returns (or
 * changes) what that returned.  An error of an inner handler passes outwards as
 * a return value before it becomes an answer.
 */
typedef int (*flare_middleware_fn)(flare_req *req, flare_res *res,
                                   struct flare_handler next, void *ctx);

struct flare_middleware {
    flare_middleware_fn fn;
    void *ctx; /* the argument, and flare_req_ctx while it runs */
};

/* Around one row or one server; more need a group in a group. */
enum { FLARE_MIDDLEWARE_MAX = 8 };

/*
 * Runs the inner handler, with flare_req_ctx giving its context meanwhile.
 * Never call `next.fn` directly.  Returns what the handler returned.
 */
FLARE_API FLARE_MUST_USE int flare_next(flare_req *req, flare_res *res,
                                        struct flare_handler next);

/* ---- tables ---- */

/* A slash at the end of a path or pattern, "/users/".  "/" has none. */
enum flare_slash {
    FLARE_SLASH_DEFAULT, /* as the table around it; outermost: IGNORE */
    FLARE_SLASH_IGNORE,  /* both forms of the path are the same */
    FLARE_SLASH_STRICT,  /* the path must be written as the pattern is */
    FLARE_SLASH_REDIRECT /* 308 to the pattern's form, if that alone differs */
};

struct flare_route;

struct flare_routes {
    const struct flare_route *list;
    size_t count;
    enum flare_slash slash;
};

/* The handler is called at the head and reads the body in pieces. */
#define FLARE_ROUTE_STREAM_BODY 1u

/* One row of a table; strings are borrowed until the server is freed. */
struct flare_route {
    enum flare_method method; /* of a group: FLARE_METHOD_ANY */
    const char *pattern;      /* of a group: the prefix */
    struct flare_handler handler;
    uint32_t flags; /* FLARE_ROUTE_STREAM_BODY or 0 */
    /* Past it 413; up to 1 GiB, of a streamed one any; 0: the server's. */
    uint64_t body_bytes_max;

    /* A group, if `list` is not NULL: no handler, flags and maximum then.  In
     * it "" stands for the prefix itself.  Lent until the server is open. */
    struct flare_routes routes;
    /* Around the handler or the whole group, the outermost first, up to the
     * first NULL.  Lent until the server is open. */
    const struct flare_middleware *middleware[FLARE_MIDDLEWARE_MAX + 1];
};

/* A context that is left out is NULL. */
#define FLARE__HANDLER(fn, ctx, ...)                                           \
    {                                                                          \
        fn, ctx                                                                \
    }
#define FLARE__NO_ROUTES                                                       \
    {                                                                          \
        NULL, 0, FLARE_SLASH_DEFAULT                                           \
    }
#define FLARE__ROUTE(method, pattern, flags, bytes_max, ...)                   \
    {                                                                          \
        FLARE_METHOD_##method, pattern,                                        \
            FLARE__HANDLER(__VA_ARGS__, NULL, NULL), flags, bytes_max,         \
            FLARE__NO_ROUTES,                                                  \
        {                                                                      \
            NULL                                                               \
        }                                                                      \
    }

/* FLARE_ROUTE(POST, "/up", FLARE_ROUTE_STREAM_BODY, 1 << 30, on_up, ctx) */
#define FLARE_ROUTE(method, pattern, flags, body_bytes_max, ...)               \
    FLARE__ROUTE(method, pattern, flags, body_bytes_max, __VA_ARGS__)

/* FLARE_GET("/users/:id", on_user) or FLARE_GET("/users/:id", on_user, ctx) */
#define FLARE_GET(pattern, ...) FLARE__ROUTE(GET, pattern, 0, 0, __VA_ARGS__)
#define FLARE_HEAD(pattern, ...) FLARE__ROUTE(HEAD, pattern, 0, 0, __VA_ARGS__)
#define FLARE_POST(pattern, ...) FLARE__ROUTE(POST, pattern, 0, 0, __VA_ARGS__)
#define FLARE_PUT(pattern, ...) FLARE__ROUTE(PUT, pattern, 0, 0, __VA_ARGS__)
#define FLARE_PATCH(pattern, ...)                                              \
    FLARE__ROUTE(PATCH, pattern, 0, 0, __VA_ARGS__)
#define FLARE_DELETE(pattern, ...)                                             \
    FLARE__ROUTE(DELETE, pattern, 0, 0, __VA_ARGS__)
#define FLARE_OPTIONS(pattern, ...)                                            \
    FLARE__ROUTE(OPTIONS, pattern, 0, 0, __VA_ARGS__)
#define FLARE_ANY(pattern, ...) FLARE__ROUTE(ANY, pattern, 0, 0, __VA_ARGS__)

/* As above; the handler reads the body in pieces. */
#define FLARE_POST_STREAM(pattern, ...)                                        \
    FLARE__ROUTE(POST, pattern, FLARE_ROUTE_STREAM_BODY, 0, __VA_ARGS__)
#define FLARE_PUT_STREAM(pattern, ...)                                         \
    FLARE__ROUTE(PUT, pattern, FLARE_ROUTE_STREAM_BODY, 0, __VA_ARGS__)
#define FLARE_PATCH_STREAM(pattern, ...)                                       \
    FLARE__ROUTE(PATCH, pattern, FLARE_ROUTE_STREAM_BODY, 0, __VA_ARGS__)

/*
 * FLARE_GROUP("/api", FLARE_ROUTES(api), &log, &auth): the table under the
 * prefix, the middlewares around it; they may be left out.
 * FLARE_WITH(GET, "/me", on_me, &auth): one route, middlewares around it.
 */
#define FLARE_GROUP(...) FLARE__GROUP(__VA_ARGS__, NULL)
#define FLARE__GROUP(prefix, routes, ...)                                      \
    {                                                                          \
        FLARE_METHOD_ANY, prefix, {NULL, NULL}, FLARE__COUNTED(__VA_ARGS__),   \
            0, routes,                                                         \
        {                                                                      \
            __VA_ARGS__                                                        \
        }                                                                      \
    }
#define FLARE_WITH(...) FLARE__WITH(__VA_ARGS__, NULL)
#define FLARE__WITH(method, pattern, fn, ...)                                  \
    {                                                                          \
        FLARE_METHOD_##method, pattern, {fn, NULL},                            \
            FLARE__COUNTED(__VA_ARGS__), 0, FLARE__NO_ROUTES,                  \
        {                                                                      \
            __VA_ARGS__                                                        \
        }                                                                      \
    }

/* 0; C would drop the middlewares that are too many with a warning only. */
#ifdef __cplusplus
#define FLARE__COUNTED(...) 0
#else
#define FLARE__COUNTED(...)                                                    \
    (0 *                                                                       \
     sizeof(char[sizeof((const struct flare_middleware *[]){__VA_ARGS__}) /    \
                             sizeof(void *) <=                                 \
                         FLARE_MIDDLEWARE_MAX + 1                              \
                     ? 1                                                       \
                     : -1]))
#endif

/*
 * The struct flare_routes of an array: FLARE_ROUTES(array), or
 * FLARE_ROUTES(array, FLARE_SLASH_STRICT).
 */
#define FLARE_ROUTES(...) FLARE__ROUTES(__VA_ARGS__, FLARE_SLASH_DEFAULT, 0)
#ifdef __cplusplus
static inline struct flare_routes flare__routes_of(
    const struct flare_route *list, size_t count, enum flare_slash slash)
{
    struct flare_routes r = {list, count, slash};

    return r;
}
#define FLARE__ROUTES(array, slash, ...)                                       \
    flare__routes_of((array), sizeof(array) / sizeof((array)[0]), slash)
#else
#define FLARE__ROUTES(array, slash, ...)                                       \
    ((struct flare_routes){(array), sizeof(array) / sizeof((array)[0]), slash})
#endif

/* ---- the same, call by call ---- */

/*
 * A table that grows.  Thread: any, one at a time.  Patterns are copied;
 * contexts and middlewares are borrowed until the server is freed and open.
 *
 * The calls that add return 0, -ENOMEM, or FLARE_E_BAD_ROUTE; a failure is
 * remembered and returned by flare_router_routes, so that it may be checked
 * once, there.  What is wrong with a pattern, and conflicts, are told when the
 * server opens.
 */
typedef struct flare_router flare_router;

/* Gives a router (flare_router_free); `allocator` NULL: malloc.  -ENOMEM. */
FLARE_API FLARE_MUST_USE int flare_router_new(
    flare_router **out, const struct flare_allocator *allocator);

/* Adds a route with everything it can have.  Copies the row. */
FLARE_API int flare_router_add(flare_router *router,
                               const struct flare_route *route);

/* These add a route of their method.  GET: */
FLARE_API int flare_router_get(flare_router *router, const char *pattern,
                               flare_handler_fn fn, void *ctx);
/* HEAD: */
FLARE_API int flare_router_head(flare_router *router, const char *pattern,
                                flare_handler_fn fn, void *ctx);
/* POST: */
FLARE_API int flare_router_post(flare_router *router, const char *pattern,
                                flare_handler_fn fn, void *ctx);
/* PUT: */
FLARE_API int flare_router_put(flare_router *router, const char *pattern,
                               flare_handler_fn fn, void *ctx);
/* PATCH: */
FLARE_API int flare_router_patch(flare_router *router, const char *pattern,
                                 flare_handler_fn fn, void *ctx);
/* DELETE: */
FLARE_API int flare_router_delete(flare_router *router, const char *pattern,
                                  flare_handler_fn fn, void *ctx);
/* OPTIONS: */
FLARE_API int flare_router_options(flare_router *router, const char *pattern,
                                   flare_handler_fn fn, void *ctx);
/* Every method: */
FLARE_API int flare_router_any(flare_router *router, const char *pattern,
                               flare_handler_fn fn, void *ctx);

/*
 * Puts a middleware around everything of this router, inside those it has.
 * FLARE_E_BAD_ROUTE past FLARE_MIDDLEWARE_MAX.
 */
FLARE_API int flare_router_use(flare_router *router,
                               const struct flare_middleware *middleware);

/* Sets what a slash at the end means, for this router and its groups. */
FLARE_API void flare_router_slash(flare_router *router, enum flare_slash slash);

/*
 * Lends, in `*out`, a router of what lies under `prefix`; it is freed with its
 * parent.  Every failure in it is its parent's too.
 */
FLARE_API FLARE_MUST_USE int flare_router_group(flare_router *router,
                                                flare_router **out,
                                                const char *prefix);

/*
 * Puts a table under `prefix`: borrows its rows until the server is open, its
 * strings until it is freed.  Another router is mounted by its
 * flare_router_routes.
 */
FLARE_API int flare_router_mount(flare_router *router, const char *prefix,
                                 struct flare_routes routes);

/*
 * Lends the table, for flare_server_config.routes, until the next call that
 * adds.  The router must live until the server is freed.
 * Returns 0, or the first failure of a call that added.
 */
FLARE_API FLARE_MUST_USE int flare_router_routes(flare_router *router,
                                                 struct flare_routes *out);

/* Not while a server uses it, nor a group.  Accepts NULL. */
FLARE_API void flare_router_free(flare_router *router);

#ifdef __cplusplus
}
#endif
#endif
