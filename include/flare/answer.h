/* SPDX-License-Identifier: MIT */
/* Whole answers of a kind: JSON, redirects.  Thread: owner loop. */
#ifndef FLARE_ANSWER_H
#define FLARE_ANSWER_H

#include <flare/handler.h>
#include <flare/json.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Writes a JSON text with the calls of flare/json.h; need not look for errors,
 * which the writer keeps.  Returns 0, or an error that becomes the caller's.
 */
typedef int (*flare_json_fill_fn)(struct flare_json *json, void *ctx);

/*
 * Answers with the text that `fill(json, ctx)` writes, application/json, of a
 * known length.  `fill` is called once, from within.
 *
 * Returns as flare_res_copy; an error of `fill` or of the writer
 * (FLARE_E_BAD_JSON, -EILSEQ); -ENOBUFS past 16 MiB.  After an error nothing
 * was completed.
 */
FLARE_API FLARE_MUST_USE int flare_res_json(flare_res *res, int status,
                                            flare_json_fill_fn fill, void *ctx);

/*
 * Writes the next part of a text, as long or short as it likes.  Returns 0 to
 * be asked again as soon as there is room, until its outermost value is ended;
 * FLARE_LATER to be asked after flare_res_pull_resume; an error cuts the
 * connection.
 */
typedef int (*flare_json_part_fn)(flare_req *req, flare_res *res,
                                  struct flare_json *json, void *ctx);

/*
 * The same for a text of any length: `part` is asked for it from the next turn
 * on, so that no more of it is in memory than the peer is about to read, and
 * one part (at most 16 MiB).  An error that comes late, also one of the writer,
 * cuts the connection.
 *
 * Borrows `ctx` until the answer is complete.  Returns as flare_res_start.
 */
FLARE_API FLARE_MUST_USE int flare_res_json_pull(flare_res *res, int status,
                                                 flare_json_part_fn part,
                                                 void *ctx);

/*
 * Sends the peer elsewhere.  `status` is 301, 302, 303, 307 or 308.  `location`
 * is an absolute path, "/login?next=%2F", or an absolute URI with an authority,
 * "https://example.com/"; what browsers would take for another host although it
 * looks like a path ("//host", "/\host") is refused, and so is every byte
 * that is not of a URI (RFC 3986).
 *
 * Returns as flare_res_text; FLARE_E_BAD_STATUS; FLARE_E_BAD_HEADER for
 * `location`.  A peer's word in it must be percent-encoded, and may still
 * choose the path.
 */
FLARE_API FLARE_MUST_USE int flare_res_redirect(flare_res *res, int status,
                                                const char *location);

#ifdef __cplusplus
}
#endif
#endif
