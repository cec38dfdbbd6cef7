/* SPDX-License-Identifier: MIT */
/*
 * Stopping, closing and sending on io_uring: cancellations in every order, and
 * the descriptor closed only when all of its operations are back.
 */
#include "tests/backends/uring_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- stopping */

/* When the receive is stopped, measured by what the peer did before. */
static const struct stop_row {
    const char *name;
    bool is_submitted, has_data, is_reaped, has_fin;
} stop_rows[] = {
    {"in the turn it was started", false, false, false, false},
    {"the same, data is there", false, true, false, false},
    {"armed and idle", true, false, false, false},
    {"data is there", true, true, false, false},
    {"data was seen", true, true, true, false},
    {"the peer has finished", true, false, false, true},
    {"data and the end are there", true, true, false, true},
};

static void stop_and_go_on(const struct stop_row *row, uint32_t caps_denied)
{
    struct rig rig;
    struct rig_sock s;
    uint64_t expected = row->has_data ? 10 : 0;
    bool is_over;

    rig_open(&rig, 0, 0, caps_denied);
    rig_pair(&rig, &s);
    rig_recv(&s);
    if (row->is_submitted)
        (void)rig_turn(&rig, 0);
    if (row->has_data)
        rig_peer_write(s.peer, rig_block, 10);
    if (row->has_fin)
        ck_assert_int_eq(shutdown(s.peer, SHUT_WR), 0);
    if (row->is_reaped)
        RIG_UNTIL(&rig, s.recv_bytes == 10);
    rig.ops->recv_stop(rig.b, &s.sock);
    rig.ops->recv_stop(rig.b, &s.sock); /* asks for nothing more */
    RIG_UNTIL(&rig, !s.is_receiving);
    is_over = s.recv_res == 0;
    ck_assert_msg(is_over ? row->has_fin : s.recv_res == -ECANCELED, "%s: %d",
                  row->name, s.recv_res);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(rig_turn(&rig, 1), 0);
    if (!is_over) {
        rig_recv(&s);
        if (!row->has_fin) {
            rig_peer_write(s.peer, rig_block, 10);
            expected += 10;
        }
    }
    RIG_UNTIL(&rig, s.recv_bytes == expected);
    if (row->has_fin) {
        RIG_UNTIL(&rig, !s.is_receiving);
        ck_assert_int_eq(s.recv_res, 0);
    }
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    (void)close(s.peer);
    rig_close(&rig);
}

START_TEST(test_I08_a_stop_has_one_end_in_every_order)
{
    stop_and_go_on(&stop_rows[_i], 0);
    stop_and_go_on(&stop_rows[_i], RIG_DENY_MULTISHOT);
}
END_TEST

/* The answer of a cancellation before, with and after its target's. */
static const struct cancel_row {
    const char *name;
    int res;
    bool is_first;
} cancel_rows[] = {
    {"0, first", 0, true},
    {"ENOENT, first", -ENOENT, true},
    {"EALREADY, first", -EALREADY, true},
    {"0, last", 0, false},
    {"ENOENT, last", -ENOENT, false},
    {"EALREADY, last", -EALREADY, false},
};

struct forged {
    uint64_t key;
    int res;
};

/*
 * Reaps completions put on the ring as the kernel would, and takes them off
 * again: the kernel knows nothing of them.
 */
static int reap_forged(struct rig *rig, const struct forged *list,
                       unsigned count, struct flare__event *event)
{
    struct io_uring_cq *cq = &rig->b->ring.cq;
    unsigned tail = *cq->ktail;
    int n;

    ck_assert_uint_eq(*cq->khead, tail);
    for (unsigned i = 0; i < count; i++)
        cq->cqes[(tail + i) & cq->ring_mask] =
            (struct io_uring_cqe){.user_data = list[i].key, .res = list[i].res};
    io_uring_smp_store_release(cq->ktail, tail + count);
    n = flare__uring_reap(rig->b, event, 1);
    while (*cq->khead != tail + count)
        ck_assert_int_eq(flare__uring_reap(rig->b, event + 1, 1), 0);
    io_uring_smp_store_release(cq->ktail, tail);
    io_uring_smp_store_release(cq->khead, tail);
    return n;
}

/* Starts and stops a receive of which the kernel hears nothing. */
static void start_and_stop_unheard(struct rig *rig, struct rig_sock *s)
{
    unsigned sqe_tail;

    rig_open(rig, 0, 0, 0);
    (void)rig_turn(rig, 0);
    rig_pair(rig, s);
    sqe_tail = rig->b->ring.sq.sqe_tail;
    rig_recv(s);
    rig->ops->recv_stop(rig->b, &s->sock);
    s->is_receiving = false;
    ck_assert_uint_eq(s->sock.in_flight, 2);
    rig->b->ring.sq.sqe_tail = sqe_tail;
}

static void close_all(struct rig *rig, struct rig_sock *s)
{
    RIG_UNTIL(rig, s->sock.in_flight == 0);
    rig_shut(s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(rig, s->is_closed);
    (void)close(s->peer);
    rig_close(rig);
}

START_TEST(test_I08_the_orders_of_a_cancellation_and_its_target)
{
    const struct cancel_row *row = &cancel_rows[_i];
    struct flare__event events[2];
    struct forged list[2];
    struct rig rig;
    struct rig_sock s;
    int n;

    start_and_stop_unheard(&rig, &s);
    list[!row->is_first] =
        (struct forged){uring_key(&s.sock, URING_OP_STOP), row->res};
    list[row->is_first] =
        (struct forged){uring_key(&s.sock, URING_OP_RECV), -ECANCELED};
    n = reap_forged(&rig, list, 2, events);
    ck_assert_msg(n == 1 && events[0].kind == FLARE__EV_RECV &&
                      events[0].res == -ECANCELED && events[0].flags == 0,
                  "%s", row->name);
    ck_assert_int_eq(flare__uring_local(rig.b, events, 2), 0);
    ck_assert_uint_eq(s.sock.in_flight, 0);
    close_all(&rig, &s);
}
END_TEST

START_TEST(test_I08_a_cancellation_that_found_nothing_is_repeated)
{
    struct flare__event events[3];
    struct forged list[2];
    struct rig rig;
    struct rig_sock s;
    unsigned sqe_tail;

    start_and_stop_unheard(&rig, &s);
    sqe_tail = rig.b->ring.sq.sqe_tail;
    list[0] = (struct forged){uring_key(&s.sock, URING_OP_STOP),
                              _i ? -ENOENT : -EALREADY};
    ck_assert_int_eq(reap_forged(&rig, list, 1, events), 0);
    ck_assert_int_eq(flare__uring_local(rig.b, events, 3), 0);
    ck_assert_uint_eq(rig.b->ring.sq.sqe_tail, sqe_tail + 1);
    ck_assert_uint_eq(s.sock.in_flight, 2);
    rig.b->ring.sq.sqe_tail = sqe_tail;
    list[0] = (struct forged){uring_key(&s.sock, URING_OP_STOP), 0};
    list[1] = (struct forged){uring_key(&s.sock, URING_OP_RECV), -ECANCELED};
    ck_assert_int_eq(reap_forged(&rig, list, 2, events), 1);
    close_all(&rig, &s);
}
END_TEST

START_TEST(test_I08_kernels_before_6_5_end_a_stopped_receive_with_ENOBUFS)
{
    struct flare__event events[2];
    struct rig rig;
    struct rig_sock s;
    struct forged list[2];

    start_and_stop_unheard(&rig, &s);
    list[0] = (struct forged){uring_key(&s.sock, URING_OP_STOP), -ENOENT};
    list[1] = (struct forged){uring_key(&s.sock, URING_OP_RECV), -ENOBUFS};
    ck_assert_int_eq(reap_forged(&rig, list, 2, events), 1);
    ck_assert_int_eq(events[0].res, -ECANCELED);
    close_all(&rig, &s);
}
END_TEST

/* ---- closing */

static void fill_the_pipe(struct rig_sock *s)
{
    int size = 4096;
    static struct iovec iov;

    ck_assert_int_eq(
        setsockopt(s->sock.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    for (;;) {
        iov = (struct iovec){rig_block, sizeof(rig_block)};
        rig_send(s, &iov, 1);
        for (int i = 0; i < 5 && s->is_sending; i++)
            (void)rig_turn(s->rig, 1);
        if (s->is_sending)
            return;
    }
}

START_TEST(test_I09_closing_with_everything_in_flight)
{
    static const enum flare__close_how how[] = {FLARE__CLOSE_GRACEFUL,
                                                FLARE__CLOSE_ABORT};

    for (size_t i = 0; i < 2; i++) {
        struct rig rig;
        struct rig_sock s;
        long n;
        int fd;

        rig_open(&rig, 0, 0, rig_denied[_i]);
        rig_pair(&rig, &s);
        rig_recv(&s);
        fill_the_pipe(&s);
        fd = s.sock.fd;
        rig_shut(&s, how[i]);
        ck_assert_int_ge(fcntl(fd, F_GETFD), 0); /* its operations hold it */
        RIG_UNTIL(&rig, s.is_closed);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
        ck_assert_int_eq(s.sent_res, -ECANCELED);
        ck_assert_int_eq(s.recv_res, -ECANCELED);
        do
            n = rig_peer_read(s.peer, rig_block, sizeof(rig_block));
        while (n > 0);
        if (how[i] == FLARE__CLOSE_ABORT)
            ck_assert_int_eq(n, -2);
        else
            ck_assert_int_eq(n, 0);
        (void)close(s.peer);
        rig_close(&rig);
        rig_setup(); /* the peer has read into the block */
    }
}
END_TEST

START_TEST(test_I09_closing_with_nothing_in_flight_makes_no_ring_call)
{
    struct rig rig;
    struct rig_sock s;
    int ring_fd;

    rig_open(&rig, 0, 0, 0);
    (void)rig_turn(&rig, 0);
    rig_pair(&rig, &s);
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    ring_fd = rig.b->ring.ring_fd;
    rig.b->ring.ring_fd = -1;
    ck_assert_int_eq(rig_turn(&rig, 1000), 1);
    ck_assert(s.is_closed);
    rig.b->ring.ring_fd = ring_fd;
    ck_assert_int_eq(rig_peer_read(s.peer, rig_block, 1), 0);
    (void)close(s.peer);
    rig_close(&rig);
}
END_TEST

START_TEST(test_I09_a_reset_peer_and_a_close_meet)
{
    for (int cut = 0; cut < 20; cut++) {
        const struct linger linger = {.l_onoff = 1, .l_linger = 0};
        struct rig rig;
        struct rig_sock s;

        rig_open(&rig, 0, 0, rig_denied[_i]);
        rig_pair(&rig, &s);
        rig_recv(&s);
        (void)rig_turn(&rig, 0);
        rig_peer_write(s.peer, rig_block, 100);
        (void)setsockopt(s.peer, SOL_SOCKET, SO_LINGER, &linger,
                         sizeof(linger));
        (void)close(s.peer);
        for (int i = 0; i < cut % 4; i++)
            (void)rig_turn(&rig, 0);
        rig_shut(&s, (cut & 4) ? FLARE__CLOSE_ABORT : FLARE__CLOSE_GRACEFUL);
        RIG_UNTIL(&rig, s.is_closed);
        rig_close(&rig);
    }
}
END_TEST

START_TEST(test_I10_closing_a_listener_serves_or_closes_what_it_accepted)
{
    struct rig rig;
    struct rig_sock s;
    char byte;
    int peers[8];

    rig_open(&rig, 0, 0, rig_denied[_i]);
    rig_listen(&rig, &s);
    rig_accept(&s);
    (void)rig_turn(&rig, 0);
    for (int i = 0; i < 8; i++)
        peers[i] = rig_dial(&s);
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    ck_assert_int_eq(s.accept_res, -ECANCELED);
    for (int i = 0; i < s.accepted; i++)
        rig.ops->discard(rig.b, s.fds[i]);
    for (int i = 0; i < 8; i++) {
        long n = rig_peer_read(peers[i], &byte, 1);

        ck_assert_msg(n == 0 || n == -2, "connection %d was forgotten", i);
        (void)close(peers[i]);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(test_I10_closing_a_listener_leaves_it_to_those_who_share_it)
{
    struct rig rig;
    struct rig_sock s;
    int shared;
    int peer;
    int fd;

    rig_open(&rig, 0, 0, rig_denied[_i]);
    rig_listen(&rig, &s);
    shared = fcntl(s.sock.fd, F_DUPFD_CLOEXEC, 0);
    rig_accept(&s);
    (void)rig_turn(&rig, 0);
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    s.sock.fd = shared;
    peer = rig_dial(&s);
    fd = accept(shared, NULL, NULL);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    (void)close(peer);
    (void)close(shared);
    rig_close(&rig);
}
END_TEST

START_TEST(test_I11_a_connection_accepted_after_the_stop_is_delivered)
{
    struct rig rig;
    struct rig_sock s;
    int peers[4];

    rig_open(&rig, 0, 0, rig_denied[_i]);
    rig_listen(&rig, &s);
    rig_accept(&s);
    (void)rig_turn(&rig, 0);
    for (int i = 0; i < 4; i++)
        peers[i] = rig_dial(&s);
    rig.ops->accept_stop(rig.b, &s.sock);
    RIG_UNTIL(&rig, !s.is_accepting);
    ck_assert_int_eq(s.accept_res, -ECANCELED);
    rig_accept(&s); /* those that are left come now */
    RIG_UNTIL(&rig, s.accepted == 4);
    for (int i = 0; i < 4; i++) {
        rig.ops->discard(rig.b, s.fds[i]);
        (void)close(peers[i]);
    }
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    rig_close(&rig);
}
END_TEST

/* ---- sending */

/* Without MSG_WAITALL the kernel stops where its buffer ends: anywhere. */
START_TEST(test_I12_a_vector_sent_in_pieces_arrives_in_order)
{
    static uint8_t got[2 * sizeof(rig_block)];
    struct iovec iov[64];
    struct rig rig;
    struct rig_sock s;
    int size = 4096;
    size_t len = 0;
    size_t received = 0;

    rig_open(&rig, 0, 0, 0);
    rig_pair(&rig, &s);
    ck_assert_int_eq(
        setsockopt(s.sock.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    uring_set(&s.sock, _i == 0 ? 0 : URING_NO_WAITALL);
    if (_i == 2) /* and the kernel does not wait either */
        ck_assert_int_eq(fcntl(s.sock.fd, F_SETFL, O_NONBLOCK), 0);
    for (size_t i = 0; i < 64; i++) {
        size_t part = i % 5 == 3 ? 0 : 37 * i + 1;

        iov[i] = (struct iovec){rig_block + len, part};
        len += part;
    }
    ck_assert_uint_le(len, sizeof(rig_block));
    rig_send(&s, iov, 64);
    while (received < len) {
        long n = rig_peer_read(s.peer, got + received, 501);

        ck_assert_int_ne(n, 0);
        if (n > 0)
            received += (size_t)n;
        (void)rig_turn(&rig, n > 0 ? 0 : 2);
    }
    RIG_UNTIL(&rig, !s.is_sending);
    ck_assert_int_eq(s.sent_res, (int)len);
    ck_assert_int_eq(memcmp(got, rig_block, len), 0);
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    (void)close(s.peer);
    rig_close(&rig);
}
END_TEST

/* Kernel TLS, which this machine need not have: its answer is forged. */
START_TEST(test_I12_a_send_the_kernel_will_not_wait_for_is_sent_without)
{
    const struct iovec iov = {rig_block, 1000};
    struct flare__event event[2];
    struct forged answer;
    struct rig rig;
    struct rig_sock s;
    unsigned sqe_tail;

    rig_open(&rig, 0, 0, 0);
    (void)rig_turn(&rig, 0);
    rig_pair(&rig, &s);
    sqe_tail = rig.b->ring.sq.sqe_tail;
    rig_send(&s, &iov, 1);
    rig.b->ring.sq.sqe_tail = sqe_tail; /* taken back */
    answer = (struct forged){uring_key(&s.sock, URING_OP_SEND), -EOPNOTSUPP};
    ck_assert_int_eq(reap_forged(&rig, &answer, 1, event), 0);
    ck_assert(uring_has(&s.sock, URING_NO_WAITALL));
    RIG_UNTIL(&rig, !s.is_sending);
    ck_assert_int_eq(s.sent_res, 1000);
    rig_send(&s, &iov, 1);
    rig.b->ring.sq.sqe_tail--;
    answer = (struct forged){uring_key(&s.sock, URING_OP_SEND), -EOPNOTSUPP};
    ck_assert_int_eq(reap_forged(&rig, &answer, 1, event), 1);
    ck_assert_int_eq(event[0].res, -EOPNOTSUPP); /* it was not that */
    s.is_sending = false;
    close_all(&rig, &s);
}
END_TEST

START_TEST(test_I12_a_send_to_a_peer_that_resets_ends_in_its_errno)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    struct rig rig;
    struct rig_sock s;

    rig_open(&rig, 0, 0, 0);
    rig_pair(&rig, &s);
    fill_the_pipe(&s);
    (void)setsockopt(s.peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(s.peer);
    RIG_UNTIL(&rig, !s.is_sending);
    ck_assert_msg(s.sent_res == -ECONNRESET || s.sent_res == -EPIPE, "%d",
                  s.sent_res);
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed);
    rig_close(&rig);
}
END_TEST

START_TEST(test_I12_nonblocking_descriptors_wait_all_the_same)
{
    struct rig rig;
    struct rig_sock s;
    struct rig_sock listener;

    rig_open(&rig, 0, 0, rig_denied[_i]);
    rig_pair(&rig, &s);
    ck_assert_int_eq(fcntl(s.sock.fd, F_SETFL, O_NONBLOCK), 0);
    rig_recv(&s);
    rig_listen(&rig, &listener);
    ck_assert_int_eq(fcntl(listener.sock.fd, F_SETFL, O_NONBLOCK), 0);
    rig_accept(&listener);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(rig_turn(&rig, 2), 0);
    rig_peer_write(s.peer, rig_block, 10);
    (void)close(rig_dial(&listener));
    RIG_UNTIL(&rig, s.recv_bytes == 10 && listener.accepted == 1);
    rig.ops->discard(rig.b, listener.fds[0]);
    rig_shut(&s, FLARE__CLOSE_GRACEFUL);
    rig_shut(&listener, FLARE__CLOSE_GRACEFUL);
    RIG_UNTIL(&rig, s.is_closed && listener.is_closed);
    (void)close(s.peer);
    rig_close(&rig);
}
END_TEST

static TCase *case_stopping(void)
{
    TCase *tcase = tcase_create("stopping");

    tcase_add_checked_fixture(tcase, rig_setup, NULL);
    tcase_add_loop_test(tcase, test_I08_a_stop_has_one_end_in_every_order, 0,
                        ROWS(stop_rows));
    tcase_add_loop_test(tcase,
                        test_I08_the_orders_of_a_cancellation_and_its_target, 0,
                        ROWS(cancel_rows));
    tcase_add_loop_test(
        tcase, test_I08_a_cancellation_that_found_nothing_is_repeated, 0, 2);
    tcase_add_test(
        tcase, test_I08_kernels_before_6_5_end_a_stopped_receive_with_ENOBUFS);
    return tcase;
}

static TCase *case_closing(void)
{
    TCase *tcase = tcase_create("closing");

    tcase_add_checked_fixture(tcase, rig_setup, NULL);
    tcase_add_loop_test(tcase, test_I09_closing_with_everything_in_flight, 0,
                        ROWS(rig_denied));
    tcase_add_test(tcase,
                   test_I09_closing_with_nothing_in_flight_makes_no_ring_call);
    tcase_add_loop_test(tcase, test_I09_a_reset_peer_and_a_close_meet, 0,
                        ROWS(rig_denied));
    tcase_add_loop_test(
        tcase, test_I10_closing_a_listener_serves_or_closes_what_it_accepted, 0,
        ROWS(rig_denied));
    tcase_add_loop_test(
        tcase, test_I10_closing_a_listener_leaves_it_to_those_who_share_it, 0,
        ROWS(rig_denied));
    tcase_add_loop_test(
        tcase, test_I11_a_connection_accepted_after_the_stop_is_delivered, 0,
        ROWS(rig_denied));
    return tcase;
}

static TCase *case_sending(void)
{
    TCase *tcase = tcase_create("sending");

    tcase_add_checked_fixture(tcase, rig_setup, NULL);
    tcase_add_loop_test(
        tcase, test_I12_a_vector_sent_in_pieces_arrives_in_order, 0, 3);
    tcase_add_test(
        tcase, test_I12_a_send_the_kernel_will_not_wait_for_is_sent_without);
    tcase_add_test(tcase,
                   test_I12_a_send_to_a_peer_that_resets_ends_in_its_errno);
    tcase_add_loop_test(tcase,
                        test_I12_nonblocking_descriptors_wait_all_the_same, 0,
                        ROWS(rig_denied));
    return tcase;
}

int main(void)
{
    Suite *suite;

    if (!rig_is_here())
        return 77;
    suite = suite_create("backends/uring_close");
    suite_add_tcase(suite, case_stopping());
    suite_add_tcase(suite, case_closing());
    suite_add_tcase(suite, case_sending());
    return test_run(suite);
}
