/* SPDX-License-Identifier: MIT */
/*
 * A request whose connection becomes a tunnel: what a reverse proxy needs for
 * WebSocket and other protocols that begin with Upgrade (RFC 9110 section
 * 7.8).  examples/reverse_proxy.c has the whole of it.
 *
 * The origin is asked with flare_ask.upgrade, while the request waits for its
 * answer.  A 101 comes to on_upgrade with the origin's connection, and that is
 * joined with the request's here; any other answer is relayed as an answer, and
 * then what follows on both connections is still HTTP.  So nothing that a
 * client sends behind its request reaches the origin unread but after a 101.
 */
#ifndef FLARE_TUNNEL_H
#define FLARE_TUNNEL_H

#include <flare/handler.h>
#include <flare/tcp.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is the default, in brackets. */
struct flare_tunnel_options {
    /* Without a byte either way it ends: 1 to 86 400 000 ms, or FLARE_UNLIMITED
     * [600 000]. */
    uint32_t idle_timeout_ms;
};

/*
 * Answers with 101 and `protocol`, and with what flare_res_header has added;
 * from then on relays bytes both ways between the request's peer and `stream`,
 * an open connection on the same loop: `early` (copied) first, which came from
 * it already, and what the peer has sent behind its request.
 *
 * Who reads slowly slows the other end: at most about 256 KiB wait each way.
 * The peer's end is passed on while the other direction goes on; that of
 * `stream` ends both, once all is sent.  A reset, a direction that stands still
 * (send_timeout_ms, write_timeout_ms) or a long silence break both.  In a drain
 * it goes on as long as that may take.
 *
 * Takes `stream`, whose callbacks are the library's then: on failure it is
 * still yours.  `options` may be NULL.  Returns 0, with the answer complete;
 * else nothing is answered: FLARE_E_BAD_INPUT (the request does not ask for
 * `protocol`), FLARE_E_RANGE (idle_timeout_ms), FLARE_E_NO_BODY (it has one),
 * FLARE_E_ALREADY_ANSWERED, FLARE_E_OVERLOADED (in a drain, or without memory
 * left in the budget), -ENOMEM, or what a hook of flare_res_before_head has
 * said.  Thread: owner loop.
 */
FLARE_API FLARE_MUST_USE int flare_res_tunnel(
    flare_req *req, flare_res *res, struct flare_str protocol,
    flare_stream *stream, struct flare_str early,
    const struct flare_tunnel_options *options);

#ifdef __cplusplus
}
#endif
#endif
