/* SPDX-License-Identifier: MIT */
/*
 * The certificate matrix (FAILURES T11): our client against our server, both
 * versions; each refusal has its own code and names the host.
 */
#include "tls/verify.h"

#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"

#include <errno.h>
#include <string.h>

/* Who signs the leaf, and what the server sends. */
enum way {
    BY_CA,
    BY_INTERMEDIATE, /* which is sent along */
    BY_MISSING,      /* an intermediate that is not sent */
    BY_STRANGER,     /* a CA that the client does not know; it is sent along */
    BY_NARROW,       /* a CA for names below good.test only */
    BY_WEAK,         /* an intermediate with a short key */
    BY_NO_CA,        /* an intermediate that is no CA */
    BY_ITSELF
};

#define DAY (int64_t) CERTS_DAY

static const struct {
    const char *name;
    const char *host;
    struct cert_spec leaf;
    enum way way;
    int rc;
} rows[] = {
    {"exact name", "a.test", {.san = "DNS:a.test"}, BY_CA, 0},
    {"second name", "b.test", {.san = "DNS:a.test,DNS:b.test"}, BY_CA, 0},
    {"case is one", "A.Test", {.san = "DNS:a.TEST"}, BY_CA, 0},
    {"dot at the end", "a.test.", {.san = "DNS:a.test"}, BY_CA, 0},
    {"wildcard", "x.a.test", {.san = "DNS:*.a.test"}, BY_CA, 0},
    {"IDN", "xn--bcher-kva.test", {.san = "DNS:xn--bcher-kva.test"}, BY_CA, 0},
    {"IPv4", "192.0.2.1", {.san = "IP:192.0.2.1"}, BY_CA, 0},
    {"IPv6", "[2001:db8::1]", {.san = "IP:2001:db8:0::1"}, BY_CA, 0},
    {"intermediate", "a.test", {.san = "DNS:a.test"}, BY_INTERMEDIATE, 0},
    {"permitted name", "a.good.test", {.san = "DNS:a.good.test"}, BY_NARROW, 0},
    {"server purpose",
     "a.test",
     {.san = "DNS:a.test", .eku = "serverAuth"},
     BY_CA,
     0},
    {"expired",
     "a.test",
     {.san = "DNS:a.test", .from = CERTS_NOW - 9 * DAY, .until = CERTS_NOW - 1},
     BY_CA,
     FLARE_E_TLS_EXPIRED},
    {"not yet valid",
     "a.test",
     {.san = "DNS:a.test", .from = CERTS_NOW + 1},
     BY_CA,
     FLARE_E_TLS_NOT_YET_VALID},
    {"another host",
     "b.test",
     {.san = "DNS:a.test"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"host below",
     "b.a.test",
     {.san = "DNS:a.test"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"wildcard is not the parent",
     "a.test",
     {.san = "DNS:*.a.test"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"wildcard is one label",
     "x.y.a.test",
     {.san = "DNS:*.a.test"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"partial wildcard",
     "foo.a.test",
     {.san = "DNS:f*.a.test"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"wildcard in the middle",
     "x.y.a.test",
     {.san = "DNS:x.*.a.test"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"wildcard of a top level",
     "a.test",
     {.san = "DNS:*.test"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"only a star", "test", {.san = "DNS:*"}, BY_CA, FLARE_E_TLS_HOSTNAME},
    {"wildcard and IDN",
     "xn--bcher-kva.a.test",
     {.san = "DNS:xn--*.a.test"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"another IPv4",
     "192.0.2.2",
     {.san = "IP:192.0.2.1"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"address as a name",
     "192.0.2.1",
     {.san = "DNS:192.0.2.1"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"CN only", "a.test", {.cn = "a.test"}, BY_CA, FLARE_E_TLS_HOSTNAME},
    {"CN beside names",
     "a.test",
     {.cn = "a.test", .san = "DNS:b.test"},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"NUL in the name",
     "a.test",
     {.raw_dns = {"a.test\0.evil.test", 17}},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"NUL behind the name",
     "a.test",
     {.raw_dns = {"a.test\0", 7}},
     BY_CA,
     FLARE_E_TLS_HOSTNAME},
    {"self-signed",
     "a.test",
     {.san = "DNS:a.test"},
     BY_ITSELF,
     FLARE_E_TLS_SELF_SIGNED},
    {"unknown root",
     "a.test",
     {.san = "DNS:a.test"},
     BY_STRANGER,
     FLARE_E_TLS_UNTRUSTED},
    {"missing intermediate",
     "a.test",
     {.san = "DNS:a.test"},
     BY_MISSING,
     FLARE_E_TLS_UNTRUSTED},
    {"issuer is no CA",
     "a.test",
     {.san = "DNS:a.test"},
     BY_NO_CA,
     FLARE_E_TLS_UNTRUSTED},
    {"for clients",
     "a.test",
     {.san = "DNS:a.test", .eku = "clientAuth"},
     BY_CA,
     FLARE_E_TLS_PURPOSE},
    {"for code",
     "a.test",
     {.san = "DNS:a.test", .eku = "codeSigning"},
     BY_CA,
     FLARE_E_TLS_PURPOSE},
    {"short key",
     "a.test",
     {.san = "DNS:a.test", .rsa_bits = 1024},
     BY_CA,
     FLARE_E_TLS_WEAK},
    {"SHA-1",
     "a.test",
     {.san = "DNS:a.test", .digest = "SHA1"},
     BY_CA,
     FLARE_E_TLS_WEAK},
    {"short key of the issuer",
     "a.test",
     {.san = "DNS:a.test"},
     BY_WEAK,
     FLARE_E_TLS_WEAK},
    {"name that its CA may not sign",
     "a.bad.test",
     {.san = "DNS:a.bad.test"},
     BY_NARROW,
     FLARE_E_TLS_CONSTRAINT},
};

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

/* OpenSSL's own server: it shows anything. */
static SSL_CTX *raw_server(const struct cert *leaf, const struct cert *sent)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    ck_assert_ptr_nonnull(ctx);
    SSL_CTX_set_security_level(ctx, 0);
    ck_assert_int_eq(SSL_CTX_use_certificate(ctx, leaf->x), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, leaf->key), 1);
    if (sent != NULL)
        ck_assert_int_eq(SSL_CTX_add1_chain_cert(ctx, sent->x), 1);
    return ctx;
}

static void make_issuer(struct cert *out, enum way way)
{
    switch (way) {
    case BY_INTERMEDIATE:
    case BY_MISSING:
        cert_make(out, &(struct cert_spec){.cn = "Sub", .is_ca = true},
                  &rig.ca);
        break;
    case BY_STRANGER:
        cert_make(out, &(struct cert_spec){.cn = "Other", .is_ca = true}, NULL);
        break;
    case BY_NARROW:
        cert_make(out,
                  &(struct cert_spec){.cn = "Narrow",
                                      .is_ca = true,
                                      .constraints = "permitted;DNS:good.test"},
                  &rig.ca);
        break;
    case BY_WEAK:
        cert_make(
            out,
            &(struct cert_spec){.cn = "Weak", .is_ca = true, .rsa_bits = 1024},
            &rig.ca);
        break;
    case BY_NO_CA:
        cert_make(out, &(struct cert_spec){.cn = "Leaf"}, &rig.ca);
        break;
    case BY_CA:
    case BY_ITSELF:
        break;
    }
}

/* The client is told `rc`, and a server of ours that it was refused. */
static void assert_row(const char *name, const char *host, int rc)
{
    const struct flare_error *err = flare__tls_error(rig.client.e);

    ck_assert_msg(rig.client.rc == rc, "%s: %s (%s)", name,
                  flare_error_name(rig.client.rc), err->text);
    if (rc == 0) {
        rig_assert_open(&rig);
        return;
    }
    if (strchr(host, '[') == NULL && strcmp(host, "A.Test") != 0)
        ck_assert_msg(strstr(err->text, host) != NULL, "%s: %s", name,
                      err->text);
    ck_assert_int_eq(flare_error_class(rc), FLARE_CLASS_TLS);
    ck_assert(!flare__tls_is_open(rig.client.e));
    if (rig.server.e != NULL)
        ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_ALERT);
}

static void try_row(int i, enum flare_tls_version version)
{
    bool is_weak = rows[i].rc == FLARE_E_TLS_WEAK;
    bool has_issuer = rows[i].way != BY_CA && rows[i].way != BY_ITSELF;
    const struct cert *by = rows[i].way == BY_ITSELF ? NULL : &rig.ca;
    struct cert issuer = {.x = NULL};
    struct cert leaf;
    struct flare_tls_cert shown;
    flare_tls_server *server = NULL;
    flare_tls_client *client =
        rig_client(&rig, &(struct flare_tls_client_config){
                             .version_min = version, .version_max = version});
    SSL_CTX *raw = NULL;
    char *chain;

    make_issuer(&issuer, rows[i].way);
    cert_make(&leaf, &rows[i].leaf, has_issuer ? &issuer : by);
    chain = cert_chain(&leaf, has_issuer && rows[i].way != BY_MISSING ? &issuer
                                                                      : NULL);
    shown = cert_config(&leaf);
    shown.chain.pem = flare_str(chain);
    if (is_weak) {
        raw = raw_server(&leaf, has_issuer ? &issuer : NULL);
        rig_raw(&rig.server, raw, true);
    } else {
        server = rig_server(&rig, &(struct flare_tls_server_config){
                                      .certs = &shown, .cert_count = 1});
    }
    rig_start(&rig, server, client, rows[i].host);
    rig_run(&rig);
    assert_row(rows[i].name, rows[i].host, rows[i].rc);
    rig_stop(&rig);
    SSL_CTX_free(raw);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    cert_free(&issuer);
    cert_free(&leaf);
    free(chain);
}

START_TEST(test_verify_T11_matrix)
{
    try_row(_i, FLARE_TLS_1_2);
    try_row(_i, FLARE_TLS_1_3);
}
END_TEST

/* The same rows and nobody asks: only who wants it so is connected. */
START_TEST(test_verify_insecure_lets_everything_pass)
{
    struct cert leaf;
    struct flare_tls_cert shown;
    struct flare_tls_info info;
    flare_tls_server *server;
    flare_tls_client *client =
        rig_client(&rig, &(struct flare_tls_client_config){.insecure = true});

    cert_make(
        &leaf,
        &(struct cert_spec){.until = CERTS_NOW - 1, .from = CERTS_NOW - DAY},
        NULL);
    shown = cert_config(&leaf);
    server = rig_server(&rig, &(struct flare_tls_server_config){
                                  .certs = &shown, .cert_count = 1});
    rig_start(&rig, server, client, "whatever.test");
    rig_run(&rig);
    rig_assert_open(&rig);
    flare__tls_info(rig.client.e, &info);
    ck_assert(!info.is_verified);
    rig_stop(&rig);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    cert_free(&leaf);
}
END_TEST

static void connect_with(struct flare_tls_client_config *config,
                         const struct flare_tls_cert *shown, int rc)
{
    flare_tls_server *server = rig_server(
        &rig, &(struct flare_tls_server_config){
                  .certs = shown, .cert_count = shown != NULL ? 1 : 0});
    flare_tls_client *client = rig_client(&rig, config);

    rig_start(&rig, server, client, "a.test");
    rig_run(&rig);
    assert_row("connect", "a.test", rc);
    rig_stop(&rig);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
}

START_TEST(test_verify_lists_of_revoked_certificates_are_heeded)
{
    char *clean = cert_crl(&rig.ca, NULL);
    char *revoked = cert_crl(&rig.ca, &rig.leaf);
    struct cert other;
    char *foreign;

    cert_make(&other, &(struct cert_spec){.cn = "Other", .is_ca = true}, NULL);
    foreign = cert_crl(&other, NULL);
    for (int i = 0; i < 2; i++) {
        struct flare_tls_client_config config = {.version_min = versions[i],
                                                 .version_max = versions[i]};

        config.crl.pem = flare_str(clean);
        connect_with(&config, NULL, 0);
        config.crl.pem = flare_str(revoked);
        connect_with(&config, NULL, FLARE_E_TLS_REVOKED);
        /* a list is wanted, and the one of this CA is not there */
        config.crl.pem = flare_str(foreign);
        connect_with(&config, NULL, FLARE_E_TLS_BAD_CERTIFICATE);
    }
    cert_free(&other);
    free(clean);
    free(revoked);
    free(foreign);
}
END_TEST

static const struct {
    const char *name;
    bool is_there;
    bool is_revoked;
    bool is_foreign;
    int64_t from;
    bool is_required;
    int rc;
} staples[] = {
    {"none, not wanted", false, false, false, 0, false, 0},
    {"none, wanted", false, false, false, 0, true, FLARE_E_TLS_STAPLE},
    {"good", true, false, false, CERTS_NOW - 60, true, 0},
    {"revoked", true, true, false, CERTS_NOW - 60, true, FLARE_E_TLS_REVOKED},
    {"revoked, not wanted", true, true, false, CERTS_NOW - 60, false,
     FLARE_E_TLS_REVOKED},
    {"old", true, false, false, CERTS_NOW - 2 * DAY, true, FLARE_E_TLS_STAPLE},
    {"of tomorrow", true, false, false, CERTS_NOW + DAY, true,
     FLARE_E_TLS_STAPLE},
    {"by somebody else", true, false, true, CERTS_NOW - 60, true,
     FLARE_E_TLS_STAPLE},
    {"revoked, says somebody else", true, true, true, CERTS_NOW - 60, false, 0},
};

START_TEST(test_verify_staple)
{
    struct cert other;
    struct flare_str der;

    /* the leaf signs for itself: it is in the chain, and may not */
    other = rig.leaf;
    der = cert_staple(staples[_i].is_foreign ? &other : &rig.ca, &rig.leaf,
                      staples[_i].is_revoked, staples[_i].from);
    for (int i = 0; i < 2; i++) {
        struct flare_tls_cert shown = cert_config(&rig.leaf);
        struct flare_tls_client_config config = {.version_min = versions[i],
                                                 .version_max = versions[i],
                                                 .require_staple =
                                                     staples[_i].is_required};

        if (staples[_i].is_there)
            shown.staple.pem = der;
        connect_with(&config, &shown, staples[_i].rc);
    }
    free((char *)(uintptr_t)der.ptr);
}
END_TEST

START_TEST(test_verify_pin_of_any_certificate_of_the_chain)
{
    char *leaf = cert_pin(&rig.leaf);
    char *ca = cert_pin(&rig.ca);
    const char *none[] = {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", NULL};
    const char *by_leaf[] = {none[0], leaf, NULL};
    const char *by_ca[] = {ca, NULL};

    connect_with(&(struct flare_tls_client_config){.pins = by_leaf}, NULL, 0);
    connect_with(&(struct flare_tls_client_config){.pins = by_ca}, NULL, 0);
    connect_with(&(struct flare_tls_client_config){.pins = none}, NULL,
                 FLARE_E_TLS_PIN);
    /* without verification only the key that was proved counts */
    connect_with(
        &(struct flare_tls_client_config){.pins = by_leaf, .insecure = true},
        NULL, 0);
    connect_with(
        &(struct flare_tls_client_config){.pins = by_ca, .insecure = true},
        NULL, FLARE_E_TLS_PIN);
    free(leaf);
    free(ca);
}
END_TEST

/* T15 */
START_TEST(test_verify_T15_caps_what_a_server_shows)
{
    SSL_CTX *raw = raw_server(&rig.leaf, NULL);
    flare_tls_client *client =
        rig_client(&rig, &(struct flare_tls_client_config){.insecure = false});

    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(SSL_CTX_add1_chain_cert(raw, rig.ca.x), 1);
    rig_raw(&rig.server, raw, true);
    rig_start(&rig, NULL, client, "a.test");
    rig_run(&rig);
    ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_FLOOD);
    rig_stop(&rig);
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(SSL_CTX_add1_chain_cert(raw, rig.ca.x), 1);
    rig_raw(&rig.server, raw, true);
    rig_start(&rig, NULL, client, "a.test");
    rig_run(&rig);
    ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_FLOOD);
    rig_stop(&rig);
    SSL_CTX_free(raw);
    flare_tls_client_free(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/verify");
    TCase *tc = tcase_create("verify");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_verify_T11_matrix, 0, ROWS(rows));
    tcase_add_test(tc, test_verify_insecure_lets_everything_pass);
    tcase_add_test(tc, test_verify_lists_of_revoked_certificates_are_heeded);
    tcase_add_loop_test(tc, test_verify_staple, 0, ROWS(staples));
    tcase_add_test(tc, test_verify_pin_of_any_certificate_of_the_chain);
    tcase_add_test(tc, test_verify_T15_caps_what_a_server_shows);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
