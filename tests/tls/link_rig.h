/* SPDX-License-Identifier: MIT */
/*
 * A TLS link between a socket of a loop and an owner whose ledger knows what
 * the contract (backends/backend.h, rules 1 to 7) allows; at the far end
 * OpenSSL itself, over the peer of the conformance suite's harness.  Both
 * roles, both versions, every backend: struct link_way is one of the
 * combinations.
 *
 * Linked with --wrap=flare__clock_realtime: the time is CERTS_NOW.
 */
#ifndef FLARE__TEST_LINK_RIG_H
#define FLARE__TEST_LINK_RIG_H

#include "net/wire.h"
#include "tests/backends/conformance.h"
#include "tests/support/certs.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"
#include "tls/link.h"

#include <openssl/ssl.h>

enum {
    LINK_BACKENDS = 3,                 /* sim, epoll, uring */
    LINK_WAYS = LINK_BACKENDS * 2 * 2, /* by version and role */
    LINK_HELD_MAX = 256,
    LINK_ORDER_MAX = 63,
    LINK_TURNS_MAX = 20000,
    LINK_TIMEOUT_MS = 5000, /* of a handshake */
    LINK_LEASES = 64
};

struct link_rig;
struct link_own;

typedef void (*link_hook_fn)(struct link_own *own,
                             const struct flare__event *ev);

/* The owner of a socket, and all that it was told. */
struct link_own {
    struct flare__sock sock;
    struct link_rig *r;
    struct link_own *next;
    link_hook_fn hook; /* after the ledger's part; may be NULL */
    int number;        /* for the hook */
    uint8_t *in;
    size_t in_len;
    size_t in_size;
    /* Open, Receive, its End, Sent, closed X */
    char order[LINK_ORDER_MAX + 1];
    int recvs;
    int32_t open_res, recv_res, sent_res;
    struct flare_error err; /* the filter's sentence at the first failure */
    bool is_open, is_receiving, is_sending, is_file, is_closing, is_closed;
    bool is_calling;   /* into the wire: nothing may be told meanwhile */
    bool is_stopped;   /* the receive, by the test */
    bool holds_leases; /* they go to r->held */
};

/* The far end. */
struct link_peer {
    struct conf_peer *wire;
    SSL *ssl;
    size_t cut;     /* bytes that leave at a time [all] */
    bool is_deaf;   /* takes nothing from the wire */
    bool is_blind;  /* what came is not read by OpenSSL */
    bool is_silent; /* sends nothing */
    uint8_t *out;   /* has left OpenSSL, not yet taken by the wire */
    size_t out_len;
    uint8_t *got; /* plaintext */
    size_t got_len;
    size_t wire_in; /* bytes off the wire */
    bool has_end;   /* close_notify came */
    bool is_fin, is_rst;
    int error; /* SSL_get_error's, of what went wrong; 0: nothing */
};

struct link_rig {
    const char *name;
    const struct conf_harness *h;
    struct conf_world *world;
    struct flare_loop *loop;
    struct fault fault;
    struct flare__sock listener;
    int accepted[16];
    int accepted_count;
    bool is_listening;
    struct sockaddr_storage addr;
    socklen_t addr_len;
    uint32_t descriptors;

    enum flare_tls_version version;
    bool is_client; /* the link is */
    struct cert ca, leaf;
    flare_tls_server *server;
    flare_tls_client *client;
    SSL_CTX *far;
    struct link_own *owns;
    struct link_peer peers[16];
    int peer_count;
    uint32_t held[LINK_HELD_MAX];
    int held_count;
};

/* Opens combination `way`; false, with the skip printed: not here. */
bool link_rig_open(struct link_rig *r, int way);
/* For what is of user space alone, before a connection is opened. */
void link_rig_kernel_off(struct link_rig *r);
/* Closes what is open; everything must come back. */
void link_rig_close(struct link_rig *r);

/*
 * A peer that connects, and the owner of what was accepted: without a link yet.
 * `*peer` may be NULL.
 */
struct link_own *link_accept(struct link_rig *r, struct link_peer **peer);
/* The link on it. */
void link_secure(struct link_own *own);
int link_secure_with(struct link_own *own, const struct flare__wire_start *s);
/* Both, and the handshake done on both ends. */
struct link_own *link_open(struct link_rig *r, struct link_peer **peer);

void link_recv_start(struct link_own *own);
void link_recv_stop(struct link_own *own);
void link_send(struct link_own *own, const struct iovec *iov, uint32_t count);
void link_send_bytes(struct link_own *own, const void *data, size_t len);
void link_send_file(struct link_own *own, int file, uint64_t offset,
                    uint32_t count);
void link_shutdown(struct link_own *own);
void link_close(struct link_own *own, enum flare__close_how how);
void link_held_put(struct link_rig *r);

/* The peer writes `len` bytes of stream `stream` from `from` on. */
void link_peer_write(struct link_peer *p, size_t len, uint32_t stream,
                     size_t from);
/* Whether what it got is `len` bytes of that stream. */
void link_peer_check(const struct link_peer *p, size_t len, uint32_t stream);
void link_in_check(const struct link_own *own, size_t len, uint32_t stream);

/* Peers move bytes; one turn of the loop, of 1 ms at most. */
void link_turn(struct link_rig *r);
void link_turns(struct link_rig *r, int count);
/* Nothing but peers. */
void link_pump(struct link_rig *r);

#define LINK_UNTIL(r, condition)                                               \
    for (int turns_ = 0; !(condition); turns_++) {                             \
        if (turns_ >= LINK_TURNS_MAX)                                          \
            ck_abort_msg("%s: never: %s", (r)->name, #condition);              \
        link_turn(r);                                                          \
    }

#define LINK_OPEN_OR_SKIP(r)                                                   \
    do {                                                                       \
        if (!link_rig_open(r, _i))                                             \
            return;                                                            \
    } while (0)

#endif
