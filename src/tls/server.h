/* SPDX-License-Identifier: MIT */
/* The holder of a server's configuration, as connections see it. */
#ifndef FLARE__TLS_SERVER_H
#define FLARE__TLS_SERVER_H

#include "tls/conf.h"

/* The configuration of now, with a reference for the caller.  Thread: any. */
struct flare__tls_conf *flare__tls_server_take(flare_tls_server *server);

const struct flare_allocator *flare__tls_server_allocator(
    const flare_tls_server *server);

#endif
