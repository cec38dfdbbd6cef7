/* SPDX-License-Identifier: MIT */
/* The blocking listener: order, deadlines, threads. */
#include <flare/tcp.h>

#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const backends[] = {"epoll", "uring", "kqueue"};

static flare_acceptor *acceptor_open(int i, const char *address)
{
    flare_acceptor *a = NULL;
    int rc;

    (void)setenv("FLARE_BACKEND", backends[i], 1);
    rc = flare_acceptor_open(&a, flare_str(address), NULL, NULL);
    if (rc == FLARE_E_BACKEND_UNAVAILABLE || rc == FLARE_E_BAD_CONFIG)
        printf("SKIP: no backend %s here\n", backends[i]);
    else
        ck_assert_int_eq(rc, 0);
    return a;
}

START_TEST(test_acceptor_gives_connections_in_the_order_they_came)
{
    enum { COUNT = 6 };
    flare_acceptor *a = acceptor_open(_i, "127.0.0.1:0");
    flare_conn *client[COUNT], *server[COUNT];
    struct flare_addr at;
    char c;

    if (a == NULL)
        return;
    at = flare_acceptor_local(a);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(flare_conn_open_addr(&client[i], &at, NULL, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(flare_acceptor_accept(a, &server[i], 5000), 0);
        c = (char)('a' + i);
        ck_assert_int_eq(flare_conn_write(client[i], (struct flare_str){&c, 1}),
                         1);
    }
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(flare_conn_read(server[i], &c, 1), 1);
        ck_assert_int_eq(c, 'a' + i);
        flare_conn_close(server[i]);
        flare_conn_close(client[i]);
    }
    flare_acceptor_close(a);
}
END_TEST

START_TEST(test_acceptor_waits_no_longer_than_it_is_told)
{
    flare_acceptor *a = acceptor_open(_i, "127.0.0.1:0");
    flare_conn *c = NULL;
    flare_conn *d = NULL;
    struct flare_addr at;

    if (a == NULL)
        return;
    ck_assert_int_eq(flare_acceptor_accept(a, &c, 0), -ETIMEDOUT);
    ck_assert_int_eq(flare_acceptor_accept(a, &c, 20), -ETIMEDOUT);
    ck_assert_ptr_null(c);
    at = flare_acceptor_local(a);
    ck_assert_int_eq(flare_conn_open_addr(&d, &at, NULL, NULL), 0);
    ck_assert_int_eq(flare_acceptor_accept(a, &c, FLARE_UNLIMITED), 0);
    flare_conn_close(c); /* never used */
    flare_conn_close(d);
    flare_acceptor_close(a);
}
END_TEST

START_TEST(test_acceptor_closes_whom_nobody_asked_for)
{
    flare_acceptor *a = acceptor_open(_i, "127.0.0.1:0");
    flare_conn *c;
    struct flare_addr at;
    char buf;
    int rc;

    if (a == NULL)
        return;
    at = flare_acceptor_local(a);
    ck_assert_int_eq(flare_conn_open_addr(&c, &at, NULL, NULL), 0);
    flare_acceptor_close(a);
    rc = flare_conn_read(c, &buf, 1);
    ck_assert_msg(rc == 0 || rc == -ECONNRESET, "%d", rc);
    flare_conn_close(c);
}
END_TEST

START_TEST(test_acceptor_K15_takes_its_unix_socket_away)
{
    char text[80];
    struct stat st;
    flare_acceptor *a;
    flare_conn *c, *s;
    struct flare_addr at;
    char buf[4];

    (void)snprintf(text, sizeof(text), "unix:/tmp/flare-acceptor-%d-%d.sock",
                   (int)getpid(), _i);
    a = acceptor_open(_i, text);
    if (a == NULL)
        return;
    at = flare_acceptor_local(a);
    ck_assert_int_eq(flare_conn_open_addr(&c, &at, NULL, NULL), 0);
    ck_assert_int_eq(flare_acceptor_accept(a, &s, 5000), 0);
    ck_assert_int_eq(flare_conn_write_all(s, FLARE_STR("unix")), 0);
    ck_assert_int_eq(flare_conn_read_exact(c, buf, 4), 0);
    flare_conn_close(c);
    flare_conn_close(s);
    flare_acceptor_close(a);
    ck_assert_int_lt(stat(text + 5, &st), 0);
}
END_TEST

/* A thread for each connection: the oldest server there is. */
static void *echo(void *ctx)
{
    flare_conn *c = ctx;
    char buf[512];
    int n;

    while ((n = flare_conn_read(c, buf, sizeof(buf))) > 0)
        if (flare_conn_write_all(c, (struct flare_str){buf, (size_t)n}) < 0)
            break;
    flare_conn_close(c);
    return NULL;
}

static void *ask(void *ctx)
{
    const struct flare_addr *at = ctx;
    char buf[100];
    flare_conn *c = NULL;
    int rc = flare_conn_open_addr(&c, at, NULL, NULL);

    for (int i = 0; i < 200 && rc == 0; i++) {
        memset(buf, i, sizeof(buf));
        rc = flare_conn_write_all(c, (struct flare_str){buf, sizeof(buf)});
        if (rc == 0)
            rc = flare_conn_read_exact(c, buf, sizeof(buf));
        for (size_t n = 0; n < sizeof(buf); n++)
            if (buf[n] != (char)i)
                rc = -EINVAL;
    }
    flare_conn_close(c);
    return (void *)(intptr_t)rc;
}

START_TEST(test_acceptor_each_connection_may_have_a_thread)
{
    enum { COUNT = 4 };
    flare_acceptor *a = acceptor_open(_i, "127.0.0.1:0");
    pthread_t client[COUNT], server[COUNT];
    struct flare_addr at;

    if (a == NULL)
        return;
    at = flare_acceptor_local(a);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(pthread_create(&client[i], NULL, ask, &at), 0);
    for (int i = 0; i < COUNT; i++) {
        flare_conn *c;

        ck_assert_int_eq(flare_acceptor_accept(a, &c, 10000), 0);
        ck_assert_int_eq(pthread_create(&server[i], NULL, echo, c), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        void *rc;

        ck_assert_int_eq(pthread_join(client[i], &rc), 0);
        ck_assert_ptr_null(rc);
        ck_assert_int_eq(pthread_join(server[i], NULL), 0);
    }
    flare_acceptor_close(a);
}
END_TEST

static void *serve_one(void *ctx)
{
    flare_acceptor *a = ctx;
    flare_conn *c;
    int rc = flare_acceptor_accept(a, &c, 10000);

    if (rc == 0)
        rc = flare_conn_write_all(c, FLARE_STR("x"));
    if (rc == 0)
        flare_conn_close(c);
    flare_acceptor_close(a);
    return (void *)(intptr_t)rc;
}

/* Opened here, so that the port is known; waited on there. */
START_TEST(test_acceptor_may_be_opened_for_another_thread)
{
    flare_acceptor *a = acceptor_open(_i, "127.0.0.1:0");
    struct flare_addr at;
    pthread_t server;
    flare_conn *c;
    char byte;
    void *rc;

    if (a == NULL)
        return;
    at = flare_acceptor_local(a);
    ck_assert_int_eq(pthread_create(&server, NULL, serve_one, a), 0);
    ck_assert_int_eq(flare_conn_open_addr(&c, &at, NULL, NULL), 0);
    ck_assert_int_eq(flare_conn_read(c, &byte, 1), 1);
    flare_conn_close(c);
    ck_assert_int_eq(pthread_join(server, &rc), 0);
    ck_assert_ptr_null(rc);
}
END_TEST

/* One that nobody accepts from has a port, and gives it back. */
/* Of an address of its own: others of this machine may be given the port. */
START_TEST(test_acceptor_nobody_used_is_closed)
{
    flare_acceptor *a = acceptor_open(_i, "127.0.77.1:0");
    struct flare_addr at;
    flare_conn *c;

    if (a == NULL)
        return;
    at = flare_acceptor_local(a);
    ck_assert_uint_ne(at.port, 0);
    flare_acceptor_close(a);
    ck_assert_int_eq(flare_conn_open_addr(&c, &at, NULL, NULL), -ECONNREFUSED);
}
END_TEST

START_TEST(test_acceptor_names_what_it_cannot_listen_on)
{
    struct flare_error err;
    const struct flare_tcp_options o = {.backlog = -1};
    flare_acceptor *a = NULL;

    ck_assert_int_eq(
        flare_acceptor_open(&a, FLARE_STR("192.0.2.7:0"), NULL, &err),
        -EADDRNOTAVAIL);
    ck_assert_ptr_nonnull(strstr(err.text, "192.0.2.7"));
    ck_assert_int_eq(flare_acceptor_open(&a, FLARE_STR("nonsense"), NULL, &err),
                     FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(
        flare_acceptor_open(&a, FLARE_STR("127.0.0.1:0"), &o, &err),
        FLARE_E_BAD_CONFIG);
    ck_assert_ptr_null(a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp/acceptor");
    TCase *tc = tcase_create("acceptor");

    tcase_set_timeout(tc, 60);
#define EACH(test) tcase_add_loop_test(tc, test, 0, ROWS(backends))
    EACH(test_acceptor_gives_connections_in_the_order_they_came);
    EACH(test_acceptor_waits_no_longer_than_it_is_told);
    EACH(test_acceptor_closes_whom_nobody_asked_for);
    EACH(test_acceptor_K15_takes_its_unix_socket_away);
    EACH(test_acceptor_each_connection_may_have_a_thread);
    EACH(test_acceptor_may_be_opened_for_another_thread);
    EACH(test_acceptor_nobody_used_is_closed);
    tcase_add_test(tc, test_acceptor_names_what_it_cannot_listen_on);
#undef EACH
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
