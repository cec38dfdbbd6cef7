/* SPDX-License-Identifier: MIT */
/* The life of a datagram socket on every backend: echo, pausing, closing. */
#include "udp/udp.h"

#include "base/assert.h"
#include "tests/udp/udp_rig.h"

#include <errno.h>
#include <string.h>

static void echo_list(struct rig_end *e, const struct flare_datagram *list,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(flare_udp_send(e->udp, &list[i].peer, list[i].bytes),
                         0);
}

START_TEST(test_udp_echoes_with_both_addresses_right)
{
    RIG_OPEN(r, _i);
    struct rig_end *server = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *client = rig_end(r, "127.0.0.1:0", NULL);

    server->on_list = echo_list;
    rig_send(client, &server->addr, "hello");
    RIG_UNTIL(r, client->count == 1);
    ck_assert_uint_eq(server->count, 1);
    ck_assert(flare_addr_equal(&server->got[0].peer, &client->addr));
    ck_assert(flare_addr_equal(&client->got[0].peer, &server->addr));
    ck_assert_str_eq(client->got[0].bytes, "hello");
    ck_assert(!client->got[0].is_truncated);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_connected_ends_echo_without_addresses)
{
    RIG_OPEN(r, _i);
    struct rig_end *server = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *client =
        rig_end(r, "", &(struct flare_udp_options){.peer = &server->addr});

    server->on_list = echo_list;
    /* before it is connected: it waits */
    rig_send(client, NULL, "hello");
    RIG_UNTIL(r, client->count == 1);
    ck_assert_int_eq(flare_udp_local(client->udp, &client->addr), 0);
    ck_assert(flare_addr_equal(&server->got[0].peer, &client->addr));
    ck_assert_str_eq(client->got[0].bytes, "hello");
    rig_free(r);
}
END_TEST

START_TEST(test_udp_both_ends_speak_ipv6)
{
    struct rig_end *server = NULL;
    struct rig_end *client;

    RIG_OPEN(r, _i);

    if (rig_end_open(r, &server, "[::1]:0", NULL) < 0) {
        rig_free(r);
        TEST_SKIP("no IPv6 here");
    }
    client = rig_end(r, "[::]:0", NULL);
    server->on_list = echo_list;
    rig_send(client, &server->addr, "six");
    RIG_UNTIL(r, client->count == 1);
    ck_assert(flare_addr_equal(&client->got[0].peer, &server->addr));
    rig_free(r);
}
END_TEST

START_TEST(test_udp_peers_of_a_dual_socket_are_ipv4_ones)
{
    struct rig_end *dual = NULL;
    struct rig_end *four;

    RIG_OPEN(r, _i);

    if (r->kind == RIG_SIM || rig_end_open(r, &dual, "[::]:0", NULL) < 0) {
        rig_free(r);
        TEST_SKIP("%s: no IPv6, or none that speaks IPv4", rig_name(_i));
    }
    four = rig_end(r, "127.0.0.1:0", NULL);
    dual->on_list = echo_list;
    dual->addr.ip = four->addr.ip; /* 127.0.0.1 */
    rig_send(four, &dual->addr, "mapped");
    RIG_UNTIL(r, four->count == 1);
    ck_assert_int_eq(dual->got[0].peer.ip.family, FLARE_IP_V4);
    ck_assert(flare_addr_equal(&dual->got[0].peer, &four->addr));
    ck_assert(flare_addr_equal(&four->got[0].peer, &dual->addr));
    rig_free(r);
}
END_TEST

/* ---- pausing ---- */

START_TEST(test_udp_paused_receives_nothing_and_loses_nothing)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    uint32_t recvs;

    flare_udp_pause(b->udp);
    flare_udp_pause(b->udp);
    rig_send(a, &b->addr, "1");
    rig_settle(r);
    recvs = r->recvs;
    for (int i = 0; i < 8; i++) /* no event for these */
        rig_send(a, &b->addr, "2");
    rig_settle(r);
    ck_assert_uint_eq(b->count, 0);
    ck_assert_uint_eq(r->recvs, recvs);
    flare_udp_resume(b->udp);
    flare_udp_resume(b->udp);
    RIG_UNTIL(r, b->count == 9);
    rig_send(a, &b->addr, "3");
    RIG_UNTIL(r, b->count == 10);
    rig_free(r);
}
END_TEST

static void pause_list(struct rig_end *e, const struct flare_datagram *list,
                       size_t count)
{
    (void)list;
    (void)count;
    flare_udp_pause(e->udp);
}

START_TEST(test_udp_pause_in_a_callback_makes_it_the_last)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b =
        rig_end(r, "127.0.0.1:0", &(struct flare_udp_options){.batch = 4});

    b->on_list = pause_list;
    for (int i = 0; i < 10; i++)
        rig_send(a, &b->addr, "x");
    RIG_UNTIL(r, b->calls == 1);
    rig_settle(r);
    ck_assert_uint_eq(b->calls, 1);
    while (b->count < 10) {
        uint32_t calls = b->calls;

        flare_udp_resume(b->udp);
        RIG_UNTIL(r, b->calls > calls);
        ck_assert_uint_eq(b->calls, calls + 1);
    }
    rig_free(r);
}
END_TEST

START_TEST(test_udp_pause_and_resume_at_once_is_no_system_call)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    uint32_t polls = r->polls_started;

    for (int i = 0; i < 100; i++) {
        flare_udp_pause(a->udp);
        flare_udp_resume(a->udp);
    }
    rig_settle(r);
    ck_assert_uint_eq(r->polls_started, polls);
    rig_free(r);
}
END_TEST

/* ---- closing ---- */

START_TEST(test_udp_close_sends_what_is_queued)
{
    RIG_OPEN(r, _i);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *c =
        rig_end(r, "", &(struct flare_udp_options){.peer = &b->addr});

    rig_send(a, &b->addr, "from a");
    rig_send(c, NULL, "from c"); /* not connected yet */
    flare_udp_close(a->udp);
    flare_udp_close(a->udp);
    flare_udp_close(c->udp);
    ck_assert_int_eq(flare_udp_send(a->udp, &b->addr, FLARE_STR("late")),
                     -EPIPE);
    ck_assert_uint_eq(a->closes, 0); /* not from inside */
    RIG_UNTIL(r, b->count == 2 && a->closes == 1 && c->closes == 1);
    ck_assert_int_eq(a->rc, 0);
    ck_assert_int_eq(c->rc, 0);
    rig_free(r);
}
END_TEST

static void close_list(struct rig_end *e, const struct flare_datagram *list,
                       size_t count)
{
    (void)list;
    (void)count;
    flare_udp_close(e->udp);
    ck_assert_int_eq(flare_udp_send(e->udp, &e->addr, FLARE_STR("x")), -EPIPE);
    flare_udp_pause(e->udp);
    flare_udp_resume(e->udp);
}

START_TEST(test_udp_close_in_a_callback_ends_them)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b =
        rig_end(r, "127.0.0.1:0", &(struct flare_udp_options){.batch = 2});

    b->on_list = close_list;
    for (int i = 0; i < 10; i++)
        rig_send(a, &b->addr, "x");
    RIG_UNTIL(r, b->closes == 1);
    ck_assert_uint_eq(b->calls, 1);
    ck_assert_int_eq(b->rc, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_end_of_the_loop_closes_it)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);

    ck_assert_uint_eq(r->loop->resident_count, 1);
    r->loop->residents->evict(r->loop->residents);
    RIG_UNTIL(r, a->closes == 1);
    ck_assert_int_eq(a->rc, 0);
    ck_assert_uint_eq(r->loop->resident_count, 0);
    flare_udp_close(NULL);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_port_is_free_after_on_closed)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    char text[FLARE_ADDR_TEXT_MAX];
    struct rig_end *b = NULL;

    flare_addr_format(&a->addr, text, sizeof(text));
    ck_assert_int_eq(rig_end_open(r, &b, text, NULL), -EADDRINUSE);
    flare_udp_close(a->udp);
    RIG_UNTIL(r, a->closes == 1);
    ck_assert_int_eq(rig_end_open(r, &b, text, NULL), 0);
    rig_free(r);
}
END_TEST

static int refuse_connect(struct rig *r, const struct sockaddr *addr,
                          socklen_t len)
{
    (void)r;
    (void)addr;
    (void)len;
    return -ENETUNREACH;
}

START_TEST(test_udp_that_cannot_be_connected_is_closed_with_the_reason)
{
    RIG_OPEN(r, _i);
    struct flare_addr peer = rig_addr("127.0.0.1:9");
    struct rig_end *a;

    r->on_connect = refuse_connect;
    a = rig_end(r, "", &(struct flare_udp_options){.peer = &peer});
    ck_assert_uint_eq(a->closes, 0);
    RIG_UNTIL(r, a->closes == 1);
    ck_assert_int_eq(a->rc, -ENETUNREACH);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_connect_refused_by_the_kernel_is_told)
{
    RIG_OPEN(r, _i);
    struct flare_addr peer = rig_addr("255.255.255.255:9");
    struct rig_end *a;

    if (r->kind == RIG_SIM) {
        rig_free(r);
        TEST_SKIP("sim: connects to anybody");
    }
    /* a broadcast address without the option */
    a = rig_end(r, "", &(struct flare_udp_options){.peer = &peer});
    RIG_UNTIL(r, a->closes == 1);
    ck_assert(a->rc == -EACCES || a->rc == -ENETUNREACH);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp/udp");
    TCase *tc = tcase_create("udp");

    tcase_set_timeout(tc, 30);
#define EACH(test) tcase_add_loop_test(tc, test, 0, RIG_KINDS)
    EACH(test_udp_echoes_with_both_addresses_right);
    EACH(test_udp_connected_ends_echo_without_addresses);
    EACH(test_udp_both_ends_speak_ipv6);
    EACH(test_udp_peers_of_a_dual_socket_are_ipv4_ones);
    EACH(test_udp_paused_receives_nothing_and_loses_nothing);
    EACH(test_udp_pause_in_a_callback_makes_it_the_last);
    EACH(test_udp_pause_and_resume_at_once_is_no_system_call);
    EACH(test_udp_close_sends_what_is_queued);
    EACH(test_udp_close_in_a_callback_ends_them);
    EACH(test_udp_end_of_the_loop_closes_it);
    EACH(test_udp_port_is_free_after_on_closed);
    EACH(test_udp_that_cannot_be_connected_is_closed_with_the_reason);
    EACH(test_udp_connect_refused_by_the_kernel_is_told);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
