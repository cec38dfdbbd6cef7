/* SPDX-License-Identifier: MIT */
/*
 * Handlers: a request as the server parsed it, and the one response it gets.
 * Both live on the loop that accepted the connection; touch them there only
 * (Thread: owner loop, unless said otherwise).
 *
 * They live until the answer is complete or the peer is gone, and at least
 * until the handler returns; flare_res_on_done tells.  A slice that a request
 * lends is valid until the handler returns: an answer that comes later asks
 * again.
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

/* A handler's "the answer will come": on this loop, or by a flare_later. */
#define FLARE_LATER 1

/*
 * Answers one request.  Returns FLARE_OK after exactly one response was
 * completed or its body begun; FLARE_LATER, and then must answer within
 * answer_timeout_ms, else the peer gets a 503; or an error: the peer gets the
 * plain response of its status (flare_error_status), never its text.  Returning
 * FLARE_OK without an answer is a 500 and a log line; an error after the answer
 * is a log line, and cuts the connection if its body is incomplete.
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

/*
 * Lends the whole body, de-chunked; empty without one, and in a handler that
 * reads it in pieces.
 */
FLARE_API struct flare_str flare_req_body(const flare_req *req);

/*
 * Receives a body in pieces.  `piece` is lent until return, and is empty only
 * with `is_last`, after which no call follows; the answer may be given from
 * here at any time, and what then still comes is dropped.
 *
 * Returns 0 to go on; FLARE_LATER to be given no more until
 * flare_req_body_resume: the peer waits; an error: as from a handler.
 */
typedef int (*flare_body_fn)(flare_req *req, flare_res *res,
                             struct flare_str piece, bool is_last, void *ctx);

/*
 * Gives the body to `fn` as it comes, from after the handler has returned,
 * which must return FLARE_LATER.  Where the route does not have
 * FLARE_ROUTE_STREAM_BODY, all of it is one piece.  A peer that waits for
 * "100 Continue" is sent it now.
 *
 * Borrows `ctx` until the answer is complete.  0; FLARE_E_NO_BODY the second
 * time, when the peer is gone, and behind flare_res_start if the peer waits;
 * -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_req_read(flare_req *req, flare_body_fn fn,
                                            void *ctx);

/* Goes on after FLARE_LATER of a flare_body_fn; nothing otherwise. */
FLARE_API void flare_req_body_resume(flare_req *req);

/*
 * `size` bytes that live as long as the request, aligned as malloc's; NULL past
 * request_memory_max or without memory.
 */
FLARE_API void *flare_req_alloc(flare_req *req, size_t size);

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

/*
 * Sends `length` bytes of the regular file `fd` from `offset`.  Takes `fd` on
 * success.  A file that turns out shorter cuts the connection: the peer must
 * not take a part for the whole.
 */
FLARE_API FLARE_MUST_USE int flare_res_file(flare_res *res, int status,
                                            struct flare_str type, int fd,
                                            uint64_t offset, uint64_t length);

/* ---- a body that comes in pieces ---- */

/* A length that is not known before the end. */
#define FLARE_LENGTH_UNKNOWN UINT64_MAX

/*
 * Sends the head; flare_res_write calls follow, then one flare_res_finish.  The
 * handler returns FLARE_OK or FLARE_LATER.  Of unknown length it is chunked, to
 * an HTTP/1.0 peer until the connection closes.  Between two writes no more
 * than answer_timeout_ms may pass.  Where no body goes out (HEAD, 204) writes
 * do nothing.  Returns as the calls above.
 */
FLARE_API FLARE_MUST_USE int flare_res_start(flare_res *res, int status,
                                             struct flare_str type,
                                             uint64_t length);

/*
 * Copies `bytes` behind what is to be sent.  Returns 0; 1, also taken, but
 * now output_bytes_max is reached: write again when on_drain says so;
 * FLARE_E_OUTPUT_FULL if a write has said so and it still is: nothing taken;
 * FLARE_E_RANGE past the declared length; FLARE_E_GONE if the peer has left;
 * FLARE_E_NOT_STARTED; -ENOMEM: under a content coding the connection is cut.
 */
FLARE_API FLARE_MUST_USE int flare_res_write(flare_res *res,
                                             struct flare_str bytes);

/*
 * What was written so far and is held back by a content coding goes out.  0;
 * FLARE_E_GONE; FLARE_E_NOT_STARTED; -ENOMEM: the connection is cut.
 */
FLARE_API FLARE_MUST_USE int flare_res_flush(flare_res *res);

/*
 * Ends the body.  0; FLARE_E_GONE; FLARE_E_NOT_STARTED; FLARE_E_RANGE if it is
 * shorter than was declared, or -ENOMEM: the connection is cut.
 */
FLARE_API FLARE_MUST_USE int flare_res_finish(flare_res *res);

/*
 * Gives up a body: the connection is cut, so that the peer sees that it is
 * incomplete.  Nothing if there is no body under way.
 */
FLARE_API void flare_res_abort(flare_res *res);

/*
 * Adds a trailer field, between start and finish; sent only if the body is
 * chunked (RFC 9110 section 6.5).  Returns as flare_res_header; also refused
 * are fields of framing, routing and authentication.
 */
FLARE_API FLARE_MUST_USE int flare_res_trailer(flare_res *res, const char *name,
                                               struct flare_str value);

typedef void (*flare_drain_fn)(flare_req *req, flare_res *res, void *ctx);

/*
 * Calls `fn` whenever half of what flare_res_write found full has been sent.
 * Borrows `ctx` until the answer is complete.
 */
FLARE_API void flare_res_on_drain(flare_res *res, flare_drain_fn fn, void *ctx);

/*
 * Is asked for the next piece of a body: writes it with flare_res_write, any
 * number of times.  Returns 0 after flare_res_finish, or to be asked again as
 * soon as there is room; FLARE_LATER to be asked after flare_res_pull_resume;
 * an error cuts the connection.
 */
typedef int (*flare_pull_fn)(flare_req *req, flare_res *res, void *ctx);

/* flare_res_start, and `fn` is asked for the body from the next turn on. */
FLARE_API FLARE_MUST_USE int flare_res_pull(flare_res *res, int status,
                                            struct flare_str type,
                                            uint64_t length, flare_pull_fn fn,
                                            void *ctx);

/* Asks again after FLARE_LATER of a flare_pull_fn; nothing otherwise. */
FLARE_API void flare_res_pull_resume(flare_res *res);

/* ---- hooks, for what is around a handler ---- */

/*
 * Called before a head is written, whoever answers: the handler, later, or the
 * library for an error.  May read flare_res_status and add fields.  The hook
 * registered last is called first.  Returns 0, or an error in place of the
 * answer: it becomes a plain one.
 */
typedef int (*flare_before_head_fn)(flare_req *req, flare_res *res, void *ctx);

/* What became of an answer. */
struct flare_outcome {
    int rc;              /* 0; FLARE_E_GONE, or why it broke off */
    int status;          /* 0: none was sent */
    uint64_t body_bytes; /* of the body, queued for sending */
    uint64_t elapsed_ns; /* since the head was read */
};

/*
 * Called once, when the last byte of the answer is queued or nobody waits for
 * it any more; the request may still be read.  The last registered comes first.
 */
typedef void (*flare_done_fn)(flare_req *req, flare_res *res,
                              const struct flare_outcome *outcome, void *ctx);

/*
 * Registers a hook for this request; `ctx` is borrowed until it is complete.
 * 0; FLARE_E_ALREADY_ANSWERED; -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_res_before_head(flare_res *res,
                                                   flare_before_head_fn fn,
                                                   void *ctx);

/* The same for the end of the answer; FLARE_E_ALREADY_ANSWERED after it. */
FLARE_API FLARE_MUST_USE int flare_res_on_done(flare_res *res, flare_done_fn fn,
                                               void *ctx);

/* The status of the answer; 0: none yet. */
FLARE_API int flare_res_status(const flare_res *res);

/*
 * Changes the time this answer may take until its head, and between two writes
 * of its body, from answer_timeout_ms: 1 to 86 400 000 ms from now.
 */
FLARE_API void flare_res_timeout(flare_res *res, uint32_t ms);

typedef void (*flare_res_timer_fn)(flare_req *req, flare_res *res, void *ctx);

/*
 * Calls `fn` once, in `ms` milliseconds (1 to 86 400 000), if the answer is not
 * complete by then; it may start the next from there.  There is one of each
 * `fn` and `ctx`: while it waits, a second call moves it, and 0 stops it.
 * Borrows `ctx` until the answer is complete.
 *
 * 0; FLARE_E_ALREADY_ANSWERED; -EINVAL for `ms`; -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_res_timer(flare_res *res, uint32_t ms,
                                             flare_res_timer_fn fn, void *ctx);

/* ---- answers from other threads ---- */

/* A promise to answer; used up by one of the two calls below. */
typedef struct flare_later flare_later;

/*
 * Gives a promise that any thread can keep; the handler returns FLARE_LATER.
 * NULL without memory, after the answer, or while another promise is open.
 */
FLARE_API flare_later *flare_res_defer(flare_res *res);

/* `req` and `res` are NULL if the peer has left or the server has ended. */
typedef void (*flare_later_fn)(flare_req *req, flare_res *res, void *ctx);

/*
 * Calls `fn` once on the request's loop, soon, to give the answer or a part of
 * it; takes `later`.  After the server's end `fn` is called from within.  An
 * answer that `fn` does not give or begin is a 500, unless it promises again.
 * Thread: any.
 */
FLARE_API void flare_later_answer(flare_later *later, flare_later_fn fn,
                                  void *ctx);

/* Breaks the promise: the peer gets a 503.  Accepts NULL.  Thread: any. */
FLARE_API void flare_later_drop(flare_later *later);

#ifdef __cplusplus
}
#endif
#endif
