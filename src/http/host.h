/* SPDX-License-Identifier: MIT */
/* The authority of a request: Host, and the targets that name one. */
#ifndef FLARE__HTTP_HOST_H
#define FLARE__HTTP_HOST_H

#include <flare/base.h>

enum flare__port_rule { FLARE__PORT_MAY_BE, FLARE__PORT_MUST_BE };

/*
 * Whether `host` is uri-host [":" port] (RFC 9110 section 7.2), on the strict
 * side: not empty, no userinfo, no comma, no IPvFuture and no zone; a port is
 * one to five digits up to 65535.
 */
bool flare__host_is_valid(struct flare_str host, enum flare__port_rule rule);

#endif
