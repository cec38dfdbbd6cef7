/* SPDX-License-Identifier: MIT */
/* See udp_rig.h. */
#include "tests/udp/udp_rig.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>

/* One rig per process at a time: the contract's calls have no context. */
static struct rig *rig_now;

static int rig_recv(struct flare__backend *b, struct flare__sock *sock,
                    struct flare__datagram *list, uint32_t count)
{
    rig_now->recvs++;
    rig_now->sock = sock;
    if (rig_now->on_recv != NULL)
        return rig_now->on_recv(rig_now, list, count);
    return rig_now->real->datagram_recv(b, sock, list, count);
}

static int rig_send_call(struct flare__backend *b, struct flare__sock *sock,
                         const struct flare__datagram *list, uint32_t count)
{
    rig_now->sends++;
    rig_now->sock = sock;
    if (rig_now->on_send != NULL)
        return rig_now->on_send(rig_now, list, count);
    return rig_now->real->datagram_send(b, sock, list, count);
}

static int rig_poll_start(struct flare__backend *b, struct flare__sock *sock,
                          short events)
{
    rig_now->polls_started++;
    return rig_now->real->poll_start(b, sock, events);
}

static int rig_connect(struct flare__backend *b, struct flare__sock *sock,
                       const struct sockaddr *addr, socklen_t len)
{
    rig_now->sock = sock;
    if (rig_now->on_connect != NULL) {
        int rc = rig_now->on_connect(rig_now, addr, len);

        if (rc < 0)
            return rc;
    }
    return rig_now->real->connect(b, sock, addr, len);
}

const char *rig_name(enum rig_kind kind)
{
    static const char *const names[RIG_KINDS] = {
        [RIG_EPOLL] = "epoll",
        [RIG_URING] = "uring",
#ifdef FLARE_HAVE_KQUEUE
        [RIG_KQUEUE] = "kqueue",
#endif
        [RIG_SIM] = "sim",
    };

    return names[kind];
}

/* A call of the simulated kernel is a site like an allocation. */
static int world_site(void *ctx, const char *name)
{
    (void)name;
    return fault_site(ctx) ? -ENOMEM : 0;
}

static const struct flare__backend_ops *rig_ops(enum rig_kind kind)
{
    if (kind == RIG_SIM)
        return &flare__backend_sim;
#ifdef FLARE_HAVE_LIBURING
    if (kind == RIG_URING)
        return &flare__backend_uring;
#endif
#ifdef FLARE_HAVE_KQUEUE
    if (kind == RIG_KQUEUE)
        return &flare__backend_kqueue;
#endif
#ifdef FLARE_HAVE_EPOLL
    if (kind == RIG_EPOLL)
        return &flare__backend_epoll;
#endif
    return NULL;
}

static int rig_world(struct rig *r, struct flare__backend_config *config)
{
    struct flare__sim_config sim = {.seed = r->seed,
                                    .is_calm = r->seed == 0,
                                    .fault_site = world_site,
                                    .fault_ctx = r->fault};

    if (r->kind != RIG_SIM)
        return 0;
    r->world = flare__sim_new(&sim);
    config->sim = r->world;
    return r->world != NULL ? 0 : -ENOMEM;
}

int rig_open(struct rig *r, enum rig_kind kind, struct flare_error *why)
{
    struct flare__backend_config bc = {.al = &r->fault->al, .lease_count = 4};
    struct flare__loop_config lc = {.al = &r->fault->al};
    int rc;

    rig_now = r;
    r->kind = kind;
    r->real = rig_ops(kind);
    if (r->real == NULL || r->real->datagram_recv == NULL) {
        (void)snprintf(why->text, sizeof(why->text), "not in this build");
        return FLARE_E_BACKEND_UNAVAILABLE;
    }
    r->ops = *r->real;
    r->ops.datagram_recv = rig_recv;
    r->ops.datagram_send = rig_send_call;
    r->ops.poll_start = rig_poll_start;
    r->ops.connect = rig_connect;
    rc = rig_world(r, &bc);
    if (rc == 0)
        rc = r->real->open(&lc.backend, &bc, why);
    lc.ops = &r->ops;
    if (rc == 0)
        rc = flare__loop_open(&r->loop, &lc);
    if (rc < 0 && lc.backend != NULL)
        r->real->free(lc.backend);
    if (rc < 0)
        flare__sim_free(r->world);
    return rc;
}

struct rig *rig_new(enum rig_kind kind, struct flare_error *why)
{
    struct rig *r = calloc(1, sizeof(*r));

    ck_assert_ptr_nonnull(r);
    r->fault = &r->own;
    fault_init(&r->own, FAULT_NEVER, 0);
    if (rig_open(r, kind, why) < 0) {
        fault_fini(&r->own, "udp");
        free(r);
        return NULL;
    }
    return r;
}

void rig_close(struct rig *r)
{
    for (uint32_t i = 0; i < r->end_count; i++)
        flare_udp_close(r->ends[i].udp);
    for (int turns = 0; r->loop->resident_count > 0 && turns < 1000; turns++)
        ck_assert_int_eq(
            flare__loop_turn(r->loop, r->loop->now_ns + 10 * RIG_MS), 0);
    for (uint32_t i = 0; i < r->end_count; i++) {
        struct rig_end *e = &r->ends[i];

        ck_assert_uint_eq(e->closes, 1);
        for (uint32_t k = 0; k < e->count; k++)
            free(e->got[k].bytes);
    }
    ck_assert_uint_eq(r->loop->task_count, 0);
    flare__loop_free(r->loop);
    if (r->world != NULL)
        ck_assert_uint_eq(flare__sim_fds(r->world), 0);
    flare__sim_free(r->world);
}

void rig_free(struct rig *r)
{
    rig_close(r);
    fault_fini(&r->own, "udp");
    free(r);
}

/* ---- what an end is told ---- */

static void end_keep(struct rig_end *e, const struct flare_datagram *d)
{
    struct rig_got *g = &e->got[e->count++];

    ck_assert_uint_le(e->count, RIG_GOT_MAX);
    g->peer = d->peer;
    g->len = d->bytes.len;
    g->is_truncated = d->is_truncated;
    g->bytes = malloc(g->len + 1);
    ck_assert_ptr_nonnull(g->bytes);
    memcpy(g->bytes, d->bytes.ptr, g->len);
    g->bytes[g->len] = 0;
}

static void end_on_datagrams(flare_udp *udp, const struct flare_datagram *list,
                             size_t count, void *ctx)
{
    struct rig_end *e = ctx;

    ck_assert_ptr_eq(udp, e->udp);
    ck_assert_uint_eq(e->closes, 0);
    ck_assert_uint_ge(count, 1);
    ck_assert_uint_le(count, 64);
    e->calls++;
    if (count > e->list_max)
        e->list_max = count;
    for (size_t i = 0; i < count; i++)
        end_keep(e, &list[i]);
    if (e->on_list != NULL)
        e->on_list(e, list, count);
}

static void end_on_error(flare_udp *udp, int rc, const struct flare_addr *peer,
                         void *ctx)
{
    struct rig_end *e = ctx;

    ck_assert_ptr_eq(udp, e->udp);
    ck_assert_uint_eq(e->closes, 0);
    ck_assert_int_lt(rc, 0);
    if (e->error_count < RIG_ERRORS_MAX) {
        e->errors[e->error_count] = rc;
        if (peer != NULL)
            e->error_peers[e->error_count] = *peer;
    }
    e->error_count++;
    if (e->on_error != NULL)
        e->on_error(e, rc);
}

static void end_on_drain(flare_udp *udp, void *ctx)
{
    struct rig_end *e = ctx;

    ck_assert_ptr_eq(udp, e->udp);
    e->drains++;
    if (e->on_drain != NULL)
        e->on_drain(e);
}

static void end_on_closed(flare_udp *udp, int rc, void *ctx)
{
    struct rig_end *e = ctx;

    ck_assert_ptr_eq(udp, e->udp);
    e->udp = NULL;
    e->closes++;
    e->rc = rc;
}

static const struct flare_udp_handler end_handler = {
    .on_datagrams = end_on_datagrams,
    .on_error = end_on_error,
    .on_drain = end_on_drain,
    .on_closed = end_on_closed,
};

/* Where others reach a socket that is bound to all addresses. */
static void end_address(struct rig_end *e, const char *address)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};

    if (flare_udp_local(e->udp, &e->addr) < 0 ||
        flare_ip_class(&e->addr.ip) != FLARE_IP_UNSPECIFIED)
        return;
    if (strchr(address, '[') == NULL)
        e->addr.ip = flare_ip_v4(loopback);
    else
        ck_assert_int_eq(flare_ip_parse(&e->addr.ip, FLARE_STR("::1"), NULL),
                         0);
}

int rig_end_open(struct rig *r, struct rig_end **out, const char *address,
                 const struct flare_udp_options *options)
{
    struct rig_end *e = &r->ends[r->end_count];
    struct flare_udp_options o = {.ctx = NULL};
    int rc;

    ck_assert_uint_lt(r->end_count, RIG_ENDS_MAX);
    if (options != NULL)
        o = *options;
    if (o.handler == NULL)
        o.handler = &end_handler;
    o.ctx = e;
    e->rig = r;
    rc = flare_udp_open(r->loop, &e->udp, flare_str(address), &o, NULL);
    if (rc < 0)
        return rc;
    r->end_count++;
    end_address(e, address);
    *out = e;
    return 0;
}

struct rig_end *rig_end(struct rig *r, const char *address,
                        const struct flare_udp_options *options)
{
    struct rig_end *e = NULL;
    int rc = rig_end_open(r, &e, address, options);

    ck_assert_msg(rc == 0, "%s: %s", address, flare_error_name(rc));
    return e;
}

void rig_send(struct rig_end *from, const struct flare_addr *to,
              const char *text)
{
    int rc = flare_udp_send(from->udp, to, flare_str(text));

    ck_assert_msg(rc == 0, "send: %s", flare_error_name(rc));
}

void rig_turn(struct rig *r, uint32_t ms)
{
    uint64_t now_ns = r->real->now(r->loop->backend);

    ck_assert_int_eq(flare__loop_turn(r->loop, now_ns + ms * RIG_MS), 0);
}

void rig_settle(struct rig *r)
{
    for (int i = 0; i < 8; i++)
        rig_turn(r, r->kind == RIG_SIM ? 1 : 0);
}

struct flare_str rig_str(const char *bytes, size_t len)
{
    return (struct flare_str){.ptr = bytes, .len = len};
}

struct flare_addr rig_addr(const char *text)
{
    struct flare_addr addr;

    ck_assert_int_eq(flare_addr_parse(&addr, flare_str(text), NULL), 0);
    return addr;
}
