/* SPDX-License-Identifier: MIT */
/*
 * See facts.h.  What is told of a certificate is text for logs and comparisons:
 * every byte of it is printable ASCII, whatever an issuer has signed, and none
 * is ever cut, as half a name may be another's.
 */
#include "tls/facts.h"

#include "dns/host.h"
#include "tls/fail.h"
#include "tls/link.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <string.h>

/* Where texts go, one behind the other. */
struct facts_room {
    char *at;
    size_t left;
    int rc;
};

static struct flare__tls *facts_engine(const struct flare__sock *sock)
{
    struct flare__tls_link *link = flare__tls_link_of(sock);
    struct flare__tls *e = link == NULL ? NULL : flare__tls_link_engine(link);

    return e != NULL && flare__tls_is_open(e) ? e : NULL;
}

int flare__tls_facts_info(const struct flare__sock *sock,
                          struct flare_tls_info *info)
{
    const struct flare__tls *e = facts_engine(sock);

    if (e == NULL)
        return -ENOTCONN;
    flare__tls_info(e, info);
    return 0;
}

/* ---- the peer's certificate */

static struct flare_str facts_put(struct facts_room *r, const void *bytes,
                                  size_t len)
{
    struct flare_str text = {r->at, len};

    if (r->rc < 0 || len > r->left) {
        r->rc = r->rc < 0 ? r->rc : -ENOBUFS;
        return (struct flare_str){NULL, 0};
    }
    if (len > 0)
        memcpy(r->at, bytes, len);
    r->at += len;
    r->left -= len;
    return text;
}

static struct flare_str facts_hex(struct facts_room *r, const uint8_t *bytes,
                                  size_t len)
{
    static const char digits[] = "0123456789abcdef";
    struct flare_str text = {r->at, 0};

    for (size_t i = 0; i < len; i++) {
        const char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};

        text.len += facts_put(r, pair, 2).len;
    }
    return text;
}

/* A part of the certificate cannot be told: its fault, or memory's. */
static void facts_fail(struct facts_room *r)
{
    /* OpenSSL says nothing where it has no memory for that either */
    bool has_memory =
        ERR_peek_error() != 0 && !flare__tls_queue_has_no_memory();

    if (r->rc == 0)
        r->rc = has_memory ? FLARE_E_TLS_BAD_CERTIFICATE : -ENOMEM;
}

/* RFC 4514, the last RDN first; what is not printable ASCII is escaped. */
static struct flare_str facts_name(struct facts_room *r, const X509_NAME *name)
{
    struct flare_str text = {NULL, 0};
    BIO *bio = BIO_new(BIO_s_mem());
    const char *bytes;
    long len;

    if (bio == NULL) {
        r->rc = -ENOMEM;
    } else if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0) {
        facts_fail(r);
    } else {
        len = BIO_get_mem_data(bio, (char **)(uintptr_t)&bytes);
        text = facts_put(r, bytes, len > 0 ? (size_t)len : 0);
    }
    BIO_free(bio);
    return text;
}

static bool facts_is_printable(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] <= ' ' || bytes[i] > '~')
            return false; /* a NUL above all: who stops there is deceived */
    }
    return len > 0;
}

/* The first subject name that is text. */
static struct flare_str facts_san(struct facts_room *r, X509 *cert)
{
    static const struct {
        int type;
        const char *prefix;
    } kinds[] = {{GEN_DNS, "DNS:"}, {GEN_EMAIL, "email:"}, {GEN_URI, "URI:"}};
    GENERAL_NAMES *names =
        X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    struct flare_str text = {NULL, 0};

    for (int i = 0; text.len == 0 && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            const unsigned char *bytes;
            size_t len;

            if (name->type != kinds[k].type)
                continue;
            bytes = ASN1_STRING_get0_data(name->d.ia5);
            len = (size_t)ASN1_STRING_length(name->d.ia5);
            if (!facts_is_printable(bytes, len))
                continue;
            text = facts_put(r, kinds[k].prefix, strlen(kinds[k].prefix));
            text.len += facts_put(r, bytes, len).len;
        }
    }
    GENERAL_NAMES_free(names);
    if (flare__tls_queue_has_no_memory())
        facts_fail(r);
    return text;
}

/* Seconds since 1970. */
static int64_t facts_time(struct facts_room *r, const ASN1_TIME *time)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;

    if (epoch == NULL)
        r->rc = -ENOMEM;
    else if (ASN1_TIME_diff(&days, &seconds, epoch, time) != 1)
        facts_fail(r);
    ASN1_TIME_free(epoch);
    return (int64_t)days * 86400 + seconds;
}

static void facts_read(struct facts_room *r, struct flare_tls_peer *peer,
                       X509 *cert)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_len = 0;

    if (X509_digest(cert, EVP_sha256(), digest, &digest_len) != 1)
        r->rc = -ENOMEM; /* no certificate's fault */
    peer->subject = facts_name(r, X509_get_subject_name(cert));
    peer->issuer = facts_name(r, X509_get_issuer_name(cert));
    peer->serial = facts_hex(r, ASN1_STRING_get0_data(serial),
                             (size_t)ASN1_STRING_length(serial));
    peer->fingerprint = facts_hex(r, digest, digest_len);
    peer->san = facts_san(r, cert);
    peer->not_before = facts_time(r, X509_get0_notBefore(cert));
    peer->not_after = facts_time(r, X509_get0_notAfter(cert));
}

int flare__tls_facts_peer(const struct flare__sock *sock,
                          struct flare_tls_peer *peer, char *room, size_t size)
{
    struct facts_room r = {.at = room, .left = size};
    const struct flare__tls *e = facts_engine(sock);
    struct flare_tls_peer found = {.not_after = 0};
    X509 *cert;

    if (e == NULL)
        return -ENOTCONN;
    cert = SSL_get0_peer_certificate(e->ssl);
    if (cert == NULL)
        return FLARE_E_TLS_NO_CERTIFICATE;
    ERR_clear_error();
    facts_read(&r, &found, cert);
    ERR_clear_error();
    if (r.rc < 0)
        return r.rc;
    *peer = found;
    return 0;
}

/* ---- the certificate that was shown */

/* Without port, brackets and the root's dot. */
static struct flare_str facts_bare(struct flare_str host)
{
    const char *end;

    if (host.len > 0 && host.ptr[0] == '[') {
        end = memchr(host.ptr, ']', host.len);
        return end == NULL ? host
                           : (struct flare_str){host.ptr + 1,
                                                (size_t)(end - host.ptr) - 1};
    }
    end = host.len > 0 ? memchr(host.ptr, ':', host.len) : NULL;
    if (end != NULL)
        host.len = (size_t)(end - host.ptr);
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    return host;
}

static bool facts_is_valid_for(X509 *cert, struct flare_str host)
{
    char text[FLARE_IP_TEXT_MAX];
    struct flare_ip ip;

    switch (flare__dns_host_read(&ip, host, NULL)) {
    case FLARE__DNS_HOST_BAD:
        return false;
    case FLARE__DNS_HOST_ADDRESS:
        (void)flare_ip_format(&ip, text, sizeof(text));
        return X509_check_ip_asc(cert, text, 0) == 1;
    case FLARE__DNS_HOST_NAME:
        break;
    }
    return X509_check_host(cert, host.ptr, host.len,
                           X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

bool flare__tls_facts_is_misdirected(const struct flare__sock *sock,
                                     struct flare_str host)
{
    const struct flare__tls *e = facts_engine(sock);
    struct flare_str bare = facts_bare(host);
    bool is_valid;
    X509 *cert;

    if (e == NULL || e->name_len == 0 || bare.len == 0 ||
        flare_str_equal_nocase(bare, (struct flare_str){e->name, e->name_len}))
        return false;
    cert = SSL_get_certificate(e->ssl);
    ERR_clear_error();
    is_valid = cert != NULL && facts_is_valid_for(cert, bare);
    ERR_clear_error();
    return !is_valid;
}
