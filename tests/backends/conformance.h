/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite: the rules of backends/backend.h, run on every backend
 * from one source.  A backend brings a harness, the other side of its network;
 * test_conformance.c has the table of what is run.
 *
 * Tests are one thread.  A peer never blocks: what it cannot do yet it does
 * not do, and the test goes on turning the backend until it can (UNTIL).
 * Every event passes a ledger, which knows what is in flight and fails the
 * test at the first event that the contract does not allow.
 */
#ifndef FLARE__CONFORMANCE_H
#define FLARE__CONFORMANCE_H

#include "backends/backend.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

struct conf_world; /* the harness's: a network */
struct conf_peer;  /* the harness's: the far end of a connection */

enum {
    CONF_FIN = -1, /* of peer_recv: the stream has ended */
    CONF_RST = -2  /* of peer_recv and peer_send: the connection broke */
};

struct conf_harness {
    /* A fresh network.  NULL: not here, and `why` (of 256 bytes) says so. */
    struct conf_world *(*open)(char *why);
    void (*close)(struct conf_world *w);

    /* What goes into flare__backend_config.sim; NULL for kernels. */
    void *(*sim)(struct conf_world *w);

    /* A listening descriptor, and the address to connect to it. */
    int (*listen)(struct conf_world *w, int backlog,
                  struct sockaddr_storage *addr, socklen_t *len);

    /* A descriptor to connect with, as for backend_ops.connect. */
    int (*socket)(struct conf_world *w);

    /* An address that refuses connections. */
    void (*refused)(struct conf_world *w, struct sockaddr_storage *addr,
                    socklen_t *len);

    /*
     * A foreign descriptor for poll_fd that is not ready; `foreign_set` makes
     * it readable and, with false, not so again.
     */
    int (*foreign)(struct conf_world *w);
    void (*foreign_set)(struct conf_world *w, int fd, bool is_readable);

    /* Connects to a listener; it may take turns until it has. */
    struct conf_peer *(*peer_connect)(struct conf_world *w,
                                      const struct sockaddr_storage *addr,
                                      socklen_t len);

    /* Bytes taken, 0: none now (also: not connected yet), CONF_RST. */
    long (*peer_send)(struct conf_peer *p, const void *data, size_t len);

    /* Bytes, 0: none now, CONF_FIN, CONF_RST. */
    long (*peer_recv)(struct conf_peer *p, void *out, size_t size);

    /* FIN; it goes on receiving. */
    void (*peer_shutdown)(struct conf_peer *p);

    /* The end of the peer; `is_abort`: with RST. */
    void (*peer_close)(struct conf_peer *p, bool is_abort);

    /* Descriptors open in this network or process. */
    uint32_t (*descriptors)(struct conf_world *w);

    /* Accepting a connection fails with EMFILE from now on, or not. */
    void (*descriptors_deny)(struct conf_world *w, bool is_denied);
};

extern const struct conf_harness conf_harness_kernel;
extern const struct conf_harness conf_harness_sim; /* conformance_sim.c */

/* One way to run the suite. */
struct conf_stamp {
    const char *name;
    const struct flare__backend_ops *ops;
    const struct conf_harness *harness;
    uint32_t caps_denied;
};

extern const struct conf_stamp conf_stamps[];
extern const int conf_stamp_count;

/* ---- the driver: conformance_driver.c */

enum {
    CONF_LEASE_BYTES = 512,
    CONF_LEASES = 8,
    CONF_HELD_MAX = 64,
    CONF_ORDER_MAX = 63,
    CONF_TURNS_MAX = 20000
};

struct conf;
struct conf_conn;

/* A test's own reaction, after the ledger's. */
typedef void (*conf_hook_fn)(struct conf_conn *conn,
                             const struct flare__event *ev);

/* A socket of the backend, and all that was heard of it. */
struct conf_conn {
    struct flare__sock sock;
    struct conf *c;
    conf_hook_fn hook; /* may be NULL */
    void *ctx;
    struct conf_conn *next;
    struct conf_peer *peer; /* NULL: it has none, or none any more */
    uint8_t *in;            /* what was received */
    size_t in_len;
    size_t in_size;
    /* Receive data and end, Sent, reLeased, Connect, Poll, Accept, its end Z,
     * closed X: "REX" */
    char order[CONF_ORDER_MAX + 1];
    int accepted[64]; /* not yet taken by the test */
    int accepted_count;
    int recvs; /* events */
    int polls; /* likewise */
    int32_t recv_res, sent_res, connect_res, poll_res, accept_res;
    bool is_receiving, is_accepting, is_sending, is_connecting, is_polling;
    bool is_release_due, is_closing, is_closed;
    bool holds_leases; /* those of this socket go to c->held */
    bool is_manual;    /* else an accept or receive that ends goes on */
    bool is_stopped;   /* by the test */
    bool is_file;      /* what is being sent: 0 bytes may be all of it */
    bool is_watching;  /* the poll is poll_start's */
};

struct conf {
    const struct conf_stamp *stamp;
    const struct flare__backend_ops *ops;
    const struct conf_harness *h;
    struct conf_world *world;
    struct flare__backend *b;
    struct conf_conn *conns;
    struct conf_conn *listener; /* accepting; made by conf_open */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    uint32_t descriptors; /* before anything was opened */
    uint32_t held[CONF_HELD_MAX];
    int held_count;
    int leases_out;
    int wakes;
    int capacity;       /* of a poll; 0: 64 */
    uint64_t wait_ns;   /* of a poll; 0: its deadline is 0 */
    struct fault fault; /* counts what is allocated */
};

/*
 * Opens stamp `index` with CONF_LEASES leases of CONF_LEASE_BYTES and a
 * listener that accepts.  False, with the skip printed: it does not exist here.
 */
bool conf_open(struct conf *c, int index);

/* Closes what is left; everything must come back: events, leases, memory. */
void conf_close(struct conf *c);

/* A connection with a peer, attached and not receiving yet. */
struct conf_conn *conf_connect(struct conf *c);

/* A peer that connects, not accepted; attaches what was accepted. */
struct conf_conn *conf_take(struct conf *c);
struct conf_conn *conf_attach(struct conf *c, int fd);

void conf_recv_start(struct conf_conn *conn);
void conf_recv_stop(struct conf_conn *conn);
void conf_send(struct conf_conn *conn, const struct iovec *iov, uint32_t count);
void conf_send_bytes(struct conf_conn *conn, const void *data, size_t len);
void conf_send_file(struct conf_conn *conn, int file, uint64_t offset,
                    uint32_t count);
void conf_shut(struct conf_conn *conn, enum flare__close_how how);
void conf_held_put(struct conf *c);

/* One poll; every event into the ledger.  Returns their number. */
int conf_turn(struct conf *c);

/* `count` turns, to see that nothing more comes. */
void conf_turns(struct conf *c, int count);

/* Sends all of it, turning. */
void conf_peer_send(struct conf_conn *conn, const void *data, size_t len);

/*
 * Reads up to `most` bytes, at most 64 KiB, of the peer's end and compares
 * them with stream `stream` from `from` on; how many there were.
 */
size_t conf_peer_read(struct conf_conn *conn, size_t from, size_t most,
                      uint32_t stream);

/* All of `len` bytes from `from` on, turning. */
void conf_peer_drain(struct conf_conn *conn, size_t from, size_t len,
                     uint32_t stream);

/* Byte `i` of stream `stream`, so that a byte out of place shows. */
uint8_t conf_byte(uint32_t stream, size_t i);
void conf_fill(uint8_t *out, size_t len, uint32_t stream, size_t from);
void conf_in_check(const struct conf_conn *conn, size_t len, uint32_t stream);

/* Turns until `condition`; fails when it takes too long. */
#define UNTIL(c, condition)                                                    \
    for (int turns_ = 0; !(condition); turns_++) {                             \
        if (turns_ >= CONF_TURNS_MAX)                                          \
            ck_abort_msg("%s: never: %s", (c)->stamp->name, #condition);       \
        (void)conf_turn(c);                                                    \
    }

#define OPEN_OR_SKIP(c)                                                        \
    do {                                                                       \
        if (!conf_open(c, _i))                                                 \
            return;                                                            \
    } while (0)

/* ---- the rules */

TCase *conf_case_stream(void);
TCase *conf_case_send(void);
TCase *conf_case_file(void);
TCase *conf_case_close(void);
TCase *conf_case_accept(void);
TCase *conf_case_poll(void);
TCase *conf_case_embed(void);
TCase *conf_case_datagram(void);

#endif
