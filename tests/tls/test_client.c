/* SPDX-License-Identifier: MIT */
/* A client's configuration, hosts, and sessions. */
#include "tls/client.h"

#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"
#include "tls/sessions.h"

#include <openssl/err.h>

#include <string.h>

static struct tls_rig rig;
static char log_text[256];
static int log_lines;

static void set_up(void)
{
    rig_init(&rig);
    log_lines = 0;
}

static void tear_down(void)
{
    rig_fini(&rig);
}

static void on_log(enum flare_log_level level, const char *text, void *ctx)
{
    ck_assert_int_eq(level, FLARE_LOG_WARN);
    ck_assert_ptr_eq(ctx, &rig);
    (void)snprintf(log_text, sizeof(log_text), "%s", text);
    log_lines++;
}

START_TEST(test_client_configuration_that_cannot_be)
{
    const char *short_pin[] = {"AAAA", NULL};
    const char *wrong_pin[] = {"A!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                               NULL};
    const char *many[FLARE_TLS_PINS_MAX + 2];
    struct flare_tls_cert half = cert_config(&rig.leaf);
    struct {
        struct flare_tls_client_config config;
        int rc;
    } rows[] = {
        {{.pins = short_pin}, FLARE_E_BAD_CONFIG},
        {{.pins = wrong_pin}, FLARE_E_BAD_CONFIG},
        {{.pins = many}, FLARE_E_BAD_CONFIG},
        {{.sessions_max = FLARE_TLS_SESSIONS_MAX + 1}, FLARE_E_BAD_CONFIG},
        {{.version_max = 17}, FLARE_E_BAD_CONFIG},
        {{.ca = {.file = "/nowhere"}}, -2},
        {{.ca = {.pem = FLARE_STR("x")}}, FLARE_E_TLS_CERTIFICATE},
        {{.crl = {.pem = FLARE_STR("x")}}, FLARE_E_TLS_CERTIFICATE},
        {{.cert = &half}, FLARE_E_TLS_CERTIFICATE},
    };

    half.key.pem = (struct flare_str){NULL, 0};
    for (int i = 0; i <= FLARE_TLS_PINS_MAX; i++)
        many[i] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    many[FLARE_TLS_PINS_MAX + 1] = NULL;
    for (int i = 0; i < ROWS(rows); i++) {
        struct flare_error err = {.code = 0};
        flare_tls_client *client = NULL;
        int rc = flare_tls_client_new(&client, &rows[i].config, &err);

        ck_assert_msg(rc == rows[i].rc && err.code == rc, "row %d: %s", i,
                      err.text);
        ck_assert_ptr_null(client);
        ck_assert_uint_eq(ERR_peek_error(), 0);
    }
}
END_TEST

START_TEST(test_client_hosts_that_are_none)
{
    static const struct flare_str hosts[] = {{"", 0},
                                             {"a b", 3},
                                             {"a.test\0b", 8},
                                             {"127.1", 5},
                                             {"a.test:443", 10}};
    flare_tls_client *client =
        rig_client(&rig, &(struct flare_tls_client_config){.cert = NULL});

    for (int i = 0; i < ROWS(hosts); i++) {
        struct flare__tls_start start = {.unix_now = CERTS_NOW,
                                         .host = hosts[i]};
        struct flare__tls *e = NULL;
        struct flare_error err = {.code = 0};

        ck_assert_int_eq(flare__tls_new_client(&e, client, &start, &err),
                         FLARE_E_BAD_HOSTNAME);
        ck_assert_int_eq(err.code, FLARE_E_BAD_HOSTNAME);
        ck_assert_ptr_null(e);
    }
    flare_tls_client_free(client);
}
END_TEST

START_TEST(test_client_names_no_address)
{
    static const char *const hosts[] = {"192.0.2.1", "[::1]", "::1"};
    flare_tls_server *server =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    flare_tls_client *client =
        rig_client(&rig, &(struct flare_tls_client_config){.cert = NULL});
    struct flare_tls_info info;

    for (int i = 0; i < ROWS(hosts); i++) {
        rig_start(&rig, server, client, hosts[i]);
        rig_run(&rig);
        rig_assert_open(&rig);
        flare__tls_info(rig.server.e, &info);
        ck_assert_uint_eq(info.server_name.len, 0);
        flare__tls_info(rig.client.e, &info);
        ck_assert_uint_eq(info.server_name.len, 0);
        ck_assert(info.is_verified);
        rig_stop(&rig);
    }
    flare_tls_server_free(server);
    flare_tls_client_free(client);
}
END_TEST

START_TEST(test_client_insecure_is_logged_once)
{
    flare_tls_client *client =
        rig_client(&rig, &(struct flare_tls_client_config){
                             .insecure = true, .log = on_log, .log_ctx = &rig});

    ck_assert_int_eq(log_lines, 1);
    ck_assert_ptr_nonnull(strstr(log_text, "insecure"));
    rig_start(&rig, NULL, client, "a.test");
    ck_assert_int_eq(log_lines, 1);
    rig_stop(&rig);
    flare_tls_client_free(client);
    client = rig_client(&rig, &(struct flare_tls_client_config){
                                  .log = on_log, .log_ctx = &rig});
    ck_assert_int_eq(log_lines, 1);
    flare_tls_client_free(client);
}
END_TEST

/* A session of one client is none of another's, who may verify other things. */
START_TEST(test_client_sessions_are_its_own_and_bounded)
{
    flare_tls_server *server =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    flare_tls_client *clients[3];
    struct flare_tls_info info;
    static const char *const hosts[] = {"a.test", "b.wild.test", "c.wild.test"};

    clients[0] =
        rig_client(&rig, &(struct flare_tls_client_config){.sessions_max = 2});
    clients[1] =
        rig_client(&rig, &(struct flare_tls_client_config){.insecure = true});
    clients[2] = rig_client(
        &rig, &(struct flare_tls_client_config){.sessions_off = true});
    for (int i = 0; i < 9; i++) {
        rig_start(&rig, server, clients[i % 3], hosts[i / 3]);
        rig_run(&rig);
        rig_assert_open(&rig);
        rig_write(&rig, &rig.server, "x", 1);
        flare__tls_info(rig.client.e, &info);
        ck_assert(!info.is_resumed);
        rig_stop(&rig);
    }
    ck_assert_uint_eq(
        flare__tls_sessions_count(flare__tls_client_conf(clients[0])->sessions),
        2);
    ck_assert_uint_eq(
        flare__tls_sessions_count(flare__tls_client_conf(clients[1])->sessions),
        3);
    ck_assert_ptr_null(flare__tls_client_conf(clients[2])->sessions);
    for (int i = 0; i < 3; i++)
        flare_tls_client_free(clients[i]);
    flare_tls_server_free(server);
}
END_TEST

/* An issuer that is trusted by itself, without its root. */
START_TEST(test_client_trusts_an_intermediate)
{
    struct cert sub;
    struct cert leaf;
    struct flare_tls_cert shown;
    flare_tls_server *server;
    flare_tls_client *client;

    cert_make(&sub, &(struct cert_spec){.cn = "Sub", .is_ca = true}, &rig.ca);
    cert_make(&leaf, &(struct cert_spec){.san = "DNS:a.test"}, &sub);
    shown = cert_config(&leaf);
    server = rig_server(&rig, &(struct flare_tls_server_config){
                                  .certs = &shown, .cert_count = 1});
    client = rig_client(&rig, &(struct flare_tls_client_config){
                                  .ca = {.pem = flare_str(sub.pem)}});
    rig_start(&rig, server, client, "a.test");
    rig_run(&rig);
    rig_assert_open(&rig);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    cert_free(&sub);
    cert_free(&leaf);
}
END_TEST

START_TEST(test_client_believes_the_systems_cas_by_default)
{
    flare_tls_server *server =
        rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    flare_tls_client *client;

    ck_assert_int_eq(flare_tls_client_new(
                         &client, &(struct flare_tls_client_config){0}, NULL),
                     0);
    rig_start(&rig, server, client, "a.test");
    rig_run(&rig);
    ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_UNTRUSTED);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/client");
    TCase *tc = tcase_create("client");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_client_configuration_that_cannot_be);
    tcase_add_test(tc, test_client_hosts_that_are_none);
    tcase_add_test(tc, test_client_names_no_address);
    tcase_add_test(tc, test_client_insecure_is_logged_once);
    tcase_add_test(tc, test_client_sessions_are_its_own_and_bounded);
    tcase_add_test(tc, test_client_trusts_an_intermediate);
    tcase_add_test(tc, test_client_believes_the_systems_cas_by_default);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
