/* SPDX-License-Identifier: MIT */
/*
 * A client's sessions for resumption, by host and port, at most so many: the
 * one not used for longest goes.  They belong to one configuration, so a
 * session never meets other rules of verification than those it was made under.
 *
 * Locked: loops on several threads may share a client.
 */
#ifndef FLARE__TLS_SESSIONS_H
#define FLARE__TLS_SESSIONS_H

#include <flare/alloc.h>

#include <openssl/ssl.h>

struct flare__tls_sessions;

/* 1 or more.  NULL: no memory. */
struct flare__tls_sessions *flare__tls_sessions_new(
    const struct flare_allocator *al, uint32_t count_max);
/* Accepts NULL. */
void flare__tls_sessions_free(struct flare__tls_sessions *sessions);

/*
 * Takes `session` and keeps it in place of the one of the same host and port.
 * false: no memory, and it is still the caller's.
 */
bool flare__tls_sessions_give(struct flare__tls_sessions *sessions,
                              struct flare_str host, uint16_t port,
                              SSL_SESSION *session);

/*
 * A session for the host and port, or NULL; SSL_SESSION_free.  One of TLS 1.3
 * leaves the cache: its ticket is for one use, or two connections could be told
 * to be the same client's (RFC 8446 C.4).
 */
SSL_SESSION *flare__tls_sessions_take(struct flare__tls_sessions *sessions,
                                      struct flare_str host, uint16_t port);

uint32_t flare__tls_sessions_count(struct flare__tls_sessions *sessions);

#endif
