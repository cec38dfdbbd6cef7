/* SPDX-License-Identifier: MIT */
/* See engine.h. */
#include "tls/engine.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/trace.h"
#include "dns/host.h"
#include "tls/bio.h"
#include "tls/client.h"
#include "tls/counts.h"
#include "tls/fail.h"
#include "tls/kernel.h"
#include "tls/server.h"
#include "tls/sessions.h"
#include "tls/verify.h"

#include <openssl/err.h>

#include <errno.h>
#include <string.h>

enum {
    /*
     * Ciphertext of a record beyond its plaintext: header 5, explicit nonce 8,
     * tag 16, type 1; and a KeyUpdate that may have to go before it.
     */
    ENGINE_OVERHEAD = 96,
    /*
     * KeyUpdates are for every 2^24 records (RFC 8446 5.5); who sends more than
     * some and one for each 16 KiB of what else it sends wants work done for
     * nothing (Go CVE-2026-56862).  A server's tickets count as well.
     */
    ENGINE_KEY_UPDATES = 32,
    ENGINE_KEY_UPDATE_BYTES = 16 * 1024,
    /* Refused ones: a peer may ask in good faith, but not again and again. */
    ENGINE_RENEGOTIATIONS = 2,
};

/* Called for every record header and every handshake message. */
/* params: OpenSSL's */
static void engine_on_message(int is_sent, int version, int type,
                              const void *bytes, size_t len, SSL *ssl,
                              void *arg)
{
    struct flare__tls *e = arg;
    const uint8_t *p = bytes;

    (void)version;
    flare__tls_kernel_follow(e, is_sent != 0, type,
                             (struct flare_str){bytes, len});
    if (is_sent || e->state != FLARE__TLS_OPEN || len == 0)
        return;
    if (type == SSL3_RT_HANDSHAKE &&
        (p[0] == SSL3_MT_KEY_UPDATE || p[0] == SSL3_MT_NEWSESSION_TICKET) &&
        ++e->key_updates >
            ENGINE_KEY_UPDATES + e->bytes_in / ENGINE_KEY_UPDATE_BYTES)
        e->stop = FLARE__TLS_STOP_KEY_UPDATES;
    /* in TLS 1.2 there is no other message after the handshake */
    if (type == SSL3_RT_HEADER && p[0] == SSL3_RT_HANDSHAKE &&
        SSL_version(ssl) == TLS1_2_VERSION &&
        ++e->renegotiations > ENGINE_RENEGOTIATIONS)
        e->stop = FLARE__TLS_STOP_RENEGOTIATION;
}

/* Takes the reference of `conf`, also on failure. */
static int engine_new(struct flare__tls **out, struct flare__tls_conf *conf,
                      const struct flare__tls_start *start, bool is_server)
{
    struct flare__tls *e = flare__calloc(conf->al, 1, sizeof(*e));

    if (e == NULL) {
        flare__tls_conf_unref(conf);
        return -ENOMEM;
    }
    e->al = conf->al;
    e->conf = conf;
    e->is_server = is_server;
    e->unix_now = start->unix_now;
    e->port = start->port;
    e->out_max = start->out_max == 0 ? FLARE__TLS_OUT_MAX : start->out_max;
    FLARE_ASSERT(e->out_max >= FLARE__TLS_OUT_MIN);
    ERR_clear_error();
    e->ssl = SSL_new(conf->ctx);
    if (e->ssl == NULL || SSL_set_app_data(e->ssl, e) != 1 ||
        flare__tls_bio_attach(e) < 0) {
        ERR_clear_error();
        flare__tls_free(e);
        return -ENOMEM;
    }
    SSL_set_msg_callback(e->ssl, engine_on_message);
    SSL_set_msg_callback_arg(e->ssl, e);
    if (is_server)
        SSL_set_accept_state(e->ssl);
    else
        SSL_set_connect_state(e->ssl);
    *out = e;
    return 0;
}

int flare__tls_new_server(struct flare__tls **out, flare_tls_server *server,
                          const struct flare__tls_start *start)
{
    struct flare__tls *e;
    int rc = engine_new(&e, flare__tls_server_take(server), start,
                        /* is_server = */ true);

    if (rc < 0)
        return rc;
    rc = flare__tls_verify_expect(e);
    ERR_clear_error();
    if (rc < 0) {
        flare__tls_free(e);
        return rc;
    }
    *out = e;
    return 0;
}

/* The host as names and addresses are compared: lower case, no brackets. */
static int engine_set_host(struct flare__tls *e, struct flare_str host,
                           struct flare_error *err)
{
    struct flare_ip ip;

    switch (flare__dns_host_read(&ip, host, err)) {
    case FLARE__DNS_HOST_BAD:
        return FLARE_E_BAD_HOSTNAME;
    case FLARE__DNS_HOST_ADDRESS:
        e->is_address = true;
        ip.zone = 0; /* no certificate has one */
        e->name_len = (uint8_t)flare_ip_format(&ip, e->name, sizeof(e->name));
        return 0;
    case FLARE__DNS_HOST_NAME:
        break;
    }
    if (host.ptr[host.len - 1] == '.')
        host.len--;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];

        e->name[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    e->name[host.len] = '\0';
    e->name_len = (uint8_t)host.len;
    return 0;
}

/* Offers a kept session, if there is one; a session is never needed. */
static void engine_resume(struct flare__tls *e)
{
    SSL_SESSION *session;

    if (e->conf->sessions == NULL)
        return;
    session = flare__tls_sessions_take(
        e->conf->sessions, (struct flare_str){e->name, e->name_len}, e->port);
    if (session == NULL)
        return;
    (void)SSL_set_session(e->ssl, session); /* counts it for itself */
    SSL_SESSION_free(session);
}

int flare__tls_new_client(struct flare__tls **out, flare_tls_client *client,
                          const struct flare__tls_start *start,
                          struct flare_error *err)
{
    struct flare__tls *e;
    int rc = engine_new(&e, flare__tls_conf_ref(flare__tls_client_conf(client)),
                        start, /* is_server = */ false);

    if (rc < 0)
        return flare__error(err, rc, "TLS: out of memory");
    rc = engine_set_host(e, start->host, err);
    if (rc == 0) {
        rc = flare__tls_verify_expect(e);
        /* RFC 6066 3: names only */
        if (rc == 0 && !e->is_address &&
            SSL_set_tlsext_host_name(e->ssl, e->name) != 1)
            rc = -ENOMEM;
        if (rc < 0)
            (void)flare__error(err, rc, "TLS: out of memory");
    }
    if (rc == 0)
        engine_resume(e);
    ERR_clear_error();
    if (rc < 0) {
        flare__tls_free(e);
        return rc;
    }
    *out = e;
    return 0;
}

void flare__tls_free(struct flare__tls *e)
{
    if (e == NULL)
        return;
    /*
     * A session of a connection that is not shut down may be marked as not to
     * be resumed; many peers end without close_notify.
     */
    if (e->ssl != NULL && e->state == FLARE__TLS_OPEN)
        SSL_set_shutdown(e->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(e->ssl);
    ERR_clear_error();
    flare__tls_kernel_forget(&e->tx);
    flare__tls_kernel_forget(&e->rx);
    flare__tls_conf_unref(e->conf);
    flare__free(e->al, e->out);
    flare__free(e->al, e);
}

/* Before a call of OpenSSL's: its slice, an empty queue. */
static void engine_enter(struct flare__tls *e, const struct flare_str *in)
{
    if (in != NULL)
        e->in = *in;
    e->wants_drain = false;
    ERR_clear_error();
}

/* After it; `result` is what it returned if that was no success. */
static int engine_leave(struct flare__tls *e, struct flare_str *in, int result)
{
    int rc = result > 0 ? 0 : SSL_get_error(e->ssl, result);

    if (in != NULL)
        *in = e->in;
    e->in = (struct flare_str){NULL, 0};
    if (e->stop != FLARE__TLS_STOP_NONE)
        return flare__tls_fail(e);
    if (rc == SSL_ERROR_NONE || rc == SSL_ERROR_WANT_READ ||
        rc == SSL_ERROR_WANT_WRITE)
        ERR_clear_error();
    switch (rc) {
    case SSL_ERROR_NONE:
        return 0;
    case SSL_ERROR_WANT_WRITE:
        e->wants_drain = true;
        return -EAGAIN;
    case SSL_ERROR_WANT_READ:
        if (e->is_eof && (in == NULL || in->len == 0))
            return flare__tls_fail_eof(e);
        return -EAGAIN;
    default:
        return flare__tls_fail(e);
    }
}

int flare__tls_handshake(struct flare__tls *e, struct flare_str *in)
{
    int rc;

    if (e->state == FLARE__TLS_FAILED)
        return e->err.code;
    if (e->state == FLARE__TLS_OPEN)
        return 0;
    engine_enter(e, in);
    rc = engine_leave(e, in, SSL_do_handshake(e->ssl));
    if (rc == 0) {
        bool is_resumed = SSL_session_reused(e->ssl) == 1;

        e->state = FLARE__TLS_OPEN;
        flare__tls_counts_opened(e->conf->counts, is_resumed);
        FLARE__TRACE2(tls__open, e, is_resumed);
    }
    return rc;
}

/*
 * OpenSSL answers a KeyUpdate with the next write, which never comes where the
 * kernel writes: it is made to now.  What fails shows in the next call.
 */
static void engine_answer(struct flare__tls *e)
{
    if (!e->tx.is_kernel ||
        SSL_get_key_update_type(e->ssl) == SSL_KEY_UPDATE_NONE)
        return;
    if (SSL_key_update(e->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
        (void)SSL_do_handshake(e->ssl);
    ERR_clear_error();
}

int flare__tls_read(struct flare__tls *e, struct flare_str *in, char *out,
                    size_t room)
{
    int rc = flare__tls_handshake(e, in);
    size_t n = 0;
    int result;

    FLARE_ASSERT(room > 0);
    if (rc < 0)
        return rc;
    if (e->has_end) {
        if (in->len > 0) /* else it may be NULL */
            in->ptr += in->len;
        in->len = 0;
        return 0;
    }
    engine_enter(e, in);
    result = SSL_read_ex(
        e->ssl, out, room < FLARE__TLS_RECORD ? room : FLARE__TLS_RECORD, &n);
    if (result != 1 && e->stop == FLARE__TLS_STOP_NONE &&
        SSL_get_error(e->ssl, result) == SSL_ERROR_ZERO_RETURN) {
        *in = e->in;
        e->in = (struct flare_str){NULL, 0};
        e->has_end = true;
        return 0;
    }
    rc = engine_leave(e, in, result);
    if (rc == 0 || rc == -EAGAIN)
        engine_answer(e);
    return rc < 0 ? rc : (int)n;
}

int flare__tls_write(struct flare__tls *e, struct flare_str bytes)
{
    size_t n = bytes.len < FLARE__TLS_RECORD ? bytes.len : FLARE__TLS_RECORD;
    size_t written = 0;
    uint32_t room;
    int rc;

    if (e->state == FLARE__TLS_FAILED)
        return e->err.code;
    if (e->has_closed)
        return -EPIPE;
    e->wants_drain = false;
    if (e->state != FLARE__TLS_OPEN)
        return -EAGAIN;
    if (n == 0)
        return 0;
    room = e->out_len < e->out_max ? e->out_max - e->out_len : 0;
    if (room <= ENGINE_OVERHEAD) {
        e->wants_drain = true;
        return -EAGAIN;
    }
    if (n > room - ENGINE_OVERHEAD)
        n = room - ENGINE_OVERHEAD;
    if (e->write_retry > 0) {
        if (bytes.len < e->write_retry)
            return -EINVAL; /* of a file that has shrunk meanwhile */
        n = e->write_retry;
    }
    engine_enter(e, NULL);
    rc = engine_leave(e, NULL, SSL_write_ex(e->ssl, bytes.ptr, n, &written));
    /* a record has begun only if it was the output that had no room */
    e->write_retry = rc == -EAGAIN && e->wants_drain ? (uint32_t)n : 0;
    return rc < 0 ? rc : (int)written;
}

int flare__tls_close(struct flare__tls *e)
{
    int result;

    if (e->state == FLARE__TLS_FAILED)
        return e->err.code;
    if (e->state != FLARE__TLS_OPEN || e->has_closed)
        return 0;
    e->has_closed = true;
    engine_enter(e, NULL);
    result = SSL_shutdown(e->ssl);
    if (result >= 0) {
        ERR_clear_error();
        return 0; /* sent; whether the peer's has come is for read to tell */
    }
    return engine_leave(e, NULL, result);
}

void flare__tls_eof(struct flare__tls *e)
{
    e->is_eof = true;
}

struct flare_str flare__tls_output(const struct flare__tls *e)
{
    if (e->out_len == 0)
        return (struct flare_str){NULL, 0};
    return (struct flare_str){e->out + e->out_start, e->out_len};
}

void flare__tls_sent(struct flare__tls *e, size_t len)
{
    FLARE_ASSERT(len <= e->out_len && !e->out_is_lent);
    e->out_start += (uint32_t)len;
    e->out_len -= (uint32_t)len;
    if (e->out_len > 0)
        return;
    flare__free(e->al, e->out);
    e->out = NULL;
    e->out_start = 0;
    e->out_cap = 0;
}

bool flare__tls_wants_drain(const struct flare__tls *e)
{
    return e->wants_drain;
}

bool flare__tls_is_open(const struct flare__tls *e)
{
    return e->state == FLARE__TLS_OPEN;
}

void flare__tls_info(const struct flare__tls *e, struct flare_tls_info *info)
{
    const unsigned char *alpn;
    unsigned int alpn_len;
    bool has_peer = SSL_get0_peer_certificate(e->ssl) != NULL;

    SSL_get0_alpn_selected(e->ssl, &alpn, &alpn_len);
    *info = (struct flare_tls_info){
        .version = SSL_get_version(e->ssl),
        .cipher = SSL_get_cipher_name(e->ssl),
        .alpn = {(const char *)alpn, alpn_len},
        .is_resumed = SSL_session_reused(e->ssl) == 1,
        .is_verified = has_peer && !e->conf->is_insecure,
        .kernel_tx = e->tx.is_kernel,
        .kernel_rx = e->rx.is_kernel,
    };
    if (!e->is_address)
        info->server_name = (struct flare_str){e->name, e->name_len};
}

const struct flare_error *flare__tls_error(const struct flare__tls *e)
{
    return &e->err;
}

int flare__tls_rekey(struct flare__tls *e)
{
    if (e->state == FLARE__TLS_FAILED)
        return e->err.code;
    if (e->state != FLARE__TLS_OPEN || e->has_closed || e->write_retry > 0)
        return -EAGAIN;
    if (SSL_version(e->ssl) != TLS1_3_VERSION)
        return -EOPNOTSUPP;
    engine_enter(e, NULL);
    if (SSL_key_update(e->ssl, SSL_KEY_UPDATE_REQUESTED) != 1)
        return flare__tls_fail(e);
    /* nothing is written any more that it could go with */
    return e->tx.is_kernel ? engine_leave(e, NULL, SSL_do_handshake(e->ssl))
                           : 0;
}
