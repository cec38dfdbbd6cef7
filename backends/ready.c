/* SPDX-License-Identifier: MIT */
/*
 * The readiness core: its life, and what waits for a turn (ready_turn.h).
 *
 * A socket is on at most one list: WORK, or STARVED when it has data but the
 * pool was empty.  Its events to come are bits, not queue entries, so that
 * calls which cannot fail never need memory.
 *
 * A descriptor is closed at once, its events follow.  Registrations of a
 * descriptor that a forked child still holds keep reporting; the generation
 * drops them.
 */
#include "backends/ready.h"

#include "backends/ready_sock.h"
#include "backends/syscall.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    LEASE_BYTES_DEFAULT = 4096,
    LEASE_COUNT_DEFAULT = 1024,
    IOV_MAX_COUNT = 64,
    DEEP_LEASES_MAX = 32 /* 128 KiB of one socket before others' turn */
};

/* Lists. */

/* Puts the first `count` (at least 1) of `from` before `to`, in order. */
static void list_prepend(struct flare__ready_list *to,
                         struct flare__ready_list *from, uint32_t count)
{
    struct flare__sock *first = from->head;
    struct flare__sock *last = NULL;

    for (uint32_t i = 0; i < count; i++) {
        last = from->head;
        bits_clear(last, ON_STARVED);
        bits_set(last, ON_WORK);
        from->head = last->next;
    }
    from->count -= count;
    last->next = to->head;
    if (to->head == NULL)
        to->tail = last;
    to->head = first;
    to->count += count;
}

void flare__ready_resume(struct flare__ready *r)
{
    uint32_t count = r->starved.count;

    if (!r->is_starved_due && count > r->leases.free)
        count = r->leases.free;
    r->is_starved_due = false;
    if (count == 0)
        return;
    list_prepend(&r->work, &r->starved, count);
}

int flare__ready_init(struct flare__ready *r,
                      const struct flare__poller_ops *poller,
                      const struct flare__backend_config *config)
{
    uint32_t bytes = config->lease_bytes;
    uint32_t count = config->lease_count;

    memset(r, 0, sizeof(*r));
    r->poller = poller;
    atomic_init(&r->is_waking, false);
    flare__handles_init(&r->handles, config->al, 0);
    return flare__leases_init(&r->leases, config->al,
                              bytes ? bytes : LEASE_BYTES_DEFAULT,
                              count ? count : LEASE_COUNT_DEFAULT);
}

void flare__ready_fini(struct flare__ready *r)
{
    FLARE_ASSERT(r->open == 0);

    flare__leases_fini(&r->leases);
    flare__handles_fini(&r->handles);
}

uint64_t flare__ready_now(struct flare__backend *b)
{
    struct timespec ts;

    (void)b;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int flare__ready_attach(struct flare__backend *b, struct flare__sock *sock,
                        int fd)
{
    struct flare__ready *r = ready_of(b);
    int rc = flare__handles_add(&r->handles, sock);

    if (rc < 0)
        return rc;
    rc = r->poller->add(b, fd, sock->index, sock->generation);
    if (rc < 0) {
        flare__handles_remove(&r->handles, sock);
        return rc;
    }
    sock->fd = fd;
    sock->state = WRITABLE;
    sock->in_flight = 0;
    sock->next = NULL;
    r->open++;
    return 0;
}

/* Receive. */

void flare__ready_lease_put(struct flare__backend *b, uint32_t lease)
{
    flare__leases_give(&ready_of(b)->leases, lease);
}

/* The events of `n` bytes that came in `count` leases; those unused go back. */
static int deep_events(struct flare__ready *r, struct flare__sock *sock,
                       struct flare__event *events, const uint32_t *leases,
                       uint32_t count, uint32_t n)
{
    int used = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t part = n < r->leases.bytes ? n : r->leases.bytes;
        struct flare__event *ev = &events[used];

        if (part == 0) {
            flare__leases_give(&r->leases, leases[i]);
            continue;
        }
        event_put(ev, sock, FLARE__EV_RECV, (int)part,
                  FLARE__EV_MORE | FLARE__EV_LEASE);
        ev->data = flare__lease_data(&r->leases, leases[i]);
        ev->lease = leases[i];
        n -= part;
        used++;
    }
    return used;
}

/*
 * Half of the leases are left to others.  What came less than asked for means
 * the same as with a single one: the socket is empty.  Whose last bytes needed
 * more than one lease will send as many again, and is read deep at once then:
 * messages of 16 KiB take one receive, and their answer one send, not two.
 */
int flare__ready_recv_deep(struct flare__ready *r, struct flare__sock *sock,
                           struct flare__event *events, int room)
{
    struct iovec iov[DEEP_LEASES_MAX];
    uint32_t leases[DEEP_LEASES_MAX];
    struct msghdr msg = {.msg_iov = iov};
    uint32_t most = (r->leases.free + 1) / 2;
    uint32_t count;
    long n;

    if (most > (uint32_t)room)
        most = (uint32_t)room;
    if (most > DEEP_LEASES_MAX)
        most = DEEP_LEASES_MAX;
    for (count = 0; count < most; count++) {
        leases[count] = flare__leases_take(&r->leases);
        iov[count] = (struct iovec){
            flare__lease_data(&r->leases, leases[count]), r->leases.bytes};
    }
    msg.msg_iovlen = count;
    do
        n = recvmsg(sock->fd, &msg, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        n = -errno;
    if (n <= (long)r->leases.bytes)
        bits_clear(sock, DEEP);
    if (n > 0) {
        if (n < (long)(count * r->leases.bytes) && !has_any(sock, READ_ON))
            bits_clear(sock, READABLE);
        return deep_events(r, sock, events, leases, count, (uint32_t)n);
    }
    (void)deep_events(r, sock, events, leases, count, 0);
    if (n == -EAGAIN) {
        bits_clear(sock, READABLE | READ_ON);
        return 0;
    }
    bits_clear(sock, RECV);
    event_put(events, sock, FLARE__EV_RECV, (int)n, 0);
    return 1;
}

/* Send. */

/* The rest of the vector from `sent` on, in `rest`; returns its count. */
static uint32_t iov_rest(const struct flare__sock *sock, struct iovec *rest)
{
    size_t skip = sock->sent;
    uint32_t i = 0;
    uint32_t count;

    while (skip >= sock->iov[i].iov_len)
        skip -= sock->iov[i++].iov_len;
    count = sock->iov_count - i;
    memcpy(rest, sock->iov + i, count * sizeof(*rest));
    rest[0].iov_base = (char *)rest[0].iov_base + skip;
    rest[0].iov_len -= skip;
    return count;
}

long flare__ready_send_vector(struct flare__sock *sock, int flags)
{
    struct iovec rest[IOV_MAX_COUNT];
    struct msghdr msg = {.msg_iov = rest};

    msg.msg_iovlen = iov_rest(sock, rest);
    return flare__sys_sendmsg(sock->fd, &msg, flags);
}

int flare__ready_send(struct flare__backend *b, struct flare__sock *sock,
                      const struct iovec *iov, uint32_t count)
{
    FLARE_ASSERT(!has_any(sock, SEND | CONNECT | CLOSING) && count >= 1 &&
                 count <= IOV_MAX_COUNT);

    sock->one = iov[0];
    sock->iov = iov;
    sock->iov_count = (uint16_t)count;
    sock->sent = 0;
    for (uint32_t i = 1; i < count; i++)
        sock->one.iov_len += iov[i].iov_len;
    FLARE_ASSERT(sock->one.iov_len >= 1 && sock->one.iov_len <= INT32_MAX);

    bits_set(sock, SEND);
    work_add(ready_of(b), sock);
    return 0;
}

void flare__ready_wake(struct flare__backend *b)
{
    struct flare__ready *r = ready_of(b);

    if (!atomic_exchange(&r->is_waking, true))
        r->poller->wake(b);
}
