/* SPDX-License-Identifier: MIT */
/*
 * Streams whose TLS fails, on every backend: both ends are told why, by a code
 * and a sentence, and nobody is told of an open; ends by hand in each phase;
 * and many at once.
 */
#include "tests/support/certs.h"
#include "tests/support/test.h"
#include "tests/tcp/tcp_rig.h"

#include <errno.h>
#include <string.h>

int64_t __wrap_flare__clock_realtime(void);

int64_t __wrap_flare__clock_realtime(void)
{
    return CERTS_NOW;
}

/* This file makes its own configurations. */
void tcp_rig_secure(struct tcp_rig *r)
{
    (void)r;
}

static struct tcp_rig rig;
static struct cert ca, other, leaf, old;
static flare_tls_server *server;
static flare_tls_client *client;

static void set_up(void)
{
    cert_make(&ca, &(struct cert_spec){.cn = "CA", .is_ca = true}, NULL);
    cert_make(&other, &(struct cert_spec){.cn = "Other", .is_ca = true}, NULL);
    cert_make(&leaf, &(struct cert_spec){.san = "DNS:a.test"}, &ca);
    cert_make(&old,
              &(struct cert_spec){.san = "DNS:a.test",
                                  .from = CERTS_NOW - 9 * CERTS_DAY,
                                  .until = CERTS_NOW - 1},
              &ca);
}

static void tear_down(void)
{
    cert_free(&ca);
    cert_free(&other);
    cert_free(&leaf);
    cert_free(&old);
}

/* What differs from a connection that works. */
struct row {
    const char *name;
    const char *host;
    bool is_old;      /* the server's certificate */
    bool is_stranger; /* the client trusts somebody else */
    bool is_plain_client, is_plain_server;
    bool wants_client;              /* a certificate of it */
    enum flare_tls_version version; /* the client's only one */
    const char *alpn;               /* the client's */
    int rc;                         /* of the client's end */
    int refused;                    /* of the server's; 0: not told of */
};

static const struct row rows[] = {
    {.name = "all is well", .host = "a.test"},
    {.name = "expired",
     .host = "a.test",
     .is_old = true,
     .rc = FLARE_E_TLS_EXPIRED,
     .refused = FLARE_E_TLS_ALERT},
    {.name = "another host",
     .host = "b.test",
     .rc = FLARE_E_TLS_HOSTNAME,
     .refused = FLARE_E_TLS_ALERT},
    {.name = "unknown CA",
     .host = "a.test",
     .is_stranger = true,
     .rc = FLARE_E_TLS_UNTRUSTED,
     .refused = FLARE_E_TLS_ALERT},
    {.name = "no version in common",
     .host = "a.test",
     .version = FLARE_TLS_1_2,
     .rc = FLARE_E_TLS_VERSION,
     .refused = FLARE_E_TLS_VERSION},
    {.name = "no protocol in common",
     .host = "a.test",
     .alpn = "h2",
     .rc = FLARE_E_TLS_ALPN,
     .refused = FLARE_E_TLS_ALPN},
    {.name = "a client without TLS",
     .is_plain_client = true,
     .rc = -ECONNABORTED, /* it ends itself once it is told the end */
     .refused = FLARE_E_TLS_PLAIN},
    {.name = "a server without TLS",
     .host = "a.test",
     .is_plain_server = true,
     .rc = FLARE_E_TLS_PLAIN},
    {.name = "no host name",
     .host = "a..test",
     .rc = FLARE_E_BAD_HOSTNAME,
     .refused = -ECONNRESET},
};

static void make(const struct row *row)
{
    static const char *const ours[] = {"http/1.1", NULL};
    const char *const theirs[] = {row->alpn, NULL};
    struct flare_tls_cert shown = cert_config(row->is_old ? &old : &leaf);
    struct flare_error err;

    ck_assert_int_eq(
        flare_tls_server_new(&server,
                             &(struct flare_tls_server_config){
                                 .certs = &shown,
                                 .cert_count = 1,
                                 .alpn = ours,
                                 .version_min = row->version == FLARE_TLS_1_2
                                                    ? FLARE_TLS_1_3
                                                    : FLARE_TLS_ANY},
                             &err),
        0);
    ck_assert_int_eq(
        flare_tls_client_new(
            &client,
            &(struct flare_tls_client_config){
                .ca = {.pem = flare_str(row->is_stranger ? other.pem : ca.pem)},
                .alpn = row->alpn != NULL ? theirs : NULL,
                .version_max = row->version},
            &err),
        0);
}

static void unmake(void)
{
    flare_tls_server_free(server);
    flare_tls_client_free(client);
}

static void plain_hook(struct tcp_end *end, enum tcp_end_call what)
{
    if (what == TCP_END_OPEN)
        (void)!flare_stream_write(end->stream,
                                  FLARE_STR("SSH-2.0-OpenSSH_9.2\r\n"));
}

static void end_hook(struct tcp_end *end, enum tcp_end_call what)
{
    if (what == TCP_END_END)
        flare_stream_abort(end->stream);
}

/* False, and says so: no such backend. */
static bool start(const struct row *row, int backend)
{
    int rc;

    make(row);
    tcp_rig_init(&rig);
    rig.is_echo = !row->is_plain_server;
    if (!row->is_plain_client)
        rig.client.tls_client = client;
    if (row->is_plain_server)
        rig.on_accept = plain_hook;
    else
        rig.server.tls_server = server;
    rig.client.tls_host = row->host;
    rc = tcp_rig_open(&rig, backend, NULL);
    if (rc == 0)
        return true;
    printf("SKIP: no backend %s here\n", tcp_rig_name(backend));
    unmake();
    return false;
}

static void stop(void)
{
    tcp_rig_close(&rig);
    unmake();
}

START_TEST(test_stream_both_ends_are_told_why_there_is_no_tls)
{
    const struct row *row = &rows[_i / TCP_RIG_BACKENDS];
    struct flare_tls_info info;
    struct tcp_end *c;

    if (!start(row, _i % TCP_RIG_BACKENDS))
        return;
    c = tcp_rig_dial(&rig);
    c->hook = end_hook;
    ck_assert_int_eq(flare_stream_tls_info(c->stream, &info), -ENOTCONN);
    ck_assert_int_ge(tcp_rig_write(c, 0, 1000), 0);
    if (row->rc == 0) {
        TCP_RIG_UNTIL(&rig, c->len == 1000);
        ck_assert_int_eq(flare_stream_tls_info(c->stream, &info), 0);
        ck_assert_str_eq(info.version, "TLSv1.3");
        ck_assert(info.is_verified);
        flare_stream_close(c->stream);
        TCP_RIG_UNTIL(&rig, c->closes == 1 && rig.ends[1].closes == 1);
        ck_assert_int_eq(rig.ends[1].rc, 0);
    } else {
        TCP_RIG_UNTIL(&rig, c->closes == 1);
        ck_assert_msg(c->rc == row->rc, "%s: %s", row->name,
                      flare_error_name(c->rc));
        ck_assert_int_eq(c->opens, row->is_plain_client);
        ck_assert_uint_gt(strlen(c->err.text), 10);
        TCP_RIG_UNTIL(&rig, row->refused == 0 || rig.refused == 1);
        if (row->refused != 0) {
            ck_assert_msg(rig.refused_err.code == row->refused, "%s: %s",
                          row->name, rig.refused_err.text);
            ck_assert_uint_gt(strlen(rig.refused_err.text), 10);
            ck_assert_int_eq(rig.accepted, 0);
        }
    }
    stop();
}
END_TEST

/* ---- ends in each phase */

START_TEST(test_stream_may_be_ended_in_each_phase_in_each_way)
{
    if (!start(&rows[0], _i))
        return;
    stop();
    for (int turns = 0; turns < 14; turns++) {
        for (int way = 0; way < 4; way++) {
            struct tcp_end *c;

            ck_assert(start(&rows[0], _i));
            c = tcp_rig_dial(&rig);
            (void)!tcp_rig_write(c, 0, 100000);
            for (int i = 0; i < turns; i++)
                ck_assert_int_eq(
                    flare__loop_turn(rig.loop, rig.loop->now_ns + 1000000), 0);
            if (way == 0)
                flare_stream_close(c->stream);
            else if (way == 1)
                flare_stream_abort(c->stream);
            else if (way == 2)
                flare_stream_shutdown(c->stream);
            if (way < 3) {
                TCP_RIG_UNTIL(&rig, c->closes == 1);
                ck_assert(way != 2 || c->rc == 0);
            }
            stop(); /* evicts what is there */
        }
    }
}
END_TEST

/* ---- deadlines */

START_TEST(test_stream_T04_a_handshake_has_its_time)
{
    struct row row = rows[0];
    struct tcp_end *c;

    row.is_plain_server = true;
    make(&row);
    tcp_rig_init(&rig);
    rig.client.tls_client = client;
    rig.client.tls_host = "a.test";
    rig.client.tls_handshake_timeout_ms = 300;
    if (tcp_rig_open(&rig, _i, NULL) < 0) {
        unmake();
        TEST_SKIP("no backend %s here", tcp_rig_name(_i));
    }
    c = tcp_rig_dial(&rig); /* the server takes it all and says nothing */
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(c->rc, -ETIMEDOUT);
    ck_assert_int_eq(c->opens, 0);
    stop();
}
END_TEST

/* ---- many */

enum { MANY = 500, MANY_BYTES = 3000 };

static struct {
    int closed, opened;
    size_t bytes;
} many;

static void many_on_open(flare_stream *s, void *ctx)
{
    static const char bytes[MANY_BYTES];

    (void)ctx;
    many.opened++;
    ck_assert_int_ge(
        flare_stream_write(s, (struct flare_str){bytes, MANY_BYTES}), 0);
    flare_stream_shutdown(s);
}

static void many_on_data(flare_stream *s, struct flare_str data, void *ctx)
{
    (void)s;
    (void)ctx;
    many.bytes += data.len;
}

static void many_on_closed(flare_stream *s, int rc,
                           const struct flare_error *err, void *ctx)
{
    (void)s;
    (void)ctx;
    ck_assert_msg(rc == 0, "%s", err->text);
    many.closed++;
}

static const struct flare_stream_handler many_handler = {
    .on_open = many_on_open,
    .on_data = many_on_data,
    .on_closed = many_on_closed,
};

/* 500 clients and as many servers on one loop. */
START_TEST(test_stream_a_thousand_at_once)
{
    struct flare_tcp_options o;

    memset(&many, 0, sizeof(many));
    make(&rows[0]);
    tcp_rig_init(&rig);
    rig.server.handler = &many_handler;
    rig.server.tls_server = server;
    if (tcp_rig_open(&rig, _i, NULL) < 0) {
        unmake();
        TEST_SKIP("no backend %s here", tcp_rig_name(_i));
    }
    o = (struct flare_tcp_options){.handler = &many_handler,
                                   .tls_client = client,
                                   .tls_host = "a.test",
                                   .tls_handshake_timeout_ms = 60000};
    for (int i = 0; i < MANY; i++) {
        flare_stream *s;

        ck_assert_int_eq(
            flare_tcp_connect_addr(rig.loop, &s, &rig.addr, &o, NULL), 0);
        if (i % 50 == 49) /* the backlog of the simulated network is short */
            tcp_rig_run(&rig, 2);
    }
    TCP_RIG_UNTIL(&rig, many.closed == 2 * MANY);
    ck_assert_int_eq(many.opened, 2 * MANY);
    ck_assert_uint_eq(many.bytes, 2 * MANY * MANY_BYTES);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/stream errors");
    TCase *tc = tcase_create("errors");

    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_stream_both_ends_are_told_why_there_is_no_tls,
                        0, ROWS(rows) * TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_may_be_ended_in_each_phase_in_each_way,
                        0, TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_T04_a_handshake_has_its_time, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_a_thousand_at_once, 0,
                        TCP_RIG_BACKENDS);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
