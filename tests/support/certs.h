/* SPDX-License-Identifier: MIT */
/*
 * Certificates for tests, made when they are needed: no key is ever committed.
 * All times are about CERTS_NOW, which the engines are started with, or what is
 * set.  What cannot be made ends the process.
 */
#ifndef FLARE__TEST_CERTS_H
#define FLARE__TEST_CERTS_H

#include <flare/tls.h>

#include <openssl/x509.h>

#define CERTS_NOW ((int64_t)1767225600) /* 2026-01-01 */

enum { CERTS_DAY = 86400 };

struct cert {
    X509 *x;
    EVP_PKEY *key;
    char *pem;
    char *key_pem;
};

/* The time that all of them are about from now on, instead of CERTS_NOW. */
void certs_set_now(int64_t now);

/* Zero is the default, in brackets. */
struct cert_spec {
    const char *cn;           /* ["test"] */
    const char *san;          /* "DNS:a.test,IP:192.0.2.1" [none] */
    struct flare_str raw_dns; /* a dNSName of any bytes [none] */
    int64_t from;             /* [CERTS_NOW - 1 day] */
    int64_t until;            /* [CERTS_NOW + 1 day] */
    int rsa_bits;             /* [0: ECDSA on P-256]; above 8192 it is no key,
                                 but one of that size, made at once */
    const char *eku;          /* "clientAuth" [none] */
    const char *constraints;  /* "permitted;DNS:good.test" [none] */
    const char *digest;       /* "SHA1" ["SHA256"] */
    bool is_ca;
    bool is_flat_ca; /* one that may have no CA below it */
};

/* Signed by `issuer`, or by itself if that is NULL. */
void cert_make(struct cert *out, const struct cert_spec *spec,
               const struct cert *issuer);
void cert_free(struct cert *cert);

/* The PEM of one or two; free(). */
char *cert_chain(const struct cert *first, const struct cert *second);

/* A list of `issuer` with `revoked` (NULL: nobody) on it; free(). */
char *cert_crl(const struct cert *issuer, const struct cert *revoked);

/* An OCSP response in DER, valid for a day from `from`; free(). */
struct flare_str cert_staple(const struct cert *issuer,
                             const struct cert *about, bool is_revoked,
                             int64_t from);

/* SHA-256 of the public key in base64; free(). */
char *cert_pin(const struct cert *cert);

struct flare_tls_cert cert_config(const struct cert *cert);

#endif
