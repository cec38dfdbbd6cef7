/* SPDX-License-Identifier: MIT */
/*
 * A link whose connection goes to the kernel, each direction by itself and when
 * it can: see link.h and kernel.h.
 *
 *   out  at the first send of the owner's once all that OpenSSL wrote is gone;
 *        from then on his buffers and files go to the backend as they are
 *   in   the receive is stopped, what had come is read, what is missing of the
 *        last record too, if it is there; then the rest of the stream is the
 *        kernel's.  Else it goes on in user space, and is tried again after the
 *        next bytes, but not for ever: a peer that never pauses would cost a
 *        stopped receive each time.
 */
#include "base/assert.h"
#include "tls/control.h"
#include "tls/kernel.h"
#include "tls/link_impl.h"

#include <errno.h>

enum {
    LINK_RX_TRIES = 8,
    LINK_RX_PARTS = 4,  /* reads of what is missing, in one of them */
    LINK_RETRY_MS = 10, /* for the system to take a control record */
};

bool flare__tls_link_may_rx(const struct flare__tls_link *l)
{
    return l->is_open && l->rx_tries < LINK_RX_TRIES && l->held_len == 0 &&
           !l->is_eof && !l->is_finished && !l->is_closed && l->rc == 0 &&
           flare__tls_kernel_may_rx(l->engine, l->loop);
}

/* Reads what is missing of the record that has begun; whether there was any. */
static bool link_complete(struct flare__tls_link *l)
{
    uint32_t missing = flare__tls_kernel_missing(l->engine);
    uint32_t lease;
    uint8_t type;
    char *room;
    int n;

    if (missing == 0)
        return false;
    room = flare__wire_lease_take(l->loop, &lease);
    if (room == NULL)
        return false;
    if (missing > FLARE__WIRE_LEASE_BYTES)
        missing = FLARE__WIRE_LEASE_BYTES;
    n = l->loop->ops->record_recv(l->loop->backend, l->sock, &type, room,
                                  missing);
    if (n > 0)
        flare__tls_link_process(l, (struct flare_str){room, (size_t)n});
    flare__wire_lease_give(l->loop, lease);
    return n > 0; /* an end or an error is there for the next receive */
}

void flare__tls_link_try_rx(struct flare__tls_link *l)
{
    FLARE_ASSERT(!l->is_receiving);
    l->rx_tries++;
    for (int i = 0; i < LINK_RX_PARTS && flare__tls_link_may_rx(l); i++) {
        if (!link_complete(l))
            break;
    }
    if (flare__tls_link_may_rx(l)) {
        int rc = flare__tls_kernel_rx(l->engine, l->loop, l->sock);

        (void)rc; /* where it is not taken, it goes on in user space */
    }
}

void flare__tls_link_control(struct flare__tls_link *l, int32_t res)
{
    int rc;

    FLARE_ASSERT(!l->is_receiving && l->held_len == 0);
    l->pending = 0;
    rc = flare__tls_control_recv(l->engine, l->loop, l->sock, res);
    if (rc == 0) { /* close_notify */
        l->is_eof = true;
        flare__tls_link_flush(l);
        flare__tls_link_end_recv(l, 0);
        return;
    }
    if (rc != -EAGAIN) {
        flare__tls_link_fail(l, rc);
        return;
    }
    flare__tls_link_flush(l);
    flare__tls_link_touch(l); /* it receives again */
}

bool flare__tls_link_try_tx(struct flare__tls_link *l)
{
    if (flare__tls_kernel_has_tx(l->engine))
        return true;
    if (l->left != l->total || !flare__tls_kernel_may_tx(l->engine, l->loop))
        return false;
    flare__tls_link_flush(l);
    return !l->in_flight && l->rc == 0 &&
           flare__tls_kernel_tx(l->engine, l->loop, l->sock) == 0;
}

void flare__tls_link_flush_control(struct flare__tls_link *l)
{
    int rc;

    if (l->in_flight || l->is_gone || l->is_mute ||
        !flare__tls_control_is_due(l->engine))
        return;
    rc = flare__tls_control_send(l->engine, l->loop, l->sock);
    if (rc == -EAGAIN) {
        uint64_t at = l->loop->now_ms + LINK_RETRY_MS;

        if (l->is_closed && at > l->close_by_ms)
            at = l->close_by_ms;
        flare__wheel_start(&l->loop->wheel, &l->timer, at,
                           flare__tls_link_on_timer);
    } else if (rc < 0) {
        l->is_mute = true;
        flare__tls_link_fail(l, rc);
    }
}
