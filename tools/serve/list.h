/* SPDX-License-Identifier: MIT */
/* The page of a directory: HTML for people, JSON for programs. */
#ifndef FLARE_SERVE_LIST_H
#define FLARE_SERVE_LIST_H

#include "tools/serve/root.h"

/*
 * Answers GET or HEAD with the entries of `path`, sorted as the query says:
 * ?by=name, size or date, &order=up or down; folders stand first.  JSON if
 * Accept names application/json and not text/html.  Returns as a handler.
 */
int list_send(flare_req *req, flare_res *res, const struct root_path *path);

#endif
