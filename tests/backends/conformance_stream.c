/* SPDX-License-Identifier: MIT */
/* Conformance: receiving, leases, parking, fairness. */
#include "tests/backends/conformance.h"

#include <errno.h>
#include <string.h>

enum { STREAM_BYTES = 20000, CHURN_ROUNDS = 100 };

START_TEST(test_K07_bytes_arrive_in_order_however_they_are_cut)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[STREAM_BYTES];
    size_t cut = 1;

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 1, 0);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    for (size_t i = 0; i < sizeof(bytes); i += cut, cut = cut % 700 + 13) {
        size_t left = sizeof(bytes) - i;

        conf_peer_send(conn, bytes + i, cut < left ? cut : left);
        (void)conf_turn(&c);
    }
    UNTIL(&c, conn->in_len == sizeof(bytes));
    conf_in_check(conn, sizeof(bytes), 1);
    ck_assert(conn->is_receiving);
    conf_close(&c);
}
END_TEST

START_TEST(test_data_sent_before_the_receive_started_is_received)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[100];

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 2, 0);
    conn = conf_connect(&c);
    conf_peer_send(conn, bytes, sizeof(bytes));
    conf_turns(&c, 5);
    ck_assert_int_eq(conn->recvs, 0);
    conf_recv_start(conn);
    ck_assert_int_eq(conn->recvs, 0); /* rule 1: no event but from poll */
    UNTIL(&c, conn->in_len == sizeof(bytes));
    conf_in_check(conn, sizeof(bytes), 2);
    conf_close(&c);
}
END_TEST

START_TEST(test_K02_after_the_peers_fin_we_still_send)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[3000];
    uint8_t got[3000];
    size_t len = 0;
    long n = 0;

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 3, 0);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    conf_peer_send(conn, bytes, 1000);
    c.h->peer_shutdown(conn->peer);
    UNTIL(&c, !conn->is_receiving);
    ck_assert_int_eq(conn->recv_res, 0);
    conf_in_check(conn, 1000, 3);

    conf_send_bytes(conn, bytes, sizeof(bytes));
    UNTIL(&c, !conn->is_sending);
    ck_assert_int_eq(conn->sent_res, sizeof(bytes));
    conf_shut(conn, FLARE__CLOSE_GRACEFUL);
    for (int i = 0; n >= 0 && i < CONF_TURNS_MAX; i++) {
        n = c.h->peer_recv(conn->peer, got + len, sizeof(got) - len + 1);
        len += n > 0 ? (size_t)n : 0;
        (void)conf_turn(&c);
    }
    ck_assert_int_eq(n, CONF_FIN);
    ck_assert_uint_eq(len, sizeof(bytes));
    ck_assert_mem_eq(got, bytes, sizeof(bytes));
    conf_close(&c);
}
END_TEST

START_TEST(test_K01_a_reset_ends_the_receive_with_its_errno)
{
    struct conf c;
    struct conf_conn *conn;

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    conf_peer_send(conn, "GET / HT", 8);
    UNTIL(&c, conn->in_len == 8);
    c.h->peer_close(conn->peer, /* is_abort = */ true);
    conn->peer = NULL;
    UNTIL(&c, !conn->is_receiving);
    ck_assert_int_eq(conn->recv_res, -ECONNRESET);
    conf_close(&c);
}
END_TEST

START_TEST(test_a_fin_without_data_ends_the_receive_with_0)
{
    struct conf c;
    struct conf_conn *conn;

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    conf_turns(&c, 3);
    c.h->peer_shutdown(conn->peer);
    UNTIL(&c, !conn->is_receiving);
    ck_assert_int_eq(conn->recv_res, 0);
    ck_assert_int_eq(conn->recvs, 0);
    conf_turns(&c, 5); /* nothing more, whatever the kernel repeats */
    conf_close(&c);
}
END_TEST

START_TEST(test_data_and_fin_at_once_are_both_delivered)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[CONF_LEASE_BYTES * 3];

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 4, 0);
    conn = conf_connect(&c);
    /* exactly full buffers: the end must be seen all the same */
    conf_peer_send(conn, bytes, sizeof(bytes));
    c.h->peer_close(conn->peer, /* is_abort = */ false);
    conn->peer = NULL;
    conf_turns(&c, 3);
    conf_recv_start(conn);
    UNTIL(&c, !conn->is_receiving);
    ck_assert_int_eq(conn->recv_res, 0);
    conf_in_check(conn, sizeof(bytes), 4);
    conf_close(&c);
}
END_TEST

/* Leases. */

START_TEST(test_an_empty_pool_parks_and_loses_nothing)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[3 * CONF_LEASES * CONF_LEASE_BYTES];

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 5, 0);
    conn = conf_connect(&c);
    conn->holds_leases = true;
    conf_recv_start(conn);
    conf_peer_send(conn, bytes, sizeof(bytes));
    while (conn->in_len < sizeof(bytes)) {
        size_t before;

        UNTIL(&c, c.held_count == CONF_LEASES || conn->in_len == sizeof(bytes));
        before = conn->in_len;
        conf_turns(&c, 5); /* no error, no busy loop, no bytes */
        ck_assert(conn->in_len == before && conn->is_receiving);
        conf_held_put(&c);
    }
    conf_in_check(conn, sizeof(bytes), 5);
    conf_close(&c);
}
END_TEST

/*
 * The last events of what a pool could take fill a batch; that it was empty is
 * seen by the next poll alone, which has leases again and must not wait.
 */
START_TEST(test_a_poll_does_not_wait_while_parked_bytes_and_leases_are_there)
{
    for (int capacity = 1; capacity <= CONF_LEASES + 1; capacity++) {
        struct conf c;
        struct conf_conn *conn;
        uint8_t bytes[3 * CONF_LEASES * CONF_LEASE_BYTES];

        OPEN_OR_SKIP(&c);
        conf_fill(bytes, sizeof(bytes), 8, 0);
        conn = conf_connect(&c);
        conf_peer_send(conn, bytes, sizeof(bytes));
        conf_recv_start(conn);
        c.capacity = capacity;
        c.wait_ns = UINT64_C(5000000000);
        while (conn->in_len < sizeof(bytes))
            ck_assert_msg(conf_turn(&c) > 0, "%s: slept at %zu, batches of %d",
                          c.stamp->name, conn->in_len, capacity);
        conf_in_check(conn, sizeof(bytes), 8);
        c.wait_ns = 0;
        c.capacity = 0;
        conf_close(&c);
    }
}
END_TEST

/* One connection holds every lease; returns it. */
static struct conf_conn *pool_drain(struct conf *c)
{
    uint8_t bytes[CONF_LEASES * CONF_LEASE_BYTES];
    struct conf_conn *hog = conf_connect(c);

    conf_fill(bytes, sizeof(bytes), 6, 0);
    hog->holds_leases = true;
    conf_recv_start(hog);
    /* one by one: how many leases a run of bytes takes is not promised */
    for (int i = 0; c->held_count < CONF_LEASES; i++) {
        int before = c->held_count;

        conf_peer_send(hog, bytes, 1);
        UNTIL(c, c->held_count > before);
    }
    return hog;
}

START_TEST(test_parked_sockets_all_get_their_turn)
{
    struct conf c;
    struct conf_conn *conns[5];

    OPEN_OR_SKIP(&c);
    (void)pool_drain(&c);
    for (uint32_t i = 0; i < 5; i++) {
        uint8_t bytes[900];

        conf_fill(bytes, sizeof(bytes), i, 0);
        conns[i] = conf_connect(&c);
        conf_recv_start(conns[i]);
        conf_peer_send(conns[i], bytes, sizeof(bytes));
    }
    conf_turns(&c, 10);
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(conns[i]->in_len, 0);
    /* a single lease goes round */
    c.held_count--;
    c.leases_out--;
    c.ops->lease_put(c.b, c.held[c.held_count]);
    for (uint32_t i = 0; i < 5; i++) {
        UNTIL(&c, conns[i]->in_len == 900);
        conf_in_check(conns[i], 900, i);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_a_parked_socket_sends_stops_and_closes)
{
    struct conf c;
    struct conf_conn *sends;
    struct conf_conn *stops;
    struct conf_conn *closes;

    OPEN_OR_SKIP(&c);
    (void)pool_drain(&c);
    sends = conf_connect(&c);
    stops = conf_connect(&c);
    closes = conf_connect(&c);
    for (struct conf_conn *conn = c.conns; conn != c.listener;
         conn = conn->next)
        if (!conn->is_receiving) {
            conf_recv_start(conn);
            conf_peer_send(conn, "parked", 6);
        }
    conf_turns(&c, 10);

    conf_send_bytes(sends, "x", 1);
    conf_recv_stop(stops);
    conf_shut(closes, FLARE__CLOSE_GRACEFUL);
    UNTIL(&c, !sends->is_sending && !stops->is_receiving && closes->is_closed);
    ck_assert_str_eq(sends->order, "S");
    ck_assert_int_eq(sends->sent_res, 1);
    ck_assert_str_eq(stops->order, "E");
    ck_assert_int_eq(stops->recv_res, -ECANCELED);
    ck_assert_str_eq(closes->order, "EX");
    ck_assert_int_eq(closes->recv_res, -ECANCELED);

    conf_recv_start(stops);
    conf_held_put(&c);
    UNTIL(&c, stops->in_len == 6 && sends->in_len == 6);
    conf_close(&c);
}
END_TEST

START_TEST(test_stop_and_start_lose_nothing)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[STREAM_BYTES];
    size_t sent = 0;

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 7, 0);
    conn = conf_connect(&c);
    for (int i = 0; sent < sizeof(bytes); i++) {
        size_t part = (size_t)(i * 37 % 900 + 1);

        if (part > sizeof(bytes) - sent)
            part = sizeof(bytes) - sent;
        if (!conn->is_receiving)
            conf_recv_start(conn);
        conf_peer_send(conn, bytes + sent, part);
        sent += part;
        conf_turns(&c, i % 3);
        if (i % 2 == 0)
            conf_recv_stop(conn);
        if (i % 4 == 0)
            UNTIL(&c, !conn->is_receiving);
        if (conn->is_stopped)
            UNTIL(&c, !conn->is_receiving);
    }
    if (!conn->is_receiving)
        conf_recv_start(conn);
    UNTIL(&c, conn->in_len == sizeof(bytes));
    conf_in_check(conn, sizeof(bytes), 7);
    conf_close(&c);
}
END_TEST

START_TEST(test_stop_ends_the_receive_once)
{
    struct conf c;
    struct conf_conn *conn;

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    conf_recv_stop(conn); /* nothing to stop: nothing happens */
    conf_turns(&c, 3);
    conf_recv_start(conn);
    conf_turns(&c, 2);
    conf_recv_stop(conn);
    conf_recv_stop(conn); /* already on its way */
    ck_assert(conn->is_receiving);
    UNTIL(&c, !conn->is_receiving);
    ck_assert_int_eq(conn->recv_res, -ECANCELED);
    conf_recv_stop(conn);
    conf_turns(&c, 5);
    ck_assert_str_eq(conn->order, "E");
    conf_close(&c);
}
END_TEST

/* Fairness. */

static void flood(struct conf_conn *conn)
{
    uint8_t bytes[4096] = {0};

    while (conn->c->h->peer_send(conn->peer, bytes, sizeof(bytes)) > 0)
        continue;
}

/* However many events a poll may give. */
static void fairness_check(struct conf *c, int capacity)
{
    struct conf_conn *fast = conf_connect(c);
    struct conf_conn *slow = conf_connect(c);

    conf_recv_start(fast);
    conf_recv_start(slow);
    flood(fast);
    c->capacity = capacity;
    for (size_t i = 1; i <= 20; i++) {
        int turns = 0;

        flood(fast);
        conf_peer_send(slow, "s", 1);
        for (; slow->in_len < i; turns++) {
            flood(fast);
            (void)conf_turn(c);
        }
        ck_assert_msg(turns <= 4 * CONF_LEASES, "%s: %d turns of %d",
                      c->stamp->name, turns, capacity);
    }
    ck_assert_uint_gt(fast->in_len, 0);
    c->capacity = 0;
    conf_shut(fast, FLARE__CLOSE_ABORT);
    conf_shut(slow, FLARE__CLOSE_ABORT);
    UNTIL(c, fast->is_closed && slow->is_closed);
}

START_TEST(test_K10_a_fast_sender_does_not_starve_another)
{
    struct conf c;

    OPEN_OR_SKIP(&c);
    fairness_check(&c, 1);
    fairness_check(&c, 2);
    fairness_check(&c, 64);
    conf_close(&c);
}
END_TEST

START_TEST(test_K10_a_fast_sender_does_not_starve_the_listener)
{
    struct conf c;
    struct conf_conn *fast;

    OPEN_OR_SKIP(&c);
    c.capacity = 1;
    fast = conf_connect(&c);
    conf_recv_start(fast);
    for (int i = 0; i < 10; i++) {
        struct conf_peer *peer =
            c.h->peer_connect(c.world, &c.addr, c.addr_len);
        int turns = 0;

        for (; c.listener->accepted_count == 0; turns++) {
            flood(fast);
            (void)conf_turn(&c);
            ck_assert_int_lt(turns, 4 * CONF_LEASES);
        }
        conf_take(&c)->peer = peer;
    }
    conf_close(&c);
}
END_TEST

/* Generations. */

START_TEST(test_K09_bytes_reach_their_own_connection_through_churn)
{
    struct conf c;
    struct conf_conn *conns[4] = {NULL};

    OPEN_OR_SKIP(&c);
    for (uint32_t round = 0; round < CHURN_ROUNDS; round++) {
        struct conf_conn **slot = &conns[round * 7 % 4];
        uint8_t bytes[200];

        if (*slot != NULL) /* with data on its way, and its number reused */
            conf_shut(*slot,
                      round % 3 ? FLARE__CLOSE_GRACEFUL : FLARE__CLOSE_ABORT);
        *slot = conf_connect(&c);
        conf_fill(bytes, sizeof(bytes), round, 0);
        conf_recv_start(*slot);
        conf_peer_send(*slot, bytes, sizeof(bytes));
        if (round % 2 == 0)
            continue;
        UNTIL(&c, (*slot)->in_len == sizeof(bytes));
        conf_in_check(*slot, sizeof(bytes), round);
        conf_peer_send(*slot, bytes, sizeof(bytes));
    }
    conf_close(&c);
}
END_TEST

static void hook_close_other(struct conf_conn *conn,
                             const struct flare__event *ev)
{
    struct conf_conn *other = conn->ctx;

    if (ev->kind == FLARE__EV_RECV && ev->res > 0 && !other->is_closing) {
        conf_shut(other, FLARE__CLOSE_ABORT);
        conn->hook = NULL;
    }
}

START_TEST(test_K09_a_close_in_the_batch_that_has_the_others_event)
{
    struct conf c;

    OPEN_OR_SKIP(&c);
    for (int i = 0; i < 20; i++) {
        struct conf_conn *a = conf_connect(&c);
        struct conf_conn *b = conf_connect(&c);

        a->hook = b->hook = hook_close_other;
        a->ctx = b;
        b->ctx = a;
        conf_recv_start(a);
        conf_recv_start(b);
        conf_peer_send(a, "a", 1);
        conf_peer_send(b, "b", 1);
        UNTIL(&c, a->is_closed || b->is_closed);
    }
    conf_close(&c);
}
END_TEST

TCase *conf_case_stream(void)
{
    TCase *tc = tcase_create("stream");
    const int n = conf_stamp_count;

    tcase_set_timeout(tc, 20);
    tcase_add_loop_test(tc, test_K07_bytes_arrive_in_order_however_they_are_cut,
                        0, n);
    tcase_add_loop_test(
        tc, test_data_sent_before_the_receive_started_is_received, 0, n);
    tcase_add_loop_test(tc, test_K02_after_the_peers_fin_we_still_send, 0, n);
    tcase_add_loop_test(tc, test_K01_a_reset_ends_the_receive_with_its_errno, 0,
                        n);
    tcase_add_loop_test(tc, test_a_fin_without_data_ends_the_receive_with_0, 0,
                        n);
    tcase_add_loop_test(tc, test_data_and_fin_at_once_are_both_delivered, 0, n);
    tcase_add_loop_test(tc, test_an_empty_pool_parks_and_loses_nothing, 0, n);
    tcase_add_loop_test(
        tc, test_a_poll_does_not_wait_while_parked_bytes_and_leases_are_there,
        0, n);
    tcase_add_loop_test(tc, test_parked_sockets_all_get_their_turn, 0, n);
    tcase_add_loop_test(tc, test_a_parked_socket_sends_stops_and_closes, 0, n);
    tcase_add_loop_test(tc, test_stop_and_start_lose_nothing, 0, n);
    tcase_add_loop_test(tc, test_stop_ends_the_receive_once, 0, n);
    tcase_add_loop_test(tc, test_K10_a_fast_sender_does_not_starve_another, 0,
                        n);
    tcase_add_loop_test(tc, test_K10_a_fast_sender_does_not_starve_the_listener,
                        0, n);
    tcase_add_loop_test(
        tc, test_K09_bytes_reach_their_own_connection_through_churn, 0, n);
    tcase_add_loop_test(
        tc, test_K09_a_close_in_the_batch_that_has_the_others_event, 0, n);
    return tc;
}
