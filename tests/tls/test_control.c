/* SPDX-License-Identifier: MIT */
/*
 * Control records of a connection that is all in the kernel, which is played:
 * what it has decrypted reaches OpenSSL, and what that says leaves by it.
 */
#include "tls/control.h"

#include "tests/support/test.h"
#include "tests/tls/soft_kernel.h"
#include "tests/tls/tls_rig.h"
#include "tls/impl.h"
#include "tls/kernel.h"

#include <openssl/err.h>

#include <errno.h>
#include <string.h>

static struct tls_rig rig;
static struct soft_kernel kernel;
static flare_tls_server *server;
static flare_tls_client *client;
static SSL_CTX *ctx;

static void set_up(void)
{
    rig_init(&rig);
    soft_init(&kernel);
    server = rig_server(&rig, &(struct flare_tls_server_config){0});
    client = rig_client(&rig, &(struct flare_tls_client_config){0});
    ctx = SSL_CTX_new(TLS_method());
    ck_assert_ptr_nonnull(ctx);
    ck_assert_int_eq(SSL_CTX_use_certificate(ctx, rig.leaf.x), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, rig.leaf.key), 1);
    (void)SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"x", 1);
    SSL_CTX_set_num_tickets(ctx, 0);
}

static void tear_down(void)
{
    rig_fini(&rig);
    soft_fini(&kernel);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    SSL_CTX_free(ctx);
}

/* Ours at one end, OpenSSL's at the other; both directions in the kernel. */
static struct flare__tls *begin(bool is_server, int version)
{
    struct flare__tls *e;

    SSL_CTX_set_max_proto_version(ctx, version);
    rig_start(&rig, is_server ? server : NULL, is_server ? NULL : client,
              "a.test");
    rig_raw(is_server ? &rig.client : &rig.server, ctx, !is_server);
    rig_run(&rig);
    e = is_server ? rig.server.e : rig.client.e;
    ck_assert(flare__tls_is_open(e));
    ck_assert_int_eq(flare__tls_kernel_tx(e, kernel.loop, &kernel.sock), 0);
    ck_assert_int_eq(flare__tls_kernel_rx(e, kernel.loop, &kernel.sock), 0);
    return e;
}

static struct tls_end *raw_end(void)
{
    return rig.client.raw != NULL ? &rig.client : &rig.server;
}

/*
 * The next record of OpenSSL's end, as the kernel would have it: of data its
 * bytes are the result, else it is there for record_recv and the result is 0.
 */
static int kernel_recv(char *out)
{
    BIO *bio = SSL_get_wbio(raw_end()->raw);
    char *wire;
    size_t all = (size_t)BIO_get_mem_data(bio, &wire);
    size_t len = soft_record(wire, all);
    uint8_t record[20000];
    uint8_t plain[20000];
    uint8_t type;
    int n;

    ck_assert_uint_gt(len, 0);
    ck_assert_int_eq(BIO_read(bio, record, (int)len), (int)len);
    n = soft_open(&kernel.rx.keys, kernel.rx.sequence++, record, len, plain,
                  &type);
    ck_assert_int_ge(n, 0);
    if (type == 23) {
        memcpy(out, plain, (size_t)n);
        return n;
    }
    ck_assert_uint_le((size_t)n, sizeof(kernel.recv));
    kernel.recv_type = type;
    kernel.recv_at = 0;
    kernel.recv_len = (size_t)n;
    memcpy(kernel.recv, plain, (size_t)n);
    return 0;
}

/* Takes what is there for record_recv, in as many parts as there are. */
static int take(struct flare__tls *e)
{
    int rc;

    do
        rc = flare__tls_control_recv(e, kernel.loop, &kernel.sock, -EIO);
    while (rc == -EAGAIN && kernel.recv_at < kernel.recv_len);
    return rc;
}

/* What record_send was given reaches OpenSSL's end. */
static void kernel_send(int i)
{
    uint8_t record[16 + FLARE__TLS_SEALED];
    size_t len = soft_seal(&kernel, kernel.sent_type[i], kernel.sent[i],
                           kernel.sent_len[i], record);

    rig_feed(raw_end(), record, len);
    while (rig_turn(raw_end())) {
    }
}

START_TEST(test_control_close_notify_both_ways)
{
    struct flare__tls *e = begin(_i & 1, _i & 2 ? TLS1_2_VERSION : 0);
    char out[1];

    (void)SSL_shutdown(raw_end()->raw);
    ck_assert_int_eq(kernel_recv(out), 0);
    ck_assert_int_eq(take(e), 0);
    ck_assert(!flare__tls_control_is_due(e));
    ck_assert_int_eq(flare__tls_close(e), 0);
    ck_assert(flare__tls_control_is_due(e));
    kernel.send_rc = -EAGAIN;
    ck_assert_int_eq(flare__tls_control_send(e, kernel.loop, &kernel.sock),
                     -EAGAIN);
    ck_assert(flare__tls_control_is_due(e));
    kernel.send_rc = 0;
    ck_assert_int_eq(flare__tls_control_send(e, kernel.loop, &kernel.sock), 0);
    ck_assert(!flare__tls_control_is_due(e));
    ck_assert_int_eq(kernel.sent_count, 1);
    ck_assert_int_eq(kernel.sent_type[0], 21);
    ck_assert_mem_eq(kernel.sent[0], "\1\0", 2);
    kernel_send(0);
    ck_assert(raw_end()->has_end);
    ck_assert_uint_eq(flare__tls_output(e).len, 0); /* nothing of OpenSSL's */
}
END_TEST

START_TEST(test_control_a_fatal_alert_is_the_end)
{
    struct flare__tls *e = begin(true, 0);

    ck_assert_int_eq(flare__tls_control(e, 21, (struct flare_str){"\2\50", 2}),
                     FLARE_E_TLS_ALERT);
    ck_assert_int_eq(flare__tls_control(e, 21, (struct flare_str){"\1\0", 2}),
                     FLARE_E_TLS_ALERT);
}
END_TEST

/* A ticket is kept, also one that comes in several reads. */
START_TEST(test_control_tickets_resume)
{
    struct flare__tls *e = begin(false, 0);
    struct flare_tls_info info;
    char out[16];

    ck_assert_int_eq(SSL_new_session_ticket(raw_end()->raw), 1);
    ck_assert_int_eq(SSL_write(raw_end()->raw, "x", 1), 1);
    ck_assert_int_eq(kernel_recv(out), 0);
    ck_assert_int_eq(kernel.recv_type, 22);
    if (_i > 0) {
        for (size_t at = 0; at < kernel.recv_len; at += (size_t)_i) {
            size_t n = kernel.recv_len - at;

            if (n > (size_t)_i)
                n = (size_t)_i;
            ck_assert_int_eq(
                flare__tls_control(e, 22,
                                   (struct flare_str){kernel.recv + at, n}),
                -EAGAIN);
        }
    } else {
        ck_assert_int_eq(take(e), -EAGAIN);
    }
    ck_assert_int_eq(kernel_recv(out), 1);
    rig_stop(&rig);
    (void)begin(false, 0);
    flare__tls_info(rig.client.e, &info);
    ck_assert(info.is_resumed);
}
END_TEST

START_TEST(test_control_key_updates_change_both_keys)
{
    struct flare__tls *e = begin(_i & 1, 0);
    char out[16];

    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(
            SSL_key_update(raw_end()->raw, SSL_KEY_UPDATE_REQUESTED), 1);
        ck_assert_int_eq(SSL_write(raw_end()->raw, "new", 3), 3);
        ck_assert_int_eq(kernel_recv(out), 0);
        ck_assert_int_eq(take(e), -EAGAIN);
        ck_assert_int_eq(kernel.rx.installs, 1 + i);
        ck_assert_uint_eq(kernel.rx.sequence, 0);
        ck_assert_int_eq(kernel_recv(out), 3); /* under the new ones */
        ck_assert_mem_eq(out, "new", 3);

        ck_assert(flare__tls_control_is_due(e)); /* the answer */
        kernel.sent_count = 0;
        {
            struct soft_way old = kernel.tx;

            ck_assert_int_eq(
                flare__tls_control_send(e, kernel.loop, &kernel.sock), 0);
            ck_assert_int_eq(kernel.tx.installs, 1 + i);
            ck_assert_int_eq(kernel.sent_count, 1);
            ck_assert_int_eq(kernel.sent_type[0], 22);
            ck_assert_mem_eq(kernel.sent[0], "\x18\0\0\1\0", 5);
            {
                struct soft_way fresh = kernel.tx;

                kernel.tx = old;
                kernel_send(0);
                kernel.tx = fresh;
            }
        }
        raw_end()->got_len = 0;
        kernel.sent_type[0] = 23;
        kernel_send(0); /* any bytes, under the new keys */
        ck_assert_int_eq(raw_end()->rc, 0);
        ck_assert_uint_eq(raw_end()->got_len, 5);
        ck_assert(!flare__tls_control_is_due(e));
    }
}
END_TEST

START_TEST(test_control_own_key_update)
{
    struct flare__tls *e = begin(true, 0);
    struct soft_way old = kernel.tx;
    struct soft_way fresh;
    char out[16];

    ck_assert_int_eq(flare__tls_rekey(e), 0);
    ck_assert(flare__tls_control_is_due(e));
    ck_assert_int_eq(flare__tls_control_send(e, kernel.loop, &kernel.sock), 0);
    ck_assert_mem_eq(kernel.sent[0], "\x18\0\0\1\1", 5); /* and theirs */
    fresh = kernel.tx;
    kernel.tx = old;
    kernel_send(0);
    kernel.tx = fresh;
    ck_assert_int_eq(raw_end()->rc, 0);
    ck_assert_int_eq(SSL_write(raw_end()->raw, "ok", 2), 2);
    ck_assert_int_eq(kernel_recv(out), 0);
    ck_assert_int_eq(take(e), -EAGAIN);
    ck_assert_int_eq(kernel_recv(out), 2);
    ck_assert(!flare__tls_control_is_due(e));
}
END_TEST

/* Before Linux 6.14: EBUSY. */
START_TEST(test_control_a_kernel_that_cannot_follow_ends_it)
{
    struct flare__tls *e = begin(true, 0);
    char out[16];

    ck_assert_int_eq(SSL_key_update(raw_end()->raw, SSL_KEY_UPDATE_REQUESTED),
                     1);
    ck_assert_int_eq(SSL_write(raw_end()->raw, "new", 3), 3);
    ck_assert_int_eq(kernel_recv(out), 0);
    kernel.rx_rc = -EBUSY;
    ck_assert_int_eq(take(e), FLARE_E_TLS_REKEY);
    ck_assert_int_eq(flare__tls_error(e)->code, FLARE_E_TLS_REKEY);
    ck_assert(flare__tls_control_is_due(e));
    ck_assert_int_eq(flare__tls_control_send(e, kernel.loop, &kernel.sock), 0);
    ck_assert_int_eq(kernel.sent_count, 1);
    ck_assert_mem_eq(kernel.sent[0], "\2\120", 2); /* internal_error */
    kernel_send(0);
    ck_assert_int_ne(raw_end()->rc, 0);
}
END_TEST

static const struct {
    int rc;
    int code;
} faults[] = {
    {-EBADMSG, FLARE_E_TLS_PROTOCOL}, {-EMSGSIZE, FLARE_E_TLS_PROTOCOL},
    {-EINVAL, FLARE_E_TLS_PROTOCOL},  {-ECONNRESET, -ECONNRESET},
    {-ETIMEDOUT, -ETIMEDOUT},
};

START_TEST(test_control_what_the_kernel_refuses_is_told_to_the_peer)
{
    struct flare__tls *e = begin(_i & 1, _i & 2 ? TLS1_2_VERSION : 0);
    bool is_ours = faults[_i / 4].code == FLARE_E_TLS_PROTOCOL;

    ck_assert_int_eq(flare__tls_control_recv(e, kernel.loop, &kernel.sock,
                                             faults[_i / 4].rc),
                     faults[_i / 4].code);
    ck_assert(flare__tls_control_is_due(e) == is_ours);
    if (!is_ours)
        return;
    ck_assert_int_eq(flare__tls_control_send(e, kernel.loop, &kernel.sock), 0);
    ck_assert_mem_eq(kernel.sent[0], "\2\24", 2); /* bad_record_mac */
    kernel_send(0);
    ck_assert_int_ne(raw_end()->rc, 0);
}
END_TEST

START_TEST(test_control_what_no_peer_may_say_ends_it)
{
    static const struct {
        uint8_t type;
        struct flare_str bytes;
    } rows[] = {
        {99, {"\1", 1}},             /* no such type */
        {20, {"\1", 1}},             /* ChangeCipherSpec */
        {22, {"\x18\0\0\2\0\0", 6}}, /* KeyUpdate, too long */
        {22, {"\x18\0\0\1\7", 5}},   /* and of no meaning */
        {22, {"\1\0\0\1\0", 5}},     /* ClientHello */
        {21, {"\2", 1}},             /* half an alert */
    };
    struct flare__tls *e = begin(true, 0);
    int rc = flare__tls_control(e, rows[_i].type, rows[_i].bytes);

    ck_assert_msg(rc < 0 && rc != -EAGAIN, "row %d: %d", _i, rc);
    ck_assert_int_eq(flare__tls_error(e)->code, rc);
}
END_TEST

/* T03: the caps are OpenSSL's and the engine's, as without the kernel. */
START_TEST(test_control_T03_a_flood_of_key_updates_ends_it)
{
    struct flare__tls *e = begin(true, 0);
    int rc = -EAGAIN;
    int n = 0;

    while (rc == -EAGAIN && n < 100) {
        n++;
        rc = flare__tls_control(e, 22, (struct flare_str){"\x18\0\0\1\0", 5});
    }
    ck_assert_int_eq(rc, FLARE_E_TLS_FLOOD);
    ck_assert_int_gt(n, 30);
    ck_assert_int_lt(n, 40);
}
END_TEST

START_TEST(test_control_data_by_the_kernel_counts_for_the_caps)
{
    struct flare__tls *e = begin(true, 0);

    for (int i = 0; i < 100; i++) {
        flare__tls_control_count(e, 16384);
        ck_assert_int_eq(
            flare__tls_control(e, 22, (struct flare_str){"\x18\0\0\1\0", 5}),
            -EAGAIN);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/control");
    TCase *tc = tcase_create("control");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_control_close_notify_both_ways, 0, 4);
    tcase_add_test(tc, test_control_a_fatal_alert_is_the_end);
    tcase_add_loop_test(tc, test_control_tickets_resume, 0, 4);
    tcase_add_loop_test(tc, test_control_key_updates_change_both_keys, 0, 2);
    tcase_add_test(tc, test_control_own_key_update);
    tcase_add_test(tc, test_control_a_kernel_that_cannot_follow_ends_it);
    tcase_add_loop_test(
        tc, test_control_what_the_kernel_refuses_is_told_to_the_peer, 0,
        4 * ROWS(faults));
    tcase_add_loop_test(tc, test_control_what_no_peer_may_say_ends_it, 0, 6);
    tcase_add_test(tc, test_control_T03_a_flood_of_key_updates_ends_it);
    tcase_add_test(tc, test_control_data_by_the_kernel_counts_for_the_caps);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
