/* SPDX-License-Identifier: MIT */
/*
 * Receive buffers, and what a completion has put into them.
 *
 * A receive takes one lease or, as a bundle, as many as it needs: those that
 * follow each other in the ring, of which the completion names the first.  The
 * order is kept here, as a chain, and not read from the ring, whose places are
 * written anew while a completion waits to be read.  A link is set when the
 * next lease is given to the kernel, and stands until its own is given again:
 * so it holds as long as a completion may need it, whatever the order in which
 * completions are read and leases come back.
 *
 * A bundle costs the kernel a list of buffers for each receive, also for one
 * that needs a single buffer; so only the sockets that fill whole leases have
 * it, until they no longer do.
 */
#include "backends/uring.h"

enum {
    DEEP_AFTER = 4,    /* whole leases in a row: from then on bundles */
    SHALLOW_AFTER = 16 /* bundles in a row that would have fitted in one */
};

void flare__uring_lease_give(struct flare__backend *b, uint32_t lease)
{
    struct uring_leases *leases = &b->leases;
    uint8_t *data = uring_lease_data(b, lease);

    FLARE__POISON(data, leases->stride);
    io_uring_buf_ring_add(leases->ring, data, leases->bytes,
                          (unsigned short)lease, (int)(leases->count - 1), 0);
    io_uring_buf_ring_advance(leases->ring, 1);
    leases->after[leases->newest] = (uint16_t)lease;
    leases->newest = lease;
}

/* Giving one back twice would hand one buffer to two sockets. */
void flare__uring_lease_put(struct flare__backend *b, uint32_t lease)
{
    struct uring_leases *leases = &b->leases;
    uint64_t bit = UINT64_C(1) << lease % 64;

    FLARE_ASSERT(lease < leases->count && (leases->out[lease / 64] & bit));
    leases->out[lease / 64] &= ~bit;
    leases->held--;
    flare__uring_lease_give(b, lease);
}

/* Begins with the leases of a completion, or goes on where a batch ended. */
static void rest_begin(struct uring_leases *leases,
                       const struct io_uring_cqe *cqe)
{
    if (leases->rest_bytes > 0)
        return;
    leases->rest = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    leases->rest_bytes = cqe->res > 0 ? (uint32_t)cqe->res : 0;
}

/* Takes the next of them off; returns how much is in it. */
static uint32_t rest_next(struct flare__backend *b, uint32_t *lease)
{
    struct uring_leases *leases = &b->leases;
    uint32_t part =
        leases->rest_bytes < leases->bytes ? leases->rest_bytes : leases->bytes;

    *lease = leases->rest;
    uring_lease_take(b, leases->rest);
    leases->rest_bytes -= part;
    leases->rest = leases->after[leases->rest];
    return part;
}

/*
 * Whether what is in the kernel suits what comes.  If not it is cancelled, and
 * armed again as the other kind when it is back; no byte is lost by that.
 */
static void recv_adapt(struct flare__backend *b, struct flare__sock *sock,
                       const struct io_uring_cqe *cqe)
{
    bool is_deep = (uint32_t)cqe->res >= b->leases.bytes;
    bool is_bundled = uring_has(sock, URING_BUNDLED);
    uint32_t most = is_bundled ? SHALLOW_AFTER : DEEP_AFTER;

    if (is_deep != is_bundled && b->leases.bundle_bytes > 0)
        sock->state += URING_STREAK;
    else
        sock->state %= URING_STREAK;
    if (sock->state / URING_STREAK < most)
        return;
    sock->state %= URING_STREAK;
    uring_clear(sock, URING_DEEP);
    if (is_deep)
        uring_set(sock, URING_DEEP);
    if (cqe->flags & IORING_CQE_F_MORE)
        flare__uring_renew(b, sock);
}

int flare__uring_recv_give(struct flare__backend *b, struct flare__sock *sock,
                           const struct io_uring_cqe *cqe,
                           struct flare__event *events, int room)
{
    struct uring_leases *leases = &b->leases;
    int n = 0;

    if (leases->rest_bytes == 0)
        recv_adapt(b, sock, cqe);
    rest_begin(leases, cqe);
    do {
        uint32_t lease;
        uint32_t part = rest_next(b, &lease);

        uring_recv_event(b, sock, lease, part, &events[n++]);
    } while (leases->rest_bytes > 0 && n < room);
    return n;
}

void flare__uring_recv_drop(struct flare__backend *b,
                            const struct io_uring_cqe *cqe)
{
    struct uring_leases *leases = &b->leases;
    uint32_t lease;

    rest_begin(leases, cqe);
    do {
        (void)rest_next(b, &lease);
        flare__uring_lease_put(b, lease);
    } while (leases->rest_bytes > 0);
}
