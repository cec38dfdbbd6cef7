/* SPDX-License-Identifier: MIT */
/*
 * Conformance: datagrams.  Both ends are sockets of the backend, so no harness
 * is needed, and the same tests run in the kernel and in the simulation.
 */
#include "tests/backends/conformance.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

enum {
    OPTION_SEGMENT = 103, /* Linux 4.18 */
    OPTION_GRO = 104,     /* Linux 5.0 */
    BATCH = 64,
    SIZE = 2048,
    V4_MAX = 65507, /* of IPv4: 65535 - 20 - 8 */
    IDLE_TURNS = 5
};

/* What was received last. */
static struct flare__datagram got[BATCH];
static uint8_t got_bytes[BATCH][SIZE];

struct end {
    struct conf_conn *conn;
    struct sockaddr_storage addr;
    socklen_t addr_len;
};

static socklen_t loopback(struct sockaddr_storage *addr, int family,
                          uint16_t port)
{
    const struct sockaddr_in in = {.sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                                     .sin6_port = htons(port),
                                     .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    memset(addr, 0, sizeof(*addr));
    if (family == AF_INET)
        memcpy(addr, &in, sizeof(in));
    else
        memcpy(addr, &in6, sizeof(in6));
    return family == AF_INET ? sizeof(in) : sizeof(in6);
}

static uint16_t port_of(const struct sockaddr_storage *addr)
{
    struct sockaddr_in in; /* at the same place in both families */

    memcpy(&in, addr, sizeof(in));
    return ntohs(in.sin_port);
}

/* A descriptor bound to `port` of the loopback address, 0: any; -errno. */
static int bound_fd(struct conf *c, int family, uint16_t port)
{
    struct sockaddr_storage addr;
    socklen_t len = loopback(&addr, family, port);
    int fd = c->ops->socket(c->b, family, SOCK_DGRAM);
    int rc;

    if (fd < 0)
        return fd;
    rc = c->ops->bind(c->b, fd, (struct sockaddr *)&addr, len);
    if (rc == 0)
        return fd;
    c->ops->discard(c->b, fd);
    return rc;
}

static void watch(struct end *e, short events)
{
    struct conf_conn *conn = e->conn;

    ck_assert_int_eq(conn->c->ops->poll_start(conn->c->b, &conn->sock, events),
                     0);
    conn->is_polling = true;
    conn->is_watching = true;
    conn->polls = 0;
}

/* Bound, attached, and polled for input. */
static struct end end_open(struct conf *c, int family)
{
    struct end e;
    int fd = bound_fd(c, family, 0);
    int rc;

    ck_assert_int_ge(fd, 0);
    e.conn = conf_attach(c, fd);
    e.addr_len = sizeof(e.addr);
    rc = c->ops->local(c->b, &e.conn->sock, &e.addr, &e.addr_len);
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_ne(port_of(&e.addr), 0);
    watch(&e, POLLIN);
    return e;
}

static void end_connect(struct end *e, const struct end *to)
{
    struct conf *c = e->conn->c;
    int rc = c->ops->connect(c->b, &e->conn->sock,
                             (const struct sockaddr *)&to->addr, to->addr_len);

    ck_assert_int_eq(rc, 0);
    e->conn->is_connecting = true;
    UNTIL(c, !e->conn->is_connecting);
    ck_assert_int_eq(e->conn->connect_res, 0);
}

static struct flare__datagram to(const struct end *e, const void *data,
                                 size_t len)
{
    struct flare__datagram d = {.data = (void *)(uintptr_t)data,
                                .len = (uint32_t)len};

    if (e != NULL) {
        d.addr = e->addr;
        d.addr_len = e->addr_len;
    }
    return d;
}

static int put(struct end *from, const struct end *dest, const void *data,
               size_t len)
{
    struct conf *c = from->conn->c;
    struct flare__datagram d = to(dest, data, len);

    return c->ops->datagram_send(c->b, &from->conn->sock, &d, 1);
}

static int take(struct end *e, uint32_t count, uint32_t size)
{
    struct conf *c = e->conn->c;

    for (uint32_t i = 0; i < count; i++)
        got[i] = (struct flare__datagram){.data = got_bytes[i], .len = size};
    return c->ops->datagram_recv(c->b, &e->conn->sock, got, count);
}

/* Waits for one datagram, alone, and for nothing else. */
static void take_one(struct end *e)
{
    struct conf *c = e->conn->c;
    struct flare__datagram none = {.len = 0};
    int n;

    UNTIL(c, e->conn->polls > 0);
    ck_assert(e->conn->poll_res & POLLIN);
    n = take(e, BATCH, SIZE);
    ck_assert_msg(n == 1, "%s: %d datagrams", c->stamp->name, n);
    n = c->ops->datagram_recv(c->b, &e->conn->sock, &none, 1);
    ck_assert_int_eq(n, -EAGAIN);
    e->conn->polls = 0;
}

static void is_from(const struct flare__datagram *d, const struct end *e)
{
    ck_assert_uint_eq(d->addr_len, e->addr_len);
    ck_assert_int_eq(d->addr.ss_family, e->addr.ss_family);
    ck_assert_uint_eq(port_of(&d->addr), port_of(&e->addr));
}

static bool has_family(struct conf *c, int family)
{
    int fd = bound_fd(c, family, 0);

    if (fd >= 0)
        c->ops->discard(c->b, fd);
    return fd >= 0;
}

static void there_and_back(struct conf *c, int family)
{
    struct end a = end_open(c, family);
    struct end b = end_open(c, family);

    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(put(&a, &b, "ping", 4), 1);
        take_one(&b);
        ck_assert_uint_eq(got[0].len, 4);
        ck_assert_mem_eq(got[0].data, "ping", 4);
        ck_assert(!got[0].is_truncated && got[0].segment == 0);
        is_from(&got[0], &a);
        ck_assert_int_eq(put(&b, &a, "pong!", 5), 1);
        take_one(&a);
        ck_assert_uint_eq(got[0].len, 5);
        is_from(&got[0], &b);
    }
    conf_turns(c, IDLE_TURNS);
    ck_assert_int_eq(a.conn->polls + b.conn->polls, 0);
}

START_TEST(test_a_datagram_arrives_with_its_length_and_sender)
{
    struct conf c;

    OPEN_OR_SKIP(&c);
    there_and_back(&c, AF_INET);
    if (has_family(&c, AF_INET6))
        there_and_back(&c, AF_INET6);
    else
        printf("SKIP %s: no IPv6 here\n", c.stamp->name);
    conf_close(&c);
}
END_TEST

START_TEST(test_a_batch_of_64_keeps_every_datagram)
{
    static uint8_t bytes[BATCH][100];
    struct flare__datagram list[BATCH];
    struct conf c;
    struct end a;
    struct end b;
    uint64_t seen = 0;

    OPEN_OR_SKIP(&c);
    a = end_open(&c, AF_INET);
    b = end_open(&c, AF_INET);
    for (uint32_t i = 0; i < BATCH; i++) {
        memset(bytes[i], (int)i, sizeof(bytes[i]));
        list[i] = to(&b, bytes[i], 1 + i);
    }
    ck_assert_int_eq(c.ops->datagram_send(c.b, &a.conn->sock, list, BATCH),
                     BATCH);
    while (seen != UINT64_MAX) {
        int n;

        UNTIL(&c, b.conn->polls > 0);
        b.conn->polls = 0;
        while ((n = take(&b, 10, SIZE)) > 0)
            for (int i = 0; i < n; i++) {
                ck_assert_uint_eq(got[i].len, 1u + got_bytes[i][0]);
                seen |= UINT64_C(1) << got_bytes[i][0];
            }
        ck_assert_int_eq(n, -EAGAIN);
    }
    conf_close(&c);
}
END_TEST

/* K16. */

START_TEST(test_K16_a_datagram_of_no_bytes_is_one_and_no_end)
{
    struct conf c;
    struct end a;
    struct end b;

    OPEN_OR_SKIP(&c);
    a = end_open(&c, AF_INET);
    b = end_open(&c, AF_INET);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(put(&a, &b, "", 0), 1);
        take_one(&b);
        ck_assert_uint_eq(got[0].len, 0);
        ck_assert(!got[0].is_truncated);
        is_from(&got[0], &a);
        conf_turns(&c, IDLE_TURNS); /* and none follows from it */
        ck_assert_int_eq(b.conn->polls, 0);
    }
    ck_assert_int_eq(put(&a, &b, "x", 1), 1);
    take_one(&b);
    ck_assert_uint_eq(got[0].len, 1);
    conf_close(&c);
}
END_TEST

START_TEST(test_K16_what_does_not_fit_is_cut_and_told)
{
    struct conf c;
    struct end a;
    struct end b;
    uint8_t bytes[SIZE];

    OPEN_OR_SKIP(&c);
    a = end_open(&c, AF_INET);
    b = end_open(&c, AF_INET);
    conf_fill(bytes, sizeof(bytes), 3, 0);
    for (uint32_t size = 99; size <= 101; size++) {
        memset(got_bytes, 0, sizeof(got_bytes));
        ck_assert_int_eq(put(&a, &b, bytes, 100), 1);
        ck_assert_int_eq(put(&a, &b, "next", 4), 1);
        UNTIL(&c, b.conn->polls > 0);
        ck_assert_int_eq(take(&b, 2, size), 2);
        ck_assert_uint_eq(got[0].len, size < 100 ? size : 100);
        ck_assert_int_eq(got[0].is_truncated, size < 100);
        ck_assert_mem_eq(got_bytes[0], bytes, got[0].len);
        ck_assert_uint_eq(got_bytes[0][size], 0); /* nor written past it */
        ck_assert_uint_eq(got[1].len, 4);         /* the rest is gone */
        ck_assert(!got[1].is_truncated);
        ck_assert_int_eq(take(&b, 1, size), -EAGAIN);
        b.conn->polls = 0;
    }
    conf_close(&c);
}
END_TEST

START_TEST(test_K16_too_large_fails_alone)
{
    static uint8_t huge[V4_MAX + 1];
    struct flare__datagram list[3];
    struct conf c;
    struct end a;
    struct end b;

    OPEN_OR_SKIP(&c);
    a = end_open(&c, AF_INET);
    b = end_open(&c, AF_INET);
    ck_assert_int_eq(put(&a, &b, huge, V4_MAX + 1), -EMSGSIZE);
    ck_assert_int_eq(put(&a, &b, huge, V4_MAX), 1);
    UNTIL(&c, b.conn->polls > 0);
    ck_assert_int_eq(take(&b, 1, SIZE), 1);
    ck_assert(got[0].is_truncated && got[0].len == SIZE);
    list[0] = to(&b, "one", 3);
    list[1] = to(&b, huge, V4_MAX + 1);
    list[2] = to(&b, "three", 5);
    ck_assert_int_eq(c.ops->datagram_send(c.b, &a.conn->sock, list, 3), 1);
    ck_assert_int_eq(c.ops->datagram_send(c.b, &a.conn->sock, list + 1, 2),
                     -EMSGSIZE);
    ck_assert_int_eq(c.ops->datagram_send(c.b, &a.conn->sock, list + 2, 1), 1);
    for (uint32_t bytes = 0; bytes < 8;) {
        int n = take(&b, BATCH, SIZE);

        for (int i = 0; i < n; i++)
            bytes += got[i].len;
        ck_assert(n > 0 || n == -EAGAIN);
        (void)conf_turn(&c);
    }
    conf_close(&c);
}
END_TEST

/* The port answers that nobody is there. */
START_TEST(test_K16_a_refusal_is_of_one_operation_and_the_socket_lives)
{
    struct conf c;
    struct end a;
    struct end gone;
    struct end b;
    int fd;

    OPEN_OR_SKIP(&c);
    gone = end_open(&c, AF_INET);
    a = end_open(&c, AF_INET);
    end_connect(&a, &gone);
    conf_shut(gone.conn, FLARE__CLOSE_GRACEFUL);
    UNTIL(&c, gone.conn->is_closed);
    for (int i = 0; i < 3; i++) {
        a.conn->polls = 0;
        ck_assert_int_eq(put(&a, NULL, "anyone?", 7), 1);
        UNTIL(&c, a.conn->polls > 0);
        ck_assert(a.conn->is_polling);
        ck_assert(a.conn->poll_res & POLLERR);
        ck_assert_int_eq(take(&a, 1, SIZE), -ECONNREFUSED);
        ck_assert_int_eq(take(&a, 1, SIZE), -EAGAIN); /* it is told once */
        a.conn->polls = 0;
        conf_turns(&c, IDLE_TURNS);
        ck_assert_int_eq(a.conn->polls, 0);
    }
    fd = bound_fd(&c, AF_INET, port_of(&gone.addr));
    if (fd < 0) { /* somebody else's by now */
        printf("SKIP %s: the port is taken\n", c.stamp->name);
        conf_close(&c);
        return;
    }
    b = (struct end){.conn = conf_attach(&c, fd),
                     .addr = gone.addr,
                     .addr_len = gone.addr_len};
    watch(&b, POLLIN);
    ck_assert_int_eq(put(&a, NULL, "there you are", 13), 1);
    take_one(&b);
    ck_assert_uint_eq(got[0].len, 13);
    conf_close(&c);
}
END_TEST

START_TEST(test_K16_a_connected_socket_hears_its_peer_alone)
{
    struct conf c;
    struct end a;
    struct end b;
    struct end stranger;

    OPEN_OR_SKIP(&c);
    a = end_open(&c, AF_INET);
    b = end_open(&c, AF_INET);
    stranger = end_open(&c, AF_INET);
    end_connect(&a, &b);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(put(&stranger, &a, "spoof", 5), 1);
        conf_turns(&c, IDLE_TURNS);
        ck_assert_int_eq(take(&a, 1, SIZE), -EAGAIN);
        a.conn->polls = 0;
        ck_assert_int_eq(put(&b, &a, "it is me", 8), 1);
        take_one(&a);
        ck_assert_uint_eq(got[0].len, 8);
        is_from(&got[0], &b);
    }
    ck_assert_int_eq(put(&a, NULL, "to the peer", 11), 1);
    take_one(&b);
    ck_assert_uint_eq(got[0].len, 11);
    conf_close(&c);
}
END_TEST

/* Readiness. */

START_TEST(test_K08_no_wake_is_lost_between_empty_and_the_next)
{
    struct conf c;
    struct end a;
    struct end b;

    OPEN_OR_SKIP(&c);
    a = end_open(&c, AF_INET);
    b = end_open(&c, AF_INET);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t count = 1 + i % 3;
        uint32_t came = 0;

        for (uint32_t j = 0; j < count; j++) {
            ck_assert_int_eq(put(&a, &b, &i, sizeof(i)), 1);
            if (i % 5 == j)
                conf_turns(&c, 1);
        }
        while (came < count) {
            int n;

            UNTIL(&c, b.conn->polls > 0);
            b.conn->polls = 0;
            while ((n = take(&b, 1 + i % 2, SIZE)) > 0)
                came += (uint32_t)n;
            ck_assert_int_eq(n, -EAGAIN);
        }
        ck_assert_uint_eq(came, count);
    }
    conf_turns(&c, IDLE_TURNS);
    ck_assert_int_le(b.conn->polls, 1); /* one may have been under way */
    ck_assert_int_eq(take(&b, 1, SIZE), -EAGAIN);
    conf_close(&c);
}
END_TEST

START_TEST(test_a_socket_that_sends_is_not_woken_by_it)
{
    struct conf c;
    struct end a;
    struct end b;

    OPEN_OR_SKIP(&c);
    a = end_open(&c, AF_INET);
    b = end_open(&c, AF_INET);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(put(&a, &b, "x", 1), 1);
        conf_turns(&c, 1);
        while (take(&b, BATCH, SIZE) > 0)
            continue;
    }
    ck_assert_int_eq(a.conn->polls, 0);
    watch(&a, POLLIN | POLLOUT); /* room is there: told at the start */
    UNTIL(&c, a.conn->polls > 0);
    ck_assert_int_eq(a.conn->poll_res, POLLOUT);
    watch(&a, POLLIN);
    conf_turns(&c, IDLE_TURNS);
    a.conn->polls = 0;
    ck_assert_int_eq(put(&a, &b, "x", 1), 1);
    conf_turns(&c, IDLE_TURNS);
    ck_assert_int_eq(a.conn->polls, 0);
    conf_close(&c);
}
END_TEST

/* Segments. */

static int option(struct end *e, int name, int value)
{
    struct conf *c = e->conn->c;

    return c->ops->option(c->b, e->conn->sock.fd, IPPROTO_UDP, name, &value,
                          sizeof(value));
}

enum { SEGMENTS = 10, SEGMENT = 150, LAST = 37 };

/* What came last, at `at` of all bytes: a whole segment, or some of them. */
static void segment_check(const struct conf *c, const struct flare__datagram *d,
                          uint32_t at, bool is_merged)
{
    const uint8_t *bytes = d->data;

    ck_assert(is_merged || d->segment == 0);
    ck_assert(d->segment == 0 || d->segment == SEGMENT);
    ck_assert(d->segment != 0 || d->len == SEGMENT || d->len == LAST);
    for (uint32_t i = 0; i < d->len; i++)
        if (bytes[i] != conf_byte(5, at + i))
            ck_abort_msg("%s: byte %u", c->stamp->name, at + i);
}

/* Datagrams of SEGMENT bytes and a last one of LAST, whole or merged. */
static void take_segments(struct end *e, bool is_merged)
{
    const uint32_t total = (SEGMENTS - 1) * SEGMENT + LAST;
    struct conf *c = e->conn->c;
    uint32_t at = 0;

    while (at < total) {
        int n = 1;

        UNTIL(c, e->conn->polls > 0);
        e->conn->polls = 0;
        while (n > 0) {
            n = take(e, BATCH, SIZE);
            for (int i = 0; i < n; i++) {
                segment_check(c, &got[i], at, is_merged);
                at += got[i].len;
            }
        }
        ck_assert_int_eq(n, -EAGAIN);
    }
    ck_assert_uint_eq(at, total);
}

START_TEST(test_segments_of_one_size_leave_as_datagrams)
{
    uint8_t bytes[(SEGMENTS - 1) * SEGMENT + LAST];
    struct flare__datagram d;
    struct conf c;
    struct end a;
    struct end b;
    bool can_merge;

    OPEN_OR_SKIP(&c);
    a = end_open(&c, AF_INET);
    b = end_open(&c, AF_INET);
    conf_fill(bytes, sizeof(bytes), 5, 0);
    if (option(&a, OPTION_SEGMENT, 0) < 0) {
        printf("SKIP %s: no UDP_SEGMENT\n", c.stamp->name);
        conf_close(&c);
        return;
    }
    d = to(&b, bytes, sizeof(bytes));
    d.segment = SEGMENT;
    ck_assert_int_eq(c.ops->datagram_send(c.b, &a.conn->sock, &d, 1), 1);
    take_segments(&b, /* is_merged = */ false);
    can_merge = option(&b, OPTION_GRO, 1) == 0;
    if (!can_merge)
        printf("SKIP %s: no UDP_GRO\n", c.stamp->name);
    ck_assert_int_eq(c.ops->datagram_send(c.b, &a.conn->sock, &d, 1), 1);
    take_segments(&b, can_merge);
    d.segment = SIZE; /* a single one, and less */
    d.len = SEGMENT;
    ck_assert_int_eq(c.ops->datagram_send(c.b, &a.conn->sock, &d, 1), 1);
    take_one(&b);
    ck_assert_uint_eq(got[0].segment, 0);
    conf_close(&c);
}
END_TEST

/* Sockets of one's own. */

START_TEST(test_bind_and_send_say_what_is_wrong)
{
    struct conf c;
    struct end a;
    int fd;

    OPEN_OR_SKIP(&c);
    a = end_open(&c, AF_INET);
    ck_assert_int_eq(bound_fd(&c, AF_INET, port_of(&a.addr)), -EADDRINUSE);
    ck_assert_int_eq(put(&a, NULL, "x", 1), -EDESTADDRREQ);
    ck_assert_int_eq(take(&a, 1, SIZE), -EAGAIN);
    fd = c.ops->socket(c.b, AF_INET, SOCK_DGRAM);
    ck_assert_int_ge(fd, 0);
    c.ops->discard(c.b, fd);
    conf_close(&c);
}
END_TEST

/* With datagrams queued, watched or not, and a connect under way. */
START_TEST(test_close_ends_it_at_any_time)
{
    for (int row = 0; row < 8; row++) {
        struct conf c;
        struct end a;
        struct end b;

        OPEN_OR_SKIP(&c);
        a = end_open(&c, AF_INET);
        b = end_open(&c, AF_INET);
        ck_assert_int_eq(put(&a, &b, "unread", 6), 1);
        if (row & 1)
            conf_turns(&c, 3);
        if (row & 2)
            end_connect(&a, &b);
        if (row & 4)
            c.ops->poll_stop(c.b, &b.conn->sock);
        conf_shut(b.conn, row & 1 ? FLARE__CLOSE_ABORT : FLARE__CLOSE_GRACEFUL);
        UNTIL(&c, b.conn->is_closed);
        ck_assert_int_eq(b.conn->poll_res, -ECANCELED);
        conf_close(&c);
    }
}
END_TEST

TCase *conf_case_datagram(void)
{
    TCase *tc = tcase_create("datagram");
    const int n = conf_stamp_count;

    tcase_set_timeout(tc, 20);
    tcase_add_loop_test(tc, test_a_datagram_arrives_with_its_length_and_sender,
                        0, n);
    tcase_add_loop_test(tc, test_a_batch_of_64_keeps_every_datagram, 0, n);
    tcase_add_loop_test(tc, test_K16_a_datagram_of_no_bytes_is_one_and_no_end,
                        0, n);
    tcase_add_loop_test(tc, test_K16_what_does_not_fit_is_cut_and_told, 0, n);
    tcase_add_loop_test(tc, test_K16_too_large_fails_alone, 0, n);
    tcase_add_loop_test(
        tc, test_K16_a_refusal_is_of_one_operation_and_the_socket_lives, 0, n);
    tcase_add_loop_test(tc, test_K16_a_connected_socket_hears_its_peer_alone, 0,
                        n);
    tcase_add_loop_test(tc, test_K08_no_wake_is_lost_between_empty_and_the_next,
                        0, n);
    tcase_add_loop_test(tc, test_a_socket_that_sends_is_not_woken_by_it, 0, n);
    tcase_add_loop_test(tc, test_segments_of_one_size_leave_as_datagrams, 0, n);
    tcase_add_loop_test(tc, test_bind_and_send_say_what_is_wrong, 0, n);
    tcase_add_loop_test(tc, test_close_ends_it_at_any_time, 0, n);
    return tc;
}
