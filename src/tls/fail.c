/* SPDX-License-Identifier: MIT */
/* See fail.h. */
#include "tls/fail.h"

#include "base/trace.h"
#include "tls/counts.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <errno.h>
#include <string.h>

enum {
    /* Reasons from 1000 on are alerts of the peer: sslerr.h. */
    FAIL_ALERT = SSL_AD_REASON_OFFSET,
    FAIL_QUEUE_MAX = 16 /* ERR_NUM_ERRORS */
};

static const struct {
    int verify_error;
    int code;
} fail_verify[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, FLARE_E_TLS_EXPIRED},
    {X509_V_ERR_CERT_NOT_YET_VALID, FLARE_E_TLS_NOT_YET_VALID},
    {X509_V_ERR_HOSTNAME_MISMATCH, FLARE_E_TLS_HOSTNAME},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, FLARE_E_TLS_HOSTNAME},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, FLARE_E_TLS_SELF_SIGNED},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, FLARE_E_TLS_UNTRUSTED},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, FLARE_E_TLS_UNTRUSTED},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, FLARE_E_TLS_UNTRUSTED},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, FLARE_E_TLS_UNTRUSTED},
    {X509_V_ERR_CERT_UNTRUSTED, FLARE_E_TLS_UNTRUSTED},
    {X509_V_ERR_CERT_REJECTED, FLARE_E_TLS_UNTRUSTED},
    {X509_V_ERR_INVALID_CA, FLARE_E_TLS_UNTRUSTED},
    {X509_V_ERR_CERT_REVOKED, FLARE_E_TLS_REVOKED},
    {X509_V_ERR_INVALID_PURPOSE, FLARE_E_TLS_PURPOSE},
    {X509_V_ERR_EE_KEY_TOO_SMALL, FLARE_E_TLS_WEAK},
    {X509_V_ERR_CA_KEY_TOO_SMALL, FLARE_E_TLS_WEAK},
    {X509_V_ERR_CA_MD_TOO_WEAK, FLARE_E_TLS_WEAK},
    {X509_V_ERR_PERMITTED_VIOLATION, FLARE_E_TLS_CONSTRAINT},
    {X509_V_ERR_EXCLUDED_VIOLATION, FLARE_E_TLS_CONSTRAINT},
    {X509_V_ERR_SUBTREE_MINMAX, FLARE_E_TLS_CONSTRAINT},
    {X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, FLARE_E_TLS_CONSTRAINT},
    {X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, FLARE_E_TLS_CONSTRAINT},
    {X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, FLARE_E_TLS_CONSTRAINT},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, FLARE_E_TLS_CONSTRAINT},
    {X509_V_ERR_OUT_OF_MEM, -ENOMEM},
};

/* Of the library SSL: what has a code of its own; the rest is HANDSHAKE. */
static const struct {
    int reason;
    int code;
} fail_reasons[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, FLARE_E_TLS_VERSION},
    {SSL_R_WRONG_SSL_VERSION, FLARE_E_TLS_VERSION},
    {SSL_R_UNKNOWN_PROTOCOL, FLARE_E_TLS_VERSION},
    {SSL_R_VERSION_TOO_LOW, FLARE_E_TLS_VERSION},
    {SSL_R_VERSION_TOO_HIGH, FLARE_E_TLS_VERSION},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, FLARE_E_TLS_VERSION},
    {SSL_R_UNSUPPORTED_SSL_VERSION, FLARE_E_TLS_VERSION},
    {SSL_R_INAPPROPRIATE_FALLBACK, FLARE_E_TLS_VERSION},
    {FAIL_ALERT + SSL_AD_PROTOCOL_VERSION, FLARE_E_TLS_VERSION},
    {SSL_R_NO_SHARED_CIPHER, FLARE_E_TLS_NO_CIPHER},
    {SSL_R_NO_CIPHERS_AVAILABLE, FLARE_E_TLS_NO_CIPHER},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, FLARE_E_TLS_NO_CIPHER},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, FLARE_E_TLS_NO_CIPHER},
    {SSL_R_NO_SUITABLE_KEY_SHARE, FLARE_E_TLS_NO_CIPHER},
    {SSL_R_NO_SUITABLE_GROUPS, FLARE_E_TLS_NO_CIPHER},
    {FAIL_ALERT + SSL_AD_INSUFFICIENT_SECURITY, FLARE_E_TLS_NO_CIPHER},
    {SSL_R_NO_APPLICATION_PROTOCOL, FLARE_E_TLS_ALPN},
    {FAIL_ALERT + SSL_AD_NO_APPLICATION_PROTOCOL, FLARE_E_TLS_ALPN},
    {SSL_R_HTTP_REQUEST, FLARE_E_TLS_PLAIN},
    {SSL_R_HTTPS_PROXY_REQUEST, FLARE_E_TLS_PLAIN},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, FLARE_E_TLS_NO_CERTIFICATE},
    {SSL_R_EE_KEY_TOO_SMALL, FLARE_E_TLS_WEAK},
    {SSL_R_CA_KEY_TOO_SMALL, FLARE_E_TLS_WEAK},
    {SSL_R_CA_MD_TOO_WEAK, FLARE_E_TLS_WEAK},
    {SSL_R_DH_KEY_TOO_SMALL, FLARE_E_TLS_WEAK},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, FLARE_E_TLS_FLOOD},
    {SSL_R_RECORD_TOO_SMALL, FLARE_E_TLS_FLOOD},
    {SSL_R_TOO_MANY_WARN_ALERTS, FLARE_E_TLS_FLOOD},
    {SSL_R_TOO_MANY_KEY_UPDATES, FLARE_E_TLS_FLOOD},
};

static const struct {
    enum flare__tls_stop stop;
    int code;
    const char *text;
} fail_stops[] = {
    {FLARE__TLS_STOP_MEMORY, -ENOMEM, "out of memory"},
    {FLARE__TLS_STOP_HANDSHAKE_BYTES, FLARE_E_TLS_FLOOD,
     "the handshake is longer than 128 KiB"},
    {FLARE__TLS_STOP_KEY_UPDATES, FLARE_E_TLS_FLOOD,
     "more KeyUpdates or tickets than the data is worth"},
    {FLARE__TLS_STOP_RENEGOTIATION, FLARE_E_TLS_FLOOD,
     "it insists on a renegotiation"},
    {FLARE__TLS_STOP_NAME, FLARE_E_TLS_HANDSHAKE,
     "the name it asks for is no host name"},
    {FLARE__TLS_STOP_CHAIN, FLARE_E_TLS_FLOOD,
     "its certificate chain is longer than 10"},
    {FLARE__TLS_STOP_KEY, FLARE_E_TLS_FLOOD,
     "its certificates have an RSA key above 8192 bits"},
    {FLARE__TLS_STOP_PIN, FLARE_E_TLS_PIN,
     "no certificate of its chain has a pinned key"},
    {FLARE__TLS_STOP_STAPLE, FLARE_E_TLS_STAPLE,
     "no OCSP response that verifies is stapled"},
    {FLARE__TLS_STOP_REVOKED, FLARE_E_TLS_REVOKED,
     "the stapled OCSP response says that its certificate is revoked"},
    {FLARE__TLS_STOP_REKEY, FLARE_E_TLS_REKEY,
     "the kernel's TLS cannot follow a KeyUpdate (it can from Linux 6.14 on)"},
};

int flare__tls_verify_code(int verify_error)
{
    for (size_t i = 0; i < sizeof(fail_verify) / sizeof(fail_verify[0]); i++) {
        if (fail_verify[i].verify_error == verify_error)
            return fail_verify[i].code;
    }
    return FLARE_E_TLS_BAD_CERTIFICATE;
}

/*
 * ERR_get_error takes the oldest away, so the queue is read by peeking at both
 * ends: what failed first is the cause, and want of memory may be at either.
 */
bool flare__tls_queue_has_no_memory(void)
{
    return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE ||
           ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}

static int fail_reason_code(int reason)
{
    size_t count = sizeof(fail_reasons) / sizeof(fail_reasons[0]);

    for (size_t i = 0; i < count; i++) {
        if (fail_reasons[i].reason == reason)
            return fail_reasons[i].code;
    }
    return 0;
}

static bool fail_is_open(const struct flare__tls *e)
{
    return e->state == FLARE__TLS_OPEN;
}

/* The oldest error of the queue that says something; 0: none. */
static unsigned long fail_cause(bool *has_no_memory)
{
    unsigned long cause = 0;
    unsigned long code;

    *has_no_memory = false;
    for (int i = 0; i < FAIL_QUEUE_MAX; i++) {
        code = ERR_get_error();
        if (code == 0)
            break;
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            *has_no_memory = true;
        if (cause == 0 || (ERR_GET_LIB(cause) != ERR_LIB_SSL &&
                           ERR_GET_LIB(code) == ERR_LIB_SSL))
            cause = code;
    }
    ERR_clear_error();
    return cause;
}

/*
 * A record begins with its type, 20 to 24, and a version of 3; a message that
 * cannot be one of TLS is somebody who does not speak it.
 */
static bool fail_is_plain(const struct flare__tls *e)
{
    return e->bytes_in >= sizeof(e->first) && !fail_is_open(e) &&
           (e->first[0] < 20 || e->first[0] > 24 || e->first[1] != 3);
}

bool flare__tls_is_http(const struct flare__tls *e)
{
    size_t letters = 0;

    if (!fail_is_plain(e))
        return false;
    while (letters < sizeof(e->first) && e->first[letters] >= 'A' &&
           e->first[letters] <= 'Z')
        letters++;
    return letters == sizeof(e->first) ||
           (letters >= 3 && e->first[letters] == ' ');
}

static int fail_set(struct flare__tls *e, int code, const char *text)
{
    char shown[128];

    if (e->state == FLARE__TLS_HANDSHAKE)
        flare__tls_counts_failed(e->conf->counts);
    FLARE__TRACE2(tls__fail, e, code);
    (void)flare__log_escape(shown, sizeof(shown),
                            (struct flare_str){e->name, e->name_len});
    e->state = FLARE__TLS_FAILED;
    ERR_clear_error();
    if (e->name_len > 0)
        return flare__error(&e->err, code, "TLS with %s'%s': %s",
                            e->is_server ? "a client of " : "", shown, text);
    return flare__error(&e->err, code, "TLS with %s: %s",
                        e->is_server ? "a client" : "a server", text);
}

static int fail_by_queue(struct flare__tls *e)
{
    bool has_no_memory;
    unsigned long cause = fail_cause(&has_no_memory);
    int reason = ERR_GET_LIB(cause) == ERR_LIB_SSL ? ERR_GET_REASON(cause) : 0;
    const char *text = ERR_reason_error_string(cause);
    int code = fail_reason_code(reason);

    if (has_no_memory)
        return fail_set(e, -ENOMEM, "out of memory");
    if (code == FLARE_E_TLS_PLAIN || fail_is_plain(e))
        return fail_set(e, FLARE_E_TLS_PLAIN, "the peer does not speak TLS");
    if (code == 0 && reason > FAIL_ALERT && reason < FAIL_ALERT + 256)
        code = FLARE_E_TLS_ALERT;
    if (code == 0)
        code = fail_is_open(e) ? FLARE_E_TLS_PROTOCOL : FLARE_E_TLS_HANDSHAKE;
    return fail_set(e, code, text != NULL ? text : "no reason is known");
}

int flare__tls_fail(struct flare__tls *e)
{
    size_t count = sizeof(fail_stops) / sizeof(fail_stops[0]);

    for (size_t i = 0; i < count; i++) {
        if (fail_stops[i].stop == e->stop)
            return fail_set(e, fail_stops[i].code, fail_stops[i].text);
    }
    if (e->verify_error != X509_V_OK)
        return fail_set(e, flare__tls_verify_code(e->verify_error),
                        X509_verify_cert_error_string(e->verify_error));
    return fail_by_queue(e);
}

int flare__tls_fail_eof(struct flare__tls *e)
{
    return fail_set(e, FLARE_E_TLS_TRUNCATED,
                    fail_is_open(e) ? "the stream ended without close_notify"
                                    : "the stream ended in the handshake");
}

int flare__tls_fail_conf(struct flare_error *err, int code, const char *what)
{
    bool has_no_memory;
    unsigned long cause = fail_cause(&has_no_memory);
    const char *text = ERR_reason_error_string(cause);

    if (has_no_memory)
        return flare__error(err, -ENOMEM, "%s: out of memory", what);
    if (ERR_GET_LIB(cause) == ERR_LIB_SSL &&
        fail_reason_code(ERR_GET_REASON(cause)) == FLARE_E_TLS_WEAK)
        code = FLARE_E_TLS_WEAK;
    if (cause == 0) /* OpenSSL says nothing where it could not even do that */
        return flare__error(err, -ENOMEM, "%s: out of memory", what);
    return flare__error(err, code, "%s: %s", what,
                        text != NULL ? text : "no reason is known");
}
