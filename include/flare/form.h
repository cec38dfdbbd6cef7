/* SPDX-License-Identifier: MIT */
/*
 * What a peer filled in: the query, and the form in a body.
 *
 * Both are read as a whole when first asked for, and if anything in one is
 * wrong, all of it is: every reader below that returns an int then returns the
 * same FLARE_E_BAD_INPUT, whatever the name, so that a handler that passes it
 * on answers a 400.  One that uses only the readers that lend asks
 * flare_req_query_check or flare_req_form_check first.
 *
 *     uint64_t page;
 *     int rc = flare_req_query_u64_or(req, "page", 1, &page);
 *
 *     if (rc < 0)
 *         return rc;
 *
 * Names and values are percent-decoded UTF-8, '+' is a space, repeated names
 * keep their order and the first counts.  There is no NUL in them.  A name has
 * no control characters; a value may have any other that was escaped, CR and LF
 * first of all: it may come from a text area.  At most 1000 pairs.
 *
 * Memory is the request's: past request_memory_max a form is a 413.  What is
 * lent is valid until the handler returns.  Thread: owner loop.
 */
#ifndef FLARE_FORM_H
#define FLARE_FORM_H

#include <flare/handler.h>
#include <flare/multipart.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the query ---- */

/* Whether it can be read; 0 also without one.  FLARE_E_BAD_INPUT; -ENOMEM. */
FLARE_API FLARE_MUST_USE int flare_req_query_check(flare_req *req);

/* Lends the first value of `name`; ptr is NULL without one or after an error.
 */
FLARE_API struct flare_str flare_req_query_param(flare_req *req,
                                                 const char *name);

/* How many pairs there are; 0 after an error. */
FLARE_API size_t flare_req_query_count(flare_req *req);

/*
 * Lends pair `index` (0 to count - 1), in order.
 * Returns 0, or FLARE_E_RANGE with nothing written.
 */
FLARE_API FLARE_MUST_USE int flare_req_query_at(flare_req *req, size_t index,
                                                struct flare_str *name,
                                                struct flare_str *value);

/*
 * These read the first value of `name` into `*out`, as text or as the parsers
 * at the end of this file do.  Return 0; FLARE_E_BAD_INPUT if there is none, it
 * is no such thing, or the query cannot be read; -ENOMEM.  `*out` is written
 * only on success.
 */

/* As text, perhaps empty; lent. */
FLARE_API FLARE_MUST_USE int flare_req_query_str(flare_req *req,
                                                 const char *name,
                                                 struct flare_str *out);
/* As a number from 0. */
FLARE_API FLARE_MUST_USE int flare_req_query_u64(flare_req *req,
                                                 const char *name,
                                                 uint64_t *out);
/* As a number with a sign. */
FLARE_API FLARE_MUST_USE int flare_req_query_i64(flare_req *req,
                                                 const char *name,
                                                 int64_t *out);
/* As true or false. */
FLARE_API FLARE_MUST_USE int flare_req_query_bool(flare_req *req,
                                                  const char *name, bool *out);

/* The same, but without such a name `fallback` is written: 0. */

/* Text; borrows `fallback`. */
FLARE_API FLARE_MUST_USE int flare_req_query_str_or(flare_req *req,
                                                    const char *name,
                                                    struct flare_str fallback,
                                                    struct flare_str *out);
/* A number from 0. */
FLARE_API FLARE_MUST_USE int flare_req_query_u64_or(flare_req *req,
                                                    const char *name,
                                                    uint64_t fallback,
                                                    uint64_t *out);
/* A number with a sign. */
FLARE_API FLARE_MUST_USE int flare_req_query_i64_or(flare_req *req,
                                                    const char *name,
                                                    int64_t fallback,
                                                    int64_t *out);
/* True or false. */
FLARE_API FLARE_MUST_USE int flare_req_query_bool_or(flare_req *req,
                                                     const char *name,
                                                     bool fallback, bool *out);

/* ---- the form in a body that is there as a whole ---- */

/*
 * application/x-www-form-urlencoded, or the parts of multipart/form-data that
 * are no files: a handler need not know how its page sends them.
 */

/*
 * Whether it can be read.  Returns 0; FLARE_E_BAD_INPUT, also if Content-Type
 * says nothing of a form, or a charset other than UTF-8; FLARE_E_BODY_TOO_LARGE
 * past request_memory_max or a limit of flare/multipart.h; -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_req_form_check(flare_req *req);

/* Lends the first value of `name`; ptr is NULL without one or after an error.
 */
FLARE_API struct flare_str flare_req_form_param(flare_req *req,
                                                const char *name);

/* How many pairs there are; 0 after an error. */
FLARE_API size_t flare_req_form_count(flare_req *req);

/* As flare_req_query_at. */
FLARE_API FLARE_MUST_USE int flare_req_form_at(flare_req *req, size_t index,
                                               struct flare_str *name,
                                               struct flare_str *value);

/* The readers of a query, for a form; also what flare_req_form_check returns.
 */

/* As text, perhaps empty; lent. */
FLARE_API FLARE_MUST_USE int flare_req_form_str(flare_req *req,
                                                const char *name,
                                                struct flare_str *out);
/* As a number from 0. */
FLARE_API FLARE_MUST_USE int flare_req_form_u64(flare_req *req,
                                                const char *name,
                                                uint64_t *out);
/* As a number with a sign. */
FLARE_API FLARE_MUST_USE int flare_req_form_i64(flare_req *req,
                                                const char *name, int64_t *out);
/* As true or false. */
FLARE_API FLARE_MUST_USE int flare_req_form_bool(flare_req *req,
                                                 const char *name, bool *out);
/* Text, else `fallback`, which is borrowed. */
FLARE_API FLARE_MUST_USE int flare_req_form_str_or(flare_req *req,
                                                   const char *name,
                                                   struct flare_str fallback,
                                                   struct flare_str *out);
/* A number from 0, else `fallback`. */
FLARE_API FLARE_MUST_USE int flare_req_form_u64_or(flare_req *req,
                                                   const char *name,
                                                   uint64_t fallback,
                                                   uint64_t *out);
/* A number with a sign, else `fallback`. */
FLARE_API FLARE_MUST_USE int flare_req_form_i64_or(flare_req *req,
                                                   const char *name,
                                                   int64_t fallback,
                                                   int64_t *out);
/* True or false, else `fallback`: an unticked box is not sent at all. */
FLARE_API FLARE_MUST_USE int flare_req_form_bool_or(flare_req *req,
                                                    const char *name,
                                                    bool fallback, bool *out);

/* ---- parts of multipart/form-data, files among them ---- */

/*
 * Whether the body is one and can be read; unlike flare_req_form_check, also
 * if a part that is no file is not text.  Returns as that does.
 */
FLARE_API FLARE_MUST_USE int flare_req_part_check(flare_req *req);

/* How many parts there are; 0 after an error. */
FLARE_API size_t flare_req_part_count(flare_req *req);

/*
 * Lends part `index` (0 to count - 1), its content in place in the body.
 * Returns 0; FLARE_E_RANGE with nothing written; what flare_req_part_check
 * does.
 */
FLARE_API FLARE_MUST_USE int flare_req_part_at(flare_req *req, size_t index,
                                               struct flare_part *part);

/*
 * Lends the first part of that name.  Returns 0; FLARE_E_BAD_INPUT if there is
 * none; what flare_req_part_check does.
 */
FLARE_API FLARE_MUST_USE int flare_req_part(flare_req *req, const char *name,
                                            struct flare_part *part);

/* ---- text as a value ---- */

/*
 * Decimal digits, nothing else; up to UINT64_MAX.  Returns 0, or
 * FLARE_E_BAD_INPUT with nothing written.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_u64_parse(struct flare_str text,
                                             uint64_t *out);

/* The same, perhaps with '-' before it: INT64_MIN to INT64_MAX. */
FLARE_API FLARE_MUST_USE int flare_i64_parse(struct flare_str text,
                                             int64_t *out);

/*
 * "true", "1", "on" (what a ticked box sends), "false", "0", "off"; in lower
 * case.  Returns as the others.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_bool_parse(struct flare_str text, bool *out);

#ifdef __cplusplus
}
#endif
#endif
