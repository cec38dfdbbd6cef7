/* SPDX-License-Identifier: MIT */
/*
 * Who sent a request: the two ends of its connection, and the client behind
 * the proxies that the configuration trusts; and the TLS it came by.
 *
 * Nothing about addresses fails.  What cannot be told, because memory is short
 * or the peer was gone before it was asked for, is an address of
 * FLARE_ADDR_NONE, which is in no network.  Lent until the request is complete;
 * the client's scheme and host until the handler returns.  Thread: owner loop.
 */
#ifndef FLARE_PEER_H
#define FLARE_PEER_H

#include <flare/addr.h>
#include <flare/handler.h>
#include <flare/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Lends the other end of the connection: the socket's, or the source that its
 * PROXY header names.
 */
FLARE_API const struct flare_addr *flare_req_peer(flare_req *req);

/* Lends this end, as flare_req_peer: perhaps the header's destination. */
FLARE_API const struct flare_addr *flare_req_local(flare_req *req);

/*
 * Lends the client's address: the first that is not a trusted proxy's, walking
 * back from the peer through the field that config.forwarded names; the peer
 * itself without one.  Its port is 0 if it is not told.
 */
FLARE_API const struct flare_addr *flare_req_client(flare_req *req);

/*
 * Whether flare_req_client is the client: false if a trusted proxy did not
 * tell ("unknown", a hidden name, a malformed element); the address is then
 * that proxy's, and nothing may be granted for it.
 */
FLARE_API bool flare_req_is_client_known(flare_req *req);

/*
 * Lends "https" or what else the outermost trusted proxy said; where none has
 * said it, "https" on a connection that speaks TLS, else "http".
 */
FLARE_API struct flare_str flare_req_scheme(flare_req *req);

/* Lends the host the client asked that proxy for; else flare_req_host. */
FLARE_API struct flare_str flare_req_client_host(flare_req *req);

/*
 * The TLS of the connection: 0, or -ENOTCONN if it is plain or gone, with
 * nothing written.  Lends the strings in it until the request is complete.
 */
FLARE_API FLARE_MUST_USE int flare_req_tls(const flare_req *req,
                                           struct flare_tls_info *info);

/*
 * The certificate that the connection's client has shown
 * (flare_tls_server_config.client_auth).  Returns as flare_stream_tls_peer; the
 * texts are in the request's memory, FLARE_TLS_PEER_BYTES of it.
 */
FLARE_API FLARE_MUST_USE int flare_req_tls_peer(flare_req *req,
                                                struct flare_tls_peer *peer);

#ifdef __cplusplus
}
#endif
#endif
