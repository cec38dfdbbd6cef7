/* SPDX-License-Identifier: MIT */
/* Opening: options checked, memory, the descriptor. */
#include "udp/udp.h"

#include "base/alloc.h"
#include "base/log.h"

#include <errno.h>

enum {
    OPEN_BATCH = 16,
    OPEN_DATAGRAM_BYTES = 65535, /* the longest that UDP has, and GRO's */
    OPEN_QUEUE = 256 * 1024
};

/* Of the blocking form, in which nobody is called. */
static const struct flare_udp_handler open_no_handler;

/* What is to be opened, checked. */
struct open_plan {
    struct flare_udp_options options; /* without zeros that have a default */
    struct flare_addr address;        /* NONE: not bound */
    char name[FLARE_ADDR_TEXT_MAX];   /* for sentences */
};

static int plan_range(uint32_t *value, uint32_t fallback, uint32_t min,
                      uint32_t max)
{
    if (*value == 0)
        *value = fallback;
    return *value >= min && *value <= max ? 0 : FLARE_E_BAD_CONFIG;
}

static int plan_options(struct open_plan *plan,
                        const struct flare_udp_options *options,
                        struct flare_error *err)
{
    struct flare_udp_options *o = &plan->options;

    *o = options != NULL ? *options : (struct flare_udp_options){.batch = 0};
    if (plan_range(&o->batch, OPEN_BATCH, 1, FLARE_UDP_BATCH_MAX) < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG, "batch is %u, not 1 to 64",
                            o->batch);
    if (plan_range(&o->datagram_bytes_max, OPEN_DATAGRAM_BYTES, 1,
                   OPEN_DATAGRAM_BYTES) < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "datagram_bytes_max is %u, not 1 to 65535",
                            o->datagram_bytes_max);
    if (plan_range(&o->queue_max, OPEN_QUEUE, FLARE_UDP_QUEUE_MIN,
                   FLARE_UDP_QUEUE_MAX) < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "queue_max is %u, not %d to %d", o->queue_max,
                            (int)FLARE_UDP_QUEUE_MIN, (int)FLARE_UDP_QUEUE_MAX);
    if (o->send_buffer_bytes > INT32_MAX || o->receive_buffer_bytes > INT32_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "a socket's buffer has at most 2147483647 bytes");
    return 0;
}

/* Nobody is at the address 0 or the port 0: connecting would take another. */
static int plan_peer(const struct flare_addr *peer, struct flare_error *err)
{
    char name[FLARE_ADDR_TEXT_MAX];

    if (peer == NULL)
        return 0;
    flare_addr_format(peer, name, sizeof(name));
    if (peer->kind != FLARE_ADDR_IP || peer->ip.family == FLARE_IP_NONE)
        return flare__error(err, FLARE_E_BAD_ADDRESS,
                            "peer %s is no IP address", name);
    if (peer->port == 0 || flare_ip_class(&peer->ip) == FLARE_IP_UNSPECIFIED)
        return flare__error(err, FLARE_E_BAD_ADDRESS, "peer %s is nobody",
                            name);
    return 0;
}

static int plan_address(struct open_plan *plan, struct flare_str address,
                        struct flare_error *err)
{
    int rc;

    if (address.len == 0 && plan->options.peer != NULL) {
        plan->address.kind = FLARE_ADDR_NONE;
        flare_addr_format(plan->options.peer, plan->name, sizeof(plan->name));
        return 0;
    }
    rc = flare_addr_parse(&plan->address, address, err);
    if (rc < 0)
        return rc;
    flare_addr_format(&plan->address, plan->name, sizeof(plan->name));
    if (plan->address.kind != FLARE_ADDR_IP)
        return flare__error(err, FLARE_E_BAD_ADDRESS, "%s is no address of UDP",
                            plan->name);
    return 0;
}

/* Which kind of socket it takes. */
static void plan_fd(const struct open_plan *plan, struct flare__udp_fd *fd)
{
    const struct flare_addr *addr = plan->address.kind != FLARE_ADDR_NONE
                                        ? &plan->address
                                        : plan->options.peer;

    fd->is_v6 = addr->ip.family == FLARE_IP_V6;
    fd->is_v6only = fd->is_v6 && plan->options.v6only;
}

static int open_plan(struct open_plan *plan,
                     const struct flare__udp_setup *setup,
                     struct flare__udp_fd *fd, struct flare_error *err)
{
    int rc = plan_options(plan, setup->options, err);

    if (rc == 0)
        rc = plan_peer(plan->options.peer, err);
    if (rc == 0)
        rc = plan_address(plan, setup->address, err);
    if (rc < 0)
        return rc;
    plan_fd(plan, fd);
    if (plan->options.peer != NULL &&
        !flare__udp_reaches(fd, &plan->options.peer->ip))
        return flare__error(err, -EAFNOSUPPORT,
                            "%s and its peer are of two families", plan->name);
    return 0;
}

/* ---- memory ---- */

void flare__udp_free(struct flare_udp *udp)
{
    const struct flare_allocator *al = &udp->loop->allocator;

    flare__udp_queue_fini(&udp->queue);
    flare__free(al, udp->list);
    flare__free(al, udp->in);
    flare__free(al, udp->buffer);
    flare__free(al, udp);
}

/* What receiving takes, once it is known whether there is GRO. */
static int open_buffers(struct flare_udp *udp)
{
    const struct flare_allocator *al = &udp->loop->allocator;
    uint32_t n = udp->batch;

    udp->buffer_bytes = udp->datagram_bytes_max;
    if (udp->caps & FLARE_UDP_CAN_GRO)
        udp->buffer_bytes = OPEN_DATAGRAM_BYTES;
    udp->buffer = flare__alloc(al, (size_t)n * udp->buffer_bytes);
    udp->in = flare__calloc(al, n, sizeof(*udp->in));
    udp->list = flare__calloc(al, FLARE__UDP_LIST_MAX, sizeof(*udp->list));
    if (udp->buffer == NULL || udp->in == NULL || udp->list == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        udp->in[i].data = udp->buffer + (size_t)i * udp->buffer_bytes;
    return 0;
}

static struct flare_udp *open_struct(struct flare_loop *loop,
                                     const struct flare__udp_setup *setup,
                                     const struct open_plan *plan,
                                     const struct flare__udp_fd *fd)
{
    const struct flare_udp_options *o = &plan->options;
    struct flare_udp *udp = flare__calloc(&loop->allocator, 1, sizeof(*udp));

    if (udp == NULL)
        return NULL;
    udp->loop = loop;
    udp->sock.on_event = flare__udp_on_event;
    udp->handler = o->handler != NULL ? o->handler : &open_no_handler;
    udp->ctx = o->ctx;
    udp->is_pulled = setup->is_pulled;
    udp->fd = *fd;
    if (o->peer != NULL)
        udp->peer = *o->peer;
    udp->batch = o->batch;
    udp->ask = o->batch;
    udp->datagram_bytes_max = o->datagram_bytes_max;
    flare__udp_queue_init(&udp->queue, &loop->allocator, o->queue_max);
    return udp;
}

/* ---- the descriptor ---- */

static int open_bind(const struct flare__udp_fd *s,
                     const struct flare_addr *address)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    socklen_t len;

    if (address->kind == FLARE_ADDR_NONE)
        return 0;
    len = flare__udp_addr_write((uint8_t *)&storage, address, s->is_v6);
    return s->ops->bind(s->backend, s->fd, (const struct sockaddr *)&storage,
                        len);
}

/* A bound descriptor with its options in `udp->fd`, or -errno and none. */
static int open_socket(struct flare_udp *udp, const struct open_plan *plan)
{
    struct flare__udp_fd *s = &udp->fd;
    int rc = flare__udp_socket(s);

    if (rc < 0)
        return rc;
    s->fd = rc;
    rc = flare__udp_options_set(s, &plan->options);
    if (rc == 0)
        udp->caps = (uint8_t)flare__udp_offloads(s, plan->options.gro);
    if (rc == 0)
        rc = open_bind(s, &plan->address);
    if (rc == 0)
        rc = open_buffers(udp);
    if (rc == 0)
        rc = s->ops->attach(s->backend, &udp->sock, s->fd);
    if (rc < 0)
        s->ops->discard(s->backend, s->fd);
    return rc;
}

static int open_connect(struct flare_udp *udp)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    const struct flare__udp_fd *s = &udp->fd;
    socklen_t len =
        flare__udp_addr_write((uint8_t *)&storage, &udp->peer, s->is_v6);

    return s->ops->connect(s->backend, &udp->sock,
                           (const struct sockaddr *)&storage, len);
}

/*
 * From here on the descriptor is the backend's, and what goes wrong is told by
 * on_closed, as the socket ends with an event.
 */
static void open_start(struct flare_udp *udp)
{
    int rc;

    flare__loop_resident_add(udp->loop, &udp->resident, flare__udp_evict);
    udp->state = FLARE__UDP_OPEN;
    if (udp->peer.kind == FLARE_ADDR_NONE) {
        flare__udp_arm(udp);
        return;
    }
    rc = open_connect(udp);
    if (rc < 0) {
        flare__udp_fail(udp, rc);
        return;
    }
    udp->state = FLARE__UDP_CONNECTING;
    udp->is_connecting = true;
}

int flare__udp_open(struct flare_loop *loop, flare_udp **out,
                    const struct flare__udp_setup *setup,
                    struct flare_error *err)
{
    struct flare__udp_fd fd = {.ops = loop->ops, .backend = loop->backend};
    struct open_plan plan;
    struct flare_udp *udp;
    int rc = open_plan(&plan, setup, &fd, err);

    if (rc < 0)
        return rc;
    if (loop->is_ending)
        return flare__error(err, FLARE_E_STOPPED, "%s: the loop ends",
                            plan.name);
    udp = open_struct(loop, setup, &plan, &fd);
    if (udp == NULL)
        return flare__error(err, -ENOMEM, "%s: no memory", plan.name);
    rc = open_socket(udp, &plan);
    if (rc < 0) {
        flare__udp_free(udp);
        return flare__error(err, rc, "%s: %s", plan.name, flare_strerror(rc));
    }
    open_start(udp);
    *out = udp;
    return 0;
}

int flare_udp_open(flare_loop *loop, flare_udp **out, struct flare_str address,
                   const struct flare_udp_options *options,
                   struct flare_error *err)
{
    struct flare__udp_setup setup = {.address = address, .options = options};

    if (options == NULL || options->handler == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "a socket on a loop needs a handler");
    return flare__udp_open(loop, out, &setup, err);
}
