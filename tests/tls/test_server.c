/* SPDX-License-Identifier: MIT */
/* A server's configuration: names, protocols, clients, tickets, reload. */
#include "tls/server.h"

#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"
#include "tls/tickets.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

static const enum flare_tls_version versions[] = {FLARE_TLS_1_2, FLARE_TLS_1_3};
static struct tls_rig rig;

static void set_up(void)
{
    rig_init(&rig);
}

static void tear_down(void)
{
    rig_fini(&rig);
}

static flare_tls_client *client_of(enum flare_tls_version version)
{
    return rig_client(
        &rig, &(struct flare_tls_client_config){.version_min = version,
                                                .version_max = version});
}

/* One connection; facts in `*info`, the server's error or 0 returned. */
static int talk(flare_tls_server *server, flare_tls_client *client,
                const char *host, struct flare_tls_info *info)
{
    int rc;

    rig_start(&rig, server, client, host);
    rig_run(&rig);
    rc = rig.server.rc;
    if (rc == 0) {
        rig_assert_open(&rig);
        rig_write(&rig, &rig.server, "x", 1); /* tickets have come */
        flare__tls_info(rig.server.e, info);
        info->alpn = (struct flare_str){NULL, 0};
        info->server_name = (struct flare_str){NULL, 0};
        ck_assert_int_eq(flare__tls_close(rig.client.e), 0);
        rig_run(&rig);
    }
    rig_stop(&rig);
    return rc;
}

static const struct {
    const char *host;
    int cert;
} names[] = {
    {"a.test", 0},        {"b.test", 0},        {"c.test", 1},
    {"x.wild.test", 2},   {"www.wild.test", 1}, {"X.WILD.test", 2},
    {"x.y.wild.test", 0}, {"wild.test", 0},     {"unknown.test", 0},
    {"192.0.2.1", 0},
};

START_TEST(test_server_certificate_by_name)
{
    struct cert certs[3];
    struct flare_tls_cert shown[3];
    flare_tls_server *server;
    flare_tls_client *client =
        rig_client(&rig, &(struct flare_tls_client_config){.insecure = true});

    cert_make(&certs[0],
              &(struct cert_spec){.cn = "0", .san = "DNS:a.test,DNS:b.test"},
              &rig.ca);
    cert_make(
        &certs[1],
        &(struct cert_spec){.cn = "1", .san = "DNS:C.test,DNS:www.wild.test"},
        &rig.ca);
    cert_make(&certs[2],
              &(struct cert_spec){.cn = "2", .san = "DNS:*.wild.test"},
              &rig.ca);
    for (int i = 0; i < 3; i++)
        shown[i] = cert_config(&certs[i]);
    server = rig_server(&rig, &(struct flare_tls_server_config){
                                  .certs = shown, .cert_count = 3});
    rig_start(&rig, server, client, names[_i].host);
    rig_run(&rig);
    rig_assert_open(&rig);
    {
        /* who was shown is asked of OpenSSL */
        struct flare_tls_info info;
        SSL_CTX *ctx = SSL_CTX_new(TLS_method());
        X509 *peer;

        flare__tls_info(rig.server.e, &info);
        rig_stop(&rig);
        rig_start(&rig, server, NULL, NULL);
        rig_raw(&rig.client, ctx, false);
        if (strcmp(names[_i].host, "192.0.2.1") != 0)
            SSL_set_tlsext_host_name(rig.client.raw, names[_i].host);
        rig_run(&rig);
        peer = SSL_get0_peer_certificate(rig.client.raw);
        ck_assert_ptr_nonnull(peer);
        ck_assert_msg(X509_cmp(peer, certs[names[_i].cert].x) == 0, "%s",
                      names[_i].host);
        rig_stop(&rig);
        SSL_CTX_free(ctx);
    }
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    for (int i = 0; i < 3; i++)
        cert_free(&certs[i]);
}
END_TEST

/* An RSA and an ECDSA certificate for one name: the client decides. */
START_TEST(test_server_certificate_by_what_the_client_can)
{
    struct cert rsa;
    struct flare_tls_cert shown[2];
    flare_tls_server *server;

    cert_make(&rsa, &(struct cert_spec){.san = "DNS:a.test", .rsa_bits = 2048},
              &rig.ca);
    shown[0] = cert_config(&rsa);
    shown[1] = cert_config(&rig.leaf);
    server = rig_server(&rig, &(struct flare_tls_server_config){
                                  .certs = shown, .cert_count = 2});
    for (int i = 0; i < 2; i++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_method());

        ck_assert_int_eq(
            SSL_CTX_set1_sigalgs_list(ctx, i == 0 ? "rsa_pss_rsae_sha256"
                                                  : "ECDSA+SHA256"),
            1);
        rig_start(&rig, server, NULL, NULL);
        rig_raw(&rig.client, ctx, false);
        SSL_set_tlsext_host_name(rig.client.raw, "a.test");
        rig_run(&rig);
        rig_assert_open(&rig);
        ck_assert_int_eq(X509_cmp(SSL_get0_peer_certificate(rig.client.raw),
                                  i == 0 ? rsa.x : rig.leaf.x),
                         0);
        rig_stop(&rig);
        SSL_CTX_free(ctx);
    }
    flare_tls_server_free(server);
    cert_free(&rsa);
}
END_TEST

static const struct {
    const char *server[3];
    const char *client[3];
    const char *chosen; /* NULL: no connection */
} protocols[] = {
    {{"h2", "http/1.1"}, {"http/1.1", "h2"}, "h2"},
    {{"http/1.1"}, {"h2", "http/1.1"}, "http/1.1"},
    {{"http/1.1"}, {"h2"}, NULL},
    {{"http/1.1"}, {NULL}, ""},
    {{NULL}, {"h2"}, ""},
    {{"http/1.1"}, {"http/1.10"}, NULL},
    {{"http/1.1"}, {"http/1."}, NULL},
};

/* T06 */
START_TEST(test_server_T06_protocol_is_the_servers_first)
{
    for (int i = 0; i < 2; i++) {
        flare_tls_server *server = rig_server(
            &rig,
            &(struct flare_tls_server_config){.alpn = protocols[_i].server});
        flare_tls_client *client = rig_client(
            &rig,
            &(struct flare_tls_client_config){.alpn = protocols[_i].client,
                                              .version_min = versions[i],
                                              .version_max = versions[i]});
        struct flare_tls_info info;

        rig_start(&rig, server, client, "a.test");
        rig_run(&rig);
        if (protocols[_i].chosen == NULL) {
            ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_ALPN);
            ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_ALPN);
        } else {
            rig_assert_open(&rig);
            flare__tls_info(rig.client.e, &info);
            ck_assert(
                flare_str_equal(info.alpn, flare_str(protocols[_i].chosen)));
            flare__tls_info(rig.server.e, &info);
            ck_assert(
                flare_str_equal(info.alpn, flare_str(protocols[_i].chosen)));
        }
        rig_stop(&rig);
        flare_tls_server_free(server);
        flare_tls_client_free(client);
    }
}
END_TEST

/* mTLS: what is asked against what is shown. */
static const struct {
    enum flare_tls_client_auth auth;
    char shows; /* n: nothing, g: good, r: revoked, s: of a stranger,
                 * w: for servers */
    int rc;
} auths[] = {
    {FLARE_TLS_CLIENT_NONE, 'g', 0},
    {FLARE_TLS_CLIENT_ASKED, 'n', 0},
    {FLARE_TLS_CLIENT_ASKED, 'g', 0},
    {FLARE_TLS_CLIENT_ASKED, 's', FLARE_E_TLS_UNTRUSTED},
    {FLARE_TLS_CLIENT_REQUIRED, 'g', 0},
    {FLARE_TLS_CLIENT_REQUIRED, 'n', FLARE_E_TLS_NO_CERTIFICATE},
    {FLARE_TLS_CLIENT_REQUIRED, 's', FLARE_E_TLS_UNTRUSTED},
    {FLARE_TLS_CLIENT_REQUIRED, 'w', FLARE_E_TLS_PURPOSE},
    {FLARE_TLS_CLIENT_REQUIRED, 'r', FLARE_E_TLS_REVOKED},
};

/* What the client has, and the CA of a stranger. */
static void make_shown(struct cert *shown, struct cert *other_ca, char shows)
{
    const struct cert_spec spec = {
        .cn = "u", .eku = shows == 'w' ? "serverAuth" : "clientAuth"};

    cert_make(other_ca, &(struct cert_spec){.cn = "O", .is_ca = true}, NULL);
    cert_make(shown, &spec, shows == 's' ? other_ca : &rig.ca);
}

/* Twice: resumed, it is still known who it is. */
static void try_auth(int i, flare_tls_server *server, flare_tls_client *client)
{
    bool is_verified =
        auths[i].auth != FLARE_TLS_CLIENT_NONE && auths[i].shows == 'g';
    struct flare_tls_info info;

    for (int round = 0; round < 2; round++) {
        int rc = talk(server, client, "a.test", &info);

        ck_assert_msg(rc == auths[i].rc, "row %d: %s", i, flare_error_name(rc));
        if (rc < 0)
            return;
        ck_assert_int_eq(info.is_verified, is_verified);
        ck_assert_int_eq(info.is_resumed, round);
    }
}

START_TEST(test_server_clients_are_verified)
{
    char shows = auths[_i].shows;
    struct cert shown;
    struct cert other_ca;
    struct flare_tls_cert cert;
    char *crl;

    make_shown(&shown, &other_ca, shows);
    cert = cert_config(&shown);
    crl = cert_crl(&rig.ca, &shown);
    for (int i = 0; i < 2; i++) {
        struct flare_tls_server_config config = {.client_auth = auths[_i].auth};
        flare_tls_server *server;
        flare_tls_client *client =
            rig_client(&rig, &(struct flare_tls_client_config){
                                 .cert = shows == 'n' ? NULL : &cert,
                                 .version_min = versions[i],
                                 .version_max = versions[i]});

        if (auths[_i].auth != FLARE_TLS_CLIENT_NONE)
            config.client_ca.pem = flare_str(rig.ca.pem);
        if (shows == 'r')
            config.client_crl.pem = flare_str(crl);
        server = rig_server(&rig, &config);
        try_auth(_i, server, client);
        flare_tls_server_free(server);
        flare_tls_client_free(client);
    }
    cert_free(&shown);
    cert_free(&other_ca);
    free(crl);
}
END_TEST

START_TEST(test_server_second_connection_is_resumed)
{
    flare_tls_server *server =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    flare_tls_client *client = client_of(versions[_i]);
    struct flare_tls_info info;

    ck_assert_int_eq(talk(server, client, "a.test", &info), 0);
    ck_assert(!info.is_resumed);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(talk(server, client, "a.test", &info), 0);
        ck_assert(info.is_resumed);
    }
    ck_assert_int_eq(talk(server, client, "x.wild.test", &info), 0);
    ck_assert(!info.is_resumed);
    flare_tls_server_free(server);
    server = rig_server(&rig,
                        &(struct flare_tls_server_config){.tickets_off = true});
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(talk(server, client, "a.test", &info), 0);
        ck_assert(!info.is_resumed);
    }
    flare_tls_server_free(server);
    flare_tls_client_free(client);
}
END_TEST

/* T07: under another name, and where other things are asked of clients. */
START_TEST(test_server_T07_session_is_not_resumed_elsewhere)
{
    struct flare_tls_server_config config = {.certs = NULL};
    flare_tls_server *server = rig_server(&rig, &config);
    flare_tls_client *client = client_of(versions[_i]);
    struct flare_tls_cert cert = cert_config(&rig.leaf);
    struct cert other_ca;
    struct flare_tls_info info;

    /* the same configuration anew, another certificate list: as before */
    ck_assert_int_eq(talk(server, client, "a.test", &info), 0);
    ck_assert_int_eq(
        flare_tls_server_reload(
            server,
            &(struct flare_tls_server_config){.certs = &cert, .cert_count = 1},
            NULL),
        0);
    ck_assert_int_eq(talk(server, client, "a.test", &info), 0);
    ck_assert(info.is_resumed);

    config = (struct flare_tls_server_config){
        .certs = &cert,
        .cert_count = 1,
        .client_auth = FLARE_TLS_CLIENT_ASKED,
        .client_ca = {.pem = flare_str(rig.ca.pem)}};
    ck_assert_int_eq(flare_tls_server_reload(server, &config, NULL), 0);
    ck_assert_int_eq(talk(server, client, "a.test", &info), 0);
    ck_assert(!info.is_resumed);
    ck_assert_int_eq(talk(server, client, "a.test", &info), 0);
    ck_assert(info.is_resumed);

    cert_make(&other_ca, &(struct cert_spec){.cn = "O", .is_ca = true}, NULL);
    config.client_ca.pem = flare_str(other_ca.pem);
    ck_assert_int_eq(flare_tls_server_reload(server, &config, NULL), 0);
    ck_assert_int_eq(talk(server, client, "a.test", &info), 0);
    ck_assert(!info.is_resumed);
    cert_free(&other_ca);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
}
END_TEST

/* T07: a ticket under a name is none under another. */
START_TEST(test_server_T07_ticket_belongs_to_its_name)
{
    flare_tls_server *server =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL_SESSION *session = NULL;
    static const char *const hosts[] = {"a.test", "b.wild.test", "a.test",
                                        NULL};

    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION + _i);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION + _i);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    for (int i = 0; i < 4; i++) {
        rig_start(&rig, server, NULL, NULL);
        rig_raw(&rig.client, ctx, false);
        if (hosts[i] != NULL)
            SSL_set_tlsext_host_name(rig.client.raw, hosts[i]);
        if (session != NULL)
            ck_assert_int_eq(SSL_set_session(rig.client.raw, session), 1);
        rig_run(&rig);
        rig_assert_open(&rig);
        ck_assert_msg(SSL_session_reused(rig.client.raw) == (i == 2), "%d", i);
        if (i == 0)
            session = SSL_get1_session(rig.client.raw);
        SSL_set_shutdown(rig.client.raw,
                         SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        rig_stop(&rig);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    flare_tls_server_free(server);
}
END_TEST

/* T10: no ticket allows early data, so a client that obeys sends none. */
START_TEST(test_server_T10_tickets_allow_no_early_data)
{
    flare_tls_server *server =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL_SESSION *session;

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    rig_start(&rig, server, NULL, NULL);
    rig_raw(&rig.client, ctx, false);
    rig_run(&rig);
    rig_assert_open(&rig);
    session = SSL_get1_session(rig.client.raw);
    ck_assert_int_eq(SSL_SESSION_is_resumable(session), 1);
    ck_assert_uint_eq(SSL_SESSION_get_max_early_data(session), 0);
    rig_stop(&rig);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    flare_tls_server_free(server);
}
END_TEST

/* T16: two processes with the same keys, and keys that only open. */
START_TEST(test_server_T16_tickets_are_shared_by_their_keys)
{
    flare_tls_server *one =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    flare_tls_server *two =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    flare_tls_client *client = client_of(versions[_i]);
    struct flare_tls_ticket_key keys[5];
    struct flare_tls_ticket_key turned[2];
    struct flare_tls_info info;

    memset(keys, 1, sizeof(keys));
    memset(&keys[1], 2, sizeof(keys[1]));
    turned[0] = keys[1];
    turned[1] = keys[0];
    ck_assert_int_eq(talk(one, client, "a.test", &info), 0);
    ck_assert_int_eq(talk(two, client, "a.test", &info), 0);
    ck_assert(!info.is_resumed);
    ck_assert_int_eq(flare_tls_server_set_ticket_keys(one, keys, 0),
                     FLARE_E_RANGE);
    ck_assert_int_eq(flare_tls_server_set_ticket_keys(one, keys, 5),
                     FLARE_E_RANGE);
    ck_assert_int_eq(flare_tls_server_set_ticket_keys(one, keys, 1), 0);
    ck_assert_int_eq(flare_tls_server_set_ticket_keys(two, turned, 2), 0);
    ck_assert_int_eq(talk(one, client, "a.test", &info), 0);
    ck_assert(!info.is_resumed);
    ck_assert_int_eq(talk(two, client, "a.test", &info), 0);
    ck_assert(info.is_resumed);
    /* the second server seals with a key that the first has not */
    ck_assert_int_eq(talk(one, client, "a.test", &info), 0);
    ck_assert(!info.is_resumed);
    flare_tls_server_free(one);
    flare_tls_server_free(two);
    flare_tls_client_free(client);
}
END_TEST

static void *reload_often(void *arg)
{
    flare_tls_server *server = arg;
    struct flare_tls_cert cert = cert_config(&rig.leaf);

    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(
            flare_tls_server_reload(server,
                                    &(struct flare_tls_server_config){
                                        .certs = &cert, .cert_count = 1},
                                    NULL),
            0);
    return NULL;
}

START_TEST(test_server_reload_meets_connections_of_other_threads)
{
    flare_tls_server *server =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    const struct flare__tls_start begin = {.unix_now = CERTS_NOW};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, reload_often, server), 0);
    for (int i = 0; i < 2000; i++) {
        struct flare__tls *e;

        ck_assert_int_eq(flare__tls_new_server(&e, server, &begin), 0);
        flare__tls_free(e);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    flare_tls_server_free(server);
}
END_TEST

START_TEST(test_server_connection_outlives_reload_and_server)
{
    flare_tls_server *server =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    flare_tls_client *client = client_of(FLARE_TLS_ANY);
    struct flare_tls_cert cert = cert_config(&rig.leaf);

    rig_start(&rig, server, client, "a.test");
    rig_turn(&rig.client);
    rig_move(&rig.client, &rig.server);
    ck_assert_int_eq(
        flare_tls_server_reload(
            server,
            &(struct flare_tls_server_config){.certs = &cert, .cert_count = 1},
            NULL),
        0);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    rig_run(&rig);
    rig_assert_open(&rig);
    rig_write(&rig, &rig.client, "x", 1);
    ck_assert_uint_eq(rig.server.got_len, 1);
}
END_TEST

static char log_text[256];

static void on_log(enum flare_log_level level, const char *text, void *ctx)
{
    (void)ctx;
    ck_assert_int_eq(level, FLARE_LOG_WARN);
    (void)snprintf(log_text, sizeof(log_text), "%s", text);
}

START_TEST(test_server_configuration_that_cannot_be)
{
    struct cert other;
    struct cert weak;
    struct flare_tls_cert good = cert_config(&rig.leaf);
    struct flare_tls_cert mixed = good;
    struct flare_tls_cert short_key;
    const char *empty[] = {"", NULL};
    struct flare_tls_server_config rows[] = {
        {.cert_count = 1},
        {.certs = &good},
        {.certs = &good, .cert_count = FLARE_TLS_CERTS_MAX + 1},
        {.certs = &good, .cert_count = 1, .alpn = empty},
        {.certs = &good,
         .cert_count = 1,
         .version_min = FLARE_TLS_1_3,
         .version_max = FLARE_TLS_1_2},
        {.certs = &good, .cert_count = 1, .version_min = 9},
        {.certs = &good,
         .cert_count = 1,
         .client_auth = FLARE_TLS_CLIENT_REQUIRED},
        {.certs = &good,
         .cert_count = 1,
         .client_ca = {.pem = flare_str(rig.ca.pem)}},
        {.certs = &good, .cert_count = 1, .client_auth = 7},
        {.certs = &good,
         .cert_count = 1,
         .client_crl = {.pem = FLARE_STR("x")}},
        {.certs = &mixed, .cert_count = 1},
        {.certs = &short_key, .cert_count = 1},
    };

    cert_make(&other, &(struct cert_spec){.cn = "x"}, NULL);
    cert_make(&weak, &(struct cert_spec){.rsa_bits = 1024}, NULL);
    mixed.key.pem = flare_str(other.key_pem);
    short_key = cert_config(&weak);
    for (int i = 0; i < ROWS(rows); i++) {
        struct flare_error err = {.code = 0};
        flare_tls_server *server = NULL;
        int rc = flare_tls_server_new(&server, &rows[i], &err);
        int want = i == 10   ? FLARE_E_TLS_CERTIFICATE
                   : i == 11 ? FLARE_E_TLS_WEAK
                             : FLARE_E_BAD_CONFIG;

        ck_assert_msg(rc == want && err.code == rc, "row %d: %s (%s)", i,
                      flare_error_name(rc), err.text);
        ck_assert_ptr_null(server);
        ck_assert_uint_eq(ERR_peek_error(), 0);
        if (i >= 10)
            ck_assert_ptr_nonnull(strstr(err.text, "certs[0]"));
    }
    cert_free(&other);
    cert_free(&weak);
}
END_TEST

START_TEST(test_server_expired_certificate_is_a_line_in_the_log)
{
    struct cert old;
    struct flare_tls_cert shown;
    flare_tls_server *server;

    cert_make(&old, &(struct cert_spec){.from = 86400, .until = 2 * 86400},
              NULL);
    shown = cert_config(&old);
    server =
        rig_server(&rig, &(struct flare_tls_server_config){
                             .certs = &shown, .cert_count = 1, .log = on_log});
    ck_assert_str_eq(log_text, "TLS: certs[0] has expired");
    flare_tls_server_free(server);
    cert_free(&old);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/server");
    TCase *tc = tcase_create("server");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_server_certificate_by_name, 0, ROWS(names));
    tcase_add_test(tc, test_server_certificate_by_what_the_client_can);
    tcase_add_loop_test(tc, test_server_T06_protocol_is_the_servers_first, 0,
                        ROWS(protocols));
    tcase_add_loop_test(tc, test_server_clients_are_verified, 0, ROWS(auths));
    tcase_add_loop_test(tc, test_server_second_connection_is_resumed, 0, 2);
    tcase_add_loop_test(tc, test_server_T07_session_is_not_resumed_elsewhere, 0,
                        2);
    tcase_add_loop_test(tc, test_server_T07_ticket_belongs_to_its_name, 0, 2);
    tcase_add_test(tc, test_server_T10_tickets_allow_no_early_data);
    tcase_add_loop_test(tc, test_server_T16_tickets_are_shared_by_their_keys, 0,
                        2);
    tcase_add_test(tc, test_server_reload_meets_connections_of_other_threads);
    tcase_add_test(tc, test_server_connection_outlives_reload_and_server);
    tcase_add_test(tc, test_server_configuration_that_cannot_be);
    tcase_add_test(tc, test_server_expired_certificate_is_a_line_in_the_log);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
