/* SPDX-License-Identifier: MIT */
/*
 * The keys that OpenSSL works with, derived a second time: it does not tell
 * them, but what they come from.  In TLS 1.3 that is a traffic secret (RFC 8446
 * 7.1 to 7.3), which it shows to whoever wants to log it; in TLS 1.2 the master
 * secret and the two randoms (RFC 5246 6.3; the salts of RFC 5288, the nonce of
 * RFC 7905).
 *
 * Whoever has these keys reads and forges the connection: they are erased as
 * soon as they are not needed, and are never part of a log.
 */
#ifndef FLARE__TLS_KEYS_H
#define FLARE__TLS_KEYS_H

#include <flare/base.h>

#include <openssl/ssl.h>

enum {
    FLARE__TLS_SECRET_MAX = 48, /* SHA-384 */
    FLARE__TLS_KEY_MAX = 32,
    FLARE__TLS_IV = 12,
    FLARE__TLS_SALT = 4, /* of an IV: AES-GCM in TLS 1.2 */
    FLARE__TLS_SEQUENCE = 8,
    FLARE__TLS_TAG = 16,
    /* a sealed record beyond its bytes, also with type and explicit nonce */
    FLARE__TLS_SEALED = 5 + 8 + 1 + FLARE__TLS_TAG
};

enum flare__tls_cipher {
    FLARE__TLS_AES_128_GCM,
    FLARE__TLS_AES_256_GCM,
    FLARE__TLS_CHACHA20_POLY1305,
    FLARE__TLS_CIPHERS
};

/* The secret of one direction, TLS 1.3. */
struct flare__tls_secret {
    uint8_t bytes[FLARE__TLS_SECRET_MAX];
    uint8_t len; /* 0: none */
};

/* What one direction is encrypted with. */
struct flare__tls_keys {
    uint8_t cipher; /* enum flare__tls_cipher */
    uint8_t key_len;
    bool is_1_3;
    uint8_t key[FLARE__TLS_KEY_MAX];
    uint8_t iv[FLARE__TLS_IV]; /* of AES-GCM in TLS 1.2 the salt alone */
};

/*
 * The cipher of a connection whose handshake is done, in `*cipher`; -EOPNOTSUPP
 * if it is another one.
 */
FLARE_MUST_USE
int flare__tls_keys_cipher(const SSL *ssl, enum flare__tls_cipher *cipher);

/*
 * Takes the secret out of a line that OpenSSL would have logged, if it is that
 * of application data which the server (else the client) sends.  false: the
 * line is about something else.
 */
bool flare__tls_keys_read(struct flare__tls_secret *out, const char *line,
                          bool is_server);

/*
 * HKDF-Expand-Label without context (RFC 8446 7.1); -ENOMEM where OpenSSL
 * fails.
 */
FLARE_MUST_USE
int flare__tls_keys_expand(uint8_t *out, size_t len, const char *digest,
                           const struct flare__tls_secret *secret,
                           const char *label);

/* The secret after a KeyUpdate (RFC 8446 7.2), in its place. */
FLARE_MUST_USE
int flare__tls_keys_update(struct flare__tls_secret *secret,
                           const char *digest);

/*
 * The keys of what the server (else the client) of an open connection sends.
 * `secret` is TLS 1.3's, after `updates` KeyUpdates; it stays.  0; -EOPNOTSUPP
 * for another cipher or without a secret; -ENOMEM.  Erase with
 * flare__tls_keys_erase.
 */
FLARE_MUST_USE
int flare__tls_keys_derive(struct flare__tls_keys *out, SSL *ssl,
                           const struct flare__tls_secret *secret,
                           uint32_t updates, bool is_server);

void flare__tls_keys_erase(struct flare__tls_keys *keys);

/*
 * Makes a record of `type` with these bytes, as number `sequence`, in `out` of
 * FLARE__TLS_SEALED more bytes.  Returns its length, or -ENOMEM.  The explicit
 * nonce of TLS 1.2 is the sequence: for records that never leave the process.
 */
FLARE_MUST_USE
int flare__tls_keys_seal(const struct flare__tls_keys *keys, uint64_t sequence,
                         uint8_t type, struct flare_str bytes, uint8_t *out);

#endif
