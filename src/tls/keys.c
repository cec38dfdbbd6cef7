/* SPDX-License-Identifier: MIT */
/* See keys.h. */
#include "tls/keys.h"

#include "base/assert.h"
#include "tls/records.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <errno.h>
#include <string.h>

static const struct {
    int nid;
    uint8_t key_len;
} keys_ciphers[FLARE__TLS_CIPHERS] = {
    [FLARE__TLS_AES_128_GCM] = {NID_aes_128_gcm, 16},
    [FLARE__TLS_AES_256_GCM] = {NID_aes_256_gcm, 32},
    [FLARE__TLS_CHACHA20_POLY1305] = {NID_chacha20_poly1305, 32},
};

int flare__tls_keys_cipher(const SSL *ssl, enum flare__tls_cipher *cipher)
{
    const SSL_CIPHER *mine = SSL_get_current_cipher(ssl);
    int nid = mine == NULL ? NID_undef : SSL_CIPHER_get_cipher_nid(mine);

    for (int i = 0; i < FLARE__TLS_CIPHERS; i++) {
        if (keys_ciphers[i].nid != nid)
            continue;
        *cipher = (enum flare__tls_cipher)i;
        return 0;
    }
    return -EOPNOTSUPP;
}

static int keys_nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool flare__tls_keys_read(struct flare__tls_secret *out, const char *line,
                          bool is_server)
{
    const char *label =
        is_server ? "SERVER_TRAFFIC_SECRET_0 " : "CLIENT_TRAFFIC_SECRET_0 ";
    size_t len = strlen(label);
    const char *hex;

    if (strncmp(line, label, len) != 0)
        return false;
    hex = strchr(line + len, ' '); /* after the client's random */
    if (hex == NULL || strlen(hex + 1) > 2 * FLARE__TLS_SECRET_MAX)
        return false;
    hex++;
    for (len = 0; hex[2 * len] != '\0'; len++) {
        int high = keys_nibble(hex[2 * len]);
        int low = high < 0 ? -1 : keys_nibble(hex[2 * len + 1]);

        if (low < 0) {
            OPENSSL_cleanse(out, sizeof(*out));
            return false;
        }
        out->bytes[len] = (uint8_t)(high * 16 + low);
    }
    out->len = (uint8_t)len;
    return len > 0;
}

/* One derivation; 0 or -ENOMEM, the error queue as it was found: empty. */
static int keys_kdf(const char *name, const OSSL_PARAM *params, uint8_t *out,
                    size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    int rc =
        ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1 ? 0 : -ENOMEM;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return rc;
}

/* OpenSSL's parameters are not const, but of what is only read. */
static OSSL_PARAM keys_octets(const char *name, const void *bytes, size_t len)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes,
                                             len);
}

static OSSL_PARAM keys_text(const char *name, const char *text)
{
    return OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)text, 0);
}

int flare__tls_keys_expand(uint8_t *out, size_t len, const char *digest,
                           const struct flare__tls_secret *secret,
                           const char *label)
{
    static const char prefix[] = "tls13 ";
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    size_t label_len = sizeof(prefix) - 1 + strlen(label);
    uint8_t info[2 + 1 + 32 + 1];
    OSSL_PARAM params[5];

    FLARE_ASSERT(label_len <= 32 && len <= 255);
    info[0] = 0;
    info[1] = (uint8_t)len;
    info[2] = (uint8_t)label_len;
    memcpy(info + 3, prefix, sizeof(prefix) - 1);
    memcpy(info + 3 + sizeof(prefix) - 1, label, strlen(label));
    info[3 + label_len] = 0; /* no context */
    params[0] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    params[1] = keys_text(OSSL_KDF_PARAM_DIGEST, digest);
    params[2] = keys_octets(OSSL_KDF_PARAM_KEY, secret->bytes, secret->len);
    params[3] = keys_octets(OSSL_KDF_PARAM_INFO, info, 4 + label_len);
    params[4] = OSSL_PARAM_construct_end();
    return keys_kdf("HKDF", params, out, len);
}

int flare__tls_keys_update(struct flare__tls_secret *secret, const char *digest)
{
    struct flare__tls_secret next = {.len = secret->len};
    int rc = flare__tls_keys_expand(next.bytes, next.len, digest, secret,
                                    "traffic upd");

    if (rc == 0)
        *secret = next;
    OPENSSL_cleanse(&next, sizeof(next));
    return rc;
}

static int keys_derive_1_3(struct flare__tls_keys *out, const char *digest,
                           const struct flare__tls_secret *secret,
                           uint32_t updates)
{
    struct flare__tls_secret mine = *secret;
    int rc = mine.len > 0 ? 0 : -EOPNOTSUPP;

    for (; rc == 0 && updates > 0; updates--)
        rc = flare__tls_keys_update(&mine, digest);
    if (rc == 0)
        rc = flare__tls_keys_expand(out->key, out->key_len, digest, &mine,
                                    "key");
    if (rc == 0)
        rc =
            flare__tls_keys_expand(out->iv, FLARE__TLS_IV, digest, &mine, "iv");
    OPENSSL_cleanse(&mine, sizeof(mine));
    return rc;
}

/*
 * RFC 5246 6.3: the block is the client's key, the server's, the client's IV,
 * the server's; AEAD ciphers have no MAC keys in front.
 */
static int keys_derive_1_2(struct flare__tls_keys *out, SSL *ssl,
                           const char *digest, bool is_server)
{
    static const char label[] = "key expansion";
    size_t iv_len = out->cipher == FLARE__TLS_CHACHA20_POLY1305
                        ? FLARE__TLS_IV
                        : FLARE__TLS_SALT;
    uint8_t master[SSL_MAX_MASTER_KEY_LENGTH];
    uint8_t seed[sizeof(label) - 1 + 2 * SSL3_RANDOM_SIZE];
    uint8_t block[2 * (FLARE__TLS_KEY_MAX + FLARE__TLS_IV)];
    uint8_t *random = seed + sizeof(label) - 1;
    size_t master_len = SSL_SESSION_get_master_key(SSL_get0_session(ssl),
                                                   master, sizeof(master));
    OSSL_PARAM params[4];
    int rc;

    memcpy(seed, label, sizeof(label) - 1);
    (void)SSL_get_server_random(ssl, random, SSL3_RANDOM_SIZE);
    (void)SSL_get_client_random(ssl, random + SSL3_RANDOM_SIZE,
                                SSL3_RANDOM_SIZE);
    params[0] = keys_text(OSSL_KDF_PARAM_DIGEST, digest);
    params[1] = keys_octets(OSSL_KDF_PARAM_SECRET, master, master_len);
    params[2] = keys_octets(OSSL_KDF_PARAM_SEED, seed, sizeof(seed));
    params[3] = OSSL_PARAM_construct_end();
    rc = keys_kdf("TLS1-PRF", params, block, 2 * (out->key_len + iv_len));
    if (rc == 0) {
        memcpy(out->key, block + (is_server ? out->key_len : 0), out->key_len);
        memcpy(out->iv, block + 2 * out->key_len + (is_server ? iv_len : 0),
               iv_len);
    }
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(master, sizeof(master));
    return rc;
}

int flare__tls_keys_derive(struct flare__tls_keys *out, SSL *ssl,
                           const struct flare__tls_secret *secret,
                           uint32_t updates, bool is_server)
{
    enum flare__tls_cipher cipher;
    const char *digest;
    int rc = flare__tls_keys_cipher(ssl, &cipher);

    memset(out, 0, sizeof(*out));
    if (rc < 0)
        return rc;
    digest = EVP_MD_get0_name(
        SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl)));
    out->cipher = (uint8_t)cipher;
    out->key_len = keys_ciphers[cipher].key_len;
    out->is_1_3 = SSL_version(ssl) == TLS1_3_VERSION;
    rc = out->is_1_3 ? keys_derive_1_3(out, digest, secret, updates)
                     : keys_derive_1_2(out, ssl, digest, is_server);
    if (rc < 0)
        flare__tls_keys_erase(out);
    return rc;
}

void flare__tls_keys_erase(struct flare__tls_keys *keys)
{
    OPENSSL_cleanse(keys, sizeof(*keys));
}

static void keys_put_u64(uint8_t out[FLARE__TLS_SEQUENCE], uint64_t number)
{
    for (int i = 0; i < FLARE__TLS_SEQUENCE; i++)
        out[i] = (uint8_t)(number >> (56 - 8 * i));
}

/* The nonce of one record: RFC 8446 5.3, RFC 7905 2; RFC 5288 3. */
static void keys_nonce(uint8_t nonce[FLARE__TLS_IV],
                       const struct flare__tls_keys *keys, uint64_t sequence)
{
    uint8_t number[FLARE__TLS_SEQUENCE];

    keys_put_u64(number, sequence);
    memcpy(nonce, keys->iv, FLARE__TLS_IV); /* GCM's in TLS 1.2 ends in zeros */
    for (int i = 0; i < FLARE__TLS_SEQUENCE; i++)
        nonce[FLARE__TLS_SALT + i] ^= number[i];
}

/* What is encrypted: a body and, in TLS 1.3, the type behind it. */
struct keys_job {
    uint8_t nonce[FLARE__TLS_IV];
    uint8_t aad[13];
    int aad_len;
    const uint8_t *type; /* NULL: none inside */
    struct flare_str bytes;
};

static int keys_encrypt(const struct flare__tls_keys *keys,
                        const struct keys_job *job, uint8_t *out)
{
    const EVP_CIPHER *cipher =
        EVP_get_cipherbynid(keys_ciphers[keys->cipher].nid);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = (int)job->bytes.len;
    int n = 0;
    bool is_done =
        ctx != NULL &&
        EVP_EncryptInit_ex(ctx, cipher, NULL, keys->key, job->nonce) == 1 &&
        EVP_EncryptUpdate(ctx, NULL, &n, job->aad, job->aad_len) == 1 &&
        (len == 0 ||
         EVP_EncryptUpdate(ctx, out, &n, (const uint8_t *)job->bytes.ptr,
                           len) == 1) &&
        (job->type == NULL ||
         EVP_EncryptUpdate(ctx, out + len, &n, job->type, 1) == 1);

    if (job->type != NULL)
        len++;
    is_done = is_done && EVP_EncryptFinal_ex(ctx, out + len, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, FLARE__TLS_TAG,
                                  out + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return is_done ? len + FLARE__TLS_TAG : -ENOMEM;
}

int flare__tls_keys_seal(const struct flare__tls_keys *keys, uint64_t sequence,
                         uint8_t type, struct flare_str bytes, uint8_t *out)
{
    bool has_nonce =
        !keys->is_1_3 && keys->cipher != FLARE__TLS_CHACHA20_POLY1305;
    size_t front = FLARE__TLS_HEADER + (has_nonce ? FLARE__TLS_NONCE : 0);
    size_t len = front - FLARE__TLS_HEADER + bytes.len + FLARE__TLS_TAG +
                 (keys->is_1_3 ? 1 : 0);
    struct keys_job job = {.bytes = bytes, .type = keys->is_1_3 ? &type : NULL};
    int n;

    FLARE_ASSERT(bytes.len <= 16384);
    out[0] = keys->is_1_3 ? SSL3_RT_APPLICATION_DATA : type;
    out[1] = TLS1_2_VERSION_MAJOR;
    out[2] = TLS1_2_VERSION_MINOR;
    out[3] = (uint8_t)(len >> 8);
    out[4] = (uint8_t)len;
    keys_nonce(job.nonce, keys, sequence);
    if (has_nonce)
        keys_put_u64(out + FLARE__TLS_HEADER, sequence);
    if (keys->is_1_3) { /* RFC 8446 5.2: the header */
        job.aad_len = FLARE__TLS_HEADER;
        memcpy(job.aad, out, FLARE__TLS_HEADER);
    } else { /* RFC 5246 6.2.3.3: sequence, and the header of the plaintext */
        job.aad_len = sizeof(job.aad);
        keys_put_u64(job.aad, sequence);
        memcpy(job.aad + FLARE__TLS_SEQUENCE, out, 3);
        job.aad[11] = (uint8_t)(bytes.len >> 8);
        job.aad[12] = (uint8_t)bytes.len;
    }
    n = keys_encrypt(keys, &job, out + front);
    return n < 0 ? n : (int)front + n;
}
