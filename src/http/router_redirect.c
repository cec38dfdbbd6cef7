/* SPDX-License-Identifier: MIT */
/*
 * The redirect to the other form of a path: FAILURES U07.
 *
 * Location is made of the request's own path and query and never of its
 * authority.  A path that begins with "//" would name a host; no route matches
 * one, and it is refused here too.  Browsers read '\' as '/', so it and every
 * other byte that RFC 3986 has not in a path or query goes out escaped.
 */
#include "http/router.h"

#include "base/arena.h"
#include "http/http.h"

#include <errno.h>
#include <string.h>

enum { LOCATION_MAX = 8192 };

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@/?%", c) != NULL);
}

/* Appends `from` to `to`, of which `len` are used; the new length. */
static size_t escape(char *to, size_t len, struct flare_str from)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < from.len; i++) {
        unsigned char c = (unsigned char)from.ptr[i];

        if (is_plain(from.ptr[i])) {
            to[len++] = from.ptr[i];
            continue;
        }
        to[len++] = '%';
        to[len++] = hex[c >> 4];
        to[len++] = hex[c & 15];
    }
    return len;
}

int flare__router_redirect(flare_req *req, flare_res *res)
{
    struct flare_str path = flare_req_path(req);
    struct flare_str query = flare_req_query(req);
    size_t len, size = 3 * (path.len + query.len) + 2;
    char *to;
    int rc;

    if (path.len < 2 || path.ptr[0] != '/' || path.ptr[1] == '/')
        return FLARE_E_NOT_FOUND;
    to = flare__arena_alloc(&req->arena, size, 1);
    if (to == NULL)
        return req->arena.is_limited ? FLARE_E_URI_TOO_LONG : -ENOMEM;

    len = escape(to, 0, path);
    if (to[len - 1] == '/')
        len--;
    else
        to[len++] = '/';
    if (query.ptr != NULL) {
        to[len++] = '?';
        len = escape(to, len, query);
    }
    if (len > LOCATION_MAX)
        return FLARE_E_URI_TOO_LONG;
    rc = flare_res_header(res, "Location", (struct flare_str){to, len});
    return rc < 0 ? rc : flare_res_empty(res, 308);
}
