/* SPDX-License-Identifier: MIT */
/* The played poller hands out the edges that a test gave it, in their order. */
#include "tests/backends/ready_rig.h"

#include "base/alloc.h"

#include <string.h>
#include <unistd.h>

struct flare__backend *b;

static int fake_add(struct flare__backend *self, int fd, uint32_t index,
                    uint32_t generation)
{
    (void)fd;
    (void)index;
    ck_assert_uint_ne(generation, 0);
    return self->add_rc;
}

static int fake_arm(struct flare__backend *self, int fd, uint32_t index,
                    uint32_t generation, short events)
{
    (void)fd;
    (void)index;
    (void)generation;
    self->arms++;
    self->events = events;
    return self->add_rc;
}

static int fake_watch(struct flare__backend *self, int fd, uint32_t index,
                      uint32_t generation, short events)
{
    (void)fd;
    (void)index;
    (void)generation;
    self->watches++;
    self->events = events;
    return self->add_rc;
}

static int fake_wait(struct flare__backend *self, struct flare__edge *edges,
                     uint64_t timeout_ns)
{
    int n = self->edge_count;
    int rc = self->wait_rc;

    ck_assert_int_le(n, FLARE__EDGES_MAX);
    self->waits++;
    self->timeout = timeout_ns;
    self->wait_rc = 0;
    if (rc < 0)
        return rc;
    memcpy(edges, self->edges, (size_t)n * sizeof(*edges));
    self->edge_count = 0;
    return n;
}

static void fake_wake(struct flare__backend *self)
{
    self->wakes++;
    self->edges[self->edge_count++] =
        (struct flare__edge){.mask = FLARE__EDGE_WAKE};
}

static const struct flare__poller_ops fake = {
    .add = fake_add,
    .arm = fake_arm,
    .watch = fake_watch,
    .wake = fake_wake,
};

int fake_poll(struct flare__event *events, int capacity, uint64_t deadline_ns)
{
    return flare__ready_poll_with(b, events, capacity, deadline_ns, fake_wait);
}

void ready_setup(void)
{
    const struct flare__backend_config config = {
        .al = &flare__allocator_default,
        .lease_bytes = LEASE_BYTES,
        .lease_count = LEASES,
    };
    int rc;

    b = calloc(1, sizeof(*b));
    ck_assert_ptr_nonnull(b);
    rc = flare__ready_init(&b->ready, &fake, &config);
    ck_assert_int_eq(rc, 0);
}

void ready_teardown(void)
{
    flare__ready_fini(&b->ready);
    free(b);
}

void pair_open(struct pair *p)
{
    int fds[2];

    memset(p, 0, sizeof(*p));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                     0);
    p->peer = fds[1];
    ck_assert_int_eq(flare__ready_attach(b, &p->sock, fds[0]), 0);
}

void edge(const struct flare__sock *sock, uint32_t mask)
{
    b->edges[b->edge_count++] = (struct flare__edge){
        .index = sock->index, .generation = sock->generation, .mask = mask};
}

int next(struct flare__event *ev)
{
    int n = fake_poll(ev, 1, 0);

    ck_assert_int_ge(n, 0);
    if (n == 0)
        return -1;
    if (ev->flags & FLARE__EV_LEASE)
        flare__ready_lease_put(b, ev->lease);
    return ev->kind;
}

void pair_close(struct pair *p)
{
    struct flare__event ev;

    flare__ready_close(b, &p->sock, FLARE__CLOSE_GRACEFUL);
    for (int i = 0; next(&ev) != FLARE__EV_CLOSED; i++)
        ck_assert_int_lt(i, 10);
    close(p->peer);
}

void put(const struct pair *p, size_t len)
{
    char bytes[4 * LEASE_BYTES] = {0};

    ck_assert_int_eq(write(p->peer, bytes, len), (ssize_t)len);
}
