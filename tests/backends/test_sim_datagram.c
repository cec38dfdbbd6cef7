/* SPDX-License-Identifier: MIT */
/*
 * Datagrams in the simulated network: what each fault does to them by itself;
 * routes; and how the sockets are bounded.  What the kernel does too is in the
 * conformance suite, and all faults at once in test_sim_talk.c.
 */
#include "tests/backends/sim_rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

static void rate(enum flare__sim_fault fault)
{
    flare__sim_rate_set(dg.w, fault, 1000);
}

/* Each fault by itself, always. */

START_TEST(test_K16_a_lost_one_is_lost_in_silence)
{
    struct dg_end a;
    struct dg_end b;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    rate(FLARE__SIM_DG_LOST);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), 1);
    dg_turns(5);
    ck_assert_int_eq(b.revents, 0);
    ck_assert_int_eq(dg_take(&b), -EAGAIN);
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_a_doubled_one_comes_twice)
{
    struct dg_end a;
    struct dg_end b;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    rate(FLARE__SIM_DG_TWICE);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), 1);
    dg_turns(200);
    ck_assert_int_eq(dg_drain(&b), 2);
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_one_that_is_overtaken_comes_all_the_same)
{
    struct dg_end a;
    struct dg_end b;
    int first = -1;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    rate(FLARE__SIM_DG_REORDER);
    ck_assert_int_eq(dg_put(&a, &b, "1", 1), 1);
    flare__sim_calm(dg.w);
    ck_assert_int_eq(dg_put(&a, &b, "2", 1), 1);
    for (int i = 0; i < 5000 && first < 0; i++) {
        dg_turn(MS);
        if (dg_take(&b) == 1)
            first = dg_bytes[0];
    }
    ck_assert_int_eq(first, '2');
    while (dg_take(&b) != 1)
        dg_turn(MS);
    ck_assert_int_eq(dg_bytes[0], '1');
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_latency_keeps_the_order)
{
    struct dg_end a;
    struct dg_end b;
    uint8_t next = 0;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    rate(FLARE__SIM_DG_LATENCY);
    for (uint8_t i = 0; i < 50; i++)
        ck_assert_int_eq(dg_put(&a, &b, &i, 1), 1);
    ck_assert_int_eq(dg_take(&b), -EAGAIN);
    while (next < 50) {
        dg_turn(MS);
        while (dg_take(&b) == 1)
            ck_assert_uint_eq(dg_bytes[0], next++);
    }
    dg_close(&a, &b);
}
END_TEST

/* select(2) on Linux may say so too, for a bad checksum. */
START_TEST(test_K08_readable_and_yet_nothing_is_there)
{
    struct dg_end a;
    struct dg_end b;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    rate(FLARE__SIM_DG_CORRUPT);
    for (int i = 0; i < 3; i++) {
        b.revents = 0;
        ck_assert_int_eq(dg_put(&a, &b, "x", 1), 1);
        dg_turns(3);
        ck_assert_int_eq(b.revents, POLLIN);
        ck_assert_int_eq(dg_take(&b), -EAGAIN);
    }
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_K16_a_forged_one_reaches_only_those_who_hear_everybody)
{
    struct dg_end a;
    struct dg_end b;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    rate(FLARE__SIM_DG_SPOOFED);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), 1);
    dg_turns(3);
    ck_assert_int_eq(dg_drain(&b), 2);
    dg_end_connect(&b, &a);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), 1);
    dg_turns(3);
    ck_assert_int_eq(dg_take(&b), 1);
    ck_assert_int_eq(dg_bytes[0], 'x');
    ck_assert_uint_eq(dg_port(&dg_got.addr), dg_port(&a.addr));
    ck_assert_int_eq(dg_take(&b), -EAGAIN);
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_K16_an_icmp_message_is_heard_of_by_who_is_connected)
{
    struct dg_end a;
    struct dg_end b;
    int rc;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    rate(FLARE__SIM_DG_ICMP);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), 1);
    dg_turns(3);
    ck_assert_int_eq(a.revents, 0); /* it is not connected */
    dg_end_connect(&a, &b);
    ck_assert_int_eq(dg_put(&a, NULL, "y", 1), 1);
    dg_turns(3);
    ck_assert_int_eq(a.revents, POLLERR);
    rc = dg_put(&a, NULL, "z", 1); /* a send is told as well as a receive */
    ck_assert(rc == -ECONNREFUSED || rc == -EHOSTUNREACH);
    flare__sim_calm(dg.w);
    ck_assert_int_eq(dg_put(&a, NULL, "z", 1), 1);
    dg_turns(3);
    ck_assert_int_eq(dg_drain(&b), 3); /* an error is of one operation */
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_K08_a_full_one_says_when_there_is_room)
{
    struct dg_end a;
    struct dg_end b;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    rate(FLARE__SIM_DG_FULL);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), -EAGAIN);
    dg_watch(&a, POLLIN | POLLOUT);
    ck_assert_int_eq(a.revents, 0); /* not at once */
    flare__sim_calm(dg.w);
    while (a.revents == 0)
        dg_turn(MS);
    ck_assert_int_eq(a.revents, POLLOUT);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), 1);
    dg_turns(3);
    ck_assert_int_eq(dg_drain(&b), 1);
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_a_failed_send_is_the_first_of_a_batch_or_ends_it)
{
    struct flare__datagram list[3];
    struct dg_end a;
    struct dg_end b;
    int seen[4] = {0};

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    for (int i = 0; i < 3; i++)
        list[i] = (struct flare__datagram){
            .addr = b.addr, .addr_len = b.addr_len, .data = dg_bytes, .len = 1};
    flare__sim_rate_set(dg.w, FLARE__SIM_DG_SEND_ERROR, 300);
    for (int i = 0; i < 200; i++) {
        int rc = dg.ops->datagram_send(dg.b, &a.sock, list, 3);

        ck_assert(rc == -ENOBUFS || rc == -EPERM || rc == -ENETUNREACH ||
                  (rc >= 1 && rc <= 3));
        seen[rc < 0 ? 0 : rc]++;
        dg_turns(1);
        ck_assert_int_eq(dg_drain(&b), rc < 0 ? 0 : rc);
    }
    for (int i = 0; i < 4; i++)
        ck_assert_msg(seen[i] > 0, "never %d", i);
    dg_close(&a, &b);
}
END_TEST

/* Bounds. */

START_TEST(test_a_queue_that_nobody_reads_is_bounded)
{
    struct flare__sim_counts counts = {.polls = 0};
    struct dg_end a;
    struct dg_end b;
    int came;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(dg_put(&a, &b, dg_bytes, 10), 1);
        dg_turns(1);
    }
    came = dg_drain(&b);
    flare__sim_count(dg.w, &counts);
    ck_assert_int_eq(came, 256);
    ck_assert_uint_eq(counts.datagrams, 256);
    ck_assert_uint_eq(counts.overflows, 1000 - 256);
    ck_assert_int_eq(dg_put(&a, &b, dg_bytes, 10), 1);
    dg_turns(2);
    ck_assert_int_eq(dg_drain(&b), 1);
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_what_is_on_its_way_is_bounded)
{
    static uint8_t large[60000];
    struct dg_end a;
    struct dg_end b;
    int sent = 0;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    rate(FLARE__SIM_DG_LATENCY);
    while (dg_put(&a, &b, large, sizeof(large)) == 1)
        ck_assert_int_lt(sent++, 100);
    ck_assert_int_ge(sent, 3);
    dg_watch(&a, POLLOUT);
    while (a.revents == 0)
        dg_turn(MS);
    ck_assert_int_eq(dg_put(&a, &b, large, sizeof(large)), 1);
    dg_close(&a, &b);
}
END_TEST

/* Addresses. */

static void answer_comes_from_where_it_was_asked(int family)
{
    struct dg_end asker;
    struct dg_end server;
    struct dg_end there;

    dg_end_open(&asker, family, 0, 0);
    dg_end_open(&server, family, 0, 53); /* of all addresses */
    there = server;
    there.addr_len = dg_address(&there.addr, family, DG_IP, 53);
    dg_end_connect(&asker, &there);
    ck_assert_int_eq(dg_put(&asker, NULL, "?", 1), 1);
    dg_turns(3);
    ck_assert_int_eq(dg_take(&server), 1);
    there.addr = dg_got.addr;
    there.addr_len = dg_got.addr_len;
    ck_assert_int_eq(dg_put(&server, &there, "!", 1), 1);
    dg_turns(3);
    ck_assert_int_eq(dg_take(&asker), 1); /* it hears 192.0.2.5:53 alone */
    ck_assert_int_eq(dg_bytes[0], '!');
    dg_end_close(&asker);
    dg_end_close(&server);
}

START_TEST(test_an_answer_comes_from_where_it_was_asked)
{
    dg_open(1, true);
    answer_comes_from_where_it_was_asked(AF_INET);
    answer_comes_from_where_it_was_asked(AF_INET6);
    dg_close(NULL, NULL);
}
END_TEST

START_TEST(test_K16_a_forger_outside_is_not_heard_by_who_is_connected)
{
    struct sockaddr_storage forger;
    struct dg_end a;
    struct dg_end b;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP, 0);
    (void)dg_address(&forger, AF_INET, DG_IP, 666);
    flare__sim_datagram(dg.w, (struct sockaddr *)&forger,
                        (struct sockaddr *)&a.addr, "boo", 3);
    dg_turns(2);
    ck_assert_int_eq(dg_take(&a), 1);
    ck_assert_uint_eq(dg_port(&dg_got.addr), 666);
    dg_end_connect(&a, &b);
    flare__sim_datagram(dg.w, (struct sockaddr *)&forger,
                        (struct sockaddr *)&a.addr, "boo", 3);
    dg_turns(2);
    ck_assert_int_eq(dg_take(&a), -EAGAIN);
    /* an exact forgery of the peer is what no socket can tell */
    flare__sim_datagram(dg.w, (struct sockaddr *)&b.addr,
                        (struct sockaddr *)&a.addr, "boo", 3);
    dg_turns(2);
    ck_assert_int_eq(dg_take(&a), 1);
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_routes_are_of_datagrams_too)
{
    struct dg_end a;
    struct dg_end b;
    uint64_t start;

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    dg_end_open(&b, AF_INET, DG_IP + 1, 0);
    flare__sim_route(dg.w, (struct sockaddr *)&b.addr, 32, FLARE__SIM_BLACKHOLE,
                     0);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), 1);
    dg_turns(5);
    ck_assert_int_eq(dg_drain(&b), 0);
    flare__sim_route(dg.w, (struct sockaddr *)&b.addr, 32, -ENETUNREACH, 0);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), -ENETUNREACH);
    flare__sim_route(dg.w, (struct sockaddr *)&b.addr, 32, FLARE__SIM_OPEN,
                     300);
    start = flare__sim_now(dg.w);
    ck_assert_int_eq(dg_put(&a, &b, "x", 1), 1);
    while (dg_take(&b) != 1)
        dg_turn(MS);
    ck_assert_uint_ge(flare__sim_now(dg.w) - start, 300 * (uint64_t)MS);
    dg_end_connect(&a, &b);
    flare__sim_route(dg.w, (struct sockaddr *)&b.addr, 24, -ECONNREFUSED, 0);
    ck_assert_int_eq(dg_put(&a, NULL, "x", 1), 1);
    dg_turns(3);
    ck_assert_int_eq(dg_take(&a), -ECONNREFUSED);
    ck_assert_int_eq(dg_drain(&b), 0);
    dg_close(&a, &b);
}
END_TEST

START_TEST(test_shared_ports_share_what_comes)
{
    const int on = 1;
    struct sockaddr_storage addr;
    socklen_t len = dg_address(&addr, AF_INET, DG_IP, 5000);
    struct dg_end ends[2];
    struct dg_end a;
    int counts[2];

    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    for (int i = 0; i < 2; i++) {
        int fd = dg.ops->socket(dg.b, AF_INET, SOCK_DGRAM);

        ends[i] = (struct dg_end){
            .sock.on_event = dg_on_event, .addr = addr, .addr_len = len};
        ck_assert_int_eq(
            dg.ops->option(dg.b, fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)),
            0);
        ck_assert_int_eq(dg.ops->bind(dg.b, fd, (struct sockaddr *)&addr, len),
                         0);
        ck_assert_int_eq(dg.ops->attach(dg.b, &ends[i].sock, fd), 0);
    }
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(dg_put(&a, &ends[0], "x", 1), 1);
    dg_turns(3);
    for (int i = 0; i < 2; i++)
        counts[i] = dg_drain(&ends[i]);
    ck_assert(counts[0] > 0 && counts[1] > 0 && counts[0] + counts[1] == 100);
    dg_end_close(&ends[0]);
    dg_close(&a, &ends[1]);
}
END_TEST

/* Calls that the test refuses, and those that are wrong. */

static int refuse(void *ctx, const char *name)
{
    return strcmp(name, ctx) == 0 ? -ENOMEM : 0;
}

static const char *const sites[] = {
    "socket", "bind", "option", "poll_start", "datagram_send", "datagram_recv"};

START_TEST(test_R11_a_refused_call_has_done_nothing)
{
    static char name[16];
    const int on = 1;
    struct flare__sim_config config = {
        .is_calm = true, .fault_site = refuse, .fault_ctx = name};
    struct sockaddr_storage addr;
    socklen_t len = dg_address(&addr, AF_INET, DG_IP, 7);
    struct dg_end e = {.sock.on_event = dg_on_event};
    int fd;

    dg_open_with(&config);
    for (int round = 0; round < 2; round++) {
        (void)snprintf(name, sizeof(name), "%s", round == 0 ? sites[_i] : "");
        fd = dg.ops->socket(dg.b, AF_INET, SOCK_DGRAM);
        if (_i == 0 && round == 0) {
            ck_assert_int_eq(fd, -ENOMEM);
            continue;
        }
        e = (struct dg_end){
            .sock.on_event = dg_on_event, .addr = addr, .addr_len = len};
        ck_assert_int_eq(dg.ops->attach(dg.b, &e.sock, fd), 0);
#define REFUSED(i) (_i == (i) && round == 0 ? -ENOMEM : 0)
        ck_assert_int_eq(
            dg.ops->option(dg.b, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)),
            REFUSED(2));
        ck_assert_int_eq(dg.ops->bind(dg.b, fd, (struct sockaddr *)&addr, len),
                         REFUSED(1));
        ck_assert_int_eq(dg.ops->poll_start(dg.b, &e.sock, POLLIN), REFUSED(3));
        ck_assert_int_eq(dg_put(&e, &e, "x", 1), REFUSED(4) ? -ENOMEM : 1);
        dg_turns(2);
        if (_i != 1 && _i != 4)
            ck_assert_int_eq(dg_take(&e), REFUSED(5) ? -ENOMEM : 1);
        dg_end_close(&e);
    }
    dg_close(NULL, NULL);
}
END_TEST

static void breach_stream_datagrams(struct dg_end *a)
{
    struct flare__sock sock = {.on_event = dg_on_event};
    int fd = dg.ops->socket(dg.b, AF_INET, SOCK_STREAM);

    (void)a;
    (void)dg.ops->attach(dg.b, &sock, fd);
    dg_got = (struct flare__datagram){.data = dg_bytes, .len = DG_SIZE};
    (void)dg.ops->datagram_recv(dg.b, &sock, &dg_got, 1);
}

static void breach_after_close(struct dg_end *a)
{
    dg.ops->close(dg.b, &a->sock, FLARE__CLOSE_GRACEFUL);
    (void)dg_take(a);
}

static void breach_recv_start(struct dg_end *a)
{
    (void)dg.ops->recv_start(dg.b, &a->sock);
}

static void breach_many(struct dg_end *a)
{
    dg_got = (struct flare__datagram){.data = dg_bytes, .len = DG_SIZE};
    (void)dg.ops->datagram_recv(dg.b, &a->sock, &dg_got, 65);
}

static void breach_two_polls(struct dg_end *a)
{
    (void)dg.ops->poll_fd(dg.b, &a->sock, POLLIN);
}

static const struct {
    const char *name;
    void (*run)(struct dg_end *a);
} breaches[] = {
    {"datagrams of a stream", breach_stream_datagrams},
    {"after close", breach_after_close},
    {"receive as of a stream", breach_recv_start},
    {"65 at once", breach_many},
    {"two polls", breach_two_polls},
};

START_TEST(test_a_breach_of_the_contract_aborts)
{
    struct dg_end a;

    if (freopen("/dev/null", "w", stderr) == NULL)
        ck_abort_msg("no /dev/null");
    dg_open(1, true);
    dg_end_open(&a, AF_INET, DG_IP, 0);
    breaches[_i].run(&a);
    printf("%s was not caught\n", breaches[_i].name);
}
END_TEST

static TCase *case_faults(void)
{
    TCase *tc = tcase_create("faults");

    tcase_add_test(tc, test_K16_a_lost_one_is_lost_in_silence);
    tcase_add_test(tc, test_a_doubled_one_comes_twice);
    tcase_add_test(tc, test_one_that_is_overtaken_comes_all_the_same);
    tcase_add_test(tc, test_latency_keeps_the_order);
    tcase_add_test(tc, test_K08_readable_and_yet_nothing_is_there);
    tcase_add_test(tc,
                   test_K16_a_forged_one_reaches_only_those_who_hear_everybody);
    tcase_add_test(tc,
                   test_K16_an_icmp_message_is_heard_of_by_who_is_connected);
    tcase_add_test(tc, test_K08_a_full_one_says_when_there_is_room);
    tcase_add_test(tc, test_a_failed_send_is_the_first_of_a_batch_or_ends_it);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("sim datagrams");
    TCase *tc = tcase_create("rules");

    tcase_add_test(tc, test_a_queue_that_nobody_reads_is_bounded);
    tcase_add_test(tc, test_what_is_on_its_way_is_bounded);
    tcase_add_test(tc, test_an_answer_comes_from_where_it_was_asked);
    tcase_add_test(tc,
                   test_K16_a_forger_outside_is_not_heard_by_who_is_connected);
    tcase_add_test(tc, test_routes_are_of_datagrams_too);
    tcase_add_test(tc, test_shared_ports_share_what_comes);
    tcase_add_loop_test(tc, test_R11_a_refused_call_has_done_nothing, 0,
                        ROWS(sites));
    tcase_add_loop_test_raise_signal(tc, test_a_breach_of_the_contract_aborts,
                                     SIGABRT, 0, ROWS(breaches));
    suite_add_tcase(suite, case_faults());
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
