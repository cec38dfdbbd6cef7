/* SPDX-License-Identifier: MIT */
/*
 * Datagrams over UDP: on a loop with callbacks, or blocking.
 *
 * A socket on a loop takes what has come in batches, one system call for up to
 * `batch` datagrams, and sends what was queued in a turn in one for up to 64.
 * Nothing is allocated for a datagram.  An error is one datagram's: it is told
 * and the socket goes on.
 *
 * Thread: owner loop, for all of it; docs/udp.md is the guide.
 */
#ifndef FLARE_UDP_H
#define FLARE_UDP_H

#include <flare/addr.h>
#include <flare/alloc.h>
#include <flare/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FLARE_UDP_BYTES_MAX = 65507,    /* of one to an IPv4 address */
    FLARE_UDP_V6_BYTES_MAX = 65527, /* of one to an IPv6 address */
    FLARE_UDP_BATCH_MAX = 64,
    FLARE_UDP_QUEUE_MIN = 68 * 1024,       /* the longest always fits */
    FLARE_UDP_QUEUE_MAX = 64 * 1024 * 1024 /* bytes */
};

/* One that has arrived. */
struct flare_datagram {
    struct flare_addr peer; /* who sent it; IPv4 also on an IPv6 socket */
    struct flare_str bytes; /* may be empty: a datagram of no bytes */
    bool is_truncated;      /* it was longer; the rest is lost */
};

/* A socket on a loop. */
typedef struct flare_udp flare_udp;

/*
 * What its owner wants to be told.  Shared by any number of sockets and
 * borrowed until their on_closed; every member may be NULL.  Every function of
 * this header may be called in every callback, of the same socket too; none of
 * them calls back from inside.
 */
struct flare_udp_handler {
    /*
     * 1 to 64 datagrams, oldest first.  Lends list and bytes until the return.
     * NULL: the socket only sends, and what comes is dropped by the kernel.
     */
    void (*on_datagrams)(flare_udp *udp, const struct flare_datagram *list,
                         size_t count, void *ctx);
    /*
     * An operation has failed; the socket lives, and what was queued goes on.
     * `peer`, lent until the return: whom the datagram could not be sent to; on
     * a connected socket always its peer; NULL: it was a receive.  Among them:
     *   -ECONNREFUSED   nobody is there: an ICMP message about an earlier
     *       datagram to the peer of a connected socket; so can be
     *       -EHOSTUNREACH, -ENETUNREACH
     *   -EMSGSIZE       longer than the way takes, where it must not be cut
     *   -EACCES         to a broadcast address without `broadcast`
     *   -EPERM          a filter of this machine's
     *   -ENOBUFS        want of memory in the kernel
     */
    void (*on_error)(flare_udp *udp, int rc, const struct flare_addr *peer,
                     void *ctx);
    /* The queue is at most half full, after a send that found it full. */
    void (*on_drain)(flare_udp *udp, void *ctx);
    /*
     * The last call, exactly once; `udp` is gone when it returns.  0 after
     * flare_udp_close or the end of the loop; -errno if it could not be
     * connected, or the kernel's watch of it has failed.
     */
    void (*on_closed)(flare_udp *udp, int rc, void *ctx);
};

/*
 * What a socket can be told; zero is the default, in brackets.  Copied by every
 * call, but for `handler` and `ctx`.
 */
struct flare_udp_options {
    /* On a loop only, and there the handler is required. */
    const struct flare_udp_handler *handler;
    void *ctx;

    /*
     * The only one that is heard, and whom datagrams without an address go to;
     * the socket is then told of ICMP errors.  Neither its address nor its port
     * is 0.  Copied.  [NULL: everybody is heard]
     */
    const struct flare_addr *peer;
    uint32_t datagram_bytes_max; /* longer ones are cut; to 65535 [65535] */
    uint32_t batch;              /* taken with one system call; to 64 [16] */
    /*
     * Bytes that wait to be sent, each datagram counted with up to 56 more;
     * from FLARE_UDP_QUEUE_MIN to FLARE_UDP_QUEUE_MAX [262144].
     */
    uint32_t queue_max;
    uint32_t send_buffer_bytes;    /* the kernel's: SO_SNDBUF [its own] */
    uint32_t receive_buffer_bytes; /* SO_RCVBUF [its own] */
    uint32_t multicast_interface;  /* to send from, a number [the kernel's] */
    uint8_t ttl;                   /* hops of what is sent [the kernel's] */
    uint8_t multicast_ttl;         /* hops of multicast [1] */
    bool multicast_loop_off; /* what it sends is not heard on this machine */
    bool broadcast;          /* may send to a broadcast address: SO_BROADCAST */
    bool reuseaddr;          /* others may bind the address too: SO_REUSEADDR */
    bool reuseport;          /* so, and datagrams are shared out by flow */
    bool v6only;             /* "[::]" hears no IPv4 */
    /*
     * The kernel may hand over a run of equally long datagrams at once, which
     * saves work where many come from one peer; they are delivered one by one
     * as always.  Ignored where the kernel cannot (Linux 5.0).
     */
    bool gro;

    /* Of the blocking form, whose loop is its own; borrowed [malloc]. */
    const struct flare_allocator *allocator;
};

/*
 * Opens a socket on `loop`, bound to `address` as flare_addr_parse reads it
 * ("0.0.0.0:53", "[::]:0"; port 0: a free one; an IPv6 one hears IPv4 too
 * unless v6only).  With a peer an empty address stands for any of its family.
 *
 * Memory: one block of batch * datagram_bytes_max bytes (batch * 65535 with
 * gro), by default 1 MiB of which only what datagrams fill is ever touched;
 * with the first send one of queue_max; 30 kB for the rest.
 *
 * Gives `*out`, to be closed with flare_udp_close; the end of the loop closes
 * it too.
 *
 * Returns 0; FLARE_E_BAD_ADDRESS; FLARE_E_BAD_CONFIG for an option out of its
 * range or no handler; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES (a port below
 * 1024), -EAFNOSUPPORT (no IPv6 here, or the peer is of another family),
 * -EMFILE and other refusals of the kernel; -ENOMEM; FLARE_E_STOPPED while the
 * loop ends.  `err` (may be NULL) then names the address.  Nothing is called
 * back before the loop's next turn.
 */
FLARE_API FLARE_MUST_USE int flare_udp_open(
    flare_loop *loop, flare_udp **out, struct flare_str address,
    const struct flare_udp_options *options, struct flare_error *err);

/*
 * Queues one datagram to `to`, or to the peer for NULL; it leaves with the
 * others of this turn, a large one that is alone at once.  Copies everything.
 * `bytes` may be empty.
 *
 * Returns 0; FLARE_E_DATAGRAM_TOO_LARGE above FLARE_UDP_BYTES_MAX or, for an
 * IPv6 address, FLARE_UDP_V6_BYTES_MAX; FLARE_E_OUTPUT_FULL if the queue is
 * full: on_drain follows; FLARE_E_BAD_ADDRESS if `to` is no IP address;
 * -EAFNOSUPPORT if this socket does not reach its family; -EDESTADDRREQ without
 * either; -EISCONN with both; -EPIPE after flare_udp_close; -ENOMEM.  Then
 * nothing is queued.  What the kernel says later is told to on_error.
 */
FLARE_API FLARE_MUST_USE int flare_udp_send(flare_udp *udp,
                                            const struct flare_addr *to,
                                            struct flare_str bytes);

/*
 * Queues `bytes` as datagrams of `segment_bytes` (at least 1) each, the last
 * with what is left: as many flare_udp_send would, but up to 64 of them go
 * through the kernel as one where it can (Linux 4.18).  All or none are queued.
 *
 * Returns as flare_udp_send, and -EINVAL for a segment of 0 bytes or nothing to
 * send.
 */
FLARE_API FLARE_MUST_USE int flare_udp_send_segments(
    flare_udp *udp, const struct flare_addr *to, struct flare_str bytes,
    uint16_t segment_bytes);

/* Bytes in the queue, counted as queue_max is. */
FLARE_API size_t flare_udp_queued(const flare_udp *udp);

/*
 * Joins or leaves the multicast group on the interface of that number, 0: the
 * one that the kernel would send to it from.  A socket hears the groups that it
 * has joined itself, on the port it is bound to.
 *
 * Returns 0; FLARE_E_BAD_ADDRESS if `group` is no multicast address;
 * -EAFNOSUPPORT if it is of another family; -ENODEV (no such interface),
 * -EADDRINUSE (joined already), -EADDRNOTAVAIL (not joined, when leaving),
 * -ENOBUFS (too many groups) and others of the kernel; -EPIPE after
 * flare_udp_close.
 */
FLARE_API FLARE_MUST_USE int flare_udp_join(flare_udp *udp,
                                            const struct flare_ip *group,
                                            uint32_t interface_number);

/* The other way round; returns as flare_udp_join. */
FLARE_API FLARE_MUST_USE int flare_udp_leave(flare_udp *udp,
                                             const struct flare_ip *group,
                                             uint32_t interface_number);

/*
 * The address it is bound to; that of a connected socket is known once
 * something was delivered or told.  0 or -errno with `*out` untouched.
 */
FLARE_API FLARE_MUST_USE int flare_udp_local(flare_udp *udp,
                                             struct flare_addr *out);

enum {
    FLARE_UDP_CAN_GSO = 1, /* flare_udp_send_segments uses the kernel's */
    FLARE_UDP_CAN_GRO = 2  /* asked for, and the kernel does it */
};

/* FLARE_UDP_CAN_*: what is in use. */
FLARE_API unsigned flare_udp_caps(const flare_udp *udp);

/*
 * Receives nothing more, until resumed: datagrams wait in the kernel's buffer,
 * which drops what does not fit.  Pausing in on_datagrams lets that call be the
 * last, and loses nothing.
 */
FLARE_API void flare_udp_pause(flare_udp *udp);

/* Receives again, also what has come meanwhile. */
FLARE_API void flare_udp_resume(flare_udp *udp);

/*
 * Closes it.  What is queued is given to the kernel as far as it takes it
 * without waiting; on_closed follows from the loop, and no other call.  Nothing
 * if it is closing already.  Accepts NULL.
 */
FLARE_API void flare_udp_close(flare_udp *udp);

/* A blocking socket, on a loop of its own.  Thread: the one that opened it. */
typedef struct flare_dgram flare_dgram;

/*
 * Opens one; address, options (may be NULL) and returns as flare_udp_open, and
 * FLARE_E_BACKEND_UNAVAILABLE.  `*out` is released with flare_dgram_close.
 */
FLARE_API FLARE_MUST_USE int flare_dgram_open(
    flare_dgram **out, struct flare_str address,
    const struct flare_udp_options *options, struct flare_error *err);

/*
 * Sends one datagram to `to`, or to the peer for NULL, and waits for the
 * kernel's buffer to have room for it.  Borrows `bytes`.
 *
 * Returns 0; as flare_udp_send, but for FLARE_E_OUTPUT_FULL and -EPIPE; the
 * kernel's own as of on_error: -ECONNREFUSED of a connected socket is about an
 * earlier one, this one has not left; -ETIMEDOUT after 30 s without room.
 */
FLARE_API FLARE_MUST_USE int flare_dgram_send_to(flare_dgram *d,
                                                 const struct flare_addr *to,
                                                 struct flare_str bytes);

/*
 * Waits up to `timeout_ms` (0: not at all; FLARE_UNLIMITED: as long as it
 * takes) for one datagram and copies up to `size` bytes of it to `buf`.  `out`
 * (may be NULL) is told who sent it and whether it was cut, by `size` or
 * datagram_bytes_max; its bytes are those in `buf`.
 *
 * Returns their number, 0 to INT_MAX: 0 is a datagram of no bytes; -ETIMEDOUT;
 * -ECONNREFUSED and its like, as of on_error: the socket lives.
 */
FLARE_API FLARE_MUST_USE int flare_dgram_recv_from(flare_dgram *d, void *buf,
                                                   size_t size,
                                                   struct flare_datagram *out,
                                                   uint32_t timeout_ms);

/* As flare_udp_join. */
FLARE_API FLARE_MUST_USE int flare_dgram_join(flare_dgram *d,
                                              const struct flare_ip *group,
                                              uint32_t interface_number);

/* As flare_udp_leave. */
FLARE_API FLARE_MUST_USE int flare_dgram_leave(flare_dgram *d,
                                               const struct flare_ip *group,
                                               uint32_t interface_number);

/* As flare_udp_local. */
FLARE_API FLARE_MUST_USE int flare_dgram_local(flare_dgram *d,
                                               struct flare_addr *out);

/* Accepts NULL. */
FLARE_API void flare_dgram_close(flare_dgram *d);

#ifdef __cplusplus
}
#endif
#endif
