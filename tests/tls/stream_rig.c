/* SPDX-License-Identifier: MIT */
/*
 * TLS for the rig of streams, so that the tests of tests/tcp run over it too.
 * Linked with --wrap=flare__clock_realtime.
 */
#include "tests/tls/stream_rig.h"

#include "tests/support/certs.h"
#include "tests/support/test.h"
#include "tests/tcp/tcp_rig.h"

int64_t __wrap_flare__clock_realtime(void);

int64_t __wrap_flare__clock_realtime(void)
{
    return CERTS_NOW;
}

static struct {
    const struct flare_allocator *al;
    flare_tls_server *server;
    flare_tls_client *client;
    struct cert ca;
    struct cert leaf;
    bool has_certs;
} stream_tls;

void stream_rig_forget(const struct flare_allocator *al)
{
    flare_tls_server_free(stream_tls.server);
    flare_tls_client_free(stream_tls.client);
    stream_tls.server = NULL;
    stream_tls.client = NULL;
    stream_tls.al = al;
}

static void stream_tls_free(void)
{
    stream_rig_forget(NULL);
    cert_free(&stream_tls.ca);
    cert_free(&stream_tls.leaf);
}

static void stream_tls_certs(void)
{
    static const struct cert_spec leaf = {
        .san = "DNS:a.test,DNS:localhost,IP:127.0.0.1,IP:192.0.2.1"};

    cert_make(&stream_tls.ca, &(struct cert_spec){.cn = "CA", .is_ca = true},
              NULL);
    cert_make(&stream_tls.leaf, &leaf, &stream_tls.ca);
    stream_tls.has_certs = true;
    (void)atexit(stream_tls_free);
}

int stream_rig_make(void)
{
    struct flare_tls_cert config;
    struct flare_error err;
    int rc;

    if (stream_tls.server != NULL)
        return 0;
    if (!stream_tls.has_certs)
        stream_tls_certs();
    config = cert_config(&stream_tls.leaf);
    rc = flare_tls_server_new(
        &stream_tls.server,
        &(struct flare_tls_server_config){
            .certs = &config, .cert_count = 1, .allocator = stream_tls.al},
        &err);
    if (rc == 0)
        rc = flare_tls_client_new(
            &stream_tls.client,
            &(struct flare_tls_client_config){
                .ca = {.pem = flare_str(stream_tls.ca.pem)},
                .allocator = stream_tls.al},
            &err);
    if (rc < 0)
        stream_rig_forget(stream_tls.al);
    return rc;
}

void tcp_rig_secure(struct tcp_rig *r)
{
    ck_assert_int_eq(stream_rig_make(), 0);
    r->server.tls_server = stream_tls.server;
    r->client.tls_client = stream_tls.client;
    r->client.tls_host = "a.test";
    /* worlds of faults are slow, and a handshake is many messages */
    r->server.tls_handshake_timeout_ms = r->client.tls_handshake_timeout_ms =
        3600000;
}
