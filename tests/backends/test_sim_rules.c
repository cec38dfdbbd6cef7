/* SPDX-License-Identifier: MIT */
/*
 * The simulated network by its rules: small calm worlds for one property each,
 * and every breach of the contract, which must abort.
 */
#include "tests/support/sim_echo.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

/* Smaller worlds, for one property each. */

struct small {
    struct flare__sim *w;
    struct echo_loop loop;
    struct asker peer;
    struct flare__sock sock;
    struct flare__event last[16];
    int events;
};

static struct small s;

static void small_on_event(struct flare__sock *sock,
                           const struct flare__event *ev)
{
    (void)sock;
    ck_assert_int_lt(s.events, 16);
    s.last[s.events++] = *ev;
}

static void peer_ignores(struct flare__sim_peer *peer,
                         enum flare__sim_peer_event what)
{
    (void)peer;
    (void)what;
}

static void small_setup(void)
{
    memset(&s, 0, sizeof(s));
    s.w =
        flare__sim_new(&(struct flare__sim_config){.seed = 1, .is_calm = true});
    echo_loop_open(&s.loop, s.w, 4);
    echo_listen(&s.loop, s.w);
    s.sock.on_event = small_on_event;
    s.peer.peer.on_event = peer_ignores;
}

/* A connection to the small world's peer, attached. */
static int small_connect_fd(void)
{
    flare__sim_peer_open(&s.peer.peer, s.w);
    flare__sim_peer_connect(&s.peer.peer, ECHO_PORT);
    s.loop.listener.on_event = small_on_event;
    s.events = 0;
    ck_assert_int_eq(s.loop.ops->accept_start(s.loop.b, &s.loop.listener), 0);
    s.loop.is_accepting = true;
    while (s.events == 0)
        (void)echo_loop_turn(&s.loop, UINT64_MAX);
    s.loop.listener.on_event = echo_listener_on_event;
    s.events = 0;
    return s.last[0].res;
}

static void small_connect(void)
{
    ck_assert_int_eq(s.loop.ops->attach(s.loop.b, &s.sock, small_connect_fd()),
                     0);
}

static void small_turns(int events)
{
    for (int i = 0; i < 100 && s.events < events; i++)
        (void)echo_loop_turn(&s.loop, flare__sim_now(s.w) + MS);
    ck_assert_int_eq(s.events, events);
}

static void small_close(enum flare__close_how how)
{
    s.events = 0;
    s.loop.ops->close(s.loop.b, &s.sock, how);
    while (s.events == 0 || s.last[s.events - 1].kind != FLARE__EV_CLOSED)
        (void)echo_loop_turn(&s.loop, UINT64_MAX);
}

static void small_teardown(void)
{
    if (s.peer.peer.end != 0)
        flare__sim_peer_close(&s.peer.peer, true);
    echo_loop_free(&s.loop);
    ck_assert_uint_eq(flare__sim_fds(s.w), 0);
    flare__sim_free(s.w);
}

START_TEST(test_poll_waits_in_virtual_time_until_its_deadline)
{
    uint64_t deadline;

    small_setup();
    deadline = flare__sim_now(s.w) + (uint64_t)86400000 * MS;
    ck_assert_int_eq(echo_loop_turn(&s.loop, deadline), 0);
    ck_assert_uint_eq(flare__sim_now(s.w), deadline);
    small_teardown();
}
END_TEST

START_TEST(test_wake_gives_an_event)
{
    struct flare__event ev;

    small_setup();
    s.loop.ops->wake(s.loop.b);
    s.loop.ops->wake(s.loop.b);
    ck_assert_int_eq(s.loop.ops->poll(s.loop.b, &ev, 1, UINT64_MAX), 1);
    ck_assert_int_eq(ev.kind, FLARE__EV_WAKE);
    ck_assert_ptr_null(ev.sock);
    ck_assert_int_eq(s.loop.ops->poll(s.loop.b, &ev, 1, 0), 0);
    small_teardown();
}
END_TEST

START_TEST(test_closing_with_bytes_unread_resets_the_peer)
{
    small_setup();
    s.peer.peer.on_event = asker_on_event;
    small_connect();
    (void)echo_loop_turn(&s.loop, flare__sim_now(s.w) + MS); /* they arrive */
    small_close(FLARE__CLOSE_GRACEFUL);
    (void)echo_loop_turn(&s.loop, flare__sim_now(s.w) + MS);
    ck_assert(s.peer.is_done && s.peer.is_broken);
    small_teardown();
}
END_TEST

START_TEST(test_an_empty_pool_parks_and_loses_nothing)
{
    small_setup();
    small_connect();
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(flare__sim_peer_send(&s.peer.peer, "x", 1), 1);
        (void)echo_loop_turn(&s.loop, flare__sim_now(s.w) + MS);
    }
    ck_assert_int_eq(s.events, 4); /* as many as there are leases */
    s.loop.ops->lease_put(s.loop.b, s.last[2].lease);
    small_turns(5);
    ck_assert_int_eq(s.last[4].res, 1);
    s.loop.ops->lease_put(s.loop.b, s.last[0].lease);
    s.loop.ops->lease_put(s.loop.b, s.last[1].lease);
    s.loop.ops->lease_put(s.loop.b, s.last[3].lease);
    s.loop.ops->lease_put(s.loop.b, s.last[4].lease);
    small_close(FLARE__CLOSE_ABORT);
    small_teardown();
}
END_TEST

START_TEST(test_a_peer_that_reads_nothing_holds_the_send)
{
    static uint8_t big[100000];

    small_setup();
    small_connect();
    ck_assert_int_eq(s.loop.ops->send(s.loop.b, &s.sock,
                                      &(struct iovec){big, sizeof(big)}, 1),
                     0);
    (void)echo_loop_turn(&s.loop, flare__sim_now(s.w) + 1000 * (uint64_t)MS);
    ck_assert_int_eq(s.events, 0);
    ck_assert_uint_eq(flare__sim_peer_recv(&s.peer.peer, big, sizeof(big)),
                      65536);
    small_turns(1);
    ck_assert_int_eq(s.last[0].kind, FLARE__EV_SENT);
    ck_assert_int_eq(s.last[0].res, sizeof(big));
    small_close(FLARE__CLOSE_ABORT);
    small_teardown();
}
END_TEST

START_TEST(test_stop_ends_in_ecanceled_and_receive_can_start_again)
{
    small_setup();
    small_connect();
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    s.loop.ops->recv_stop(s.loop.b, &s.sock);
    small_turns(1);
    ck_assert_int_eq(s.last[0].res, -ECANCELED);
    ck_assert_int_eq(s.last[0].flags, 0);
    (void)flare__sim_peer_send(&s.peer.peer, "abc", 3);
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    small_turns(2);
    ck_assert_int_eq(s.last[1].res, 3);
    s.loop.ops->lease_put(s.loop.b, s.last[1].lease);
    flare__sim_peer_shutdown(&s.peer.peer);
    small_turns(3);
    ck_assert_int_eq(s.last[2].res, 0);
    ck_assert_int_eq(s.last[2].flags, 0);
    small_close(FLARE__CLOSE_GRACEFUL);
    small_teardown();
}
END_TEST

START_TEST(test_close_ends_every_operation_before_closed)
{
    static uint8_t big[100000];

    small_setup();
    small_connect();
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    ck_assert_int_eq(s.loop.ops->send(s.loop.b, &s.sock,
                                      &(struct iovec){big, sizeof(big)}, 1),
                     0);
    small_close(FLARE__CLOSE_ABORT);
    ck_assert_int_eq(s.events, 3);
    ck_assert_int_eq(s.last[0].res, -ECANCELED);
    ck_assert_int_eq(s.last[1].res, -ECANCELED);
    ck_assert_int_eq(s.last[2].kind, FLARE__EV_CLOSED);
    small_teardown();
}
END_TEST

static void connect_to(uint16_t port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET,
                                     .sin_port = htons(port)};

    ck_assert_int_eq(
        s.loop.ops->attach(s.loop.b, &s.sock, flare__sim_socket(s.w)), 0);
    ck_assert_int_eq(s.loop.ops->connect(s.loop.b, &s.sock,
                                         (const struct sockaddr *)&addr,
                                         sizeof(addr)),
                     0);
}

START_TEST(test_connect_reaches_a_listener_of_the_same_world)
{
    static char hi[] = "hi";

    small_setup();
    connect_to(ECHO_PORT);
    small_turns(1);
    ck_assert_int_eq(s.last[0].kind, FLARE__EV_CONNECT);
    ck_assert_int_eq(s.last[0].res, 0);
    ck_assert_int_eq(
        s.loop.ops->send(s.loop.b, &s.sock, &(struct iovec){hi, 2}, 1), 0);
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), 0);
    small_turns(3); /* SENT, and the echo */
    s.loop.ops->lease_put(s.loop.b, s.last[2].lease);
    small_close(FLARE__CLOSE_GRACEFUL);
    small_teardown();
}
END_TEST

START_TEST(test_connect_to_nobody_is_refused)
{
    small_setup();
    connect_to(ECHO_PORT + 1);
    small_turns(1);
    ck_assert_int_eq(s.last[0].res, -ECONNREFUSED);
    small_close(FLARE__CLOSE_GRACEFUL);
    small_teardown();
}
END_TEST

START_TEST(test_poll_fd_reports_a_foreign_descriptor_once)
{
    int fd;

    small_setup();
    fd = flare__sim_foreign(s.w);
    ck_assert_int_eq(s.loop.ops->attach(s.loop.b, &s.sock, fd), 0);
    ck_assert_int_eq(s.loop.ops->poll_fd(s.loop.b, &s.sock, POLLIN), 0);
    (void)echo_loop_turn(&s.loop, flare__sim_now(s.w) + MS);
    ck_assert_int_eq(s.events, 0);
    flare__sim_foreign_set(s.w, fd, POLLIN | POLLOUT);
    small_turns(1);
    ck_assert_int_eq(s.last[0].res, POLLIN);
    flare__sim_foreign_set(s.w, fd, 0);
    ck_assert_int_eq(s.loop.ops->poll_fd(s.loop.b, &s.sock, POLLIN), 0);
    s.loop.ops->poll_stop(s.loop.b, &s.sock);
    small_turns(2);
    ck_assert_int_eq(s.last[1].res, -ECANCELED);
    small_close(FLARE__CLOSE_GRACEFUL);
    small_teardown();
}
END_TEST

START_TEST(test_discard_closes_what_was_never_attached)
{
    int fd;

    small_setup();
    fd = small_connect_fd();
    s.loop.ops->discard(s.loop.b, fd);
    ck_assert_uint_eq(flare__sim_fds(s.w), 1); /* the listener */
    small_teardown();
}
END_TEST

static int refuse(void *ctx, const char *name)
{
    return strcmp(ctx, name) == 0 ? -ENOMEM : 0;
}

START_TEST(test_a_refused_call_starts_nothing)
{
    static char name[] = "recv_start";
    const struct flare__sim_config config = {
        .is_calm = true, .fault_site = refuse, .fault_ctx = name};

    s = (struct small){.w = flare__sim_new(&config)};
    echo_loop_open(&s.loop, s.w, 4);
    echo_listen(&s.loop, s.w);
    s.sock.on_event = small_on_event;
    s.peer.peer.on_event = peer_ignores;
    small_connect();
    ck_assert_int_eq(s.loop.ops->recv_start(s.loop.b, &s.sock), -ENOMEM);
    small_close(FLARE__CLOSE_GRACEFUL);
    ck_assert_int_eq(s.events, 1);
    small_teardown();
}
END_TEST

/* Every breach of the contract aborts. */

static void breach_close_twice(void)
{
    s.loop.ops->close(s.loop.b, &s.sock, FLARE__CLOSE_GRACEFUL);
    s.loop.ops->close(s.loop.b, &s.sock, FLARE__CLOSE_GRACEFUL);
}

static void breach_receive_twice(void)
{
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
}

static void breach_send_twice(void)
{
    static char byte[1];
    const struct iovec iov = {byte, 1};

    (void)s.loop.ops->send(s.loop.b, &s.sock, &iov, 1);
    (void)s.loop.ops->send(s.loop.b, &s.sock, &iov, 1);
}

static void breach_send_nothing(void)
{
    (void)s.loop.ops->send(s.loop.b, &s.sock, &(struct iovec){0}, 1);
}

static void breach_change_memory_in_flight(void)
{
    static char bytes[100000];

    (void)s.loop.ops->send(s.loop.b, &s.sock, &(struct iovec){bytes, 100000},
                           1);
    bytes[99999] = 1;
    small_close(FLARE__CLOSE_ABORT);
}

static void breach_call_after_closed(void)
{
    small_close(FLARE__CLOSE_GRACEFUL);
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
}

static void breach_call_after_close(void)
{
    s.loop.ops->close(s.loop.b, &s.sock, FLARE__CLOSE_GRACEFUL);
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
}

static void breach_lease_twice(void)
{
    (void)flare__sim_peer_send(&s.peer.peer, "x", 1);
    (void)s.loop.ops->recv_start(s.loop.b, &s.sock);
    small_turns(1);
    s.loop.ops->lease_put(s.loop.b, s.last[0].lease);
    s.loop.ops->lease_put(s.loop.b, s.last[0].lease);
}

static void breach_free_with_sockets(void)
{
    s.loop.ops->free(s.loop.b);
}

static void breach_attach_a_closed_descriptor(void)
{
    struct flare__sock other = {0};
    int fd = s.sock.fd;

    small_close(FLARE__CLOSE_GRACEFUL);
    (void)s.loop.ops->attach(s.loop.b, &other, fd);
}

static void breach_shutdown_while_sending(void)
{
    static char bytes[100000];

    (void)s.loop.ops->send(s.loop.b, &s.sock, &(struct iovec){bytes, 100000},
                           1);
    s.loop.ops->shutdown_send(s.loop.b, &s.sock);
}

static void breach_spin(void)
{
    for (int i = 0; i < 1000; i++)
        (void)echo_loop_turn(&s.loop, 0);
}

static void breach_wait_for_nothing(void)
{
    (void)echo_loop_turn(&s.loop, UINT64_MAX);
}

static const struct {
    const char *name;
    void (*fn)(void);
} breaches[] = {
    {"close twice", breach_close_twice},
    {"receive twice", breach_receive_twice},
    {"send twice", breach_send_twice},
    {"send nothing", breach_send_nothing},
    {"change memory in flight", breach_change_memory_in_flight},
    {"call after CLOSED", breach_call_after_closed},
    {"call after close", breach_call_after_close},
    {"lease twice", breach_lease_twice},
    {"free with sockets", breach_free_with_sockets},
    {"attach a closed descriptor", breach_attach_a_closed_descriptor},
    {"shutdown while sending", breach_shutdown_while_sending},
    {"spin", breach_spin},
    {"wait for nothing", breach_wait_for_nothing},
};

START_TEST(test_a_breach_of_the_contract_aborts)
{
    if (freopen("/dev/null", "w", stderr) == NULL)
        ck_abort_msg("no /dev/null");
    small_setup();
    small_connect();
    breaches[_i].fn();
    printf("%s was not caught\n", breaches[_i].name);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim rules");
    TCase *rules = tcase_create("rules");

    tcase_add_test(rules, test_poll_waits_in_virtual_time_until_its_deadline);
    tcase_add_test(rules, test_wake_gives_an_event);
    tcase_add_test(rules, test_closing_with_bytes_unread_resets_the_peer);
    tcase_add_test(rules, test_an_empty_pool_parks_and_loses_nothing);
    tcase_add_test(rules, test_a_peer_that_reads_nothing_holds_the_send);
    tcase_add_test(rules,
                   test_stop_ends_in_ecanceled_and_receive_can_start_again);
    tcase_add_test(rules, test_close_ends_every_operation_before_closed);
    tcase_add_test(rules, test_connect_reaches_a_listener_of_the_same_world);
    tcase_add_test(rules, test_connect_to_nobody_is_refused);
    tcase_add_test(rules, test_poll_fd_reports_a_foreign_descriptor_once);
    tcase_add_test(rules, test_discard_closes_what_was_never_attached);
    tcase_add_test(rules, test_a_refused_call_starts_nothing);
    tcase_add_loop_test_raise_signal(rules,
                                     test_a_breach_of_the_contract_aborts,
                                     SIGABRT, 0, ROWS(breaches));
    suite_add_tcase(suite, rules);
    return test_run(suite);
}
