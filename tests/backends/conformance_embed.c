/* SPDX-License-Identifier: MIT */
/*
 * Conformance: the descriptor for somebody else's poll(2).  Whatever comes
 * about after a poll that had nothing to give must make it readable; and
 * nothing must, when that poll would be in vain.
 */
#include "tests/backends/conformance.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    ROUNDS = 30,
    STRESS_ROUNDS = 2000,
    LONG_MS = 10000,
    FILE_BYTES = 3 * FLARE__FILE_PART
};

struct embed {
    struct conf *c;
    int fd;
    int outer; /* an epoll descriptor with it inside */
};

/* False: skipped, and everything is closed. */
static bool embed_in(struct embed *e, struct conf *c)
{
    struct epoll_event ev = {.events = EPOLLIN};

    e->c = c;
    e->fd = c->ops->descriptor(c->b);
    if (e->fd == -ENOTSUP) {
        printf("SKIP %s: it cannot be embedded\n", c->stamp->name);
        conf_close(c);
        return false;
    }
    ck_assert_int_ge(e->fd, 0);
    ck_assert_int_eq(c->ops->descriptor(c->b), e->fd);
    e->outer = epoll_create1(EPOLL_CLOEXEC);
    ck_assert_int_eq(epoll_ctl(e->outer, EPOLL_CTL_ADD, e->fd, &ev), 0);
    c->wait_ns = 0;
    return true;
}

static bool embed_open(struct embed *e, int index)
{
    static struct conf c;

    return conf_open(&c, index) && embed_in(e, &c);
}

static void embed_close(struct embed *e)
{
    close(e->outer);
    e->c->wait_ns = 1000000;
    conf_close(e->c);
}

/* Polls until there is nothing. */
static void settle(struct embed *e)
{
    for (int i = 0; conf_turn(e->c) > 0; i++)
        ck_assert_int_lt(i, CONF_TURNS_MAX);
}

static bool is_readable(struct embed *e, int timeout_ms)
{
    struct pollfd p = {.fd = e->fd, .events = POLLIN};
    struct epoll_event ev;
    int n = poll(&p, 1, timeout_ms);
    int m = epoll_wait(e->outer, &ev, 1, n > 0 ? LONG_MS : 0);

    ck_assert_int_ge(n, 0);
    ck_assert_int_eq(m, n); /* both ways of asking agree */
    return n > 0;
}

/* It sleeps until there is something, and that is then given. */
static void wait_and_settle(struct embed *e)
{
    ck_assert_msg(is_readable(e, LONG_MS), "%s: not readable",
                  e->c->stamp->name);
    settle(e);
}

START_TEST(test_what_comes_for_a_connection_makes_it_readable)
{
    struct embed e;
    struct conf_conn *conn;
    uint8_t bytes[100];

    if (!embed_open(&e, _i))
        return;
    conf_fill(bytes, sizeof(bytes), 7, 0);
    settle(&e);
    ck_assert(!is_readable(&e, 0));
    conn = conf_connect(e.c);
    conf_recv_start(conn);
    settle(&e);
    for (size_t i = 0; i < ROUNDS; i++) {
        ck_assert(!is_readable(&e, 0));
        ck_assert_int_eq(e.c->h->peer_send(conn->peer, bytes + i, 1), 1);
        while (conn->in_len == i)
            wait_and_settle(&e);
    }
    conf_in_check(conn, ROUNDS, 7);
    e.c->h->peer_shutdown(conn->peer);
    while (conn->is_receiving)
        wait_and_settle(&e);
    ck_assert_int_eq(conn->recv_res, 0);
    settle(&e);
    ck_assert(!is_readable(&e, 0));
    embed_close(&e);
}
END_TEST

START_TEST(test_a_connection_to_accept_makes_it_readable)
{
    struct embed e;
    struct conf_peer *peers[ROUNDS];

    if (!embed_open(&e, _i))
        return;
    settle(&e);
    for (int i = 0; i < ROUNDS; i++) {
        ck_assert(!is_readable(&e, 0));
        peers[i] = e.c->h->peer_connect(e.c->world, &e.c->addr, e.c->addr_len);
        while (e.c->listener->accepted_count == i)
            wait_and_settle(&e);
    }
    for (int i = 0; i < ROUNDS; i++)
        e.c->h->peer_close(peers[i], /* is_abort = */ true);
    embed_close(&e);
}
END_TEST

/*
 * Another thread acts while this one goes to sleep, as close together as it
 * can be: what it did is never slept through.
 */
struct actor {
    struct embed *e;
    struct conf_conn *conn; /* made readable; NULL: the backend is woken */
    atomic_int asked;
};

static void *actor_run(void *ctx)
{
    struct actor *a = ctx;
    struct conf *c = a->e->c;

    for (int i = 1; i <= STRESS_ROUNDS; i++) {
        while (atomic_load(&a->asked) < i)
            sched_yield();
        if (a->conn == NULL)
            c->ops->wake(c->b);
        else
            c->h->foreign_set(c->world, a->conn->sock.fd, true);
    }
    return NULL;
}

static void stress(struct embed *e, struct conf_conn *conn)
{
    struct actor actor = {.e = e, .conn = conn};
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, actor_run, &actor), 0);
    for (int i = 1; i <= STRESS_ROUNDS; i++) {
        const int *count = conn != NULL ? &conn->polls : &e->c->wakes;
        int before;

        settle(e);
        before = *count;
        atomic_store(&actor.asked, i);
        while (*count == before)
            wait_and_settle(e);
    }
    pthread_join(thread, NULL);
}

START_TEST(test_a_wake_makes_it_readable)
{
    struct embed e;

    if (!embed_open(&e, _i))
        return;
    stress(&e, NULL);
    embed_close(&e);
}
END_TEST

START_TEST(test_an_edge_of_another_thread_makes_it_readable)
{
    struct embed e;
    struct conf_conn *conn;

    if (!embed_open(&e, _i))
        return;
    conn = conf_attach(e.c, e.c->h->foreign(e.c->world));
    conn->is_watching = conn->is_polling = true;
    ck_assert_int_eq(e.c->ops->poll_start(e.c->b, &conn->sock, POLLIN), 0);
    stress(&e, conn);
    embed_close(&e);
}
END_TEST

START_TEST(test_R08_without_descriptors_it_is_refused_and_can_be_asked_again)
{
    struct embed e;
    struct conf c;
    int fd;

    if (!conf_open(&c, _i))
        return;
    c.h->descriptors_deny(c.world, true);
    fd = c.ops->descriptor(c.b);
    c.h->descriptors_deny(c.world, false);
    ck_assert(fd == -ENOTSUP || fd == -EMFILE || fd >= 0);
    conf_turns(&c, 3);
    if (!embed_in(&e, &c))
        return;
    settle(&e);
    ck_assert(!is_readable(&e, 0));
    embed_close(&e);
}
END_TEST

/* Polled before anybody asked for the descriptor: once, and for good. */
START_TEST(test_what_was_polled_before_makes_it_readable)
{
    struct embed e;
    struct conf c;
    struct conf_conn *conns[2];
    int fds[2];

    if (!conf_open(&c, _i))
        return;
    for (int i = 0; i < 2; i++) {
        fds[i] = c.h->foreign(c.world);
        conns[i] = conf_attach(&c, fds[i]);
        conns[i]->is_polling = true;
        conns[i]->is_watching = i == 1;
    }
    ck_assert_int_eq(c.ops->poll_fd(c.b, &conns[0]->sock, POLLIN), 0);
    ck_assert_int_eq(c.ops->poll_start(c.b, &conns[1]->sock, POLLIN), 0);
    conf_turns(&c, 3);
    if (!embed_in(&e, &c))
        return;
    for (int i = 0; i < 2; i++) {
        settle(&e);
        ck_assert(!is_readable(&e, 0));
        c.h->foreign_set(c.world, fds[i], true);
        while (conns[i]->polls == 0)
            wait_and_settle(&e);
        ck_assert_int_eq(conns[i]->poll_res, POLLIN);
    }
    embed_close(&e);
}
END_TEST

/* Also after other events were asked for, which takes a round by itself. */
START_TEST(test_a_polled_descriptor_makes_it_readable)
{
    struct embed e;
    struct conf_conn *conn;
    int fd;

    if (!embed_open(&e, _i))
        return;
    fd = e.c->h->foreign(e.c->world);
    conn = conf_attach(e.c, fd);
    for (int i = 0; i < ROUNDS; i++) {
        conn->is_watching = true;
        conn->is_polling = true;
        ck_assert_int_eq(
            e.c->ops->poll_start(e.c->b, &conn->sock, i % 2 ? POLLIN : POLLPRI),
            0);
        settle(&e);
        if (i % 2 == 0)
            continue;
        conn->polls = 0;
        ck_assert(!is_readable(&e, 0));
        e.c->h->foreign_set(e.c->world, fd, true);
        while (conn->polls == 0)
            wait_and_settle(&e);
        e.c->h->foreign_set(e.c->world, fd, false);
        settle(&e);
    }
    embed_close(&e);
}
END_TEST

START_TEST(test_a_datagram_makes_it_readable)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    struct embed e;
    struct conf_conn *conn;
    int fd;
    int out;

    if (!embed_open(&e, _i))
        return;
    fd = e.c->ops->socket(e.c->b, AF_INET, SOCK_DGRAM);
    ck_assert_int_eq(
        e.c->ops->bind(e.c->b, fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    conn = conf_attach(e.c, fd);
    ck_assert_int_eq(e.c->ops->local(e.c->b, &conn->sock, &bound, &len), 0);
    conn->is_watching = true;
    conn->is_polling = true;
    ck_assert_int_eq(e.c->ops->poll_start(e.c->b, &conn->sock, POLLIN), 0);
    out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    settle(&e);
    for (int i = 0; i < ROUNDS; i++) {
        char byte;
        struct flare__datagram d = {.data = &byte, .len = 1};

        conn->polls = 0;
        ck_assert(!is_readable(&e, 0));
        ck_assert_int_eq(sendto(out, "x", 1, 0, (struct sockaddr *)&bound, len),
                         1);
        while (conn->polls == 0)
            wait_and_settle(&e);
        ck_assert_int_eq(e.c->ops->datagram_recv(e.c->b, &conn->sock, &d, 1),
                         1);
        settle(&e);
    }
    close(out);
    embed_close(&e);
}
END_TEST

/* Between its parts a poll has nothing to give, and yet there is more to do. */
START_TEST(test_a_file_on_its_way_keeps_it_readable)
{
    struct embed e;
    struct conf_conn *conn;
    size_t drained = 0;
    int file = memfd_create("embed", MFD_CLOEXEC);

    ck_assert_int_eq(ftruncate(file, FILE_BYTES), 0);
    if (!embed_open(&e, _i)) {
        close(file);
        return;
    }
    conn = conf_connect(e.c);
    settle(&e);
    conf_send_file(conn, file, 0, FILE_BYTES);
    settle(&e);
    while (drained < FILE_BYTES) {
        static uint8_t bytes[65536];
        long n = e.c->h->peer_recv(conn->peer, bytes, sizeof(bytes));

        ck_assert_int_ge(n, 0);
        drained += (size_t)n;
        if (n == 0)
            wait_and_settle(&e);
    }
    while (conn->is_sending)
        wait_and_settle(&e);
    ck_assert_int_eq(conn->sent_res, FILE_BYTES);
    embed_close(&e);
    close(file);
}
END_TEST

TCase *conf_case_embed(void)
{
    TCase *tc = tcase_create("embed");
    const int n = conf_stamp_count;

    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, test_what_comes_for_a_connection_makes_it_readable,
                        0, n);
    tcase_add_loop_test(tc, test_a_connection_to_accept_makes_it_readable, 0,
                        n);
    tcase_add_loop_test(tc, test_a_wake_makes_it_readable, 0, n);
    tcase_add_loop_test(tc, test_an_edge_of_another_thread_makes_it_readable, 0,
                        n);
    tcase_add_loop_test(tc, test_a_polled_descriptor_makes_it_readable, 0, n);
    tcase_add_loop_test(
        tc, test_R08_without_descriptors_it_is_refused_and_can_be_asked_again,
        0, n);
    tcase_add_loop_test(tc, test_what_was_polled_before_makes_it_readable, 0,
                        n);
    tcase_add_loop_test(tc, test_a_datagram_makes_it_readable, 0, n);
    tcase_add_loop_test(tc, test_a_file_on_its_way_keeps_it_readable, 0, n);
    return tc;
}
