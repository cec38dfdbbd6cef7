/* SPDX-License-Identifier: MIT */
/*
 * A server's TLS: a configuration that never changes, and the holder that gives
 * new connections the one of now.
 *
 * Taking it is two atomics and the count of a reference.  The pointer and the
 * count cannot be had in one step, so who takes is counted too: reload puts the
 * new one in place, waits until nobody is between the two steps (a few
 * instructions), and only then gives up its reference of the old one.
 */
#include "tls/server.h"

#include "base/alloc.h"
#include "tls/certs.h"
#include "tls/counts.h"
#include "tls/fail.h"
#include "tls/hello.h"
#include "tls/link.h"
#include "tls/load.h"
#include "tls/tickets.h"
#include "tls/verify.h"

#include <openssl/err.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

struct flare_tls_server {
    struct flare__wire_maker maker; /* first: whoever has the server has it */
    const struct flare_allocator *al;
    struct flare__tls_tickets *tickets;
    struct flare__tls_counts *counts;
    _Atomic(struct flare__tls_conf *) conf;
    atomic_uint takers; /* between reading `conf` and counting it */
};

struct flare__tls_conf *flare__tls_server_take(flare_tls_server *server)
{
    struct flare__tls_conf *conf;

    /* sequentially consistent, as reload's: see above */
    atomic_fetch_add(&server->takers, 1);
    conf = flare__tls_conf_ref(atomic_load(&server->conf));
    atomic_fetch_sub(&server->takers, 1);
    return conf;
}

const struct flare_allocator *flare__tls_server_allocator(
    const flare_tls_server *server)
{
    return server->al;
}

/* Every CA's certificate into the digest. */
static bool server_digest_cas(EVP_MD_CTX *md, X509_STORE *store)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int len;

        if (cert == NULL)
            continue; /* a revocation list: renewed without a new meaning */
        if (X509_digest(cert, EVP_sha256(), digest, &len) != 1 ||
            EVP_DigestUpdate(md, digest, len) != 1)
            return false;
    }
    return true;
}

/*
 * What is asked of clients is the session-id context: a session made where no
 * certificate was asked for, or one of another CA, is none here (nginx
 * CVE-2025-23419, Go CVE-2025-68121).
 */
static bool server_set_context(struct flare__tls_conf *conf,
                               enum flare_tls_client_auth auth)
{
    static const char label[] = "flare TLS sessions 1";
    const unsigned char mode = (unsigned char)auth;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool is_set = md != NULL &&
                  EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                  EVP_DigestUpdate(md, label, sizeof(label)) == 1 &&
                  EVP_DigestUpdate(md, &mode, 1) == 1 &&
                  server_digest_cas(md, SSL_CTX_get_cert_store(conf->ctx)) &&
                  EVP_DigestFinal_ex(md, digest, &len) == 1 &&
                  SSL_CTX_set_session_id_context(conf->ctx, digest, len) == 1;

    EVP_MD_CTX_free(md);
    return is_set;
}

/* The names of the CAs, which tell a client which certificate is wanted. */
static bool server_announce_cas(struct flare__tls_conf *conf)
{
    STACK_OF(X509_OBJECT) *objects =
        X509_STORE_get0_objects(SSL_CTX_get_cert_store(conf->ctx));

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (cert != NULL && SSL_CTX_add_client_CA(conf->ctx, cert) != 1)
            return false;
    }
    return true;
}

static int server_auth(struct flare__tls_conf *conf,
                       const struct flare_tls_server_config *config,
                       struct flare_error *err)
{
    int mode = SSL_VERIFY_PEER;
    int rc;

    if ((unsigned)config->client_auth > FLARE_TLS_CLIENT_REQUIRED)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "client_auth: no such value");
    if ((config->client_auth != FLARE_TLS_CLIENT_NONE) !=
        flare__tls_is_given(&config->client_ca))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "client_auth and client_ca belong together");
    if (config->client_auth == FLARE_TLS_CLIENT_NONE &&
        flare__tls_is_given(&config->client_crl))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "client_crl without client_auth");
    rc = flare__tls_conf_trust(conf, &config->client_ca, &config->client_crl,
                               err);
    if (rc < 0)
        return rc;
    if (!server_set_context(conf, config->client_auth) ||
        !server_announce_cas(conf))
        return flare__tls_fail_conf(err, FLARE_E_TLS_CERTIFICATE, "client_ca");
    if (config->client_auth == FLARE_TLS_CLIENT_NONE)
        return 0;
    if (config->client_auth == FLARE_TLS_CLIENT_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(conf->ctx, mode, NULL);
    SSL_CTX_set_cert_verify_callback(conf->ctx, flare__tls_on_verify, NULL);
    return 0;
}

static int server_conf_new(struct flare__tls_conf **out,
                           const struct flare_tls_server *server,
                           const struct flare_tls_server_config *config,
                           struct flare_error *err)
{
    const struct flare__tls_common common = {
        .alpn = config->alpn,
        .version_min = config->version_min,
        .version_max = config->version_max,
        .kernel_off = config->kernel_off,
        .log = config->log,
        .log_ctx = config->log_ctx,
        .al = server->al,
    };
    struct flare__tls_conf *conf;
    int rc = flare__tls_conf_new(&conf, &common, err);

    if (rc < 0)
        return rc;
    conf->tickets = flare__tls_tickets_ref(server->tickets);
    conf->counts = flare__tls_counts_ref(server->counts);
    rc = flare__tls_certs_new(&conf->certs, config, server->al, err);
    if (rc == 0)
        rc = flare__tls_certs_check(conf->certs, conf->ctx, err);
    if (rc == 0)
        rc = server_auth(conf, config, err);
    if (rc == 0 && flare__tls_hello_attach(conf, !config->tickets_off) < 0)
        rc = flare__error(err, -ENOMEM, "TLS: out of memory");
    ERR_clear_error();
    if (rc < 0) {
        flare__tls_conf_unref(conf);
        return rc;
    }
    *out = conf;
    return 0;
}

int flare_tls_server_new(flare_tls_server **out,
                         const struct flare_tls_server_config *config,
                         struct flare_error *err)
{
    const struct flare_allocator *al = config->allocator != NULL
                                           ? config->allocator
                                           : &flare__allocator_default;
    struct flare_tls_server *server = flare__calloc(al, 1, sizeof(*server));
    struct flare__tls_conf *conf = NULL;
    int rc = 0;

    if (server == NULL)
        return flare__error(err, -ENOMEM, "TLS: out of memory");
    server->maker.start = flare__tls_link_accept;
    server->al = al;
    server->tickets = flare__tls_tickets_new(al);
    server->counts = flare__tls_counts_new(al);
    rc = server->tickets == NULL || server->counts == NULL
             ? flare__error(err, -ENOMEM, "TLS: out of memory")
             : server_conf_new(&conf, server, config, err);
    if (rc < 0) {
        flare__tls_counts_unref(server->counts);
        flare__tls_tickets_unref(server->tickets);
        flare__free(al, server);
        return rc;
    }
    atomic_init(&server->conf, conf);
    atomic_init(&server->takers, 0);
    *out = server;
    return 0;
}

int flare_tls_server_reload(flare_tls_server *server,
                            const struct flare_tls_server_config *config,
                            struct flare_error *err)
{
    struct flare__tls_conf *fresh;
    struct flare__tls_conf *old;
    int rc = server_conf_new(&fresh, server, config, err);

    if (rc < 0)
        return rc;
    old = atomic_exchange(&server->conf, fresh);
    while (atomic_load(&server->takers) != 0)
        sched_yield();
    flare__tls_conf_unref(old);
    return 0;
}

int flare_tls_server_set_ticket_keys(flare_tls_server *server,
                                     const struct flare_tls_ticket_key *keys,
                                     uint32_t count)
{
    if (count == 0 || count > FLARE_TLS_TICKET_KEYS_MAX)
        return FLARE_E_RANGE;
    flare__tls_tickets_set(server->tickets, keys, count);
    return 0;
}

void flare_tls_server_stats_sized(const flare_tls_server *server, size_t size,
                                  struct flare_tls_stats *out)
{
    struct flare_tls_stats all;

    flare__tls_counts_read(server->counts, &all);
    memset(out, 0, size); /* what a newer header has and this library not */
    memcpy(out, &all, size < sizeof(all) ? size : sizeof(all));
}

void flare_tls_server_free(flare_tls_server *server)
{
    if (server == NULL)
        return;
    flare__tls_conf_unref(atomic_load(&server->conf));
    flare__tls_tickets_unref(server->tickets);
    flare__tls_counts_unref(server->counts);
    flare__free(server->al, server);
}
