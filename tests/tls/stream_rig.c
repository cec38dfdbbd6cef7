/* SPDX-License-Identifier: MIT */
/*
 * TLS for the rig of streams, so that the tests of tests/tcp run over it too.
 * Both configurations are made once for each process, and keep no allocator of
 * a test's.  Linked with --wrap=flare__clock_realtime.
 */
#include "tests/support/certs.h"
#include "tests/support/test.h"
#include "tests/tcp/tcp_rig.h"

int64_t __wrap_flare__clock_realtime(void);

int64_t __wrap_flare__clock_realtime(void)
{
    return CERTS_NOW;
}

static struct {
    flare_tls_server *server;
    flare_tls_client *client;
} stream_tls;

static void stream_tls_free(void)
{
    flare_tls_server_free(stream_tls.server);
    flare_tls_client_free(stream_tls.client);
}

static void stream_tls_make(void)
{
    struct cert ca, leaf;
    struct flare_tls_cert config;
    struct flare_error err;
    int rc;

    cert_make(&ca, &(struct cert_spec){.cn = "CA", .is_ca = true}, NULL);
    cert_make(&leaf,
              &(struct cert_spec){
                  .san = "DNS:a.test,DNS:localhost,IP:127.0.0.1,IP:192.0.2.1"},
              &ca);
    config = cert_config(&leaf);
    rc = flare_tls_server_new(
        &stream_tls.server,
        &(struct flare_tls_server_config){.certs = &config, .cert_count = 1},
        &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    rc = flare_tls_client_new(
        &stream_tls.client,
        &(struct flare_tls_client_config){.ca = {.pem = flare_str(ca.pem)}},
        &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    cert_free(&ca);
    cert_free(&leaf);
    (void)atexit(stream_tls_free);
}

void tcp_rig_secure(struct tcp_rig *r)
{
    if (stream_tls.server == NULL)
        stream_tls_make();
    r->server.tls_server = stream_tls.server;
    r->client.tls_client = stream_tls.client;
    r->client.tls_host = "a.test";
    /* worlds of faults are slow, and a handshake is many messages */
    r->server.tls_handshake_timeout_ms = r->client.tls_handshake_timeout_ms =
        3600000;
}
