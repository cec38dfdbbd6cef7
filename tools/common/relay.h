/* SPDX-License-Identifier: MIT */
/*
 * Relays a request to another server and its answer back, bodies both ways as
 * they come: who reads slowly slows the other end.  Fields of a connection (RFC
 * 9110 section 7.6.1) stay behind, but for an upgrade to WebSocket, which
 * becomes a tunnel if the other server takes it.
 */
#ifndef FLARE_TOOL_RELAY_H
#define FLARE_TOOL_RELAY_H

#include <flare/flare.h>

/*
 * Asks `url`, an absolute http or https URL, by `client`, which is of the
 * request's loop, and answers with what comes.  For a route with
 * FLARE_ROUTE_STREAM_BODY.  X-Forwarded-For, -Proto and -Host are set to what
 * this end knows; Host is that of the URL.  What the other server fails to
 * answer is a 502.
 *
 * Returns FLARE_LATER, or an error as a handler does.  `url` is copied.
 */
int relay_start(flare_req *req, flare_res *res, flare_client *client,
                struct flare_str url);

#endif
