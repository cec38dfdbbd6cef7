/* SPDX-License-Identifier: MIT */
/* See load.h. */
#include "tls/load.h"

#include "base/log.h"
#include "tls/fail.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>

enum { LOAD_STAPLE_MAX = 64 * 1024 };

/* Where it comes from, for a sentence. */
static const char *load_source(const struct flare_tls_pem *pem)
{
    return pem->file != NULL ? pem->file : "memory";
}

/* OpenSSL would ask the terminal for a passphrase. */
static int load_no_passphrase(char *out, int size, int is_writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)ctx;
    return -1;
}

static int load_open(BIO **out, const struct flare_tls_pem *pem,
                     const char *what, struct flare_error *err)
{
    int rc;

    if (!flare__tls_is_given(pem))
        return flare__error(err, FLARE_E_TLS_CERTIFICATE, "%s is not given",
                            what);
    if (pem->file == NULL && pem->pem.len > INT_MAX)
        return flare__error(err, FLARE_E_TLS_CERTIFICATE, "%s is too long",
                            what);
    ERR_clear_error();
    errno = 0;
    *out = pem->file != NULL ? BIO_new_file(pem->file, "rb")
                             : BIO_new_mem_buf(pem->pem.ptr, (int)pem->pem.len);
    if (*out != NULL)
        return 0;
    rc = pem->file != NULL && errno != 0 ? -errno : -ENOMEM;
    ERR_clear_error();
    return flare__error(err, rc, "%s: '%s': %s", what, load_source(pem),
                        flare_strerror(rc));
}

/* What the queue says of a PEM that cannot be read; empties it. */
static int load_failed(const struct flare_tls_pem *pem, const char *what,
                       const char *noun, struct flare_error *err)
{
    const char *why = NULL;

    if (flare__tls_queue_has_no_memory()) {
        ERR_clear_error();
        return flare__error(err, -ENOMEM, "%s: out of memory", what);
    }
    why = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return flare__error(err, FLARE_E_TLS_CERTIFICATE, "%s: '%s': no %s: %s",
                        what, load_source(pem), noun,
                        why != NULL ? why : "it is not PEM");
}

/* Whether reading stopped because there is nothing more. */
static bool load_is_at_end(void)
{
    unsigned long code = ERR_peek_last_error();

    return !flare__tls_queue_has_no_memory() &&
           ERR_GET_LIB(code) == ERR_LIB_PEM &&
           ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

int flare__tls_load_certs(STACK_OF(X509) * *out,
                          const struct flare_tls_pem *pem, const char *what,
                          struct flare_error *err)
{
    STACK_OF(X509) * list;
    X509 *cert;
    BIO *bio;
    int rc = load_open(&bio, pem, what, err);

    if (rc < 0)
        return rc;
    list = sk_X509_new_null();
    while (list != NULL) {
        cert = PEM_read_bio_X509(bio, NULL, load_no_passphrase, NULL);
        if (cert == NULL)
            break;
        if (sk_X509_push(list, cert) == 0) {
            X509_free(cert);
            break;
        }
    }
    if (list == NULL || sk_X509_num(list) == 0 || !load_is_at_end()) {
        rc = load_failed(pem, what, "certificate", err);
        sk_X509_pop_free(list, X509_free);
    } else {
        *out = list;
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

int flare__tls_load_crls(STACK_OF(X509_CRL) * *out,
                         const struct flare_tls_pem *pem, const char *what,
                         struct flare_error *err)
{
    STACK_OF(X509_CRL) * list;
    X509_CRL *crl;
    BIO *bio;
    int rc = load_open(&bio, pem, what, err);

    if (rc < 0)
        return rc;
    list = sk_X509_CRL_new_null();
    while (list != NULL) {
        crl = PEM_read_bio_X509_CRL(bio, NULL, load_no_passphrase, NULL);
        if (crl == NULL)
            break;
        if (sk_X509_CRL_push(list, crl) == 0) {
            X509_CRL_free(crl);
            break;
        }
    }
    if (list == NULL || sk_X509_CRL_num(list) == 0 || !load_is_at_end()) {
        rc = load_failed(pem, what, "revocation list", err);
        sk_X509_CRL_pop_free(list, X509_CRL_free);
    } else {
        *out = list;
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

static int load_key(EVP_PKEY **out, const struct flare_tls_pem *pem,
                    const char *what, struct flare_error *err)
{
    BIO *bio;
    int rc = load_open(&bio, pem, what, err);

    if (rc < 0)
        return rc;
    *out = PEM_read_bio_PrivateKey(bio, NULL, load_no_passphrase, NULL);
    if (*out == NULL)
        rc = load_failed(pem, what, "private key", err);
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

static int load_staple(struct flare__tls_pair *pair,
                       const struct flare_tls_pem *pem, const char *what,
                       struct flare_error *err)
{
    BIO *bio;
    int n;
    int rc;

    if (!flare__tls_is_given(pem))
        return 0;
    rc = load_open(&bio, pem, what, err);
    if (rc < 0)
        return rc;
    pair->staple = OPENSSL_malloc(LOAD_STAPLE_MAX);
    n = pair->staple == NULL ? -1
                             : BIO_read(bio, pair->staple, LOAD_STAPLE_MAX);
    if (pair->staple == NULL)
        rc = flare__error(err, -ENOMEM, "%s: out of memory", what);
    else if (n <= 0 || n == LOAD_STAPLE_MAX)
        rc = flare__error(err, FLARE_E_TLS_CERTIFICATE,
                          "%s: '%s': not from 1 to %d bytes", what,
                          load_source(pem), LOAD_STAPLE_MAX - 1);
    else
        pair->staple_len = (size_t)n;
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

void flare__tls_pair_fini(struct flare__tls_pair *pair)
{
    X509_free(pair->leaf);
    EVP_PKEY_free(pair->key);
    sk_X509_pop_free(pair->chain, X509_free);
    OPENSSL_free(pair->staple);
    *pair = (struct flare__tls_pair){.leaf = NULL};
}

int flare__tls_load_pair(struct flare__tls_pair *out,
                         const struct flare_tls_cert *cert, const char *what,
                         struct flare_error *err)
{
    struct flare__tls_pair pair = {.leaf = NULL};
    char member[64];
    int rc;

    (void)snprintf(member, sizeof(member), "%s.chain", what);
    rc = flare__tls_load_certs(&pair.chain, &cert->chain, member, err);
    if (rc == 0) {
        pair.leaf = sk_X509_shift(pair.chain);
        (void)snprintf(member, sizeof(member), "%s.key", what);
        rc = load_key(&pair.key, &cert->key, member, err);
    }
    if (rc == 0 && X509_check_private_key(pair.leaf, pair.key) != 1)
        rc = flare__tls_queue_has_no_memory()
                 ? flare__error(err, -ENOMEM, "%s: out of memory", what)
                 : flare__error(err, FLARE_E_TLS_CERTIFICATE,
                                "%s: '%s' is not the certificate's key", member,
                                load_source(&cert->key));
    if (rc == 0) {
        (void)snprintf(member, sizeof(member), "%s.staple", what);
        rc = load_staple(&pair, &cert->staple, member, err);
    }
    if (rc < 0)
        flare__tls_pair_fini(&pair);
    ERR_clear_error();
    if (rc < 0)
        return rc;
    *out = pair;
    return 0;
}
