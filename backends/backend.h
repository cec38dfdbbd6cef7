/* SPDX-License-Identifier: MIT */
/*
 * The kernel contract: what the engine needs of an operating system, in the
 * shape of completions.  A porter can work from this page alone; nothing above
 * it knows which backend runs.  One object per thread; only `wake` may be
 * called from another one.
 *
 * The unit is a socket stream, not a system call.  `poll` submits what was
 * queued, waits, and returns a batch of events for the loop to work through.
 *
 * Rules every backend keeps, proved by one suite stamped on each:
 *
 *  1. A backend never calls back: every result is an event of a later `poll`,
 *     also one that was ready at once.
 *  2. Every started operation has exactly one terminal event, the one without
 *     FLARE__EV_MORE.  Accept and receive deliver with MORE any number of
 *     times before it.  CLOSED is the last event of a socket: after it the
 *     backend never touches the struct again, and before it the struct must
 *     not be freed or moved.  Terminal events of operations that `close` cuts
 *     short come before CLOSED.
 *  3. `res` is what the system call would have returned, errors as -errno.
 *     An operation ended by `close` or by its own `_stop` ends in -ECANCELED
 *     unless its own result came first.
 *  4. Received bytes are a lease on a buffer of the backend's pool: readable
 *     and writable by the loop until `lease_put`, which must follow soon.  An
 *     empty pool parks the socket and resumes it as leases return; it is
 *     never an error and loses nothing.  A receive of 0 is the end of the
 *     peer's stream; after it or after an error the receive has ended.
 *  5. A send is a whole vector, one in flight per socket.  Its memory belongs
 *     to the backend until the SENT event carries RELEASED, or until a later
 *     RELEASED event; copying backends set it on SENT.  `res` is the total
 *     length; less than that happens only when the connection broke
 *     (a negative errno, or the count that went out before it broke), or when
 *     a file of `sendfile` ended early.
 *  6. `close` owns the descriptor: it is closed once, after its operations are
 *     back, with FIN sent (or RST for FLARE__CLOSE_ABORT).
 *  7. Calls that start something return 0, or -errno with nothing started.
 *     Calls that stop or give back cannot fail.
 */
#ifndef FLARE__BACKEND_H
#define FLARE__BACKEND_H

#include <flare/alloc.h>

#include "base/log.h"

#include <sys/socket.h>
#include <sys/uio.h>

struct flare__sock;
struct flare__event;
struct flare__wire_filter;

/* The owner's reaction to an event of its socket, called by the loop. */
typedef void (*flare__event_fn)(struct flare__sock *sock,
                                const struct flare__event *ev);

/* The part of a regular file that is being sent. */
struct flare__file {
    int fd;
    uint32_t count;
    uint64_t offset;
};

/*
 * Embedded in the owner's object; everything but `on_event` and `filter` is the
 * backend's.
 * `sent` may be read while a send is in flight: bytes of it known to be out.
 */
struct flare__sock {
    flare__event_fn on_event;
    struct flare__wire_filter *filter; /* the owner's: net/wire.h; NULL: none */
    int fd;
    uint32_t index;      /* place in the backend's handle table */
    uint32_t generation; /* of that place, so that late completions miss */
    uint32_t state;      /* bits, each backend's own */
    uint16_t in_flight;  /* kernel operations not yet back */
    uint16_t iov_count;  /* of the send in flight; 0: it is a file's */
    uint32_t sent;
    union {
        struct iovec one;        /* when it is a single buffer */
        struct flare__file file; /* when it is a file */
        struct {
            uint16_t wanted; /* poll(2)'s events */
            uint16_t due;    /* that came, and were not told yet */
        } poll;              /* when it is polled */
    };
    const struct iovec *iov;
    struct flare__sock *next; /* a backend's list: ready, starved, closing */
};

enum flare__event_kind {
    FLARE__EV_ACCEPT,   /* res: a connected descriptor, to be attached */
    FLARE__EV_CONNECT,  /* res: 0 or -errno */
    FLARE__EV_RECV,     /* res: bytes in the lease, 0 at the end, -errno */
    FLARE__EV_SENT,     /* res: bytes, -errno */
    FLARE__EV_RELEASED, /* the memory of an earlier send is free */
    FLARE__EV_POLL,     /* res: poll(2) revents of a foreign descriptor */
    FLARE__EV_CLOSED,   /* the last event of a socket */
    FLARE__EV_WAKE,     /* another thread called `wake`; sock is NULL */
    FLARE__EV_OPEN      /* of a filter, no backend's: net/wire.h */
};

enum {
    FLARE__EV_MORE = 1,       /* the operation is still armed */
    FLARE__EV_LEASE = 2,      /* data and lease are valid: lease_put is due */
    FLARE__EV_RELEASE_DUE = 4 /* SENT: a RELEASED event will follow */
};

struct flare__event {
    struct flare__sock *sock;
    uint8_t *data;
    int32_t res;
    uint32_t lease;
    uint8_t kind;  /* enum flare__event_kind */
    uint8_t flags; /* FLARE__EV_MORE ... */
};

enum flare__close_how {
    FLARE__CLOSE_GRACEFUL, /* FIN after what was sent */
    FLARE__CLOSE_ABORT     /* RST, unsent bytes dropped */
};

/*
 * A datagram, or several of one size in one buffer (GSO and GRO).  `len` is
 * the buffer's size before a receive and what is in it afterwards.
 */
struct flare__datagram {
    struct sockaddr_storage addr;
    socklen_t addr_len; /* 0: the peer of a connected socket */
    uint16_t segment;   /* bytes of each but the last; 0: there is one */
    bool is_truncated;  /* received: its rest is lost */
    void *data;
    uint32_t len;
};

/* Bytes of a file that one socket sends before others have their turn. */
enum { FLARE__FILE_PART = 256 * 1024 };

/* What a backend may use; each is probed and dropped one by one. */
enum {
    FLARE__CAP_MULTISHOT_ACCEPT = 1 << 0, /* Linux 5.19 */
    FLARE__CAP_MULTISHOT_RECV = 1 << 1,   /* Linux 6.0 */
    FLARE__CAP_BUFFER_RING = 1 << 2,      /* Linux 5.19 */
    FLARE__CAP_DEFER_TASKRUN = 1 << 3,    /* Linux 6.1 */
    FLARE__CAP_DIRECT_FD = 1 << 4,
    FLARE__CAP_SEND_ZC = 1 << 5,      /* Linux 6.0 */
    FLARE__CAP_NO_SQARRAY = 1 << 6,   /* Linux 6.6 */
    FLARE__CAP_EXT_ARG = 1 << 7,      /* Linux 5.11 */
    FLARE__CAP_EPOLL_PWAIT2 = 1 << 8, /* Linux 5.11 */
    FLARE__CAP_BUNDLE = 1 << 9,       /* Linux 6.10 */
    FLARE__CAP_BUFFER_INC = 1 << 10,  /* Linux 6.12 */
    FLARE__CAP_MIN_WAIT = 1 << 11,    /* Linux 6.12 */
    FLARE__CAP_USER_EVENT = 1 << 12   /* kqueue: EVFILT_USER */
};

struct flare__backend_config {
    const struct flare_allocator *al;
    const struct flare__log *log; /* what was downgraded, and why */
    uint32_t lease_bytes; /* size of a receive buffer, power of two; 0: 4096 */
    uint32_t lease_count; /* power of two, <= 32768; 0: 1024 */
    uint32_t queue_entries; /* submission queue, power of two; 0: 1024 */
    uint32_t caps_denied;   /* FLARE__CAP_*: not to be used, for tests */
    void *sim;              /* the simulated network, for that backend only */
};

struct flare__backend; /* each backend's own */

struct flare__backend_ops {
    const char *name;

    /*
     * Opens a backend for the calling thread.  On failure -errno, `*out`
     * untouched and `why` (may be NULL) says what was refused.
     */
    int (*open)(struct flare__backend **out,
                const struct flare__backend_config *config,
                struct flare_error *why);

    /* Every socket must be CLOSED and every lease back. Accepts NULL. */
    void (*free)(struct flare__backend *b);

    uint32_t (*caps)(const struct flare__backend *b);

    /* Monotonic nanoseconds of this backend's clock; read once per turn. */
    uint64_t (*now)(struct flare__backend *b);

    /*
     * Makes `fd` known; every later call on `sock` needs it.  The descriptor
     * is the backend's on success.  -ENOMEM, -EMFILE (its table is full) and
     * the kernel's refusals.
     */
    int (*attach)(struct flare__backend *b, struct flare__sock *sock, int fd);

    /*
     * The address of the other end, and of this one; `*len` becomes its
     * length.  0, or -errno with nothing written: -ENOTCONN also once the
     * connection has broken, so ask when it was accepted.
     */
    int (*peer)(struct flare__backend *b, struct flare__sock *sock,
                struct sockaddr_storage *out, socklen_t *len);
    int (*local)(struct flare__backend *b, struct flare__sock *sock,
                 struct sockaddr_storage *out, socklen_t *len);

    /*
     * A new descriptor, close-on-exec, to connect or to bind; `type` is
     * SOCK_STREAM or SOCK_DGRAM.  It, or -errno.
     */
    int (*socket)(struct flare__backend *b, int family, int type);

    /* setsockopt(2) and bind(2), of a descriptor attached or not.  0, -errno.
     */
    int (*option)(struct flare__backend *b, int fd, int level, int name,
                  const void *value, socklen_t len);
    int (*bind)(struct flare__backend *b, int fd, const struct sockaddr *addr,
                socklen_t len);

    /* Closes a descriptor that was accepted and never attached, or that
     * `socket` gave. */
    void (*discard)(struct flare__backend *b, int fd);

    /* The listening descriptor is attached; ACCEPT events follow. */
    int (*accept_start)(struct flare__backend *b, struct flare__sock *sock);

    /* Late ACCEPT events are possible until the terminal one. */
    void (*accept_stop)(struct flare__backend *b, struct flare__sock *sock);

    /* `addr` is copied.  One CONNECT event. */
    int (*connect)(struct flare__backend *b, struct flare__sock *sock,
                   const struct sockaddr *addr, socklen_t len);

    int (*recv_start)(struct flare__backend *b, struct flare__sock *sock);

    /* Late RECV events with data are possible until the terminal one. */
    void (*recv_stop)(struct flare__backend *b, struct flare__sock *sock);

    void (*lease_put)(struct flare__backend *b, uint32_t lease);

    /*
     * Sends 1 to 64 buffers of together 1 to INT32_MAX bytes.  The buffers,
     * and the array itself if count > 1, stay valid until released.
     */
    int (*send)(struct flare__backend *b, struct flare__sock *sock,
                const struct iovec *iov, uint32_t count);

    /*
     * Sends `count` (1 to INT32_MAX) bytes of the regular file `file` from
     * `offset` on (their sum at most INT64_MAX): the one send in flight of
     * its socket, ended by one SENT event as by rule 5.  The descriptor is
     * borrowed until released, its position not used.  `res` is less than
     * `count`, also 0, where the file ends before that (U05): what was
     * promised to the peer will not come.  A peer that is gone is -EPIPE and
     * no signal (K04).  Waits for no socket; may wait for the disk.  Other
     * sockets have their turn after each FLARE__FILE_PART bytes.
     */
    int (*sendfile)(struct flare__backend *b, struct flare__sock *sock,
                    int file, uint64_t offset, uint32_t count);

    /*
     * Bytes that left by `send` and wait in the system: the peer has not
     * acknowledged (TCP) or read (Unix) them; those of the send in flight are
     * in it only as far as sock->sent counts them, or more.  For a rare look at
     * whether the peer takes any: a system call.  -errno.
     */
    int64_t (*queued)(struct flare__backend *b, struct flare__sock *sock);

    /* FIN now, receive goes on; no send is in flight. */
    void (*shutdown_send)(struct flare__backend *b, struct flare__sock *sock);

    void (*close)(struct flare__backend *b, struct flare__sock *sock,
                  enum flare__close_how how);

    /*
     * One POLL event when `events` (POLLIN, POLLOUT) are there.  For foreign
     * descriptors, attached like others; `close` closes them too.
     */
    int (*poll_fd)(struct flare__backend *b, struct flare__sock *sock,
                   short events);

    /*
     * The same without end: a POLL event with MORE whenever one of `events`
     * comes about, at the start too if it is there (edge triggered: the owner
     * goes on until the descriptor says EAGAIN).  Started again while armed it
     * takes other `events`.  Without MORE: an error of the kernel, or
     * -ECANCELED.
     */
    int (*poll_start)(struct flare__backend *b, struct flare__sock *sock,
                      short events);

    /* Cuts poll_fd or poll_start short: its POLL event comes with -ECANCELED.
     */
    void (*poll_stop)(struct flare__backend *b, struct flare__sock *sock);

    /*
     * Datagrams, now and without waiting, 1 to 64 at once: how many were
     * received or sent, or -errno where the first could not be.  -EAGAIN:
     * poll_start tells when to ask again; fewer than asked for say the same of
     * a receive.  Any other error is of one operation (an ICMP message that
     * has come since: -ECONNREFUSED and its like) and the socket lives: ask
     * again, also when poll_start told of nothing but POLLERR.  A datagram of
     * 0 bytes is one, and no end (K16).  `segment` can be sent only where
     * `option` can set UDP_SEGMENT: older kernels do not cut.
     */
    int (*datagram_recv)(struct flare__backend *b, struct flare__sock *sock,
                         struct flare__datagram *list, uint32_t count);
    int (*datagram_send)(struct flare__backend *b, struct flare__sock *sock,
                         const struct flare__datagram *list, uint32_t count);

    /*
     * Records of the kernel's TLS (Linux), which `option` switches on; NULL
     * all three: a backend that has none.  Rare, synchronous, never waiting.
     *
     * record_start: what is received is records from now on.  A receive ends
     * with -EIO before one that is not data: it is there for record_recv, and
     * then recv_start goes on behind it.
     *
     * record_send: a record of this type, 1 to 16384 bytes, while no send is in
     * flight.  0; -EAGAIN: the system holds as much as it takes now; -errno.
     *
     * record_recv: up to `room` bytes of one record while no receive is armed,
     * and its type; 0 in `*type` where the socket has no records, and then any
     * bytes.  Their number, 0 at the end of the stream, -EAGAIN, -errno.  After
     * -EBADMSG (not authentic) sending goes on as if nothing had been.
     */
    void (*record_start)(struct flare__backend *b, struct flare__sock *sock);
    int (*record_send)(struct flare__backend *b, struct flare__sock *sock,
                       uint8_t type, const void *bytes, size_t len);
    int (*record_recv)(struct flare__backend *b, struct flare__sock *sock,
                       uint8_t *type, void *buf, size_t room);

    /*
     * A descriptor for somebody else's poll(2); borrowed.  -ENOTSUP.  Once
     * `poll` with deadline 0 has returned 0 it is readable as soon as, and
     * until, another one has something to do, if nothing was started or given
     * back meanwhile.
     */
    int (*descriptor)(struct flare__backend *b);

    /*
     * Submits, waits until an event or `deadline_ns` of `now` (0: do not
     * wait; UINT64_MAX: for ever), fills up to `capacity` events and returns
     * their number, 0 at the deadline or for EINTR, or -errno: the backend is
     * broken and its thread must end.
     */
    int (*poll)(struct flare__backend *b, struct flare__event *events,
                int capacity, uint64_t deadline_ns);

    /* Thread: any.  At least one WAKE event; many calls may give one. */
    void (*wake)(struct flare__backend *b);
};

extern const struct flare__backend_ops flare__backend_uring;
extern const struct flare__backend_ops flare__backend_epoll;
extern const struct flare__backend_ops flare__backend_kqueue;

#endif
