/* SPDX-License-Identifier: MIT */
/*
 * Names and the system's own getaddrinfo, with nothing put in its place: what
 * it says of "localhost" is what both forms say, and of what cannot exist
 * (".invalid", RFC 6761 section 6.4) both say an error of names.
 */
#include <flare/dns.h>

#include "tests/dns/dns_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define NOWHERE "flare-test.invalid"

static const struct family {
    const char *name;
    enum flare_dns_family family;
    int af;
} families[] = {
    {"any", FLARE_DNS_ANY, AF_UNSPEC},
    {"v4", FLARE_DNS_V4, AF_INET},
    {"v6", FLARE_DNS_V6, AF_INET6},
};

/* getaddrinfo's addresses, or its error. */
static int ask(const char *name, int af, struct addrinfo **list)
{
    const struct addrinfo hints = {.ai_family = af, .ai_socktype = SOCK_STREAM};

    *list = NULL;
    return getaddrinfo(name, NULL, &hints, list);
}

/* Whether getaddrinfo has it, by bytes; an IPv4 address is one mapped here. */
static bool is_listed(const struct addrinfo *list, const struct flare_ip *ip)
{
    for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
        const void *in = ai->ai_addr;

        if (ai->ai_family == AF_INET && ip->family == FLARE_IP_V4 &&
            memcmp(&((const struct sockaddr_in *)in)->sin_addr, ip->bytes + 12,
                   4) == 0)
            return true;
        if (ai->ai_family == AF_INET6 &&
            memcmp(&((const struct sockaddr_in6 *)in)->sin6_addr, ip->bytes,
                   16) == 0)
            return true;
    }
    return false;
}

static void check_localhost(const struct family *row, const char *form, int rc,
                            const struct flare_dns_result *result,
                            const struct flare_error *err)
{
    struct addrinfo *list;
    int eai = ask("localhost", row->af, &list);

    if (eai != 0) { /* a system without this family: it is said so */
        printf("SKIP %s of localhost by %s: the system says %s\n", row->name,
               form, gai_strerror(eai));
        ck_assert_msg(rc < 0, "%s, %s", row->name, form);
        ck_assert_ptr_nonnull(strstr(err->text, "localhost"));
        ck_assert_ptr_nonnull(strstr(err->text, gai_strerror(eai)));
        return;
    }
    ck_assert_msg(rc == 0, "%s, %s: %s", row->name, form, err->text);
    ck_assert_uint_ge(result->count, 1);
    ck_assert(!result->is_truncated);
    for (uint32_t i = 0; i < result->count; i++) {
        ck_assert_msg(is_listed(list, &result->ips[i]), "%s, %s: address %u",
                      row->name, form, i);
        ck_assert(flare_ip_is_loopback(&result->ips[i]));
    }
    freeaddrinfo(list);
}

START_TEST(test_localhost_is_what_the_system_says_blocking)
{
    const struct family *row = &families[_i];
    const struct flare_dns_options options = {.family = row->family,
                                              .timeout_ms = 60000};
    struct flare_dns_result result;
    struct flare_error err = {.code = 0};
    int rc = flare_dns_resolve(&result, FLARE_STR("localhost"), &options, &err);

    check_localhost(row, "flare_dns_resolve", rc, &result, &err);
}
END_TEST

START_TEST(test_localhost_is_what_the_system_says_on_a_loop)
{
    for (int backend = 0; backend < (int)DNS_KERNELS; backend++) {
        const struct family *row = &families[_i];
        const struct flare_dns_options options = {.family = row->family,
                                                  .timeout_ms = 60000};
        struct dns_noted noted = {.calls = 0};
        struct dns_rig rig;

        if (dns_rig_open(&rig, (enum dns_backend)backend) < 0) {
            printf("SKIP %s: no %s here\n", __func__,
                   dns_backend_name((enum dns_backend)backend));
            continue;
        }
        ck_assert_int_eq(flare_dns_start(rig.loop, NULL, FLARE_STR("localhost"),
                                         &options, dns_note, &noted),
                         0);
        ck_assert_int_eq(noted.calls, 0);
        dns_await(rig.loop, &noted);
        check_localhost(row, "flare_dns_start", noted.rc, &noted.result,
                        &noted.err);
        dns_rig_close(&rig);
    }
}
END_TEST

START_TEST(test_localhost_but_not_what_cannot_exist)
{
    struct flare_dns_result result = {.count = 99};
    struct flare_error err = {.code = 0};
    struct addrinfo *list;
    int rc;

    if (ask(NOWHERE, AF_UNSPEC, &list) == 0) {
        freeaddrinfo(list);
        TEST_SKIP("the resolver here has an address for " NOWHERE);
    }
    rc = flare_dns_resolve(&result, FLARE_STR(NOWHERE), NULL, &err);
    ck_assert_int_lt(rc, 0);
    ck_assert_int_eq(err.code, rc);
    if (rc != -ETIMEDOUT) /* no network, and a resolver that waits for it */
        ck_assert_int_eq(flare_error_class(rc), FLARE_CLASS_DNS);
    ck_assert_ptr_nonnull(strstr(err.text, NOWHERE));
    ck_assert_uint_eq(result.count, 99);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns/localhost");
    TCase *tc = tcase_create("localhost");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_localhost_is_what_the_system_says_blocking, 0,
                        ROWS(families));
    tcase_add_loop_test(tc, test_localhost_is_what_the_system_says_on_a_loop, 0,
                        ROWS(families));
    tcase_add_test(tc, test_localhost_but_not_what_cannot_exist);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
