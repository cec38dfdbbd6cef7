/* SPDX-License-Identifier: MIT */
/* What a resolver gives, made into an answer. */
#include "dns/collect.h"

#include "tests/support/test.h"

#include <string.h>

/* The n-th address of a family: 'v' IPv4, 's' IPv6. */
static struct flare_ip ip_of(char family, int n)
{
    uint8_t v4[4] = {10, 0, (uint8_t)(n >> 8), (uint8_t)n};
    uint8_t v6[16] = {0x20, 0x01, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n};

    return family == 'v' ? flare_ip_v4(v4) : flare_ip_v6(v6, 0);
}

static void add_many(struct flare__dns_collect *c, char family, int count)
{
    for (int i = 0; i < count; i++) {
        struct flare_ip ip = ip_of(family, i);

        flare__dns_collect_add(c, &ip);
    }
}

static int count_of(const struct flare_dns_result *result, int family)
{
    int count = 0;

    for (uint32_t i = 0; i < result->count; i++)
        count += result->ips[i].family == family;
    return count;
}

/* FAILURES D04: IPv6 addresses first, then IPv4; what is left of each. */
static const struct {
    const char *name;
    int v6;
    int v4;
    enum flare_dns_family family;
    int v6_left;
    int v4_left;
    bool is_truncated;
} rows[] = {
    {"nothing", 0, 0, FLARE_DNS_ANY, 0, 0, false},
    {"one", 1, 0, FLARE_DNS_ANY, 1, 0, false},
    {"as many as fit", 32, 0, FLARE_DNS_ANY, 32, 0, false},
    {"as many as fit together", 20, 12, FLARE_DNS_ANY, 20, 12, false},
    {"one too many", 33, 0, FLARE_DNS_ANY, 32, 0, true},
    {"one too many together", 20, 13, FLARE_DNS_ANY, 19, 13, true},
    {"the last family has one", 32, 1, FLARE_DNS_ANY, 31, 1, true},
    {"thousands, and one", 1000, 1, FLARE_DNS_ANY, 31, 1, true},
    {"thousands of both", 1000, 1000, FLARE_DNS_ANY, 16, 16, true},
    {"few of the first", 3, 1000, FLARE_DNS_ANY, 3, 29, true},
    {"half and half", 16, 16, FLARE_DNS_ANY, 16, 16, false},
    {"half and more", 16, 17, FLARE_DNS_ANY, 16, 16, true},
    {"one family only", 1000, 5, FLARE_DNS_V4, 0, 5, false},
    {"the other only", 5, 1000, FLARE_DNS_V6, 5, 0, false},
    {"none of the family", 5, 0, FLARE_DNS_V4, 0, 0, false},
};

START_TEST(test_collect_D04_an_answer_is_bounded_and_hides_no_family)
{
    struct flare__dns_collect c;
    struct flare_dns_result result;
    int v6_next = 0;
    int v4_next = 0;

    flare__dns_collect_init(&c, rows[_i].family);
    add_many(&c, 's', rows[_i].v6);
    add_many(&c, 'v', rows[_i].v4);
    flare__dns_collect_end(&c, &result);
    ck_assert_msg(count_of(&result, FLARE_IP_V6) == rows[_i].v6_left &&
                      count_of(&result, FLARE_IP_V4) == rows[_i].v4_left &&
                      result.is_truncated == rows[_i].is_truncated,
                  "%s: %u", rows[_i].name, result.count);
    for (uint32_t i = 0; i < result.count; i++) { /* the first, in order */
        bool is_v4 = result.ips[i].family == FLARE_IP_V4;
        struct flare_ip want =
            is_v4 ? ip_of('v', v4_next++) : ip_of('s', v6_next++);

        ck_assert(flare_ip_equal(&result.ips[i], &want));
    }
}
END_TEST

START_TEST(test_collect_each_address_comes_once_in_the_order_of_the_resolver)
{
    static const char order[] = "vsvvssv";
    static const int number[] = {1, 1, 1, 2, 1, 2, 1};
    static const char left[] = "vsvs";
    static const int left_number[] = {1, 1, 2, 2};
    struct flare__dns_collect c;
    struct flare_dns_result result;

    flare__dns_collect_init(&c, FLARE_DNS_ANY);
    for (int i = 0; i < 1000; i++) { /* again and again is no truncation */
        struct flare_ip ip = ip_of(order[i % 7], number[i % 7]);

        flare__dns_collect_add(&c, &ip);
    }
    flare__dns_collect_end(&c, &result);
    ck_assert_uint_eq(result.count, strlen(left));
    ck_assert(!result.is_truncated);
    for (uint32_t i = 0; i < result.count; i++) {
        struct flare_ip want = ip_of(left[i], left_number[i]);

        ck_assert(flare_ip_equal(&result.ips[i], &want));
    }
}
END_TEST

START_TEST(test_collect_a_mapped_address_is_an_ipv4_one_and_zones_differ)
{
    const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 7};
    const uint8_t local[16] = {0xfe, 0x80, [15] = 1};
    const struct flare_ip ips[] = {
        ip_of('v', 7),         flare_ip_v6(mapped, 0), flare_ip_v6(local, 1),
        flare_ip_v6(local, 2), flare_ip_v6(local, 1),  {.family = 0}};
    struct flare__dns_collect c;
    struct flare_dns_result result;

    flare__dns_collect_init(&c, FLARE_DNS_ANY);
    for (int i = 0; i < ROWS(ips); i++)
        flare__dns_collect_add(&c, &ips[i]);
    flare__dns_collect_end(&c, &result);
    ck_assert_uint_eq(result.count, 3);
    ck_assert_uint_eq(result.ips[1].zone, 1);
    ck_assert_uint_eq(result.ips[2].zone, 2);
}
END_TEST

START_TEST(test_collect_an_address_is_its_own_answer_if_the_family_fits)
{
    const struct flare_ip v4 = ip_of('v', 258);
    const struct flare_ip v6 = ip_of('s', 1);
    struct flare_dns_result result = {.count = 99};
    struct flare_error err;

    ck_assert_int_eq(flare__dns_collect_one(&result, &v4, FLARE_DNS_V6, &err),
                     FLARE_E_DNS_NO_ADDRESS);
    ck_assert_str_eq(err.text, "host '10.0.1.2': not an IPv6 address");
    ck_assert_int_eq(err.code, FLARE_E_DNS_NO_ADDRESS);
    ck_assert_int_eq(flare__dns_collect_one(&result, &v6, FLARE_DNS_V4, NULL),
                     FLARE_E_DNS_NO_ADDRESS);
    ck_assert_uint_eq(result.count, 99);
    ck_assert_int_eq(flare__dns_collect_one(&result, &v4, FLARE_DNS_V4, &err),
                     0);
    ck_assert_int_eq(flare__dns_collect_one(&result, &v6, FLARE_DNS_ANY, &err),
                     0);
    ck_assert_uint_eq(result.count, 1);
    ck_assert(flare_ip_equal(&result.ips[0], &v6));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns/collect");
    TCase *tc = tcase_create("collect");

    tcase_add_loop_test(
        tc, test_collect_D04_an_answer_is_bounded_and_hides_no_family, 0,
        ROWS(rows));
    tcase_add_test(
        tc, test_collect_each_address_comes_once_in_the_order_of_the_resolver);
    tcase_add_test(
        tc, test_collect_a_mapped_address_is_an_ipv4_one_and_zones_differ);
    tcase_add_test(
        tc, test_collect_an_address_is_its_own_answer_if_the_family_fits);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
