/* SPDX-License-Identifier: MIT */
/*
 * Whose page it is that connects (RFC 6455 section 10.2): a browser lets any
 * page open a WebSocket to any host, with that host's cookies, and says in
 * Origin whose it is.  The server has to look.
 */
#ifndef FLARE__WS_ORIGIN_H
#define FLARE__WS_ORIGIN_H

#include <flare/base.h>

/*
 * Whether `origin`, the field's value, names the host that the request is for:
 * `host` is the request's authority.  Ports count; where `host` has none, it
 * is the default of the origin's scheme, because behind a proxy nobody knows
 * which scheme the client used.  "null" and anything that is not
 * scheme "://" host [":" port] is false.
 */
bool flare__ws_origin_is_host(struct flare_str origin, struct flare_str host);

/* Whether `origin` is one of the list: the same text but for case, "null" if
 * the list says so. */
bool flare__ws_origin_is_listed(struct flare_str origin,
                                const struct flare_str *list, size_t count);

#endif
