/* SPDX-License-Identifier: MIT */
/*
 * TLS: what a server shows, what a client demands.
 *
 * TLS 1.2 with ECDHE and AEAD ciphers, and TLS 1.3; nothing older, no
 * renegotiation, no compression, no early data.  A configuration is made once,
 * checked when it is made, and shared by all threads.
 *
 * A server takes it by `tls` of its configuration (flare/server.h), streams and
 * connections by their options (flare/tcp.h).
 *
 * A library built without OpenSSL has these functions too: they return
 * -EOPNOTSUPP.
 */
#ifndef FLARE_TLS_H
#define FLARE_TLS_H

#include <flare/alloc.h>
#include <flare/error.h>
#include <flare/log.h>
#include <flare/tcp.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FLARE_TLS_CERTS_MAX = 1024,      /* of one server */
    FLARE_TLS_PINS_MAX = 64,         /* of one client */
    FLARE_TLS_TICKET_KEYS_MAX = 4,   /* given by the user */
    FLARE_TLS_TICKET_KEY_BYTES = 80, /* name 16, AES-256 32, HMAC-SHA256 32 */
    FLARE_TLS_SESSIONS_MAX = 4096,   /* kept by one client */
    FLARE_TLS_SELF_SIGNED_NAMES_MAX = 64,
    FLARE_TLS_ALPN_BYTES_MAX = 255 /* all names, each with 1 more */
};

enum flare_tls_version {
    FLARE_TLS_ANY, /* TLS 1.2 as minimum, TLS 1.3 as maximum */
    FLARE_TLS_1_2,
    FLARE_TLS_1_3
};

/* Whether a server wants to see a certificate of its clients (mTLS). */
enum flare_tls_client_auth {
    FLARE_TLS_CLIENT_NONE,    /* it does not ask */
    FLARE_TLS_CLIENT_ASKED,   /* a client may have none; a bad one is refused */
    FLARE_TLS_CLIENT_REQUIRED /* no certificate, no connection */
};

/*
 * PEM text from a file or from memory: `file` is the path, or NULL and `pem` is
 * the text; both empty: not given.  Read while the configuration is made, not
 * kept.
 */
struct flare_tls_pem {
    const char *file;
    struct flare_str pem;
};

/*
 * A certificate with its key.  One certificate may have any number of names; of
 * two for the same name, an RSA and an ECDSA one say, the client's algorithms
 * decide, and of two of the same kind the first is shown.
 */
struct flare_tls_cert {
    struct flare_tls_pem chain; /* the certificate, then its issuers */
    struct flare_tls_pem key;   /* without a passphrase */
    /*
     * An OCSP response in DER, passed on to clients that ask; by file or as
     * bytes in `pem`.  Not looked into.
     */
    struct flare_tls_pem staple;
};

/*
 * For development only: makes a key (ECDSA, P-256) and a certificate that it
 * signs itself, in memory and nowhere else.  `names`, ended by NULL, are what
 * it is for: host names, "*.a.test", addresses without brackets; NULL:
 * "localhost", 127.0.0.1 and ::1.  It begins an hour ago and ends in `days`, 1
 * to 825.
 *
 * No client believes it but one whose `ca` is this certificate, which is
 * `out->chain.pem`: write it to a file for "curl --cacert".
 *
 * Returns 0, or with a sentence in `err` (may be NULL): FLARE_E_RANGE for
 * `days` and for no names or more than FLARE_TLS_SELF_SIGNED_NAMES_MAX;
 * FLARE_E_BAD_HOSTNAME; -EOPNOTSUPP; -ENOMEM.  Gives `*out`: release with
 * flare_tls_self_signed_free.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_tls_self_signed(struct flare_tls_cert *out,
                                                   const char *const *names,
                                                   uint32_t days,
                                                   struct flare_error *err);

/*
 * Erases the key and frees both texts; `*cert` is empty then, and an empty one
 * is accepted.  A configuration that was made of it has its own.  Thread: any.
 */
FLARE_API void flare_tls_self_signed_free(struct flare_tls_cert *cert);

/* A key for session tickets; random bytes, secret. */
struct flare_tls_ticket_key {
    uint8_t bytes[FLARE_TLS_TICKET_KEY_BYTES];
};

/* What a server shows; zero is the default, in brackets.  Copied. */
struct flare_tls_server_config {
    /*
     * At least one.  A client that names a host is shown the certificate for
     * exactly that name, else one for "*." and the rest of it, else the first
     * of the list, which is also for those who name none.  Names are those of
     * the certificate's subjectAltName; its CN is not a name.
     */
    const struct flare_tls_cert *certs;
    uint32_t cert_count;

    /*
     * Protocols (RFC 7301), the best first, ended by NULL: the first one that
     * the client offers too is taken.  A client that offers others only gets
     * the alert no_application_protocol; one that offers none is served
     * without.  [none: what clients offer is ignored]
     */
    const char *const *alpn;
    enum flare_tls_version version_min; /* [TLS 1.2] */
    enum flare_tls_version version_max; /* [TLS 1.3] */

    enum flare_tls_client_auth client_auth; /* [NONE] */
    struct flare_tls_pem client_ca; /* who may have issued it; with auth only */
    struct flare_tls_pem client_crl; /* revoked ones; every CA needs its list */

    bool tickets_off; /* no resumption */
    bool kernel_off;  /* all in user space [the kernel's TLS, where it can] */

    flare_log_fn log; /* [silent] */
    void *log_ctx;
    const struct flare_allocator *allocator; /* borrowed [malloc] */
};

/* What new connections are given: a configuration that can be replaced. */
typedef struct flare_tls_server flare_tls_server;

/*
 * Makes a server's TLS in `*out`; a certificate that has expired is a line in
 * the log, not an error.
 *
 * Returns 0; else `*out` is untouched and `err` (may be NULL) names the member
 * and the file:
 *   FLARE_E_TLS_CERTIFICATE  no certificate or key there, key of another one
 *   FLARE_E_TLS_WEAK         below 112 bits of security (RSA 2048, SHA-256)
 *   FLARE_E_BAD_CONFIG       a member out of range
 *   -ENOENT, -EACCES ...     a file cannot be read
 *   -EOPNOTSUPP              built without OpenSSL
 *   -ENOMEM
 * Gives `*out`: release with flare_tls_server_free.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_tls_server_new(
    flare_tls_server **out, const struct flare_tls_server_config *config,
    struct flare_error *err);

/*
 * Replaces the configuration: connections that begin after the return have the
 * new one, all others keep theirs.  Ticket keys stay; a session is resumed
 * under the new configuration only where both ask the same of clients.
 *
 * Returns as flare_tls_server_new; on failure nothing has changed.  `allocator`
 * of the configuration is ignored.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_tls_server_reload(
    flare_tls_server *server, const struct flare_tls_server_config *config,
    struct flare_error *err);

/*
 * Sets the keys of session tickets, for several processes or machines to share:
 * the first seals and opens, the others only open.  From then on the caller
 * rotates them: no key should live longer than 24 hours, as whoever learns one
 * reads what its tickets resumed.  Until the first call the server makes its
 * own, a new one every 12 hours, the one before still opens.
 *
 * Returns 0, or FLARE_E_RANGE if `count` is 0 or above
 * FLARE_TLS_TICKET_KEYS_MAX; -EOPNOTSUPP.  Copies.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_tls_server_set_ticket_keys(
    flare_tls_server *server, const struct flare_tls_ticket_key *keys,
    uint32_t count);

/* What a server's connections have come to, across reloads. */
struct flare_tls_stats {
    uint64_t handshakes; /* that were done */
    uint64_t resumed;    /* of them, by a ticket */
    uint64_t failed;     /* handshakes that were not */
    uint64_t kernel_tx;  /* connections whose sending went to the kernel */
    uint64_t kernel_rx;  /* likewise what they receive */
};

/*
 * flare_tls_server_stats(server, out): as of now; all zero without OpenSSL.
 * Thread: any.
 */
#define flare_tls_server_stats(server, out)                                    \
    flare_tls_server_stats_sized(server, sizeof(struct flare_tls_stats), out)

/* flare_tls_server_stats, and how large the caller's struct is. */
FLARE_API void flare_tls_server_stats_sized(const flare_tls_server *server,
                                            size_t size,
                                            struct flare_tls_stats *out);

/*
 * Gives it back; accepts NULL.  Connections that have it keep what they need.
 * Thread: any, when no other call on it is under way.
 */
FLARE_API void flare_tls_server_free(flare_tls_server *server);

/* What a client demands; zero is the default, in brackets.  Copied. */
struct flare_tls_client_config {
    /*
     * Whom to trust, instead of the system's CAs; an issuer that is not
     * self-signed ends a chain too.  [the system's]
     */
    struct flare_tls_pem ca;
    struct flare_tls_pem crl; /* revoked ones; every CA of a chain needs its
                               * list [not looked for] */
    /*
     * SHA-256 of a public key (SubjectPublicKeyInfo) in base64, ended by NULL:
     * one certificate of the verified chain must have one of them.  [any]
     */
    const char *const *pins;
    const struct flare_tls_cert *cert;  /* shown to servers that ask [none] */
    const char *const *alpn;            /* offered, the best first [none] */
    enum flare_tls_version version_min; /* [TLS 1.2] */
    enum flare_tls_version version_max; /* [TLS 1.3] */
    /* A server must staple a valid OCSP response; one that says "revoked" is
     * refused in any case where it verifies. */
    bool require_staple;
    /*
     * Nobody is verified: whoever is on the way reads and writes along.  Pins
     * are still compared, with the certificate shown.  A warning is logged.
     */
    bool insecure;
    bool sessions_off;     /* no resumption */
    uint32_t sessions_max; /* kept for resumption, by host and port [64] */
    bool kernel_off; /* all in user space [the kernel's TLS, where it can] */

    flare_log_fn log; /* [silent] */
    void *log_ctx;
    const struct flare_allocator *allocator; /* borrowed [malloc] */
};

/* What new connections of a client are given. */
typedef struct flare_tls_client flare_tls_client;

/*
 * Makes a client's TLS in `*out`.  Returns and ownership as
 * flare_tls_server_new; a pin that is not 32 bytes in base64 is
 * FLARE_E_BAD_CONFIG.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_tls_client_new(
    flare_tls_client **out, const struct flare_tls_client_config *config,
    struct flare_error *err);

/*
 * Gives it back; accepts NULL.  Connections that have it keep what they need.
 * Thread: any, when no other call on it is under way.
 */
FLARE_API void flare_tls_client_free(flare_tls_client *client);

/* Facts of a connection whose handshake is done. */
struct flare_tls_info {
    const char *version;   /* "TLSv1.3"; static */
    const char *cipher;    /* "TLS_AES_128_GCM_SHA256"; static */
    struct flare_str alpn; /* empty: none; lent while the connection lives */
    struct flare_str server_name; /* asked for; empty: none; lent so too */
    bool is_resumed;
    bool is_verified; /* the peer has shown a certificate that was verified */
    bool kernel_tx;   /* the kernel encrypts what is sent from now on */
    bool kernel_rx;   /* the kernel decrypts what is received from now on */
};

/*
 * Of a stream that is open and speaks TLS (flare/tcp.h).  0, or -ENOTCONN with
 * nothing written.  Lends the strings in it while the stream is open.  Thread:
 * owner loop.
 */
FLARE_API FLARE_MUST_USE int flare_stream_tls_info(const flare_stream *stream,
                                                   struct flare_tls_info *info);

/* The same of a blocking connection. */
FLARE_API FLARE_MUST_USE int flare_conn_tls_info(flare_conn *conn,
                                                 struct flare_tls_info *info);

enum { FLARE_TLS_PEER_BYTES = 4096 }; /* room for what a certificate says */

/*
 * The certificate that the peer has shown and that was verified, unless it is a
 * client's `insecure` (is_verified tells).  Texts are printable ASCII; what is
 * granted to a peer is granted for `fingerprint`, or for `subject` or `san`
 * together with the issuer.
 */
struct flare_tls_peer {
    struct flare_str subject;     /* "CN=alice,O=Example", RFC 4514 */
    struct flare_str issuer;      /* likewise */
    struct flare_str serial;      /* hexadecimal, lower case */
    struct flare_str fingerprint; /* SHA-256 of it all; likewise, 64 digits */
    /* The first name of its subjectAltName: "DNS:a.test", "email:a@a.test",
     * "URI:spiffe://a.test/b"; empty: none that is text. */
    struct flare_str san;
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
};

/*
 * Of a stream that is open and speaks TLS.  The texts are written to `room`, of
 * `size` bytes (FLARE_TLS_PEER_BYTES is enough for any that is not made to be
 * too much).
 *
 * Returns 0; -ENOTCONN; FLARE_E_TLS_NO_CERTIFICATE: it has shown none;
 * -ENOBUFS: the room is too small; FLARE_E_TLS_BAD_CERTIFICATE: a name in it
 * cannot be told; -ENOMEM.  `*peer` is written only on success.  Thread: owner
 * loop.
 */
FLARE_API FLARE_MUST_USE int flare_stream_tls_peer(const flare_stream *stream,
                                                   struct flare_tls_peer *peer,
                                                   char *room, size_t size);

/* The same of a blocking connection. */
FLARE_API FLARE_MUST_USE int flare_conn_tls_peer(flare_conn *conn,
                                                 struct flare_tls_peer *peer,
                                                 char *room, size_t size);

#ifdef __cplusplus
}
#endif
#endif
