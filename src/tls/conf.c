/* SPDX-License-Identifier: MIT */
/* See conf.h. */
#include "tls/conf.h"

#include "base/alloc.h"
#include "tls/bio.h"
#include "tls/certs.h"
#include "tls/counts.h"
#include "tls/fail.h"
#include "tls/kernel.h"
#include "tls/load.h"
#include "tls/sessions.h"
#include "tls/tickets.h"

#include <openssl/err.h>

#include <errno.h>
#include <string.h>

/* Forward secret and authenticated; AES first where there is hardware for it.
 */
static const char conf_ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char conf_suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
    "TLS_CHACHA20_POLY1305_SHA256";

static int conf_alpn(struct flare__tls_conf *conf, const char *const *names,
                     struct flare_error *err)
{
    for (; names != NULL && *names != NULL; names++) {
        size_t len = strlen(*names);

        if (len == 0 || conf->alpn_len + 1 + len > FLARE_TLS_ALPN_BYTES_MAX)
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "alpn: a name is empty, or all together are "
                                "longer than %d bytes",
                                FLARE_TLS_ALPN_BYTES_MAX);
        conf->alpn[conf->alpn_len] = (uint8_t)len;
        memcpy(conf->alpn + conf->alpn_len + 1, *names, len);
        conf->alpn_len += (uint32_t)len + 1;
    }
    return 0;
}

static int conf_version(enum flare_tls_version version, int any)
{
    if (version == FLARE_TLS_1_2)
        return TLS1_2_VERSION;
    return version == FLARE_TLS_1_3 ? TLS1_3_VERSION : any;
}

static int conf_rules(SSL_CTX *ctx, const struct flare__tls_common *common)
{
    const uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                             SSL_OP_CIPHER_SERVER_PREFERENCE |
                             SSL_OP_PRIORITIZE_CHACHA;

    SSL_CTX_set_options(ctx, options);
    /* what the system's openssl.cnf or a patched library may have put in */
    SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF |
                                   SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                   SSL_OP_LEGACY_SERVER_CONNECT |
                                   SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3 |
                                   SSL_OP_ENABLE_KTLS | SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(
        ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_security_level(ctx, FLARE__TLS_SECURITY_LEVEL);
    SSL_CTX_set_max_cert_list(ctx, FLARE__TLS_CERT_BYTES_MAX);
    SSL_CTX_set_max_early_data(ctx, 0);
    SSL_CTX_set_read_ahead(ctx, 0);
    return SSL_CTX_set_min_proto_version(
               ctx, conf_version(common->version_min, TLS1_2_VERSION)) == 1 &&
                   SSL_CTX_set_max_proto_version(
                       ctx, conf_version(common->version_max,
                                         TLS1_3_VERSION)) == 1 &&
                   SSL_CTX_set_cipher_list(ctx, conf_ciphers) == 1 &&
                   SSL_CTX_set_ciphersuites(ctx, conf_suites) == 1 &&
                   SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1
               ? 0
               : -1;
}

static int conf_check(const struct flare__tls_common *common,
                      struct flare_error *err)
{
    if ((unsigned)common->version_min > FLARE_TLS_1_3 ||
        (unsigned)common->version_max > FLARE_TLS_1_3)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "version_min, version_max: no such version");
    if (common->version_min == FLARE_TLS_1_3 &&
        common->version_max == FLARE_TLS_1_2)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "version_min is above version_max");
    return 0;
}

int flare__tls_conf_new(struct flare__tls_conf **out,
                        const struct flare__tls_common *common,
                        struct flare_error *err)
{
    struct flare__tls_conf *conf;
    int rc = conf_check(common, err);

    if (rc < 0)
        return rc;
    conf = flare__calloc(common->al, 1, sizeof(*conf));
    if (conf == NULL)
        return flare__error(err, -ENOMEM, "TLS: out of memory");
    conf->al = common->al;
    conf->log = (struct flare__log){common->log, common->log_ctx};
    atomic_init(&conf->refs, 1);
    atomic_init(&conf->kernel_lacks, 0);
    rc = conf_alpn(conf, common->alpn, err);
    if (rc < 0)
        goto fail;
    ERR_clear_error();
    conf->ctx = SSL_CTX_new(TLS_method());
    conf->bio = conf->ctx == NULL ? NULL : flare__tls_bio_method();
    if (conf->bio == NULL || conf_rules(conf->ctx, common) < 0) {
        rc = flare__tls_fail_conf(err, FLARE_E_BAD_CONFIG, "TLS");
        goto fail;
    }
    if (!common->kernel_off)
        flare__tls_kernel_attach(conf);
    ERR_clear_error();
    *out = conf;
    return 0;
fail:
    flare__tls_conf_unref(conf);
    return rc;
}

struct flare__tls_conf *flare__tls_conf_ref(struct flare__tls_conf *conf)
{
    atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
    return conf;
}

void flare__tls_conf_unref(struct flare__tls_conf *conf)
{
    if (conf == NULL ||
        atomic_fetch_sub_explicit(&conf->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(conf->ctx);
    if (conf->bio != NULL)
        BIO_meth_free(conf->bio);
    flare__tls_certs_free(conf->certs, conf->al);
    flare__tls_tickets_unref(conf->tickets);
    flare__tls_counts_unref(conf->counts);
    flare__tls_sessions_free(conf->sessions);
    ERR_clear_error(); /* freeing allocates too, and may fail to */
    flare__free(conf->al, conf->pins);
    flare__free(conf->al, conf);
}

/* The members' names, for sentences: a server has certificates. */
static const char *conf_ca(const struct flare__tls_conf *conf)
{
    return conf->certs != NULL ? "client_ca" : "ca";
}

static const char *conf_crl(const struct flare__tls_conf *conf)
{
    return conf->certs != NULL ? "client_crl" : "crl";
}

static int conf_add_cas(struct flare__tls_conf *conf,
                        const struct flare_tls_pem *ca, struct flare_error *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(conf->ctx);
    STACK_OF(X509) * list;
    int rc = flare__tls_load_certs(&list, ca, conf_ca(conf), err);

    if (rc < 0)
        return rc;
    for (int i = 0; rc == 0 && i < sk_X509_num(list); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(list, i)) != 1)
            rc = flare__tls_fail_conf(err, FLARE_E_TLS_CERTIFICATE,
                                      conf_ca(conf));
    }
    sk_X509_pop_free(list, X509_free);
    /* an issuer that is trusted by name need not be self-signed */
    if (rc == 0 && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1)
        rc = flare__tls_fail_conf(err, FLARE_E_TLS_CERTIFICATE, conf_ca(conf));
    return rc;
}

static int conf_add_crls(struct flare__tls_conf *conf,
                         const struct flare_tls_pem *crl,
                         struct flare_error *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(conf->ctx);
    STACK_OF(X509_CRL) * list;
    int rc = flare__tls_load_crls(&list, crl, conf_crl(conf), err);

    if (rc < 0)
        return rc;
    for (int i = 0; rc == 0 && i < sk_X509_CRL_num(list); i++) {
        if (X509_STORE_add_crl(store, sk_X509_CRL_value(list, i)) != 1)
            rc = flare__tls_fail_conf(err, FLARE_E_TLS_CERTIFICATE,
                                      conf_crl(conf));
    }
    sk_X509_CRL_pop_free(list, X509_CRL_free);
    if (rc == 0 &&
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK |
                                        X509_V_FLAG_CRL_CHECK_ALL) != 1)
        rc = flare__tls_fail_conf(err, FLARE_E_TLS_CERTIFICATE, conf_crl(conf));
    return rc;
}

int flare__tls_conf_trust(struct flare__tls_conf *conf,
                          const struct flare_tls_pem *ca,
                          const struct flare_tls_pem *crl,
                          struct flare_error *err)
{
    int rc = 0;

    ERR_clear_error();
    if (flare__tls_is_given(ca))
        rc = conf_add_cas(conf, ca, err);
    if (rc == 0 && flare__tls_is_given(crl))
        rc = conf_add_crls(conf, crl, err);
    ERR_clear_error();
    return rc;
}
