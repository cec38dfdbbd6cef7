/* SPDX-License-Identifier: MIT */
/*
 * Bytes as a table of routes and a path: lines "GET /a/:b", then a line with
 * the method and the path that is looked up.  What the tree finds is what the
 * plainest reading of http/router.h finds: each route compared with the path
 * segment by segment, and the best of those that fit.
 */
#include "base/alloc.h"
#include "http/router.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 2048, ROUTES_MAX = 32 };

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_router: %s\n", what);
        abort();
    }
}

static int on_any(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_empty(res, 204);
}

/* ---- the plain reading ---- */

enum kind { LITERAL, PARAM, REST, END };

struct walk {
    const char *at; /* behind a '/', or NULL: no more */
    const char *end;
};

static struct walk walk_of(const char *text, size_t len)
{
    /* One slash at the end is no segment. */
    if (len > 1 && text[len - 1] == '/')
        len--;
    return (struct walk){len > 1 ? text + 1 : NULL, text + len};
}

static struct flare_str walk_next(struct walk *w)
{
    const char *slash = memchr(w->at, '/', (size_t)(w->end - w->at));
    const char *end = slash != NULL ? slash : w->end;
    struct flare_str segment = {w->at, (size_t)(end - w->at)};

    w->at = slash != NULL ? slash + 1 : NULL;
    return segment;
}

static enum kind kind_of(struct flare_str segment)
{
    return segment.len > 0 && segment.ptr[0] == ':'   ? PARAM
           : segment.len > 0 && segment.ptr[0] == '*' ? REST
                                                      : LITERAL;
}

static bool fits(const char *pattern, struct flare_str path)
{
    struct walk p = walk_of(pattern, strlen(pattern));
    struct walk t = walk_of(path.ptr, path.len);

    while (p.at != NULL) {
        struct flare_str segment = walk_next(&p);
        struct flare_str got;

        if (t.at == NULL)
            return false;
        got = walk_next(&t);
        switch (kind_of(segment)) {
        case REST:
            return got.len > 0;
        case PARAM:
            if (got.len == 0)
                return false;
            break;
        default:
            if (!flare_str_equal(segment, got))
                return false;
        }
    }
    return t.at == NULL;
}

/* Below 0: `a` is the better of two patterns that fit one path. */
static int compare(const char *a, const char *b)
{
    struct walk wa = walk_of(a, strlen(a));
    struct walk wb = walk_of(b, strlen(b));

    while (wa.at != NULL || wb.at != NULL) {
        enum kind ka = wa.at != NULL ? kind_of(walk_next(&wa)) : END;
        enum kind kb = wb.at != NULL ? kind_of(walk_next(&wb)) : END;

        if (ka != kb)
            return (int)ka - (int)kb;
    }
    return 0;
}

/* 0: it itself; 1: GET for HEAD; 2: any; below 0: not that method. */
static int rank(enum flare_method route, enum flare_method method)
{
    if (route == method)
        return 0;
    if (route == FLARE_METHOD_GET && method == FLARE_METHOD_HEAD)
        return 1;
    return route == FLARE_METHOD_ANY ? 2 : -1;
}

static const struct flare_route *best(const struct flare_route *routes,
                                      size_t count, enum flare_method method,
                                      struct flare_str path, bool *is_known)
{
    const struct flare_route *found = NULL;

    *is_known = false;
    for (size_t i = 0; i < count; i++) {
        int mine = rank(routes[i].method, method);
        int order;

        if (!fits(routes[i].pattern, path))
            continue;
        *is_known = true;
        if (mine < 0)
            continue;
        order = found == NULL ? -1 : compare(routes[i].pattern, found->pattern);
        if (order < 0 || (order == 0 && mine < rank(found->method, method)))
            found = &routes[i];
    }
    return found;
}

/* ---- the table ---- */

static const char *const names[] = {
    "GET",    "HEAD",    "POST",    "PUT",   "PATCH",
    "DELETE", "OPTIONS", "CONNECT", "TRACE", "ANY",
};

/* Splits "GET /a"; the method is the first whose name it starts with. */
static bool read_line(char *line, enum flare_method *method, char **rest)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);

        if (strncmp(line, names[i], len) == 0 && line[len] == ' ') {
            *method = (enum flare_method)i;
            *rest = line + len + 1;
            return true;
        }
    }
    return false;
}

static void look_up(const struct flare__router *router,
                    const struct flare_route *routes, size_t count,
                    enum flare_method method, struct flare_str path)
{
    struct flare__match match = {.pattern = NULL};
    int rc = flare__router_match(router, method, path, &match);
    const struct flare_route *want;
    bool is_known = false;

    if (path.len == 0 || path.ptr[0] != '/') {
        check(rc == FLARE_E_NOT_FOUND, "a path without a slash");
        return;
    }
    want = best(routes, count, method, path, &is_known);
    if (want == NULL) {
        check(rc == (is_known ? FLARE_E_METHOD_NOT_ALLOWED : FLARE_E_NOT_FOUND),
              "found, or refused otherwise");
        return;
    }
    check(rc == 0, "not found");
    check(match.pattern == want->pattern, "another route");
    for (uint32_t i = 0; i < match.param_count; i++) {
        struct flare_str value = match.params[i].value;

        check(value.len > 0 && value.ptr >= path.ptr &&
                  value.ptr + value.len <= path.ptr + path.len,
              "a parameter that is not in the path");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare_route routes[ROUTES_MAX];
    static char text[INPUT_MAX + 1];
    struct flare__router *router;
    struct flare_error err;
    enum flare_method method;
    size_t count = 0;
    char *line = text;
    char *rest;
    int rc;

    if (size > INPUT_MAX)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    memset(routes, 0, sizeof(routes));
    for (char *end; (end = strchr(line, '\n')) != NULL && count < ROUTES_MAX;
         line = end + 1) {
        *end = '\0';
        if (!read_line(line, &method, &rest))
            return 0;
        routes[count].method = method;
        routes[count].pattern = rest;
        routes[count++].handler.fn = on_any;
    }
    if (!read_line(line, &method, &rest) || method == FLARE_METHOD_ANY)
        return 0;
    rc = flare__router_new(
        &router, &flare__allocator_default,
        (struct flare_routes){.list = routes, .count = count}, &err);
    check(rc == 0 || rc == FLARE_E_BAD_ROUTE || rc == FLARE_E_ROUTE_CONFLICT,
          "another error");
    if (rc < 0)
        return 0;
    look_up(router, routes, count, method,
            (struct flare_str){rest, strlen(rest)});
    flare__router_free(router);
    return 0;
}
