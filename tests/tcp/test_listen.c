/* SPDX-License-Identifier: MIT */
/* Listeners: who gets in, what runs out, how they end. */
#include "tcp/listen.h"

#include "net/sock.h"
#include "tests/support/test.h"
#include "tests/tcp/tcp_rig.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct tcp_rig rig;

#define EACH_BACKEND()                                                         \
    if (!tcp_rig_start(&rig, _i))                                              \
    return

START_TEST(test_listen_accepts_many_and_outlives_none)
{
    EACH_BACKEND();
    for (int i = 0; i < 8; i++)
        (void)tcp_rig_dial(&rig);
    TCP_RIG_UNTIL(&rig, rig.accepted == 8);
    flare_listener_close(rig.listener);
    tcp_rig_run(&rig, 5);
    for (int i = 0; i < rig.count; i++)
        ck_assert_int_eq(rig.ends[i].closes, 0);
    for (int i = 0; i < rig.count; i++)
        if (i % 2 == 0)
            flare_stream_abort(rig.ends[i].stream);
    tcp_rig_run(&rig, 5);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_listen_waits_at_streams_max_and_goes_on)
{
    tcp_rig_init(&rig);
    rig.server.streams_max = 2;
    if (tcp_rig_open(&rig, _i, NULL) < 0)
        TEST_SKIP("no backend %s here", tcp_rig_name(_i));
    for (int i = 0; i < 6; i++)
        (void)tcp_rig_dial(&rig);
    tcp_rig_run(&rig, 30);
    /* those the backend had accepted before it was told */
    ck_assert_int_ge(rig.accepted, 2);
    for (int n = 0; rig.accepted < 6; n++) {
        ck_assert_int_lt(n, rig.count);
        if (rig.ends[n].stream != NULL)
            flare_stream_abort(rig.ends[n].stream);
        tcp_rig_run(&rig, 30);
    }
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_listen_streams_max_holds_where_accepting_is_one_by_one)
{
    tcp_rig_init(&rig);
    rig.server.streams_max = 1;
    ck_assert_int_eq(tcp_rig_open(&rig, TCP_RIG_SIM, NULL), 0);
    flare__sim_rate_set(rig.world, FLARE__SIM_ACCEPT_ENDED, 1000);
    for (int i = 0; i < 4; i++)
        (void)tcp_rig_dial(&rig);
    for (int n = 1; n <= 4; n++) {
        tcp_rig_run(&rig, 500);
        ck_assert_int_eq(rig.accepted, n);
        flare_stream_abort(rig.ends[3 + n].stream);
    }
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_listen_may_be_paused)
{
    EACH_BACKEND();
    flare_listener_pause(rig.listener);
    tcp_rig_run(&rig, 5);
    (void)tcp_rig_dial(&rig);
    tcp_rig_run(&rig, 30);
    ck_assert_int_eq(rig.accepted, 0);
    flare_listener_resume(rig.listener);
    TCP_RIG_UNTIL(&rig, rig.accepted == 1);
    tcp_rig_close(&rig);
}
END_TEST

static const struct {
    const char *name;
    enum flare__sim_fault fault;
} shortages[] = {
    {"R08 EMFILE", FLARE__SIM_ACCEPT_EMFILE},
    {"R09 ENOBUFS", FLARE__SIM_ACCEPT_ENOBUFS},
    {"R09 ENOMEM", FLARE__SIM_ACCEPT_ENOMEM},
    {"R10 ECONNABORTED", FLARE__SIM_ACCEPT_ABORTED},
};

START_TEST(test_listen_R08_R09_R10_goes_on_after_what_may_happen)
{
    struct flare__sim_counts counts = {.polls = 0};
    uint64_t polls;

    ck_assert(tcp_rig_start(&rig, TCP_RIG_SIM));
    tcp_rig_run(&rig, 1);
    flare__sim_rate_set(rig.world, shortages[_i].fault, 1000);
    (void)tcp_rig_dial(&rig);
    flare__sim_count(rig.world, &counts);
    polls = counts.polls;
    tcp_rig_run(&rig, 2000);
    memset(&counts, 0, sizeof(counts));
    flare__sim_count(rig.world, &counts);
    ck_assert_int_eq(rig.accepted, 0);
    ck_assert_uint_lt(counts.polls - polls, 100); /* no spinning */
    flare__sim_rate_set(rig.world, shortages[_i].fault, 0);
    (void)tcp_rig_dial(&rig);
    tcp_rig_run(&rig, 200);
    ck_assert_int_ge(rig.accepted, 1);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_listen_R08_the_kernels_EMFILE_neither_spins_nor_lasts)
{
    struct rlimit limit, small;
    struct tcp_end *c;
    int held[64];
    int count = 0;
    uint64_t turns = 0;
    uint64_t until_ms;

    EACH_BACKEND();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    c = tcp_rig_dial(&rig);
    small = limit;
    small.rlim_cur = 0;
    for (int fd = dup(0); fd >= 0 && count < 64; fd = dup(0)) {
        held[count++] = fd;
        small.rlim_cur = (rlim_t)fd + 1;
        if (count == 1)
            ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
    }
    until_ms = rig.loop->now_ms + 300;
    while (rig.loop->now_ms < until_ms) {
        ck_assert_int_eq(flare__loop_turn(rig.loop, until_ms * 1000000), 0);
        turns++;
    }
    ck_assert_int_eq(rig.accepted, 0);
    ck_assert_uint_lt(turns, 40);
    ck_assert_ptr_nonnull(strstr(rig.log, "accept"));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (count > 0)
        (void)close(held[--count]);
    TCP_RIG_UNTIL(&rig, rig.accepted == 1 && c->opens == 1);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_listen_who_comes_after_the_close_is_reset)
{
    struct tcp_end *c;

    EACH_BACKEND();
    tcp_rig_run(&rig, 1);
    c = tcp_rig_dial(&rig);
    flare_listener_close(rig.listener);
    tcp_rig_run(&rig, 50);
    ck_assert_int_eq(rig.accepted, 0);
    ck_assert(c->closes == 1 || c->ends == 1);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- the kernel's addresses ---- */

static const struct {
    const char *name;
    const char *listen;
    const char *dial; /* the port is the listener's */
    bool v6only;
    int rc; /* of the dial */
} families[] = {
    {"v4", "127.0.0.1:0", "127.0.0.1", false, 0},
    {"v6", "[::1]:0", "::1", false, 0},
    {"K12 dual stack, v4 peer", "[::]:0", "127.0.0.1", false, 0},
    {"dual stack, v6 peer", "[::]:0", "::1", false, 0},
    {"v6 only", "[::]:0", "127.0.0.1", true, -ECONNREFUSED},
};

static int listen_at(const char *address, bool v6only, struct flare_error *err)
{
    struct flare_tcp_options o = rig.server;
    flare_listener *l;
    int rc;

    o.ctx = &rig;
    o.v6only = v6only;
    rc = flare_tcp_listen(rig.loop, &l, flare_str(address), &o, err);
    if (rc == 0) {
        flare_listener_close(rig.listener);
        rig.listener = l;
    }
    return rc;
}

START_TEST(test_listen_families)
{
    for (int row = 0; row < ROWS(families); row++) {
        struct flare_error err;
        struct tcp_end *c;
        int rc;

        EACH_BACKEND();
        rc = listen_at(families[row].listen, families[row].v6only, &err);
        if (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL) {
            tcp_rig_close(&rig);
            TEST_SKIP("no IPv6 here");
        }
        ck_assert_int_eq(rc, 0);
        rig.addr = flare_listener_local(rig.listener);
        ck_assert_uint_ne(rig.addr.port, 0);
        ck_assert_int_eq(
            flare_ip_parse(&rig.addr.ip, flare_str(families[row].dial), NULL),
            0);
        c = tcp_rig_dial(&rig);
        TCP_RIG_UNTIL(&rig,
                      c->closes == 1 || (c->opens == 1 && rig.accepted == 1));
        if (families[row].rc == 0) {
            struct flare_addr peer = flare_stream_peer(rig.ends[1].stream);

            /* an IPv4-mapped peer is an IPv4 one */
            ck_assert_msg(peer.ip.family == rig.addr.ip.family, "%s",
                          families[row].name);
        } else {
            ck_assert_msg(c->rc == families[row].rc, "%s: %d",
                          families[row].name, c->rc);
        }
        tcp_rig_close(&rig);
    }
}
END_TEST

static const struct {
    const char *name;
    const char *address;
    int rc;
    const char *said;
} bad[] = {
    {"no address", "nonsense", FLARE_E_BAD_ADDRESS, "nonsense"},
    {"a name", "localhost:80", FLARE_E_BAD_ADDRESS, "localhost"},
    {"port", "127.0.0.1:65536", FLARE_E_BAD_ADDRESS, "65536"},
    {"not ours", "192.0.2.7:0", -EADDRNOTAVAIL, "192.0.2.7"},
    {"K15 too long",
     "unix:/tmp/"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789",
     FLARE_E_BAD_ADDRESS, "107"},
    {"K15 no folder", "unix:/tmp/flare-no-such-folder/s", -ENOENT,
     "flare-no-such-folder"},
};

START_TEST(test_listen_K15_what_cannot_be_is_named)
{
    EACH_BACKEND();
    for (int row = 0; row < ROWS(bad); row++) {
        struct flare_error err = {.code = 0};

        ck_assert_msg(listen_at(bad[row].address, false, &err) == bad[row].rc,
                      "%s: %d", bad[row].name, err.code);
        ck_assert_int_eq(err.code, bad[row].rc);
        ck_assert_msg(strstr(err.text, bad[row].said) != NULL, "%s: %s",
                      bad[row].name, err.text);
    }
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_listen_an_address_in_use_is_named)
{
    char text[FLARE_ADDR_TEXT_MAX];
    struct flare_error err;

    EACH_BACKEND();
    (void)flare_addr_format(&rig.addr, text, sizeof(text));
    ck_assert_int_eq(listen_at(text, false, &err), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(err.text, text));
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_listen_K15_a_stale_unix_socket_is_replaced_and_removed)
{
    char text[80];
    struct flare_error err;
    struct flare__addr addr;
    struct tcp_end *c;
    struct stat st;
    int fd;

    EACH_BACKEND();
    (void)snprintf(text, sizeof(text), "unix:/tmp/flare-listen-%d.sock",
                   (int)getpid());
    ck_assert_int_eq(flare__sock_listen(&fd, flare_str(text), 1, 0, NULL), 0);
    flare__sock_close(fd); /* its file stays */
    ck_assert_int_eq(stat(text + 5, &st), 0);
    ck_assert_int_eq(listen_at(text, false, &err), 0);
    ck_assert_int_eq(listen_at(text, false, &err), -EADDRINUSE);
    ck_assert_int_eq(flare__addr_parse(&addr, flare_str(text), NULL), 0);
    rig.addr = flare__addr_get(&addr);
    c = tcp_rig_dial(&rig);
    /* and the connection that asked whether anybody listens there */
    TCP_RIG_UNTIL(&rig, c->opens == 1 && rig.accepted == 2);
    ck_assert_int_ge(tcp_rig_write(c, 0, 300000), 0);
    TCP_RIG_UNTIL(&rig, rig.ends[2].len == 300000);
    ck_assert(tcp_rig_is_stream(&rig.ends[2]));
    tcp_rig_close(&rig);
    ck_assert_int_lt(stat(text + 5, &st), 0);
}
END_TEST

START_TEST(test_listen_takes_a_socket_that_listens)
{
    struct flare_tcp_options o;
    struct flare_error err;
    struct flare__addr addr;
    flare_listener *l;
    int fd;

    EACH_BACKEND();
    ck_assert_int_eq(
        flare__sock_listen(&fd, FLARE_STR("127.0.0.1:0"), 8, 0, NULL), 0);
    o = rig.server;
    o.handler = NULL;
    ck_assert_int_eq(flare_tcp_listen_fd(rig.loop, &l, fd, &o, &err),
                     FLARE_E_BAD_CONFIG);
    o = rig.server;
    o.ctx = &rig;
    ck_assert_int_eq(flare_tcp_listen_fd(rig.loop, &l, fd, &o, &err), 0);
    ck_assert_int_eq(flare__sock_local(fd, &addr), 0);
    rig.addr = flare__addr_get(&addr);
    (void)tcp_rig_dial(&rig);
    TCP_RIG_UNTIL(&rig, rig.accepted == 1);
    tcp_rig_close(&rig);
    ck_assert_int_lt(close(fd), 0); /* it was taken */
}
END_TEST

/* Of a Unix socket that is somebody's, the file is theirs, too. */
START_TEST(test_listen_on_a_descriptor_leaves_it_as_it_is)
{
    struct flare_tcp_options o;
    struct flare_acceptor *a;
    flare_listener *l;
    char path[64];
    char text[80];
    char name[16];
    int fd;

    EACH_BACKEND();
    (void)snprintf(path, sizeof(path), "/tmp/flare-listen-%ld-%d",
                   (long)getpid(), _i);
    (void)snprintf(text, sizeof(text), "unix:%s", path);
    ck_assert_int_eq(flare__sock_listen(&fd, flare_str(text), 8, 0, NULL), 0);
    (void)snprintf(name, sizeof(name), "fd:%d", fd);
    o = rig.server;
    o.ctx = &rig;
    ck_assert_int_eq(flare_tcp_listen(rig.loop, &l, flare_str(name), &o, NULL),
                     0);
    rig.addr = flare_listener_local(l);
    ck_assert_int_eq(rig.addr.kind, FLARE_ADDR_UNIX);
    (void)tcp_rig_dial(&rig);
    TCP_RIG_UNTIL(&rig, rig.accepted == 1);
    flare_listener_close(l);
    tcp_rig_close(&rig);
    ck_assert_int_eq(flare_acceptor_open(&a, flare_str(name), NULL, NULL), 0);
    flare_acceptor_close(a);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(test_listen_reuseport_shares_an_address)
{
    char text[FLARE_ADDR_TEXT_MAX];
    struct flare_tcp_options o;
    flare_listener *a, *b;
    struct flare_addr addr;

    EACH_BACKEND();
    o = rig.server;
    o.ctx = &rig;
    o.reuseport = true;
    ck_assert_int_eq(
        flare_tcp_listen(rig.loop, &a, FLARE_STR("127.0.0.1:0"), &o, NULL), 0);
    addr = flare_listener_local(a);
    (void)flare_addr_format(&addr, text, sizeof(text));
    ck_assert_int_eq(flare_tcp_listen(rig.loop, &b, flare_str(text), &o, NULL),
                     0);
    flare_listener_close(a);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- memory ---- */

static int scenario_listen(struct fault *f, void *ctx)
{
    struct flare_tcp_options o;
    flare_listener *l;
    int rc;

    (void)ctx;
    tcp_rig_init(&rig);
    rig.fault = f;
    rc = tcp_rig_open(&rig, TCP_RIG_EPOLL, NULL);
    if (rc < 0)
        return rc;
    o = rig.server;
    o.ctx = &rig;
    rc = flare_tcp_listen(rig.loop, &l, FLARE_STR("127.0.0.1:0"), &o, NULL);
    fault_disarm(f);
    tcp_rig_close(&rig);
    return rc;
}

START_TEST(test_listen_R11_any_failure_leaves_nothing)
{
    struct fault_report report = fault_each("listen", scenario_listen, NULL);

    ck_assert_uint_ge(report.sites, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp/listen");
    TCase *tc = tcase_create("listen");

    tcase_set_timeout(tc, 60);
#define EACH(test) tcase_add_loop_test(tc, test, 0, TCP_RIG_BACKENDS)
#define KERNEL(test)                                                           \
    tcase_add_loop_test(tc, test, TCP_RIG_EPOLL, TCP_RIG_BACKENDS)
    EACH(test_listen_accepts_many_and_outlives_none);
    EACH(test_listen_waits_at_streams_max_and_goes_on);
    tcase_add_test(tc,
                   test_listen_streams_max_holds_where_accepting_is_one_by_one);
    EACH(test_listen_may_be_paused);
    tcase_add_loop_test(tc,
                        test_listen_R08_R09_R10_goes_on_after_what_may_happen,
                        0, ROWS(shortages));
    KERNEL(test_listen_R08_the_kernels_EMFILE_neither_spins_nor_lasts);
    EACH(test_listen_who_comes_after_the_close_is_reset);
    KERNEL(test_listen_families);
    KERNEL(test_listen_K15_what_cannot_be_is_named);
    KERNEL(test_listen_an_address_in_use_is_named);
    KERNEL(test_listen_K15_a_stale_unix_socket_is_replaced_and_removed);
    KERNEL(test_listen_takes_a_socket_that_listens);
    KERNEL(test_listen_on_a_descriptor_leaves_it_as_it_is);
    KERNEL(test_listen_reuseport_shares_an_address);
    tcase_add_test(tc, test_listen_R11_any_failure_leaves_nothing);
#undef EACH
#undef KERNEL
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
