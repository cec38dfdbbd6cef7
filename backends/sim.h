/* SPDX-License-Identifier: MIT */
/*
 * The simulated backend: an in-memory network with a virtual clock, for tests
 * and fuzzing only.  Every choice comes from one seed or from a tape of bytes,
 * so the same input gives the same run, on every compiler.
 *
 * A world (struct flare__sim) holds descriptors, connections in flight and
 * time.  Several backends may live in one world: workers, all in one thread.
 * The other side of a connection is a peer, a script that the world calls when
 * something happens to it.
 *
 * The ledger: every operation has one terminal event and none after CLOSED,
 * every descriptor is closed once and never with operations pending, every
 * lease comes back once, memory given to send stays as it was until released.
 * What breaks it aborts with the seed and the tail of the trace.
 */
#ifndef FLARE__SIM_H
#define FLARE__SIM_H

#include "backends/backend.h"

#include <stdarg.h>
#include <stdio.h>

extern const struct flare__backend_ops flare__backend_sim;

/* The smallest descriptor: real system calls never find one of these. */
enum { FLARE__SIM_FD_MIN = 1 << 20 };

/*
 * X(name, its highest rate: per 1000 chances it has).  Each seed draws a rate
 * of each, often 0; each has a counter of how often it struck.
 */
#define FLARE__SIM_FAULTS(X)                                                   \
    X(LATENCY, 1000)     /* bytes and connections take their time */           \
    X(NET_CUT, 700)      /* bytes arrive in pieces */                          \
    X(RECV_CUT, 700)     /* a receive gives less than there is */              \
    X(SEND_CUT, 700)     /* a send moves less than there is room for */        \
    X(SMALL_WINDOW, 500) /* of a new connection */                             \
    X(CLOG, 100)         /* nothing arrives for a while */                     \
    X(NET_RESET, 150)    /* a new connection will break somewhere */           \
    X(RST_ERASES, 1000)  /* a reset destroys what was not read yet */          \
    X(BACKLOG, 500)      /* a listener's backlog is tiny */                    \
    X(ACCEPT_EMFILE, 200)                                                      \
    X(ACCEPT_ENOBUFS, 100)                                                     \
    X(ACCEPT_ENOMEM, 100)                                                      \
    X(ACCEPT_ABORTED, 100)                                                     \
    X(ACCEPT_ENDED, 500)  /* a connection comes without MORE */                \
    X(POOL_EMPTY, 200)    /* no lease for a while */                           \
    X(RECV_ENDED, 300)    /* bytes come without MORE */                        \
    X(RECV_ERROR, 20)     /* ENOMEM, ETIMEDOUT, EHOSTUNREACH */                \
    X(SEND_ERROR, 20)     /* ENOBUFS, ENOMEM, ETIMEDOUT */                     \
    X(SEND_PARTIAL, 500)  /* a broken send tells its count */                  \
    X(RELEASE_LATE, 600)  /* SENT comes before RELEASED */                     \
    X(CANCEL_LATE, 700)   /* a stop or close takes a while */                  \
    X(CANCEL_RESULT, 500) /* its own result comes first */                     \
    X(COMPLETION_LATE, 500)                                                    \
    X(WAKE_SPURIOUS, 50)                                                       \
    X(WAKE_LATE, 500)                                                          \
    X(POLL_EMPTY, 200) /* returns 0 before its deadline: EINTR */              \
    X(POLL_LATE, 300)  /* the timer slips */                                   \
    X(BATCH_SHORT, 300)                                                        \
    X(WORKER_STALL, 50)

/* The same of datagrams.  Drawn when there is the first socket of them, so
 * that worlds without are what they always were. */
#define FLARE__SIM_DATAGRAM_FAULTS(X)                                          \
    X(DG_LATENCY, 1000) /* they take their time, in order */                   \
    X(DG_REORDER, 500)  /* one is overtaken */                                 \
    X(DG_LOST, 300)                                                            \
    X(DG_TWICE, 300)                                                           \
    X(DG_CORRUPT, 100)   /* told of, and then not there: a bad checksum */     \
    X(DG_SPOOFED, 200)   /* another follows it from somebody else */           \
    X(DG_ICMP, 50)       /* a connected sender hears of a failure */           \
    X(DG_FULL, 200)      /* EAGAIN for a while */                              \
    X(DG_SEND_ERROR, 50) /* ENOBUFS, EPERM, ENETUNREACH */

enum flare__sim_fault {
#define FLARE__SIM_ENUM(name, highest) FLARE__SIM_##name,
    FLARE__SIM_FAULTS(FLARE__SIM_ENUM) FLARE__SIM_FAULT_COUNT,
    FLARE__SIM_FAULT_LAST = FLARE__SIM_FAULT_COUNT - 1,
    FLARE__SIM_DATAGRAM_FAULTS(FLARE__SIM_ENUM)
#undef FLARE__SIM_ENUM
        FLARE__SIM_FAULT_ALL
};

struct flare__sim_counts {
    uint64_t faults[FLARE__SIM_FAULT_ALL];
    uint64_t polls;
    uint64_t events;
    uint64_t conns;     /* that reached a listener */
    uint64_t accepted;  /* descriptors given out by accept */
    uint64_t datagrams; /* that arrived at a socket */
    uint64_t overflows; /* that found it full */
    uint64_t virtual_ns;
};

struct flare__sim_config {
    uint64_t seed;
    const uint8_t *tape; /* NULL: the seed; else borrowed, zeros follow it */
    size_t tape_len;
    bool is_calm;     /* no faults: everything at once, in full */
    bool is_stepped;  /* poll never waits: flare__sim_next moves time */
    bool is_threaded; /* another thread may wake: an endless poll waits */
    uint32_t fds_max; /* 0: as many as there may be */
    /* Asked before every call that may fail: 0 lets it go on, else -errno. */
    int (*fault_site)(void *ctx, const char *name);
    void *fault_ctx;
    const char
        *replay; /* on failure, after the seed: the command of its test */
    FILE *trace; /* every line as it happens; NULL: only the tail on failure */
};

struct flare__sim;

/* NULL without memory.  A world may be reset for the next seed: cheaper. */
struct flare__sim *flare__sim_new(const struct flare__sim_config *config);

/* Every backend is freed.  Descriptors still open are a violation. */
void flare__sim_reset(struct flare__sim *w,
                      const struct flare__sim_config *config);

/* Accepts NULL. */
void flare__sim_free(struct flare__sim *w);

uint64_t flare__sim_now(const struct flare__sim *w);

/* 0 to n - 1, from the seed or tape; n is at least 1. */
uint32_t flare__sim_below(struct flare__sim *w, uint32_t n);

/* All rates to 0: what is under way calms down. */
void flare__sim_calm(struct flare__sim *w);

/* Sets one rate, per 1000; no randomness when 0 or 1000. */
void flare__sim_rate_set(struct flare__sim *w, enum flare__sim_fault fault,
                         uint32_t rate);

const char *flare__sim_fault_name(enum flare__sim_fault fault);

/* Adds what happened since the reset to `sum`. */
void flare__sim_count(const struct flare__sim *w,
                      struct flare__sim_counts *sum);

/* Of every call, event, byte and choice so far. */
uint64_t flare__sim_hash(const struct flare__sim *w);

/* A line of the scripts in the trace and its hash; `what` is a literal. */
void flare__sim_note(struct flare__sim *w, const char *what, int64_t a,
                     int64_t b);

/* The tail of the trace. */
void flare__sim_dump(const struct flare__sim *w, FILE *out);

/* Prints the sentence, seed and tail; aborts. */
__attribute__((noreturn, cold)) void flare__sim_fail(const struct flare__sim *w,
                                                     const char *format, ...)
    FLARE_PRINTF(2, 3);

/*
 * A listening descriptor; several on one port share its connections, as with
 * SO_REUSEPORT.  `backlog` 0: 1024.  -EMFILE.
 */
int flare__sim_listen(struct flare__sim *w, uint16_t port, uint32_t backlog);

/* The same at an address, for connections of its family only. */
int flare__sim_listen_at(struct flare__sim *w, const struct sockaddr *addr,
                         socklen_t len, uint32_t backlog);

/* A descriptor to connect with.  Whoever listens at the port of the address
 * gets the connection, but for what a route says. */
int flare__sim_socket(struct flare__sim *w);

enum {
    FLARE__SIM_OPEN = 0,     /* as if there were no route but for the delay */
    FLARE__SIM_BLACKHOLE = 1 /* nothing comes back, ever */
};

/*
 * What becomes of connections to `addr`, and of datagrams: OPEN, BLACKHOLE, or
 * a negative errno that `connect` ends with (-ECONNREFUSED, -ENETUNREACH ...;
 * of a datagram: the error its sender hears of), `delay_ms` later than else.
 * `addr` is IPv4 or IPv6: its first `bits` count (0: the whole family) and its
 * port (0: any).  The last route that matches holds; those under way are not
 * touched.  At most 32; a reset of the world forgets them.
 */
void flare__sim_route(struct flare__sim *w, const struct sockaddr *addr,
                      uint32_t bits, int res, uint32_t delay_ms);
void flare__sim_routes_clear(struct flare__sim *w);

/*
 * A datagram from an address outside, be it real or spoofed, to whom it may
 * concern.  It is subject to faults, but to no route.
 */
void flare__sim_datagram(struct flare__sim *w, const struct sockaddr *from,
                         const struct sockaddr *to, const void *data,
                         size_t len);

/* A foreign descriptor for poll_fd, and what it is ready for. */
int flare__sim_foreign(struct flare__sim *w);
void flare__sim_foreign_set(struct flare__sim *w, int fd, short revents);

/* Closes a descriptor that is attached nowhere, as close(2). */
void flare__sim_fd_close(struct flare__sim *w, int fd);

/* Descriptors open now; how many there may be from now on, 0: any number. */
uint32_t flare__sim_fds(const struct flare__sim *w);
void flare__sim_fds_limit(struct flare__sim *w, uint32_t fds_max);

/* Leases out of the pool of `b`. */
uint32_t flare__sim_leases(const struct flare__backend *b);

enum {
    FLARE__SIM_LATER = -1, /* nobody now; time has moved on, peers have acted */
    FLARE__SIM_OVER = -2   /* nothing happens until the limit, which is now */
};

/*
 * Stepped worlds: which backend is to be polled next, by the order of their
 * opening; or one of the above.  Time does not pass `limit_ns`; UINT64_MAX:
 * none, and OVER means that nothing will ever happen again.
 */
int flare__sim_next(struct flare__sim *w, uint64_t limit_ns);

enum flare__sim_peer_event {
    FLARE__SIM_PEER_CONNECTED,
    FLARE__SIM_PEER_REFUSED, /* never was connected; closed */
    FLARE__SIM_PEER_DATA,    /* something can be received */
    FLARE__SIM_PEER_FIN,     /* and nothing will follow */
    FLARE__SIM_PEER_RST,     /* the connection is gone */
    FLARE__SIM_PEER_SPACE,   /* there is room to send after there was none */
    FLARE__SIM_PEER_TIMER
};

/* The script's side of a connection.  Zeroed but for `on_event`. */
struct flare__sim_peer {
    void (*on_event)(struct flare__sim_peer *peer,
                     enum flare__sim_peer_event what);
    struct flare__sim *world;
    uint32_t end;    /* the world's; 0: not open */
    uint32_t timer;  /* which one is set */
    bool is_excused; /* the world broke it by a fault of its own */
};

/* Enters the world; needed before all else, and again after close. */
void flare__sim_peer_open(struct flare__sim_peer *peer, struct flare__sim *w);

/* CONNECTED or REFUSED follows, never from inside this call. */
void flare__sim_peer_connect(struct flare__sim_peer *peer, uint16_t port);

/* How many bytes the network took, 0 to len. */
size_t flare__sim_peer_send(struct flare__sim_peer *peer, const void *data,
                            size_t len);

/* How many bytes there were, 0 to size. */
size_t flare__sim_peer_recv(struct flare__sim_peer *peer, void *out,
                            size_t size);

/* FIN; receiving goes on. */
void flare__sim_peer_shutdown(struct flare__sim_peer *peer);

/* The end of the connection: as close(2), or with RST.  No event follows. */
void flare__sim_peer_close(struct flare__sim_peer *peer, bool is_abort);

/* TIMER follows at that time, unless it is set again or closed before. */
void flare__sim_peer_at(struct flare__sim_peer *peer, uint64_t time_ns);

#endif
