/* SPDX-License-Identifier: MIT */
/*
 * The listening sockets of a server: opened from a list of addresses, shared
 * out to the workers, closed when nobody accepts any more.
 *
 *   127.0.0.1:8080, [::1]:0, unix:/run/x.sock, unix:@name
 *   fd:5           a descriptor that listens; copied, the original is yours
 *   inherit:       all that the service manager opened (net/inherit.h)
 *   inherit:NAME   those of that name
 *
 * A TCP address gets a socket per worker (SO_REUSEPORT): the kernel spreads
 * connections and nobody takes a lock to accept.  All other sockets are one,
 * and workers accept from it side by side: with io_uring the kernel wakes one
 * of them (EPOLLEXCLUSIVE inside it), with epoll it may wake more, and those
 * that come late find the queue empty.
 *
 * The set keeps every socket open until `close`; workers have copies.  So a
 * worker that is done closes no queue (FAILURES K14), and a successor can be
 * given them at any time.
 */
#ifndef FLARE__NET_LISTEN_SET_H
#define FLARE__NET_LISTEN_SET_H

#include <flare/alloc.h>

#include "net/sock.h"

enum { FLARE__LISTEN_ASKED_MAX = 160 }; /* one item of the list, with NUL */

/* A socket that the server before this one gave. */
struct flare__listen_handed {
    int fd; /* -1: taken */
    bool is_shared;
    char asked[FLARE__LISTEN_ASKED_MAX];
};

struct flare__listen_config {
    const struct flare_allocator *al;
    const char *list;     /* NULL: none */
    const char *tls_list; /* those that speak TLS; likewise */
    uint32_t workers;
    bool is_v6only;
    struct flare__listen_handed *handed; /* may be NULL */
    uint32_t handed_count;
};

struct flare__listen_address {
    char asked[FLARE__LISTEN_ASKED_MAX]; /* "127.0.0.1:0" */
    char text[FLARE__SOCK_TEXT_MAX];     /* "127.0.0.1:43211" */
    uint32_t first;                      /* its sockets, in the set's */
    uint32_t count;
    bool is_tls;
};

struct flare__listen_socket {
    int fd;
    uint32_t address;
    bool is_shared; /* others have it: its queue is not ours to end */
    bool is_handed; /* by the server before this one */
    bool is_sealed; /* nobody new gets into its queue */
};

struct flare__listen_set {
    const struct flare_allocator *al;
    uint32_t workers;
    uint32_t address_count;
    uint32_t socket_count;
    struct flare__listen_address *addresses;
    struct flare__listen_socket *sockets;
};

/*
 * Opens all of `config->list` and `tls_list`, or nothing.  A handed socket that
 * an item asked for is taken instead of being opened.  0; FLARE_E_BAD_ADDRESS,
 * FLARE_E_BAD_CONFIG, -EADDRINUSE and the like; `err` (may be NULL) names the
 * item.
 */
FLARE_MUST_USE
int flare__listen_set_open(struct flare__listen_set *set,
                           const struct flare__listen_config *config,
                           struct flare_error *err);

/* Closes what is open; files of Unix sockets stay.  Nothing twice. */
void flare__listen_set_close(struct flare__listen_set *set);

/* close, and frees the addresses.  Accepts a zeroed one. */
void flare__listen_set_free(struct flare__listen_set *set);

/* The most sockets that one worker serves. */
uint32_t flare__listen_set_each(const struct flare__listen_set *set);

/* Whether `worker` accepts from socket `i`. */
bool flare__listen_set_serves(const struct flare__listen_set *set, uint32_t i,
                              uint32_t worker);

/*
 * The end, of sockets that nobody else has: new connections find no way into
 * their queues, those under way do.  A path is removed; TCP drops SYNs, so that
 * a peer tries again, and is refused, or served by who listens next.
 */
void flare__listen_set_seal(struct flare__listen_set *set);

/* Someone else has them all from now on: no seal, no emptying. */
void flare__listen_set_share(struct flare__listen_set *set);

enum flare__listen_left {
    FLARE__LISTEN_EMPTY, /* nobody waits, or somebody else may serve them */
    FLARE__LISTEN_OPEN,  /* somebody waits; more may come */
    FLARE__LISTEN_LAST   /* somebody waits; sealed, so their number is bound */
};

/* What waits in the queues of `worker`. */
enum flare__listen_left flare__listen_set_left(
    const struct flare__listen_set *set, uint32_t worker);

/*
 * How long a handshake that has begun may take until it shows in a queue:
 * nothing tells when none is left.
 */
uint32_t flare__listen_set_handshake_ms(const struct flare__listen_set *set);

/* All addresses, "a, b", cut to `size` (at least 1). */
void flare__listen_set_format(const struct flare__listen_set *set, char *out,
                              size_t size);

#endif
