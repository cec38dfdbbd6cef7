/* SPDX-License-Identifier: MIT */
/*
 * What is special to io_uring: queues that run full, leases that run out,
 * streams the kernel ends, and completions that nobody waits for.  What every
 * backend must do is in test_conformance.c.
 */
#include "tests/backends/uring_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* ---- queues */

START_TEST(test_I03_more_completions_than_the_queue_holds_all_arrive)
{
    enum { COUNT = 300 };
    static struct rig_sock socks[COUNT];
    struct rig rig;
    int ready = 0;

    rig_open(&rig, 8, 0, 0);
    ck_assert_uint_lt(rig.b->ring.cq.ring_entries, COUNT);
    for (int i = 0; i < COUNT; i++) {
        int fds[2];

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        ck_assert_int_eq(write(fds[1], "x", 1), 1);
        rig_attach(&rig, &socks[i], fds[0]);
        socks[i].peer = fds[1];
        socks[i].is_polling = true;
        ck_assert_int_eq(rig.ops->poll_fd(rig.b, &socks[i].sock, POLLIN), 0);
    }
    ck_assert(*rig.b->ring.sq.kflags & IORING_SQ_CQ_OVERFLOW);
    RIG_UNTIL(&rig, (ready += rig.rc) >= COUNT);
    for (int i = 0; i < COUNT; i++) {
        ck_assert(!socks[i].is_polling);
        ck_assert_int_eq(socks[i].poll_res, POLLIN);
        ck_assert_int_eq(close(socks[i].peer), 0);
        rig_shut(&socks[i], FLARE__CLOSE_GRACEFUL);
    }
    RIG_UNTIL(&rig, socks[COUNT - 1].is_closed);
    rig_close(&rig);
}
END_TEST

START_TEST(test_I03_a_ring_that_is_gone_ends_the_poll_with_its_errno)
{
    struct rig rig;
    int ring_fd;
    int fd;

    rig_open(&rig, 0, 0, 0);
    ring_fd = rig.b->ring.ring_fd;
    fd = fcntl(ring_fd, F_DUPFD_CLOEXEC, 0);
    ck_assert_int_eq(close(ring_fd), 0);
    ck_assert_int_eq(rig_turn(&rig, 1000), -EBADF);
    ck_assert_int_eq(rig_turn(&rig, 1000), -EBADF);
    ck_assert_int_eq(dup3(fd, ring_fd, O_CLOEXEC), ring_fd);
    ck_assert_int_eq(close(fd), 0);
    rig_close(&rig);
}
END_TEST

START_TEST(test_I04_more_submissions_than_the_queue_holds_are_all_made)
{
    enum { COUNT = 100 };
    static struct rig_sock socks[COUNT];
    const struct iovec iov = {rig_block, 100};
    struct rig rig;

    rig_open(&rig, 8, 0, rig_denied[_i]);
    for (int i = 0; i < COUNT; i++) {
        rig_pair(&rig, &socks[i]);
        rig_recv(&socks[i]);
        rig_send(&socks[i], &iov, 1);
        rig_peer_write(socks[i].peer, rig_block, 200);
    }
    for (int i = 0; i < COUNT; i++) {
        char got[200];

        RIG_UNTIL(&rig, !socks[i].is_sending && socks[i].recv_bytes == 200);
        ck_assert_int_eq(socks[i].sent_res, 100);
        ck_assert_int_eq(rig_peer_read(socks[i].peer, got, sizeof(got)), 100);
    }
    for (int i = 0; i < COUNT; i++)
        rig_shut(&socks[i], FLARE__CLOSE_GRACEFUL);
    for (int i = 0; i < COUNT; i++) {
        RIG_UNTIL(&rig, socks[i].is_closed);
        ck_assert_int_eq(socks[i].recv_res, -ECANCELED);
        ck_assert_int_eq(rig_peer_read(socks[i].peer, rig_block, 1), 0);
        ck_assert_int_eq(close(socks[i].peer), 0);
    }
    rig_close(&rig);
}
END_TEST

/* A kernel that takes no submissions: they wait on the local list. */
START_TEST(test_I04_what_the_kernel_does_not_take_is_submitted_later)
{
    struct rig rig;
    struct rig_sock s;
    struct rig_sock filler;
    const struct iovec iov = {rig_block, 10};
    int ring_fd;

    rig_open(&rig, 8, 0, 0);
    rig_pair(&rig, &s);
    rig_recv(&s);
    (void)rig_turn(&rig, 0);
    rig_pair(&rig, &filler);
    ring_fd = rig.b->ring.ring_fd;
    rig.b->ring.ring_fd = -1;
    while (io_uring_sq_space_left(&rig.b->ring) > 0) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&rig.b->ring);

        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data64(sqe, (uint64_t)1 << 60 | URING_OP_SEND);
    }
    ck_assert_int_eq(rig.ops->send(rig.b, &filler.sock, &iov, 1), -EAGAIN);
    ck_assert_int_eq(rig.ops->recv_start(rig.b, &filler.sock), -EAGAIN);
    ck_assert_int_eq(rig.ops->poll_fd(rig.b, &filler.sock, POLLIN), -EAGAIN);
    ck_assert_uint_eq(filler.sock.in_flight, 0);
    rig.ops->recv_stop(rig.b, &s.sock);
    rig.b->ring.ring_fd = ring_fd;
    RIG_UNTIL(&rig, !s.is_receiving);
    ck_assert_int_eq(s.recv_res, -ECANCELED);
    rig_send(&filler, &iov, 1);
    RIG_UNTIL(&rig, !filler.is_sending);
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    rig_shut(&filler, FLARE__CLOSE_ABORT);
    RIG_UNTIL(&rig, s.is_closed && filler.is_closed);
    (void)close(s.peer);
    (void)close(filler.peer);
    rig_close(&rig);
}
END_TEST

START_TEST(test_poll_never_gives_more_events_than_asked_for)
{
    enum { COUNT = 20 };
    static struct rig_sock socks[COUNT];
    struct rig rig;

    rig_open(&rig, 0, 0, rig_denied[_i]);
    rig.capacity = 1;
    for (int i = 0; i < COUNT; i++) {
        rig_pair(&rig, &socks[i]);
        rig_recv(&socks[i]);
        rig_peer_write(socks[i].peer, rig_block, 10);
    }
    for (int i = 0; i < COUNT; i++)
        RIG_UNTIL(&rig, socks[i].recv_bytes == 10);
    for (int i = 0; i < COUNT; i++)
        rig_shut(&socks[i],
                 (i & 1) ? FLARE__CLOSE_GRACEFUL : FLARE__CLOSE_ABORT);
    for (int i = 0; i < COUNT; i++) {
        RIG_UNTIL(&rig, socks[i].is_closed);
        ck_assert_int_eq(socks[i].recv_res, -ECANCELED);
        (void)close(socks[i].peer);
    }
    rig_close(&rig);
}
END_TEST

/* ---- leases */

START_TEST(test_I05_a_pool_held_back_parks_sockets_and_loses_nothing)
{
    enum { COUNT = 12, LEASES = 4 };
    static struct rig_sock socks[COUNT];
    struct rig rig;
    uint64_t rearms;
    int rounds = 0;

    rig_open(&rig, 0, LEASES, rig_denied[_i]);
    for (int i = 0; i < COUNT; i++) {
        rig_pair(&rig, &socks[i]);
        socks[i].keeps_leases = true;
        rig_recv(&socks[i]);
        rig_peer_write(socks[i].peer, rig_block, 1000);
    }
    RIG_UNTIL(&rig, rig.held_count == LEASES);
    for (int i = 0; i < 5; i++)
        (void)rig_turn(&rig, 1);
    rearms = rig.b->rearms;
    ck_assert_int_eq(rig_turn(&rig, 30), 0); /* waits, does not spin */
    ck_assert_uint_eq(rig.b->rearms, rearms);
    ck_assert_uint_gt(rig.b->parked, 0);
    for (int i = 0; i < COUNT; i++) {
        while (socks[i].recv_bytes < 1000) {
            rig_held_put(&rig);
            (void)rig_turn(&rig, 5);
            ck_assert_int_lt(rounds++, 1000);
        }
        ck_assert_uint_eq(socks[i].recv_bytes, 1000);
        ck_assert(socks[i].is_receiving);
    }
    rig_held_put(&rig);
    for (int i = 0; i < COUNT; i++) {
        rig_shut(&socks[i], FLARE__CLOSE_GRACEFUL);
        RIG_UNTIL(&rig, socks[i].is_closed);
        (void)close(socks[i].peer);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(test_I05_a_parked_socket_can_be_stopped_and_closed)
{
    enum { COUNT = 6, LEASES = 2 };
    static struct rig_sock socks[COUNT];
    struct rig rig;

    rig_open(&rig, 0, LEASES, rig_denied[_i]);
    for (int i = 0; i < COUNT; i++) {
        rig_pair(&rig, &socks[i]);
        socks[i].keeps_leases = true;
        rig_recv(&socks[i]);
        rig_peer_write(socks[i].peer, rig_block, 1000);
    }
    RIG_UNTIL(&rig, rig.held_count == LEASES);
    for (int i = 0; i < 5; i++)
        (void)rig_turn(&rig, 1);
    rig.ops->recv_stop(rig.b, &socks[3].sock);
    for (int i = 0; i < COUNT; i++) {
        if (i != 3)
            rig_shut(&socks[i],
                     (i & 1) ? FLARE__CLOSE_GRACEFUL : FLARE__CLOSE_ABORT);
    }
    for (int i = 0; i < COUNT; i++) {
        RIG_UNTIL(&rig, i == 3 ? !socks[i].is_receiving : socks[i].is_closed);
        ck_assert_int_eq(socks[i].recv_res, -ECANCELED);
    }
    rig_held_put(&rig);
    if (socks[3].recv_bytes == 0) { /* it was parked: nothing is lost */
        rig_recv(&socks[3]);
        RIG_UNTIL(&rig, socks[3].recv_bytes == 1000);
    }
    rig_shut(&socks[3], FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, socks[3].is_closed);
    for (int i = 0; i < COUNT; i++)
        (void)close(socks[i].peer);
    rig_close(&rig);
}
END_TEST

START_TEST(test_I05_a_stream_larger_than_the_pool_arrives_in_order)
{
    enum { TOTAL = 1 << 20 };
    struct rig rig;
    struct rig_sock s;
    uint64_t sum = 0;
    size_t written = 0;

    rig_open(&rig, 0, 2, rig_denied[_i]);
    rig_pair(&rig, &s);
    rig_recv(&s);
    for (size_t i = 0; i < TOTAL; i++)
        sum += (i + 1) * rig_block[i % sizeof(rig_block)];
    while (s.recv_bytes < TOTAL) {
        ssize_t n = written < TOTAL
                        ? send(s.peer, rig_block + written % sizeof(rig_block),
                               sizeof(rig_block) - written % sizeof(rig_block),
                               MSG_DONTWAIT | MSG_NOSIGNAL)
                        : 0;

        if (n > 0)
            written += (size_t)n;
        (void)rig_turn(&rig, n > 0 ? 0 : 5);
        ck_assert(s.is_receiving);
    }
    ck_assert_uint_eq(s.recv_sum, sum);
    ck_assert_int_eq(close(s.peer), 0);
    RIG_UNTIL(&rig, !s.is_receiving);
    ck_assert_int_eq(s.recv_res, 0);
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    rig_close(&rig);
}
END_TEST

/* ---- multishot that ends by itself */

static void cancel_behind_its_back(struct rig *rig, struct rig_sock *s,
                                   enum uring_op op)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&rig->b->ring);

    io_uring_prep_cancel64(sqe, uring_key(&s->sock, op), 0);
    io_uring_sqe_set_data64(sqe, (uint64_t)1 << 60 | URING_OP_CANCEL);
}

START_TEST(test_I06_a_receive_the_kernel_ends_is_armed_again)
{
    struct rig rig;
    struct rig_sock s;

    rig_open(&rig, 0, 0, rig_denied[_i]);
    rig_pair(&rig, &s);
    rig_recv(&s);
    (void)rig_turn(&rig, 0);
    for (uint64_t i = 1; i <= 3; i++) {
        uint64_t rearms = rig.b->rearms;

        cancel_behind_its_back(&rig, &s, URING_OP_RECV);
        RIG_UNTIL(&rig, rig.b->rearms > rearms);
        ck_assert(s.is_receiving);
        rig_peer_write(s.peer, rig_block, 10);
        RIG_UNTIL(&rig, s.recv_bytes == 10 * i);
    }
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    (void)close(s.peer);
    rig_close(&rig);
}
END_TEST

START_TEST(test_I06_an_accept_the_kernel_ends_is_armed_again)
{
    struct rig rig;
    struct rig_sock s;

    rig_open(&rig, 0, 0, rig_denied[_i]);
    rig_listen(&rig, &s);
    rig_accept(&s);
    (void)rig_turn(&rig, 0);
    for (int i = 1; i <= 3; i++) {
        uint64_t rearms = rig.b->rearms;

        cancel_behind_its_back(&rig, &s, URING_OP_ACCEPT);
        RIG_UNTIL(&rig, rig.b->rearms > rearms);
        (void)close(rig_dial(&s));
        RIG_UNTIL(&rig, s.accepted == i);
        rig.ops->discard(rig.b, s.fds[i - 1]);
    }
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    ck_assert_int_eq(s.accept_res, -ECANCELED);
    rig_close(&rig);
}
END_TEST

/* ---- completions that nobody waits for */

START_TEST(test_I07_a_completion_of_a_gone_socket_is_dropped)
{
    struct rig rig;
    struct rig_sock first;
    struct rig_sock second;
    uint64_t keys[URING_OP_CANCEL + 1];

    rig_open(&rig, 0, 0, 0);
    rig_pair(&rig, &first);
    for (unsigned op = 0; op <= URING_OP_CANCEL; op++)
        keys[op] = uring_key(&first.sock, (enum uring_op)op);
    rig_shut(&first, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, first.is_closed);
    (void)close(first.peer);
    rig_pair(&rig, &second); /* at the same index */
    ck_assert_uint_eq(keys[1] >> 8 & 0xffffff, second.sock.index);
    rig_recv(&second);
    for (unsigned op = URING_OP_ACCEPT; op <= URING_OP_CANCEL; op++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&rig.b->ring);

        if (op == URING_OP_ACCEPT) /* whose result is no descriptor of ours */
            io_uring_prep_cancel64(sqe, UINT64_MAX, 0);
        else
            io_uring_prep_nop(sqe);
        io_uring_sqe_set_data64(sqe, keys[op]);
    }
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(rig_turn(&rig, 1), 0);
    rig_peer_write(second.peer, rig_block, 10);
    RIG_UNTIL(&rig, second.recv_bytes == 10);
    rig_shut(&second, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, second.is_closed);
    (void)close(second.peer);
    rig_close(&rig);
}
END_TEST

START_TEST(test_I07_what_a_stale_completion_carries_is_given_back)
{
    struct rig rig;
    struct rig_sock listener;
    struct rig_sock s;
    struct io_uring_sqe *sqe;
    char byte;
    int peer;

    rig_open(&rig, 0, 4, 0);
    rig_listen(&rig, &listener);
    sqe = io_uring_get_sqe(&rig.b->ring);
    io_uring_prep_accept(sqe, listener.sock.fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, (uint64_t)1 << 60 | URING_OP_ACCEPT);
    peer = rig_dial(&listener);
    ck_assert_int_eq(rig_turn(&rig, 5), 0);
    ck_assert_int_eq(rig_peer_read(peer, &byte, 1), 0); /* closed */
    (void)close(peer);

    rig_pair(&rig, &s);
    for (int i = 0; i < 20; i++) { /* more often than there are leases */
        sqe = io_uring_get_sqe(&rig.b->ring);
        io_uring_prep_recv(sqe, s.sock.fd, NULL, 4096, 0);
        sqe->flags = IOSQE_BUFFER_SELECT;
        io_uring_sqe_set_data64(sqe, (uint64_t)1 << 60 | URING_OP_RECV);
        rig_peer_write(s.peer, rig_block, 10);
        ck_assert_int_eq(rig_turn(&rig, 2), 0);
        ck_assert_uint_eq(rig.b->leases.held, 0);
    }
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    rig_shut(&listener, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed && listener.is_closed);
    (void)close(s.peer);
    rig_close(&rig);
}
END_TEST

static TCase *case_queues(void)
{
    TCase *tcase = tcase_create("queues");

    tcase_add_checked_fixture(tcase, rig_setup, NULL);
    tcase_add_test(tcase,
                   test_I03_more_completions_than_the_queue_holds_all_arrive);
    tcase_add_test(tcase,
                   test_I03_a_ring_that_is_gone_ends_the_poll_with_its_errno);
    tcase_add_loop_test(
        tcase, test_I04_more_submissions_than_the_queue_holds_are_all_made, 0,
        ROWS(rig_denied));
    tcase_add_test(tcase,
                   test_I04_what_the_kernel_does_not_take_is_submitted_later);
    tcase_add_loop_test(tcase, test_poll_never_gives_more_events_than_asked_for,
                        0, ROWS(rig_denied));
    return tcase;
}

static TCase *case_leases(void)
{
    TCase *tcase = tcase_create("leases");

    tcase_add_checked_fixture(tcase, rig_setup, NULL);
    tcase_add_loop_test(
        tcase, test_I05_a_pool_held_back_parks_sockets_and_loses_nothing, 0,
        ROWS(rig_denied));
    tcase_add_loop_test(tcase,
                        test_I05_a_parked_socket_can_be_stopped_and_closed, 0,
                        ROWS(rig_denied));
    tcase_add_loop_test(tcase,
                        test_I05_a_stream_larger_than_the_pool_arrives_in_order,
                        0, ROWS(rig_denied));
    return tcase;
}

static TCase *case_completions(void)
{
    TCase *tcase = tcase_create("completions");

    tcase_add_checked_fixture(tcase, rig_setup, NULL);
    tcase_add_loop_test(tcase,
                        test_I06_a_receive_the_kernel_ends_is_armed_again, 0,
                        ROWS(rig_denied));
    tcase_add_loop_test(tcase,
                        test_I06_an_accept_the_kernel_ends_is_armed_again, 0,
                        ROWS(rig_denied));
    tcase_add_test(tcase, test_I07_a_completion_of_a_gone_socket_is_dropped);
    tcase_add_test(tcase,
                   test_I07_what_a_stale_completion_carries_is_given_back);
    return tcase;
}

int main(void)
{
    Suite *suite;

    if (!rig_is_here())
        return 77;
    suite = suite_create("backends/uring");
    suite_add_tcase(suite, case_queues());
    suite_add_tcase(suite, case_leases());
    suite_add_tcase(suite, case_completions());
    return test_run(suite);
}
