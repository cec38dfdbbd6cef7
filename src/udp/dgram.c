/* SPDX-License-Identifier: MIT */
/*
 * See dgram.h.  Sending goes past the queue: the bytes are the caller's until
 * the kernel has them.
 */
#include "udp/dgram.h"

#include "base/alloc.h"
#include "base/log.h"
#include "net/user_loop.h"
#include "udp/udp.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { DGRAM_SEND_MS = 30000 };

#define DGRAM_NS_PER_MS UINT64_C(1000000)

struct flare_dgram {
    struct flare_loop *loop;
    struct flare_udp *udp; /* NULL: it has ended by itself */
    int rc;                /* and why */
};

/* A caller may have been away for long: the loop's own time is of then. */
static uint64_t dgram_limit(const flare_dgram *d, uint32_t timeout_ms)
{
    if (timeout_ms == FLARE_UNLIMITED)
        return UINT64_MAX;
    return d->loop->ops->now(d->loop->backend) + timeout_ms * DGRAM_NS_PER_MS;
}

/* One turn; -ETIMEDOUT if nothing has come about until the limit. */
static int dgram_wait(flare_dgram *d, uint64_t limit_ns)
{
    int rc = flare__loop_turn(d->loop, limit_ns);

    if (rc < 0)
        return rc;
    return d->loop->now_ns >= limit_ns ? -ETIMEDOUT : 0;
}

static void dgram_on_closed(flare_udp *udp, int rc, void *ctx)
{
    flare_dgram *d = ctx;

    (void)udp;
    d->udp = NULL;
    d->rc = rc < 0 ? rc : -EPIPE;
}

static const struct flare_udp_handler dgram_handler = {.on_closed =
                                                           dgram_on_closed};

/* Its peer is known at once, but told by an event. */
static int dgram_connect(flare_dgram *d)
{
    uint64_t limit_ns = dgram_limit(d, DGRAM_SEND_MS);
    int rc = 0;

    while (rc == 0 && d->udp != NULL && d->udp->is_connecting)
        rc = dgram_wait(d, limit_ns);
    /* one that failed is closing */
    while (rc == 0 && d->udp != NULL && d->udp->state != FLARE__UDP_OPEN)
        rc = dgram_wait(d, limit_ns);
    return d->udp == NULL ? d->rc : rc;
}

int flare__dgram_open_on(struct flare_loop *loop, flare_dgram **out,
                         struct flare_str address,
                         const struct flare_udp_options *options,
                         struct flare_error *err)
{
    struct flare_udp_options o = {.ctx = NULL};
    struct flare__udp_setup setup = {
        .address = address, .options = &o, .is_pulled = true};
    flare_dgram *d = flare__calloc(&loop->allocator, 1, sizeof(*d));
    int rc;

    if (d == NULL)
        return flare__error(err, -ENOMEM, "no memory");
    if (options != NULL)
        o = *options;
    o.handler = &dgram_handler;
    o.ctx = d;
    d->loop = loop;
    rc = flare__udp_open(loop, &d->udp, &setup, err);
    if (rc == 0) {
        rc = dgram_connect(d);
        if (rc < 0)
            (void)flare__error(err, rc, "%s", flare_strerror(rc));
    }
    if (rc < 0) {
        flare_udp_close(d->udp);
        while (d->udp != NULL && flare__loop_turn(loop, UINT64_MAX) == 0)
            ;
        flare__free(&loop->allocator, d);
        return rc;
    }
    *out = d;
    return 0;
}

int flare_dgram_open(flare_dgram **out, struct flare_str address,
                     const struct flare_udp_options *options,
                     struct flare_error *err)
{
    const struct flare_allocator *al =
        options != NULL ? options->allocator : NULL;
    struct flare_loop *loop;
    int rc = flare__loop_private(&loop, al, err);

    if (rc < 0)
        return rc;
    rc = flare__dgram_open_on(loop, out, address, options, err);
    if (rc < 0)
        flare_loop_free(loop);
    return rc;
}

void flare_dgram_close(flare_dgram *d)
{
    struct flare_loop *loop;
    struct flare_allocator al;

    if (d == NULL)
        return;
    loop = d->loop;
    al = loop->allocator;
    flare_loop_free(loop); /* closes what is open on it: d->udp */
    flare__free(&al, d);
}

/* Until the kernel's buffer has room. */
static int dgram_wait_room(flare_dgram *d, uint64_t limit_ns)
{
    int rc = 0;

    d->udp->is_blocked = true;
    flare__udp_arm(d->udp);
    while (rc == 0 && d->udp != NULL && d->udp->is_blocked)
        rc = dgram_wait(d, limit_ns);
    if (d->udp == NULL)
        return d->rc;
    if (!d->udp->is_blocked)
        return 0;
    d->udp->is_blocked = false;
    flare__udp_arm(d->udp);
    return rc;
}

int flare_dgram_send_to(flare_dgram *d, const struct flare_addr *to,
                        struct flare_str bytes)
{
    struct flare__datagram one = {.len = (uint32_t)bytes.len};
    uint64_t limit_ns = dgram_limit(d, DGRAM_SEND_MS);
    struct flare__udp_to target;
    int rc = d->rc;

    if (rc == 0)
        rc = flare__udp_target(d->udp, to, bytes.len, &target);
    if (rc < 0)
        return rc;
    one.addr_len = target.addr_len;
    memcpy(&one.addr, target.addr, target.addr_len);
    one.data = (void *)(uintptr_t)bytes.ptr; /* recvmsg's type is not const */
    for (;;) {
        rc = d->loop->ops->datagram_send(d->loop->backend, &d->udp->sock, &one,
                                         1);
        if (rc != -EAGAIN)
            return rc < 0 ? rc : 0;
        rc = dgram_wait_room(d, limit_ns);
        if (rc < 0)
            return rc;
    }
}

/* Copies what came; its length there. */
static int dgram_copy(struct flare_datagram *got, void *buf, size_t size)
{
    size_t len = got->bytes.len;

    if (len > size) {
        len = size;
        got->is_truncated = true;
    }
    if (len > 0)
        memcpy(buf, got->bytes.ptr, len);
    got->bytes.ptr = buf;
    got->bytes.len = len;
    return (int)len; /* at most 65535 */
}

int flare_dgram_recv_from(flare_dgram *d, void *buf, size_t size,
                          struct flare_datagram *out, uint32_t timeout_ms)
{
    uint64_t limit_ns = dgram_limit(d, timeout_ms);
    struct flare_datagram got;
    int waited = 0;

    for (;;) {
        int rc = d->rc < 0 ? d->rc : flare__udp_pull(d->udp, &got);

        if (rc == 0)
            rc = waited; /* the limit has passed, and still nothing */
        if (rc < 0)
            return rc;
        if (rc > 0)
            break;
        waited = dgram_wait(d, limit_ns);
        if (waited < 0 && waited != -ETIMEDOUT)
            return waited;
    }
    waited = dgram_copy(&got, buf, size);
    if (out != NULL)
        *out = got;
    return waited;
}

int flare_dgram_join(flare_dgram *d, const struct flare_ip *group,
                     uint32_t interface_number)
{
    return d->rc < 0 ? d->rc : flare_udp_join(d->udp, group, interface_number);
}

int flare_dgram_leave(flare_dgram *d, const struct flare_ip *group,
                      uint32_t interface_number)
{
    return d->rc < 0 ? d->rc : flare_udp_leave(d->udp, group, interface_number);
}

int flare_dgram_local(flare_dgram *d, struct flare_addr *out)
{
    return d->rc < 0 ? d->rc : flare_udp_local(d->udp, out);
}
