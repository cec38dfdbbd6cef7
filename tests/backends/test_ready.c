/* SPDX-License-Identifier: MIT */
/*
 * The readiness core under a poller that the test plays: edges come when, and
 * as wrong as, the test wants.  Sockets are real pairs.
 */
#include "tests/backends/ready_rig.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

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

START_TEST(test_who_sent_more_than_a_lease_is_read_at_once_the_next_time)
{
    struct flare__event evs[4];
    struct pair p;

    pair_open(&p);
    put(&p, 2 * LEASE_BYTES + 36);
    ck_assert_int_eq(flare__ready_recv_start(b, &p.sock), 0);
    edge(&p.sock, FLARE__EDGE_IN);
    for (int i = 0; i < 3; i++) {
        int count = fake_poll(evs, 4, 0);

        /* a lease; then, as it was full, two; then two at once */
        ck_assert_int_eq(count, i == 0 ? 1 : 2);
        ck_assert_int_eq(evs[0].res, LEASE_BYTES);
        ck_assert_int_eq(evs[count - 1].res, i == 0 ? LEASE_BYTES : 36);
        while (count > 0)
            flare__ready_lease_put(b, evs[--count].lease);
        if (i == 0)
            continue;
        put(&p, LEASE_BYTES + 36); /* unread until its edge: it was emptied */
        ck_assert_int_eq(fake_poll(evs, 4, 0), 0);
        edge(&p.sock, FLARE__EDGE_IN);
    }
    ck_assert_int_eq(fake_poll(evs, 4, 0), 2);
    flare__ready_lease_put(b, evs[0].lease);
    flare__ready_lease_put(b, evs[1].lease);
    for (int i = 0; i < 2; i++) { /* little: one by one again, after it */
        put(&p, LEASE_BYTES);
        edge(&p.sock, FLARE__EDGE_IN);
        ck_assert_int_eq(fake_poll(evs, 4, 0), 1);
        flare__ready_lease_put(b, evs[0].lease);
        ck_assert_int_eq(fake_poll(evs, 4, 0), 0);
    }
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

/* An unconnected socket hangs up, and its edge may come late. */
START_TEST(test_K11_a_hangup_without_error_is_not_connected_yet)
{
    struct flare__sock sock = {.on_event = NULL};
    struct flare__event ev;
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    ck_assert_int_eq(flare__ready_attach(b, &sock, fd), 0);
    ck_assert_int_eq(
        flare__ready_connect(b, &sock, (struct sockaddr *)&addr, len), 0);
    edge(&sock, FLARE__EDGE_OUT | FLARE__EDGE_HUP);
    ck_assert_int_eq(next(&ev), -1);
    edge(&sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), -1);
    edge(&sock, FLARE__EDGE_OUT);
    edge(&sock, FLARE__EDGE_OUT); /* once is enough */
    ck_assert_int_eq(next(&ev), FLARE__EV_CONNECT);
    ck_assert_int_eq(ev.res, 0);
    ck_assert_int_eq(next(&ev), -1);
    flare__ready_close(b, &sock, FLARE__CLOSE_ABORT);
    ck_assert_int_eq(next(&ev), FLARE__EV_CLOSED);
    close(listener);
}
END_TEST

/* Accepting, with the kernel's answers made up (ld --wrap). */

static int accept_answer;  /* the errno; 0: the kernel's own */
static int accept_answers; /* how many times it is given */
static int accept_calls;

int __real_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    accept_calls++;
    if (accept_answer != 0 && accept_answers > 0) {
        accept_answers--;
        errno = accept_answer;
        return -1;
    }
    return __real_accept4(fd, addr, len, flags);
}

/* A listener with a connection waiting. */
struct listener {
    struct flare__sock sock;
    int client;
};

static void listener_open(struct listener *l)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(l, 0, sizeof(*l));
    l->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    ck_assert_int_eq(connect(l->client, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(flare__ready_attach(b, &l->sock, fd), 0);
    ck_assert_int_eq(flare__ready_accept_start(b, &l->sock), 0);
    accept_calls = 0;
}

static void listener_close(struct listener *l)
{
    struct flare__event ev;

    accept_answers = 0;
    flare__ready_close(b, &l->sock, FLARE__CLOSE_GRACEFUL);
    while (next(&ev) != FLARE__EV_CLOSED)
        continue;
    close(l->client);
}

static const int skipped[] = {EINTR,        ECONNABORTED, EPROTO,    EPERM,
                              ENETDOWN,     ENOPROTOOPT,  EHOSTDOWN, ENONET,
                              EHOSTUNREACH, ENETUNREACH,  ETIMEDOUT};

START_TEST(test_R10_a_connection_that_failed_is_skipped)
{
    struct listener l;
    struct flare__event ev;

    listener_open(&l);
    accept_answer = skipped[_i];
    accept_answers = 3;
    edge(&l.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_ACCEPT);
    ck_assert_msg(ev.res >= 0, "errno %d: %d", skipped[_i], ev.res);
    ck_assert_int_eq(ev.flags, FLARE__EV_MORE);
    flare__ready_discard(b, ev.res);
    ck_assert_int_eq(next(&ev), -1);
    listener_close(&l);
}
END_TEST

/* A filter that refuses every call must not cost a core. */
START_TEST(test_R10_failures_without_end_wait_for_the_next_edge)
{
    struct listener l;
    struct flare__event ev;

    listener_open(&l);
    accept_answer = EPERM;
    accept_answers = INT32_MAX;
    for (int i = 1; i <= 3; i++) {
        edge(&l.sock, FLARE__EDGE_IN);
        ck_assert_int_eq(next(&ev), -1);
        ck_assert_int_eq(next(&ev), -1);
        ck_assert_int_le(accept_calls, 64 * i);
    }
    accept_answers = 0;
    edge(&l.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_ACCEPT);
    ck_assert_int_ge(ev.res, 0);
    flare__ready_discard(b, ev.res);
    listener_close(&l);
}
END_TEST

static const int ending[] = {EMFILE, ENFILE, ENOBUFS,   ENOMEM,
                             EINVAL, EBADF,  EOPNOTSUPP};

START_TEST(test_R09_what_ails_the_listener_ends_the_accept)
{
    struct listener l;
    struct flare__event ev;

    listener_open(&l);
    accept_answer = ending[_i];
    accept_answers = 1;
    edge(&l.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_ACCEPT);
    ck_assert_int_eq(ev.res, -ending[_i]);
    ck_assert_int_eq(ev.flags, 0);
    ck_assert_int_eq(next(&ev), -1);
    ck_assert_int_eq(accept_calls, 1);
    /* started again it takes who waited, without a new edge */
    ck_assert_int_eq(flare__ready_accept_start(b, &l.sock), 0);
    ck_assert_int_eq(next(&ev), FLARE__EV_ACCEPT);
    ck_assert_int_ge(ev.res, 0);
    flare__ready_discard(b, ev.res);
    listener_close(&l);
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

static TCase *case_core(void)
{
    TCase *tc = tcase_create("core");

    tcase_add_checked_fixture(tc, ready_setup, ready_teardown);
    tcase_add_test(tc, test_nothing_is_read_before_an_edge);
    tcase_add_test(tc, test_a_short_read_is_the_last_until_the_next_edge);
    tcase_add_test(tc, test_a_full_read_is_followed_by_another);
    tcase_add_test(
        tc, test_who_sent_more_than_a_lease_is_read_at_once_the_next_time);
    tcase_add_test(tc, test_after_the_peers_fin_a_short_read_is_not_the_last);
    tcase_add_test(tc, test_K08_edges_without_data_are_no_events_and_no_loop);
    tcase_add_test(tc,
                   test_K09_every_edge_gives_each_operation_one_end_at_most);
    tcase_add_test(tc, test_K09_edges_of_an_earlier_socket_are_dropped);
    tcase_add_test(tc, test_K11_a_hangup_without_error_is_not_connected_yet);
    tcase_add_loop_test(tc, test_R10_a_connection_that_failed_is_skipped, 0,
                        ROWS(skipped));
    tcase_add_test(tc, test_R10_failures_without_end_wait_for_the_next_edge);
    tcase_add_loop_test(tc, test_R09_what_ails_the_listener_ends_the_accept, 0,
                        ROWS(ending));
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

int main(void)
{
    Suite *suite = suite_create("backends/ready");

    suite_add_tcase(suite, case_core());
    return test_run(suite);
}
