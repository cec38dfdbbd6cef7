/* SPDX-License-Identifier: MIT */
/*
 * Whether the peer is who it should be.  OpenSSL builds and checks the chain;
 * this adds what it does not: caps before any signature is computed, pins, the
 * stapled response, and the reason kept for the sentence.
 */
#ifndef FLARE__TLS_VERIFY_H
#define FLARE__TLS_VERIFY_H

#include "tls/impl.h"

/* For SSL_CTX_set_cert_verify_callback; 1: go on. */
int flare__tls_on_verify(X509_STORE_CTX *store, void *arg);

/* A client's, for SSL_CTX_set_tlsext_status_cb: looks at the staple. */
int flare__tls_on_staple(SSL *ssl, void *arg);

/*
 * What a client expects of its peer: the host in e->name, judged at
 * e->unix_now.  0 or -ENOMEM.
 */
FLARE_MUST_USE int flare__tls_verify_expect(struct flare__tls *e);

/* Reads base64 into `conf->pins`.  0, FLARE_E_BAD_CONFIG, -ENOMEM. */
FLARE_MUST_USE
int flare__tls_verify_pins(struct flare__tls_conf *conf,
                           const char *const *pins, struct flare_error *err);

#endif
