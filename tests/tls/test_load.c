/* SPDX-License-Identifier: MIT */
/* Certificates and keys from files and memory: what is read, what is said. */
#include "tls/load.h"

#include "tests/support/certs.h"
#include "tests/support/test.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct cert cert;
static char path[64];

static void set_up(void)
{
    cert_make(&cert, &(struct cert_spec){.cn = "x"}, NULL);
    path[0] = '\0';
}

static void tear_down(void)
{
    if (path[0] != '\0')
        (void)unlink(path);
    cert_free(&cert);
}

static const char *write_file(const char *text, size_t len)
{
    int fd;

    (void)snprintf(path, sizeof(path), "/tmp/flare_load_XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    (void)close(fd);
    return path;
}

START_TEST(test_load_pair_by_file_is_as_by_memory)
{
    struct flare_tls_cert by_memory = cert_config(&cert);
    struct flare_tls_cert by_file = by_memory;
    struct flare__tls_pair a;
    struct flare__tls_pair b;
    char *both = cert_chain(&cert, &cert);

    by_memory.chain.pem = flare_str(both);
    by_memory.staple.pem = FLARE_STR("DER");
    by_file.chain =
        (struct flare_tls_pem){.file = write_file(both, strlen(both))};
    ck_assert_int_eq(flare__tls_load_pair(&a, &by_memory, "c", NULL), 0);
    ck_assert_int_eq(flare__tls_load_pair(&b, &by_file, "c", NULL), 0);
    ck_assert_int_eq(X509_cmp(a.leaf, b.leaf), 0);
    ck_assert_int_eq(sk_X509_num(a.chain), 1);
    ck_assert_int_eq(sk_X509_num(b.chain), 1);
    ck_assert_uint_eq(a.staple_len, 3);
    ck_assert_ptr_null(b.staple);
    flare__tls_pair_fini(&a);
    flare__tls_pair_fini(&b);
    free(both);
}
END_TEST

static void assert_pair(const struct flare_tls_cert *config, int rc,
                        const char *text)
{
    struct flare__tls_pair pair = {.leaf = NULL};
    struct flare_error err = {.code = 0};
    int got = flare__tls_load_pair(&pair, config, "certs[0]", &err);

    ck_assert_msg(got == rc, "%s: %s", flare_error_name(got), err.text);
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(strstr(err.text, text) != NULL, "%s", err.text);
    ck_assert_ptr_null(pair.leaf);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}

START_TEST(test_load_says_which_part_is_bad)
{
    const struct flare_tls_cert good = cert_config(&cert);
    struct flare_tls_cert bad = good;
    char *half = cert_chain(&cert, &cert);

    bad.chain = (struct flare_tls_pem){.file = "/nowhere/cert.pem"};
    assert_pair(&bad, -ENOENT, "certs[0].chain: '/nowhere/cert.pem'");
    bad.chain = (struct flare_tls_pem){.file = NULL};
    assert_pair(&bad, FLARE_E_TLS_CERTIFICATE, "certs[0].chain is not given");
    bad.chain.pem = FLARE_STR("no PEM");
    assert_pair(&bad, FLARE_E_TLS_CERTIFICATE, "no certificate");
    bad.chain.pem = flare_str(cert.key_pem);
    assert_pair(&bad, FLARE_E_TLS_CERTIFICATE, "no certificate");
    bad.chain.file = "/tmp";
    assert_pair(&bad, FLARE_E_TLS_CERTIFICATE, "/tmp");
    /* the second certificate is cut off: not a shorter chain, an error */
    bad = good;
    half[strlen(half) - 60] = '\0';
    bad.chain.pem = flare_str(half);
    assert_pair(&bad, FLARE_E_TLS_CERTIFICATE, "certs[0].chain");
    bad = good;
    bad.key.pem = flare_str(cert.pem);
    assert_pair(&bad, FLARE_E_TLS_CERTIFICATE, "certs[0].key");
    bad = good;
    bad.staple.file = "/nowhere";
    assert_pair(&bad, -ENOENT, "certs[0].staple");
    bad.staple.file = "/dev/null";
    assert_pair(&bad, FLARE_E_TLS_CERTIFICATE, "certs[0].staple");
    free(half);
}
END_TEST

START_TEST(test_load_never_asks_for_a_passphrase)
{
    struct flare_tls_cert locked = cert_config(&cert);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, cert.key, EVP_aes_128_cbc(),
                                              (const unsigned char *)"pass", 4,
                                              NULL, NULL),
                     1);
    len = BIO_get_mem_data(bio, &text);
    locked.key.pem = (struct flare_str){text, (size_t)len};
    assert_pair(&locked, FLARE_E_TLS_CERTIFICATE, "certs[0].key");
    BIO_free(bio);
}
END_TEST

START_TEST(test_load_key_of_another_certificate)
{
    struct cert other;
    struct flare_tls_cert mixed = cert_config(&cert);

    cert_make(&other, &(struct cert_spec){.cn = "y"}, NULL);
    mixed.key.pem = flare_str(other.key_pem);
    assert_pair(&mixed, FLARE_E_TLS_CERTIFICATE,
                "is not the certificate's key");
    cert_free(&other);
}
END_TEST

START_TEST(test_load_lists)
{
    char *crl = cert_crl(&cert, NULL);
    struct flare_tls_pem pem = {.pem = flare_str(crl)};
    struct flare_error err;
    STACK_OF(X509_CRL) * crls;
    STACK_OF(X509) * certs;

    ck_assert_int_eq(flare__tls_load_crls(&crls, &pem, "crl", &err), 0);
    ck_assert_int_eq(sk_X509_CRL_num(crls), 1);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
    ck_assert_int_eq(flare__tls_load_certs(&certs, &pem, "ca", &err),
                     FLARE_E_TLS_CERTIFICATE);
    pem.pem = flare_str(cert.pem);
    ck_assert_int_eq(flare__tls_load_crls(&crls, &pem, "crl", &err),
                     FLARE_E_TLS_CERTIFICATE);
    ck_assert_ptr_nonnull(strstr(err.text, "no revocation list"));
    free(crl);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/load");
    TCase *tc = tcase_create("load");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_load_pair_by_file_is_as_by_memory);
    tcase_add_test(tc, test_load_says_which_part_is_bad);
    tcase_add_test(tc, test_load_never_asks_for_a_passphrase);
    tcase_add_test(tc, test_load_key_of_another_certificate);
    tcase_add_test(tc, test_load_lists);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
