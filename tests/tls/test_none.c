/* SPDX-License-Identifier: MIT */
/* Without OpenSSL there is no TLS, and every call says so. */
#include <flare/tls.h>

#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

START_TEST(test_none_every_call_says_so)
{
    struct flare_tls_server_config server = {.certs = NULL};
    struct flare_tls_client_config client = {.cert = NULL};
    struct flare_tls_cert cert = {.chain.file = NULL};
    flare_tls_server *s = NULL;
    flare_tls_client *c = NULL;
    struct flare_error err;

    ck_assert_int_eq(flare_tls_server_new(&s, &server, &err), -EOPNOTSUPP);
    ck_assert_ptr_nonnull(strstr(err.text, "OpenSSL"));
    ck_assert_int_eq(flare_tls_server_reload(s, &server, &err), -EOPNOTSUPP);
    ck_assert_int_eq(flare_tls_server_set_ticket_keys(s, NULL, 1), -EOPNOTSUPP);
    ck_assert_int_eq(flare_tls_client_new(&c, &client, NULL), -EOPNOTSUPP);
    ck_assert_int_eq(flare_tls_self_signed(&cert, NULL, 30, &err), -EOPNOTSUPP);
    flare_tls_self_signed_free(&cert);
    flare_tls_server_free(s);
    flare_tls_client_free(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/none");
    TCase *tc = tcase_create("none");

    tcase_add_test(tc, test_none_every_call_says_so);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
