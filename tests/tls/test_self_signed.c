/* SPDX-License-Identifier: MIT */
/* Certificates for development: who they are for, and who believes them. */
#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <string.h>
#include <time.h>

/* ---- memory of OpenSSL's that runs out; all of it begins in main */

static int64_t left = -1; /* allocations until one fails; -1: none does */
static bool has_failed;

static bool fails(void)
{
    if (left < 0 || left-- > 0)
        return false;
    has_failed = true;
    left = -1;
    return true;
}

static void *test_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 || fails() ? NULL : malloc(size);
}

static void *test_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return fails() ? NULL : realloc(block, size);
}

static void test_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    free(block);
}

/* ---- */

static X509 *read_cert(const struct flare_tls_cert *cert)
{
    BIO *bio = BIO_new_mem_buf(cert->chain.pem.ptr, (int)cert->chain.pem.len);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    ck_assert_ptr_nonnull(x);
    return x;
}

static int days_of(const X509 *x)
{
    int days = 0;
    int seconds = 0;

    ck_assert_int_eq(
        ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)), 1);
    return seconds > 0 ? days + 1 : days;
}

START_TEST(test_self_signed_is_for_this_machine)
{
    struct flare_tls_cert cert;
    X509 *x;

    ck_assert_int_eq(flare_tls_self_signed(&cert, NULL, 825, NULL), 0);
    ck_assert_int_eq(ERR_peek_error(), 0);
    x = read_cert(&cert);
    ck_assert_int_eq(X509_check_host(x, "localhost", 0, 0, NULL), 1);
    ck_assert_int_eq(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
    ck_assert_int_eq(X509_check_ip_asc(x, "::1", 0), 1);
    ck_assert_int_eq(X509_check_host(x, "example.com", 0, 0, NULL), 0);
    ck_assert_int_eq(X509_check_ca(x), 0);
    ck_assert_int_lt(X509_cmp_current_time(X509_get0_notBefore(x)), 0);
    ck_assert_int_eq(days_of(x), 825);
    X509_free(x);
    flare_tls_self_signed_free(&cert);
    ck_assert_ptr_null(cert.key.pem.ptr);
    flare_tls_self_signed_free(&cert);
}
END_TEST

START_TEST(test_self_signed_no_two_are_the_same)
{
    struct flare_tls_cert a, b;

    ck_assert_int_eq(flare_tls_self_signed(&a, NULL, 1, NULL), 0);
    ck_assert_int_eq(flare_tls_self_signed(&b, NULL, 1, NULL), 0);
    ck_assert(!flare_str_equal(a.key.pem, b.key.pem));
    ck_assert(!flare_str_equal(a.chain.pem, b.chain.pem));
    flare_tls_self_signed_free(&a);
    flare_tls_self_signed_free(&b);
}
END_TEST

static const struct {
    const char *name;
    const char *names[3];
    uint32_t days;
    int rc;
} rows[] = {
    {"two names", {"a.test", "*.b.test"}, 30, 0},
    {"an address of IPv6", {"2001:db8::1"}, 30, 0},
    {"no days", {"a.test"}, 0, FLARE_E_RANGE},
    {"too many days", {"a.test"}, 826, FLARE_E_RANGE},
    {"no name", {NULL}, 30, FLARE_E_RANGE},
    {"an empty name", {"a.test", ""}, 30, FLARE_E_BAD_HOSTNAME},
    {"a URL", {"https://a.test/"}, 30, FLARE_E_BAD_HOSTNAME},
    {"a port", {"a.test:443"}, 30, FLARE_E_BAD_HOSTNAME},
    {"two in one", {"a.test,DNS:b.test"}, 30, FLARE_E_BAD_HOSTNAME},
    {"a star within", {"a.*.test"}, 30, FLARE_E_BAD_HOSTNAME},
    {"a star before an address", {"*.127.0.0.1"}, 30, FLARE_E_BAD_HOSTNAME},
    {"brackets", {"[::1]"}, 30, FLARE_E_BAD_HOSTNAME},
};

START_TEST(test_self_signed_names_and_days)
{
    struct flare_tls_cert cert = {.chain.file = "untouched"};
    struct flare_error err = {.code = 0};
    int rc = flare_tls_self_signed(&cert, rows[_i].names, rows[_i].days, &err);

    ck_assert_msg(rc == rows[_i].rc, "%s: %d", rows[_i].name, rc);
    if (rc == 0) {
        flare_tls_self_signed_free(&cert);
        return;
    }
    ck_assert_str_eq(cert.chain.file, "untouched");
    ck_assert_int_eq(err.code, rc);
    ck_assert_ptr_nonnull(strstr(err.text, "self-signed: "));
}
END_TEST

START_TEST(test_self_signed_has_a_bound)
{
    const char *names[FLARE_TLS_SELF_SIGNED_NAMES_MAX + 2] = {NULL};
    struct flare_tls_cert cert;

    for (int i = 0; i < FLARE_TLS_SELF_SIGNED_NAMES_MAX; i++)
        names[i] = "a.test";
    ck_assert_int_eq(flare_tls_self_signed(&cert, names, 1, NULL), 0);
    flare_tls_self_signed_free(&cert);
    names[FLARE_TLS_SELF_SIGNED_NAMES_MAX] = "a.test";
    ck_assert_int_eq(flare_tls_self_signed(&cert, names, 1, NULL),
                     FLARE_E_RANGE);
}
END_TEST

/* Believed by who was given it, and by nobody else. */
START_TEST(test_self_signed_is_served_and_verified)
{
    static const char *const names[] = {"dev.test", NULL};
    struct flare_tls_client_config client_config = {.ca.file = NULL};
    struct flare_tls_server_config config = {.cert_count = 1};
    struct flare_tls_cert cert;
    struct tls_rig rig;
    flare_tls_server *server;
    flare_tls_client *client;
    const struct flare__tls_start start = {
        .unix_now = time(NULL), .host = FLARE_STR("dev.test"), .port = 443};

    rig_init(&rig);
    ck_assert_int_eq(flare_tls_self_signed(&cert, names, 30, NULL), 0);
    config.certs = &cert;
    server = rig_server(&rig, &config);
    if (_i == 0)
        client_config.ca.pem = cert.chain.pem;
    client = rig_client(&rig, &client_config);
    rig_start(&rig, server, client, "dev.test");
    flare__tls_free(rig.client.e);
    ck_assert_int_eq(flare__tls_new_client(&rig.client.e, client, &start, NULL),
                     0);
    rig_run(&rig);
    if (_i == 0)
        rig_assert_open(&rig);
    else
        ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_SELF_SIGNED);
    rig_stop(&rig);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    flare_tls_self_signed_free(&cert);
    rig_fini(&rig);
}
END_TEST

START_TEST(test_self_signed_without_memory)
{
    struct flare_tls_cert first;
    int failures = 0;

    /* what OpenSSL sets up once must be there, or never is */
    ck_assert_int_eq(flare_tls_self_signed(&first, NULL, 30, NULL), 0);
    flare_tls_self_signed_free(&first);
    for (int64_t n = 0; n == 0 || has_failed; n++) {
        struct flare_tls_cert cert = {.chain.file = NULL};
        int rc;

        has_failed = false;
        left = n;
        rc = flare_tls_self_signed(&cert, NULL, 30, NULL);
        left = -1;
        ck_assert_int_eq(ERR_peek_error(), 0);
        if (rc < 0) {
            failures++;
            ck_assert_int_eq(rc, -ENOMEM);
            ck_assert_ptr_null(cert.key.pem.ptr);
        }
        flare_tls_self_signed_free(&cert);
    }
    ck_assert_int_gt(failures, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/self_signed");
    TCase *tc = tcase_create("self_signed");

    if (CRYPTO_set_mem_functions(test_malloc, test_realloc, test_free) != 1)
        return 1;
    tcase_add_test(tc, test_self_signed_is_for_this_machine);
    tcase_add_test(tc, test_self_signed_no_two_are_the_same);
    tcase_add_loop_test(tc, test_self_signed_names_and_days, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tc, test_self_signed_has_a_bound);
    tcase_add_loop_test(tc, test_self_signed_is_served_and_verified, 0, 2);
    tcase_add_test(tc, test_self_signed_without_memory);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
