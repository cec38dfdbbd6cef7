/* SPDX-License-Identifier: MIT */
/*
 * Two ends over memory: engines of ours, or OpenSSL itself, which may do what
 * ours never would.  Bytes on the way wait in each end's inbox and are given to
 * it in pieces of `cut`.
 */
#ifndef FLARE__TEST_TLS_RIG_H
#define FLARE__TEST_TLS_RIG_H

#include "tests/support/certs.h"
#include "tls/engine.h"

#include <openssl/ssl.h>

enum { TLS_GOT_MAX = 512 * 1024 };

struct tls_end {
    struct flare__tls *e;
    SSL *raw;    /* instead: OpenSSL's own */
    size_t cut;  /* bytes given at a time [all] */
    size_t room; /* of a read [4096] */
    char *in;
    size_t in_len;
    char *got;
    size_t got_len;
    int rc; /* the error that ended it, else 0 */
    bool has_end;
};

struct tls_rig {
    struct cert ca;
    struct cert leaf; /* "a.test", "*.wild.test", 192.0.2.1, ::1 */
    struct tls_end client;
    struct tls_end server;
};

void rig_init(struct tls_rig *rig);
void rig_fini(struct tls_rig *rig);

/* Configurations around the rig's certificates; the rest of `*config` stays. */
flare_tls_server *rig_server(struct tls_rig *rig,
                             struct flare_tls_server_config *config);
flare_tls_client *rig_client(struct tls_rig *rig,
                             struct flare_tls_client_config *config);

/* Begins: a connection of the client to `host`; NULL: that end stays as is. */
void rig_start(struct tls_rig *rig, flare_tls_server *server,
               flare_tls_client *client, const char *host);
/* Ends both connections. */
void rig_stop(struct tls_rig *rig);

/* An end of OpenSSL's own; takes a reference of nothing, rig_stop frees it. */
void rig_raw(struct tls_end *end, SSL_CTX *ctx, bool is_server);

/* Moves bytes until nobody has more; asserts that the queue stays empty. */
void rig_run(struct tls_rig *rig);

/* One read of an end; whether anything happened. */
bool rig_turn(struct tls_end *end);
/* What `from` has to send goes to the inbox of `to` (NULL: is lost). */
bool rig_move(struct tls_end *from, struct tls_end *to);
void rig_feed(struct tls_end *end, const void *bytes, size_t len);

/* Writes all, moving what comes. */
void rig_write(struct tls_rig *rig, struct tls_end *end, const void *bytes,
               size_t len);

/* Both are open and have said so. */
void rig_assert_open(const struct tls_rig *rig);

#endif
