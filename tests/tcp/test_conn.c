/* SPDX-License-Identifier: MIT */
/*
 * The blocking form, on the kernel, in one thread: what one end writes waits in
 * the system until the other end reads it.
 */
#include "tcp/conn.h"

#include "net/sock.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const backends[] = {"epoll", "uring", "kqueue"};

/* Whether the backend of this round works here. */
static bool backend_use(int i)
{
    flare_acceptor *a;

    (void)setenv("FLARE_BACKEND", backends[i], 1);
    if (flare_acceptor_open(&a, FLARE_STR("127.0.0.1:0"), NULL, NULL) < 0)
        return false;
    flare_acceptor_close(a);
    return true;
}

struct pair {
    flare_acceptor *acceptor;
    flare_conn *a; /* connected */
    flare_conn *b; /* accepted */
};

static struct pair pair_open(const struct flare_tcp_options *options)
{
    struct pair p;
    struct flare_error err = {.code = 0};
    struct flare_addr addr;

    ck_assert_int_eq(flare_acceptor_open(&p.acceptor, FLARE_STR("127.0.0.1:0"),
                                         options, &err),
                     0);
    addr = flare_acceptor_local(p.acceptor);
    ck_assert_uint_ne(addr.port, 0);
    ck_assert_msg(flare_conn_open(&p.a, FLARE_STR("127.0.0.1"), addr.port,
                                  options, &err) == 0,
                  "%s", err.text);
    ck_assert_int_eq(flare_acceptor_accept(p.acceptor, &p.b, 5000), 0);
    return p;
}

static void pair_close(struct pair *p)
{
    flare_conn_abort(p->a);
    flare_conn_abort(p->b);
    flare_acceptor_close(p->acceptor);
}

#define EACH_BACKEND(i)                                                        \
    if (!backend_use(i))                                                       \
    TEST_SKIP("%s does not work here", backends[i])

START_TEST(test_conn_bytes_go_both_ways_and_end_in_order)
{
    struct pair p;
    char buf[32];

    EACH_BACKEND(_i);
    p = pair_open(NULL);
    ck_assert_int_eq(flare_conn_write(p.a, FLARE_STR("hello")), 5);
    ck_assert_int_eq(flare_conn_read(p.b, buf, 2), 2);
    ck_assert_mem_eq(buf, "he", 2);
    ck_assert_int_eq(flare_conn_read_exact(p.b, buf, 3), 0);
    ck_assert_mem_eq(buf, "llo", 3);
    ck_assert_int_eq(flare_conn_shutdown(p.a), 0);
    ck_assert_int_eq(flare_conn_read(p.b, buf, sizeof(buf)), 0);
    ck_assert_int_eq(flare_conn_read(p.b, buf, sizeof(buf)), 0);
    ck_assert_int_eq(flare_conn_write_all(p.b, FLARE_STR("still here")), 0);
    ck_assert_int_eq(flare_conn_read_exact(p.a, buf, 10), 0);
    ck_assert_mem_eq(buf, "still here", 10);
    ck_assert_int_eq(flare_conn_write(p.a, FLARE_STR("x")), -EPIPE);
    flare_conn_close(p.b);
    p.b = NULL;
    ck_assert_int_eq(flare_conn_read(p.a, buf, 1), 0);
    pair_close(&p);
}
END_TEST

START_TEST(test_conn_the_two_ends_know_each_other)
{
    struct pair p;
    struct flare_addr x, y;

    EACH_BACKEND(_i);
    p = pair_open(NULL);
    x = flare_conn_local(p.a);
    y = flare_conn_peer(p.b);
    ck_assert(flare_addr_equal(&x, &y));
    x = flare_conn_peer(p.a);
    y = flare_acceptor_local(p.acceptor);
    ck_assert(flare_addr_equal(&x, &y));
    pair_close(&p);
}
END_TEST

/* ---- a peer in another thread ---- */

struct job {
    flare_conn *conn;
    size_t len; /* what it is to write, or has read */
    int rc;
    bool is_slow; /* reads a byte at a time */
};

static char byte_at(size_t at)
{
    return (char)(at * 7 + at / 251);
}

/* Reads all; the loop of an accepted connection is made here. */
static void *read_all(void *ctx)
{
    struct job *j = ctx;
    char buf[5000];
    int n;

    j->len = 0;
    while ((n = flare_conn_read(j->conn, buf, j->is_slow ? 1 : sizeof(buf))) >
           0) {
        for (int i = 0; i < n; i++)
            if (buf[i] != byte_at(j->len + (size_t)i))
                n = -EINVAL;
        if (n < 0)
            break;
        j->len += (size_t)n;
    }
    j->rc = n;
    flare_conn_close(j->conn);
    return NULL;
}

START_TEST(test_conn_write_all_waits_for_a_peer_that_reads)
{
    enum { BYTES = 5000000 };
    struct pair p;
    struct job job = {.len = 0};
    pthread_t thread;
    char *bytes;

    EACH_BACKEND(_i);
    bytes = malloc(BYTES);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = byte_at(i);
    p = pair_open(NULL);
    job.conn = p.b;
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, &job), 0);
    ck_assert_int_eq(
        flare_conn_write_all(p.a, (struct flare_str){bytes, BYTES}), 0);
    flare_conn_close(p.a);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(job.rc, 0);
    ck_assert_uint_eq(job.len, BYTES);
    flare_acceptor_close(p.acceptor);
    free(bytes);
}
END_TEST

START_TEST(test_conn_K07_a_byte_at_a_time_is_the_same_stream)
{
    struct pair p;
    struct job job = {.is_slow = true};
    pthread_t thread;
    char bytes[20000];

    EACH_BACKEND(_i);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = byte_at(i);
    p = pair_open(NULL);
    job.conn = p.b;
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, &job), 0);
    for (size_t at = 0, n = 1; at < sizeof(bytes); at += n, n = n * 3 + 1) {
        if (n > sizeof(bytes) - at)
            n = sizeof(bytes) - at;
        ck_assert_int_eq(
            flare_conn_write_all(p.a, (struct flare_str){bytes + at, n}), 0);
    }
    flare_conn_close(p.a);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(job.rc, 0);
    ck_assert_uint_eq(job.len, sizeof(bytes));
    flare_acceptor_close(p.acceptor);
}
END_TEST

START_TEST(test_conn_a_peer_that_takes_nothing_is_left)
{
    enum { BYTES = 300000 };
    const struct flare_tcp_options o = {.write_timeout_ms = 200};
    struct pair p;
    static char bytes[BYTES];
    char got[1000];
    size_t sent = 0, received = 0;
    int n;

    EACH_BACKEND(_i);
    p = pair_open(&o);
    /* b fills what the system holds, and is left for it */
    while ((n = flare_conn_write(p.b, (struct flare_str){bytes, BYTES})) > 0)
        sent += (size_t)n;
    ck_assert_int_eq(n, -ETIMEDOUT);
    ck_assert_int_eq(flare_conn_error(p.b)->code, -ETIMEDOUT);
    /* what a had not asked for does not pile up while it writes */
    (void)!flare_conn_write(p.a, FLARE_STR("x"));
    while ((n = flare_conn_read(p.a, got, sizeof(got))) > 0)
        received += (size_t)n;
    ck_assert_int_lt(n, 0);
    ck_assert_uint_le(received, sent);
    pair_close(&p);
}
END_TEST

/* ---- ends and deadlines ---- */

START_TEST(test_conn_read_exact_tells_a_short_stream)
{
    struct pair p;
    char buf[8];

    EACH_BACKEND(_i);
    p = pair_open(NULL);
    ck_assert_int_eq(flare_conn_write_all(p.a, FLARE_STR("1234567")), 0);
    flare_conn_close(p.a);
    p.a = NULL;
    ck_assert_int_eq(flare_conn_read_exact(p.b, buf, 8), FLARE_E_END_OF_STREAM);
    pair_close(&p);
}
END_TEST

START_TEST(test_conn_lines_are_read_through_a_reader)
{
    const struct flare_tcp_options o = {.read_timeout_ms = 30};
    struct pair p;
    struct flare_str line;
    flare_reader *r;

    EACH_BACKEND(_i);
    p = pair_open(&o);
    ck_assert_int_eq(flare_conn_reader(&r, p.b, NULL), 0);
    ck_assert_int_eq(flare_conn_write_all(p.a, FLARE_STR("one\r\ntw")), 0);
    ck_assert_int_eq(flare_reader_line(r, &line), FLARE_READ_WHOLE);
    ck_assert(flare_str_equal(line, FLARE_STR("one")));
    ck_assert_int_eq(flare_reader_line(r, &line), -ETIMEDOUT);
    ck_assert_int_eq(flare_conn_write_all(p.a, FLARE_STR("o\nend")), 0);
    ck_assert_int_eq(flare_conn_shutdown(p.a), 0);
    ck_assert_int_eq(flare_reader_line(r, &line), FLARE_READ_WHOLE);
    ck_assert(flare_str_equal(line, FLARE_STR("two")));
    ck_assert_int_eq(flare_reader_line(r, &line), FLARE_READ_UNENDED);
    ck_assert(flare_str_equal(line, FLARE_STR("end")));
    ck_assert_int_eq(flare_reader_line(r, &line), FLARE_READ_END);
    flare_reader_free(r);
    pair_close(&p);
}
END_TEST

START_TEST(test_conn_a_read_that_times_out_leaves_it_good)
{
    const struct flare_tcp_options o = {.read_timeout_ms = 30};
    struct pair p;
    char buf[8];

    EACH_BACKEND(_i);
    p = pair_open(&o);
    ck_assert_int_eq(flare_conn_read(p.b, buf, 8), -ETIMEDOUT);
    ck_assert_int_eq(flare_conn_error(p.b)->code, 0);
    ck_assert_int_eq(flare_conn_write_all(p.a, FLARE_STR("late")), 0);
    ck_assert_int_eq(flare_conn_read(p.b, buf, 8), 4);
    ck_assert_int_eq(flare_conn_read_exact(p.b, buf, 8), -ETIMEDOUT);
    pair_close(&p);
}
END_TEST

START_TEST(test_conn_what_came_before_a_reset_is_read_first)
{
    struct pair p;
    char buf[8];

    EACH_BACKEND(_i);
    p = pair_open(NULL);
    ck_assert_int_eq(flare_conn_write_all(p.a, FLARE_STR("1234")), 0);
    ck_assert_int_eq(flare_conn_read(p.b, buf, 2), 2);
    flare_conn_abort(p.a);
    p.a = NULL;
    ck_assert_int_eq(flare_conn_read(p.b, buf, 8), 2);
    ck_assert_int_eq(flare_conn_read(p.b, buf, 8), -ECONNRESET);
    ck_assert_int_eq(flare_conn_read(p.b, buf, 8), -ECONNRESET);
    ck_assert_int_eq(flare_conn_write(p.b, FLARE_STR("x")), -ECONNRESET);
    ck_assert_int_eq(flare_conn_error(p.b)->code, -ECONNRESET);
    ck_assert_ptr_nonnull(strstr(flare_conn_error(p.b)->text, "127.0.0.1:"));
    pair_close(&p);
}
END_TEST

START_TEST(test_conn_K04_writing_to_one_that_is_gone_raises_no_signal)
{
    struct pair p;
    int rc = 0;

    EACH_BACKEND(_i);
    p = pair_open(NULL);
    flare_conn_abort(p.b);
    p.b = NULL;
    for (int i = 0; i < 100 && rc >= 0; i++)
        rc = flare_conn_write(p.a, FLARE_STR("hello"));
    ck_assert_msg(rc == -EPIPE || rc == -ECONNRESET, "%d", rc);
    pair_close(&p);
}
END_TEST

START_TEST(test_conn_K11_errors_of_opening_name_who_refused)
{
    struct flare_error err = {.code = 0};
    struct flare_tcp_options o = {.connect_timeout_ms = 5000};
    struct flare_addr addr;
    flare_acceptor *a;
    flare_conn *c = NULL;

    EACH_BACKEND(_i);
    ck_assert_int_eq(
        flare_acceptor_open(&a, FLARE_STR("127.0.0.1:0"), NULL, NULL), 0);
    addr = flare_acceptor_local(a);
    flare_acceptor_close(a);
    ck_assert_int_eq(
        flare_conn_open(&c, FLARE_STR("127.0.0.1"), addr.port, &o, &err),
        -ECONNREFUSED);
    ck_assert_int_eq(err.code, -ECONNREFUSED);
    ck_assert_msg(strstr(err.text, "127.0.0.1:") != NULL, "%s", err.text);
    ck_assert_int_eq(flare_conn_open_addr(&c, &addr, &o, NULL), -ECONNREFUSED);
    ck_assert_int_eq(flare_conn_open(&c, FLARE_STR("a b"), 80, &o, &err),
                     FLARE_E_BAD_HOSTNAME);
    ck_assert_int_eq(flare_conn_open(&c, FLARE_STR("127.0.0.1"), 0, &o, &err),
                     FLARE_E_BAD_CONFIG);
    o.queue_max = UINT32_MAX;
    ck_assert_int_eq(flare_conn_open_addr(&c, &addr, &o, &err),
                     FLARE_E_BAD_CONFIG);
    ck_assert_ptr_null(c);
    flare_conn_close(NULL);
    flare_conn_abort(NULL);
    flare_acceptor_close(NULL);
}
END_TEST

START_TEST(test_conn_localhost_is_reached_by_name)
{
    struct pair p = {.acceptor = NULL};
    struct flare_error err = {.code = 0};
    struct flare_addr addr;

    EACH_BACKEND(_i);
    ck_assert_int_eq(
        flare_acceptor_open(&p.acceptor, FLARE_STR("127.0.0.1:0"), NULL, NULL),
        0);
    addr = flare_acceptor_local(p.acceptor);
    ck_assert_msg(flare_conn_open(&p.a, FLARE_STR("localhost"), addr.port, NULL,
                                  &err) == 0,
                  "%s", err.text);
    ck_assert_int_eq(flare_acceptor_accept(p.acceptor, &p.b, 5000), 0);
    pair_close(&p);
}
END_TEST

/* ---- memory ---- */

/* A message each way between two blocking ends. */
static int scenario_talk(struct fault *f, void *ctx)
{
    const struct flare_tcp_options o = {.allocator = &f->al};
    struct pair p = {.acceptor = NULL};
    struct flare_addr addr;
    static char bytes[20000];
    int rc;

    (void)ctx;
    rc = flare_acceptor_open(&p.acceptor, FLARE_STR("127.0.0.1:0"), &o, NULL);
    if (rc < 0)
        return rc;
    addr = flare_acceptor_local(p.acceptor);
    rc = flare_conn_open_addr(&p.a, &addr, &o, NULL);
    if (rc == 0)
        rc = flare_acceptor_accept(p.acceptor, &p.b, 5000);
    if (rc == -ETIMEDOUT)
        rc = -ENOMEM; /* it was shed */
    if (rc == 0)
        rc =
            flare_conn_write_all(p.a, (struct flare_str){bytes, sizeof(bytes)});
    for (size_t n = 0; rc >= 0 && n < sizeof(bytes); n += (size_t)rc)
        rc = flare_conn_read(p.b, bytes, 500);
    if (rc >= 0)
        rc = flare_conn_write_all(p.b, FLARE_STR("thanks"));
    if (rc >= 0)
        rc = flare_conn_read_exact(p.a, bytes, 6);
    fault_disarm(f);
    pair_close(&p);
    return rc;
}

START_TEST(test_conn_R11_any_failure_ends_in_order)
{
    struct fault_report report;

    EACH_BACKEND(_i);
    report = fault_each("conn", scenario_talk, NULL);
    ck_assert_uint_ge(report.sites, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp/conn");
    TCase *tc = tcase_create("conn");

    tcase_set_timeout(tc, 60);
#define EACH(test) tcase_add_loop_test(tc, test, 0, ROWS(backends))
    EACH(test_conn_bytes_go_both_ways_and_end_in_order);
    EACH(test_conn_the_two_ends_know_each_other);
    EACH(test_conn_write_all_waits_for_a_peer_that_reads);
    EACH(test_conn_K07_a_byte_at_a_time_is_the_same_stream);
    EACH(test_conn_a_peer_that_takes_nothing_is_left);
    EACH(test_conn_read_exact_tells_a_short_stream);
    EACH(test_conn_lines_are_read_through_a_reader);
    EACH(test_conn_a_read_that_times_out_leaves_it_good);
    EACH(test_conn_what_came_before_a_reset_is_read_first);
    EACH(test_conn_K04_writing_to_one_that_is_gone_raises_no_signal);
    EACH(test_conn_K11_errors_of_opening_name_who_refused);
    EACH(test_conn_localhost_is_reached_by_name);
    EACH(test_conn_R11_any_failure_ends_in_order);
#undef EACH
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
