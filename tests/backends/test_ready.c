/* SPDX-License-Identifier: MIT */
/*
 * The readiness core under a poller that the test plays: edges come when, and
 * as wrong as, the test wants.  Sockets are real pairs.  What needs a kernel's
 * poller (forked duplicates, urgent data, refusals) is at the end, on epoll.
 */
#include "backends/ready_turn.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { LEASE_BYTES = 64, LEASES = 4, EDGES = 64 };

struct flare__backend {
    struct flare__ready ready; /* first, as the core wants it */
    struct flare__edge edges[EDGES];
    int edge_count;
    int waits;
    uint64_t timeout; /* of the last wait */
    int wait_rc;      /* negative: what the next wait returns */
    int add_rc;
    int wakes;
};

static int fake_add(struct flare__backend *b, int fd, uint32_t index,
                    uint32_t generation)
{
    (void)fd;
    (void)index;
    ck_assert_uint_ne(generation, 0);
    return b->add_rc;
}

static int fake_arm(struct flare__backend *b, int fd, uint32_t index,
                    uint32_t generation, short events)
{
    (void)fd;
    (void)index;
    (void)generation;
    (void)events;
    return b->add_rc;
}

static int fake_wait(struct flare__backend *b, struct flare__edge *edges,
                     uint64_t timeout_ns)
{
    int n = b->edge_count;
    int rc = b->wait_rc;

    ck_assert_int_le(n, FLARE__EDGES_MAX);
    b->waits++;
    b->timeout = timeout_ns;
    b->wait_rc = 0;
    if (rc < 0)
        return rc;
    memcpy(edges, b->edges, (size_t)n * sizeof(*edges));
    b->edge_count = 0;
    return n;
}

static void fake_wake(struct flare__backend *b)
{
    b->wakes++;
    b->edges[b->edge_count++] = (struct flare__edge){.mask = FLARE__EDGE_WAKE};
}

static const struct flare__poller_ops fake = {
    .add = fake_add,
    .arm = fake_arm,
    .wake = fake_wake,
};

static struct flare__backend *b;

static int fake_poll(struct flare__event *events, int capacity,
                     uint64_t deadline_ns)
{
    return flare__ready_poll_with(b, events, capacity, deadline_ns, fake_wait);
}

static void setup(void)
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

static void teardown(void)
{
    flare__ready_fini(&b->ready);
    free(b);
}

/* A socket and its peer. */
struct pair {
    struct flare__sock sock;
    int peer;
};

static void pair_open(struct pair *p)
{
    int fds[2];

    memset(p, 0, sizeof(*p));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                     0);
    p->peer = fds[1];
    ck_assert_int_eq(flare__ready_attach(b, &p->sock, fds[0]), 0);
}

static void edge(const struct flare__sock *sock, uint32_t mask)
{
    b->edges[b->edge_count++] = (struct flare__edge){
        .index = sock->index, .generation = sock->generation, .mask = mask};
}

/* One event at most, put back at once; its kind, -1: none. */
static int next(struct flare__event *ev)
{
    int n = fake_poll(ev, 1, 0);

    ck_assert_int_ge(n, 0);
    if (n == 0)
        return -1;
    if (ev->flags & FLARE__EV_LEASE)
        flare__ready_lease_put(b, ev->lease);
    return ev->kind;
}

static void pair_close(struct pair *p)
{
    struct flare__event ev;

    flare__ready_close(b, &p->sock, FLARE__CLOSE_GRACEFUL);
    for (int i = 0; next(&ev) != FLARE__EV_CLOSED; i++)
        ck_assert_int_lt(i, 10);
    close(p->peer);
}

static void put(const struct pair *p, size_t len)
{
    char bytes[4 * LEASE_BYTES] = {0};

    ck_assert_int_eq(write(p->peer, bytes, len), (ssize_t)len);
}

/* Reading. */

START_TEST(test_nothing_is_read_before_an_edge)
{
    struct pair p;
    struct flare__event ev;

    pair_open(&p);
    put(&p, 10);
    ck_assert_int_eq(flare__ready_recv_start(b, &p.sock), 0);
    ck_assert_int_eq(next(&ev), -1);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    ck_assert_int_eq(ev.res, 10);
    pair_close(&p);
}
END_TEST

START_TEST(test_a_short_read_is_the_last_until_the_next_edge)
{
    struct pair p;
    struct flare__event ev;

    pair_open(&p);
    put(&p, 10);
    ck_assert_int_eq(flare__ready_recv_start(b, &p.sock), 0);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    put(&p, 10); /* its edge is late: a second read would find it */
    ck_assert_int_eq(next(&ev), -1);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    pair_close(&p);
}
END_TEST

START_TEST(test_a_full_read_is_followed_by_another)
{
    struct pair p;
    struct flare__event ev;

    pair_open(&p);
    put(&p, 2 * LEASE_BYTES);
    ck_assert_int_eq(flare__ready_recv_start(b, &p.sock), 0);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    ck_assert_int_eq(ev.res, LEASE_BYTES);
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    ck_assert_int_eq(next(&ev), -1); /* EAGAIN: no event, no end */
    ck_assert_int_eq(next(&ev), -1);
    pair_close(&p);
}
END_TEST

START_TEST(test_after_the_peers_fin_a_short_read_is_not_the_last)
{
    struct pair p;
    struct flare__event ev;

    pair_open(&p);
    put(&p, 10);
    shutdown(p.peer, SHUT_WR);
    ck_assert_int_eq(flare__ready_recv_start(b, &p.sock), 0);
    edge(&p.sock, FLARE__EDGE_IN | FLARE__EDGE_RDHUP);
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    ck_assert_int_eq(ev.res, 10);
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    ck_assert_int_eq(ev.res, 0);
    ck_assert_int_eq(ev.flags, 0);
    pair_close(&p);
}
END_TEST

START_TEST(test_K08_edges_without_data_are_no_events_and_no_loop)
{
    struct pair p;
    struct flare__event ev;

    pair_open(&p);
    ck_assert_int_eq(flare__ready_recv_start(b, &p.sock), 0);
    for (int i = 0; i < 10; i++) {
        int waits = b->waits;

        edge(&p.sock, FLARE__EDGE_IN | FLARE__EDGE_OUT);
        ck_assert_int_eq(next(&ev), -1);
        /* the edge, and once more to see that nothing else came */
        ck_assert_int_eq(b->waits, waits + 2);
    }
    put(&p, 1);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    pair_close(&p);
}
END_TEST

/* Every mask on every combination of operations: K09. */
START_TEST(test_K09_every_edge_gives_each_operation_one_end_at_most)
{
    static const uint32_t bits[] = {FLARE__EDGE_IN,  FLARE__EDGE_OUT,
                                    FLARE__EDGE_PRI, FLARE__EDGE_ERR,
                                    FLARE__EDGE_HUP, FLARE__EDGE_RDHUP};

    for (uint32_t i = 0; i < 4 << 6; i++) {
        struct pair p;
        struct flare__event ev;
        uint32_t mask = 0;
        int ends = 0;
        int kind;

        for (uint32_t j = 0; j < 6; j++)
            mask |= i & 1u << j ? bits[j] : 0;
        pair_open(&p);
        if (i & 64)
            ck_assert_int_eq(flare__ready_recv_start(b, &p.sock), 0);
        if (i & 128) {
            close(p.peer);
            p.peer = dup(0);
        }
        for (int j = 0; j < 3; j++)
            edge(&p.sock, mask);
        for (int j = 0; (kind = next(&ev)) >= 0; j++) {
            ck_assert_int_lt(j, 10);
            ck_assert_int_eq(kind, FLARE__EV_RECV);
            ends += !(ev.flags & FLARE__EV_MORE);
        }
        ck_assert_int_le(ends, (i & 64) != 0);
        pair_close(&p);
    }
}
END_TEST

START_TEST(test_K09_edges_of_an_earlier_socket_are_dropped)
{
    struct pair old;
    struct pair p;
    struct flare__event ev;
    struct flare__sock was;

    pair_open(&old);
    was = old.sock;
    pair_close(&old);
    pair_open(&p); /* the same place */
    ck_assert_uint_eq(p.sock.index, was.index);
    put(&p, 1);
    ck_assert_int_eq(flare__ready_recv_start(b, &p.sock), 0);
    edge(&was, FLARE__EDGE_IN | FLARE__EDGE_HUP | FLARE__EDGE_ERR);
    ck_assert_int_eq(next(&ev), -1);
    edge(&p.sock, FLARE__EDGE_IN);
    edge(&was, FLARE__EDGE_IN | FLARE__EDGE_HUP); /* in the same batch */
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    ck_assert_int_eq(next(&ev), -1);
    pair_close(&p);
}
END_TEST

/* Turns. */

START_TEST(test_own_events_are_given_without_asking_the_kernel)
{
    struct pair p;
    struct flare__event ev;
    const struct iovec iov = {.iov_base = (char[]){"x"}, .iov_len = 1};
    int waits;

    pair_open(&p);
    for (int i = 0; i < 3; i++) {
        waits = b->waits;
        ck_assert_int_eq(flare__ready_send(b, &p.sock, &iov, 1), 0);
        ck_assert_int_eq(fake_poll(&ev, 1, UINT64_MAX), 1);
        ck_assert_int_eq(ev.kind, FLARE__EV_SENT);
        ck_assert_int_eq(b->waits, waits);
        b->wait_rc = -EINTR;
        ck_assert_int_eq(fake_poll(&ev, 1, UINT64_MAX), 0);
        ck_assert_int_eq(b->waits, waits + 1);
        ck_assert(b->timeout == UINT64_MAX);
    }
    pair_close(&p);
}
END_TEST

START_TEST(test_own_events_without_end_let_the_kernel_be_asked)
{
    struct pair p;
    struct flare__event ev;
    const struct iovec iov = {.iov_base = (char[]){"x"}, .iov_len = 1};
    int waits = b->waits;

    pair_open(&p);
    ck_assert_int_eq(flare__ready_send(b, &p.sock, &iov, 1), 0);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(fake_poll(&ev, 1, UINT64_MAX), 1);
        ck_assert_int_eq(ev.kind, FLARE__EV_SENT);
        ck_assert_int_eq(flare__ready_send(b, &p.sock, &iov, 1), 0);
    }
    ck_assert_int_eq(b->waits, waits + 10); /* every other poll */
    ck_assert(b->timeout == 0);
    pair_close(&p);
}
END_TEST

START_TEST(test_the_deadline_becomes_a_timeout)
{
    struct flare__event ev;
    uint64_t now = flare__ready_now(b);

    ck_assert_int_eq(fake_poll(&ev, 1, 0), 0);
    ck_assert(b->timeout == 0);
    ck_assert_int_eq(fake_poll(&ev, 1, now), 0); /* passed */
    ck_assert(b->timeout == 0);
    now = flare__ready_now(b);
    ck_assert_int_eq(fake_poll(&ev, 1, now + 1000000000), 0);
    ck_assert(b->timeout > 900000000 && b->timeout <= 1000000000);
    b->wait_rc = -EINTR;
    ck_assert_int_eq(fake_poll(&ev, 1, UINT64_MAX), 0);
    ck_assert(b->timeout == UINT64_MAX);
}
END_TEST

START_TEST(test_a_broken_poller_is_told)
{
    struct flare__event ev;

    b->wait_rc = -EBADF;
    ck_assert_int_eq(fake_poll(&ev, 1, UINT64_MAX), -EBADF);
}
END_TEST

START_TEST(test_wakes_are_coalesced_until_they_are_seen)
{
    struct flare__event ev;

    for (int i = 1; i <= 3; i++) {
        for (int j = 0; j < 5; j++)
            flare__ready_wake(b);
        ck_assert_int_eq(b->wakes, i);
        ck_assert_int_eq(next(&ev), FLARE__EV_WAKE);
        ck_assert_ptr_null(ev.sock);
        ck_assert_int_eq(next(&ev), -1);
    }
}
END_TEST

START_TEST(test_a_refused_registration_leaves_nothing)
{
    struct flare__sock sock = {.fd = -1};

    b->add_rc = -EPERM;
    ck_assert_int_eq(flare__ready_attach(b, &sock, 0), -EPERM);
    ck_assert_uint_eq(b->ready.handles.used, 0);
    b->add_rc = 0;
}
END_TEST

/* Bugs of the owner. */

START_TEST(test_a_lease_given_back_twice_asserts)
{
    struct pair p;
    struct flare__event ev;

    pair_open(&p);
    put(&p, 1);
    ck_assert_int_eq(flare__ready_recv_start(b, &p.sock), 0);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_RECV);
    flare__ready_lease_put(b, ev.lease);
}
END_TEST

START_TEST(test_a_lease_that_never_was_asserts)
{
    flare__ready_lease_put(b, LEASES);
}
END_TEST

START_TEST(test_two_sends_at_once_assert)
{
    struct pair p;
    const struct iovec iov = {.iov_base = (char[]){"x"}, .iov_len = 1};

    pair_open(&p);
    ck_assert_int_eq(flare__ready_send(b, &p.sock, &iov, 1), 0);
    (void)flare__ready_send(b, &p.sock, &iov, 1);
}
END_TEST

START_TEST(test_leases_refuse_sizes_that_are_no_powers_of_two)
{
    static const struct {
        uint32_t bytes;
        uint32_t count;
    } rows[] = {
        {0, 4},
        {100, 4},
        {32, 4},
        {4096, 0},
        {4096, 3},
        {4096, 65536},
        {UINT32_C(1) << 31, 1},
    };
    struct flare__leases l;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int rc = flare__leases_init(&l, &flare__allocator_default,
                                    rows[i].bytes, rows[i].count);

        ck_assert_int_eq(rc, -EINVAL);
    }
}
END_TEST

/* On epoll. */

static void epoll_open(struct flare__backend **e)
{
    const struct flare__log log = {.fn = NULL};
    const struct flare__backend_config config = {
        .al = &flare__allocator_default, .log = &log};
    int rc = flare__backend_epoll.open(e, &config, NULL);

    ck_assert_int_eq(rc, 0);
}

static void epoll_close(struct flare__backend *e, struct flare__sock *sock)
{
    struct flare__event ev;

    flare__backend_epoll.close(e, sock, FLARE__CLOSE_GRACEFUL);
    do
        ck_assert_int_eq(flare__backend_epoll.poll(e, &ev, 1, UINT64_MAX), 1);
    while (ev.kind != FLARE__EV_CLOSED);
}

START_TEST(test_epoll_refusals_pass_through)
{
    struct flare__backend *e;
    struct flare__sock sock;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int regular = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    epoll_open(&e);
    close(file);
    ck_assert_int_eq(flare__backend_epoll.attach(e, &sock, file), -EBADF);
    ck_assert_int_eq(flare__backend_epoll.attach(e, &sock, regular), -EPERM);
    close(regular);
    flare__backend_epoll.free(e);
}
END_TEST

/* A copy that a child holds keeps the registration alive: K18. */
START_TEST(test_K18_a_duplicate_held_elsewhere_reports_to_nobody)
{
    struct flare__backend *e;
    struct flare__sock sock;
    struct flare__event ev;
    int fds[2];
    int copy;

    epoll_open(&e);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    copy = dup(fds[0]);
    ck_assert_int_eq(flare__backend_epoll.attach(e, &sock, fds[0]), 0);
    ck_assert_int_eq(flare__backend_epoll.recv_start(e, &sock), 0);
    epoll_close(e, &sock);
    memset(&sock, 0xa5, sizeof(sock));
    for (int i = 0; i < 5; i++) {
        uint64_t now = flare__backend_epoll.now(e);

        ck_assert_int_eq(write(fds[1], "x", 1), 1);
        ck_assert_int_eq(flare__backend_epoll.poll(e, &ev, 1, now + 2000000),
                         0);
        ck_assert_uint_ge(flare__backend_epoll.now(e), now + 2000000);
    }
    close(copy);
    close(fds[1]);
    flare__backend_epoll.free(e);
}
END_TEST

/* A read stops before an urgent byte: short, and not empty. */
START_TEST(test_urgent_data_does_not_strand_what_follows)
{
    struct flare__backend *e;
    struct flare__sock sock;
    struct flare__event ev;
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    int got = 0;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    ck_assert_int_eq(connect(peer, (struct sockaddr *)&addr, len), 0);
    epoll_open(&e);
    ck_assert_int_eq(flare__backend_epoll.attach(
                         e, &sock, accept4(listener, NULL, NULL, SOCK_CLOEXEC)),
                     0);
    ck_assert_int_eq(send(peer, "before", 6, 0), 6);
    ck_assert_int_eq(send(peer, "!", 1, MSG_OOB), 1);
    ck_assert_int_eq(send(peer, "after", 5, 0), 5);
    ck_assert_int_eq(flare__backend_epoll.recv_start(e, &sock), 0);
    while (got < 11) {
        uint64_t deadline = flare__backend_epoll.now(e) + 2000000000;

        ck_assert_int_eq(flare__backend_epoll.poll(e, &ev, 1, deadline), 1);
        got += ev.res;
        flare__backend_epoll.lease_put(e, ev.lease);
    }
    epoll_close(e, &sock);
    close(peer);
    close(listener);
    flare__backend_epoll.free(e);
}
END_TEST

static TCase *case_core(void)
{
    TCase *tc = tcase_create("core");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_nothing_is_read_before_an_edge);
    tcase_add_test(tc, test_a_short_read_is_the_last_until_the_next_edge);
    tcase_add_test(tc, test_a_full_read_is_followed_by_another);
    tcase_add_test(tc, test_after_the_peers_fin_a_short_read_is_not_the_last);
    tcase_add_test(tc, test_K08_edges_without_data_are_no_events_and_no_loop);
    tcase_add_test(tc,
                   test_K09_every_edge_gives_each_operation_one_end_at_most);
    tcase_add_test(tc, test_K09_edges_of_an_earlier_socket_are_dropped);
    tcase_add_test(tc, test_own_events_are_given_without_asking_the_kernel);
    tcase_add_test(tc, test_own_events_without_end_let_the_kernel_be_asked);
    tcase_add_test(tc, test_the_deadline_becomes_a_timeout);
    tcase_add_test(tc, test_a_broken_poller_is_told);
    tcase_add_test(tc, test_wakes_are_coalesced_until_they_are_seen);
    tcase_add_test(tc, test_a_refused_registration_leaves_nothing);
    tcase_add_test(tc, test_leases_refuse_sizes_that_are_no_powers_of_two);
    tcase_add_test_raise_signal(tc, test_a_lease_given_back_twice_asserts,
                                SIGABRT);
    tcase_add_test_raise_signal(tc, test_a_lease_that_never_was_asserts,
                                SIGABRT);
    tcase_add_test_raise_signal(tc, test_two_sends_at_once_assert, SIGABRT);
    return tc;
}

static TCase *case_epoll(void)
{
    TCase *tc = tcase_create("epoll");

    tcase_add_test(tc, test_epoll_refusals_pass_through);
    tcase_add_test(tc, test_K18_a_duplicate_held_elsewhere_reports_to_nobody);
    tcase_add_test(tc, test_urgent_data_does_not_strand_what_follows);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("backends/ready");

    suite_add_tcase(suite, case_core());
    suite_add_tcase(suite, case_epoll());
    return test_run(suite);
}
