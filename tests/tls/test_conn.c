/* SPDX-License-Identifier: MIT */
/*
 * The blocking form over TLS, on the kernel: configurations shared by threads,
 * connections that change theirs, and what the calls return when TLS fails.
 */
#include <flare/tls.h>

#include "tests/support/certs.h"
#include "tests/support/test.h"

#include <openssl/ssl.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int64_t __wrap_flare__clock_realtime(void);

int64_t __wrap_flare__clock_realtime(void)
{
    return CERTS_NOW;
}

enum { THREADS = 4, ROUNDS = 5, BYTES = 150000, WAIT_MS = 20000 };

static const char *const backends[] = {"epoll", "uring", "kqueue"};

static struct cert ca, leaf;
static flare_tls_server *server;
static flare_tls_client *client;
static flare_acceptor *acceptor;
static struct flare_addr at;
static char bytes[BYTES]; /* what clients send */

static void set_up(void)
{
    struct flare_tls_cert shown;
    struct flare_error err;

    cert_make(&ca, &(struct cert_spec){.cn = "CA", .is_ca = true}, NULL);
    cert_make(&leaf, &(struct cert_spec){.san = "DNS:a.test,IP:127.0.0.1"},
              &ca);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    shown = cert_config(&leaf);
    ck_assert_int_eq(flare_tls_server_new(&server,
                                          &(struct flare_tls_server_config){
                                              .certs = &shown, .cert_count = 1},
                                          &err),
                     0);
    ck_assert_int_eq(flare_tls_client_new(&client,
                                          &(struct flare_tls_client_config){
                                              .ca = {.pem = flare_str(ca.pem)}},
                                          &err),
                     0);
}

static void tear_down(void)
{
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    cert_free(&ca);
    cert_free(&leaf);
}

/* Opens the acceptor; false: there is no such backend. */
static bool begin(int backend)
{
    const struct flare_tcp_options o = {.tls_server = server};
    int rc;

    (void)setenv("FLARE_BACKEND", backends[backend], 1);
    rc = flare_acceptor_open(&acceptor, FLARE_STR("127.0.0.1:0"), &o, NULL);
    if (rc == FLARE_E_BACKEND_UNAVAILABLE || rc == FLARE_E_BAD_CONFIG) {
        printf("SKIP: no backend %s here\n", backends[backend]);
        return false;
    }
    ck_assert_int_eq(rc, 0);
    at = flare_acceptor_local(acceptor);
    return true;
}

static struct flare_tcp_options client_options(const char *host)
{
    return (struct flare_tcp_options){.tls_client = client, .tls_host = host};
}

/* ---- threads */

/* Echoes until the end; the first call about it is made in this thread. */
static void *echo(void *ctx)
{
    flare_conn *conn = ctx;
    struct flare_tls_info info;
    char buf[8192];
    int n;

    while ((n = flare_conn_read(conn, buf, sizeof(buf))) > 0)
        ck_assert_int_eq(
            flare_conn_write_all(conn, (struct flare_str){buf, (size_t)n}), 0);
    ck_assert_msg(n == 0, "%s", flare_conn_error(conn)->text);
    ck_assert_int_eq(flare_conn_tls_info(conn, &info), 0);
    ck_assert_str_eq(info.version, "TLSv1.3");
    flare_conn_close(conn);
    return NULL;
}

static void *accept_all(void *ctx)
{
    pthread_t threads[THREADS * ROUNDS];

    (void)ctx;
    for (int i = 0; i < THREADS * ROUNDS; i++) {
        flare_conn *conn;

        ck_assert_int_eq(flare_acceptor_accept(acceptor, &conn, WAIT_MS), 0);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, echo, conn), 0);
    }
    for (int i = 0; i < THREADS * ROUNDS; i++)
        pthread_join(threads[i], NULL);
    flare_acceptor_close(acceptor); /* it belongs to this thread by now */
    return NULL;
}

static void *talk(void *ctx)
{
    struct flare_tcp_options o = client_options("a.test");

    (void)ctx;
    for (int round = 0; round < ROUNDS; round++) {
        struct flare_error err = {.code = 0};
        size_t sent = 0;
        flare_conn *conn;
        char buf[3000];

        ck_assert_msg(flare_conn_open_addr(&conn, &at, &o, &err) == 0, "%s",
                      err.text);
        while (sent < BYTES) {
            size_t len =
                BYTES - sent < sizeof(buf) ? BYTES - sent : sizeof(buf);

            ck_assert_int_eq(flare_conn_write_all(
                                 conn, (struct flare_str){bytes + sent, len}),
                             0);
            ck_assert_int_eq(flare_conn_read_exact(conn, buf, len), 0);
            ck_assert_mem_eq(buf, bytes + sent, len);
            sent += len;
        }
        ck_assert_int_eq(flare_conn_shutdown(conn), 0);
        ck_assert_int_eq(flare_conn_read(conn, buf, 1), 0);
        flare_conn_close(conn);
    }
    return NULL;
}

START_TEST(test_conn_threads_share_configurations)
{
    pthread_t clients[THREADS];
    pthread_t accepting;

    if (!begin(_i))
        return;
    ck_assert_int_eq(pthread_create(&accepting, NULL, accept_all, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&clients[i], NULL, talk, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(clients[i], NULL);
    pthread_join(accepting, NULL);
}
END_TEST

/* ---- what calls return */

struct peer {
    pthread_t thread;
    int rc;
    struct flare_error err;
};

/* The accepted end: what its first read says. */
static void *read_once(void *ctx)
{
    struct peer *p = ctx;
    flare_conn *conn;
    char c;

    ck_assert_int_eq(flare_acceptor_accept(acceptor, &conn, WAIT_MS), 0);
    p->rc = flare_conn_read(conn, &c, 1);
    p->err = *flare_conn_error(conn);
    flare_conn_abort(conn);
    flare_acceptor_close(acceptor); /* it belongs to this thread by now */
    return NULL;
}

START_TEST(test_conn_is_not_opened_to_the_wrong_host)
{
    struct flare_tcp_options o = client_options("b.test");
    struct flare_error err = {.code = 0};
    struct peer p;
    flare_conn *conn = NULL;

    if (!begin(_i))
        return;
    ck_assert_int_eq(pthread_create(&p.thread, NULL, read_once, &p), 0);
    ck_assert_int_eq(flare_conn_open_addr(&conn, &at, &o, &err),
                     FLARE_E_TLS_HOSTNAME);
    ck_assert_ptr_null(conn);
    ck_assert_int_eq(err.code, FLARE_E_TLS_HOSTNAME);
    ck_assert_ptr_nonnull(strstr(err.text, "b.test"));
    pthread_join(p.thread, NULL);
    ck_assert_int_eq(p.rc, FLARE_E_TLS_ALERT);
    ck_assert_int_eq(p.err.code, FLARE_E_TLS_ALERT);
}
END_TEST

START_TEST(test_conn_verifies_the_host_of_the_call)
{
    struct flare_tcp_options o = client_options(NULL);
    struct flare_error err = {.code = 0};
    struct peer p;
    flare_conn *conn;

    if (!begin(_i))
        return;
    ck_assert_int_eq(pthread_create(&p.thread, NULL, read_once, &p), 0);
    ck_assert_msg(
        flare_conn_open(&conn, FLARE_STR("127.0.0.1"), at.port, &o, &err) == 0,
        "%s", err.text);
    ck_assert_int_eq(flare_conn_write_all(conn, FLARE_STR("x")), 0);
    pthread_join(p.thread, NULL);
    ck_assert_int_eq(p.rc, 1);
    flare_conn_abort(conn);
}
END_TEST

/* OpenSSL's own client, which leaves without a word after one byte. */
static void *leave(void *ctx)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons(at.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(tls);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    sigset_t pipe;

    (void)ctx;
    (void)sigemptyset(&pipe); /* OpenSSL's own writes raise it */
    (void)sigaddset(&pipe, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    SSL_set_fd(ssl, fd);
    ck_assert_int_eq(SSL_connect(ssl), 1);
    ck_assert_int_eq(SSL_write(ssl, "x", 1), 1);
    (void)shutdown(fd, SHUT_WR); /* a FIN, and no close_notify */
    while (SSL_read(ssl, &(char){0}, 1) > 0)
        ;
    (void)close(fd);
    SSL_free(ssl);
    SSL_CTX_free(tls);
    return NULL;
}

START_TEST(test_conn_T08_a_cut_stream_is_no_end)
{
    pthread_t peer;
    flare_conn *conn;
    char c = 0;

    if (!begin(_i))
        return;
    ck_assert_int_eq(pthread_create(&peer, NULL, leave, NULL), 0);
    ck_assert_int_eq(flare_acceptor_accept(acceptor, &conn, WAIT_MS), 0);
    ck_assert_int_eq(flare_conn_read(conn, &c, 1), 1);
    ck_assert_int_eq(c, 'x');
    ck_assert_int_eq(flare_conn_read(conn, &c, 1), FLARE_E_TLS_TRUNCATED);
    ck_assert_int_eq(flare_conn_error(conn)->code, FLARE_E_TLS_TRUNCATED);
    flare_conn_close(conn);
    pthread_join(peer, NULL);
    flare_acceptor_close(acceptor);
}
END_TEST

static sem_t may_write;

/* Says nothing until it may: the handshake must not wait for that. */
static void *hesitate(void *ctx)
{
    struct flare_tcp_options o = client_options("a.test");
    flare_conn *conn;

    (void)ctx;
    ck_assert_int_eq(flare_conn_open_addr(&conn, &at, &o, NULL), 0);
    ck_assert_int_eq(sem_wait(&may_write), 0);
    ck_assert_int_eq(flare_conn_write_all(conn, FLARE_STR("y")), 0);
    flare_conn_close(conn);
    return NULL;
}

START_TEST(test_conn_is_still_good_after_a_timeout)
{
    struct flare_tcp_options o = {.tls_server = server,
                                  .read_timeout_ms = 50,
                                  .tls_handshake_timeout_ms = 86400000};
    flare_conn *conn;
    pthread_t peer;
    char c;
    int rc;

    if (!begin(_i))
        return;
    flare_acceptor_close(acceptor);
    ck_assert_int_eq(
        flare_acceptor_open(&acceptor, FLARE_STR("127.0.0.1:0"), &o, NULL), 0);
    at = flare_acceptor_local(acceptor);
    ck_assert_int_eq(sem_init(&may_write, 0, 0), 0);
    ck_assert_int_eq(pthread_create(&peer, NULL, hesitate, NULL), 0);
    ck_assert_int_eq(flare_acceptor_accept(acceptor, &conn, WAIT_MS), 0);
    ck_assert_int_eq(flare_conn_read(conn, &c, 1), -ETIMEDOUT);
    ck_assert_int_eq(sem_post(&may_write), 0);
    while ((rc = flare_conn_read(conn, &c, 1)) == -ETIMEDOUT)
        ; /* a slow machine */
    ck_assert_int_eq(rc, 1);
    ck_assert_int_eq(c, 'y');
    flare_conn_close(conn);
    pthread_join(peer, NULL);
    flare_acceptor_close(acceptor);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/conn");
    TCase *tc = tcase_create("conn");

    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_conn_threads_share_configurations, 0,
                        ROWS(backends));
    tcase_add_loop_test(tc, test_conn_is_not_opened_to_the_wrong_host, 0,
                        ROWS(backends));
    tcase_add_loop_test(tc, test_conn_verifies_the_host_of_the_call, 0,
                        ROWS(backends));
    tcase_add_loop_test(tc, test_conn_T08_a_cut_stream_is_no_end, 0,
                        ROWS(backends));
    tcase_add_loop_test(tc, test_conn_is_still_good_after_a_timeout, 0,
                        ROWS(backends));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
