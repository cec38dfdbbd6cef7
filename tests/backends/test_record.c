/* SPDX-License-Identifier: MIT */
/*
 * Records of the kernel's TLS by each backend of Linux: keys that are made up,
 * the same at both ends, so that no handshake is needed.  A machine whose
 * kernel has TLS is tests/support/vm.
 */
#include "backends/record.h"

#include "tests/support/loop_rig.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

enum { BACKENDS = 2, TURNS_MAX = 10000 };

static struct {
    struct loop_rig rig;
    struct flare__sock sock;
    int peer; /* blocking */
    char got[65536];
    size_t got_len;
    int end;
    bool is_ended;
    bool is_closed;
} t;

static void on_event(struct flare__sock *sock, const struct flare__event *ev)
{
    (void)sock;
    if (ev->kind == FLARE__EV_CLOSED) {
        t.is_closed = true;
        return;
    }
    ck_assert_int_eq(ev->kind, FLARE__EV_RECV);
    if (ev->res > 0) {
        ck_assert_uint_le(t.got_len + (size_t)ev->res, sizeof(t.got));
        memcpy(t.got + t.got_len, ev->data, (size_t)ev->res);
        t.got_len += (size_t)ev->res;
    }
    if (ev->flags & FLARE__EV_LEASE)
        t.rig.loop->ops->lease_put(t.rig.loop->backend, ev->lease);
    if ((ev->flags & FLARE__EV_MORE) == 0) {
        t.is_ended = true;
        t.end = ev->res;
    }
}

#define UNTIL(condition)                                                       \
    for (int turns_ = 0; !(condition); turns_++) {                             \
        ck_assert_msg(turns_ < TURNS_MAX, "%s: never: %s", t.rig.name,         \
                      #condition);                                             \
        ck_assert_int_eq(flare__loop_turn(t.rig.loop, 1000000), 0);            \
    }

static bool open_pair(int backend)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener;
    int mine;

    memset(&t, 0, sizeof(t));
    if (!loop_rig_open(&t.rig, backend))
        return false;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    mine = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(mine, 0);
    ck_assert_int_eq(connect(mine, (struct sockaddr *)&at, len), 0);
    t.peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(t.peer, 0);
    (void)close(listener);
    t.sock.on_event = on_event;
    ck_assert_int_eq(
        t.rig.loop->ops->attach(t.rig.loop->backend, &t.sock, mine), 0);
    return true;
}

static void close_pair(void)
{
    t.rig.loop->ops->close(t.rig.loop->backend, &t.sock, FLARE__CLOSE_GRACEFUL);
    UNTIL(t.is_closed);
    (void)close(t.peer);
    loop_rig_close(&t.rig);
}

/* Both directions of a descriptor; false: this kernel has no TLS. */
static bool tls_on(int fd)
{
    struct tls12_crypto_info_aes_gcm_128 info = {
        .info = {.version = TLS_1_2_VERSION,
                 .cipher_type = TLS_CIPHER_AES_GCM_128},
        .key = "0123456789abcde",
    };

    if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0) {
        ck_assert_ptr_null(getenv("FLARE_TEST_KERNEL_TLS"));
        return false;
    }
    ck_assert_int_eq(setsockopt(fd, SOL_TLS, TLS_TX, &info, sizeof(info)), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_TLS, TLS_RX, &info, sizeof(info)), 0);
    return true;
}

static void start(void)
{
    t.is_ended = false;
    ck_assert_int_eq(t.rig.loop->ops->recv_start(t.rig.loop->backend, &t.sock),
                     0);
}

static int record_recv(uint8_t *type, void *buf, size_t room)
{
    return t.rig.loop->ops->record_recv(t.rig.loop->backend, &t.sock, type, buf,
                                        room);
}

/* As the peer: the same functions on its own descriptor. */
static int peer_send(uint8_t type, const void *bytes, size_t len)
{
    struct flare__sock peer = {.fd = t.peer};

    return flare__record_send(NULL, &peer, type, bytes, len);
}

/* Without TLS they are bytes of no type. */
START_TEST(test_record_recv_of_a_plain_socket)
{
    uint8_t type = 9;
    char got[8];

    if (!open_pair(_i))
        return;
    ck_assert_int_eq(record_recv(&type, got, 3), -EAGAIN);
    ck_assert_int_eq(write(t.peer, "abcde", 5), 5);
    ck_assert_int_eq(record_recv(&type, got, 3), 3);
    ck_assert_mem_eq(got, "abc", 3);
    ck_assert_int_eq(type, 0);
    start(); /* goes on behind it */
    UNTIL(t.got_len == 2);
    ck_assert_mem_eq(t.got, "de", 2);
    t.rig.loop->ops->recv_stop(t.rig.loop->backend, &t.sock);
    UNTIL(t.is_ended);
    ck_assert_int_eq(shutdown(t.peer, SHUT_WR), 0);
    ck_assert_int_eq(record_recv(&type, got, 3), 0);
    close_pair();
}
END_TEST

START_TEST(test_record_that_is_not_data_ends_a_receive_and_stays)
{
    char room[64];
    uint8_t type;

    if (!open_pair(_i))
        return;
    if (!tls_on(t.sock.fd) || !tls_on(t.peer)) {
        close_pair();
        TEST_SKIP("no TLS in this kernel");
    }
    t.rig.loop->ops->record_start(t.rig.loop->backend, &t.sock);
    start();
    for (int i = 0; i < 20; i++) {
        /* all at once, and one by one */
        t.got_len = 0;
        ck_assert_int_eq(write(t.peer, "data", 4), 4);
        if (i % 2)
            UNTIL(t.got_len == 4);
        ck_assert_int_eq(peer_send(22, "twenty-two", 10), 0);
        ck_assert_int_eq(peer_send(21, "!", 1), 0);
        ck_assert_int_eq(write(t.peer, "and on", 6), 6);
        UNTIL(t.is_ended);
        ck_assert_int_eq(t.end, -EIO);
        ck_assert_uint_eq(t.got_len, 4);
        ck_assert_int_eq(record_recv(&type, room, 6), 6); /* in two parts */
        ck_assert_int_eq(type, 22);
        ck_assert_int_eq(record_recv(&type, room + 6, sizeof(room) - 6), 4);
        ck_assert_int_eq(type, 22);
        ck_assert_mem_eq(room, "twenty-two", 10);
        start();
        UNTIL(t.is_ended);
        ck_assert_int_eq(t.end, -EIO);
        ck_assert_int_eq(record_recv(&type, room, sizeof(room)), 1);
        ck_assert_int_eq(type, 21);
        start();
        UNTIL(t.got_len == 10);
        ck_assert_mem_eq(t.got, "dataand on", 10);
        ck_assert(!t.is_ended);
    }
    ck_assert_int_eq(shutdown(t.peer, SHUT_WR), 0);
    UNTIL(t.is_ended);
    ck_assert_int_eq(t.end, 0);
    close_pair();
}
END_TEST

START_TEST(test_record_send_says_when_nothing_is_taken)
{
    static const char block[16384];
    struct flare__sock peer;
    char room[64];
    uint8_t type = 0;
    int rc = 0;

    if (!open_pair(_i))
        return;
    if (!tls_on(t.sock.fd) || !tls_on(t.peer)) {
        close_pair();
        TEST_SKIP("no TLS in this kernel");
    }
    ck_assert_int_eq(t.rig.loop->ops->record_send(t.rig.loop->backend, &t.sock,
                                                  21, "\1\0", 2),
                     0);
    peer = (struct flare__sock){.fd = t.peer};
    do
        rc = flare__record_recv(NULL, &peer, &type, room, sizeof(room));
    while (rc == -EAGAIN);
    ck_assert_int_eq(rc, 2);
    ck_assert_int_eq(type, 21);
    for (int i = 0; rc != -EAGAIN; i++) {
        ck_assert_int_lt(i, 10000);
        rc = t.rig.loop->ops->record_send(t.rig.loop->backend, &t.sock, 22,
                                          block, sizeof(block));
        ck_assert(rc == 0 || rc == -EAGAIN);
    }
    close_pair();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backends/record");
    TCase *tc = tcase_create("record");

    tcase_add_loop_test(tc, test_record_recv_of_a_plain_socket, 0, BACKENDS);
    tcase_add_loop_test(
        tc, test_record_that_is_not_data_ends_a_receive_and_stays, 0, BACKENDS);
    tcase_add_loop_test(tc, test_record_send_says_when_nothing_is_taken, 0,
                        BACKENDS);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
