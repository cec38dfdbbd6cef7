/* SPDX-License-Identifier: MIT */
/* The inside of the simulated backend, shared by its files. */
#ifndef FLARE__SIM_IMPL_H
#define FLARE__SIM_IMPL_H

#include "backends/sim.h"

#include <stdatomic.h>

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum {
    SIM_BACKENDS_MAX = 16,
    SIM_TAIL = 512, /* entries of the trace that are kept; power of two */
    SIM_RELEASES = 4,
    SIM_ROUTES_MAX = 32
};

#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_NEVER UINT64_MAX
#define SIM_LEASE_IN_POOL UINT32_MAX

/* What the trace and the hash know. */
#define SIM_NOTES(X)                                                           \
    X(NOTE)                                                                    \
    X(ATTACH)                                                                  \
    X(ACCEPT_START)                                                            \
    X(ACCEPT_STOP)                                                             \
    X(CONNECT)                                                                 \
    X(RECV_START)                                                              \
    X(RECV_STOP)                                                               \
    X(LEASE_PUT)                                                               \
    X(SEND)                                                                    \
    X(SHUTDOWN)                                                                \
    X(CLOSE)                                                                   \
    X(POLL_FD)                                                                 \
    X(POLL_STOP)                                                               \
    X(POLL)                                                                    \
    X(EV_ACCEPT)                                                               \
    X(EV_CONNECT)                                                              \
    X(EV_RECV)                                                                 \
    X(EV_SENT)                                                                 \
    X(EV_RELEASED)                                                             \
    X(EV_POLL)                                                                 \
    X(EV_CLOSED)                                                               \
    X(EV_WAKE)                                                                 \
    X(CALL_FAILED)                                                             \
    X(FAULT)                                                                   \
    X(ARRIVED)                                                                 \
    X(FIN)                                                                     \
    X(RST)                                                                     \
    X(SYN)                                                                     \
    X(FD_CLOSE)                                                                \
    X(PEER_CONNECT)                                                            \
    X(PEER_SEND)                                                               \
    X(PEER_RECV)                                                               \
    X(PEER_SHUTDOWN)                                                           \
    X(PEER_CLOSE)                                                              \
    X(PEER_EVENT)                                                              \
    X(SENDFILE)                                                                \
    X(POLL_START)                                                              \
    X(DG_BIND)                                                                 \
    X(DG_CONNECT)                                                              \
    X(DG_SEND)                                                                 \
    X(DG_RECV)                                                                 \
    X(DG_ARRIVED)                                                              \
    X(DG_GONE)                                                                 \
    X(DG_ERROR)

enum sim_note {
#define SIM_NOTE_ENUM(name) SIM_N_##name,
    SIM_NOTES(SIM_NOTE_ENUM)
#undef SIM_NOTE_ENUM
        SIM_NOTE_COUNT
};

struct sim_line {
    uint64_t time;
    const char *text; /* SIM_N_NOTE's */
    int64_t a, b;
    uint32_t who;
    uint32_t note;
};

/* Bytes on their way to an end: a ring.  taken <= arrived <= written. */
struct sim_pipe {
    uint8_t *buf;
    uint32_t size;   /* of buf, power of two */
    uint32_t window; /* written - taken stays within it */
    uint64_t written, arrived, taken;
    uint64_t clogged_until;
    bool is_moving; /* an arrival is due */
    bool fin_sent, fin_arrived;
    bool was_full; /* the writer waits for space */
};

/* Of IPv4, the first four bytes; AF_UNSPEC: none, or another family's. */
struct sim_addr {
    uint16_t family;
    uint16_t port;
    uint8_t ip[16];
};

struct sim_route {
    struct sim_addr to;
    uint32_t bits;
    int res;
    uint32_t delay_ms;
};

enum sim_end_kind {
    SIM_FREE,
    SIM_LISTENER,
    SIM_SOCKET, /* not connected yet */
    SIM_STREAM,
    SIM_FOREIGN,
    SIM_DATAGRAM
};

struct sim_end {
    uint8_t kind;
    bool is_closed; /* its owner has let go; the other end has not */
    bool is_reset;  /* RST has come */
    bool is_connecting;
    uint32_t index;
    uint32_t generation;
    uint32_t other; /* 0: none */
    int fd;         /* -1: a peer's, or closed */
    struct flare__sim_peer *peer;
    struct flare__backend *backend;
    uint32_t slot;
    uint64_t doom; /* the connection breaks when that much has arrived here */
    struct sim_pipe rx;
    int connect_res; /* SIM_SOCKET: 1 until known */
    int verdict;     /* of the route: FLARE__SIM_BLACKHOLE, -errno, 0 */
    uint16_t port;   /* listened on, or connected to */
    uint32_t number; /* of the connection, from 1, the same at both ends */
    struct sim_addr local, remote;
    struct sim_datagrams *dg; /* SIM_DATAGRAM */
    short revents;            /* what it is ready for */
    uint16_t edges;           /* of these, since poll_start heard of it */
    uint32_t backlog;
    uint32_t pending_count, pending_size;
    uint32_t *pending;
    uint32_t tries;
};

/* A datagram on its way, or in a queue. */
struct sim_packet {
    struct sim_addr from, to;
    uint32_t sender; /* the end it came from; 0: outside */
    uint32_t generation;
    uint32_t len;
    bool is_corrupt;
    uint8_t bytes[];
};

/* What a socket of datagrams has beyond other ends. */
struct sim_datagrams {
    struct sim_packet **queue; /* a ring of those that arrived */
    uint32_t first, count, bytes;
    struct sim_addr reached; /* where the last that arrived was sent to */
    uint32_t unsent;         /* bytes on their way: the send buffer */
    int error;               /* pending, as SO_ERROR */
    uint64_t last_due;       /* of what was sent: latency keeps the order */
    bool is_full;            /* its sender waits for room */
    bool is_held;            /* full by a fault */
    bool is_shared;          /* SO_REUSEADDR, SO_REUSEPORT */
    bool is_merging;         /* UDP_GRO */
};

enum sim_due_kind {
    SIM_DUE_ARRIVE, /* to end id */
    SIM_DUE_SYN,    /* of end id */
    SIM_DUE_RST,    /* to end id */
    SIM_DUE_KICK,   /* slot id of backend `extra` */
    SIM_DUE_TIMER,  /* of the peer of end id; `extra` its timer */
    SIM_DUE_SPACE,  /* the peer of end id may send again */
    SIM_DUE_PACKET  /* w->packets[id] arrives */
};

struct sim_due {
    uint64_t time;
    uint64_t order;
    uint32_t id;
    uint32_t generation;
    uint32_t extra;
    uint32_t kind;
};

enum sim_op {
    SIM_OP_ACCEPT,
    SIM_OP_CONNECT,
    SIM_OP_RECV,
    SIM_OP_SEND,
    SIM_OP_POLL,
    SIM_OP_COUNT
};

/* A file that is lent to send; it must stay the one it was. */
struct sim_file {
    bool is_lent;
    int fd;
    uint64_t offset;
    uint64_t device, inode;
};

struct sim_release {
    struct iovec one;
    struct sim_file file;
    const struct iovec *iov;
    uint32_t count;
    uint64_t hash;
    uint64_t due;
};

struct sim_slot {
    struct flare__sock *sock; /* NULL: free */
    struct sim_file file;     /* of the send in flight */
    uint32_t generation;
    uint32_t end;
    bool is_queued; /* on the ready list */
    bool is_closing, is_shut, is_broken;
    uint8_t how;   /* enum flare__close_how */
    uint8_t armed; /* bits by sim_op */
    uint8_t stopping;
    uint64_t due[SIM_OP_COUNT];        /* not before */
    uint64_t cancel_due[SIM_OP_COUNT]; /* of those stopping */
    uint64_t close_due;
    uint64_t kick; /* when it is on the world's list; SIM_NEVER */
    uint64_t wait; /* the earliest time at which it will have something */
    short poll_events;
    bool is_watch; /* the poll is poll_start's */
    const struct iovec *iov;
    uint32_t iov_count;
    uint32_t iov_at, iov_off; /* what moves next */
    uint64_t send_len, send_done, send_hash;
    struct sim_release releases[SIM_RELEASES];
    uint32_t release_count;
};

struct flare__backend {
    struct flare__sim *world;
    uint32_t index; /* in the world, from 0 */
    uint32_t caps;
    uint32_t lease_bytes, lease_count;
    uint32_t leases_out;
    uint8_t *pool;
    uint32_t *lease_free; /* stack */
    uint32_t *lease_len;  /* SIM_LEASE_IN_POOL, or as lent */
    struct sim_slot **slots;
    uint32_t slot_count, slot_used;
    uint32_t *ready;
    uint32_t ready_count;
    bool is_starved; /* some receive waits for a lease */
    atomic_int woken;
    uint64_t wake_due; /* SIM_NEVER */
    uint64_t deadline; /* what the last poll would have waited for */
    uint64_t stalled_until;
    uint64_t idle_polls;
};

struct flare__sim {
    struct flare__sim_config config;
    uint64_t random;
    size_t tape_at;
    uint64_t now;
    uint64_t hash;
    uint64_t line_count;
    uint32_t rates[FLARE__SIM_FAULT_ALL];
    bool has_datagrams; /* their rates are drawn */
    struct flare__sim_counts counts;
    struct sim_end **ends; /* from 1 */
    uint32_t end_count;
    uint32_t *free_ends;
    uint32_t free_end_count;
    uint32_t *fds; /* end of each descriptor; 0: free */
    uint32_t fd_count, fd_used;
    struct sim_due *heap;
    uint32_t heap_count, heap_size;
    uint64_t order;
    struct flare__backend *backends[SIM_BACKENDS_MAX];
    uint32_t backend_count;
    struct sim_route routes[SIM_ROUTES_MAX];
    uint32_t route_count;
    struct sim_packet **packets; /* on their way; NULL: a free place */
    uint32_t packet_count;
    uint16_t port_next;
    struct sim_line tail[SIM_TAIL];
};

/* sim_rand.c */
void sim_random_init(struct flare__sim *w);
bool sim_chance(struct flare__sim *w, enum flare__sim_fault fault);
/* Draws the rates of datagrams' faults, once. */
void sim_random_datagrams(struct flare__sim *w);
/* 1 to n. */
uint64_t sim_cut(struct flare__sim *w, uint64_t n);
/* A delay of the kind real networks and kernels have: most short. */
uint64_t sim_delay(struct flare__sim *w);
/* now, or later if the fault strikes. */
uint64_t sim_later(struct flare__sim *w, enum flare__sim_fault fault);

/* sim_trace.c */
void sim_trace(struct flare__sim *w, enum sim_note note, uint32_t who,
               int64_t a, int64_t b);
uint64_t sim_hash_bytes(uint64_t hash, const void *data, size_t len);
void *sim_memory(void *block, size_t size); /* realloc that aborts */
#define SIM_CHECK(w, condition, ...)                                           \
    do {                                                                       \
        if (!(condition))                                                      \
            flare__sim_fail((w), __VA_ARGS__);                                 \
    } while (0)

/* sim_net.c */
void sim_net_clear(struct flare__sim *w);
struct sim_end *sim_end(const struct flare__sim *w, uint32_t id);
struct sim_end *sim_end_of_fd(const struct flare__sim *w, int fd);
/* A new end's descriptor.  -EMFILE. */
int sim_fd_of_new(struct flare__sim *w, enum sim_end_kind kind);
/* -EMFILE. */
int sim_fd_new(struct flare__sim *w, struct sim_end *e);
bool sim_fds_full(const struct flare__sim *w);
void sim_due_push(struct flare__sim *w, enum sim_due_kind kind, uint64_t time,
                  uint32_t id, uint32_t extra);
/* Everything due by now; whether there was something. */
bool sim_run_due(struct flare__sim *w);
/* The time of the next, or SIM_NEVER. */
uint64_t sim_next_due(const struct flare__sim *w);
int64_t sim_pipe_queued(const struct sim_end *to); /* not read yet */
uint64_t sim_pipe_space(const struct sim_end *to);
void sim_pipe_write(struct flare__sim *w, struct sim_end *to, const void *data,
                    uint64_t len);
void sim_pipe_take(struct flare__sim *w, struct sim_end *from, void *out,
                   uint64_t len);
void sim_pipe_fin(struct flare__sim *w, struct sim_end *to);
struct sim_end *sim_end_new(struct flare__sim *w, enum sim_end_kind kind);
/* Tells the owner that poll_start's `edges` have come about. */
void sim_end_edge(struct flare__sim *w, struct sim_end *e, uint16_t edges);
struct sim_end *sim_end_other(const struct flare__sim *w,
                              const struct sim_end *e);
/* Lets go of the descriptor: FIN, or RST. */
void sim_end_close(struct flare__sim *w, struct sim_end *e, bool is_abort);
void sim_end_connect(struct flare__sim *w, struct sim_end *e,
                     const struct sim_addr *to);

/* sim_datagram.c */
int sim_datagram_socket(struct flare__sim *w, int family);
int sim_datagram_bind(struct flare__sim *w, struct sim_end *e,
                      const struct sim_addr *to);
int sim_datagram_option(struct sim_end *e, int level, int name, int value);
/* What CONNECT is to say. */
int sim_datagram_connect(struct flare__sim *w, struct sim_end *e,
                         const struct sim_addr *to);
int sim_datagram_recv(struct flare__sim *w, struct sim_end *e,
                      struct flare__datagram *list, uint32_t count);
int sim_datagram_send(struct flare__sim *w, struct sim_end *e,
                      const struct flare__datagram *list, uint32_t count);
uint16_t sim_datagram_level(const struct sim_end *e); /* poll's bits */
void sim_datagram_close(struct sim_end *e);
void sim_datagram_arrive(struct flare__sim *w, uint32_t packet);
void sim_datagram_space(struct flare__sim *w, struct sim_end *e);
void sim_datagrams_clear(struct flare__sim *w);

/* sim_ops.c */
struct sim_end *sim_slot_end(const struct flare__backend *b,
                             const struct sim_slot *s);
void sim_op_arm(struct flare__backend *b, struct sim_slot *s, enum sim_op op,
                enum sim_note note);
void sim_op_stop(struct flare__backend *b, struct sim_slot *s, enum sim_op op);
uint64_t sim_iov_hash(const struct iovec *iov, uint32_t count);
/* sim_file.c */
void sim_file_lend(struct flare__sim *w, struct sim_file *file, int fd,
                   uint64_t offset);
void sim_file_check(const struct flare__sim *w, const struct sim_file *file);
/* Up to `n` bytes from `at` of it into the pipe; 0: its end, -errno. */
int64_t sim_file_move(struct flare__sim *w, const struct sim_file *file,
                      struct sim_end *to, uint64_t at, uint64_t n);

/* sim_address.c */
struct sim_addr sim_addr_of(const struct sockaddr *addr, socklen_t len);
void sim_addr_put(const struct sim_addr *a, struct sockaddr_storage *out,
                  socklen_t *len);
bool sim_addr_is_any(const struct sim_addr *a); /* but for its port */
bool sim_addr_is_same_ip(const struct sim_addr *a, const struct sim_addr *b);
/* Who connects for the `number`th time. */
struct sim_addr sim_addr_client(uint16_t family, uint32_t number);
/* Both ends' addresses, from what the client asked for. */
void sim_addr_connected(struct sim_end *client, struct sim_end *server);
struct sim_route sim_route_find(const struct flare__sim *w,
                                const struct sim_addr *to);
int sim_address_peer(struct flare__backend *b, struct flare__sock *sock,
                     struct sockaddr_storage *out, socklen_t *len);
int sim_address_local(struct flare__backend *b, struct flare__sock *sock,
                      struct sockaddr_storage *out, socklen_t *len);

/* sim.c */
/* The slot of an attached socket: anything else aborts. */
struct sim_slot *sim_slot_of(struct flare__backend *b,
                             const struct flare__sock *sock);

/* sim_ops.c */
/* One event of a socket, if it has one now. */
bool sim_slot_produce(struct flare__backend *b, struct sim_slot *s,
                      struct flare__event *ev);
void sim_slot_touch(struct flare__backend *b, uint32_t slot);
void sim_slot_kick(struct flare__backend *b, uint32_t slot,
                   uint32_t generation);

#endif
