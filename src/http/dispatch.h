/* SPDX-License-Identifier: MIT */
/*
 * From a complete request to its answer: route, handler, and the plain answers
 * the library gives itself.
 */
#ifndef FLARE__HTTP_DISPATCH_H
#define FLARE__HTTP_DISPATCH_H

#include "http/conn.h"

enum flare__dispatched {
    FLARE__DISPATCHED,       /* answered; another request may follow */
    FLARE__DISPATCHED_LAST,  /* answered, and the answer says it is the last */
    FLARE__DISPATCHED_LATER, /* conn->x is to answer, or to go on */
    FLARE__DISPATCHED_BROKEN /* the connection must be cut */
};

/*
 * Answers the request in hand (http->x), which has begun.  `body` is the whole
 * body, or empty if it is read in pieces.
 */
FLARE_MUST_USE
enum flare__dispatched flare__dispatch(struct flare__conn *conn,
                                       struct flare_str body);

/*
 * Finds the handler for the request in hand before it is dispatched, once.  0,
 * or the error that will be its answer whatever the body.
 */
int flare__dispatch_find(struct flare__exchange *x);

/*
 * Queues the plain answer of `error`, the connection's last; without a body if
 * the request `is_head`.
 */
void flare__dispatch_error(struct flare__conn *conn, int error, bool is_head);

/* The same for a detached exchange that is still open. */
void flare__dispatch_late_error(struct flare__exchange *x, int error);

/* Adds the Allow field of a set of methods; as flare_res_header. */
int flare__dispatch_allow(struct flare_res *res, uint32_t allowed);

/* Says in the log that a handler failed, if it is the server's fault. */
void flare__dispatch_log(const struct flare__exchange *x, int rc);

#endif
