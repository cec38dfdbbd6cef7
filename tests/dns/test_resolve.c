/* SPDX-License-Identifier: MIT */
/* The blocking form, from outside: what it asks, what it says, how it ends. */
#include <flare/dns.h>

#include "tests/dns/dns_rig.h"
#include "tests/dns/fake_system.h"
#include "tests/support/test.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#define HOST FLARE_STR("name.example")

/* ---- what the library itself sends ---- */

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __real_sendto(int fd, const void *bytes, size_t len, int flags,
                      const struct sockaddr *addr, socklen_t addr_len);
ssize_t __wrap_sendto(int fd, const void *bytes, size_t len, int flags,
                      const struct sockaddr *addr, socklen_t addr_len);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

static atomic_int packets;

/* Those of io_uring's self-test are streams. */
int __wrap_socket(int family, int type, int protocol)
{
    if ((type & 15) == SOCK_DGRAM)
        atomic_fetch_add(&packets, 1);
    return __real_socket(family, type, protocol);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    atomic_fetch_add(&packets, 1);
    return __real_send(fd, bytes, len, flags);
}

ssize_t __wrap_sendto(int fd, const void *bytes, size_t len, int flags,
                      const struct sockaddr *addr, socklen_t addr_len)
{
    atomic_fetch_add(&packets, 1);
    return __real_sendto(fd, bytes, len, flags, addr, addr_len);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    atomic_fetch_add(&packets, 1);
    return __real_sendmsg(fd, msg, flags);
}

/*
 * Policy: there is no stub resolver, and so none of what goes wrong in one
 * (compression loops, labels that overrun, ids that can be guessed).  A name
 * costs one getaddrinfo; the library opens no socket for
 * datagrams and sends nothing.
 */
START_TEST(test_resolve_D05_names_go_to_getaddrinfo_and_no_packet_is_ours)
{
    struct flare_dns_result out;

    fake_system_one("192.0.2.1");
    atomic_store(&packets, 0);
    ck_assert_int_eq(flare_dns_resolve(&out, HOST, NULL, NULL), 0);
    ck_assert_int_eq(fake_system_calls(), 1);
    ck_assert_int_eq(atomic_load(&packets), 0);
    ck_assert_int_ge(socket(AF_INET, SOCK_DGRAM, 0), 0); /* it is counted */
    ck_assert_int_eq(atomic_load(&packets), 1);
    fake_live_await_none();
}
END_TEST

/* ---- answers ---- */

START_TEST(test_resolve_answers_of_both_families_and_of_each)
{
    static const char *const both[] = {"2001:db8::1", "192.0.2.1"};
    struct flare_dns_result out;

    fake_system_set(&(struct fake_system){.ips = both, .count = 2});
    ck_assert_int_eq(flare_dns_resolve(&out, HOST, NULL, NULL), 0);
    ck_assert_uint_eq(out.count, 2);
    ck_assert_int_eq(fake_system_hints().ai_family, AF_UNSPEC);
    ck_assert_int_eq(flare_dns_resolve_v4(&out, HOST, NULL), 0);
    ck_assert_uint_eq(out.count, 1);
    ck_assert_int_eq(out.ips[0].family, FLARE_IP_V4);
    ck_assert_int_eq(fake_system_hints().ai_family, AF_INET);
    ck_assert_int_eq(flare_dns_resolve_v6(&out, HOST, NULL), 0);
    ck_assert_uint_eq(out.count, 1);
    ck_assert_int_eq(out.ips[0].family, FLARE_IP_V6);
    ck_assert_int_eq(fake_system_hints().ai_family, AF_INET6);
    ck_assert_int_eq(fake_system_calls(), 3);
    fake_live_await_none();
}
END_TEST

START_TEST(test_resolve_D01_D02_addresses_and_bad_hosts_ask_nobody)
{
    const struct flare_dns_options v6 = {.family = FLARE_DNS_V6};
    struct flare_dns_result out = {.count = 99};
    struct flare_error err;

    fake_system_one("192.0.2.1");
    ck_assert_int_eq(flare_dns_resolve(&out, FLARE_STR("0x7f.1"), NULL, &err),
                     FLARE_E_BAD_HOSTNAME);
    ck_assert_ptr_nonnull(strstr(err.text, "0x7f.1"));
    ck_assert_int_eq(flare_dns_resolve(&out, FLARE_STR("a\r\nb"), NULL, &err),
                     FLARE_E_BAD_HOSTNAME);
    ck_assert_ptr_nonnull(strstr(err.text, "a\\x0d\\x0ab"));
    ck_assert_int_eq(flare_dns_resolve(&out, FLARE_STR(""), NULL, NULL),
                     FLARE_E_BAD_HOSTNAME);
    ck_assert_int_eq(flare_dns_resolve(&out, FLARE_STR("127.0.0.1"), &v6, &err),
                     FLARE_E_DNS_NO_ADDRESS);
    ck_assert_uint_eq(out.count, 99);
    ck_assert_int_eq(flare_dns_resolve(&out, FLARE_STR("[::1]"), &v6, &err), 0);
    ck_assert_int_eq(flare_dns_resolve_v4(&out, FLARE_STR("10.1.2.3"), NULL),
                     0);
    ck_assert(flare_ip_is_private(&out.ips[0]));
    ck_assert_int_eq(fake_system_calls(), 0);
}
END_TEST

START_TEST(test_resolve_an_error_keeps_its_code_and_words)
{
    struct flare_dns_result out = {.count = 99};
    struct flare_error err;

    fake_system_set(&(struct fake_system){.eai = EAI_AGAIN});
    ck_assert_int_eq(flare_dns_resolve(&out, HOST, NULL, &err),
                     FLARE_E_DNS_TEMPORARY);
    ck_assert_int_eq(err.code, FLARE_E_DNS_TEMPORARY);
    ck_assert_int_eq(flare_error_class(err.code), FLARE_CLASS_DNS);
    ck_assert_ptr_nonnull(strstr(err.text, gai_strerror(EAI_AGAIN)));
    ck_assert_ptr_nonnull(strstr(err.text, "EAI_AGAIN"));
    ck_assert_ptr_nonnull(strstr(err.text, "name.example"));
    ck_assert_int_eq(flare_dns_resolve(&out, HOST, NULL, NULL),
                     FLARE_E_DNS_TEMPORARY);
    ck_assert_uint_eq(out.count, 99);
    fake_live_await_none();
}
END_TEST

START_TEST(test_resolve_D03_D06_it_comes_back_while_getaddrinfo_does_not)
{
    const struct flare_dns_options options = {.timeout_ms = 2};
    struct flare_dns_result out = {.count = 99};
    struct flare_error err;

    fake_system_one("192.0.2.1");
    fake_gate_close();
    ck_assert_int_eq(flare_dns_resolve(&out, HOST, &options, &err), -ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(err.text, "name.example"));
    ck_assert_int_eq(err.code, -ETIMEDOUT);
    fake_gate_open();
    fake_live_await_none(); /* the thread has freed what was left */
    ck_assert_uint_eq(out.count, 99);
}
END_TEST

/* ---- memory ---- */

static int scenario(struct fault *f, void *ctx)
{
    struct flare_dns_result out;
    struct flare_error err = {.code = 0};
    int rc;

    (void)ctx;
    fake_fault(f);
    rc = flare_dns_resolve(&out, HOST, NULL, &err);
    fake_fault(NULL);
    ck_assert_int_eq(err.code, rc);
    fake_live_await_none();
    return rc;
}

START_TEST(test_resolve_without_memory_it_says_so)
{
    fake_system_one("192.0.2.1");
    ck_assert_uint_ge(fault_each("dns/resolve", scenario, NULL).sites, 5);
}
END_TEST

static void *resolve_main(void *arg)
{
    struct flare_dns_result out;
    int *rc = arg;

    *rc = 0;
    for (int i = 0; i < 50 && *rc == 0; i++)
        *rc = flare_dns_resolve(&out, HOST, NULL, NULL);
    return NULL;
}

START_TEST(test_resolve_threads_side_by_side)
{
    enum { COUNT = 4 };
    pthread_t threads[COUNT];
    int rcs[COUNT];

    fake_system_one("192.0.2.1");
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, resolve_main, &rcs[i]), 0);
    for (int i = 0; i < COUNT; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(rcs[i], 0);
    }
    ck_assert_int_eq(fake_system_calls(), COUNT * 50);
    fake_live_await_none();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns/resolve");
    TCase *tc = tcase_create("resolve");

    tcase_set_timeout(tc, 60);
    tcase_add_test(
        tc, test_resolve_D05_names_go_to_getaddrinfo_and_no_packet_is_ours);
    tcase_add_test(tc, test_resolve_answers_of_both_families_and_of_each);
    tcase_add_test(tc, test_resolve_D01_D02_addresses_and_bad_hosts_ask_nobody);
    tcase_add_test(tc, test_resolve_an_error_keeps_its_code_and_words);
    tcase_add_test(
        tc, test_resolve_D03_D06_it_comes_back_while_getaddrinfo_does_not);
    tcase_add_test(tc, test_resolve_without_memory_it_says_so);
    tcase_add_test(tc, test_resolve_threads_side_by_side);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
