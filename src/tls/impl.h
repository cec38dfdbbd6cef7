/* SPDX-License-Identifier: MIT */
/* A connection, for the files that are called back from inside OpenSSL. */
#ifndef FLARE__TLS_IMPL_H
#define FLARE__TLS_IMPL_H

#include "tls/conf.h"
#include "tls/engine.h"
#include "tls/keys.h"
#include "tls/records.h"

/*
 * One direction, as far as the kernel must know it to go on: what OpenSSL has
 * done, and how far the kernel has followed.
 */
struct flare__tls_way {
    uint64_t sequence;       /* OpenSSL's, of the next record */
    uint32_t updates;        /* its KeyUpdates since the handshake */
    uint32_t kernel_updates; /* of them, those that the kernel knows */
    bool is_kernel;
    bool is_refused;                 /* by the kernel, for good */
    struct flare__tls_secret secret; /* TLS 1.3; erased when of no use */
    struct flare__tls_records records;
};

/* Small answers go out above out_max too, so far; bio.c. */
enum { FLARE__TLS_OUT_SLACK = 4096 };

enum flare__tls_state {
    FLARE__TLS_HANDSHAKE,
    FLARE__TLS_OPEN,
    FLARE__TLS_FAILED
};

/* Why the library, and not OpenSSL, ended a connection. */
enum flare__tls_stop {
    FLARE__TLS_STOP_NONE,
    FLARE__TLS_STOP_MEMORY,
    FLARE__TLS_STOP_HANDSHAKE_BYTES,
    FLARE__TLS_STOP_KEY_UPDATES,
    FLARE__TLS_STOP_RENEGOTIATION,
    FLARE__TLS_STOP_NAME, /* of the client hello */
    FLARE__TLS_STOP_CHAIN,
    FLARE__TLS_STOP_KEY,
    FLARE__TLS_STOP_PIN,
    FLARE__TLS_STOP_STAPLE,
    FLARE__TLS_STOP_REVOKED,
    FLARE__TLS_STOP_REKEY
};

struct flare__tls {
    SSL *ssl;
    struct flare__tls_conf *conf;
    const struct flare_allocator *al;

    struct flare_str in; /* lent for the call that is under way */
    char *out;
    uint32_t out_start;
    uint32_t out_len;
    uint32_t out_cap;
    uint32_t out_max;
    bool out_is_lent; /* see flare__tls_lend_output */

    uint64_t bytes_in; /* ciphertext */
    int64_t unix_now;
    uint32_t key_updates;
    uint32_t renegotiations;
    uint32_t write_retry; /* bytes that a refused write must begin with again */
    uint8_t first[5];     /* of what came: is it TLS at all? */

    uint8_t state; /* enum flare__tls_state */
    uint8_t stop;  /* enum flare__tls_stop */
    bool is_server;
    bool is_eof;
    bool has_end;    /* close_notify came */
    bool has_closed; /* close_notify went */
    bool wants_drain;

    struct flare__tls_way tx; /* see kernel.h */
    struct flare__tls_way rx;
    uint8_t alert[2];   /* to go out as a record of the kernel's */
    uint8_t key_update; /* likewise: whether the last one asks for another */
    bool has_alert;
    bool has_ulp; /* the socket has the kernel's TLS */

    int verify_error; /* X509_V_ERR_..., 0: none */
    uint16_t port;
    uint8_t name_len;
    char name[FLARE__TLS_NAME_MAX + 2]; /* asked for; of a client, its host */
    bool is_address;                    /* the name is one */
    struct flare_error err;
};

#endif
