/* SPDX-License-Identifier: MIT */
/*
 * What the layers above ask of the TLS of a socket, whatever its filter is; a
 * build without OpenSSL has these too (none.c) and knows of no TLS.
 */
#ifndef FLARE__TLS_FACTS_H
#define FLARE__TLS_FACTS_H

#include <flare/tls.h>

#include "net/wire.h"

/* 0, or -ENOTCONN if the socket does not speak TLS, or not yet. */
FLARE_MUST_USE
int flare__tls_facts_info(const struct flare__sock *sock,
                          struct flare_tls_info *info);

/* As flare_stream_tls_peer. */
FLARE_MUST_USE
int flare__tls_facts_peer(const struct flare__sock *sock,
                          struct flare_tls_peer *peer, char *room, size_t size);

/*
 * Of a server's connection: whether its client asked TLS for one name and now
 * asks for another, `host` (with or without a port), that the certificate shown
 * is not valid for (RFC 9110 7.4).  Never so of a client that named nobody.
 */
FLARE_MUST_USE
bool flare__tls_facts_is_misdirected(const struct flare__sock *sock,
                                     struct flare_str host);

#endif
