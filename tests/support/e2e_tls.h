/* SPDX-License-Identifier: MIT */
/*
 * TLS of the server that tests/e2e drives: its words on the command line, its
 * routes, and the reload that SIGHUP asks for.
 *
 *   tls_listen=127.0.0.2:0     where
 *   tls_pair=CERT,KEY[,STAPLE] files; up to eight times
 *   tls_ca=FILE tls_auth=asked|required
 *   tls_alpn=http/1.1 tls_max=1.2
 *   file=PATH                  what /file sends
 */
#ifndef FLARE__TEST_E2E_TLS_H
#define FLARE__TEST_E2E_TLS_H

#include <flare/flare.h>

/* Takes a word of the above; false if it is none. */
bool e2e_tls_take(struct flare_server_config *config, char *word);

/* Makes what the words ask for; nothing without tls_listen.  0 or an error. */
int e2e_tls_open(struct flare_server_config *config, struct flare_error *err);
void e2e_tls_close(void);

/* "/tls": what the connection has agreed on, and who the client is. */
int e2e_on_tls(flare_req *req, flare_res *res);
/* "/tls-stats": flare_tls_server_stats. */
int e2e_on_tls_stats(flare_req *req, flare_res *res);
/* "/file": by sendfile, or what stands for it. */
int e2e_on_file(flare_req *req, flare_res *res);
/* "/pulled": 1 MiB in pieces, chunked. */
int e2e_on_pulled(flare_req *req, flare_res *res);
/* "/events": three server-sent events, 10 ms apart. */
int e2e_on_events(flare_req *req, flare_res *res);

#endif
