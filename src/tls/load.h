/* SPDX-License-Identifier: MIT */
/*
 * Certificates, keys and lists from PEM text in files or memory.  No passphrase
 * is ever asked for.
 */
#ifndef FLARE__TLS_LOAD_H
#define FLARE__TLS_LOAD_H

#include <flare/tls.h>

#include <openssl/x509.h>

static inline bool flare__tls_is_given(const struct flare_tls_pem *pem)
{
    return pem->file != NULL || pem->pem.len > 0;
}

/* One certificate with what belongs to it. */
struct flare__tls_pair {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* its issuers; may be empty */
    uint8_t *staple;        /* OPENSSL_malloc; NULL: none */
    size_t staple_len;
};

/*
 * Each is 0 and what was read, or an error with its sentence in `err` that
 * begins with `what` ("certs[1].key"): FLARE_E_TLS_CERTIFICATE, -errno of the
 * file, -ENOMEM.
 */
FLARE_MUST_USE
int flare__tls_load_pair(struct flare__tls_pair *out,
                         const struct flare_tls_cert *cert, const char *what,
                         struct flare_error *err);
/* At least one; sk_X509_pop_free. */
FLARE_MUST_USE
int flare__tls_load_certs(STACK_OF(X509) * *out,
                          const struct flare_tls_pem *pem, const char *what,
                          struct flare_error *err);
/* At least one; sk_X509_CRL_pop_free. */
FLARE_MUST_USE
int flare__tls_load_crls(STACK_OF(X509_CRL) * *out,
                         const struct flare_tls_pem *pem, const char *what,
                         struct flare_error *err);

/* Frees what it has; not the struct. */
void flare__tls_pair_fini(struct flare__tls_pair *pair);

#endif
