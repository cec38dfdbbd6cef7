/* SPDX-License-Identifier: MIT */
/* Conformance: sendfile, and the addresses of a socket. */
#include "tests/backends/conformance.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILE_BYTES = (1 << 20) + 4097, BIG_BYTES = 8 << 20 };

/* A file whose bytes are stream `stream`. */
static int file_make(size_t len, uint32_t stream)
{
    static uint8_t bytes[65536];
    int fd = memfd_create("conformance", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    for (size_t at = 0; at < len;) {
        size_t n = len - at < sizeof(bytes) ? len - at : sizeof(bytes);

        conf_fill(bytes, n, stream, at);
        ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
        at += n;
    }
    return fd;
}

/* Sends and reads `count` bytes from `offset` of stream 1. */
static void file_check(struct conf_conn *conn, int file, uint64_t offset,
                       uint32_t count)
{
    memset(conn->order, 0, sizeof(conn->order));
    conf_send_file(conn, file, offset, count);
    ck_assert(conn->is_sending); /* rule 1: no event but from poll */
    conf_peer_drain(conn, (size_t)offset, count, 1);
    UNTIL(conn->c, !conn->is_sending && !conn->is_release_due);
    ck_assert_msg(conn->sent_res == (int32_t)count, "%s: %d of %u at %llu",
                  conn->c->stamp->name, conn->sent_res, count,
                  (unsigned long long)offset);
    ck_assert_str_eq(conn->order, conn->order[1] ? "SL" : "S");
}

START_TEST(test_a_file_is_sent_from_any_offset_in_any_length)
{
    static const uint32_t edges[] = {
        0,    1,    2,     511,   512,   4095,
        4096, 4097, 65535, 65536, 65537, FLARE__FILE_PART - 1,
    };
    struct conf c;
    struct conf_conn *conn;
    int file = file_make(FILE_BYTES, 1);

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    for (int i = 0; i < ROWS(edges); i++) {
        for (int k = 1; k < ROWS(edges); k++)
            file_check(conn, file, edges[i], edges[k]);
        file_check(conn, file, FILE_BYTES - 1 - edges[i], edges[i] + 1);
    }
    file_check(conn, file, 0, FLARE__FILE_PART);
    file_check(conn, file, 0, FLARE__FILE_PART + 1);
    file_check(conn, file, 0, FILE_BYTES);
    ck_assert_int_eq(lseek(file, 0, SEEK_CUR), FILE_BYTES); /* not used */
    conf_close(&c);
    close(file);
}
END_TEST

START_TEST(test_an_offset_beyond_4_gib_is_kept)
{
    const uint64_t offset = (UINT64_C(5) << 30) + 3;
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[1000];
    int file = memfd_create("sparse", MFD_CLOEXEC);

    conf_fill(bytes, sizeof(bytes), 1, 0);
    ck_assert_int_eq(pwrite(file, bytes, sizeof(bytes), (off_t)offset),
                     sizeof(bytes));
    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    conf_send_file(conn, file, offset, sizeof(bytes));
    conf_peer_drain(conn, 0, sizeof(bytes), 1);
    UNTIL(&c, !conn->is_sending);
    ck_assert_int_eq(conn->sent_res, sizeof(bytes));
    conf_close(&c);
    close(file);
}
END_TEST

/* A byte to `conn` and back to its peer. */
static void ping(struct conf_conn *conn)
{
    char got[2];
    int turns = 0;
    size_t before = conn->in_len;

    conf_peer_send(conn, "p", 1);
    UNTIL(conn->c, conn->in_len == before + 1);
    conf_send_bytes(conn, "q", 1);
    while (conn->c->h->peer_recv(conn->peer, got, sizeof(got)) != 1) {
        ck_assert_int_lt(turns++, CONF_TURNS_MAX);
        (void)conf_turn(conn->c);
    }
    UNTIL(conn->c, !conn->is_sending && !conn->is_release_due);
}

/* Also to a reader that has sent FIN already: K02. */
START_TEST(test_K06_a_slow_reader_gets_its_file_while_others_are_served)
{
    struct conf c;
    struct conf_conn *conn;
    struct conf_conn *other;
    size_t from = 0;
    size_t most = 1;
    int file = file_make(BIG_BYTES, 2);

    OPEN_OR_SKIP(&c);
    other = conf_connect(&c);
    conf_recv_start(other);
    for (int is_half_closed = 0; is_half_closed < 2; is_half_closed++) {
        conn = conf_connect(&c);
        conf_recv_start(conn);
        if (is_half_closed)
            c.h->peer_shutdown(conn->peer);
        conf_send_file(conn, file, 0, BIG_BYTES);
        for (int i = 0; i < 20; i++)
            ping(other);
        ck_assert(conn->is_sending); /* nobody has read */
        for (from = 0; from < BIG_BYTES / 16;) {
            size_t n = conf_peer_read(conn, from, most, 2);

            from += n;
            most = (most * 5 + 1) % 65536;
            if (n == 0)
                (void)conf_turn(&c);
            if (from % 13 == 0)
                ping(other);
        }
        conf_peer_drain(conn, from, BIG_BYTES - from, 2);
        UNTIL(&c, !conn->is_sending && !conn->is_release_due);
        ck_assert_int_eq(conn->sent_res, BIG_BYTES);
        if (is_half_closed)
            UNTIL(&c, !conn->is_receiving);
        ck_assert_int_eq(conn->is_receiving, !is_half_closed);
    }
    conf_close(&c);
    close(file);
}
END_TEST

/* A poll that has nothing to tell waits: K08. */
START_TEST(test_K08_a_full_socket_is_waited_for_without_spinning)
{
    struct conf c;
    struct conf_conn *conn;
    int file = file_make(BIG_BYTES, 2);

    OPEN_OR_SKIP(&c);
    c.wait_ns = 2000000;
    for (int is_half_closed = 0; is_half_closed < 2; is_half_closed++) {
        int early = 0;

        conn = conf_connect(&c);
        conf_recv_start(conn);
        conf_send_file(conn, file, 0, BIG_BYTES);
        conf_turns(&c, 30);
        if (is_half_closed) {
            c.h->peer_shutdown(conn->peer);
            UNTIL(&c, !conn->is_receiving);
        }
        for (int i = 0; i < 20; i++) {
            uint64_t start = c.ops->now(c.b);

            ck_assert_int_eq(conf_turn(&c), 0);
            early += c.ops->now(c.b) < start + c.wait_ns;
        }
        ck_assert_msg(early <= 2, "%s: %d polls returned early", c.stamp->name,
                      early);
        ck_assert(conn->is_sending);
    }
    conf_close(&c);
    close(file);
}
END_TEST

START_TEST(test_files_and_buffers_keep_their_order)
{
    static uint8_t bytes[30000];
    struct conf c;
    struct conf_conn *conn;
    const size_t part = sizeof(bytes);
    size_t from = 0;
    int file = file_make(10 * sizeof(bytes), 3);

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    for (int i = 0; i < 10; i++) {
        struct iovec iov[2] = {
            {.iov_base = bytes, .iov_len = 100},
            {.iov_base = bytes + 100, .iov_len = part - 100}};

        conf_fill(bytes, part, 3, part * (size_t)i);
        if (i % 3 == 0)
            conf_send_file(conn, file, part * (size_t)i, (uint32_t)part);
        else
            conf_send(conn, iov, i % 3 == 1 ? 2 : 1);
        if (i % 3 == 2) { /* the first buffer was all; the rest is a file's */
            UNTIL(&c, !conn->is_sending && !conn->is_release_due);
            conf_send_file(conn, file, part * (size_t)i + 100,
                           (uint32_t)part - 100);
        }
        conf_peer_drain(conn, from, part, 3);
        from += part;
        UNTIL(&c, !conn->is_sending && !conn->is_release_due);
        ck_assert_int_eq(conn->sent_res, (int)(i % 3 == 2 ? part - 100 : part));
    }
    conf_close(&c);
    close(file);
}
END_TEST

START_TEST(test_a_receive_goes_on_while_a_file_is_sent)
{
    static uint8_t bytes[1 << 18];
    struct conf c;
    struct conf_conn *conn;
    size_t read = 0;
    size_t written = 0;
    int idle = 0;
    int file = file_make(sizeof(bytes), 6);

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 6, 0);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    conf_send_file(conn, file, 0, sizeof(bytes));
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
    close(file);
}
END_TEST

/* An empty pool parks the receive; the file goes on all the same. */
START_TEST(test_a_file_is_sent_while_the_receive_has_no_lease)
{
    struct conf c;
    struct conf_conn *conn;
    uint8_t bytes[CONF_LEASE_BYTES * (CONF_LEASES + 4)];
    int file = file_make(FILE_BYTES, 1);

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 7, 0);
    conn = conf_connect(&c);
    conn->holds_leases = true;
    conf_recv_start(conn);
    conf_peer_send(conn, bytes, sizeof(bytes));
    UNTIL(&c, c.leases_out == CONF_LEASES);
    conf_turns(&c, 3);
    file_check(conn, file, 0, FILE_BYTES);
    conn->holds_leases = false;
    conf_held_put(&c);
    UNTIL(&c, conn->in_len == sizeof(bytes));
    conf_in_check(conn, sizeof(bytes), 7);
    conf_close(&c);
    close(file);
}
END_TEST

START_TEST(test_U05_a_file_that_ends_early_tells_what_was_sent)
{
    static const struct {
        size_t size;
        uint64_t offset;
        uint32_t count;
        int32_t res;
    } rows[] = {
        {0, 0, 1, 0},
        {1000, 0, 1001, 1000},
        {1000, 999, 2, 1},
        {1000, 1000, 1, 0},
        {1000, UINT64_C(1) << 40, 1, 0},
        {FLARE__FILE_PART, 0, FLARE__FILE_PART + 1, FLARE__FILE_PART},
        {100000, 0, INT32_MAX, 100000},
    };
    struct conf c;

    OPEN_OR_SKIP(&c);
    for (int i = 0; i < ROWS(rows); i++) {
        int file = file_make(rows[i].size, 1);
        struct conf_conn *conn = conf_connect(&c);

        conf_send_file(conn, file, rows[i].offset, rows[i].count);
        conf_peer_drain(conn, (size_t)rows[i].offset, (size_t)rows[i].res, 1);
        UNTIL(&c, !conn->is_sending && !conn->is_release_due);
        ck_assert_msg(conn->sent_res == rows[i].res, "%s, row %d: %d",
                      c.stamp->name, i, conn->sent_res);
        close(file);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_U05_a_file_truncated_meanwhile_ends_the_send)
{
    struct conf c;
    struct conf_conn *conn;
    char got[4096];
    size_t len = 0;
    int file = file_make(BIG_BYTES, 1);

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    conf_send_file(conn, file, 0, BIG_BYTES);
    conf_turns(&c, 10);
    conf_peer_drain(conn, 0, 20000, 1);
    ck_assert(conn->is_sending);
    ck_assert_int_eq(ftruncate(file, 5000), 0);
    /* bytes on their way may be the old ones or none's: only their number */
    while (conn->is_sending || conn->is_release_due) {
        long n = c.h->peer_recv(conn->peer, got, sizeof(got));

        ck_assert_int_ge(n, 0);
        len += (size_t)n;
        (void)conf_turn(&c);
    }
    ck_assert_int_ge(conn->sent_res, 20000 + (int)len);
    ck_assert_int_lt(conn->sent_res, BIG_BYTES);
    conf_close(&c);
    close(file);
}
END_TEST

START_TEST(test_K01_K04_a_reset_ends_a_file_half_way_without_a_signal)
{
    struct conf c;
    sigset_t pending;
    int file = file_make(FILE_BYTES, 1);

    ck_assert_ptr_ne(signal(SIGPIPE, SIG_DFL), SIG_ERR); /* it would kill */
    OPEN_OR_SKIP(&c);
    for (int i = 0; i < 4; i++) {
        struct conf_conn *conn = conf_connect(&c);

        if (i & 1)
            conf_recv_start(conn);
        if (i & 2) /* then a reset is EPIPE at once */
            c.h->peer_shutdown(conn->peer);
        conf_send_file(conn, file, 0, FILE_BYTES);
        conf_peer_drain(conn, 0, 5000, 1);
        c.h->peer_close(conn->peer, /* is_abort = */ true);
        conn->peer = NULL;
        UNTIL(&c, !conn->is_sending && !conn->is_release_due);
        ck_assert_int_lt(conn->sent_res, FILE_BYTES);
        ck_assert_int_ne(conn->sent_res, -ECANCELED);
        if (i & 1)
            UNTIL(&c, !conn->is_receiving);
        conf_send_file(conn, file, 0, 1);
        UNTIL(&c, !conn->is_sending && !conn->is_release_due);
        ck_assert_msg(conn->sent_res == -EPIPE || conn->sent_res == -ECONNRESET,
                      "%s: %d", c.stamp->name, conn->sent_res);
    }
    ck_assert_int_eq(sigpending(&pending), 0);
    ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
    conf_close(&c);
    close(file);
}
END_TEST

START_TEST(test_a_file_can_be_sent_again_after_it_was_blocked)
{
    struct conf c;
    struct conf_conn *conn;
    int file = file_make(FILE_BYTES, 1);

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    for (int i = 0; i < 5; i++) {
        memset(conn->order, 0, sizeof(conn->order));
        conf_send_file(conn, file, 0, FILE_BYTES);
        conf_turns(&c, 4);
        conf_peer_drain(conn, 0, FILE_BYTES, 1);
        UNTIL(&c, !conn->is_sending && !conn->is_release_due);
        ck_assert_int_eq(conn->sent_res, FILE_BYTES);
        ping(conn);
        file_check(conn, file, 5, 7);
    }
    conf_shut(conn, FLARE__CLOSE_GRACEFUL);
    UNTIL(&c, conn->is_closed);
    conf_close(&c);
    close(file);
}
END_TEST

START_TEST(test_the_addresses_of_a_connection_are_told)
{
    struct conf c;
    struct conf_conn *conns[3];
    struct sockaddr_storage seen[3] = {{.ss_family = 0}};

    OPEN_OR_SKIP(&c);
    for (int i = 0; i < 3; i++) {
        struct sockaddr_storage local;
        socklen_t len = 0;

        conns[i] = conf_connect(&c);
        ck_assert_int_eq(c.ops->peer(c.b, &conns[i]->sock, &seen[i], &len), 0);
        ck_assert_uint_eq(len, sizeof(struct sockaddr_in));
        ck_assert_int_eq(seen[i].ss_family, AF_INET);
        ck_assert_int_eq(c.ops->local(c.b, &conns[i]->sock, &local, &len), 0);
        ck_assert_uint_eq(len, sizeof(struct sockaddr_in));
        ck_assert_uint_eq(((struct sockaddr_in *)&local)->sin_port,
                          ((struct sockaddr_in *)&c.addr)->sin_port);
    }
    ck_assert_int_ne(memcmp(&seen[0], &seen[1], sizeof(struct sockaddr_in)), 0);
    for (int i = 0; i < 3; i++) {
        struct sockaddr_storage again;
        socklen_t len = 0;

        ck_assert_int_eq(c.ops->peer(c.b, &conns[i]->sock, &again, &len), 0);
        ck_assert_mem_eq(&again, &seen[i], len);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_what_has_no_peer_says_so)
{
    struct conf c;
    struct sockaddr_storage addr;
    struct conf_conn *conn;
    socklen_t len = 99;

    OPEN_OR_SKIP(&c);
    ck_assert_int_eq(c.ops->peer(c.b, &c.listener->sock, &addr, &len),
                     -ENOTCONN);
    ck_assert_uint_eq(len, 99);
    ck_assert_int_eq(c.ops->local(c.b, &c.listener->sock, &addr, &len), 0);
    conn = conf_attach(&c, c.h->socket(c.world));
    ck_assert_int_eq(c.ops->peer(c.b, &conn->sock, &addr, &len), -ENOTCONN);
    conn = conf_attach(&c, c.h->foreign(c.world));
    ck_assert_int_eq(c.ops->peer(c.b, &conn->sock, &addr, &len), -ENOTSOCK);
    ck_assert_int_eq(c.ops->local(c.b, &conn->sock, &addr, &len), -ENOTSOCK);
    conn = conf_connect(&c);
    conf_recv_start(conn);
    c.h->peer_close(conn->peer, /* is_abort = */ true);
    conn->peer = NULL;
    UNTIL(&c, !conn->is_receiving);
    ck_assert_int_eq(c.ops->peer(c.b, &conn->sock, &addr, &len), -ENOTCONN);
    conf_close(&c);
}
END_TEST

TCase *conf_case_file(void)
{
    const TTest *const tests[] = {
        test_a_file_is_sent_from_any_offset_in_any_length,
        test_an_offset_beyond_4_gib_is_kept,
        test_K06_a_slow_reader_gets_its_file_while_others_are_served,
        test_K08_a_full_socket_is_waited_for_without_spinning,
        test_files_and_buffers_keep_their_order,
        test_a_receive_goes_on_while_a_file_is_sent,
        test_a_file_is_sent_while_the_receive_has_no_lease,
        test_U05_a_file_that_ends_early_tells_what_was_sent,
        test_U05_a_file_truncated_meanwhile_ends_the_send,
        test_K01_K04_a_reset_ends_a_file_half_way_without_a_signal,
        test_a_file_can_be_sent_again_after_it_was_blocked,
        test_the_addresses_of_a_connection_are_told,
        test_what_has_no_peer_says_so,
    };
    TCase *tc = tcase_create("file");

    tcase_set_timeout(tc, 20);
    for (int i = 0; i < ROWS(tests); i++)
        tcase_add_loop_test(tc, tests[i], 0, conf_stamp_count);
    return tc;
}
