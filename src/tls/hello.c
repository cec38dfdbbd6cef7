/* SPDX-License-Identifier: MIT */
/* See hello.h. */
#include "tls/hello.h"

#include "dns/host.h"
#include "tls/certs.h"
#include "tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <errno.h>
#include <string.h>

enum { HELLO_IV = 16 };

static char hello_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int flare__tls_hello_name(char out[FLARE__TLS_NAME_MAX + 2],
                          const unsigned char *body, size_t len)
{
    struct flare_str name;
    struct flare_ip ip;
    size_t list;

    /* u16 list, u8 type (0: host_name), u16 name */
    if (len < 6)
        return -1;
    list = ((size_t)body[0] << 8) | body[1];
    name.len = ((size_t)body[3] << 8) | body[4];
    name.ptr = (const char *)body + 5;
    if (list != len - 2 || body[2] != 0 || name.len != len - 5)
        return -1;
    switch (flare__dns_host_read(&ip, name, NULL)) {
    case FLARE__DNS_HOST_BAD:
        return -1;
    case FLARE__DNS_HOST_ADDRESS:
        return 0;
    case FLARE__DNS_HOST_NAME:
        break;
    }
    if (name.ptr[name.len - 1] == '.')
        name.len--;
    for (size_t i = 0; i < name.len; i++)
        out[i] = hello_lower(name.ptr[i]);
    out[name.len] = '\0';
    return (int)name.len;
}

static int hello_on_client(SSL *ssl, int *alert, void *arg)
{
    struct flare__tls *e = SSL_get_app_data(ssl);
    const unsigned char *body;
    size_t len;
    int n = 0;

    (void)arg;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &body, &len))
        n = flare__tls_hello_name(e->name, body, len);
    if (n < 0) {
        e->stop = FLARE__TLS_STOP_NAME;
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    e->name_len = (uint8_t)n;
    if (!flare__tls_certs_choose(e->conf->certs, ssl,
                                 (struct flare_str){e->name, (size_t)n})) {
        e->stop = FLARE__TLS_STOP_MEMORY;
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* The name has been looked at: OpenSSL's own reading of it is acknowledged. */
static int hello_on_name(SSL *ssl, int *alert, void *arg)
{
    struct flare__tls *e = SSL_get_app_data(ssl);

    (void)alert;
    (void)arg;
    return e->name_len > 0 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* Ours first: the client's order is ignored (RFC 7301 3.2). */
static int hello_on_alpn(SSL *ssl, const unsigned char **out,
                         unsigned char *out_len, const unsigned char *theirs,
                         unsigned int theirs_len, void *arg)
{
    const struct flare__tls_conf *conf = arg;

    (void)ssl;
    for (uint32_t i = 0; i < conf->alpn_len; i += conf->alpn[i] + 1u) {
        for (uint32_t j = 0; j < theirs_len; j += theirs[j] + 1u) {
            if (theirs[j] == conf->alpn[i] && theirs_len - j > theirs[j] &&
                memcmp(theirs + j + 1, conf->alpn + i + 1, theirs[j]) == 0) {
                *out = conf->alpn + i + 1;
                *out_len = conf->alpn[i];
                return SSL_TLSEXT_ERR_OK;
            }
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int hello_on_status(SSL *ssl, void *arg)
{
    const struct flare__tls_conf *conf = arg;
    const struct flare__tls_pair *pair =
        flare__tls_certs_find(conf->certs, SSL_get_certificate(ssl));
    unsigned char *copy;

    if (pair == NULL || pair->staple == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    copy = OPENSSL_memdup(pair->staple, pair->staple_len);
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)pair->staple_len) !=
        1) {
        OPENSSL_free(copy);
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_TLSEXT_ERR_OK;
}

/* AES-256-CBC and HMAC-SHA256, as RFC 5077 4 recommends. */
static bool hello_key_set(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                          struct flare__tls_ticket_key *key,
                          const unsigned char *iv, int is_sealing)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac,
                                          sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv,
                             is_sealing) == 1;
}

/*
 * 1: go on; 2: so, and a new ticket is due; 0: the ticket is not ours, a full
 * handshake follows; -1: failure.
 */
static int hello_on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
                               EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                               int is_sealing)
{
    struct flare__tls *e = SSL_get_app_data(ssl);
    struct flare__tls_tickets *tickets = e->conf->tickets;
    struct flare__tls_ticket_key key;
    int result = 1;

    if (is_sealing) {
        if (flare__tls_tickets_seal(tickets, e->unix_now, &key) < 0 ||
            RAND_bytes(iv, HELLO_IV) != 1)
            return -1;
        memcpy(name, key.name, sizeof(key.name));
    } else {
        switch (flare__tls_tickets_find(tickets, e->unix_now, name, &key)) {
        case FLARE__TLS_TICKET_UNKNOWN:
            return 0;
        case FLARE__TLS_TICKET_CURRENT:
            /* of TLS 1.3 each is for one use: OpenSSL leaves that to us */
            if (SSL_version(ssl) == TLS1_3_VERSION)
                result = 2;
            break;
        case FLARE__TLS_TICKET_OLD:
            result = 2;
            break;
        }
    }
    if (!hello_key_set(cipher, mac, &key, iv, is_sealing))
        result = -1;
    OPENSSL_cleanse(&key, sizeof(key));
    return result;
}

/* The name goes into the ticket: a session is resumed under it only. */
static int hello_on_ticket_made(SSL *ssl, void *arg)
{
    struct flare__tls *e = SSL_get_app_data(ssl);
    SSL_SESSION *session = SSL_get_session(ssl);

    (void)arg;
    return session != NULL &&
           SSL_SESSION_set1_ticket_appdata(session, e->name, e->name_len);
}

static SSL_TICKET_RETURN hello_on_ticket_opened(SSL *ssl, SSL_SESSION *session,
                                                const unsigned char *key_name,
                                                size_t key_name_len,
                                                SSL_TICKET_STATUS status,
                                                void *arg)
{
    struct flare__tls *e = SSL_get_app_data(ssl);
    void *name = NULL;
    size_t len = 0;

    (void)key_name;
    (void)key_name_len;
    (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (SSL_SESSION_get0_ticket_appdata(session, &name, &len) != 1 ||
        len != e->name_len || (len > 0 && memcmp(name, e->name, len) != 0))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
                                        : SSL_TICKET_RETURN_USE_RENEW;
}

static int hello_attach_tickets(SSL_CTX *ctx)
{
    SSL_CTX_set_timeout(ctx, FLARE__TLS_TICKET_ROTATE_S);
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, hello_on_ticket_key) ==
                       1 &&
                   SSL_CTX_set_session_ticket_cb(ctx, hello_on_ticket_made,
                                                 hello_on_ticket_opened,
                                                 NULL) == 1
               ? 0
               : -ENOMEM;
}

int flare__tls_hello_attach(struct flare__tls_conf *conf, bool has_tickets)
{
    SSL_CTX *ctx = conf->ctx;

    SSL_CTX_set_client_hello_cb(ctx, hello_on_client, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, hello_on_name);
    SSL_CTX_set_tlsext_status_cb(ctx, hello_on_status);
    SSL_CTX_set_tlsext_status_arg(ctx, conf);
    if (conf->alpn_len > 0)
        SSL_CTX_set_alpn_select_cb(ctx, hello_on_alpn, conf);
    /* tickets only: nothing of a session is kept here */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (has_tickets)
        return hello_attach_tickets(ctx);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 ? 0 : -ENOMEM;
}
