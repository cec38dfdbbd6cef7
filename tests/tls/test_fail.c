/* SPDX-License-Identifier: MIT */
/* Peers that misbehave, or speak something else: which error says so. */
#include "tls/fail.h"

#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"

#include <openssl/err.h>
#include <openssl/kdf.h>

#include <errno.h>
#include <string.h>

static struct tls_rig rig;
static flare_tls_server *server;
static flare_tls_client *client;
static SSL_CTX *raw;

static void set_up(void)
{
    rig_init(&rig);
    server = rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    client = rig_client(&rig, &(struct flare_tls_client_config){.cert = NULL});
    raw = SSL_CTX_new(TLS_method());
    SSL_CTX_set_security_level(raw, 0);
}

static void tear_down(void)
{
    rig_fini(&rig);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    SSL_CTX_free(raw);
}

/* Starts a raw client against our server; `version`: 0 for any. */
static void start_raw(int version)
{
    SSL_CTX_set_min_proto_version(raw, version);
    SSL_CTX_set_max_proto_version(raw, version);
    rig_start(&rig, server, NULL, NULL);
    rig_raw(&rig.client, raw, false);
}

/* Whether the last thing on its way to the client is this fatal alert. */
static bool is_alert(uint8_t description)
{
    const struct tls_end *end = &rig.client;

    return end->in_len >= 7 && (uint8_t)end->in[end->in_len - 7] == 21 &&
           (uint8_t)end->in[end->in_len - 2] == 2 &&
           (uint8_t)end->in[end->in_len - 1] == description;
}

/* T01 */
START_TEST(test_fail_T01_old_versions_get_the_alert)
{
    static const int old[] = {TLS1_VERSION, TLS1_1_VERSION};

    SSL_CTX_set_cipher_list(raw, "ALL:@SECLEVEL=0");
    for (int i = 0; i < 2; i++) {
        start_raw(old[i]);
        rig_turn(&rig.client);
        rig_move(&rig.client, &rig.server);
        rig_turn(&rig.server);
        rig_move(&rig.server, &rig.client);
        ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_VERSION);
        ck_assert(is_alert(SSL_AD_PROTOCOL_VERSION));
        rig_stop(&rig);
    }
}
END_TEST

START_TEST(test_fail_client_refuses_an_old_server)
{
    SSL_CTX_set_max_proto_version(raw, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(raw, "ALL:@SECLEVEL=0");
    ck_assert_int_eq(SSL_CTX_use_certificate(raw, rig.leaf.x), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(raw, rig.leaf.key), 1);
    rig_raw(&rig.server, raw, true);
    rig_start(&rig, NULL, client, "a.test");
    rig_run(&rig);
    ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_VERSION);
}
END_TEST

START_TEST(test_fail_versions_that_do_not_meet)
{
    flare_tls_server *old = rig_server(
        &rig, &(struct flare_tls_server_config){.version_max = FLARE_TLS_1_2});
    flare_tls_client *fresh = rig_client(
        &rig, &(struct flare_tls_client_config){.version_min = FLARE_TLS_1_3});

    rig_start(&rig, old, fresh, "a.test");
    rig_run(&rig);
    ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_VERSION);
    ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_VERSION);
    flare_tls_server_free(old);
    flare_tls_client_free(fresh);
}
END_TEST

START_TEST(test_fail_ciphers_that_do_not_meet)
{
    static const char *const lists[] = {"AES128-SHA", "ECDHE-ECDSA-AES128-SHA",
                                        "ECDHE-RSA-AES128-GCM-SHA256",
                                        "DHE-RSA-AES128-GCM-SHA256"};

    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(SSL_CTX_set_cipher_list(raw, lists[i]), 1);
        start_raw(TLS1_2_VERSION);
        rig_turn(&rig.client);
        rig_move(&rig.client, &rig.server);
        rig_turn(&rig.server);
        rig_move(&rig.server, &rig.client);
        ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_NO_CIPHER);
        ck_assert(is_alert(SSL_AD_HANDSHAKE_FAILURE));
        rig_stop(&rig);
    }
}
END_TEST

/* T02: asked once, it is told no and the data goes on. */
START_TEST(test_fail_T02_renegotiation_is_refused)
{
    start_raw(TLS1_2_VERSION);
    rig_run(&rig);
    rig_assert_open(&rig);
    ck_assert_int_eq(SSL_renegotiate(rig.client.raw), 1);
    (void)SSL_do_handshake(rig.client.raw);
    rig_move(&rig.client, &rig.server);
    while (rig_turn(&rig.server))
        ;
    ck_assert_int_eq(rig.server.rc, 0);
    ck_assert_int_eq(flare__tls_write(rig.server.e, FLARE_STR("x")), 1);
    /* a warning of 7 to 40 bytes and the record: no ServerHello */
    ck_assert_uint_lt(flare__tls_output(rig.server.e).len, 100);
}
END_TEST

/* An extension that nobody knows, as long as may be. */
/* params: OpenSSL's */
static int add_padding(SSL *ssl, unsigned int type, unsigned int context,
                       const unsigned char **out, size_t *out_len, X509 *x,
                       size_t chain, int *alert, void *arg)
{
    static const unsigned char zeros[4000];

    (void)ssl;
    (void)type;
    (void)context;
    (void)x;
    (void)chain;
    (void)alert;
    (void)arg;
    *out = zeros;
    *out_len = sizeof(zeros);
    return 1;
}

/* T02: a hello in many records is many of them. */
START_TEST(test_fail_T02_renegotiation_flood_is_an_end)
{
    ck_assert_int_eq(SSL_CTX_add_custom_ext(raw, 65000, SSL_EXT_CLIENT_HELLO,
                                            add_padding, NULL, NULL, NULL,
                                            NULL),
                     1);
    start_raw(TLS1_2_VERSION);
    SSL_set_max_send_fragment(rig.client.raw, 512);
    rig_run(&rig);
    rig_assert_open(&rig);
    ck_assert_int_eq(SSL_renegotiate(rig.client.raw), 1);
    (void)SSL_do_handshake(rig.client.raw);
    rig_move(&rig.client, &rig.server);
    while (rig_turn(&rig.server))
        ;
    ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_FLOOD);
}
END_TEST

/* T03 */
START_TEST(test_fail_T03_key_update_flood_is_an_end)
{
    int sent = 0;

    start_raw(TLS1_3_VERSION);
    rig_run(&rig);
    rig_assert_open(&rig);
    while (rig.server.rc == 0 && sent < 1000) {
        ck_assert_int_eq(
            SSL_key_update(rig.client.raw, SSL_KEY_UPDATE_REQUESTED), 1);
        ck_assert_int_eq(SSL_do_handshake(rig.client.raw), 1);
        rig_move(&rig.client, &rig.server);
        rig_turn(&rig.server);
        rig_move(&rig.server, NULL);
        sent++;
    }
    ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_FLOOD);
    ck_assert_int_eq(sent, 33);
}
END_TEST

/* Who also sends data may change keys as often as that is worth it. */
START_TEST(test_fail_T03_key_updates_with_data_are_none)
{
    static char bytes[16384];

    start_raw(TLS1_3_VERSION);
    rig_run(&rig);
    for (int i = 0; i < 500; i++) {
        ck_assert_int_eq(
            SSL_key_update(rig.client.raw, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        ck_assert_int_eq(SSL_write(rig.client.raw, bytes, sizeof(bytes)),
                         sizeof(bytes));
        rig_move(&rig.client, &rig.server);
        while (rig_turn(&rig.server))
            ;
        ck_assert_int_eq(rig.server.rc, 0);
        rig.server.got_len = 0;
    }
}
END_TEST

/* With tickets too. */
START_TEST(test_fail_T03_ticket_flood_of_a_server)
{
    ck_assert_int_eq(SSL_CTX_use_certificate(raw, rig.leaf.x), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(raw, rig.leaf.key), 1);
    rig_raw(&rig.server, raw, true);
    rig_start(&rig, NULL, client, "a.test");
    rig_run(&rig);
    rig_assert_open(&rig);
    for (int i = 0; i < 100 && rig.client.rc == 0; i++) {
        ck_assert_int_eq(SSL_new_session_ticket(rig.server.raw), 1);
        ck_assert_int_eq(SSL_do_handshake(rig.server.raw), 1);
        rig_move(&rig.server, &rig.client);
        rig_turn(&rig.client);
    }
    ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_FLOOD);
}
END_TEST

/* The server may flood a client too. */
START_TEST(test_fail_T03_key_update_flood_of_a_server)
{
    ck_assert_int_eq(SSL_CTX_use_certificate(raw, rig.leaf.x), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(raw, rig.leaf.key), 1);
    rig_raw(&rig.server, raw, true);
    rig_start(&rig, NULL, client, "a.test");
    rig_run(&rig);
    rig_assert_open(&rig);
    for (int i = 0; i < 100 && rig.client.rc == 0; i++) {
        (void)SSL_key_update(rig.server.raw, SSL_KEY_UPDATE_REQUESTED);
        (void)SSL_do_handshake(rig.server.raw);
        rig_move(&rig.server, &rig.client);
        rig_turn(&rig.client);
    }
    ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_FLOOD);
    /* a failed engine says the same for ever */
    ck_assert_int_eq(flare__tls_write(rig.client.e, FLARE_STR("x")),
                     FLARE_E_TLS_FLOOD);
    ck_assert_int_eq(flare__tls_rekey(rig.client.e), FLARE_E_TLS_FLOOD);
    ck_assert_int_eq(flare__tls_close(rig.client.e), FLARE_E_TLS_FLOOD);
}
END_TEST

static uint8_t secret[32]; /* of what the raw client sends */

static void on_secret(const SSL *ssl, const char *line)
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
    const char *hex = strrchr(line, ' ');
    long len;
    unsigned char *bytes;

    (void)ssl;
    if (strncmp(line, label, sizeof(label) - 1) != 0)
        return;
    bytes = OPENSSL_hexstr2buf(hex + 1, &len);
    ck_assert_int_eq(len, sizeof(secret));
    memcpy(secret, bytes, sizeof(secret));
    OPENSSL_free(bytes);
}

/* HKDF-Expand-Label (RFC 8446 7.1) of the secret, without a context. */
static void expand(const char *label, uint8_t *out, size_t len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    uint8_t info[32] = {0, (uint8_t)len, (uint8_t)strlen(label)};
    size_t n = strlen(label);

    memcpy(info + 3, label, n);
    ck_assert_int_eq(EVP_PKEY_derive_init(ctx), 1);
    EVP_PKEY_CTX_set_hkdf_mode(ctx, EVP_PKEY_HKDEF_MODE_EXPAND_ONLY);
    EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256());
    EVP_PKEY_CTX_set1_hkdf_key(ctx, secret, sizeof(secret));
    EVP_PKEY_CTX_add1_hkdf_info(ctx, info, (int)(n + 4));
    ck_assert_int_eq(EVP_PKEY_derive(ctx, out, &len), 1);
    EVP_PKEY_CTX_free(ctx);
}

/* A record of TLS 1.3 with no data in it, which OpenSSL would not send. */
static void feed_empty(uint8_t number)
{
    uint8_t record[5 + 1 + 16] = {23, 3, 3, 0, 17};
    const uint8_t type = 23;
    uint8_t key[16];
    uint8_t iv[12];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    expand("tls13 key", key, sizeof(key));
    expand("tls13 iv", iv, sizeof(iv));
    iv[11] ^= number;
    ck_assert_int_eq(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv),
                     1);
    ck_assert_int_eq(EVP_EncryptUpdate(ctx, NULL, &n, record, 5), 1);
    ck_assert_int_eq(EVP_EncryptUpdate(ctx, record + 5, &n, &type, 1), 1);
    ck_assert_int_eq(EVP_EncryptFinal_ex(ctx, record + 6, &n), 1);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, record + 6);
    EVP_CIPHER_CTX_free(ctx);
    rig_feed(&rig.server, record, sizeof(record));
}

START_TEST(test_fail_T18_empty_record_flood_is_an_end)
{
    int sent = 0;

    SSL_CTX_set_keylog_callback(raw, on_secret);
    start_raw(TLS1_3_VERSION);
    rig_run(&rig);
    rig_assert_open(&rig);
    while (rig.server.rc == 0 && sent < 200) {
        feed_empty((uint8_t)sent++);
        rig_turn(&rig.server);
    }
    ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_FLOOD);
    ck_assert_int_ge(sent, 30); /* some are in order */
    ck_assert_int_le(sent, 40);
}
END_TEST

START_TEST(test_fail_verify_errors_have_codes)
{
    ck_assert_int_eq(flare__tls_verify_code(X509_V_ERR_OUT_OF_MEM), -ENOMEM);
    ck_assert_int_eq(flare__tls_verify_code(X509_V_ERR_CERT_REVOKED),
                     FLARE_E_TLS_REVOKED);
    ck_assert_int_eq(flare__tls_verify_code(X509_V_ERR_CERT_SIGNATURE_FAILURE),
                     FLARE_E_TLS_BAD_CERTIFICATE);
    ck_assert_int_eq(flare__tls_verify_code(-1), FLARE_E_TLS_BAD_CERTIFICATE);
}
END_TEST

START_TEST(test_fail_configuration_says_what_openssl_says)
{
    struct flare_error err;

    ERR_clear_error();
    ERR_raise(ERR_LIB_SSL, SSL_R_EE_KEY_TOO_SMALL);
    ck_assert_int_eq(flare__tls_fail_conf(&err, FLARE_E_TLS_CERTIFICATE, "x"),
                     FLARE_E_TLS_WEAK);
    ck_assert_str_eq(err.text, "x: ee key too small");
    ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);
    ck_assert_int_eq(flare__tls_fail_conf(&err, FLARE_E_TLS_CERTIFICATE, "x"),
                     -ENOMEM);
    ck_assert_int_eq(flare__tls_fail_conf(&err, FLARE_E_TLS_CERTIFICATE, "x"),
                     -ENOMEM);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/fail");
    TCase *tc = tcase_create("fail");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_fail_T01_old_versions_get_the_alert);
    tcase_add_test(tc, test_fail_client_refuses_an_old_server);
    tcase_add_test(tc, test_fail_versions_that_do_not_meet);
    tcase_add_test(tc, test_fail_ciphers_that_do_not_meet);
    tcase_add_test(tc, test_fail_T02_renegotiation_is_refused);
    tcase_add_test(tc, test_fail_T02_renegotiation_flood_is_an_end);
    tcase_add_test(tc, test_fail_T03_key_update_flood_is_an_end);
    tcase_add_test(tc, test_fail_T03_key_updates_with_data_are_none);
    tcase_add_test(tc, test_fail_T03_key_update_flood_of_a_server);
    tcase_add_test(tc, test_fail_T03_ticket_flood_of_a_server);
    tcase_add_test(tc, test_fail_T18_empty_record_flood_is_an_end);
    tcase_add_test(tc, test_fail_verify_errors_have_codes);
    tcase_add_test(tc, test_fail_configuration_says_what_openssl_says);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
