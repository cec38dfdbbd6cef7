/* SPDX-License-Identifier: MIT */
/* What getaddrinfo is asked, and what is made of what it says. */
#include "dns/system.h"

#include "tests/dns/fake_system.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define HOST FLARE_STR("name.example")

static const struct {
    const char *name;
    int eai;
    int number;
    int rc;
} rows[] = {
    {"EAI_NONAME", EAI_NONAME, 0, FLARE_E_DNS_NOT_FOUND},
#ifdef EAI_NODATA
    {"EAI_NODATA", EAI_NODATA, 0, FLARE_E_DNS_NO_ADDRESS},
#endif
#ifdef EAI_ADDRFAMILY
    {"EAI_ADDRFAMILY", EAI_ADDRFAMILY, 0, FLARE_E_DNS_NO_ADDRESS},
#endif
    {"EAI_FAMILY", EAI_FAMILY, 0, FLARE_E_DNS_NO_ADDRESS},
    {"EAI_AGAIN", EAI_AGAIN, 0, FLARE_E_DNS_TEMPORARY},
    {"EAI_AGAIN", EAI_AGAIN, ECONNREFUSED, FLARE_E_DNS_TEMPORARY},
    {"EAI_FAIL", EAI_FAIL, 0, FLARE_E_DNS_FAILED},
    {"EAI_MEMORY", EAI_MEMORY, ENOMEM, -ENOMEM},
    {"EAI_SYSTEM", EAI_SYSTEM, EMFILE, -EMFILE},
    {"getaddrinfo", EAI_SYSTEM, 0, FLARE_E_DNS_FAILED},
    {"getaddrinfo", EAI_BADFLAGS, 0, FLARE_E_DNS_FAILED},
    {"getaddrinfo", EAI_SERVICE, EPIPE, FLARE_E_DNS_FAILED},
    {"getaddrinfo", EAI_OVERFLOW, 0, FLARE_E_DNS_FAILED},
    {"getaddrinfo", -12345, 0, FLARE_E_DNS_FAILED},
};

START_TEST(test_system_each_error_has_its_code_and_keeps_its_words)
{
    struct flare_dns_result out = {.count = 99};
    struct flare_error err;
    char code[64];

    fake_system_set(
        &(struct fake_system){.eai = rows[_i].eai, .number = rows[_i].number});
    ck_assert_int_eq(flare__dns_system(&out, HOST, FLARE_DNS_ANY, &err),
                     rows[_i].rc);
    ck_assert_uint_eq(out.count, 99);
    ck_assert_int_eq(err.code, rows[_i].rc);
    ck_assert_ptr_nonnull(strstr(err.text, "host 'name.example': "));
    snprintf(code, sizeof(code), " (%s %d)", rows[_i].name, rows[_i].eai);
    ck_assert_msg(strstr(err.text, code) != NULL, "%s", err.text);
    if (rows[_i].rc == -EMFILE)
        ck_assert_ptr_nonnull(strstr(err.text, flare_strerror(-EMFILE)));
    else
        ck_assert_ptr_nonnull(strstr(err.text, gai_strerror(rows[_i].eai)));
    ck_assert_int_eq(flare__dns_system(&out, HOST, FLARE_DNS_ANY, NULL),
                     rows[_i].rc);
}
END_TEST

/* The reasons are in system.c. */
START_TEST(test_system_it_asks_once_for_streams_and_without_ADDRCONFIG)
{
    static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
    struct flare_dns_result out;
    struct addrinfo hints;

    fake_system_one(_i == FLARE_DNS_V6 ? "2001:db8::1" : "192.0.2.1");
    ck_assert_int_eq(
        flare__dns_system(&out, HOST, (enum flare_dns_family)_i, NULL), 0);
    hints = fake_system_hints();
    ck_assert_int_eq(fake_system_calls(), 1);
    ck_assert_str_eq(fake_system_name(), "name.example");
    ck_assert_int_eq(hints.ai_family, families[_i]);
    ck_assert_int_eq(hints.ai_socktype, SOCK_STREAM);
    ck_assert_int_eq(hints.ai_flags, 0);
}
END_TEST

START_TEST(test_system_answers_keep_their_order_and_lose_their_doubles)
{
    static const char *const ips[] = {
        "2001:db8::2", "192.0.2.9",        "2001:db8::1", "192.0.2.9",
        "fe80::1%3",   "::ffff:192.0.2.9", "not an ip",   "2001:db8::3%7",
    };
    static const char *const want[] = {
        "2001:db8::2", "192.0.2.9", "2001:db8::1", "fe80::1%3", "2001:db8::3"};
    struct flare_dns_result out;
    char text[FLARE_IP_TEXT_MAX];

    fake_system_set(&(struct fake_system){.ips = ips, .count = ROWS(ips)});
    ck_assert_int_eq(flare__dns_system(&out, HOST, FLARE_DNS_ANY, NULL), 0);
    ck_assert_uint_eq(out.count, ROWS(want));
    for (uint32_t i = 0; i < out.count; i++) {
        flare_ip_format(&out.ips[i], text, sizeof(text));
        ck_assert_str_eq(text, want[i]);
    }
}
END_TEST

START_TEST(test_system_D04_thousands_of_addresses_are_cut_and_it_is_said)
{
    static char texts[2000][32];
    static const char *ips[2000];
    struct flare_dns_result out;

    for (int i = 0; i < 2000; i++) {
        snprintf(texts[i], sizeof(texts[i]), "10.1.%d.%d", i / 250, i % 250);
        ips[i] = texts[i];
    }
    ips[1999] = "2001:db8::1";
    fake_system_set(&(struct fake_system){.ips = ips, .count = 2000});
    ck_assert_int_eq(flare__dns_system(&out, HOST, FLARE_DNS_ANY, NULL), 0);
    ck_assert_uint_eq(out.count, FLARE_DNS_ADDRESSES_MAX);
    ck_assert(out.is_truncated);
    ck_assert_int_eq(out.ips[out.count - 1].family, FLARE_IP_V6);
}
END_TEST

START_TEST(test_system_an_answer_without_an_address_is_none)
{
    static const char *const ips[] = {"not an ip"};
    struct flare_dns_result out;
    struct flare_error err;

    fake_system_set(&(struct fake_system){.ips = ips, .count = _i});
    ck_assert_int_eq(flare__dns_system(&out, HOST, FLARE_DNS_ANY, &err),
                     FLARE_E_DNS_NO_ADDRESS);
}
END_TEST

START_TEST(test_system_the_longest_name_fits)
{
    char host[FLARE_DNS_HOST_MAX + 1];
    struct flare_dns_result out;

    memset(host, 'a', sizeof(host));
    fake_system_one("192.0.2.1");
    ck_assert_int_eq(flare__dns_system(&out,
                                       (struct flare_str){host, sizeof(host)},
                                       FLARE_DNS_ANY, NULL),
                     0);
    ck_assert_uint_eq(strlen(fake_system_name()), sizeof(host));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns/system");
    TCase *tc = tcase_create("system");

    tcase_add_loop_test(tc,
                        test_system_each_error_has_its_code_and_keeps_its_words,
                        0, ROWS(rows));
    tcase_add_loop_test(
        tc, test_system_it_asks_once_for_streams_and_without_ADDRCONFIG, 0, 3);
    tcase_add_test(tc,
                   test_system_answers_keep_their_order_and_lose_their_doubles);
    tcase_add_test(
        tc, test_system_D04_thousands_of_addresses_are_cut_and_it_is_said);
    tcase_add_loop_test(tc, test_system_an_answer_without_an_address_is_none, 0,
                        2);
    tcase_add_test(tc, test_system_the_longest_name_fits);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
