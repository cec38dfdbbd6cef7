/* SPDX-License-Identifier: MIT */
/*
 * A ring under test, and sockets of it whose events are counted.  The far ends
 * are plain descriptors of the test, which never blocks on them.
 *
 * The rig fails the test at the first event the contract does not allow: a
 * second terminal one, anything after CLOSED.
 */
#ifndef FLARE__TEST_URING_RIG_H
#define FLARE__TEST_URING_RIG_H

#include "backends/uring.h"
#include "tests/support/test.h"

#define RIG_DENY_MULTISHOT                                                     \
    (FLARE__CAP_MULTISHOT_ACCEPT | FLARE__CAP_MULTISHOT_RECV)

/* What is denied: nothing, then multishot.  Many tests run with each. */
extern const uint32_t rig_denied[2];

/* Bytes to send, the same after each rig_setup. */
extern uint8_t rig_block[1 << 16];
void rig_setup(void);

enum { RIG_BATCH = 64, RIG_HELD_MAX = 256 };

struct rig;

struct rig_sock {
    struct flare__sock sock;
    struct rig *rig;
    int peer;          /* the test's end; -1: none */
    bool keeps_leases; /* what comes goes to rig->held */
    bool is_receiving, is_accepting, is_sending, is_polling, is_closed;
    int recv_events, recv_res; /* res: of the terminal event */
    uint64_t recv_bytes;
    uint64_t recv_sum; /* of position times byte: order shows */
    int accepted, accept_res;
    int fds[64]; /* accepted and the test's to close */
    int sent_res, connect_res, poll_res;
    bool is_watching; /* the poll is poll_start's */
    int polls;        /* events */
};

struct rig {
    struct flare__backend *b;
    const struct flare__backend_ops *ops;
    struct flare__event events[RIG_BATCH];
    int capacity; /* of a poll; 0: RIG_BATCH */
    int wakes;
    int rc; /* of the last poll */
    uint32_t held[RIG_HELD_MAX];
    int held_count;
};

/* Opens with `queue` entries, `leases` leases of 4096 bytes (0: default). */
void rig_open(struct rig *rig, uint32_t queue, uint32_t leases,
              uint32_t caps_denied);
void rig_close(struct rig *rig);

/* False, with the skip printed, where there is no io_uring. */
bool rig_is_here(void);

/* A connected TCP pair: one end attached, the other in `peer`. */
void rig_pair(struct rig *rig, struct rig_sock *s);

/* A listener on 127.0.0.1; its descriptor attached. */
void rig_listen(struct rig *rig, struct rig_sock *s);

/* A connection to it, not blocking. */
int rig_dial(const struct rig_sock *listener);

void rig_attach(struct rig *rig, struct rig_sock *s, int fd);
void rig_recv(struct rig_sock *s);
void rig_accept(struct rig_sock *s);
void rig_send(struct rig_sock *s, const struct iovec *iov, uint32_t count);
void rig_shut(struct rig_sock *s, enum flare__close_how how);
void rig_held_put(struct rig *rig);

/* One poll that waits no longer than `wait_ms`; the number of events. */
int rig_turn(struct rig *rig, int wait_ms);

/* What the peer has for the test: bytes read, -1 nothing, 0 FIN, -2 RST. */
long rig_peer_read(int fd, void *out, size_t size);
void rig_peer_write(int fd, const void *data, size_t len);

#define RIG_UNTIL(rig, condition)                                              \
    for (int turns_ = 0; !(condition); turns_++) {                             \
        ck_assert_msg(turns_ < 5000, "never: %s", #condition);                 \
        (void)rig_turn(rig, 2);                                                \
        ck_assert_int_ge((rig)->rc, 0);                                        \
    }

#endif
