/* SPDX-License-Identifier: MIT */
/*
 * Handlers: a request as the server parsed it, and the one response it gets.
 * Both live on the loop that accepted the connection, until the handler
 * returns; touch them there only (Thread: owner loop, unless said otherwise).
 * Every slice a request lends is valid until the handler returns.
 */
#ifndef FLARE_HANDLER_H
#define FLARE_HANDLER_H

#include <flare/alloc.h>
#include <flare/error.h>
#include <flare/http.h>
#include <flare/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flare_req flare_req;
typedef struct flare_res flare_res;

/*
 * Answers one request.  Returns FLARE_OK after exactly one response was
 * completed, or an error: the peer gets the plain response of its status
 * (flare_error_status), never its text.  Returning FLARE_OK without an answer
 * is a 500 and a log line; an error after the answer is a log line.
 */
typedef int (*flare_handler_fn)(flare_req *req, flare_res *res);

/* A handler is a value: a function, and what flare_req_ctx gives it. */
struct flare_handler {
    flare_handler_fn fn;
    void *ctx;
};

/* ---- the request ---- */

/* The context of the handler that is running. */
FLARE_API void *flare_req_ctx(const flare_req *req);

/* The worker's loop, for flare_loop_post to it. */
FLARE_API flare_loop *flare_req_loop(const flare_req *req);

/* The method; HEAD also where a GET route serves it. */
FLARE_API enum flare_method flare_req_method(const flare_req *req);

/* 0 or 1: the minor number of HTTP/1.x. */
FLARE_API int flare_req_version_minor(const flare_req *req);

/* Lends the raw path, "/users/7"; it starts with '/'. */
FLARE_API struct flare_str flare_req_path(const flare_req *req);

/* Lends the raw query, without '?'; ptr is NULL without one. */
FLARE_API struct flare_str flare_req_query(const flare_req *req);

/*
 * Lends the authority the request is for, "example.com:8080": that of an
 * absolute-form target, else Host's; empty only for HTTP/1.0 without Host.
 */
FLARE_API struct flare_str flare_req_host(const flare_req *req);

/*
 * Lends the first value of field `name`, white space around it removed;
 * ptr is NULL without one.  `name` is compared without regard to case.
 */
FLARE_API struct flare_str flare_req_header(const flare_req *req,
                                            const char *name);

/* How many fields came; repeated ones count each. */
FLARE_API size_t flare_req_header_count(const flare_req *req);

/*
 * Lends field `index` (0 to count - 1) as received, in order.
 * Returns 0, or FLARE_E_RANGE with nothing written.
 */
FLARE_API FLARE_MUST_USE int flare_req_header_at(const flare_req *req,
                                                 size_t index,
                                                 struct flare_str *name,
                                                 struct flare_str *value);

/*
 * Lends path parameter `name`, percent-decoded: UTF-8 without control
 * characters or backslash (else the peer got a 400), but perhaps with '/'.
 * ptr is NULL if the route has none of that name.
 */
FLARE_API struct flare_str flare_req_param(const flare_req *req,
                                           const char *name);

/*
 * Reads path parameter `name` as a decimal number into `*out`.
 *
 * Returns 0, or FLARE_E_BAD_INPUT (a 400) if it is absent, not plain digits,
 * or larger than UINT64_MAX.  `*out` is written only on success.
 */
FLARE_API FLARE_MUST_USE int flare_req_param_u64(const flare_req *req,
                                                 const char *name,
                                                 uint64_t *out);

/* Lends the whole body, de-chunked; empty without one. */
FLARE_API struct flare_str flare_req_body(const flare_req *req);

/* ---- the response: any number of headers, then one body ---- */

/*
 * Adds a field to the response that the next call completes.  Copies both.
 * Date, Server, Content-Length, Transfer-Encoding, Connection, Keep-Alive,
 * Upgrade and Trailer are the library's; Content-Type is an argument below.
 *
 * Returns 0; FLARE_E_BAD_HEADER if `name` is not a token or one of those, or
 * `value` has a control character or white space at an end (RFC 9110 section
 * 5.5); FLARE_E_HEAD_TOO_LARGE past 16 KiB; FLARE_E_ALREADY_ANSWERED; -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_res_header(flare_res *res, const char *name,
                                              struct flare_str value);

/*
 * The calls below complete the response.  `status` is 200 to 599; 204, 205 and
 * 304 go out without a body, and so does any answer to HEAD (with the length
 * the body would have had).  `type` is the Content-Type, of at most
 * 256 bytes; empty: none is sent.
 *
 * All return 0; FLARE_E_BAD_STATUS; FLARE_E_BAD_HEADER for `type`;
 * FLARE_E_ALREADY_ANSWERED; FLARE_E_RANGE for a body of 2^31 bytes or more;
 * -ENOMEM.  After an error nothing was completed.
 */

/* Plain UTF-8 text; copies the NUL-terminated `text`. */
FLARE_API FLARE_MUST_USE int flare_res_text(flare_res *res, int status,
                                            const char *text);

/* Plain UTF-8 text by a printf format; past 1 MiB it is FLARE_E_RANGE. */
FLARE_API FLARE_MUST_USE int flare_res_printf(flare_res *res, int status,
                                              const char *format, ...)
    FLARE_PRINTF(3, 4);

/* Copies `body`. */
FLARE_API FLARE_MUST_USE int flare_res_copy(flare_res *res, int status,
                                            struct flare_str type,
                                            struct flare_str body);

/* Borrows `body` for ever: constants, or what outlives the server. */
FLARE_API FLARE_MUST_USE int flare_res_static(flare_res *res, int status,
                                              struct flare_str type,
                                              struct flare_str body);

/*
 * Takes `body`: on success the library calls `free_fn(ctx, body.ptr)` once the
 * last byte is sent or the peer is gone (inside this call if no body goes out);
 * on failure the caller still owns it.
 */
FLARE_API FLARE_MUST_USE int flare_res_give(flare_res *res, int status,
                                            struct flare_str type,
                                            struct flare_str body,
                                            flare_free_fn free_fn, void *ctx);

/* No body at all: 204, 304, or an empty 200. */
FLARE_API FLARE_MUST_USE int flare_res_empty(flare_res *res, int status);

#ifdef __cplusplus
}
#endif
#endif
