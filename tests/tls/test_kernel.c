/* SPDX-License-Identifier: MIT */
/*
 * What the kernel is told at a hand-over: a kernel that is played has nothing
 * but that, and its records are OpenSSL's, which reads them.
 */
#include "tls/kernel.h"

#include "tests/support/test.h"
#include "tests/tls/soft_kernel.h"
#include "tests/tls/tls_rig.h"

#include <errno.h>
#include <string.h>

static struct tls_rig rig;
static struct soft_kernel kernel;
static flare_tls_server *server;
static flare_tls_client *client;

static void set_up(void)
{
    rig_init(&rig);
    soft_init(&kernel);
    server = rig_server(&rig, &(struct flare_tls_server_config){0});
    client = rig_client(&rig, &(struct flare_tls_client_config){0});
}

static void tear_down(void)
{
    rig_fini(&rig);
    soft_fini(&kernel);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
}

static const struct {
    const char *name;
    int version;
    const char *cipher;
} suites[] = {
    {"1.2 AES-128", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"1.2 AES-256", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"1.2 ChaCha20", TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"1.3 AES-128", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
    {"1.3 AES-256", TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
    {"1.3 ChaCha20", TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
};

static void talk(int suite)
{
    SSL *ssl;

    rig_start(&rig, server, client, "a.test");
    ssl = rig.client.e->ssl;
    ck_assert_int_eq(SSL_set_max_proto_version(ssl, suites[suite].version), 1);
    if (suites[suite].version == TLS1_3_VERSION)
        ck_assert_int_eq(SSL_set_ciphersuites(ssl, suites[suite].cipher), 1);
    else
        ck_assert_int_eq(SSL_set_cipher_list(ssl, suites[suite].cipher), 1);
    rig_run(&rig);
    rig_assert_open(&rig);
}

static uint64_t u64_of(const uint8_t *p)
{
    uint64_t n = 0;

    for (int i = 0; i < 8; i++)
        n = n << 8 | p[i];
    return n;
}

START_TEST(test_kernel_goes_on_with_what_openssl_sent)
{
    struct tls_end *mine = _i < 6 ? &rig.server : &rig.client;
    struct tls_end *peer = _i < 6 ? &rig.client : &rig.server;
    bool has_nonce = _i % 6 < 2;
    uint8_t record[64 + FLARE__TLS_SEALED];
    struct flare_tls_info info;
    uint64_t last;

    talk(_i % 6);
    rig_write(&rig, mine, "by OpenSSL", 10);
    last = u64_of(mine->e->tx.records.nonce);
    ck_assert_int_eq(flare__tls_kernel_tx(mine->e, kernel.loop, &kernel.sock),
                     0);
    ck_assert_int_eq(kernel.ulps, 1);
    ck_assert_uint_eq(kernel.tx.sequence, mine->e->tx.sequence);
    if (has_nonce) /* two records under one nonce would give the key away */
        ck_assert_uint_eq(u64_of(kernel.tx.told_iv), last + 1);
    rig_feed(peer, record,
             soft_seal(&kernel, 23, " and the kernel", 15, record));
    rig_feed(peer, record, soft_seal(&kernel, 23, "!", 1, record));
    while (rig_turn(peer)) {
    }
    ck_assert_uint_eq(peer->got_len, 26);
    ck_assert_mem_eq(peer->got, "by OpenSSL and the kernel!", 26);
    flare__tls_info(mine->e, &info);
    ck_assert(info.kernel_tx && !info.kernel_rx);
    ck_assert(!flare__tls_kernel_may_tx(mine->e, kernel.loop));
}
END_TEST

START_TEST(test_kernel_goes_on_with_what_openssl_received)
{
    struct tls_end *mine = _i < 6 ? &rig.server : &rig.client;
    struct tls_end *peer = _i < 6 ? &rig.client : &rig.server;
    struct flare_tls_stats stats;
    struct flare_tls_info info;
    uint8_t out[64];
    uint8_t type;

    talk(_i % 6);
    rig_write(&rig, peer, "to OpenSSL", 10);
    ck_assert_int_eq(flare__tls_kernel_rx(mine->e, kernel.loop, &kernel.sock),
                     0);
    ck_assert_int_eq(kernel.starts, 1);
    for (int i = 0; i < 2; i++) {
        struct flare_str wire;

        ck_assert_int_eq(flare__tls_write(peer->e, flare_str("kernel")), 6);
        wire = flare__tls_output(peer->e);
        ck_assert_int_eq(soft_open(&kernel.rx.keys, kernel.rx.sequence++,
                                   (const uint8_t *)wire.ptr, wire.len, out,
                                   &type),
                         6);
        ck_assert_mem_eq(out, "kernel", 6);
        ck_assert_int_eq(type, 23);
        flare__tls_sent(peer->e, wire.len);
    }
    flare__tls_info(mine->e, &info);
    ck_assert(info.kernel_rx && !info.kernel_tx);
    flare_tls_server_stats(server, &stats);
    ck_assert_uint_eq(stats.handshakes, 1);
    ck_assert_uint_eq(stats.kernel_rx, _i < 6);
    ck_assert_uint_eq(stats.kernel_tx, 0);
}
END_TEST

/* ---- not now */

START_TEST(test_kernel_waits_for_the_output)
{
    struct flare__tls *e;

    talk(3);
    e = rig.server.e;
    ck_assert_int_eq(flare__tls_write(e, flare_str("x")), 1);
    ck_assert_int_eq(flare__tls_kernel_tx(e, kernel.loop, &kernel.sock),
                     -EAGAIN);
    ck_assert_int_eq(kernel.ulps, 0);
    rig_run(&rig);
    ck_assert_int_eq(flare__tls_kernel_tx(e, kernel.loop, &kernel.sock), 0);
}
END_TEST

START_TEST(test_kernel_waits_for_the_end_of_a_record)
{
    struct flare__tls *e;
    struct flare_str wire;
    struct flare_str in;
    char out[2];

    talk(3);
    e = rig.server.e;
    ck_assert_int_eq(flare__tls_write(rig.client.e, flare_str("four")), 4);
    wire = flare__tls_output(rig.client.e);
    for (size_t at = 1; at < wire.len; at++) {
        in = (struct flare_str){wire.ptr + at - 1, 1};
        ck_assert_int_eq(flare__tls_read(e, &in, out, 2), -EAGAIN);
        ck_assert_uint_eq(flare__tls_kernel_missing(e),
                          at < 5 ? 5 - at : wire.len - at);
        ck_assert_int_eq(flare__tls_kernel_rx(e, kernel.loop, &kernel.sock),
                         -EAGAIN);
    }
    in = (struct flare_str){wire.ptr + wire.len - 1, 1};
    ck_assert_int_eq(flare__tls_read(e, &in, out, 2), 2);
    ck_assert_uint_eq(flare__tls_kernel_missing(e), 0);
    /* half of it waits in OpenSSL */
    ck_assert_int_eq(flare__tls_kernel_rx(e, kernel.loop, &kernel.sock),
                     -EAGAIN);
    ck_assert_int_eq(flare__tls_read(e, &in, out, 2), 2);
    ck_assert_int_eq(flare__tls_kernel_rx(e, kernel.loop, &kernel.sock), 0);
    ck_assert_int_eq(kernel.ulps, 1);
}
END_TEST

START_TEST(test_kernel_is_for_open_connections_that_may)
{
    struct flare__backend_ops none;
    struct flare__tls *e;

    rig_start(&rig, server, client, "a.test");
    ck_assert(!flare__tls_kernel_may_tx(rig.server.e, kernel.loop));
    rig_run(&rig);
    e = rig.server.e;
    ck_assert(flare__tls_kernel_may_tx(e, kernel.loop));
    ck_assert(flare__tls_kernel_may_rx(e, kernel.loop));
    none = *kernel.loop->ops;
    none.record_start = NULL; /* a backend that has no records */
    kernel.loop->ops = &none;
    ck_assert(!flare__tls_kernel_may_tx(e, kernel.loop));
    ck_assert_int_eq(flare__tls_kernel_tx(e, kernel.loop, &kernel.sock),
                     -EOPNOTSUPP);
    ck_assert_int_eq(flare__tls_kernel_rx(e, kernel.loop, &kernel.sock),
                     -EOPNOTSUPP);
    none.record_start = kernel.loop->ops->record_start;
    ck_assert_int_eq(kernel.ulps, 0);
}
END_TEST

START_TEST(test_kernel_off_is_off)
{
    flare_tls_server *off =
        rig_server(&rig, &(struct flare_tls_server_config){.kernel_off = true});

    rig_start(&rig, off, client, "a.test");
    rig_run(&rig);
    rig_assert_open(&rig);
    ck_assert(!flare__tls_kernel_may_tx(rig.server.e, kernel.loop));
    ck_assert(!flare__tls_kernel_may_rx(rig.server.e, kernel.loop));
    rig_stop(&rig);
    flare_tls_server_free(off);
}
END_TEST

/* ---- refusals */

static const struct {
    const char *name;
    int ulp_rc;
    int tx_rc;
    bool tx_again; /* a next connection tries */
    bool rx;       /* receiving can go there all the same */
    bool other;    /* so can another cipher's sending */
} refusals[] = {
    {"no module", -ENOENT, 0, false, false, false},
    {"an old kernel", -ENOPROTOOPT, 0, false, false, false},
    {"half closed", -ENOTCONN, 0, true, false, true},
    {"no memory", -ENOMEM, 0, true, false, true},
    {"no such cipher", 0, -ENOENT, false, true, true},
    {"not this version", 0, -EINVAL, false, true, true},
    {"no memory for a cipher", 0, -ENOMEM, true, true, true},
};

START_TEST(test_kernel_refusals_change_nothing_and_are_remembered)
{
    struct flare__tls *e;

    talk(3);
    e = rig.server.e;
    kernel.ulp_rc = refusals[_i].ulp_rc;
    kernel.tx_rc = refusals[_i].tx_rc;
    ck_assert_int_eq(flare__tls_kernel_tx(e, kernel.loop, &kernel.sock),
                     refusals[_i].ulp_rc < 0 ? refusals[_i].ulp_rc
                                             : refusals[_i].tx_rc);
    ck_assert(!flare__tls_kernel_may_tx(e, kernel.loop));
    ck_assert_uint_eq(e->tx.secret.len, 0); /* of no use any more */
    rig_write(&rig, &rig.server, "user space", 10);
    ck_assert_mem_eq(rig.client.got, "user space", 10);
    if (refusals[_i].rx)
        ck_assert_int_eq(flare__tls_kernel_rx(e, kernel.loop, &kernel.sock), 0);
    rig_stop(&rig);

    talk(3);
    ck_assert_msg(flare__tls_kernel_may_tx(rig.server.e, kernel.loop) ==
                      refusals[_i].tx_again,
                  "%s", refusals[_i].name);
    rig_stop(&rig);
    talk(4);
    ck_assert_msg(flare__tls_kernel_may_tx(rig.server.e, kernel.loop) ==
                      refusals[_i].other,
                  "%s", refusals[_i].name);
}
END_TEST

/* ---- new keys */

START_TEST(test_kernel_rekey_is_tried_and_told)
{
    struct flare__tls *e;

    talk(3);
    e = rig.server.e;
    ck_assert_int_eq(flare__tls_kernel_tx(e, kernel.loop, &kernel.sock), 0);
    e->tx.updates = 1;
    ck_assert_int_eq(flare__tls_kernel_rekey(e, kernel.loop, &kernel.sock,
                                             /* is_sent = */ true),
                     0);
    ck_assert_int_eq(kernel.tx.installs, 2);
    ck_assert_uint_eq(kernel.tx.sequence, 0);
    kernel.tx_rc = -EBUSY;
    e->tx.updates = 2;
    ck_assert_int_eq(flare__tls_kernel_rekey(e, kernel.loop, &kernel.sock,
                                             /* is_sent = */ true),
                     FLARE_E_TLS_REKEY);
    ck_assert_int_eq(flare__tls_error(e)->code, FLARE_E_TLS_REKEY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/kernel");
    TCase *tc = tcase_create("kernel");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_kernel_goes_on_with_what_openssl_sent, 0,
                        2 * ROWS(suites));
    tcase_add_loop_test(tc, test_kernel_goes_on_with_what_openssl_received, 0,
                        2 * ROWS(suites));
    tcase_add_test(tc, test_kernel_waits_for_the_output);
    tcase_add_test(tc, test_kernel_waits_for_the_end_of_a_record);
    tcase_add_test(tc, test_kernel_is_for_open_connections_that_may);
    tcase_add_test(tc, test_kernel_off_is_off);
    tcase_add_loop_test(tc,
                        test_kernel_refusals_change_nothing_and_are_remembered,
                        0, ROWS(refusals));
    tcase_add_test(tc, test_kernel_rekey_is_tried_and_told);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
