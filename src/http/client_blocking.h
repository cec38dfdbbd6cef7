/* SPDX-License-Identifier: MIT */
/*
 * The blocking form of a call: the client's own loop is turned until the call's
 * end.  One at a time, so what it needs lies in the client: struct flare_client
 * has this as its member `blocking`, cleared, beside `is_private`, which says
 * that the loop is its own.
 */
#ifndef FLARE__HTTP_CLIENT_BLOCKING_H
#define FLARE__HTTP_CLIENT_BLOCKING_H

#include <flare/call.h>

struct flare__client_blocking {
    struct flare_call_handler handler; /* the caller's, with our on_done */
    flare_reply *reply;
    struct flare_error *err; /* the caller's, or NULL */
    int rc;
    bool is_waiting; /* a call is under way, and somebody turns the loop */
};

#endif
