/* SPDX-License-Identifier: MIT */
/* What the middlewares of the library share. */
#ifndef FLARE__HTTP_MW_TOOLS_H
#define FLARE__HTTP_MW_TOOLS_H

#include <flare/addr.h>
#include <flare/middleware.h>

#include "http/http.h"
#include "http/list.h"

/* ---- the request ---- */

/* The value that was given for `key`; ptr is NULL without one. */
struct flare_str flare__tag_get(const flare_req *req, const void *key);

/* Keeps a copy, NUL-terminated, while the request lives.  -ENOMEM. */
FLARE_MUST_USE int flare__tag_set(flare_req *req, const void *key,
                                  struct flare_str value);

/* Whose request it is; never NULL. */
const struct flare_addr *flare__mw_client(flare_req *req);

enum { FLARE__MW_LINES_MAX = 8 };

/* All lines of a field, as far as there is room in `lines`. */
struct flare__values flare__mw_lines(
    const flare_req *req, const char *name,
    struct flare_str lines[FLARE__MW_LINES_MAX]);

/* ---- the response, before its head is written ---- */

/* Lends the value of a field that was added, from the `*at`-th byte of them on,
 * which moves behind it; ptr is NULL without one.  Begin with 0. */
struct flare_str flare__mw_added(const flare_res *res, const char *name,
                                 uint32_t *at);

/* Takes back all fields of that name. */
void flare__mw_take_back(flare_res *res, const char *name);

/* ---- options ---- */

/* How many strings a list has; -1: the NULL at its end is missing. */
int flare__mw_list_count(const char *const list[FLARE_LIST_MAX + 1]);

bool flare__mw_list_has(const char *const list[FLARE_LIST_MAX + 1],
                        struct flare_str item);

/* "a, b", cut to `size`; returns the length. */
size_t flare__mw_list_join(char *out, size_t size,
                           const char *const list[FLARE_LIST_MAX + 1]);

bool flare__mw_is_token(struct flare_str text);

#endif
