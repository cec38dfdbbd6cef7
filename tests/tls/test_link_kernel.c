/* SPDX-License-Identifier: MIT */
/*
 * A link on a real socket against OpenSSL itself, on each backend of the
 * kernel's: the same bytes, ends and errors whether the kernel has TLS, which
 * these tests then demand to be used, or has not.
 *
 * The machine that has it is tests/support/vm.
 */
#include "backends/backend.h"
#include "net/wire.h"
#include "tests/support/loop_rig.h"
#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"
#include "tls/control.h"
#include "tls/impl.h"
#include "tls/kernel.h"
#include "tls/link.h"

#include <openssl/err.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif

enum { BULK = 300 * 1000, TURNS_MAX = 200000, BACKENDS = 2 };

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
static const struct {
    const char *old;
    const char *suite;
} ciphers[] = {
    {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256"},
};

/* One connection: ours with a link, the other end OpenSSL's on a socket. */
struct talk {
    struct loop_rig rig;
    flare_tls_server *server;
    flare_tls_client *client;
    SSL_CTX *ctx;
    SSL *raw;
    int raw_fd;
    struct flare__sock sock;
    struct flare__tls *engine; /* the link's */
    char *got;
    size_t got_len;
    int open_res; /* 1: not yet */
    int sent_res;
    int recv_res;
    bool is_sent;
    bool is_ended;
    bool is_closed;
};

static struct tls_rig certs;
static bool has_module;
static bool can_rekey;
static char *bulk;

static void set_up(void)
{
    rig_init(&certs);
    bulk = malloc(BULK);
    ck_assert_ptr_nonnull(bulk);
    for (uint32_t i = 0; i < BULK; i++)
        bulk[i] = (char)((i * 2654435761u) >> 24);
}

static void tear_down(void)
{
    rig_fini(&certs);
    free(bulk);
}

/* A connected pair over TCP. */
static void pair_open(int fds[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fds[0], 0);
    ck_assert_int_eq(connect(fds[0], (struct sockaddr *)&at, len), 0);
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ck_assert_int_ge(fds[1], 0);
    (void)close(listener);
}

/* Whether this kernel has TLS, and can change its keys. */
static void look(void)
{
    struct utsname name;
    int major = 0;
    int minor = 0;
    int fds[2];

    pair_open(fds);
    has_module =
        setsockopt(fds[0], IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) == 0;
    (void)close(fds[0]);
    (void)close(fds[1]);
    ck_assert_int_eq(uname(&name), 0);
    (void)sscanf(name.release, "%d.%d", &major, &minor);
    can_rekey = major > 6 || (major == 6 && minor >= 14);
    ck_assert_msg(has_module || getenv("FLARE_TEST_KERNEL_TLS") == NULL,
                  "this kernel should have TLS");
}

/* ---- ours */

static void on_event(struct flare__sock *sock, const struct flare__event *ev)
{
    struct talk *t = FLARE_CONTAINER_OF(sock, struct talk, sock);

    switch (ev->kind) {
    case FLARE__EV_OPEN:
        t->open_res = ev->res;
        break;
    case FLARE__EV_RECV:
        if (ev->res > 0) {
            ck_assert_uint_le(t->got_len + (size_t)ev->res, 2 * BULK);
            memcpy(t->got + t->got_len, ev->data, (size_t)ev->res);
            t->got_len += (size_t)ev->res;
        }
        if (ev->flags & FLARE__EV_LEASE)
            flare__wire_lease_put(t->rig.loop, ev->lease);
        if ((ev->flags & FLARE__EV_MORE) == 0) {
            ck_assert(!t->is_ended);
            t->is_ended = true;
            t->recv_res = ev->res;
        }
        break;
    case FLARE__EV_SENT:
        t->is_sent = true;
        t->sent_res = ev->res;
        break;
    case FLARE__EV_CLOSED:
        t->is_closed = true;
        break;
    default:
        ck_abort_msg("event %d", ev->kind);
    }
}

static void turn(struct talk *t)
{
    ck_assert_int_eq(flare__loop_turn(t->rig.loop, 1000000), 0);
}

#define UNTIL(t, condition)                                                    \
    for (int turns_ = 0; !(condition); turns_++) {                             \
        ck_assert_msg(turns_ < TURNS_MAX, "%s: never: %s", (t)->rig.name,      \
                      #condition);                                             \
        turn(t);                                                               \
    }

static void send_all(struct talk *t, const struct iovec *iov, uint32_t count)
{
    t->is_sent = false;
    ck_assert_int_eq(flare__wire_send(t->rig.loop, &t->sock, iov, count), 0);
}

/* ---- OpenSSL's end */

static SSL_CTX *raw_ctx(int version, int cipher)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    ck_assert_ptr_nonnull(ctx);
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(ctx, ciphers[cipher].old), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(ctx, ciphers[cipher].suite), 1);
    ck_assert_int_eq(SSL_CTX_use_certificate(ctx, certs.leaf.x), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, certs.leaf.key), 1);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

/* Whether a call of OpenSSL's, which returned this, only has to wait. */
static bool raw_waits(struct talk *t, int rc)
{
    int error = SSL_get_error(t->raw, rc);

    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void raw_read(struct talk *t, char *out, size_t len)
{
    size_t n = 0;

    for (int turns = 0; n < len; turns++) {
        int rc = SSL_read(t->raw, out + n, (int)(len - n));

        ck_assert_int_lt(turns, TURNS_MAX);
        if (rc > 0)
            n += (size_t)rc;
        else
            ck_assert(raw_waits(t, rc));
        if (rc <= 0)
            turn(t);
    }
}

static void raw_write(struct talk *t, const char *bytes, size_t len)
{
    for (int turns = 0; len > 0; turns++) {
        int rc = SSL_write(t->raw, bytes, (int)len);

        ck_assert_int_lt(turns, TURNS_MAX);
        if (rc > 0) {
            bytes += rc;
            len -= (size_t)rc;
        } else {
            ck_assert(raw_waits(t, rc));
            turn(t);
        }
    }
}

/* ---- a connection */

static bool talk_open(struct talk *t, int backend)
{
    memset(t, 0, sizeof(*t));
    t->got = malloc(2 * BULK);
    ck_assert_ptr_nonnull(t->got);
    if (loop_rig_open(&t->rig, backend))
        return true;
    free(t->got);
    return false;
}

static struct flare__tls *engine_new(struct talk *t, bool is_server)
{
    struct flare__tls_start start = {.unix_now = CERTS_NOW, .port = 443};
    struct flare__tls *e;

    if (is_server) {
        if (t->server == NULL)
            t->server =
                rig_server(&certs, &(struct flare_tls_server_config){0});
        ck_assert_int_eq(flare__tls_new_server(&e, t->server, &start), 0);
        return e;
    }
    if (t->client == NULL)
        t->client = rig_client(&certs, &(struct flare_tls_client_config){0});
    start.host = flare_str("a.test");
    ck_assert_int_eq(flare__tls_new_client(&e, t->client, &start, NULL), 0);
    return e;
}

/* Attaches our end of a new pair and starts its link. */
static void talk_connect(struct talk *t, bool is_server)
{
    int fds[2];

    pair_open(fds);
    t->raw_fd = fds[1];
    memset(&t->sock, 0, sizeof(t->sock));
    t->sock.on_event = on_event;
    t->got_len = 0;
    t->open_res = 1;
    t->is_ended = false;
    t->is_closed = false;
    t->engine = engine_new(t, is_server);
    ck_assert_int_eq(
        t->rig.loop->ops->attach(t->rig.loop->backend, &t->sock, fds[0]), 0);
    ck_assert_int_eq(flare__tls_link_start(t->rig.loop, &t->sock, t->engine,
                                           &(struct flare__wire_start){
                                               .handshake_timeout_ms = 60000}),
                     0);
    ck_assert_int_eq(flare__wire_recv_start(t->rig.loop, &t->sock), 0);
}

/* With OpenSSL on the other socket, until both are open. */
static void talk_begin(struct talk *t, bool is_server)
{
    talk_connect(t, is_server);
    t->raw = SSL_new(t->ctx);
    ck_assert_ptr_nonnull(t->raw);
    ck_assert_int_eq(SSL_set_fd(t->raw, t->raw_fd), 1);
    if (is_server)
        SSL_set_connect_state(t->raw);
    else
        SSL_set_accept_state(t->raw);
    for (int turns = 0;; turns++) {
        int rc = SSL_do_handshake(t->raw);

        ck_assert_int_lt(turns, TURNS_MAX);
        if (rc == 1)
            break;
        ck_assert(raw_waits(t, rc));
        turn(t);
    }
    UNTIL(t, t->open_res != 1);
    ck_assert_int_eq(t->open_res, 0);
}

static void talk_end(struct talk *t)
{
    if (!t->is_closed)
        flare__wire_close(t->rig.loop, &t->sock, FLARE__CLOSE_GRACEFUL);
    UNTIL(t, t->is_closed);
    SSL_free(t->raw);
    t->raw = NULL;
    (void)close(t->raw_fd);
}

static void talk_close(struct talk *t)
{
    loop_rig_close(&t->rig);
    SSL_CTX_free(t->ctx);
    flare_tls_server_free(t->server);
    flare_tls_client_free(t->client);
    free(t->got);
}

static void assert_where(struct talk *t)
{
    struct flare_tls_info info;

    flare__tls_info(t->engine, &info);
    ck_assert_msg(info.kernel_tx == has_module, "%s: kernel_tx is %d",
                  t->rig.name, info.kernel_tx);
    ck_assert_msg(info.kernel_rx == has_module, "%s: kernel_rx is %d",
                  t->rig.name, info.kernel_rx);
}

/* ---- bytes both ways */

static int bulk_file(void)
{
    char path[] = "/tmp/flare_tls_XXXXXX";
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(unlink(path), 0);
    for (size_t at = 0; at < BULK;) {
        ssize_t n = write(fd, bulk + at, BULK - at);

        ck_assert_int_gt(n, 0);
        at += (size_t)n;
    }
    return fd;
}

static void check_out(struct talk *t)
{
    struct iovec iov[3] = {{bulk, 5}, {bulk + 5, 1}, {bulk + 6, 99994}};
    char *copy = malloc(BULK);
    int file = bulk_file();

    ck_assert_ptr_nonnull(copy);
    send_all(t, iov, 3);
    raw_read(t, copy, 100000);
    ck_assert_mem_eq(copy, bulk, 100000);
    UNTIL(t, t->is_sent);
    ck_assert_int_eq(t->sent_res, 100000);

    iov[0] = (struct iovec){bulk + 1, BULK - 1};
    send_all(t, iov, 1);
    raw_read(t, copy, BULK - 1);
    ck_assert_mem_eq(copy, bulk + 1, BULK - 1);
    UNTIL(t, t->is_sent);

    t->is_sent = false;
    ck_assert_int_eq(
        flare__wire_sendfile(t->rig.loop, &t->sock, file, 11, BULK - 11 + 500),
        0);
    raw_read(t, copy, BULK - 11);
    ck_assert_mem_eq(copy, bulk + 11, BULK - 11);
    UNTIL(t, t->is_sent);
    ck_assert_int_eq(t->sent_res, BULK - 11); /* the file ended early: U05 */
    (void)close(file);
    free(copy);
}

static void check_in(struct talk *t)
{
    size_t at = 0;

    for (size_t part = 1; at < BULK; part = part * 3 % 20011 + 1) {
        size_t n = part < BULK - at ? part : BULK - at;

        raw_write(t, bulk + at, n);
        at += n;
    }
    UNTIL(t, t->got_len >= BULK);
    ck_assert_uint_eq(t->got_len, BULK);
    ck_assert_mem_eq(t->got, bulk, BULK);
    ck_assert(!t->is_ended);
}

/* close_notify, both ways. */
static void check_ends(struct talk *t)
{
    char none[1];
    int rc;

    (void)SSL_shutdown(t->raw);
    UNTIL(t, t->is_ended);
    ck_assert_int_eq(t->recv_res, 0);
    flare__wire_close(t->rig.loop, &t->sock, FLARE__CLOSE_GRACEFUL);
    UNTIL(t, t->is_closed);
    rc = SSL_read(t->raw, none, 1);
    ck_assert_int_eq(SSL_get_error(t->raw, rc), SSL_ERROR_ZERO_RETURN);
}

START_TEST(test_link_kernel_moves_the_same_bytes)
{
    int version = versions[_i % 2];
    int cipher = _i / 2 % 3;
    bool is_server = _i / 6 % 2 == 0;
    struct talk t;

    look();
    if (!talk_open(&t, _i / 12))
        return;
    t.ctx = raw_ctx(version, cipher);
    talk_begin(&t, is_server);
    check_out(&t);
    check_in(&t);
    assert_where(&t);
    check_ends(&t);
    if (is_server) {
        struct flare_tls_stats stats;

        flare_tls_server_stats(t.server, &stats);
        ck_assert_uint_eq(stats.handshakes, 1);
        ck_assert_uint_eq(stats.failed, 0);
        ck_assert_uint_eq(stats.kernel_tx, has_module);
        ck_assert_uint_eq(stats.kernel_rx, has_module);
    }
    talk_end(&t);
    talk_close(&t);
}
END_TEST

/* An owner who stops and starts gets every byte once, ends in their place. */
START_TEST(test_link_kernel_waits_for_its_owner)
{
    struct talk t;
    int rounds = 0;

    look();
    if (!talk_open(&t, _i))
        return;
    t.ctx = raw_ctx(TLS1_3_VERSION, 0);
    talk_begin(&t, /* is_server = */ true);
    for (size_t at = 0; at < 100000; at += 1000) {
        raw_write(&t, bulk + at, 1000);
        if (at == 99000)
            (void)SSL_shutdown(t.raw);
        if (!t.is_ended)
            flare__wire_recv_stop(t.rig.loop, &t.sock);
        UNTIL(&t, t.is_ended);
        rounds++;
        if (t.recv_res == 0)
            break;
        ck_assert_int_eq(t.recv_res, -ECANCELED);
        turn(&t);
        t.is_ended = false;
        ck_assert_int_eq(flare__wire_recv_start(t.rig.loop, &t.sock), 0);
        turn(&t);
    }
    UNTIL(&t, t.is_ended);
    ck_assert_int_eq(t.recv_res, 0);
    ck_assert_uint_eq(t.got_len, 100000);
    ck_assert_mem_eq(t.got, bulk, 100000);
    ck_assert_int_gt(rounds, 1);
    talk_end(&t);
    talk_close(&t);
}
END_TEST

/* ---- control records */

/* Only what a peer of TLS 1.3 may ask for. */
START_TEST(test_link_kernel_follows_key_updates_or_says_why_not)
{
    struct talk t;
    char byte[2];

    look();
    if (!talk_open(&t, _i))
        return;
    t.ctx = raw_ctx(TLS1_3_VERSION, 0);
    talk_begin(&t, /* is_server = */ true);
    send_all(&t, &(struct iovec){bulk, 2}, 1);
    raw_read(&t, byte, 2);
    raw_write(&t, bulk, 2);
    UNTIL(&t, t.got_len == 2 && t.is_sent);
    assert_where(&t);
    ck_assert_int_eq(SSL_key_update(t.raw, SSL_KEY_UPDATE_REQUESTED), 1);
    raw_write(&t, bulk + 2, 3);
    if (has_module && !can_rekey) {
        UNTIL(&t, t.is_ended);
        ck_assert_int_eq(t.recv_res, FLARE_E_TLS_REKEY);
        ck_assert_ptr_nonnull(flare__wire_error(&t.sock));
    } else {
        UNTIL(&t, t.got_len == 5);
        ck_assert_mem_eq(t.got, bulk, 5);
        send_all(&t, &(struct iovec){bulk + 2, 2}, 1);
        raw_read(&t, byte, 2); /* under the new keys */
        ck_assert_mem_eq(byte, bulk + 2, 2);
        check_ends(&t);
    }
    talk_end(&t);
    talk_close(&t);
}
END_TEST

/* Tickets of a server that come after the hand-over resume a connection. */
START_TEST(test_link_kernel_keeps_tickets)
{
    struct talk t;
    struct flare_tls_info info;

    look();
    if (!talk_open(&t, _i))
        return;
    t.ctx = raw_ctx(TLS1_3_VERSION, 0);
    (void)SSL_CTX_set_session_id_context(t.ctx, (const uint8_t *)"x", 1);
    SSL_CTX_set_num_tickets(t.ctx, 0); /* not with the handshake */
    talk_begin(&t, /* is_server = */ false);
    send_all(&t, &(struct iovec){bulk, 2}, 1);
    raw_read(&t, (char[2]){0}, 2);
    raw_write(&t, bulk, 2);
    UNTIL(&t, t.got_len == 2);
    assert_where(&t);
    ck_assert_int_eq(SSL_new_session_ticket(t.raw), 1);
    raw_write(&t, bulk + 2, 2);
    UNTIL(&t, t.got_len == 4);
    ck_assert_mem_eq(t.got, bulk, 4);
    check_ends(&t);
    talk_end(&t);
    talk_begin(&t, /* is_server = */ false);
    flare__tls_info(t.engine, &info);
    ck_assert(info.is_resumed);
    talk_end(&t);
    talk_close(&t);
}
END_TEST

/* What is no record of the peer's ends it, and the peer is told. */
START_TEST(test_link_kernel_refuses_what_is_not_authentic)
{
    static const char forged[] = "\x17\x03\x03\x00\x20"
                                 "0123456789abcdef0123456789abcdef";
    struct talk t;
    char byte[2];
    int rc;

    look();
    if (!talk_open(&t, _i % BACKENDS))
        return;
    t.ctx = raw_ctx(TLS1_3_VERSION, 0);
    talk_begin(&t, /* is_server = */ true);
    if (_i < BACKENDS) { /* else the alert leaves by user space */
        send_all(&t, &(struct iovec){bulk, 2}, 1);
        raw_read(&t, byte, 2);
        UNTIL(&t, t.is_sent);
    }
    raw_write(&t, bulk, 2);
    UNTIL(&t, t.got_len == 2);
    if (_i < BACKENDS)
        assert_where(&t);
    ck_assert_int_eq(write(t.raw_fd, forged, sizeof(forged) - 1),
                     sizeof(forged) - 1);
    UNTIL(&t, t.is_ended);
    ck_assert_int_eq(t.recv_res, FLARE_E_TLS_PROTOCOL);
    flare__wire_close(t.rig.loop, &t.sock, FLARE__CLOSE_GRACEFUL);
    UNTIL(&t, t.is_closed);
    rc = SSL_read(t.raw, byte, 1);
    ck_assert_int_eq(SSL_get_error(t.raw, rc), SSL_ERROR_SSL);
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()),
                     SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
    ERR_clear_error();
    talk_end(&t);
    talk_close(&t);
}
END_TEST

/* A stream cut off without close_notify is no end. */
START_TEST(test_link_kernel_tells_a_cut_stream)
{
    struct talk t;

    look();
    if (!talk_open(&t, _i))
        return;
    t.ctx = raw_ctx(TLS1_3_VERSION, 0);
    talk_begin(&t, /* is_server = */ true);
    raw_write(&t, bulk, 2);
    UNTIL(&t, t.got_len == 2);
    ck_assert_int_eq(shutdown(t.raw_fd, SHUT_WR), 0);
    UNTIL(&t, t.is_ended);
    ck_assert_int_eq(t.recv_res, FLARE_E_TLS_TRUNCATED);
    talk_end(&t);
    talk_close(&t);
}
END_TEST

/* ---- T17 */

static void raw_move(struct talk *t, struct tls_end *end)
{
    char bytes[8192];
    ssize_t n = recv(t->raw_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n > 0)
        rig_feed(end, bytes, (size_t)n);
    (void)rig_turn(end);
}

static void put(int fd, const char *bytes, size_t len)
{
    if (len > 0)
        ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
}

/*
 * The last flight of a client's handshake and what follows it, cut at `cut`;
 * returns their length.
 */
static size_t cut_once(struct talk *t, size_t cut)
{
    struct tls_end end = {.cut = 0};
    char *wire;
    size_t len;

    talk_connect(t, /* is_server = */ true);
    rig_raw(&end, t->ctx, /* is_server = */ false);
    for (int turns = 0; !SSL_is_init_finished(end.raw); turns++) {
        ck_assert_int_lt(turns, TURNS_MAX);
        raw_move(t, &end);
        if (SSL_is_init_finished(end.raw))
            break;
        len = (size_t)BIO_get_mem_data(SSL_get_wbio(end.raw), &wire);
        put(t->raw_fd, wire, len);
        (void)BIO_reset(SSL_get_wbio(end.raw));
        turn(t);
    }
    ck_assert_int_eq(SSL_write(end.raw, bulk, 10), 10);
    ck_assert_int_eq(SSL_write(end.raw, bulk + 10, 1), 1);
    ck_assert_int_eq(SSL_write(end.raw, bulk + 11, 20), 20);
    len = (size_t)BIO_get_mem_data(SSL_get_wbio(end.raw), &wire);
    if (cut > len)
        cut = len;
    put(t->raw_fd, wire, cut);
    for (int i = 0; i < 4; i++)
        turn(t);
    put(t->raw_fd, wire + cut, len - cut);
    UNTIL(t, t->got_len >= 31);
    (void)BIO_reset(SSL_get_wbio(end.raw));
    ck_assert_int_eq(SSL_write(end.raw, bulk + 31, 9), 9);
    put(t->raw_fd, wire,
        (size_t)BIO_get_mem_data(SSL_get_wbio(end.raw), &wire));
    UNTIL(t, t->got_len >= 40);
    ck_assert_uint_eq(t->got_len, 40);
    ck_assert_mem_eq(t->got, bulk, 40);
    SSL_free(end.raw);
    free(end.in);
    free(end.got);
    talk_end(t);
    return len;
}

START_TEST(test_link_kernel_T17_loses_no_byte_at_the_switch)
{
    struct flare_tls_stats stats;
    struct talk t;
    size_t cut = 0;
    size_t step;

    look();
    step = has_module ? 1 : 5;
    if (!talk_open(&t, _i / 2))
        return;
    t.ctx = raw_ctx(versions[_i % 2], 0);
    while (cut_once(&t, cut) > cut)
        cut += step;
    flare_tls_server_stats(t.server, &stats);
    printf("link_kernel: %s: of %llu connections, cut at each place, %llu "
           "went to the kernel\n",
           t.rig.name, (unsigned long long)stats.handshakes,
           (unsigned long long)stats.kernel_rx);
    if (has_module)
        ck_assert_uint_eq(stats.kernel_rx, stats.handshakes);
    else
        ck_assert_uint_eq(stats.kernel_rx, 0);
    talk_close(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/link_kernel");
    TCase *bytes = tcase_create("bytes");
    TCase *control = tcase_create("control");

    tcase_add_checked_fixture(bytes, set_up, tear_down);
    tcase_set_timeout(bytes, 60);
    tcase_add_loop_test(bytes, test_link_kernel_moves_the_same_bytes, 0,
                        12 * BACKENDS);
    tcase_add_loop_test(bytes, test_link_kernel_waits_for_its_owner, 0,
                        BACKENDS);
    tcase_add_loop_test(bytes, test_link_kernel_T17_loses_no_byte_at_the_switch,
                        0, 2 * BACKENDS);
    suite_add_tcase(suite, bytes);

    tcase_add_checked_fixture(control, set_up, tear_down);
    tcase_add_loop_test(control,
                        test_link_kernel_follows_key_updates_or_says_why_not, 0,
                        BACKENDS);
    tcase_add_loop_test(control, test_link_kernel_keeps_tickets, 0, BACKENDS);
    tcase_add_loop_test(control, test_link_kernel_refuses_what_is_not_authentic,
                        0, 2 * BACKENDS);
    tcase_add_loop_test(control, test_link_kernel_tells_a_cut_stream, 0,
                        BACKENDS);
    suite_add_tcase(suite, control);
    return test_run(suite);
}
