/* SPDX-License-Identifier: MIT */
/*
 * Inside of the readiness core: a socket's bits, and how it gets on the work
 * list.  For ready.c and ready_ops.c only.
 */
#ifndef FLARE__READY_SOCK_H
#define FLARE__READY_SOCK_H

#include "backends/ready.h"
#include "base/assert.h"

enum {
    /* what is known of the descriptor */
    READABLE = 1 << 0, /* an edge said so, and no read contradicted it */
    WRITABLE = 1 << 1, /* no write contradicted it */
    READ_ON = 1 << 2,  /* a short read does not mean it is empty */
    /* operations in flight */
    RECV = 1 << 3,
    ACCEPT = 1 << 4,
    SEND = 1 << 5,
    CONNECT = 1 << 6,
    POLL = 1 << 7, /* with WATCH: until it is stopped */
    /* events to be given */
    STOPPED = 1 << 8,       /* RECV or ACCEPT ends in -ECANCELED */
    SEND_DONE = 1 << 9,     /* `sent` is the result */
    CONNECT_DONE = 1 << 10, /* likewise */
    POLL_DONE = 1 << 11,    /* `poll.due` is; 0: it was stopped */
    CLOSING = 1 << 12,      /* CLOSED when nothing else is left */
    /* the list it is on */
    ON_WORK = 1 << 13,
    ON_STARVED = 1 << 14,

    NONBLOCK = 1 << 15, /* the descriptor is known to have O_NONBLOCK */
    DEEP = 1 << 16,     /* the last receive filled a lease, or several */
    WATCH = 1 << 17,    /* see POLL */
    FOREIGN = 1 << 18,  /* polled once: its file may live on elsewhere */
    RECORDS = 1 << 19   /* of the kernel's TLS: each edge sets READ_ON */
};

/* Into the caller: returns after a system call are what is expensive. */
#define HOT static inline __attribute__((always_inline))

static inline struct flare__ready *ready_of(struct flare__backend *b)
{
    return (struct flare__ready *)b; /* its first member */
}

static inline void bits_set(struct flare__sock *sock, unsigned bits)
{
    sock->state |= bits;
}

static inline void bits_clear(struct flare__sock *sock, unsigned bits)
{
    sock->state &= ~bits;
}

static inline bool has_all(const struct flare__sock *sock, unsigned bits)
{
    return (sock->state & bits) == bits;
}

static inline bool has_any(const struct flare__sock *sock, unsigned bits)
{
    return (sock->state & bits) != 0;
}

static inline void list_push(struct flare__ready_list *list,
                             struct flare__sock *sock)
{
    sock->next = NULL;
    if (list->head == NULL)
        list->head = sock;
    else
        list->tail->next = sock;
    list->tail = sock;
    list->count++;
}

static inline bool has_event(const struct flare__sock *sock)
{
    return has_any(sock,
                   STOPPED | SEND_DONE | CONNECT_DONE | POLL_DONE | CLOSING) ||
           has_all(sock, SEND | WRITABLE);
}

static inline bool has_work(const struct flare__sock *sock)
{
    return has_event(sock) ||
           (has_any(sock, READABLE) && has_any(sock, RECV | ACCEPT));
}

/* Sees to it that a later turn visits `sock`, if there is reason to. */
static inline void work_add(struct flare__ready *r, struct flare__sock *sock)
{
    if (has_any(sock, ON_WORK))
        return;
    if (has_any(sock, ON_STARVED)) {
        r->is_starved_due |= has_event(sock);
        return;
    }
    if (!has_work(sock))
        return;
    bits_set(sock, ON_WORK);
    list_push(&r->work, sock);
}

static inline void event_put(struct flare__event *ev, struct flare__sock *sock,
                             enum flare__event_kind kind, int res,
                             unsigned flags)
{
    ev->sock = sock;
    ev->data = NULL;
    ev->res = res;
    ev->lease = 0;
    ev->kind = (uint8_t)kind;
    ev->flags = (uint8_t)flags;
}

static inline void send_finish(struct flare__sock *sock, int res)
{
    sock->sent = (uint32_t)res;
    bits_set(sock, SEND_DONE);
}

/* One receive into as many leases as it may have: up to `room` events. */
int flare__ready_recv_deep(struct flare__ready *r, struct flare__sock *sock,
                           struct flare__event *events, int room);

/* Takes back those that leases have come for, before all others. */
void flare__ready_resume(struct flare__ready *r);

/* Writes of a vector what is not sent yet: as sendmsg, -errno. */
long flare__ready_send_vector(struct flare__sock *sock, int flags);

/* Sends the next part of a file. */
void flare__ready_send_file(struct flare__ready *r, struct flare__sock *sock);

/* One step of a listener: up to `room` events. */
int flare__ready_step_accept(struct flare__sock *sock,
                             struct flare__event *events, int room);

/* An edge of a socket that is polled. */
void flare__ready_poll_edge(struct flare__sock *sock, uint32_t mask);

/* POLL_DONE: its event. */
void flare__ready_poll_tell(struct flare__sock *sock, struct flare__event *ev);

/* An edge of a socket that connects. */
void flare__ready_connect_edge(struct flare__sock *sock, uint32_t mask);

#endif
