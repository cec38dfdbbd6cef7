/* SPDX-License-Identifier: MIT */
/* Writing one response into a connection's output (RFC 9112 section 4). */
#ifndef FLARE__HTTP_RES_H
#define FLARE__HTTP_RES_H

#include "http/conn.h"

/* Starts the response to the request in hand. */
void flare__res_begin(struct flare_res *res, struct flare__conn *conn);

/*
 * Adds a field without asking whether it is the library's own; as
 * flare_res_header otherwise.
 */
int flare__res_field(struct flare_res *res, struct flare_str name,
                     struct flare_str value);

/* Drops the fields added so far. */
void flare__res_reset(struct flare_res *res);

/* The plain answer "404 Not Found\n", which always fits.  -ENOMEM. */
int flare__res_plain(struct flare_res *res, int status);

#endif
