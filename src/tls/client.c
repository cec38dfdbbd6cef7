/* SPDX-License-Identifier: MIT */
/* A client's TLS: whom it believes, what it shows, which sessions it keeps. */
#include "tls/client.h"

#include "base/alloc.h"
#include "tls/fail.h"
#include "tls/link.h"
#include "tls/load.h"
#include "tls/sessions.h"
#include "tls/verify.h"

#include <openssl/err.h>

#include <errno.h>

enum { CLIENT_SESSIONS = 64 };

struct flare_tls_client {
    struct flare__wire_maker maker; /* first: whoever has the client has it */
    struct flare__tls_conf *conf;
};

struct flare__tls_conf *flare__tls_client_conf(flare_tls_client *client)
{
    return client->conf;
}

/* A ticket has come.  1: it is ours now. */
static int client_on_session(SSL *ssl, SSL_SESSION *session)
{
    struct flare__tls *e = SSL_get_app_data(ssl);

    if (SSL_SESSION_is_resumable(session) != 1)
        return 0;
    return flare__tls_sessions_give(e->conf->sessions,
                                    (struct flare_str){e->name, e->name_len},
                                    e->port, session)
               ? 1
               : 0;
}

static int client_sessions(struct flare__tls_conf *conf,
                           const struct flare_tls_client_config *config,
                           struct flare_error *err)
{
    uint32_t count =
        config->sessions_max == 0 ? CLIENT_SESSIONS : config->sessions_max;

    if (config->sessions_off) {
        SSL_CTX_set_session_cache_mode(conf->ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(conf->ctx, SSL_OP_NO_TICKET);
        return 0;
    }
    if (count > FLARE_TLS_SESSIONS_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG, "sessions_max is above %d",
                            FLARE_TLS_SESSIONS_MAX);
    conf->sessions = flare__tls_sessions_new(conf->al, count);
    if (conf->sessions == NULL)
        return flare__error(err, -ENOMEM, "TLS: out of memory");
    SSL_CTX_set_session_cache_mode(conf->ctx, SSL_SESS_CACHE_CLIENT |
                                                  SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(conf->ctx, client_on_session);
    return 0;
}

static int client_trust(struct flare__tls_conf *conf,
                        const struct flare_tls_client_config *config,
                        struct flare_error *err)
{
    if (!flare__tls_is_given(&config->ca) && !config->insecure &&
        SSL_CTX_set_default_verify_paths(conf->ctx) != 1)
        return flare__tls_fail_conf(err, FLARE_E_TLS_CERTIFICATE,
                                    "the system's CAs");
    return flare__tls_conf_trust(conf, &config->ca, &config->crl, err);
}

static int client_show(struct flare__tls_conf *conf,
                       const struct flare_tls_client_config *config,
                       struct flare_error *err)
{
    struct flare__tls_pair pair;
    int rc;

    if (config->cert == NULL)
        return 0;
    rc = flare__tls_load_pair(&pair, config->cert, "cert", err);
    if (rc < 0)
        return rc;
    if (SSL_CTX_use_cert_and_key(conf->ctx, pair.leaf, pair.key, pair.chain,
                                 /* override = */ 1) != 1)
        rc = flare__tls_fail_conf(err, FLARE_E_TLS_CERTIFICATE, "cert");
    flare__tls_pair_fini(&pair);
    return rc;
}

static int client_rules(struct flare__tls_conf *conf,
                        const struct flare_tls_client_config *config,
                        struct flare_error *err)
{
    conf->is_insecure = config->insecure;
    conf->needs_staple = config->require_staple;
    SSL_CTX_set_verify(conf->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(conf->ctx, flare__tls_on_verify, NULL);
    SSL_CTX_set_tlsext_status_cb(conf->ctx, flare__tls_on_staple);
    if (SSL_CTX_set_tlsext_status_type(conf->ctx, TLSEXT_STATUSTYPE_ocsp) !=
            1 ||
        /* 0 is success here */
        (conf->alpn_len > 0 &&
         SSL_CTX_set_alpn_protos(conf->ctx, conf->alpn, conf->alpn_len) != 0))
        return flare__tls_fail_conf(err, FLARE_E_BAD_CONFIG, "TLS");
    if (config->insecure)
        flare__log(&conf->log, FLARE_LOG_WARN,
                   "TLS: a client verifies nobody (insecure)");
    return 0;
}

int flare_tls_client_new(flare_tls_client **out,
                         const struct flare_tls_client_config *config,
                         struct flare_error *err)
{
    const struct flare__tls_common common = {
        .alpn = config->alpn,
        .version_min = config->version_min,
        .version_max = config->version_max,
        .kernel_off = config->kernel_off,
        .log = config->log,
        .log_ctx = config->log_ctx,
        .al = config->allocator != NULL ? config->allocator
                                        : &flare__allocator_default,
    };
    struct flare_tls_client *client;
    struct flare__tls_conf *conf;
    int rc = flare__tls_conf_new(&conf, &common, err);

    if (rc < 0)
        return rc;
    client = flare__alloc(common.al, sizeof(*client));
    rc = client == NULL ? flare__error(err, -ENOMEM, "TLS: out of memory")
                        : client_trust(conf, config, err);
    if (rc == 0)
        rc = client_show(conf, config, err);
    if (rc == 0)
        rc = flare__tls_verify_pins(conf, config->pins, err);
    if (rc == 0)
        rc = client_sessions(conf, config, err);
    if (rc == 0)
        rc = client_rules(conf, config, err);
    ERR_clear_error();
    if (rc < 0) {
        flare__free(common.al, client);
        flare__tls_conf_unref(conf);
        return rc;
    }
    client->maker.start = flare__tls_link_connect;
    client->conf = conf;
    *out = client;
    return 0;
}

void flare_tls_client_free(flare_tls_client *client)
{
    const struct flare_allocator *al;

    if (client == NULL)
        return;
    al = client->conf->al;
    flare__tls_conf_unref(client->conf);
    flare__free(al, client);
}
