/* SPDX-License-Identifier: MIT */
/* Conformance: sending, whole vectors, memory, broken connections. */
#include "tests/backends/conformance.h"

#include <errno.h>
#include <string.h>

enum { BIG_BYTES = 8 << 20, VECTOR_MAX = 64 };

START_TEST(test_a_send_gives_one_sent_with_the_total)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[100];

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 1, 0);
    conn = conf_connect(&c);
    for (int i = 0; i < 3; i++) {
        conf_send_bytes(conn, bytes, sizeof(bytes));
        ck_assert(conn->is_sending); /* rule 1: no event but from poll */
        UNTIL(&c, !conn->is_sending && !conn->is_release_due);
        ck_assert_int_eq(conn->sent_res, sizeof(bytes));
        conf_peer_drain(conn, 0, sizeof(bytes), 1);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_released_memory_is_not_read_again)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[3000];

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 2, 0);
    conn = conf_connect(&c);
    conf_send_bytes(conn, bytes, sizeof(bytes));
    UNTIL(&c, !conn->is_sending && !conn->is_release_due);
    memset(bytes, 0, sizeof(bytes));
    conf_peer_drain(conn, 0, sizeof(bytes), 2);
    conf_close(&c);
}
END_TEST

START_TEST(test_K06_eight_mebibytes_reach_a_slow_reader_in_order)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t *bytes = malloc(BIG_BYTES);
    size_t from = 0;
    size_t most = 1;
    int idle = 0;

    ck_assert_ptr_nonnull(bytes);
    conf_fill(bytes, BIG_BYTES, 3, 0);
    if (!conf_open(&c, _i)) {
        free(bytes);
        return;
    }
    conn = conf_connect(&c);
    conf_send_bytes(conn, bytes, BIG_BYTES);
    conf_turns(&c, 5);
    ck_assert(conn->is_sending); /* nobody has read */
    while (from < BIG_BYTES) {
        size_t n = conf_peer_read(conn, from, most, 3);

        from += n;
        most = (most * 5 + 1) % 65536;
        idle = n > 0 ? 0 : idle + 1;
        ck_assert_int_lt(idle, CONF_TURNS_MAX);
        if (n == 0)
            (void)conf_turn(&c);
    }
    UNTIL(&c, !conn->is_sending && !conn->is_release_due);
    ck_assert_int_eq(conn->sent_res, BIG_BYTES);
    ck_assert_str_eq(conn->order, conn->order[1] ? "SL" : "S");
    conf_close(&c);
    free(bytes);
}
END_TEST

static uint32_t taken_of(struct conf_conn *conn)
{
    int64_t queued = conn->c->ops->queued(conn->c->b, &conn->sock);

    ck_assert_int_ge(queued, 0);
    return conn->sock.sent - (uint32_t)queued;
}

START_TEST(test_R03_what_the_peer_takes_of_a_send_is_seen)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t *bytes;
    uint32_t taken;

    OPEN_OR_SKIP(&c);
    bytes = malloc(BIG_BYTES);
    ck_assert_ptr_nonnull(bytes);
    conf_fill(bytes, BIG_BYTES, 4, 0);
    conn = conf_connect(&c);
    conf_send_bytes(conn, bytes, BIG_BYTES);
    conf_turns(&c, 200);
    ck_assert(conn->is_sending); /* nobody has read */
    taken = taken_of(conn);
    conf_turns(&c, 200);
    ck_assert_uint_eq(taken_of(conn), taken);
    for (size_t from = 0; taken_of(conn) == taken;) {
        ck_assert_uint_lt(from, BIG_BYTES);
        from += conf_peer_read(conn, from, 1000, 4);
        (void)conf_turn(&c);
        if (taken_of(conn) != taken)
            conf_peer_drain(conn, from, BIG_BYTES - from, 4);
    }
    UNTIL(&c, !conn->is_sending && !conn->is_release_due);
    UNTIL(&c, c.ops->queued(c.b, &conn->sock) == 0);
    conf_close(&c);
    free(bytes);
}
END_TEST

/* `count` buffers of odd lengths, some empty; returns the total. */
static size_t vector_make(struct iovec *iov, uint32_t count, uint8_t *bytes,
                          uint32_t seed)
{
    size_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        size_t len = (seed * 7919 + i * 613) % 901;

        if ((seed + i) % 9 == 0)
            len = 0;
        iov[i] = (struct iovec){.iov_base = bytes + total, .iov_len = len};
        total += len;
    }
    if (total == 0) {
        iov[0].iov_len = 1;
        total = 1;
    }
    return total;
}

START_TEST(test_K06_vectors_of_1_to_64_buffers_keep_every_byte)
{
    static uint8_t bytes[VECTOR_MAX * 901];
    struct conf c;
    struct conf_conn *conn;

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 4, 0);
    conn = conf_connect(&c);
    for (uint32_t count = 1; count <= VECTOR_MAX; count++) {
        struct iovec iov[VECTOR_MAX];
        size_t total = vector_make(iov, count, bytes, count);

        conn->order[0] = 0;
        memset(conn->order, 0, sizeof(conn->order));
        conf_send(conn, iov, count);
        if (count % 2 == 0) /* now and then it is blocked half-way */
            conf_turns(&c, 2);
        conf_peer_drain(conn, 0, total, 4);
        UNTIL(&c, !conn->is_sending && !conn->is_release_due);
        ck_assert_int_eq(conn->sent_res, (int)total);
    }
    conf_close(&c);
}
END_TEST

/*
 * A full buffer, then a vector: what the reader takes decides where the send
 * resumes; in the long run at every byte of it.
 */
START_TEST(test_K06_a_vector_resumes_at_every_byte)
{
    static uint8_t bytes[1 << 18];
    struct conf c;
    struct conf_conn *conn;
    size_t total = 0;
    struct iovec iov[VECTOR_MAX];
    size_t from = 0;

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 5, 0);
    conn = conf_connect(&c);
    for (uint32_t i = 0; i < VECTOR_MAX; i++) {
        size_t len = i % 5 == 0 ? 1 : 2000 + i * 61;

        iov[i] = (struct iovec){.iov_base = bytes + total, .iov_len = len};
        total += len;
    }
    ck_assert_uint_le(total, sizeof(bytes));
    conf_send(conn, iov, VECTOR_MAX);
    while (from < total) {
        size_t most = from % 11 == 0 ? 1 : from % 1499 + 1;
        size_t n = conf_peer_read(conn, from, most, 5);

        from += n;
        if (n == 0)
            (void)conf_turn(&c);
    }
    UNTIL(&c, !conn->is_sending && !conn->is_release_due);
    ck_assert_int_eq(conn->sent_res, (int)total);
    conf_close(&c);
}
END_TEST

START_TEST(test_both_directions_flow_at_once)
{
    static uint8_t bytes[1 << 18];
    struct conf c;
    struct conf_conn *conn;
    size_t read = 0;
    size_t written = 0;
    int idle = 0;

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 6, 0);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    conf_send_bytes(conn, bytes, sizeof(bytes));
    while (read < sizeof(bytes) || conn->in_len < sizeof(bytes)) {
        size_t left = sizeof(bytes) - written;
        size_t n = conf_peer_read(conn, read, 3001, 6);
        long sent = 0;

        read += n;
        if (left > 0)
            sent = c.h->peer_send(conn->peer, bytes + written,
                                  left < 2999 ? left : 2999);
        ck_assert_int_ge(sent, 0);
        written += (size_t)sent;
        idle = n > 0 || sent > 0 ? 0 : idle + 1;
        ck_assert_int_lt(idle, CONF_TURNS_MAX);
        (void)conf_turn(&c);
    }
    UNTIL(&c, !conn->is_sending);
    ck_assert_int_eq(conn->sent_res, sizeof(bytes));
    conf_in_check(conn, sizeof(bytes), 6);
    conf_close(&c);
}
END_TEST

START_TEST(test_K04_sending_to_a_peer_that_is_gone_is_an_error_and_no_signal)
{
    struct conf c;
    struct conf_conn *conn;
    char bytes[] = "abc";

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    c.h->peer_close(conn->peer, /* is_abort = */ true);
    conn->peer = NULL;
    UNTIL(&c, !conn->is_receiving);
    for (int i = 0; i < 2; i++) {
        const struct iovec two[2] = {{.iov_base = bytes, .iov_len = 2},
                                     {.iov_base = bytes + 2, .iov_len = 1}};

        conf_send(conn, two, i == 0 ? 1 : 2);
        UNTIL(&c, !conn->is_sending);
        ck_assert_msg(conn->sent_res == -EPIPE || conn->sent_res == -ECONNRESET,
                      "%s: %d", c.stamp->name, conn->sent_res);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_K01_a_reset_ends_a_send_half_way)
{
    static uint8_t bytes[1 << 20];
    struct conf c;
    struct conf_conn *conn;

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 7, 0);
    for (int is_receiving = 0; is_receiving < 2; is_receiving++) {
        conn = conf_connect(&c);
        if (is_receiving)
            conf_recv_start(conn);
        conf_send_bytes(conn, bytes, sizeof(bytes));
        conf_peer_drain(conn, 0, 5000, 7);
        c.h->peer_close(conn->peer, /* is_abort = */ true);
        conn->peer = NULL;
        UNTIL(&c, !conn->is_sending && !conn->is_release_due);
        ck_assert_int_lt(conn->sent_res, (int)sizeof(bytes));
        ck_assert_int_ne(conn->sent_res, -ECANCELED);
        if (is_receiving)
            UNTIL(&c, !conn->is_receiving);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_shutdown_sends_fin_and_the_receive_goes_on)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t got[16];
    long n = 0;

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    conf_send_bytes(conn, "last", 4);
    UNTIL(&c, !conn->is_sending);
    c.ops->shutdown_send(c.b, &conn->sock);
    for (int i = 0, len = 0; n >= 0 && i < CONF_TURNS_MAX; i++) {
        n = c.h->peer_recv(conn->peer, got, sizeof(got));
        len += n > 0 ? (int)n : 0;
        if (n < 0)
            ck_assert_int_eq(len, 4);
        (void)conf_turn(&c);
    }
    ck_assert_int_eq(n, CONF_FIN);
    ck_assert(conn->is_receiving);
    conf_peer_send(conn, "late", 4);
    UNTIL(&c, conn->in_len == 4);
    c.h->peer_shutdown(conn->peer);
    UNTIL(&c, !conn->is_receiving);
    ck_assert_int_eq(conn->recv_res, 0);
    conf_close(&c);
}
END_TEST

TCase *conf_case_send(void)
{
    TCase *tc = tcase_create("send");
    const int n = conf_stamp_count;

    tcase_set_timeout(tc, 20);
    tcase_add_loop_test(tc, test_a_send_gives_one_sent_with_the_total, 0, n);
    tcase_add_loop_test(tc, test_released_memory_is_not_read_again, 0, n);
    tcase_add_loop_test(
        tc, test_K06_eight_mebibytes_reach_a_slow_reader_in_order, 0, n);
    tcase_add_loop_test(tc, test_R03_what_the_peer_takes_of_a_send_is_seen, 0,
                        n);
    tcase_add_loop_test(tc, test_K06_vectors_of_1_to_64_buffers_keep_every_byte,
                        0, n);
    tcase_add_loop_test(tc, test_K06_a_vector_resumes_at_every_byte, 0, n);
    tcase_add_loop_test(tc, test_both_directions_flow_at_once, 0, n);
    tcase_add_loop_test(
        tc, test_K04_sending_to_a_peer_that_is_gone_is_an_error_and_no_signal,
        0, n);
    tcase_add_loop_test(tc, test_K01_a_reset_ends_a_send_half_way, 0, n);
    tcase_add_loop_test(tc, test_shutdown_sends_fin_and_the_receive_goes_on, 0,
                        n);
    return tc;
}
