/* SPDX-License-Identifier: MIT */
/* See soft_kernel.h. */
#include "tests/tls/soft_kernel.h"

#include "tests/support/test.h"

#include <openssl/evp.h>

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <string.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

static struct soft_kernel *kernel_of(struct flare__backend *b)
{
    return (struct soft_kernel *)(void *)b;
}

static uint64_t u64_of(const uint8_t *p)
{
    uint64_t n = 0;

    for (int i = 0; i < 8; i++)
        n = n << 8 | p[i];
    return n;
}

/* The other way round: salt and IV become one again. */
static void way_read(struct soft_way *way, const void *value, socklen_t len)
{
    union {
        struct tls_crypto_info info;
        struct tls12_crypto_info_aes_gcm_128 aes_128;
        struct tls12_crypto_info_aes_gcm_256 aes_256;
        struct tls12_crypto_info_chacha20_poly1305 chacha20;
    } u;
    struct flare__tls_keys *keys = &way->keys;

    ck_assert_uint_le(len, sizeof(u));
    memcpy(&u, value, len);
    memset(keys, 0, sizeof(*keys));
    keys->is_1_3 = u.info.version == TLS_1_3_VERSION;
    ck_assert(keys->is_1_3 || u.info.version == TLS_1_2_VERSION);
    switch (u.info.cipher_type) {
    case TLS_CIPHER_AES_GCM_128:
        ck_assert_uint_eq(len, sizeof(u.aes_128));
        keys->cipher = FLARE__TLS_AES_128_GCM;
        keys->key_len = 16;
        memcpy(keys->key, u.aes_128.key, 16);
        memcpy(keys->iv, u.aes_128.salt, 4);
        memcpy(way->told_iv, u.aes_128.iv, 8);
        way->sequence = u64_of(u.aes_128.rec_seq);
        break;
    case TLS_CIPHER_AES_GCM_256:
        ck_assert_uint_eq(len, sizeof(u.aes_256));
        keys->cipher = FLARE__TLS_AES_256_GCM;
        keys->key_len = 32;
        memcpy(keys->key, u.aes_256.key, 32);
        memcpy(keys->iv, u.aes_256.salt, 4);
        memcpy(way->told_iv, u.aes_256.iv, 8);
        way->sequence = u64_of(u.aes_256.rec_seq);
        break;
    default:
        ck_assert_int_eq(u.info.cipher_type, TLS_CIPHER_CHACHA20_POLY1305);
        ck_assert_uint_eq(len, sizeof(u.chacha20));
        keys->cipher = FLARE__TLS_CHACHA20_POLY1305;
        keys->key_len = 32;
        memcpy(keys->key, u.chacha20.key, 32);
        memcpy(keys->iv, u.chacha20.iv, 12);
        way->sequence = u64_of(u.chacha20.rec_seq);
        return;
    }
    if (keys->is_1_3)
        memcpy(keys->iv + 4, way->told_iv, 8);
}

static int soft_option(struct flare__backend *b, int fd, int level, int name,
                       const void *value, socklen_t len)
{
    struct soft_kernel *k = kernel_of(b);
    bool is_tx = name == TLS_TX;
    struct soft_way *way = is_tx ? &k->tx : &k->rx;
    int rc = is_tx ? k->tx_rc : k->rx_rc;

    ck_assert_int_eq(fd, k->sock.fd);
    if (level == IPPROTO_TCP) {
        ck_assert_mem_eq(value, "tls", 4);
        k->ulps++;
        return k->ulp_rc;
    }
    ck_assert_int_eq(level, SOL_TLS);
    if (rc < 0)
        return rc;
    way_read(way, value, len);
    way->installs++;
    return 0;
}

static void soft_record_start(struct flare__backend *b,
                              struct flare__sock *sock)
{
    (void)sock;
    kernel_of(b)->starts++;
}

static int soft_record_send(struct flare__backend *b, struct flare__sock *sock,
                            uint8_t type, const void *bytes, size_t len)
{
    struct soft_kernel *k = kernel_of(b);

    (void)sock;
    if (k->send_rc < 0)
        return k->send_rc;
    ck_assert_int_lt(k->sent_count, 8);
    ck_assert_uint_le(len, sizeof(k->sent[0]));
    k->sent_type[k->sent_count] = type;
    memcpy(k->sent[k->sent_count], bytes, len);
    k->sent_len[k->sent_count++] = len;
    return 0;
}

static int soft_record_recv(struct flare__backend *b, struct flare__sock *sock,
                            uint8_t *type, void *buf, size_t room)
{
    struct soft_kernel *k = kernel_of(b);
    size_t n = k->recv_len - k->recv_at;

    (void)sock;
    if (n == 0)
        return -EAGAIN;
    if (n > room)
        n = room;
    memcpy(buf, k->recv + k->recv_at, n);
    k->recv_at += n;
    *type = k->recv_type;
    return (int)n;
}

static const struct flare__backend_ops soft_ops = {
    .name = "soft",
    .option = soft_option,
    .record_start = soft_record_start,
    .record_send = soft_record_send,
    .record_recv = soft_record_recv,
};

bool __wrap_flare__os_has_tls(void)
{
    return true;
}

void soft_init(struct soft_kernel *k)
{
    memset(k, 0, sizeof(*k));
    k->loop = calloc(1, sizeof(*k->loop));
    ck_assert_ptr_nonnull(k->loop);
    k->loop->ops = &soft_ops;
    k->loop->backend = (struct flare__backend *)(void *)k;
    k->sock.fd = 77;
}

void soft_fini(struct soft_kernel *k)
{
    free(k->loop);
}

size_t soft_seal(struct soft_kernel *k, uint8_t type, const void *bytes,
                 size_t len, uint8_t *out)
{
    int n = flare__tls_keys_seal(&k->tx.keys, k->tx.sequence++, type,
                                 (struct flare_str){bytes, len}, out);

    ck_assert_int_gt(n, 0);
    return (size_t)n;
}

size_t soft_record(const char *bytes, size_t len)
{
    size_t need;

    if (len < 5)
        return 0;
    need = 5 + ((size_t)(uint8_t)bytes[3] << 8) + (uint8_t)bytes[4];
    return need <= len ? need : 0;
}

/* Written by itself, not as keys.c does it. */
int soft_open(const struct flare__tls_keys *keys, uint64_t sequence,
              const uint8_t *record, size_t len, uint8_t *out, uint8_t *type)
{
    static const char *const names[] = {"AES-128-GCM", "AES-256-GCM",
                                        "ChaCha20-Poly1305"};
    bool has_nonce =
        !keys->is_1_3 && keys->cipher != FLARE__TLS_CHACHA20_POLY1305;
    size_t front = has_nonce ? 13 : 5;
    size_t body = len - front - 16;
    uint8_t number[8];
    uint8_t nonce[12];
    uint8_t aad[13];
    int aad_len = 5;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[keys->cipher], NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    int end = 0;
    bool is_open;

    ck_assert_uint_ge(len, front + 16);
    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)(sequence >> 8 * (7 - i));
    memcpy(nonce, keys->iv, 12);
    if (has_nonce)
        memcpy(nonce + 4, record + 5, 8);
    for (int i = 0; !has_nonce && i < 8; i++)
        nonce[4 + i] ^= number[i];
    memcpy(aad, record, 5);
    if (!keys->is_1_3) {
        memcpy(aad, number, 8);
        memcpy(aad + 8, record, 3);
        aad[11] = (uint8_t)(body >> 8);
        aad[12] = (uint8_t)body;
        aad_len = 13;
    }
    is_open =
        EVP_DecryptInit_ex2(ctx, cipher, keys->key, nonce, NULL) == 1 &&
        EVP_DecryptUpdate(ctx, NULL, &n, aad, aad_len) == 1 &&
        EVP_DecryptUpdate(ctx, out, &n, record + front, (int)body) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16,
                            (uint8_t *)(uintptr_t)(record + len - 16)) == 1 &&
        EVP_DecryptFinal_ex(ctx, out + n, &end) == 1;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    if (!is_open)
        return -1;
    *type = record[0];
    if (!keys->is_1_3)
        return n;
    *type = out[--n]; /* no padding is expected here */
    return n;
}
