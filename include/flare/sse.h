/* SPDX-License-Identifier: MIT */
/*
 * Server-sent events (HTML Living Standard, section 9.2): an answer that stays
 * open and tells the peer what happens.  Everything here: Thread: owner loop;
 * other threads come through flare_loop_post.
 */
#ifndef FLARE_SSE_H
#define FLARE_SSE_H

#include <flare/handler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero means the default, in brackets. */
struct flare_sse_options {
    /* A comment after that much silence keeps proxies from closing the
     * stream and finds peers that are gone; up to 86 400 000 [15 000]. */
    uint32_t heartbeat_ms;
    /* What a client is to wait before it connects again [its own choice]. */
    uint32_t retry_ms;
};

/* A slice whose ptr is NULL is not sent. */
struct flare_sse_event {
    struct flare_str event; /* its type; without one "message" */
    struct flare_str id;    /* Last-Event-ID of a client that comes back */
    struct flare_str data;  /* any lines; without it clients ignore the event */
};

/*
 * Begins a stream of events with status 200.  `options` may be NULL.  The
 * stream is open until flare_res_finish, the peer leaves or the server drains:
 * then it ends by itself, so that clients connect to the next server;
 * flare_res_on_done, registered before, tells.
 *
 * Returns FLARE_LATER, which the handler returns too; FLARE_OK if there is
 * nothing to be sent, the answer being complete: to HEAD, and in a drain; an
 * error as of flare_res_start; -EINVAL for a number out of range.
 */
FLARE_API FLARE_MUST_USE int flare_sse_start(
    flare_res *res, const struct flare_sse_options *options);

/*
 * Sends one event, whole or not at all.  CR, LF and CRLF in `data` each begin
 * a line, and clients put them together again with LF.
 *
 * Returns 0; 1 and FLARE_E_OUTPUT_FULL as flare_res_write: the peer reads too
 * slowly, and flare_res_on_drain tells when there is room; FLARE_E_GONE if the
 * stream has ended; -EINVAL for CR, LF or NUL in `event` or `id`; -EILSEQ for
 * what is not UTF-8; FLARE_E_RANGE past 16 MiB; FLARE_E_NOT_STARTED; -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_sse_send(
    flare_res *res, const struct flare_sse_event *event);

/* Sends lines that clients ignore.  Returns as flare_sse_send. */
FLARE_API FLARE_MUST_USE int flare_sse_comment(flare_res *res,
                                               struct flare_str text);

/*
 * Lends the id of the last event that a returning client has seen; empty: all
 * is new to it.  It is the peer's word, any bytes without control characters.
 */
FLARE_API struct flare_str flare_sse_last_event_id(const flare_req *req);

#ifdef __cplusplus
}
#endif
#endif
