/* SPDX-License-Identifier: MIT */
/*
 * What OpenSSL takes for a socket: it reads from the slice lent to the call,
 * and writes to the connection's output.  Both can say "not now".
 */
#ifndef FLARE__TLS_BIO_H
#define FLARE__TLS_BIO_H

#include "tls/impl.h"

/*
 * The method, one for each configuration, so that nothing is global.  NULL:
 * -ENOMEM.
 */
BIO_METHOD *flare__tls_bio_method(void);

/* Gives e->ssl its BIO.  0 or -ENOMEM. */
FLARE_MUST_USE int flare__tls_bio_attach(struct flare__tls *e);

#endif
