/* SPDX-License-Identifier: MIT */
/* Answers kept: for their time, no more than fit, the right one goes. */
#include "dns/cache.h"

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static struct fault fault;

static struct flare__dns_cache *cache_new(uint32_t entries, uint32_t keep_ms)
{
    struct flare__dns_cache *c;

    fault_init(&fault, FAULT_NEVER, 0);
    ck_assert_int_eq(flare__dns_cache_new(&c, &fault.al, entries, keep_ms), 0);
    return c;
}

static void cache_end(struct flare__dns_cache *c)
{
    flare__dns_cache_free(c);
    fault_fini(&fault, "dns/cache");
}

static struct flare_dns_result answer(int n, uint32_t count)
{
    struct flare_dns_result result = {.count = count,
                                      .is_truncated = n % 2 == 1};

    for (uint32_t i = 0; i < count; i++)
        result.ips[i] = flare_ip_v4(
            (uint8_t[4]){(uint8_t)i, 1, (uint8_t)(n >> 8), (uint8_t)n});
    return result;
}

static void put(struct flare__dns_cache *c, const char *host, int n,
                uint64_t now_ms)
{
    struct flare_dns_result result =
        answer(n, (uint32_t)n % FLARE_DNS_ADDRESSES_MAX + 1);

    flare__dns_cache_put(c, flare_str(host), FLARE_DNS_ANY, now_ms, &result);
}

/* The number that the answer was made of; -1: not there. */
static int find_as(struct flare__dns_cache *c, const char *host,
                   enum flare_dns_family family, uint64_t now_ms)
{
    struct flare_dns_result out = {.count = 99};
    struct flare_dns_result want;
    int n;

    if (!flare__dns_cache_find(c, flare_str(host), family, now_ms, &out)) {
        ck_assert_uint_eq(out.count, 99);
        return -1;
    }
    n = out.ips[0].bytes[14] << 8 | out.ips[0].bytes[15];
    want = answer(n, (uint32_t)n % FLARE_DNS_ADDRESSES_MAX + 1);
    ck_assert_mem_eq(&out, &want, sizeof(out));
    return n;
}

static int find(struct flare__dns_cache *c, const char *host, uint64_t now_ms)
{
    return find_as(c, host, FLARE_DNS_ANY, now_ms);
}

START_TEST(test_cache_an_answer_is_kept_whole_and_for_its_time)
{
    struct flare__dns_cache *c = cache_new(4, 1000);

    ck_assert_int_eq(find(c, "a", 5), -1);
    put(c, "a", 31, 5);
    put(c, "b", 2, 500);
    ck_assert_int_eq(find(c, "a", 1004), 31);
    ck_assert_int_eq(find(c, "a", 1005), -1); /* and is forgotten */
    ck_assert_uint_eq(flare__dns_cache_count(c), 1);
    ck_assert_int_eq(find(c, "b", 1499), 2);
    put(c, "b", 3, 1499); /* anew, for its time again */
    ck_assert_int_eq(find(c, "b", 2498), 3);
    ck_assert_uint_eq(flare__dns_cache_count(c), 1);
    cache_end(c);
}
END_TEST

START_TEST(test_cache_case_is_no_difference_but_family_and_a_dot_are)
{
    struct flare__dns_cache *c = cache_new(8, 1000);
    struct flare_dns_result v4 = answer(7, 8);

    put(c, "Example.COM", 1, 0);
    flare__dns_cache_put(c, FLARE_STR("example.com"), FLARE_DNS_V4, 0, &v4);
    ck_assert_int_eq(find(c, "eXAMPLE.com", 0), 1);
    ck_assert_int_eq(find_as(c, "EXAMPLE.com", FLARE_DNS_V4, 0), 7);
    ck_assert_int_eq(find_as(c, "example.com", FLARE_DNS_V6, 0), -1);
    ck_assert_int_eq(find(c, "example.com.", 0), -1);
    ck_assert_int_eq(find(c, "example.co", 0), -1);
    ck_assert_int_eq(find(c, "example_com", 0), -1);
    cache_end(c);
}
END_TEST

START_TEST(test_cache_who_was_not_asked_for_longest_goes)
{
    struct flare__dns_cache *c = cache_new(3, 1000);

    put(c, "a", 1, 0);
    put(c, "b", 2, 0);
    put(c, "c", 3, 0);
    ck_assert_int_eq(find(c, "a", 1), 1);
    put(c, "d", 4, 1);
    ck_assert_int_eq(find(c, "b", 1), -1);
    put(c, "c", 5, 1);
    put(c, "e", 6, 1);
    ck_assert_int_eq(find(c, "a", 1), -1);
    ck_assert_int_eq(find(c, "c", 1), 5);
    ck_assert_int_eq(find(c, "d", 1), 4);
    ck_assert_int_eq(find(c, "e", 1), 6);
    ck_assert_uint_eq(flare__dns_cache_count(c), 3);
    flare__dns_cache_clear(c);
    ck_assert_uint_eq(flare__dns_cache_count(c), 0);
    ck_assert_int_eq(find(c, "e", 1), -1);
    put(c, "e", 7, 1);
    ck_assert_int_eq(find(c, "e", 1), 7);
    cache_end(c);
}
END_TEST

START_TEST(test_cache_the_longest_name_fits)
{
    struct flare__dns_cache *c = cache_new(1, 1000);
    char host[FLARE_DNS_HOST_MAX + 2];

    memset(host, 'a', sizeof(host));
    host[sizeof(host) - 1] = '\0';
    put(c, host, 1, 0);
    ck_assert_int_eq(find(c, host, 0), 1);
    cache_end(c);
    flare__dns_cache_free(NULL);
}
END_TEST

/* A list, newest use first, that is searched from the front. */
struct naive {
    struct {
        int name;
        int n;
        uint64_t end_ms;
    } rows[8];
    int count;
};

static int naive_take(struct naive *m, int name)
{
    int n = -1;

    for (int i = 0; i < m->count; i++) {
        if (m->rows[i].name != name)
            continue;
        n = i;
        break;
    }
    return n;
}

static void naive_drop(struct naive *m, int i)
{
    m->count--;
    memmove(&m->rows[i], &m->rows[i + 1],
            (size_t)(m->count - i) * sizeof(m->rows[0]));
}

static void naive_front(struct naive *m, int name, int n, uint64_t end_ms)
{
    int i = naive_take(m, name);

    if (i >= 0)
        naive_drop(m, i);
    if (m->count == 7)
        m->count--;
    memmove(&m->rows[1], &m->rows[0], (size_t)m->count * sizeof(m->rows[0]));
    m->rows[0].name = name;
    m->rows[0].n = n;
    m->rows[0].end_ms = end_ms;
    m->count++;
}

START_TEST(test_cache_does_what_a_naive_list_does)
{
    struct flare__dns_cache *c = cache_new(7, 50);
    struct naive m = {.count = 0};
    uint64_t seed = 1;
    uint64_t now_ms = 0;

    for (int step = 0; step < 20000; step++) {
        uint64_t r = seed >> 16;
        int name = (int)(r % 12);
        char host[2] = {(char)('a' + name), '\0'};
        int i = naive_take(&m, name);

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        now_ms += r >> 20 & 7;
        if (r >> 32 & 1) {
            put(c, host, step, now_ms);
            naive_front(&m, name, step, now_ms + 50);
        } else if (i < 0 || m.rows[i].end_ms <= now_ms) {
            ck_assert_int_eq(find(c, host, now_ms), -1);
            if (i >= 0)
                naive_drop(&m, i);
        } else {
            ck_assert_int_eq(find(c, host, now_ms), m.rows[i].n);
            naive_front(&m, name, m.rows[i].n, m.rows[i].end_ms);
        }
        ck_assert_uint_eq(flare__dns_cache_count(c), (unsigned)m.count);
    }
    cache_end(c);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare__dns_cache *c;
    struct flare_dns_result result = answer(1, 2);
    struct flare_dns_result out;
    int rc = flare__dns_cache_new(&c, &f->al, 2, 1000);

    (void)ctx;
    if (rc < 0)
        return rc;
    for (int i = 0; i < 4; i++) {
        char host[2] = {(char)('a' + i), '\0'};

        flare__dns_cache_put(c, flare_str(host), FLARE_DNS_ANY, 0, &result);
        /* without memory it is not kept, and an older one is not told */
        if (!flare__dns_cache_find(c, flare_str(host), FLARE_DNS_ANY, 0, &out))
            rc = -ENOMEM;
    }
    flare__dns_cache_free(c);
    return rc;
}

START_TEST(test_cache_without_memory_nothing_is_kept)
{
    struct fault_report report = fault_each("dns/cache", scenario, NULL);

    ck_assert_uint_eq(report.sites, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns/cache");
    TCase *tc = tcase_create("cache");

    tcase_add_test(tc, test_cache_an_answer_is_kept_whole_and_for_its_time);
    tcase_add_test(tc,
                   test_cache_case_is_no_difference_but_family_and_a_dot_are);
    tcase_add_test(tc, test_cache_who_was_not_asked_for_longest_goes);
    tcase_add_test(tc, test_cache_the_longest_name_fits);
    tcase_add_test(tc, test_cache_does_what_a_naive_list_does);
    tcase_add_test(tc, test_cache_without_memory_nothing_is_kept);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
