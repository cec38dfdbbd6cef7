/* SPDX-License-Identifier: MIT */
/* Conformance: close, with everything that may be in flight. */
#include "tests/backends/conformance.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int count_of(const char *order, char what)
{
    int n = 0;

    for (; *order != 0; order++)
        n += *order == what;
    return n;
}

/* What the peer's end says in the long run. */
static long peer_end(struct conf_conn *conn)
{
    char got[4096];
    long n = 0;

    for (int i = 0; n >= 0; i++) {
        ck_assert_int_lt(i, CONF_TURNS_MAX);
        n = conn->c->h->peer_recv(conn->peer, got, sizeof(got));
        (void)conf_turn(conn->c);
    }
    return n;
}

START_TEST(test_a_graceful_close_sends_fin_after_what_was_sent)
{
    struct conf c;
    struct conf_conn *conn;

    OPEN_OR_SKIP(&c);
    for (int is_receiving = 0; is_receiving < 2; is_receiving++) {
        conn = conf_connect(&c);
        if (is_receiving)
            conf_recv_start(conn);
        conf_send_bytes(conn, "all of it", 9);
        UNTIL(&c, !conn->is_sending);
        conf_shut(conn, FLARE__CLOSE_GRACEFUL);
        UNTIL(&c, conn->is_closed);
        ck_assert_int_eq(peer_end(conn), CONF_FIN);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_an_aborting_close_sends_a_reset)
{
    struct conf c;
    struct conf_conn *conn;

    OPEN_OR_SKIP(&c);
    for (int is_receiving = 0; is_receiving < 2; is_receiving++) {
        conn = conf_connect(&c);
        if (is_receiving)
            conf_recv_start(conn);
        conf_turns(&c, 2);
        conf_shut(conn, FLARE__CLOSE_ABORT);
        UNTIL(&c, conn->is_closed);
        ck_assert_int_eq(peer_end(conn), CONF_RST);
    }
    conf_close(&c);
}
END_TEST

enum { PEER_IDLE, PEER_DATA, PEER_FIN, PEER_RESET, PEER_STATES };

struct combination {
    bool is_receiving;
    bool is_stopping; /* the receive */
    bool is_sending;  /* blocked half-way */
    bool is_file;     /* what it sends */
    bool is_early;    /* closed before the backend saw any of it */
    int peer;
    enum flare__close_how how;
};

static struct combination combination_of(int i)
{
    return (struct combination){
        .is_receiving = i & 1,
        .is_sending = i & 2,
        .is_early = i & 4,
        .is_stopping = i & 8,
        .how = i & 16 ? FLARE__CLOSE_ABORT : FLARE__CLOSE_GRACEFUL,
        .is_file = i & 32,
        .peer = i >> 6,
    };
}

enum { COMBINATIONS = PEER_STATES << 6 };

static void peer_act(struct conf_conn *conn, int what)
{
    struct conf *c = conn->c;

    if (what == PEER_DATA)
        conf_peer_send(conn, "some data", 9);
    else if (what == PEER_FIN)
        c->h->peer_shutdown(conn->peer);
    else if (what == PEER_RESET) {
        c->h->peer_close(conn->peer, /* is_abort = */ true);
        conn->peer = NULL;
    }
}

static uint8_t bytes[1 << 18];

static void combination_send(struct conf_conn *conn,
                             const struct combination *how, int file)
{
    if (how->is_sending && how->is_file)
        conf_send_file(conn, file, 0, sizeof(bytes));
    else if (how->is_sending)
        conf_send_bytes(conn, bytes, sizeof(bytes));
}

static void combination_check(struct conf *c, int i, int file)
{
    const struct combination how = combination_of(i);
    struct conf_conn *conn = conf_connect(c);
    const char *name = c->stamp->name;

    if (how.is_receiving)
        conf_recv_start(conn);
    combination_send(conn, &how, file);
    if (!how.is_early)
        conf_turns(c, 2);
    peer_act(conn, how.peer);
    if (!how.is_early)
        conf_turns(c, 1);
    if (how.is_stopping)
        conf_recv_stop(conn);
    conf_shut(conn, how.how);
    UNTIL(c, conn->is_closed);

    ck_assert_msg(count_of(conn->order, 'X') == 1 &&
                      conn->order[strlen(conn->order) - 1] == 'X',
                  "%s, %d: CLOSED is not last: %s", name, i, conn->order);
    ck_assert_msg(count_of(conn->order, 'E') == how.is_receiving,
                  "%s, %d: receive ends: %s", name, i, conn->order);
    ck_assert_msg(count_of(conn->order, 'S') == how.is_sending,
                  "%s, %d: sends: %s", name, i, conn->order);
    if (how.peer != PEER_RESET && how.is_sending)
        ck_assert_msg(conn->sent_res == -ECANCELED, "%s, %d: sent %d", name, i,
                      conn->sent_res);
    if (how.peer == PEER_IDLE && how.is_receiving)
        ck_assert_msg(conn->recv_res == -ECANCELED, "%s, %d: received %d", name,
                      i, conn->recv_res);
}

START_TEST(test_close_gives_each_operation_its_end_and_then_closed)
{
    struct conf c;
    int file = memfd_create("close", MFD_CLOEXEC);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(ftruncate(file, sizeof(bytes)), 0);
    OPEN_OR_SKIP(&c);
    for (int i = 0; i < COMBINATIONS; i++)
        combination_check(&c, i, file);
    conf_close(&c);
    close(file);
}
END_TEST

START_TEST(test_close_of_a_listener_ends_its_accept)
{
    struct conf c;
    struct conf_conn *l;

    OPEN_OR_SKIP(&c);
    l = c.listener;
    (void)conf_connect(&c);
    conf_turns(&c, 3);
    memset(l->order, 0, sizeof(l->order));
    conf_shut(l, FLARE__CLOSE_GRACEFUL);
    UNTIL(&c, l->is_closed);
    ck_assert_str_eq(l->order, "ZX");
    ck_assert_int_eq(l->accept_res, -ECANCELED);
    conf_close(&c);
}
END_TEST

START_TEST(test_close_of_an_idle_socket_gives_only_closed)
{
    struct conf c;
    struct conf_conn *conn;
    struct conf_conn *fresh;

    OPEN_OR_SKIP(&c);
    conn = conf_connect(&c);
    fresh = conf_attach(&c, c.h->socket(c.world));
    conf_shut(conn, FLARE__CLOSE_GRACEFUL);
    conf_shut(fresh, FLARE__CLOSE_GRACEFUL);
    UNTIL(&c, conn->is_closed && fresh->is_closed);
    ck_assert_str_eq(conn->order, "X");
    ck_assert_str_eq(fresh->order, "X");
    conf_close(&c);
}
END_TEST

START_TEST(test_close_ends_a_connect)
{
    struct conf c;

    OPEN_OR_SKIP(&c);
    for (int turns = 0; turns < 3; turns++) {
        struct conf_conn *conn = conf_attach(&c, c.h->socket(c.world));
        int rc = c.ops->connect(c.b, &conn->sock, (struct sockaddr *)&c.addr,
                                c.addr_len);

        ck_assert_int_eq(rc, 0);
        conn->is_connecting = true;
        conf_turns(&c, turns);
        conf_shut(conn, FLARE__CLOSE_ABORT);
        UNTIL(&c, conn->is_closed);
        ck_assert_str_eq(conn->order, "CX");
        ck_assert(conn->connect_res == 0 || conn->connect_res == -ECANCELED);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_close_ends_a_poll)
{
    struct conf c;
    struct conf_conn *conn;

    OPEN_OR_SKIP(&c);
    for (int turns = 0; turns < 2; turns++) {
        conn = conf_attach(&c, c.h->foreign(c.world));
        ck_assert_int_eq(c.ops->poll_fd(c.b, &conn->sock, POLLIN), 0);
        conn->is_polling = true;
        conf_turns(&c, turns);
        conf_shut(conn, FLARE__CLOSE_GRACEFUL);
        UNTIL(&c, conn->is_closed);
        ck_assert_str_eq(conn->order, "PX");
        ck_assert_int_eq(conn->poll_res, -ECANCELED);
    }
    conf_close(&c);
}
END_TEST

static void hook_close_self(struct conf_conn *conn,
                            const struct flare__event *ev)
{
    (void)ev;
    if (!conn->is_closing)
        conf_shut(conn, FLARE__CLOSE_GRACEFUL);
}

START_TEST(test_close_from_within_each_event)
{
    struct conf c;
    struct conf_conn *recv;
    struct conf_conn *sent;

    OPEN_OR_SKIP(&c);
    recv = conf_connect(&c);
    sent = conf_connect(&c);
    recv->hook = sent->hook = hook_close_self;
    conf_recv_start(recv);
    conf_recv_start(sent);
    conf_peer_send(recv, "x", 1);
    conf_send_bytes(sent, "y", 1);
    UNTIL(&c, recv->is_closed && sent->is_closed);
    ck_assert_int_eq(recv->order[0], 'R');
    ck_assert_int_eq(sent->order[0], 'S');
    conf_close(&c);
}
END_TEST

START_TEST(test_R20_descriptors_come_back_and_are_used_again)
{
    struct conf c;
    uint32_t before;

    OPEN_OR_SKIP(&c);
    before = c.h->descriptors(c.world);
    for (int i = 0; i < 100; i++) {
        struct conf_conn *conn = conf_connect(&c);

        conf_recv_start(conn);
        conf_turns(&c, i % 2);
        conf_shut(conn, i % 3 ? FLARE__CLOSE_GRACEFUL : FLARE__CLOSE_ABORT);
        UNTIL(&c, conn->is_closed);
        c.h->peer_close(conn->peer, /* is_abort = */ false);
        conn->peer = NULL;
    }
    conf_turns(&c, 3);
    ck_assert_uint_eq(c.h->descriptors(c.world), before);
    conf_close(&c);
}
END_TEST

TCase *conf_case_close(void)
{
    TCase *tc = tcase_create("close");
    const int n = conf_stamp_count;

    tcase_set_timeout(tc, 20);
    tcase_add_loop_test(tc, test_a_graceful_close_sends_fin_after_what_was_sent,
                        0, n);
    tcase_add_loop_test(tc, test_an_aborting_close_sends_a_reset, 0, n);
    tcase_add_loop_test(
        tc, test_close_gives_each_operation_its_end_and_then_closed, 0, n);
    tcase_add_loop_test(tc, test_close_of_a_listener_ends_its_accept, 0, n);
    tcase_add_loop_test(tc, test_close_of_an_idle_socket_gives_only_closed, 0,
                        n);
    tcase_add_loop_test(tc, test_close_ends_a_connect, 0, n);
    tcase_add_loop_test(tc, test_close_ends_a_poll, 0, n);
    tcase_add_loop_test(tc, test_close_from_within_each_event, 0, n);
    tcase_add_loop_test(tc, test_R20_descriptors_come_back_and_are_used_again,
                        0, n);
    return tc;
}
