/* SPDX-License-Identifier: MIT */
/* Who goes when there is too much, and that all of it stays linked. */
#include "http/jar.h"

#include "tests/support/test.h"

#include <string.h>

enum { NOW = 1700000000 };

static flare_cookie_jar *jar_new(uint32_t cookies_max, uint32_t per_domain_max,
                                 uint32_t bytes_max)
{
    const struct flare_cookie_jar_config config = {
        .cookies_max = cookies_max,
        .per_domain_max = per_domain_max,
        .bytes_max = bytes_max,
    };
    flare_cookie_jar *jar;

    ck_assert_int_eq(flare_cookie_jar_new(&jar, &config, NULL), 0);
    return jar;
}

static struct flare_cookie_url url_of(const char *host)
{
    return (struct flare_cookie_url){
        .host = flare_str(host), .path = FLARE_STR("/"), .is_secure = true};
}

static int store(flare_cookie_jar *jar, const char *host, const char *field)
{
    struct flare_cookie_url url = url_of(host);
    int rc = flare_cookie_jar_store(jar, &url, flare_str(field), NOW, NULL);

    flare__jar_check(jar);
    return rc;
}

static void send(flare_cookie_jar *jar, const char *host)
{
    struct flare_cookie_url url = url_of(host);

    ck_assert_int_gt(flare_cookie_jar_header(jar, &url, NOW, NULL, 0), 0);
    flare__jar_check(jar);
}

static int add_name(const struct flare_cookie_info *info, void *ctx)
{
    strncat(ctx, info->name.ptr, info->name.len);
    return 0;
}

/* From old use to new. */
static const char *names(const flare_cookie_jar *jar)
{
    static char text[64];

    text[0] = '\0';
    (void)flare_cookie_jar_each(jar, add_name, text);
    return text;
}

/* C14: over so many per host. */
START_TEST(test_jar_table_domain_gives_up_what_http_may_read_first)
{
    flare_cookie_jar *jar = jar_new(100, 3, 0);

    ck_assert_int_eq(store(jar, "x.example", "a=1; Secure"), 0);
    ck_assert_int_eq(store(jar, "x.example", "b=1"), 0);
    ck_assert_int_eq(store(jar, "x.example", "c=1"), 0);
    ck_assert_int_eq(store(jar, "y.example", "z=1"), 0);
    ck_assert_int_eq(store(jar, "x.example", "d=1"), 0);
    ck_assert_str_eq(names(jar), "aczd");
    ck_assert_int_eq(store(jar, "x.example", "e=1; Secure"), 0);
    ck_assert_str_eq(names(jar), "azde");
    ck_assert_int_eq(store(jar, "x.example", "f=1; Secure"), 0);
    ck_assert_str_eq(names(jar), "azef"); /* then Secure ones */
    ck_assert_int_eq(store(jar, "x.example", "g=1; Secure"), 0);
    ck_assert_str_eq(names(jar), "zefg");
    ck_assert_int_eq(store(jar, "x.example", "h=1"), FLARE_E_COOKIE_FULL);
    ck_assert_int_eq(store(jar, "x.example", "f=2"), 0); /* none more */
    ck_assert_str_eq(names(jar), "zegf");
    flare_cookie_jar_free(jar);
}
END_TEST

START_TEST(test_jar_table_use_keeps)
{
    flare_cookie_jar *jar = jar_new(3, 3, 0);

    ck_assert_int_eq(store(jar, "a.example", "a=1; Secure"), 0);
    ck_assert_int_eq(store(jar, "b.example", "b=1"), 0);
    ck_assert_int_eq(store(jar, "c.example", "c=1"), 0);
    send(jar, "a.example");
    ck_assert_int_eq(store(jar, "d.example", "d=1"), 0);
    ck_assert_str_eq(names(jar), "cad"); /* of all, Secure or not */
    ck_assert_int_eq(store(jar, "c.example", "c=2"), 0);
    ck_assert_str_eq(names(jar), "adc");
    flare_cookie_jar_free(jar);
}
END_TEST

START_TEST(test_jar_table_expired_ones_make_room)
{
    flare_cookie_jar *jar = jar_new(2, 2, 0);
    struct flare_cookie_url url = url_of("a.example");

    ck_assert_int_eq(store(jar, "a.example", "a=1"), 0);
    ck_assert_int_eq(store(jar, "a.example", "b=1; Secure; Max-Age=5"), 0);
    ck_assert_int_eq(
        flare_cookie_jar_store(jar, &url, FLARE_STR("c=1"), NOW + 5, NULL), 0);
    ck_assert_str_eq(names(jar), "ac");
    flare_cookie_jar_free(jar);
}
END_TEST

/* C14: 4 KiB each, and however many: memory has its own bound. */
START_TEST(test_jar_table_bytes_are_bounded)
{
    flare_cookie_jar *jar = jar_new(0, 0, 16384);
    static char field[4100];

    memset(field, 'v', 4096);
    for (int i = 0; i < 50; i++) {
        char host[32];

        snprintf(host, sizeof(host), "h%d.example", i);
        field[0] = '=';
        ck_assert_int_eq(store(jar, host, field), 0);
        ck_assert_uint_le(jar->bytes, 16384);
    }
    ck_assert_uint_eq(flare_cookie_jar_count(jar), 3);
    flare_cookie_jar_free(jar);
}
END_TEST

/* A domain of a domain of ...: each is asked for by its own name. */
START_TEST(test_jar_table_deep_domains)
{
    flare_cookie_jar *jar = jar_new(0, 0, 0);
    char host[256] = "example.org";
    char field[300];

    for (int i = 0; i < 120; i++) {
        char longer[300];

        snprintf(field, sizeof(field), "n%d=; Domain=%s", i, host);
        snprintf(longer, sizeof(longer), "a.%s", host);
        ck_assert_int_eq(store(jar, host, field), 0);
        memcpy(host, longer, sizeof(host));
    }
    ck_assert_int_eq(flare_cookie_jar_header(
                         jar,
                         &(struct flare_cookie_url){.host = flare_str(host)},
                         NOW, NULL, 0),
                     10 * 5 + 90 * 6 + 20 * 7 - 2);
    ck_assert_uint_eq(flare_cookie_jar_remove(jar, FLARE_STR("a.example.org"),
                                              (struct flare_str){NULL, 0},
                                              (struct flare_str){NULL, 0}),
                      1);
    flare__jar_check(jar);
    flare_cookie_jar_free(jar);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/jar_table");
    TCase *t = tcase_create("jar_table");

    tcase_add_test(t, test_jar_table_domain_gives_up_what_http_may_read_first);
    tcase_add_test(t, test_jar_table_use_keeps);
    tcase_add_test(t, test_jar_table_expired_ones_make_room);
    tcase_add_test(t, test_jar_table_bytes_are_bounded);
    tcase_add_test(t, test_jar_table_deep_domains);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(suite());
}
