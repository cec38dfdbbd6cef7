/* SPDX-License-Identifier: MIT */
/*
 * A configuration as OpenSSL has it: made once, then only read, by any number
 * of threads; counted, as connections outlive a reload.
 */
#ifndef FLARE__TLS_CONF_H
#define FLARE__TLS_CONF_H

#include <flare/tls.h>

#include "base/log.h"

#include <openssl/ssl.h>

#include <stdatomic.h>

struct flare__tls_certs;
struct flare__tls_tickets;
struct flare__tls_sessions;
struct flare__tls_counts;

enum {
    FLARE__TLS_PIN_BYTES = 32,     /* SHA-256 */
    FLARE__TLS_SECURITY_LEVEL = 2, /* 112 bits: RSA 2048, EC 224, no SHA-1 */
    FLARE__TLS_CERT_BYTES_MAX = 64 * 1024, /* of a peer's chain */
    FLARE__TLS_CHAIN_MAX = 10,             /* certificates that a peer sends */
    FLARE__TLS_KEY_BITS_MAX = 8192 /* of a peer's RSA key, CVE-2023-29409 */
};

struct flare__tls_pin {
    uint8_t bytes[FLARE__TLS_PIN_BYTES];
};

struct flare__tls_conf {
    SSL_CTX *ctx;
    BIO_METHOD *bio;
    const struct flare_allocator *al;
    struct flare__log log;
    atomic_uint refs;
    bool has_kernel;          /* TLS may be handed to the kernel; kernel.h */
    atomic_uint kernel_lacks; /* bits of kernel.c */

    uint8_t alpn[FLARE_TLS_ALPN_BYTES_MAX + 1]; /* as on the wire */
    uint32_t alpn_len;

    /* Of a server. */
    struct flare__tls_certs *certs;
    struct flare__tls_tickets *tickets; /* counted, its holder's */
    struct flare__tls_counts *counts;   /* likewise */

    /* Of a client. */
    struct flare__tls_pin *pins;
    uint32_t pin_count;
    struct flare__tls_sessions *sessions; /* NULL: none are kept */
    bool is_insecure;
    bool needs_staple;
};

/* What both ends set the same way. */
struct flare__tls_common {
    const char *const *alpn;
    enum flare_tls_version version_min;
    enum flare_tls_version version_max;
    bool kernel_off;
    flare_log_fn log;
    void *log_ctx;
    const struct flare_allocator *al;
};

/*
 * An SSL_CTX with the rules of this library and nothing of a certificate, one
 * reference.  0, FLARE_E_BAD_CONFIG, -ENOMEM; `err` has the sentence.
 */
FLARE_MUST_USE
int flare__tls_conf_new(struct flare__tls_conf **out,
                        const struct flare__tls_common *common,
                        struct flare_error *err);

struct flare__tls_conf *flare__tls_conf_ref(struct flare__tls_conf *conf);

/* Accepts NULL. */
void flare__tls_conf_unref(struct flare__tls_conf *conf);

/*
 * Adds what to trust and what is revoked to the context's store; what is not
 * given is not added.  Of a server the sentences say "client_ca".
 */
FLARE_MUST_USE
int flare__tls_conf_trust(struct flare__tls_conf *conf,
                          const struct flare_tls_pem *ca,
                          const struct flare_tls_pem *crl,
                          struct flare_error *err);

#endif
