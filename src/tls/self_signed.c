/* SPDX-License-Identifier: MIT */
/*
 * Certificates for development, made when they are wanted and trusted by
 * nobody: a key that was never on a disk is none that can be left there.
 */
#include <flare/tls.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dns/host.h"
#include "tls/fail.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <string.h>

enum {
    SIGNED_DAYS_MAX = 825,    /* clients believe none that is longer (Apple) */
    SIGNED_SERIAL_BITS = 127, /* RFC 5280 4.1.2.2: 20 bytes at most */
    SIGNED_EARLIER_S = 3600   /* for a client whose clock is slow */
};

static const char *const signed_names[] = {"localhost", "127.0.0.1", "::1",
                                           NULL};

/* Name and value of the extensions that all have. */
static const struct {
    int nid;
    const char *value;
} signed_extensions[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "serverAuth"},
    {NID_subject_key_identifier, "hash"},
};

/* GEN_DNS or GEN_IPADD; -1: it is no name. */
static int signed_kind(const char *name)
{
    struct flare_str host = flare_str(name);
    struct flare_ip ip;
    bool is_wildcard = strncmp(name, "*.", 2) == 0;

    if (is_wildcard)
        host = flare_str(name + 2);
    switch (flare__dns_host_read(&ip, host, NULL)) {
    case FLARE__DNS_HOST_NAME:
        return GEN_DNS;
    case FLARE__DNS_HOST_ADDRESS:
        return is_wildcard || name[0] == '[' || ip.zone != 0 ? -1 : GEN_IPADD;
    case FLARE__DNS_HOST_BAD:
        break;
    }
    return -1;
}

static int signed_check(const char *const *names, uint32_t days,
                        struct flare_error *err)
{
    uint32_t count = 0;

    if (days == 0 || days > SIGNED_DAYS_MAX)
        return flare__error(err, FLARE_E_RANGE, "self-signed: days: 1 to %d",
                            SIGNED_DAYS_MAX);
    for (; names[count] != NULL; count++) {
        if (count == FLARE_TLS_SELF_SIGNED_NAMES_MAX)
            return flare__error(err, FLARE_E_RANGE,
                                "self-signed: more than %d names",
                                FLARE_TLS_SELF_SIGNED_NAMES_MAX);
        if (signed_kind(names[count]) < 0)
            return flare__error(err, FLARE_E_BAD_HOSTNAME,
                                "self-signed: names[%u] is no host name",
                                (unsigned)count);
    }
    if (count == 0)
        return flare__error(err, FLARE_E_RANGE, "self-signed: no name");
    return 0;
}

static bool signed_add_names(X509 *x, const char *const *names)
{
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    bool is_done = list != NULL;

    for (; is_done && *names != NULL; names++) {
        GENERAL_NAME *name =
            a2i_GENERAL_NAME(NULL, NULL, NULL, signed_kind(*names), *names, 0);

        is_done = name != NULL && sk_GENERAL_NAME_push(list, name) > 0;
        if (!is_done)
            GENERAL_NAME_free(name);
    }
    is_done = is_done && X509_add1_ext_i2d(x, NID_subject_alt_name, list, 0,
                                           X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(list);
    return is_done;
}

static bool signed_add_extensions(X509 *x)
{
    size_t count = sizeof(signed_extensions) / sizeof(signed_extensions[0]);
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *ext = X509V3_EXT_conf_nid(
            NULL, &ctx, signed_extensions[i].nid, signed_extensions[i].value);
        bool is_done = ext != NULL && X509_add_ext(x, ext, -1) == 1;

        X509_EXTENSION_free(ext);
        if (!is_done)
            return false;
    }
    return true;
}

static bool signed_set_serial(X509 *x)
{
    BIGNUM *number = BN_new();
    bool is_done = number != NULL &&
                   BN_rand(number, SIGNED_SERIAL_BITS, BN_RAND_TOP_ONE,
                           BN_RAND_BOTTOM_ANY) == 1 &&
                   BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;

    BN_free(number);
    return is_done;
}

/* NULL: no memory. */
static X509 *signed_make(EVP_PKEY *key, const char *const *names, uint32_t days)
{
    static const unsigned char cn[] = "flare, self-signed for development";
    X509 *x = X509_new();
    X509_NAME *name = x == NULL ? NULL : X509_get_subject_name(x);

    if (name != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
        signed_set_serial(x) &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, cn, -1, -1, 0) ==
            1 &&
        X509_set_issuer_name(x, name) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(x), -SIGNED_EARLIER_S) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(x), (long)days * 86400) != NULL &&
        X509_set_pubkey(x, key) == 1 && signed_add_extensions(x) &&
        signed_add_names(x, names) && X509_sign(x, key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

/* What was written to `bio`; empty: no memory. */
static struct flare_str signed_copy(BIO *bio)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    char *copy =
        len > 0 ? flare__alloc(&flare__allocator_default, (size_t)len) : NULL;

    if (copy == NULL)
        return (struct flare_str){NULL, 0};
    memcpy(copy, bytes, (size_t)len);
    return (struct flare_str){copy, (size_t)len};
}

static bool signed_write(struct flare_tls_cert *out, X509 *x, EVP_PKEY *key)
{
    BIO *chain = BIO_new(BIO_s_mem());
    BIO *secret = BIO_new(BIO_s_mem()); /* erased when it is freed */

    if (chain != NULL && secret != NULL && PEM_write_bio_X509(chain, x) == 1 &&
        PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1) {
        out->chain.pem = signed_copy(chain);
        out->key.pem = signed_copy(secret);
    }
    BIO_free(chain);
    BIO_free(secret);
    return out->chain.pem.len > 0 && out->key.pem.len > 0;
}

int flare_tls_self_signed(struct flare_tls_cert *out, const char *const *names,
                          uint32_t days, struct flare_error *err)
{
    struct flare_tls_cert cert = {.chain.file = NULL};
    EVP_PKEY *key;
    X509 *x;
    bool is_done;
    int rc;

    if (names == NULL)
        names = signed_names;
    rc = signed_check(names, days, err);
    if (rc < 0)
        return rc;
    ERR_clear_error();
    key = EVP_EC_gen("P-256");
    x = key == NULL ? NULL : signed_make(key, names, days);
    is_done = x != NULL && signed_write(&cert, x, key);
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (!is_done) {
        flare_tls_self_signed_free(&cert);
        return flare__error(err, -ENOMEM, "self-signed: out of memory");
    }
    *out = cert;
    return 0;
}

void flare_tls_self_signed_free(struct flare_tls_cert *cert)
{
    char *chain = (char *)(uintptr_t)cert->chain.pem.ptr;
    char *key = (char *)(uintptr_t)cert->key.pem.ptr;

    if (key != NULL)
        OPENSSL_cleanse(key, cert->key.pem.len);
    flare__free(&flare__allocator_default, chain);
    flare__free(&flare__allocator_default, key);
    *cert = (struct flare_tls_cert){.chain.file = NULL};
}
