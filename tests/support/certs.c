/* SPDX-License-Identifier: MIT */
/* See certs.h. */
#include "tests/support/certs.h"

#include "base/base64.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ocsp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CERTS_RSA_MAX = 8192 }; /* a larger one takes minutes to find */

static int64_t certs_now = CERTS_NOW;

void certs_set_now(int64_t now)
{
    certs_now = now;
}

/* Not Check's: fuzz targets run outside of it. */
static void need(bool is_made)
{
    if (!is_made) {
        fprintf(stderr, "certs: cannot be made\n");
        abort();
    }
}

static char *certs_text(BIO *bio)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    char *copy = malloc((size_t)len + 1);

    need((copy) != NULL);
    if (len > 0) /* not of a huge key: it has no PEM */
        memcpy(copy, bytes, (size_t)len);
    copy[len] = '\0';
    BIO_free(bio);
    return copy;
}

static void certs_extension(X509 *x, X509V3_CTX *ctx, int nid,
                            const char *value)
{
    X509_EXTENSION *extension;

    if (value == NULL)
        return;
    extension = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    need(extension != NULL);
    need((X509_add_ext(x, extension, -1)) == 1);
    X509_EXTENSION_free(extension);
}

/* A dNSName that no text can describe. */
static void certs_raw_dns(X509 *x, struct flare_str name)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    need(ASN1_STRING_set(text, name.ptr, (int)name.len));
    GENERAL_NAME_set0_value(one, GEN_DNS, text);
    need((sk_GENERAL_NAME_push(names, one)) > 0);
    need((X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0)) == 1);
    GENERAL_NAMES_free(names);
}

static void certs_extensions(X509 *x, X509 *issuer,
                             const struct cert_spec *spec)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    certs_extension(x, &ctx, NID_basic_constraints,
                    spec->is_flat_ca ? "critical,CA:TRUE,pathlen:0"
                    : spec->is_ca    ? "critical,CA:TRUE"
                                     : "critical,CA:FALSE");
    certs_extension(x, &ctx, NID_subject_key_identifier, "hash");
    certs_extension(x, &ctx, NID_subject_alt_name, spec->san);
    certs_extension(x, &ctx, NID_ext_key_usage, spec->eku);
    certs_extension(x, &ctx, NID_name_constraints, spec->constraints);
    if (spec->is_ca || spec->is_flat_ca)
        certs_extension(x, &ctx, NID_key_usage,
                        "critical,keyCertSign,cRLSign,digitalSignature");
    if (spec->raw_dns.len > 0)
        certs_raw_dns(x, spec->raw_dns);
}

/* An odd number for a modulus: whoever looks at its size sees no difference. */
static EVP_PKEY *certs_rsa_huge(int bits)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *n = BN_new();
    BIGNUM *e = BN_new();
    BIGNUM *d = BN_new();
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;

    need(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1 &&
         BN_set_word(e, 65537) == 1 && BN_set_word(d, 3) == 1 &&
         OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
         OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
         OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_D, d) == 1);
    params = OSSL_PARAM_BLD_to_param(build);
    need(params != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
         EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    BN_free(d);
    return key;
}

static EVP_PKEY *certs_key(int rsa_bits)
{
    if (rsa_bits > CERTS_RSA_MAX)
        return certs_rsa_huge(rsa_bits);
    return rsa_bits > 0 ? EVP_RSA_gen((unsigned int)rsa_bits)
                        : EVP_EC_gen("P-256");
}

void cert_make(struct cert *out, const struct cert_spec *spec,
               const struct cert *issuer)
{
    static long serial = 1;
    const char *digest = spec->digest != NULL ? spec->digest : "SHA256";
    const char *cn = spec->cn != NULL ? spec->cn : "test";
    int64_t from = spec->from != 0 ? spec->from : certs_now - CERTS_DAY;
    int64_t until = spec->until != 0 ? spec->until : certs_now + CERTS_DAY;
    X509 *x = X509_new();
    EVP_PKEY *key = certs_key(spec->rsa_bits);
    BIO *bio;

    need(x != NULL && key != NULL);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    need((ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from)) != NULL);
    need((ASN1_TIME_set(X509_getm_notAfter(x), (time_t)until)) != NULL);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->x : x));
    certs_extensions(x, issuer != NULL ? issuer->x : x, spec);
    need((X509_sign(x, issuer != NULL ? issuer->key : key,
                    EVP_get_digestbyname(digest))) > 0);
    *out = (struct cert){.x = x, .key = key};
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    out->pem = certs_text(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    out->key_pem = certs_text(bio);
}

void cert_free(struct cert *cert)
{
    X509_free(cert->x);
    EVP_PKEY_free(cert->key);
    free(cert->pem);
    free(cert->key_pem);
    *cert = (struct cert){.x = NULL};
}

char *cert_chain(const struct cert *first, const struct cert *second)
{
    size_t a = strlen(first->pem);
    size_t b = second != NULL ? strlen(second->pem) : 0;
    char *both = malloc(a + b + 1);

    need((both) != NULL);
    memcpy(both, first->pem, a);
    if (second != NULL)
        memcpy(both + a, second->pem, b);
    both[a + b] = '\0';
    return both;
}

char *cert_crl(const struct cert *issuer, const struct cert *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)(certs_now - 60));
    BIO *bio = BIO_new(BIO_s_mem());

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x));
    X509_CRL_set1_lastUpdate(crl, time);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();

        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->x));
        X509_REVOKED_set_revocationDate(entry, time);
        X509_CRL_add0_revoked(crl, entry);
    }
    ASN1_TIME_set(time, (time_t)(certs_now + CERTS_DAY));
    X509_CRL_set1_nextUpdate(crl, time);
    ASN1_TIME_free(time);
    need((X509_CRL_sign(crl, issuer->key, EVP_sha256())) > 0);
    PEM_write_bio_X509_CRL(bio, crl);
    X509_CRL_free(crl);
    return certs_text(bio);
}

struct flare_str cert_staple(const struct cert *issuer,
                             const struct cert *about, bool is_revoked,
                             int64_t from)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, about->x, issuer->x);
    ASN1_TIME *begin = ASN1_GENERALIZEDTIME_set(NULL, (time_t)from);
    ASN1_TIME *end = ASN1_GENERALIZEDTIME_set(NULL, (time_t)(from + CERTS_DAY));
    OCSP_RESPONSE *response;
    unsigned char *der = NULL;
    int len;
    char *copy;

    need((OCSP_basic_add1_status(
             basic, id,
             is_revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD, 0,
             is_revoked ? begin : NULL, begin, end)) != NULL);
    need((OCSP_basic_sign(basic, issuer->x, issuer->key, EVP_sha256(), NULL,
                          0)) == 1);
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    len = i2d_OCSP_RESPONSE(response, &der);
    need((len) > 0);
    copy = malloc((size_t)len);
    need((copy) != NULL);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(begin);
    ASN1_TIME_free(end);
    return (struct flare_str){copy, (size_t)len};
}

char *cert_pin(const struct cert *cert)
{
    unsigned char *der = NULL;
    unsigned char digest[32];
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->x), &der);
    char *text = calloc(1, 45);

    need(text != NULL && len > 0);
    EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
    flare__base64_encode(text,
                         (struct flare_str){(char *)digest, sizeof(digest)});
    return text;
}

struct flare_tls_cert cert_config(const struct cert *cert)
{
    return (struct flare_tls_cert){.chain = {.pem = flare_str(cert->pem)},
                                   .key = {.pem = flare_str(cert->key_pem)}};
}
