/* SPDX-License-Identifier: MIT */
/* See kernel.h. */
#include "tls/kernel.h"

#include "base/assert.h"
#include "net/os.h"
#include "tls/counts.h"
#include "tls/fail.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <errno.h>
#include <string.h>

/* ---- what OpenSSL does, told by itself */

/* What a kernel has been found to lack: all of it, or a cipher one way. */
enum { KERNEL_LACKS_ALL = 1 };

static bool kernel_has_any(const struct flare__tls *e)
{
    return (atomic_load_explicit(&e->conf->kernel_lacks, memory_order_relaxed) &
            KERNEL_LACKS_ALL) == 0;
}

static void kernel_on_line(const SSL *ssl, const char *line)
{
    struct flare__tls *e = SSL_get_app_data(ssl);

    if (e == NULL || e->state != FLARE__TLS_HANDSHAKE || !kernel_has_any(e))
        return;
    if (!flare__tls_keys_read(&e->tx.secret, line, e->is_server))
        (void)flare__tls_keys_read(&e->rx.secret, line, !e->is_server);
}

void flare__tls_kernel_attach(struct flare__tls_conf *conf)
{
    /*
     * Not where it would be for nothing: OpenSSL writes each secret out in
     * hexadecimal, which is a tenth of a resumed handshake.
     */
    if (!flare__os_has_tls())
        return;
    conf->has_kernel = true;
    SSL_CTX_set_keylog_callback(conf->ctx, kernel_on_line);
}

void flare__tls_kernel_forget(struct flare__tls_way *way)
{
    OPENSSL_cleanse(&way->secret, sizeof(way->secret));
}

static void kernel_message(struct flare__tls *e, struct flare__tls_way *way,
                           bool is_sent, struct flare_str message)
{
    uint8_t kind = (uint8_t)message.ptr[0];

    if (SSL_version(e->ssl) != TLS1_3_VERSION)
        return;
    if (kind == SSL3_MT_KEY_UPDATE) {
        way->updates++;
        if (is_sent) /* type 1, length 3, then 1: the other's is asked for */
            e->key_update = (uint8_t)message.ptr[message.len - 1];
    } else if (kind != SSL3_MT_FINISHED) {
        return;
    }
    way->sequence = 0; /* the next record has new keys: RFC 8446 5.3 */
}

/*
 * Records are counted as their headers are told: a received one before the
 * message that is in it, a sent one likewise.  In TLS 1.2 new keys come with
 * ChangeCipherSpec; in TLS 1.3 that means nothing, and is over when they come.
 */
void flare__tls_kernel_follow(struct flare__tls *e, bool is_sent, int type,
                              struct flare_str message)
{
    struct flare__tls_way *way = is_sent ? &e->tx : &e->rx;

    if (message.len == 0)
        return;
    switch (type) {
    case SSL3_RT_HEADER:
        way->sequence++;
        if (message.ptr[0] == SSL3_RT_CHANGE_CIPHER_SPEC)
            way->sequence = 0;
        break;
    case SSL3_RT_HANDSHAKE:
        kernel_message(e, way, is_sent, message);
        break;
    case SSL3_RT_ALERT:
        if (is_sent && way->is_kernel && message.len == sizeof(e->alert)) {
            memcpy(e->alert, message.ptr, sizeof(e->alert));
            e->has_alert = true;
        }
        break;
    default:
        break;
    }
}

#ifdef __linux__

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

static unsigned kernel_bit(const struct flare__tls *e, bool is_sent)
{
    enum flare__tls_cipher cipher;
    unsigned place;

    if (flare__tls_keys_cipher(e->ssl, &cipher) < 0)
        cipher = FLARE__TLS_CIPHERS; /* none of ours */
    place = 1 + 4 * (unsigned)cipher + (is_sent ? 2 : 0) +
            (SSL_version(e->ssl) == TLS1_3_VERSION ? 1 : 0);
    return 1u << place;
}

static bool kernel_may(const struct flare__tls *e,
                       const struct flare_loop *loop, bool is_sent)
{
    const struct flare__tls_way *way = is_sent ? &e->tx : &e->rx;

    if (!e->conf->has_kernel || loop->ops->record_start == NULL ||
        e->state != FLARE__TLS_OPEN || way->is_kernel || way->is_refused)
        return false;
    return (atomic_load_explicit(&e->conf->kernel_lacks, memory_order_relaxed) &
            (KERNEL_LACKS_ALL | kernel_bit(e, is_sent))) == 0;
}

/* For good, as far as this connection goes. */
static int kernel_refuse(struct flare__tls *e, bool is_sent, unsigned lacks,
                         int rc)
{
    struct flare__tls_way *way = is_sent ? &e->tx : &e->rx;

    flare__tls_kernel_forget(way);
    way->is_refused = true;
    if (rc != -ENOMEM && rc != -ENOTCONN && rc != -ENOBUFS)
        atomic_fetch_or_explicit(&e->conf->kernel_lacks, lacks,
                                 memory_order_relaxed);
    return rc;
}

/* Of all ciphers; the kernel takes exactly its own cipher's length. */
union kernel_info {
    struct tls_crypto_info info;
    struct tls12_crypto_info_aes_gcm_128 aes_128;
    struct tls12_crypto_info_aes_gcm_256 aes_256;
    struct tls12_crypto_info_chacha20_poly1305 chacha20;
};

static void kernel_put_u64(unsigned char out[8], uint64_t number)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(number >> (56 - 8 * i));
}

/*
 * The explicit nonce of TLS 1.2 is the sender's choice, but two records under
 * one nonce give away the authentication key of AES-GCM.  OpenSSL counts its
 * nonces up from a random number, and so does the kernel from what it is given:
 * it goes on behind the last one that OpenSSL used, which never sends again.
 * (A received record says its own.)
 */
static void kernel_put_nonce(unsigned char out[8],
                             const struct flare__tls_records *records)
{
    uint64_t last = 0;

    for (int i = 0; i < FLARE__TLS_NONCE; i++)
        last = last << 8 | records->nonce[i];
    kernel_put_u64(out, last + 1);
}

/* Returns its length. */
static socklen_t kernel_fill(union kernel_info *out,
                             const struct flare__tls_keys *keys,
                             const struct flare__tls_way *way)
{
    unsigned char sequence[8];

    memset(out, 0, sizeof(*out));
    kernel_put_u64(sequence, way->sequence);
    out->info.version = keys->is_1_3 ? TLS_1_3_VERSION : TLS_1_2_VERSION;
    switch ((enum flare__tls_cipher)keys->cipher) {
    case FLARE__TLS_AES_128_GCM:
        out->info.cipher_type = TLS_CIPHER_AES_GCM_128;
        memcpy(out->aes_128.key, keys->key, keys->key_len);
        memcpy(out->aes_128.salt, keys->iv, FLARE__TLS_SALT);
        memcpy(out->aes_128.iv, keys->iv + FLARE__TLS_SALT, 8);
        memcpy(out->aes_128.rec_seq, sequence, sizeof(sequence));
        if (!keys->is_1_3)
            kernel_put_nonce(out->aes_128.iv, &way->records);
        return sizeof(out->aes_128);
    case FLARE__TLS_AES_256_GCM:
        out->info.cipher_type = TLS_CIPHER_AES_GCM_256;
        memcpy(out->aes_256.key, keys->key, keys->key_len);
        memcpy(out->aes_256.salt, keys->iv, FLARE__TLS_SALT);
        memcpy(out->aes_256.iv, keys->iv + FLARE__TLS_SALT, 8);
        memcpy(out->aes_256.rec_seq, sequence, sizeof(sequence));
        if (!keys->is_1_3)
            kernel_put_nonce(out->aes_256.iv, &way->records);
        return sizeof(out->aes_256);
    default:
        out->info.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
        memcpy(out->chacha20.key, keys->key, keys->key_len);
        memcpy(out->chacha20.iv, keys->iv, FLARE__TLS_IV);
        memcpy(out->chacha20.rec_seq, sequence, sizeof(sequence));
        return sizeof(out->chacha20);
    }
}

/* Derives, tells the kernel, erases.  -errno. */
static int kernel_install(struct flare__tls *e, struct flare_loop *loop,
                          struct flare__sock *sock, bool is_sent)
{
    const struct flare__tls_way *way = is_sent ? &e->tx : &e->rx;
    struct flare__tls_keys keys;
    union kernel_info info;
    socklen_t len;
    int rc = flare__tls_keys_derive(&keys, e->ssl, &way->secret, way->updates,
                                    is_sent == e->is_server);

    if (rc < 0)
        return rc;
    len = kernel_fill(&info, &keys, way);
    rc = loop->ops->option(loop->backend, sock->fd, SOL_TLS,
                           is_sent ? TLS_TX : TLS_RX, &info, len);
    OPENSSL_cleanse(&info, sizeof(info));
    flare__tls_keys_erase(&keys);
    return rc;
}

/* The socket's TLS as a whole, once for both directions. */
static int kernel_begin(struct flare__tls *e, struct flare_loop *loop,
                        struct flare__sock *sock)
{
    static const char name[] = "tls";
    int rc;

    if (e->has_ulp)
        return 0;
    rc = loop->ops->option(loop->backend, sock->fd, IPPROTO_TCP, TCP_ULP, name,
                           sizeof(name));
    if (rc == 0)
        e->has_ulp = true;
    return rc;
}

static int kernel_switch(struct flare__tls *e, struct flare_loop *loop,
                         struct flare__sock *sock, bool is_sent)
{
    struct flare__tls_way *way = is_sent ? &e->tx : &e->rx;
    int rc = kernel_begin(e, loop, sock);

    if (rc < 0)
        return kernel_refuse(e, is_sent, KERNEL_LACKS_ALL, rc);
    rc = kernel_install(e, loop, sock, is_sent);
    if (rc < 0)
        return kernel_refuse(e, is_sent, kernel_bit(e, is_sent), rc);
    way->is_kernel = true;
    way->kernel_updates = way->updates;
    flare__tls_counts_kernel(e->conf->counts, is_sent);
    return 0;
}

bool flare__tls_kernel_may_tx(const struct flare__tls *e,
                              const struct flare_loop *loop)
{
    return !e->has_closed && kernel_may(e, loop, /* is_sent = */ true);
}

bool flare__tls_kernel_may_rx(const struct flare__tls *e,
                              const struct flare_loop *loop)
{
    return !e->has_end && !e->is_eof &&
           kernel_may(e, loop, /* is_sent = */ false);
}

int flare__tls_kernel_tx(struct flare__tls *e, struct flare_loop *loop,
                         struct flare__sock *sock)
{
    if (!flare__tls_kernel_may_tx(e, loop))
        return -EOPNOTSUPP;
    if (e->out_len > 0 || e->write_retry > 0 || SSL_want_write(e->ssl) ||
        flare__tls_records_missing(&e->tx.records) > 0)
        return -EAGAIN;
    return kernel_switch(e, loop, sock, /* is_sent = */ true);
}

int flare__tls_kernel_rx(struct flare__tls *e, struct flare_loop *loop,
                         struct flare__sock *sock)
{
    int rc;

    if (!flare__tls_kernel_may_rx(e, loop))
        return -EOPNOTSUPP;
    if (flare__tls_records_missing(&e->rx.records) > 0 ||
        SSL_has_pending(e->ssl) == 1)
        return -EAGAIN;
    rc = kernel_switch(e, loop, sock, /* is_sent = */ false);
    if (rc == 0)
        loop->ops->record_start(loop->backend, sock);
    return rc;
}

int flare__tls_kernel_rekey(struct flare__tls *e, struct flare_loop *loop,
                            struct flare__sock *sock, bool is_sent)
{
    struct flare__tls_way *way = is_sent ? &e->tx : &e->rx;
    int rc;

    FLARE_ASSERT(way->is_kernel);
    way->sequence = 0; /* OpenSSL may have sent more, which was dropped */
    rc = kernel_install(e, loop, sock, is_sent);
    if (rc == 0) {
        way->kernel_updates = way->updates;
        return 0;
    }
    e->stop = rc == -ENOMEM ? FLARE__TLS_STOP_MEMORY : FLARE__TLS_STOP_REKEY;
    if (!is_sent && e->tx.is_kernel) { /* OpenSSL sees nothing wrong */
        e->alert[0] = SSL3_AL_FATAL;
        e->alert[1] = SSL_AD_INTERNAL_ERROR;
        e->has_alert = true;
    }
    return flare__tls_fail(e);
}

#else /* nothing of the kind is known */

bool flare__tls_kernel_may_tx(const struct flare__tls *e,
                              const struct flare_loop *loop)
{
    (void)e;
    (void)loop;
    return false;
}

bool flare__tls_kernel_may_rx(const struct flare__tls *e,
                              const struct flare_loop *loop)
{
    (void)e;
    (void)loop;
    return false;
}

int flare__tls_kernel_tx(struct flare__tls *e, struct flare_loop *loop,
                         struct flare__sock *sock)
{
    (void)e;
    (void)loop;
    (void)sock;
    return -EOPNOTSUPP;
}

int flare__tls_kernel_rx(struct flare__tls *e, struct flare_loop *loop,
                         struct flare__sock *sock)
{
    (void)e;
    (void)loop;
    (void)sock;
    return -EOPNOTSUPP;
}

int flare__tls_kernel_rekey(struct flare__tls *e, struct flare_loop *loop,
                            struct flare__sock *sock, bool is_sent)
{
    (void)e;
    (void)loop;
    (void)sock;
    (void)is_sent;
    return -EOPNOTSUPP;
}

#endif

bool flare__tls_kernel_has_tx(const struct flare__tls *e)
{
    return e->tx.is_kernel;
}

bool flare__tls_kernel_has_rx(const struct flare__tls *e)
{
    return e->rx.is_kernel;
}

uint32_t flare__tls_kernel_missing(const struct flare__tls *e)
{
    return flare__tls_records_missing(&e->rx.records);
}
