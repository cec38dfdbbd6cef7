/* SPDX-License-Identifier: MIT */
/*
 * Sockets of datagrams on a loop of any backend, with what they were told, and
 * the backend's calls for datagrams in the test's hands.
 */
#ifndef FLARE__TEST_UDP_RIG_H
#define FLARE__TEST_UDP_RIG_H

#include <flare/udp.h>

#include "backends/sim.h"
#include "net/loop.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#define RIG_MS UINT64_C(1000000)

/* The simulated one is the last. */
enum rig_kind {
    RIG_EPOLL,
    RIG_URING,
#ifdef FLARE_HAVE_KQUEUE
    RIG_KQUEUE,
#endif
    RIG_SIM,
    RIG_KINDS
};

enum { RIG_GOT_MAX = 2048, RIG_ENDS_MAX = 8, RIG_ERRORS_MAX = 64 };

/* A datagram that has come, copied. */
struct rig_got {
    struct flare_addr peer;
    char *bytes;
    size_t len;
    bool is_truncated;
};

struct rig;
struct rig_end;

/* A socket and what it was told. */
struct rig_end {
    struct rig *rig;
    flare_udp *udp;         /* NULL: closed */
    struct flare_addr addr; /* where others reach it */
    struct rig_got got[RIG_GOT_MAX];
    uint32_t count; /* of them */
    uint32_t calls; /* of on_datagrams */
    size_t list_max;
    int errors[RIG_ERRORS_MAX];
    struct flare_addr error_peers[RIG_ERRORS_MAX]; /* NONE: there was none */
    uint32_t error_count;
    uint32_t drains;
    uint32_t closes;
    int rc; /* of on_closed */
    /* What it does about it; may be NULL. */
    void (*on_list)(struct rig_end *e, const struct flare_datagram *list,
                    size_t count);
    void (*on_error)(struct rig_end *e, int rc);
    void (*on_drain)(struct rig_end *e);
};

struct rig {
    enum rig_kind kind;
    struct fault *fault;
    struct fault own;         /* unless a test has brought one */
    struct flare__sim *world; /* of RIG_SIM */
    uint64_t seed;            /* of its faults; 0: it has none */
    struct flare_loop *loop;
    struct flare__backend_ops ops; /* the backend's, through the rig */
    struct rig_end ends[RIG_ENDS_MAX];
    uint32_t end_count;
    uint32_t recvs; /* calls */
    uint32_t sends;
    uint32_t polls_started;
    /* Instead of the backend's; may be NULL.  `real` goes on with it. */
    int (*on_recv)(struct rig *r, struct flare__datagram *list, uint32_t count);
    int (*on_send)(struct rig *r, const struct flare__datagram *list,
                   uint32_t count);
    int (*on_connect)(struct rig *r, const struct sockaddr *addr,
                      socklen_t len);
    struct flare__sock *sock; /* of the call in hand */
    const struct flare__backend_ops *real;
};

const char *rig_name(enum rig_kind kind);

/* NULL: this machine has no such backend, and `why` says what is missing. */
struct rig *rig_new(enum rig_kind kind, struct flare_error *why);

/* The same of a zeroed one with `fault` set: 0, or what opening met, and then
 * nothing is left. */
int rig_open(struct rig *r, enum rig_kind kind, struct flare_error *why);

/* Closes what is open, and looks that nothing is left; of rig_open's the
 * caller looks. */
void rig_free(struct rig *r);
void rig_close(struct rig *r);

/* Opens a socket; `options` may be NULL, its handler is the rig's. */
struct rig_end *rig_end(struct rig *r, const char *address,
                        const struct flare_udp_options *options);

/* The same, which may fail: then the end is not used. */
int rig_end_open(struct rig *r, struct rig_end **out, const char *address,
                 const struct flare_udp_options *options);

void rig_send(struct rig_end *from, const struct flare_addr *to,
              const char *text);

/* One turn that waits at most so long. */
void rig_turn(struct rig *r, uint32_t ms);

/* Turns that do not wait, enough for what is there already. */
void rig_settle(struct rig *r);

struct flare_str rig_str(const char *bytes, size_t len);
struct flare_addr rig_addr(const char *text);

/* Turns until it holds; the test fails after ten seconds of turns. */
#define RIG_UNTIL(r, condition)                                                \
    do {                                                                       \
        int rig_turns = 0;                                                     \
                                                                               \
        while (!(condition)) {                                                 \
            ck_assert_msg(rig_turns++ < 1000, "%s: never: %s",                 \
                          rig_name((r)->kind), #condition);                    \
            rig_turn((r), 10);                                                 \
        }                                                                      \
    } while (0)

/* For the start of a test that runs on every backend. */
#define RIG_OPEN(r, kind)                                                      \
    struct flare_error rig_why = {.code = 0};                                  \
    struct rig *r = rig_new((kind), &rig_why);                                 \
                                                                               \
    if (r == NULL)                                                             \
    TEST_SKIP("%s: %s", rig_name(kind), rig_why.text)

#endif
