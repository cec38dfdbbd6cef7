/* SPDX-License-Identifier: MIT */
/* Conformance: accepting and connecting. */
#include "tests/backends/conformance.h"

#include <errno.h>
#include <string.h>

enum { CROWD = 40 };

static int accept_start(struct conf *c)
{
    int rc = c->ops->accept_start(c->b, &c->listener->sock);

    if (rc == 0) {
        c->listener->is_accepting = true;
        c->listener->is_stopped = false;
    }
    return rc;
}

static void crowd_connect(struct conf *c, struct conf_peer **peers)
{
    for (int i = 0; i < CROWD; i++)
        peers[i] = c->h->peer_connect(c->world, &c->addr, c->addr_len);
}

static void crowd_leave(struct conf *c, struct conf_peer **peers)
{
    for (int i = 0; i < CROWD; i++)
        c->h->peer_close(peers[i], /* is_abort = */ false);
}

START_TEST(test_every_connection_is_accepted_once)
{
    struct conf c;
    struct conf_peer *peers[CROWD];
    struct conf_conn *conns[CROWD];
    char sum[CROWD] = {0};

    OPEN_OR_SKIP(&c);
    crowd_connect(&c, peers);
    UNTIL(&c, c.listener->accepted_count == CROWD);
    conf_turns(&c, 5);
    ck_assert_int_eq(c.listener->accepted_count, CROWD);
    for (int i = 0; i < CROWD; i++) {
        char byte = (char)i;

        conns[i] = conf_take(&c);
        conf_recv_start(conns[i]);
        while (c.h->peer_send(peers[i], &byte, 1) == 0)
            (void)conf_turn(&c);
    }
    for (int i = 0; i < CROWD; i++) {
        UNTIL(&c, conns[i]->in_len == 1);
        sum[conns[i]->in[0]]++;
    }
    for (int i = 0; i < CROWD; i++)
        ck_assert_int_eq(sum[i], 1);
    crowd_leave(&c, peers);
    conf_close(&c);
}
END_TEST

START_TEST(test_accept_goes_on_when_a_poll_gives_one_event)
{
    struct conf c;
    struct conf_peer *peers[CROWD];

    OPEN_OR_SKIP(&c);
    c.capacity = 1;
    crowd_connect(&c, peers);
    UNTIL(&c, c.listener->accepted_count == CROWD);
    crowd_leave(&c, peers);
    conf_close(&c);
}
END_TEST

START_TEST(test_what_is_not_attached_is_discarded)
{
    struct conf c;
    struct conf_peer *peer;
    char got[8];
    long n = 0;

    OPEN_OR_SKIP(&c);
    peer = c.h->peer_connect(c.world, &c.addr, c.addr_len);
    UNTIL(&c, c.listener->accepted_count == 1);
    c.ops->discard(c.b, c.listener->accepted[0]);
    c.listener->accepted_count = 0;
    for (int i = 0; n >= 0 && i < CONF_TURNS_MAX; i++) {
        n = c.h->peer_recv(peer, got, sizeof(got));
        (void)conf_turn(&c);
    }
    ck_assert_int_lt(n, 0);
    c.h->peer_close(peer, /* is_abort = */ false);
    conf_close(&c);
}
END_TEST

START_TEST(test_accept_stop_ends_it_and_start_finds_who_came_meanwhile)
{
    struct conf c;
    struct conf_conn *l;
    struct conf_peer *peer;

    OPEN_OR_SKIP(&c);
    l = c.listener;
    l->is_manual = true;
    for (int i = 0; i < 3; i++) {
        memset(l->order, 0, sizeof(l->order));
        conf_turns(&c, i);
        l->is_stopped = true;
        c.ops->accept_stop(c.b, &l->sock);
        c.ops->accept_stop(c.b, &l->sock);
        ck_assert(l->is_accepting);
        UNTIL(&c, !l->is_accepting);
        ck_assert_str_eq(l->order, "Z");
        ck_assert_int_eq(l->accept_res, -ECANCELED);

        peer = c.h->peer_connect(c.world, &c.addr, c.addr_len);
        conf_turns(&c, 5);
        ck_assert_int_eq(l->accepted_count, 0);
        ck_assert_int_eq(accept_start(&c), 0);
        conf_take(&c)->peer = peer;
    }
    conf_close(&c);
}
END_TEST

/* Who waits is served when there are descriptors again, and no core spins. */
START_TEST(test_R08_no_descriptors_end_the_accept_and_it_recovers)
{
    struct conf c;
    struct conf_conn *l;
    struct conf_peer *peers[3];

    OPEN_OR_SKIP(&c);
    l = c.listener;
    for (int i = 0; i < 3; i++)
        peers[i] = NULL;
    l->is_manual = l->is_stopped = true;
    c.ops->accept_stop(c.b, &l->sock);
    UNTIL(&c, !l->is_accepting);
    for (int i = 0; i < 3; i++)
        peers[i] = c.h->peer_connect(c.world, &c.addr, c.addr_len);
    conf_turns(&c, 5);

    c.h->descriptors_deny(c.world, true);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(accept_start(&c), 0);
        UNTIL(&c, !l->is_accepting);
        ck_assert_msg(l->accept_res == -EMFILE, "%s: %d", c.stamp->name,
                      l->accept_res);
        ck_assert_int_eq(l->accepted_count, 0);
        for (int j = 0; j < 5; j++)
            ck_assert_int_eq(conf_turn(&c), 0);
    }
    c.h->descriptors_deny(c.world, false);
    ck_assert_int_eq(accept_start(&c), 0);
    for (int i = 0; i < 3; i++)
        conf_take(&c)->peer = peers[i];
    conf_close(&c);
}
END_TEST

/* Connect. */

static struct conf_conn *connect_to(struct conf *c,
                                    const struct sockaddr_storage *addr,
                                    socklen_t len)
{
    struct conf_conn *conn = conf_attach(c, c->h->socket(c->world));
    struct sockaddr_storage copy = *addr;
    int rc;

    conf_turns(c, 2); /* edges of the unconnected socket mean nothing */
    rc = c->ops->connect(c->b, &conn->sock, (struct sockaddr *)&copy, len);
    ck_assert_int_eq(rc, 0);
    memset(&copy, 0, sizeof(copy)); /* it was copied */
    conn->is_connecting = true;
    return conn;
}

START_TEST(test_K11_connect_succeeds_and_both_ends_talk)
{
    struct conf c;
    struct conf_conn *client;
    struct conf_conn *server;
    uint8_t bytes[5000];

    OPEN_OR_SKIP(&c);
    conf_fill(bytes, sizeof(bytes), 1, 0);
    for (int i = 0; i < 5; i++) {
        client = connect_to(&c, &c.addr, c.addr_len);
        UNTIL(&c, !client->is_connecting);
        ck_assert_int_eq(client->connect_res, 0);
        server = conf_take(&c);
        conf_recv_start(server);
        conf_recv_start(client);
        conf_send_bytes(client, bytes, sizeof(bytes));
        conf_send_bytes(server, bytes, sizeof(bytes));
        UNTIL(&c, server->in_len == sizeof(bytes) &&
                      client->in_len == sizeof(bytes));
        conf_in_check(server, sizeof(bytes), 1);
        conf_in_check(client, sizeof(bytes), 1);
        UNTIL(&c, !client->is_sending && !server->is_sending);
        conf_shut(client, FLARE__CLOSE_GRACEFUL);
        UNTIL(&c, !server->is_receiving);
        ck_assert_int_eq(server->recv_res, 0);
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_K11_connect_refused_is_its_result)
{
    struct conf c;
    struct sockaddr_storage addr;
    socklen_t len;

    OPEN_OR_SKIP(&c);
    c.h->refused(c.world, &addr, &len);
    for (int i = 0; i < 5; i++) {
        struct conf_conn *conn = connect_to(&c, &addr, len);

        UNTIL(&c, !conn->is_connecting);
        ck_assert_int_eq(conn->connect_res, -ECONNREFUSED);
        ck_assert_str_eq(conn->order, "C");
        conf_shut(conn, FLARE__CLOSE_GRACEFUL);
        UNTIL(&c, conn->is_closed);
    }
    conf_close(&c);
}
END_TEST

TCase *conf_case_accept(void)
{
    TCase *tc = tcase_create("accept");
    const int n = conf_stamp_count;

    tcase_set_timeout(tc, 20);
    tcase_add_loop_test(tc, test_every_connection_is_accepted_once, 0, n);
    tcase_add_loop_test(tc, test_accept_goes_on_when_a_poll_gives_one_event, 0,
                        n);
    tcase_add_loop_test(tc, test_what_is_not_attached_is_discarded, 0, n);
    tcase_add_loop_test(
        tc, test_accept_stop_ends_it_and_start_finds_who_came_meanwhile, 0, n);
    tcase_add_loop_test(
        tc, test_R08_no_descriptors_end_the_accept_and_it_recovers, 0, n);
    tcase_add_loop_test(tc, test_K11_connect_succeeds_and_both_ends_talk, 0, n);
    tcase_add_loop_test(tc, test_K11_connect_refused_is_its_result, 0, n);
    return tc;
}
