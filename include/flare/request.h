/* SPDX-License-Identifier: MIT */
/*
 * More readers of a request: path parameters as values, fields as values, and
 * the trailer fields behind a chunked body.
 *
 * Readers that return an int return 0, or FLARE_E_BAD_INPUT, which is a 400
 * when the handler passes it on; `*out` is written only on success.  What is
 * lent is valid until the handler returns.  Thread: owner loop.
 */
#ifndef FLARE_REQUEST_H
#define FLARE_REQUEST_H

#include <flare/form.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- path parameters; flare_req_param_u64 is in flare/handler.h ---- */

/* As text; lent.  An error if the route has none of that name. */
FLARE_API FLARE_MUST_USE int flare_req_param_str(const flare_req *req,
                                                 const char *name,
                                                 struct flare_str *out);
/* As a number with a sign (flare_i64_parse). */
FLARE_API FLARE_MUST_USE int flare_req_param_i64(const flare_req *req,
                                                 const char *name,
                                                 int64_t *out);
/* As true or false (flare_bool_parse). */
FLARE_API FLARE_MUST_USE int flare_req_param_bool(const flare_req *req,
                                                  const char *name, bool *out);

/* The same, but where the route has no such name `fallback` is written: one
 * handler may serve several routes. */

/* Text; borrows `fallback`. */
FLARE_API FLARE_MUST_USE int flare_req_param_str_or(const flare_req *req,
                                                    const char *name,
                                                    struct flare_str fallback,
                                                    struct flare_str *out);
/* A number from 0. */
FLARE_API FLARE_MUST_USE int flare_req_param_u64_or(const flare_req *req,
                                                    const char *name,
                                                    uint64_t fallback,
                                                    uint64_t *out);
/* A number with a sign. */
FLARE_API FLARE_MUST_USE int flare_req_param_i64_or(const flare_req *req,
                                                    const char *name,
                                                    int64_t fallback,
                                                    int64_t *out);
/* True or false. */
FLARE_API FLARE_MUST_USE int flare_req_param_bool_or(const flare_req *req,
                                                     const char *name,
                                                     bool fallback, bool *out);

/* ---- fields ---- */

/*
 * Whether field `name` came more than once.  flare_req_header lends the first;
 * of a field that may stand only once, like Content-Type or Authorization, that
 * is not what every other reader takes.
 */
FLARE_API bool flare_req_header_is_repeated(const flare_req *req,
                                            const char *name);

/* The only field of that name, as a number from 0. */
FLARE_API FLARE_MUST_USE int flare_req_header_u64(const flare_req *req,
                                                  const char *name,
                                                  uint64_t *out);

/* ---- trailer fields ---- */

/*
 * They are there once the body is whole: in a handler that gets it as a whole,
 * and from the piece of a streamed body that is the last.  They are the peer's
 * afterthought: never among the fields of the head, and those that a head must
 * have (framing, routing, authentication) were refused with a 400.  No more
 * than fields_max of them, within chunk_overhead_max.
 */

/*
 * Whether they can be read: asked before the readers below, which find none
 * without memory.  Returns 0, also without any and before the body is whole;
 * -ENOMEM, which is a 503 when the handler passes it on.
 */
FLARE_API FLARE_MUST_USE int flare_req_trailer_check(flare_req *req);

/* Lends the value of the first of that name; ptr is NULL without one, and if
 * flare_req_trailer_check fails. */
FLARE_API struct flare_str flare_req_trailer(flare_req *req, const char *name);

/* How many came; 0 before the body is whole, and without memory. */
FLARE_API size_t flare_req_trailer_count(flare_req *req);

/*
 * Lends trailer field `index` (0 to count - 1) as received, in order.
 * Returns 0, or FLARE_E_RANGE with nothing written.
 */
FLARE_API FLARE_MUST_USE int flare_req_trailer_at(flare_req *req, size_t index,
                                                  struct flare_str *name,
                                                  struct flare_str *value);

#ifdef __cplusplus
}
#endif
#endif
