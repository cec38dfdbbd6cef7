/* SPDX-License-Identifier: MIT */
/* What both ends set: versions, protocols, trust; counted. */
#include "tls/conf.h"

#include "base/alloc.h"
#include "tests/support/certs.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <openssl/err.h>

#include <errno.h>
#include <string.h>

START_TEST(test_conf_rules_hold_whatever_the_system_says)
{
    const struct flare__tls_common common = {.al = &flare__allocator_default};
    struct flare__tls_conf *conf;
    STACK_OF(SSL_CIPHER) * ciphers;

    ck_assert_int_eq(flare__tls_conf_new(&conf, &common, NULL), 0);
    ck_assert_int_eq(SSL_CTX_get_min_proto_version(conf->ctx), TLS1_2_VERSION);
    ck_assert_int_eq(SSL_CTX_get_max_proto_version(conf->ctx), TLS1_3_VERSION);
    ck_assert_int_eq(SSL_CTX_get_security_level(conf->ctx),
                     FLARE__TLS_SECURITY_LEVEL);
    ck_assert(SSL_CTX_get_options(conf->ctx) & SSL_OP_NO_RENEGOTIATION);
    ck_assert(SSL_CTX_get_options(conf->ctx) & SSL_OP_NO_COMPRESSION);
    ck_assert(!(SSL_CTX_get_options(conf->ctx) & SSL_OP_IGNORE_UNEXPECTED_EOF));
    ck_assert(SSL_CTX_get_mode(conf->ctx) & SSL_MODE_RELEASE_BUFFERS);
    ck_assert_uint_eq(SSL_CTX_get_max_early_data(conf->ctx), 0);
    ciphers = SSL_CTX_get_ciphers(conf->ctx);
    ck_assert_int_eq(sk_SSL_CIPHER_num(ciphers), 9);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
        ck_assert_int_eq(SSL_CIPHER_is_aead(sk_SSL_CIPHER_value(ciphers, i)),
                         1);
    ck_assert_ptr_eq(flare__tls_conf_ref(conf), conf);
    flare__tls_conf_unref(conf);
    flare__tls_conf_unref(conf);
    flare__tls_conf_unref(NULL);
}
END_TEST

static const struct {
    const char *names[4];
    struct flare_str wire; /* length 0 and names: refused */
} protocols[] = {
    {{NULL}, {"", 0}},
    {{"h2", NULL}, {"\2h2", 3}},
    {{"h2", "http/1.1", NULL}, {"\2h2\10http/1.1", 12}},
    {{"h2", "", NULL}, {"", 0}},
};

START_TEST(test_conf_protocols_as_on_the_wire)
{
    const struct flare__tls_common common = {.alpn = protocols[_i].names,
                                             .al = &flare__allocator_default};
    struct flare__tls_conf *conf = NULL;
    struct flare_error err;
    int rc = flare__tls_conf_new(&conf, &common, &err);

    if (protocols[_i].names[0] != NULL && protocols[_i].wire.len == 0) {
        ck_assert_int_eq(rc, FLARE_E_BAD_CONFIG);
        return;
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_eq(conf->alpn_len, protocols[_i].wire.len);
    ck_assert_mem_eq(conf->alpn, protocols[_i].wire.ptr, conf->alpn_len);
    flare__tls_conf_unref(conf);
}
END_TEST

START_TEST(test_conf_protocols_are_bounded)
{
    char name[256];
    const char *names[] = {name, NULL};
    const struct flare__tls_common common = {.alpn = names,
                                             .al = &flare__allocator_default};
    struct flare__tls_conf *conf;

    memset(name, 'p', sizeof(name));
    name[254] = '\0';
    ck_assert_int_eq(flare__tls_conf_new(&conf, &common, NULL), 0);
    ck_assert_uint_eq(conf->alpn_len, 255);
    flare__tls_conf_unref(conf);
    name[254] = 'p';
    name[255] = '\0';
    ck_assert_int_eq(flare__tls_conf_new(&conf, &common, NULL),
                     FLARE_E_BAD_CONFIG);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    const struct flare__tls_common common = {.al = &f->al};
    struct flare__tls_conf *conf;
    int rc = flare__tls_conf_new(&conf, &common, NULL);

    (void)ctx;
    if (rc == 0)
        flare__tls_conf_unref(conf);
    return rc;
}

START_TEST(test_conf_needs_memory)
{
    fault_each("tls/conf", scenario, NULL);
}
END_TEST

START_TEST(test_conf_trust_says_what_is_bad)
{
    const struct flare__tls_common common = {.al = &flare__allocator_default};
    const struct flare_tls_pem none = {.file = NULL};
    const struct flare_tls_pem bad = {.pem = FLARE_STR("x")};
    struct flare__tls_conf *conf;
    struct flare_error err;

    ck_assert_int_eq(flare__tls_conf_new(&conf, &common, NULL), 0);
    ck_assert_int_eq(flare__tls_conf_trust(conf, &none, &none, &err), 0);
    ck_assert_int_eq(flare__tls_conf_trust(conf, &bad, &none, &err),
                     FLARE_E_TLS_CERTIFICATE);
    ck_assert_int_eq(strncmp(err.text, "ca: ", 4), 0);
    ck_assert_int_eq(flare__tls_conf_trust(conf, &none, &bad, &err),
                     FLARE_E_TLS_CERTIFICATE);
    ck_assert_int_eq(strncmp(err.text, "crl: ", 5), 0);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    flare__tls_conf_unref(conf);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/conf");
    TCase *tc = tcase_create("conf");

    tcase_add_test(tc, test_conf_rules_hold_whatever_the_system_says);
    tcase_add_loop_test(tc, test_conf_protocols_as_on_the_wire, 0,
                        ROWS(protocols));
    tcase_add_test(tc, test_conf_protocols_are_bounded);
    tcase_add_test(tc, test_conf_needs_memory);
    tcase_add_test(tc, test_conf_trust_says_what_is_bad);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
