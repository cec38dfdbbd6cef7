/* SPDX-License-Identifier: MIT */
/*
 * What a server decides while a client hello is read: whether its name is one,
 * which certificate, which protocol, whether a ticket is good.  Called back by
 * OpenSSL.
 */
#ifndef FLARE__TLS_HELLO_H
#define FLARE__TLS_HELLO_H

#include "tls/impl.h"

/* Hangs the callbacks into a server's context.  0 or -ENOMEM. */
FLARE_MUST_USE
int flare__tls_hello_attach(struct flare__tls_conf *conf, bool has_tickets);

/*
 * The name in the body of a server_name extension (RFC 6066 3): one entry, a
 * host name.  Writes it in lower case without its dot at the end; an address,
 * which some clients send though they must not, counts as no name.  Returns its
 * length, or -1 if the body or name is faulty.
 */
int flare__tls_hello_name(char out[FLARE__TLS_NAME_MAX + 2],
                          const unsigned char *body, size_t len);

#endif
