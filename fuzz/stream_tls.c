/* SPDX-License-Identifier: MIT */
/* See stream_tls.h.  Linked with --wrap=flare__clock_realtime. */
#include "fuzz/stream_tls.h"

#include "tests/support/certs.h"
#include "tests/support/ssl_random.h"

#include <stdlib.h>

int64_t __wrap_flare__clock_realtime(void);

int64_t __wrap_flare__clock_realtime(void)
{
    return CERTS_NOW;
}

static struct {
    struct cert ca; /* kept from run to run: keys are dear */
    struct cert leaf;
    flare_tls_server *server;
    flare_tls_client *client;
} tls;

void stream_tls_begin(void)
{
    struct flare_tls_cert shown;

    ssl_random_seed(1);
    if (tls.ca.x == NULL) {
        cert_make(&tls.ca, &(struct cert_spec){.cn = "CA", .is_ca = true},
                  NULL);
        cert_make(&tls.leaf, &(struct cert_spec){.san = "DNS:a.test"}, &tls.ca);
        ssl_random_seed(1);
    }
    shown = cert_config(&tls.leaf);
    if (flare_tls_server_new(
            &tls.server,
            &(struct flare_tls_server_config){.certs = &shown, .cert_count = 1},
            NULL) < 0 ||
        flare_tls_client_new(&tls.client,
                             &(struct flare_tls_client_config){
                                 .ca = {.pem = flare_str(tls.ca.pem)}},
                             NULL) < 0)
        abort();
}

void stream_tls_client(struct flare_tcp_options *o)
{
    o->tls_client = tls.client;
    o->tls_host = "a.test";
}

void stream_tls_server(struct flare_tcp_options *o)
{
    o->tls_server = tls.server;
}

void stream_tls_end(void)
{
    flare_tls_server_free(tls.server);
    flare_tls_client_free(tls.client);
}
