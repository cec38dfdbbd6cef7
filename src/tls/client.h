/* SPDX-License-Identifier: MIT */
/* A client's configuration, as connections see it. */
#ifndef FLARE__TLS_CLIENT_H
#define FLARE__TLS_CLIENT_H

#include "tls/conf.h"

/* The configuration; lent. */
struct flare__tls_conf *flare__tls_client_conf(flare_tls_client *client);

#endif
