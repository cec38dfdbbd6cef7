/* SPDX-License-Identifier: MIT */
/* Conformance: accepting and connecting. */
#include "tests/backends/conformance.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

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

/* What cannot be connected to, and from which socket. */
static const struct {
    const char *name;
    int family;     /* of the socket */
    const char *ip; /* NULL: `path` */
    const char *path;
    bool is_refused_port;
    bool is_from_loopback; /* bound to 127.0.0.1 */
} nowhere[] = {
    {"broadcast", AF_INET, "255.255.255.255", NULL, false, false},
    {"no port", AF_INET, "127.0.0.1", NULL, false, false},
    {"refused, IPv6", AF_INET6, "::1", NULL, true, false},
    {"refused, IPv4 mapped", AF_INET6, "::ffff:127.0.0.1", NULL, true, false},
    {"link-local, no interface", AF_INET6, "fe80::1", NULL, true, false},
    {"unreachable, IPv6", AF_INET6, "2001:db8::1", NULL, true, false},
    {"from loopback to outside", AF_INET, "192.0.2.1", NULL, true, true},
    {"another family", AF_INET, "::1", NULL, true, false},
    {"no such path", AF_UNIX, NULL, "/nowhere/flare.sock", false, false},
    {"no socket", AF_UNIX, NULL, "/dev/null", false, false},
    {"no such name", AF_UNIX, NULL, "@flare-nowhere", false, false},
};

static socklen_t nowhere_address(int row, uint16_t port,
                                 struct sockaddr_storage *out)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(port)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t len;

    memset(out, 0, sizeof(*out));
    if (nowhere[row].path != NULL) {
        len = strlen(nowhere[row].path);
        memcpy(un.sun_path, nowhere[row].path, len);
        if (un.sun_path[0] == '@')
            un.sun_path[0] = '\0'; /* abstract */
        memcpy(out, &un, sizeof(un));
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    }
    if (inet_pton(AF_INET, nowhere[row].ip, &in.sin_addr) == 1) {
        memcpy(out, &in, sizeof(in));
        return sizeof(in);
    }
    ck_assert_int_eq(inet_pton(AF_INET6, nowhere[row].ip, &in6.sin6_addr), 1);
    memcpy(out, &in6, sizeof(in6));
    return sizeof(in6);
}

static int nowhere_socket(int row)
{
    const struct sockaddr_in from = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(nowhere[row].family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && nowhere[row].is_from_loopback)
        ck_assert_int_eq(bind(fd, (const struct sockaddr *)&from, sizeof(from)),
                         0);
    return fd;
}

/* The plain call's result; 1: it does not end soon. */
static int plain_connect(int fd, const struct sockaddr_storage *addr,
                         socklen_t len)
{
    const struct timeval soon = {.tv_usec = 200000};
    int rc;

    ck_assert_int_eq(
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)), 0);
    rc = connect(fd, (const struct sockaddr *)addr, len) < 0 ? -errno : 0;
    close(fd);
    return rc == -EINPROGRESS || rc == -EAGAIN || rc == 0 ? 1 : rc;
}

START_TEST(test_K11_a_connect_that_fails_says_what_the_plain_call_says)
{
    struct conf c;
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    struct sockaddr_in refused;

    if (conf_stamps[_i].harness->sim != NULL)
        TEST_SKIP("sim has routes instead");
    OPEN_OR_SKIP(&c);
    c.h->refused(c.world, &addr, &len);
    memcpy(&refused, &addr, sizeof(refused));
    for (int row = 0; row < ROWS(nowhere); row++) {
        uint16_t port =
            nowhere[row].is_refused_port ? ntohs(refused.sin_port) : 0;
        int fd = nowhere_socket(row);
        struct conf_conn *conn;
        int plain;

        len = nowhere_address(row, port, &addr);
        plain = fd < 0 ? 1 : plain_connect(fd, &addr, len);
        if (plain == 1) {
            printf("SKIP %s: %s\n", c.stamp->name, nowhere[row].name);
            continue;
        }
        conn = conf_attach(&c, nowhere_socket(row));
        ck_assert_int_eq(c.ops->connect(c.b, &conn->sock,
                                        (const struct sockaddr *)&addr, len),
                         0);
        conn->is_connecting = true;
        UNTIL(&c, !conn->is_connecting);
        ck_assert_msg(conn->connect_res == plain, "%s: %s: %d, not %d",
                      c.stamp->name, nowhere[row].name, conn->connect_res,
                      plain);
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
    tcase_add_loop_test(
        tc, test_K11_a_connect_that_fails_says_what_the_plain_call_says, 0, n);
    return tc;
}
