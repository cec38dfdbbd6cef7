/* SPDX-License-Identifier: MIT */
/*
 * What the files of the io_uring backend share: uring.c (life, poll, wake),
 * uring_setup.c (the ring, the leases), uring_probe.c (the self-test),
 * uring_ops.c (submissions), uring_file.c (sendfile), uring_poll.c (polled
 * descriptors), uring_embed.c (for others' loops), uring_reap.c (completions)
 * and uring_recv.c (what receives bring).  Nothing else includes this, but for
 * tests.
 *
 * A submission carries generation, index and operation in its user data, and
 * is counted in `sock->in_flight` until its last completion, the one without
 * IORING_CQE_F_MORE, has been seen.  A socket is CLOSED when that count is 0.
 */
#ifndef FLARE__URING_H
#define FLARE__URING_H

#include "base/assert.h"
#include "backends/backend.h"
#include "backends/handles.h"
#include "backends/leases.h" /* FLARE__POISON */
#include "backends/syscall.h"

#include <liburing.h>
#include <stdatomic.h>

enum uring_op {
    URING_OP_WAKE,
    URING_OP_ACCEPT,
    URING_OP_RECV,
    URING_OP_SEND,
    URING_OP_CONNECT,
    URING_OP_POLL,
    URING_OP_FILE,  /* a full socket's poll */
    URING_OP_STOP,  /* cancels the accept, receive or poll of the socket */
    URING_OP_CANCEL /* cancels everything of the descriptor */
};

/* Bits of sock->state.  "The stream" is the accept or the receive. */
enum {
    URING_ARMED = 1 << 0,      /* the stream is in the kernel */
    URING_WANTED = 1 << 1,     /* it was started; no terminal event yet */
    URING_STOP = 1 << 2,       /* its owner (or poll_fd's) stopped it */
    URING_LISTENER = 1 << 3,   /* it is an accept */
    URING_SENDING = 1 << 4,    /* no SENT event yet */
    URING_CONNECTING = 1 << 5, /* in the kernel */
    URING_POLLING = 1 << 6,    /* in the kernel */
    URING_CLOSING = 1 << 7,
    URING_ABORT = 1 << 8,       /* close with RST */
    URING_STARVED = 1 << 9,     /* on the list of those without a lease */
    URING_LOCAL = 1 << 10,      /* on the list of local work */
    URING_END_DUE = 1 << 11,    /* local: the stream's -ECANCELED event */
    URING_RETRY_DUE = 1 << 12,  /* local: the queue was full, submit again */
    URING_SEND_DUE = 1 << 13,   /* local: the rest of a send likewise */
    URING_CLOSED_DUE = 1 << 14, /* local: the CLOSED event */
    URING_NO_WAITALL = 1 << 15, /* kernel TLS refuses MSG_WAITALL */
    URING_FILE_ARMED = 1 << 16, /* OP_FILE is in the kernel */
    URING_NONBLOCK = 1 << 17,   /* a file made it so */
    URING_WATCH = 1 << 18,      /* poll_start; no terminal event yet */
    URING_REPOLL = 1 << 19,     /* its poll is to come back, and start again */
    URING_EMBEDDED = 1 << 20,   /* the descriptor is in embed_fd */
    URING_ONCE = 1 << 21,       /* the watch is poll_fd's */
    URING_POLLED = 1 << 22,     /* it was, ever: others may have its file */

    URING_DEEP = 1 << 22,    /* its next receive is to be a bundle */
    URING_BUNDLED = 1 << 23, /* the one in the kernel is */
    URING_STREAK = 1 << 24,  /* from here up: how often that did not suit */

    URING_DUE =
        URING_END_DUE | URING_RETRY_DUE | URING_SEND_DUE | URING_CLOSED_DUE
};

enum { URING_LEASE_GROUP = 0 };

struct uring_list {
    struct flare__sock *head;
    struct flare__sock *tail;
};

/* What a submission points to until the kernel has copied it in. */
union uring_slot {
    struct msghdr msg;
    struct sockaddr_storage addr;
};

struct uring_leases {
    struct io_uring_buf_ring *ring;
    uint8_t *base;
    uint32_t stride; /* lease_bytes, and a cache line: see uring_setup.c */
    uint32_t bytes;
    uint32_t count;
    uint32_t held; /* taken by the kernel for us and not yet back */
    uint64_t *out; /* a bit for each of them */
    size_t mapped;
    uint16_t *after;       /* of each in the ring: the one given after it */
    uint32_t newest;       /* the one given last */
    uint32_t rest;         /* of the completion at the head of its queue: */
    uint32_t rest_bytes;   /* what the last batch had no room for */
    uint32_t bundle_bytes; /* the most a socket gets at once; 0: no bundles */
};

/* Linux 6.10, newer than the headers of liburing 2.3. */
#ifndef IORING_FEAT_RECVSEND_BUNDLE
#define IORING_FEAT_RECVSEND_BUNDLE (1U << 14)
#endif
#ifndef IORING_RECVSEND_BUNDLE
#define IORING_RECVSEND_BUNDLE (1U << 4)
#endif

struct flare__backend {
    struct io_uring ring;
    struct uring_leases leases;
    struct flare__handles handles;
    struct uring_list local;
    struct uring_list starved;
    uint32_t starved_gone; /* on that list, but stopped or closed meanwhile */
    uint32_t skipped;      /* polls in a row that did not enter the kernel */
    uint32_t caps;
    union uring_slot *slots; /* one for each submission queue entry */
    const struct flare_allocator *al;
    const struct flare__log *log;
    int wake_fd;
    int embed_fd;    /* `descriptor`; -1: not asked for */
    int event_fd;    /* in it, and registered with the ring */
    uint64_t rearms; /* streams the kernel ended by itself, started again */
    uint64_t parked; /* receives that found no lease */
    bool is_wake_armed;
    uint8_t pad[64]; /* other threads write the line that follows */
    atomic_uint waking;
};

/* ---- uring_setup.c */

/*
 * Opens the ring, runs a NOP through it, maps the leases and gives them to the
 * kernel; steps sizes down on -ENOMEM.  -errno with the reason in `why`;
 * nothing is left open then.
 */
int flare__uring_memory_open(struct flare__backend *b,
                             const struct flare__backend_config *config,
                             struct flare_error *why);
void flare__uring_memory_close(struct flare__backend *b);

/* Fills `b->caps` with what works, or fails with the reason. */
int flare__uring_caps_check(struct flare__backend *b, uint32_t denied,
                            struct flare_error *why);

/* ---- uring_probe.c: -errno, 0 for "no", 1 for "yes" */

int flare__uring_probe_nop(struct flare__backend *b);
int flare__uring_probe_recv(struct flare__backend *b);
int flare__uring_probe_accept(struct flare__backend *b);
int flare__uring_probe_bundle(struct flare__backend *b);

/* ---- uring_ops.c */

int flare__uring_attach(struct flare__backend *b, struct flare__sock *sock,
                        int fd);
void flare__uring_discard(struct flare__backend *b, int fd);
int flare__uring_accept_start(struct flare__backend *b,
                              struct flare__sock *sock);
int flare__uring_recv_start(struct flare__backend *b, struct flare__sock *sock);
void flare__uring_stream_stop(struct flare__backend *b,
                              struct flare__sock *sock);
int flare__uring_connect(struct flare__backend *b, struct flare__sock *sock,
                         const struct sockaddr *addr, socklen_t len);
int flare__uring_send(struct flare__backend *b, struct flare__sock *sock,
                      const struct iovec *iov, uint32_t count);
void flare__uring_shutdown_send(struct flare__backend *b,
                                struct flare__sock *sock);
void flare__uring_close(struct flare__backend *b, struct flare__sock *sock,
                        enum flare__close_how how);

/* Watches the wake descriptor.  0 or -errno. */
int flare__uring_wake_arm(struct flare__backend *b);

/* Puts the stream in the kernel's hands, now or from the local list. */
void flare__uring_rearm(struct flare__backend *b, struct flare__sock *sock);

/* Submits what is left of the send in flight; likewise. */
void flare__uring_send_rest(struct flare__backend *b, struct flare__sock *sock);

/* Submits the cancellation a stopped or closing socket needs; likewise. */
void flare__uring_cancel(struct flare__backend *b, struct flare__sock *sock);

/* Closing and nothing is in flight: closes the descriptor; CLOSED is due. */
void flare__uring_finish(struct flare__backend *b, struct flare__sock *sock);

/* Cancels the receive in the kernel, so that it is armed again. */
void flare__uring_renew(struct flare__backend *b, struct flare__sock *sock);

/* A multishot receive of bundles; the caller sets buffer group and data. */
void flare__uring_prep_bundle(const struct flare__backend *b,
                              struct io_uring_sqe *sqe, int fd);

/* Starts parked receives again, as far as there are leases; there are some. */
void flare__uring_resume(struct flare__backend *b);

/* Puts a socket on the list of local work with `due` to be done. */
void flare__uring_due(struct flare__backend *b, struct flare__sock *sock,
                      unsigned due);

/* NULL: the queue is full and the kernel does not take it now. */
struct io_uring_sqe *flare__uring_sqe(struct flare__backend *b);

/* ---- uring_file.c */

int flare__uring_sendfile(struct flare__backend *b, struct flare__sock *sock,
                          int file, uint64_t offset, uint32_t count);

/* SEND_DUE of a file: its next part.  Both return the number of events. */
int flare__uring_file_step(struct flare__backend *b, struct flare__sock *sock,
                           struct flare__event *event);

/* A completion of its poll. */
int flare__uring_file_reap(struct flare__backend *b, struct flare__sock *sock,
                           const struct io_uring_cqe *cqe,
                           struct flare__event *event);

/* ---- uring_poll.c */

int flare__uring_poll_fd(struct flare__backend *b, struct flare__sock *sock,
                         short events);
int flare__uring_poll_start(struct flare__backend *b, struct flare__sock *sock,
                            short events);
void flare__uring_poll_stop(struct flare__backend *b, struct flare__sock *sock);

/* Puts a watch in the kernel's hands again, now or from the local list. */
void flare__uring_poll_rearm(struct flare__backend *b,
                             struct flare__sock *sock);

/* Takes an armed poll back, to arm it again with what is wanted by then. */
void flare__uring_poll_renew(struct flare__backend *b,
                             struct flare__sock *sock);

/* A completion; the number of events. */
int flare__uring_poll_reap(struct flare__backend *b, struct flare__sock *sock,
                           const struct io_uring_cqe *cqe,
                           struct flare__event *event);

/* ---- uring_embed.c */

int flare__uring_descriptor(struct flare__backend *b);
void flare__uring_embed_close(struct flare__backend *b);

/*
 * A poll for `events` (poll(2)'s, and EPOLLONESHOT) is about to be armed, or
 * with 0 has been stopped.  0 or -errno; 0 also if nobody embeds.
 */
int flare__uring_embed_watch(struct flare__backend *b, struct flare__sock *sock,
                             uint32_t events);

/* It is about to be closed. */
void flare__uring_embed_forget(struct flare__backend *b,
                               struct flare__sock *sock);

/* Before the kernel is asked: what comes later makes it readable again. */
void flare__uring_embed_clear(struct flare__backend *b);

/* ---- uring_reap.c */

/* Both return the number of events written, at most `capacity`. */
int flare__uring_reap(struct flare__backend *b, struct flare__event *events,
                      int capacity);
int flare__uring_local(struct flare__backend *b, struct flare__event *events,
                       int capacity);

/* ---- uring_recv.c */

/*
 * The leases of a receive's completion into up to `room` (1 or more) events,
 * whose number it returns.  If leases.rest_bytes is not 0 then, it is to be
 * called again with the same completion.
 */
int flare__uring_recv_give(struct flare__backend *b, struct flare__sock *sock,
                           const struct io_uring_cqe *cqe,
                           struct flare__event *events, int room);

/* The same, or what is left of it, back to the kernel. */
void flare__uring_recv_drop(struct flare__backend *b,
                            const struct io_uring_cqe *cqe);

void flare__uring_lease_put(struct flare__backend *b, uint32_t lease);

/* Gives a lease to the kernel that is not there already. */
void flare__uring_lease_give(struct flare__backend *b, uint32_t lease);

/* ---- shared helpers */

static inline void uring_set(struct flare__sock *sock, unsigned bits)
{
    sock->state |= bits;
}

static inline void uring_clear(struct flare__sock *sock, unsigned bits)
{
    sock->state &= ~bits;
}

static inline bool uring_has(const struct flare__sock *sock, unsigned bits)
{
    return (sock->state & bits) != 0;
}

/* generation:24 | index:28 | op:8, with the upper bits 0 */
static inline uint64_t uring_key(const struct flare__sock *sock,
                                 enum uring_op op)
{
    return (uint64_t)sock->generation << 36 | (uint64_t)sock->index << 8 |
           (uint64_t)op;
}

static inline void uring_owned(struct io_uring_sqe *sqe,
                               struct flare__sock *sock, enum uring_op op)
{
    io_uring_sqe_set_data64(sqe, uring_key(sock, op));
    sock->in_flight++;
}

static inline uint8_t *uring_lease_data(const struct flare__backend *b,
                                        uint32_t lease)
{
    return b->leases.base + (size_t)lease * b->leases.stride;
}

/* The kernel has taken it for a completion. */
static inline void uring_lease_take(struct flare__backend *b, uint32_t lease)
{
    struct uring_leases *leases = &b->leases;
    uint64_t bit = UINT64_C(1) << lease % 64;

    FLARE_DCHECK(lease < leases->count && !(leases->out[lease / 64] & bit));
    leases->out[lease / 64] |= bit;
    leases->held++;
}

/* A lease that was taken, with `len` bytes in it. */
static inline void uring_recv_event(struct flare__backend *b,
                                    struct flare__sock *sock, uint32_t lease,
                                    uint32_t len, struct flare__event *event)
{
    uint8_t *data = uring_lease_data(b, lease);

    FLARE__UNPOISON(data, b->leases.bytes);
    *event = (struct flare__event){.sock = sock,
                                   .data = data,
                                   .res = (int32_t)len,
                                   .lease = lease,
                                   .kind = FLARE__EV_RECV,
                                   .flags = FLARE__EV_MORE | FLARE__EV_LEASE};
}

static inline void uring_push(struct uring_list *list, struct flare__sock *sock)
{
    sock->next = NULL;
    if (list->head == NULL)
        list->head = sock;
    else
        list->tail->next = sock;
    list->tail = sock;
}

static inline struct flare__sock *uring_pop(struct uring_list *list)
{
    struct flare__sock *sock = list->head;

    list->head = sock->next;
    return sock;
}

/*
 * io_uring_enter(2), returning -errno; syscall.h tells why it is inlined.  It
 * is one call per turn: worth 3 % of CPU with 4 connections, nothing with 64.
 */
static inline __attribute__((always_inline)) int uring_enter(
    int fd, unsigned submit, unsigned wait, unsigned flags, const void *arg,
    size_t arg_size)
{
#if FLARE__SYSCALL_INLINE
    return (int)flare__syscall(__NR_io_uring_enter,
                               (const long[6]){fd, (long)submit, (long)wait,
                                               (long)flags, (long)arg,
                                               (long)arg_size});
#else
    return io_uring_enter2((unsigned)fd, submit, wait, flags, (sigset_t *)arg,
                           arg_size);
#endif
}

/* Submissions written and not yet taken by the kernel, made visible to it. */
static inline unsigned uring_queued(struct flare__backend *b)
{
    struct io_uring_sq *sq = &b->ring.sq;

    io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
    return sq->sqe_tail - IO_URING_READ_ONCE(*sq->khead);
}

#endif
