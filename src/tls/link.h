/* SPDX-License-Identifier: MIT */
/*
 * TLS on a socket of a loop: the filter (net/wire.h) that puts an engine
 * between the backend and the owner.
 *
 *   in   ciphertext in the backend's leases -> engine -> plaintext in a lease
 *        of the wire's, one record at a time
 *   out  the owner's buffers -> records in one output buffer, up to four of
 *        them -> one send; the next when it is back
 * and once the kernel does it (link_kernel.c), what the backend has received is
 * plaintext and goes on in its own lease, and what the owner sends goes out of
 * his memory, or from his file by sendfile.
 *
 * States:  HANDSHAKE -> OPEN -> ENDED
 *   HANDSHAKE  the filter receives by itself, whether or not its owner does; a
 *              timer ends it
 *   OPEN       receiving follows the owner's wish; what comes in between is
 *              held, at most what the backend had taken in already
 *   ENDED      an error; its alert is sent, then nothing more
 * and when the owner has closed it, close_notify is sent, if it can be within
 * some seconds, before the socket goes.
 *
 * A connection at rest has this struct, the engine and OpenSSL's state, no
 * buffer.
 */
#ifndef FLARE__TLS_LINK_H
#define FLARE__TLS_LINK_H

#include "net/wire.h"
#include "tls/engine.h"

struct flare__tls_link;

/* The link of a socket whose filter is TLS; else NULL. */
struct flare__tls_link *flare__tls_link_of(const struct flare__sock *sock);

/* Its engine; lent. */
struct flare__tls *flare__tls_link_engine(struct flare__tls_link *link);

/*
 * Puts `engine` on `sock`, which is taken in every case.  0 or -ENOMEM; see
 * flare__wire_maker.
 */
FLARE_MUST_USE
int flare__tls_link_start(struct flare_loop *loop, struct flare__sock *sock,
                          struct flare__tls *engine,
                          const struct flare__wire_start *start);

/* The makers of both configurations; their `start`. */
FLARE_MUST_USE
int flare__tls_link_accept(struct flare__wire_maker *maker,
                           struct flare_loop *loop, struct flare__sock *sock,
                           const struct flare__wire_start *start,
                           struct flare_error *err);
FLARE_MUST_USE
int flare__tls_link_connect(struct flare__wire_maker *maker,
                            struct flare_loop *loop, struct flare__sock *sock,
                            const struct flare__wire_start *start,
                            struct flare_error *err);

#endif
