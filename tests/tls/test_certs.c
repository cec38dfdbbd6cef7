/* SPDX-License-Identifier: MIT */
/* Which certificate is for a name; every allocation failed in turn. */
#include "tls/certs.h"

#include "tests/support/certs.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

enum { CERTS = 5 };

static struct cert made[CERTS];
static struct flare_tls_cert shown[CERTS];
static struct flare_tls_server_config config;

static void set_up(void)
{
    static const char *const sans[CERTS] = {
        "DNS:a.test,IP:192.0.2.1", "DNS:A.test,DNS:b.test,DNS:*.b.test",
        "DNS:*.c.test,DNS:x.b.test", NULL, "DNS:*.d*.test,DNS:d.test,DNS:*"};

    for (int i = 0; i < CERTS; i++) {
        cert_make(&made[i], &(struct cert_spec){.san = sans[i], .cn = "e.test"},
                  NULL);
        shown[i] = cert_config(&made[i]);
    }
    config =
        (struct flare_tls_server_config){.certs = shown, .cert_count = CERTS};
}

static void tear_down(void)
{
    for (int i = 0; i < CERTS; i++)
        cert_free(&made[i]);
}

static const struct {
    const char *name;
    int cert;
} rows[] = {
    {"", 0},         {"a.test", 0},  {"b.test", 1},   {"y.b.test", 1},
    {"x.b.test", 2}, {"c.test", 0},  {"z.c.test", 2}, {"y.z.c.test", 0},
    {"e.test", 0},   {"d.test", 4},  {"x.d.test", 0}, {"test", 0},
    {".b.test", 0},  {"b.test.", 0}, {"ab.test", 0},  {"b.tes", 0},
};

START_TEST(test_certs_choice_by_name)
{
    struct flare__tls_certs *certs;
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL *ssl = SSL_new(ctx);
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    ck_assert_int_eq(flare__tls_certs_new(&certs, &config, &f.al, NULL), 0);
    for (int i = 0; i < ROWS(rows); i++) {
        const struct flare__tls_pair *pair;

        ck_assert(flare__tls_certs_choose(certs, ssl, flare_str(rows[i].name)));
        ck_assert_msg(
            X509_cmp(SSL_get_certificate(ssl), made[rows[i].cert].x) == 0, "%s",
            rows[i].name);
        pair = flare__tls_certs_find(certs, SSL_get_certificate(ssl));
        ck_assert_ptr_nonnull(pair);
        ck_assert_int_eq(X509_cmp(pair->leaf, made[rows[i].cert].x), 0);
    }
    ck_assert_ptr_null(flare__tls_certs_find(certs, made[0].x));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    flare__tls_certs_free(certs, &f.al);
    flare__tls_certs_free(NULL, &f.al);
    fault_fini(&f, "certs");
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare__tls_certs *certs;
    struct flare_error err = {.code = 0};
    int rc = flare__tls_certs_new(&certs, &config, &f->al, &err);

    (void)ctx;
    ck_assert_int_eq(err.code, rc);
    if (rc == 0)
        flare__tls_certs_free(certs, &f->al);
    return rc;
}

START_TEST(test_certs_need_memory)
{
    fault_each("tls/certs", scenario, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/certs");
    TCase *tc = tcase_create("certs");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_certs_choice_by_name);
    tcase_add_test(tc, test_certs_need_memory);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
