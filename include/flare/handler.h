/* SPDX-License-Identifier: MIT */
/*
 * Handlers: a request as the server parsed it, and the one response it gets.
 * Both live on the loop that accepted the connection, until the handler
 * returns; touch them there only (Thread: owner loop, unless said otherwise).
 */
#ifndef FLARE_HANDLER_H
#define FLARE_HANDLER_H

#include <flare/alloc.h>
#include <flare/error.h>
#include <flare/http.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flare_req flare_req;
typedef struct flare_res flare_res;

/*
 * Answers one request.  Returns FLARE_OK after exactly one response was
 * completed, or an error: the peer gets the plain response of its status
 * (flare_error_status), never its text.  Returning FLARE_OK without an answer
 * is a 500 and a log line.
 */
typedef int (*flare_handler_fn)(flare_req *req, flare_res *res);

/* A handler is a value: a function, and what flare_req_ctx gives it. */
struct flare_handler {
    flare_handler_fn fn;
    void *ctx;
};

#ifdef __cplusplus
}
#endif
#endif
