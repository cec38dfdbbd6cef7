/* SPDX-License-Identifier: MIT */
/*
 * Keys against the vectors of RFC 8448, and against what OpenSSL itself sends
 * and accepts in both versions with every cipher: opened and made by hand.
 */
#include "tls/keys.h"

#include "tests/support/test.h"
#include "tests/tls/soft_kernel.h"
#include "tests/tls/tls_rig.h"
#include "tls/impl.h"

#include <errno.h>
#include <string.h>

static struct tls_rig rig;

static void set_up(void)
{
    rig_init(&rig);
}

static void tear_down(void)
{
    rig_fini(&rig);
}

static size_t unhex(uint8_t *out, const char *hex)
{
    size_t n = 0;

    for (; hex[2 * n] != '\0'; n++) {
        unsigned byte;

        ck_assert_int_eq(sscanf(hex + 2 * n, "%2x", &byte), 1);
        out[n] = (uint8_t)byte;
    }
    return n;
}

/* RFC 8448 3, "derive write traffic keys". */
static const struct {
    const char *name;
    const char *secret;
    const char *key;
    const char *iv;
} vectors[] = {
    {"server handshake",
     "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
     "3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30"},
    {"server application",
     "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
     "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984"},
    {"client application",
     "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
     "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9"},
};

START_TEST(test_keys_are_those_of_rfc_8448)
{
    struct flare__tls_secret secret;
    uint8_t want[32];
    uint8_t got[32];

    secret.len = (uint8_t)unhex(secret.bytes, vectors[_i].secret);
    (void)unhex(want, vectors[_i].key);
    ck_assert_int_eq(
        flare__tls_keys_expand(got, 16, "SHA2-256", &secret, "key"), 0);
    ck_assert_mem_eq(got, want, 16);
    (void)unhex(want, vectors[_i].iv);
    ck_assert_int_eq(flare__tls_keys_expand(got, 12, "SHA2-256", &secret, "iv"),
                     0);
    ck_assert_mem_eq(got, want, 12);
}
END_TEST

static const struct {
    const char *name;
    const char *line;
    bool is_server;
    int len; /* 0: not read */
} lines[] = {
    {"server's", "SERVER_TRAFFIC_SECRET_0 00ff a1B2", true, 2},
    {"client's", "CLIENT_TRAFFIC_SECRET_0 00ff a1B2c3", false, 3},
    {"the other one's", "CLIENT_TRAFFIC_SECRET_0 00ff a1B2", true, 0},
    {"of the handshake", "SERVER_HANDSHAKE_TRAFFIC_SECRET 00 a1", true, 0},
    {"of TLS 1.2", "CLIENT_RANDOM 00 a1", false, 0},
    {"no secret", "SERVER_TRAFFIC_SECRET_0 00 ", true, 0},
    {"one field", "SERVER_TRAFFIC_SECRET_0 00", true, 0},
    {"half a byte", "SERVER_TRAFFIC_SECRET_0 00 a1b", true, 0},
    {"no hex", "SERVER_TRAFFIC_SECRET_0 00 a1bx", true, 0},
    {"SHA-384's",
     "SERVER_TRAFFIC_SECRET_0 00 "
     "00000000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000",
     true, 48},
    {"more than any",
     "SERVER_TRAFFIC_SECRET_0 00 "
     "00000000000000000000000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000",
     true, 0},
    {"nothing", "", true, 0},
};

START_TEST(test_keys_secret_is_read_from_its_line_only)
{
    struct flare__tls_secret secret = {.len = 0};
    bool is_read =
        flare__tls_keys_read(&secret, lines[_i].line, lines[_i].is_server);

    ck_assert_msg(is_read == (lines[_i].len > 0), "%s", lines[_i].name);
    ck_assert_msg(secret.len == lines[_i].len, "%s: %u", lines[_i].name,
                  secret.len);
    if (lines[_i].len == 2)
        ck_assert_mem_eq(secret.bytes, "\xa1\xb2", 2);
}
END_TEST

/* ---- against OpenSSL */

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

struct made {
    flare_tls_server *server;
    flare_tls_client *client;
};

/* Two open engines with that suite, nothing on the way. */
static void talk(struct made *m, int suite)
{
    SSL *ssl;

    m->server = rig_server(&rig, &(struct flare_tls_server_config){0});
    m->client = rig_client(&rig, &(struct flare_tls_client_config){0});
    rig_start(&rig, m->server, m->client, "a.test");
    ssl = rig.client.e->ssl;
    ck_assert_int_eq(SSL_set_max_proto_version(ssl, suites[suite].version), 1);
    if (suites[suite].version == TLS1_3_VERSION)
        ck_assert_int_eq(SSL_set_ciphersuites(ssl, suites[suite].cipher), 1);
    else
        ck_assert_int_eq(SSL_set_cipher_list(ssl, suites[suite].cipher), 1);
    rig_run(&rig);
    rig_assert_open(&rig);
    ck_assert_str_eq(SSL_get_cipher_name(ssl), suites[suite].cipher);
}

static void unmake(struct made *m)
{
    rig_stop(&rig);
    flare_tls_server_free(m->server);
    flare_tls_client_free(m->client);
}

static void derive(struct flare__tls_keys *out, struct flare__tls *e,
                   bool is_sent, uint32_t updates)
{
    const struct flare__tls_way *way = is_sent ? &e->tx : &e->rx;

    ck_assert_int_eq(flare__tls_keys_derive(out, e->ssl, &way->secret, updates,
                                            is_sent == e->is_server),
                     0);
}

/* The next record of the output of `e`, opened; the rest stays. */
static size_t next_open(struct flare__tls *e, struct tls_end *to,
                        const struct flare__tls_keys *keys, uint64_t sequence,
                        uint8_t *out, uint8_t *type)
{
    struct flare_str wire = flare__tls_output(e);
    size_t len = soft_record(wire.ptr, wire.len);
    int n;

    ck_assert_uint_gt(len, 0);
    n = soft_open(keys, sequence, (const uint8_t *)wire.ptr, len, out, type);
    ck_assert_int_ge(n, 0);
    rig_feed(to, wire.ptr, len);
    flare__tls_sent(e, len);
    return (size_t)n;
}

static void check_way(struct tls_end *from, struct tls_end *to, int suite)
{
    static uint8_t out[20000];
    uint8_t record[64 + FLARE__TLS_SEALED];
    struct flare__tls_keys keys;
    struct flare__tls_keys theirs;
    uint64_t sequence = from->e->tx.sequence;
    uint8_t type;
    int n;

    derive(&keys, from->e, /* is_sent = */ true, 0);
    derive(&theirs, to->e, /* is_sent = */ false, 0);
    ck_assert_mem_eq(&keys, &theirs, sizeof(keys));
    ck_assert_uint_eq(to->e->rx.sequence, sequence);
    for (int i = 0; i < 3; i++) {
        struct flare_str wire;

        ck_assert_int_eq(flare__tls_write(from->e, flare_str("a message")), 9);
        wire = flare__tls_output(from->e);
        ck_assert_mem_eq(from->e->tx.records.nonce, wire.ptr + 5, 8);
        ck_assert_uint_eq(next_open(from->e, to, &keys, sequence++, out, &type),
                          9);
        ck_assert_mem_eq(out, "a message", 9);
        ck_assert_int_eq(type, SSL3_RT_APPLICATION_DATA);
        ck_assert_uint_eq(from->e->tx.sequence, sequence);
    }
    rig_run(&rig);
    ck_assert_uint_eq(to->e->rx.sequence, sequence);
    ck_assert_uint_eq(flare__tls_records_missing(&to->e->rx.records), 0);
    /* and one that OpenSSL did not make */
    n = flare__tls_keys_seal(&keys, sequence, SSL3_RT_APPLICATION_DATA,
                             flare_str("by hand"), record);
    ck_assert_int_gt(n, 0);
    to->got_len = 0;
    rig_feed(to, record, (size_t)n);
    while (rig_turn(to)) {
    }
    ck_assert_msg(to->got_len == 7, "%s", suites[suite].name);
    ck_assert_mem_eq(to->got, "by hand", 7);
}

START_TEST(test_keys_open_and_make_the_records_of_openssl)
{
    struct made m;

    talk(&m, _i % 6);
    if (_i < 6)
        check_way(&rig.server, &rig.client, _i % 6);
    else
        check_way(&rig.client, &rig.server, _i % 6);
    unmake(&m);
}
END_TEST

START_TEST(test_keys_follow_key_updates)
{
    struct flare__tls *e;
    struct made m;
    uint8_t out[64];
    uint8_t type;

    talk(&m, 3 + _i);
    e = rig.client.e;
    for (uint32_t i = 0; i < 3; i++) {
        struct flare__tls_keys keys;
        uint64_t sequence = e->tx.sequence;

        ck_assert_int_eq(flare__tls_rekey(e), 0);
        ck_assert_int_eq(flare__tls_write(e, flare_str("new")), 3);
        derive(&keys, e, /* is_sent = */ true, i);
        ck_assert_uint_eq(
            next_open(e, &rig.server, &keys, sequence, out, &type), 5);
        ck_assert_int_eq(type, SSL3_RT_HANDSHAKE);
        ck_assert_mem_eq(out, "\x18\0\0\1\1", 5);
        ck_assert_uint_eq(e->tx.updates, i + 1);
        derive(&keys, e, /* is_sent = */ true, i + 1);
        ck_assert_uint_eq(next_open(e, &rig.server, &keys, 0, out, &type), 3);
        ck_assert_mem_eq(out, "new", 3);
        ck_assert_uint_eq(e->tx.sequence, 1);
        rig_run(&rig);
        ck_assert_uint_eq(rig.server.e->rx.updates, i + 1);
        ck_assert_uint_eq(rig.server.e->rx.sequence, 1);
        rig_write(&rig, &rig.server, "yes", 3); /* its answer goes before */
        ck_assert_uint_eq(e->rx.updates, i + 1);
        ck_assert_uint_eq(e->rx.sequence, 1);
    }
    unmake(&m);
}
END_TEST

/* A configuration that is not to use the kernel learns no secret. */
START_TEST(test_keys_secrets_are_not_kept_where_nobody_needs_them)
{
    struct flare_tls_server_config sc = {.kernel_off = true};
    struct flare_tls_client_config cc = {.kernel_off = true};
    struct made m = {rig_server(&rig, &sc), rig_client(&rig, &cc)};
    struct flare__tls_keys keys;

    rig_start(&rig, m.server, m.client, "a.test");
    rig_run(&rig);
    rig_assert_open(&rig);
    ck_assert_uint_eq(rig.server.e->tx.secret.len, 0);
    ck_assert_uint_eq(rig.client.e->rx.secret.len, 0);
    ck_assert_int_eq(flare__tls_keys_derive(&keys, rig.server.e->ssl,
                                            &rig.server.e->tx.secret, 0, true),
                     -EOPNOTSUPP);
    unmake(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/keys");
    TCase *tc = tcase_create("keys");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_keys_are_those_of_rfc_8448, 0, ROWS(vectors));
    tcase_add_loop_test(tc, test_keys_secret_is_read_from_its_line_only, 0,
                        ROWS(lines));
    tcase_add_loop_test(tc, test_keys_open_and_make_the_records_of_openssl, 0,
                        2 * ROWS(suites));
    tcase_add_loop_test(tc, test_keys_follow_key_updates, 0, 3);
    tcase_add_test(tc, test_keys_secrets_are_not_kept_where_nobody_needs_them);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
