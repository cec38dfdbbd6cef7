/* SPDX-License-Identifier: MIT */
/* A loop's resolver and cache: what is kept, of whom, and for how long. */
#include "dns/setup.h"

#include "tests/dns/dns_rig.h"
#include "tests/dns/fake_system.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define HOST FLARE_STR("name.example")

/* A resolver that answers at once, each time another address. */
static int asked;
static int asked_rc;
static flare_dns_query *held;

static int ask(void *ctx, flare_dns_query *query, struct flare_str host,
               enum flare_dns_family family)
{
    struct flare_ip ip = flare_ip_v4((uint8_t[4]){10, 0, 0, (uint8_t)++asked});

    (void)host;
    (void)family;
    held = query;
    if (ctx == NULL)
        flare_dns_answer(query, asked_rc, &ip, 1);
    return 0;
}

static void forget(void *ctx, flare_dns_query *query)
{
    (void)ctx;
    (void)query;
}

static const struct flare_dns_resolver at_once = {ask, forget, NULL};
static const struct flare_dns_resolver later = {ask, forget, &asked};

static void rig_start(struct dns_rig *rig)
{
    asked = 0;
    asked_rc = 0;
    ck_assert_int_eq(dns_rig_open(rig, DNS_SIM), 0);
    ck_assert_int_eq(flare_dns_resolver_set(rig->loop, &at_once), 0);
}

/* The last byte of the answer's address. */
static int query(struct dns_rig *rig, const char *host,
                 enum flare_dns_family family)
{
    const struct flare_dns_options options = {.family = family};
    struct dns_noted n = {.calls = 0};

    ck_assert_int_eq(flare_dns_start(rig->loop, NULL, flare_str(host), &options,
                                     dns_note, &n),
                     0);
    dns_await(rig->loop, &n);
    return n.rc < 0 ? n.rc : n.result.ips[0].bytes[15];
}

static void pass_ms(struct dns_rig *rig, uint64_t ms)
{
    uint64_t end_ns = rig->loop->now_ns + ms * 1000000;

    while (rig->loop->now_ns < end_ns)
        ck_assert_int_eq(flare__loop_turn(rig->loop, end_ns), 0);
}

START_TEST(test_setup_without_a_cache_each_query_asks)
{
    struct dns_rig rig;

    rig_start(&rig);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 1);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 2);
    dns_rig_close(&rig);
}
END_TEST

START_TEST(test_setup_a_kept_answer_asks_nobody_until_its_time_is_over)
{
    struct dns_rig rig;

    rig_start(&rig);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, 16, 1000), 0);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 1);
    ck_assert_int_eq(query(&rig, "A", FLARE_DNS_ANY), 1);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_V4), 2);
    pass_ms(&rig, 998);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 1);
    pass_ms(&rig, 2);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 3);
    ck_assert_int_eq(asked, 3);
    dns_rig_close(&rig);
}
END_TEST

START_TEST(test_setup_errors_are_not_kept)
{
    struct dns_rig rig;

    rig_start(&rig);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, 16, 1000), 0);
    asked_rc = FLARE_E_DNS_NOT_FOUND;
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), FLARE_E_DNS_NOT_FOUND);
    asked_rc = 0;
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 2);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_V6), FLARE_E_DNS_NO_ADDRESS);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_V6), FLARE_E_DNS_NO_ADDRESS);
    ck_assert_int_eq(asked, 4);
    dns_rig_close(&rig);
}
END_TEST

START_TEST(test_setup_setting_a_resolver_or_a_cache_forgets_what_was_kept)
{
    struct dns_rig rig;

    rig_start(&rig);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, 16, 1000), 0);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 1);
    ck_assert_int_eq(flare_dns_resolver_set(rig.loop, &at_once), 0);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 2);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, 8, 1000), 0);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 3);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 3);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, 0, 0), 0);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 4);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 5);
    dns_rig_close(&rig);
}
END_TEST

START_TEST(test_setup_the_answer_of_a_former_resolver_is_told_but_not_kept)
{
    struct dns_rig rig;
    struct dns_noted n = {.calls = 0};
    struct flare_ip old = dns_ip("192.0.2.99");

    rig_start(&rig);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, 16, 1000), 0);
    ck_assert_int_eq(flare_dns_resolver_set(rig.loop, &later), 0);
    ck_assert_int_eq(flare_dns_start(rig.loop, NULL, HOST, NULL, dns_note, &n),
                     0);
    ck_assert_int_eq(flare_dns_resolver_set(rig.loop, &at_once), 0);
    flare_dns_answer(held, 0, &old, 1);
    dns_await(rig.loop, &n);
    ck_assert(flare_ip_equal(&n.result.ips[0], &old));
    ck_assert_int_eq(query(&rig, "name.example", FLARE_DNS_ANY), 2);
    dns_rig_close(&rig);
}
END_TEST

START_TEST(test_setup_a_cache_out_of_range_is_refused_and_changes_nothing)
{
    struct dns_rig rig;

    rig_start(&rig);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, 16, 1000), 0);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 1);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, FLARE_DNS_CACHE_MAX + 1, 1),
                     FLARE_E_RANGE);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, 1, 0), FLARE_E_RANGE);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 1);
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, FLARE_DNS_CACHE_MAX, 1), 0);
    dns_rig_close(&rig);
}
END_TEST

/* The cache of a loop whose names go by getaddrinfo. */
START_TEST(test_setup_what_getaddrinfo_says_is_kept_too)
{
    struct dns_rig rig;
    int rc = dns_rig_open(&rig, (enum dns_backend)_i);

    if (rc < 0)
        TEST_SKIP("%s", flare_strerror(rc));
    fake_system_one("192.0.2.5");
    ck_assert_int_eq(flare_dns_cache_set(rig.loop, 16, 3600000), 0);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 5);
    ck_assert_int_eq(query(&rig, "a", FLARE_DNS_ANY), 5);
    ck_assert_int_eq(fake_system_calls(), 1);
    dns_rig_close(&rig);
    fake_live_await_none();
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare__sim *world;
    struct flare_loop *loop;
    int rc = dns_loop_open(&loop, &world, DNS_SIM, &f->al);

    (void)ctx;
    if (rc < 0)
        return rc;
    rc = flare_dns_cache_set(loop, 100, 1);
    if (rc == 0)
        rc = flare_dns_cache_set(loop, 200, 1);
    if (rc == 0)
        rc = flare_dns_resolver_set(loop, &at_once);
    dns_loop_close(loop, world);
    return rc;
}

START_TEST(test_setup_without_memory_it_stays_as_it_was)
{
    ck_assert_uint_ge(fault_each("dns/setup", scenario, NULL).sites, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns/setup");
    TCase *tc = tcase_create("setup");

    tcase_add_test(tc, test_setup_without_a_cache_each_query_asks);
    tcase_add_test(tc,
                   test_setup_a_kept_answer_asks_nobody_until_its_time_is_over);
    tcase_add_test(tc, test_setup_errors_are_not_kept);
    tcase_add_test(
        tc, test_setup_setting_a_resolver_or_a_cache_forgets_what_was_kept);
    tcase_add_test(
        tc, test_setup_the_answer_of_a_former_resolver_is_told_but_not_kept);
    tcase_add_test(
        tc, test_setup_a_cache_out_of_range_is_refused_and_changes_nothing);
    tcase_add_loop_test(tc, test_setup_what_getaddrinfo_says_is_kept_too, 0,
                        DNS_KERNELS);
    tcase_add_test(tc, test_setup_without_memory_it_stays_as_it_was);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
