/* SPDX-License-Identifier: MIT */
/* TLS for fuzz_stream.c, in the build that is called fuzz_tls_stream. */
#ifndef FLARE__FUZZ_STREAM_TLS_H
#define FLARE__FUZZ_STREAM_TLS_H

#include <flare/tcp.h>

/* New configurations, and random numbers from the start: the next run. */
void stream_tls_begin(void);

/* The options of a client; of a server. */
void stream_tls_client(struct flare_tcp_options *o);
void stream_tls_server(struct flare_tcp_options *o);

/* Everything goes back; no connection is left. */
void stream_tls_end(void);

#endif
