/* SPDX-License-Identifier: MIT */
/*
 * A server's certificates, and which are for the name that a client asks for:
 * exactly its name, else "*." and all but its first label (RFC 6125 6.4.3: the
 * star stands alone and for one label), else the first.  Read only.
 */
#ifndef FLARE__TLS_CERTS_H
#define FLARE__TLS_CERTS_H

#include "base/log.h"
#include "tls/load.h"

#include <openssl/ssl.h>

struct flare__tls_certs;

/*
 * Loads `count` certificates, 1 or more; what has expired is logged.  0 or an
 * error as flare__tls_load_pair.
 */
FLARE_MUST_USE
int flare__tls_certs_new(struct flare__tls_certs **out,
                         const struct flare_tls_server_config *config,
                         const struct flare_allocator *al,
                         struct flare_error *err);
/* Accepts NULL. */
void flare__tls_certs_free(struct flare__tls_certs *certs,
                           const struct flare_allocator *al);

/* Makes `ctx` show the first, which also checks it.  0 or an error. */
FLARE_MUST_USE
int flare__tls_certs_check(const struct flare__tls_certs *certs, SSL_CTX *ctx,
                           struct flare_error *err);

/*
 * Makes `ssl` show what is for `name`, lower case, empty for none.  false: no
 * memory.
 */
FLARE_MUST_USE
bool flare__tls_certs_choose(const struct flare__tls_certs *certs, SSL *ssl,
                             struct flare_str name);

/* The pair with this leaf, or NULL. */
const struct flare__tls_pair *flare__tls_certs_find(
    const struct flare__tls_certs *certs, const X509 *leaf);

#endif
