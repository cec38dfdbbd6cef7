/* SPDX-License-Identifier: MIT */
/*
 * From a complete request to its answer: route, handler, and the plain answers
 * the library gives itself.
 */
#ifndef FLARE__HTTP_DISPATCH_H
#define FLARE__HTTP_DISPATCH_H

#include "http/conn.h"

/*
 * Answers the request in http->head.  Returns whether another may follow on
 * this connection; if not, its answer says so and is the last.
 */
FLARE_MUST_USE
bool flare__dispatch(struct flare__conn *conn, struct flare_str body);

/*
 * Whether the head in http->head leads to a handler: 0, or the error that
 * would be its answer whatever the body.
 */
int flare__dispatch_check(struct flare__http *h);

/*
 * Queues the plain answer of `error`, the connection's last; without a body if
 * the request `is_head`.
 */
void flare__dispatch_error(struct flare__conn *conn, int error, bool is_head);

#endif
