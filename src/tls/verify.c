/* SPDX-License-Identifier: MIT */
/* See verify.h. */
#include "tls/verify.h"

#include "base/alloc.h"
#include "base/base64.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <string.h>

enum {
    VERIFY_PIN_TEXT = 44,       /* 32 bytes in base64 */
    VERIFY_STAPLE_SKEW_S = 300, /* clocks differ */
};

static void verify_stop(struct flare__tls *e, enum flare__tls_stop stop)
{
    e->stop = (uint8_t)stop;
}

/* The caps: nothing has been computed with the peer's keys yet. */
static bool verify_is_bounded(struct flare__tls *e, STACK_OF(X509) * chain)
{
    if (sk_X509_num(chain) > FLARE__TLS_CHAIN_MAX) {
        verify_stop(e, FLARE__TLS_STOP_CHAIN);
        return false;
    }
    for (int i = 0; i < sk_X509_num(chain); i++) {
        EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(chain, i));

        if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
            EVP_PKEY_get_bits(key) > FLARE__TLS_KEY_BITS_MAX) {
            verify_stop(e, FLARE__TLS_STOP_KEY);
            return false;
        }
    }
    return true;
}

/* false: no memory, or another key. */
static bool verify_is_pinned(const struct flare__tls_conf *conf, X509 *cert)
{
    uint8_t digest[FLARE__TLS_PIN_BYTES];
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    bool is_found = false;

    if (len > 0 &&
        EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1) {
        for (uint32_t i = 0; i < conf->pin_count && !is_found; i++)
            is_found = memcmp(conf->pins[i].bytes, digest, sizeof(digest)) == 0;
    }
    OPENSSL_free(der);
    return is_found;
}

static bool verify_pins(struct flare__tls *e, X509_STORE_CTX *store)
{
    const struct flare__tls_conf *conf = e->conf;
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);

    if (conf->pin_count == 0)
        return true;
    /* a chain that was not verified proves nothing but its first key */
    if (conf->is_insecure) {
        if (verify_is_pinned(conf, X509_STORE_CTX_get0_cert(store)))
            return true;
    } else {
        for (int i = 0; i < sk_X509_num(chain); i++) {
            if (verify_is_pinned(conf, sk_X509_value(chain, i)))
                return true;
        }
    }
    verify_stop(e, FLARE__TLS_STOP_PIN);
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return false;
}

int flare__tls_on_verify(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct flare__tls *e = SSL_get_app_data(ssl);

    (void)arg;
    if (!verify_is_bounded(e, X509_STORE_CTX_get0_untrusted(store))) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    if (!e->conf->is_insecure && X509_verify_cert(store) != 1) {
        e->verify_error = X509_STORE_CTX_get_error(store);
        if (e->verify_error == X509_V_OK)
            e->verify_error = X509_V_ERR_UNSPECIFIED;
        return 0;
    }
    return verify_pins(e, store) ? 1 : 0;
}

int flare__tls_verify_expect(struct flare__tls *e)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(e->ssl);
    int is_set;

    X509_VERIFY_PARAM_set_time(param, (time_t)e->unix_now);
    if (e->is_server)
        return 0;
    /* RFC 6125: names of subjectAltName only; a star is a whole label */
    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (e->is_address)
        is_set = X509_VERIFY_PARAM_set1_ip_asc(param, e->name);
    else
        is_set = X509_VERIFY_PARAM_set1_host(param, e->name, e->name_len);
    return is_set == 1 ? 0 : -ENOMEM;
}

int flare__tls_verify_pins(struct flare__tls_conf *conf,
                           const char *const *pins, struct flare_error *err)
{
    uint32_t count = 0;

    while (pins != NULL && pins[count] != NULL)
        count++;
    if (count > FLARE_TLS_PINS_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG, "pins: more than %d",
                            FLARE_TLS_PINS_MAX);
    if (count == 0)
        return 0;
    conf->pins = flare__calloc(conf->al, count, sizeof(*conf->pins));
    if (conf->pins == NULL)
        return flare__error(err, -ENOMEM, "pins: out of memory");
    for (uint32_t i = 0; i < count; i++) {
        char bytes[VERIFY_PIN_TEXT / 4 * 3];
        struct flare_str text = flare_str(pins[i]);

        if (text.len != VERIFY_PIN_TEXT ||
            flare__base64_decode(bytes, text) != FLARE__TLS_PIN_BYTES)
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "pins[%u]: not 32 bytes in base64",
                                (unsigned)i);
        memcpy(conf->pins[i].bytes, bytes, FLARE__TLS_PIN_BYTES);
        conf->pin_count++;
    }
    return 0;
}

/* The issuer of the leaf, from the verified chain; NULL: none is known. */
static X509 *staple_issuer(SSL *ssl)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);

    return sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : NULL;
}

/* Whether the response is about `id` and of now; its status in `*status`. */
static bool staple_find(OCSP_BASICRESP *basic, OCSP_CERTID *id, int64_t now,
                        int *status)
{
    ASN1_GENERALIZEDTIME *from;
    ASN1_GENERALIZEDTIME *until;
    int reason;

    return OCSP_resp_find_status(basic, id, status, &reason, NULL, &from,
                                 &until) == 1 &&
           ASN1_TIME_cmp_time_t(from, (time_t)(now + VERIFY_STAPLE_SKEW_S)) <=
               0 &&
           (until == NULL ||
            ASN1_TIME_cmp_time_t(until, (time_t)(now - VERIFY_STAPLE_SKEW_S)) >
                0);
}

/*
 * By the issuer itself, or by a responder whose certificate comes along and is
 * verified: nobody else of the chain may speak for it.
 */
static bool staple_is_signed(SSL *ssl, OCSP_BASICRESP *basic, X509 *issuer)
{
    STACK_OF(X509) *trusted = sk_X509_new_null();
    X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    bool is_signed =
        trusted != NULL && sk_X509_push(trusted, issuer) > 0 &&
        OCSP_basic_verify(basic, trusted, store, OCSP_TRUSTOTHER) == 1;

    sk_X509_free(trusted);
    return is_signed;
}

/* V_OCSP_CERTSTATUS_..., or -1 if the response cannot be verified. */
static int staple_status(const struct flare__tls *e, const unsigned char *der,
                         long len)
{
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &der, len);
    OCSP_BASICRESP *basic = NULL;
    OCSP_CERTID *id = NULL;
    X509 *issuer = staple_issuer(e->ssl);
    int status = -1;

    if (response != NULL && issuer != NULL &&
        OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        basic = OCSP_response_get1_basic(response);
    if (basic != NULL)
        id = OCSP_cert_to_id(NULL, SSL_get0_peer_certificate(e->ssl), issuer);
    if (id == NULL || !staple_is_signed(e->ssl, basic, issuer) ||
        !staple_find(basic, id, e->unix_now, &status))
        status = -1;
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return status;
}

int flare__tls_on_staple(SSL *ssl, void *arg)
{
    struct flare__tls *e = SSL_get_app_data(ssl);
    const unsigned char *der;
    long len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
    int status = -1;

    (void)arg;
    if (e->conf->is_insecure || SSL_session_reused(ssl))
        return 1;
    if (der != NULL && len > 0)
        status = staple_status(e, der, len);
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        verify_stop(e, FLARE__TLS_STOP_REVOKED);
        return 0;
    }
    if (status != V_OCSP_CERTSTATUS_GOOD && e->conf->needs_staple) {
        verify_stop(e, FLARE__TLS_STOP_STAPLE);
        return 0;
    }
    return 1;
}
