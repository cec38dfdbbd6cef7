/* SPDX-License-Identifier: MIT */
/*
 * Datagrams that wait to be sent: copies in a ring of one block, which is
 * allocated for the first of them.  A packet is never cut at the ring's end: it
 * begins at the front again, and what it leaves behind is not used.  An empty
 * queue begins at the front too, so that a socket which sends little touches
 * little memory.
 *
 * Knows no system call; addresses are bytes.
 */
#ifndef FLARE__UDP_QUEUE_H
#define FLARE__UDP_QUEUE_H

#include <flare/alloc.h>

enum {
    FLARE__UDP_ADDR_MAX = 28, /* sizeof(struct sockaddr_in6) */
    FLARE__UDP_PACKET_ALIGN = 8
};

enum {
    FLARE__UDP_PACKET_CUT = 1,    /* its segments go one by one */
    FLARE__UDP_PACKET_RETRIED = 2 /* it has met an error of an earlier one */
};

/* In the ring; its bytes follow. */
struct flare__udp_packet {
    uint32_t size;    /* in the ring */
    uint32_t len;     /* of its bytes */
    uint32_t sent;    /* of them, when they go one segment after another */
    uint16_t segment; /* bytes of each but the last; 0: one datagram */
    uint8_t flags;    /* FLARE__UDP_PACKET_* */
    uint8_t addr_len; /* 0: the peer of the socket */
    uint8_t addr[FLARE__UDP_ADDR_MAX];
    int32_t rc; /* what sending it before it was queued has met; 0: nothing */
};

_Static_assert(sizeof(struct flare__udp_packet) % FLARE__UDP_PACKET_ALIGN == 0,
               "packets lie one behind another");
/* udp.h promises what a datagram counts for. */
_Static_assert(sizeof(struct flare__udp_packet) + FLARE__UDP_PACKET_ALIGN <= 56,
               "a packet costs 56 bytes at most");

struct flare__udp_queue {
    const struct flare_allocator *al;
    char *ring;        /* NULL: not needed yet */
    uint32_t capacity; /* of the ring */
    uint32_t head;     /* the first packet */
    uint32_t tail;     /* where the next one goes */
    uint32_t wrap;     /* end of the upper part, if is_wrapped */
    uint32_t bytes;    /* sizes of all packets */
    uint32_t count;
    bool is_wrapped; /* tail is below head */
};

/* Whom it goes to, and in pieces of what size. */
struct flare__udp_to {
    uint8_t addr[FLARE__UDP_ADDR_MAX];
    uint8_t addr_len;
    uint16_t segment;
};

void flare__udp_queue_init(struct flare__udp_queue *q,
                           const struct flare_allocator *al, uint32_t capacity);

/* Drops everything. */
void flare__udp_queue_fini(struct flare__udp_queue *q);

/* Has the ring in place, so that a push cannot fail for want of it.  -ENOMEM.
 */
FLARE_MUST_USE
int flare__udp_queue_prepare(struct flare__udp_queue *q);

/* Copies both.  Prepared.  0, or FLARE_E_OUTPUT_FULL. */
FLARE_MUST_USE
int flare__udp_queue_push(struct flare__udp_queue *q,
                          const struct flare__udp_to *to,
                          struct flare_str data);

/* The oldest; NULL: none. */
struct flare__udp_packet *flare__udp_queue_first(
    const struct flare__udp_queue *q);

/* The one behind `p`; NULL: none. */
struct flare__udp_packet *flare__udp_queue_next(
    const struct flare__udp_queue *q, const struct flare__udp_packet *p);

/* Drops the oldest; there is one. */
void flare__udp_queue_pop(struct flare__udp_queue *q);

static inline char *flare__udp_packet_data(struct flare__udp_packet *p)
{
    return (char *)(p + 1);
}

#endif
