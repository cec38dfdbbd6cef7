/* SPDX-License-Identifier: MIT */
/* A client's configuration: ranges, texts, who needs no proxy. */
#include "http/client.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define FIELDS(name, value)                                                    \
    {                                                                          \
        {FLARE_STR(name), FLARE_STR(value)},                                   \
        {                                                                      \
            {NULL, 0},                                                         \
            {                                                                  \
                NULL, 0                                                        \
            }                                                                  \
        }                                                                      \
    }

static const struct flare_field host_field[] = FIELDS("Host", "a");
static const struct flare_field bad_value[] = FIELDS("X-A", "b\r\nc");

static const struct {
    const char *name;
    struct flare_client_config config;
    int rc;
    const char *culprit; /* in the sentence */
} bad[] = {
    {"per origin",
     {.connections_per_origin_max = 65537},
     FLARE_E_BAD_CONFIG,
     "connections_per_origin_max"},
    {"in all",
     {.connections_max = 65537},
     FLARE_E_BAD_CONFIG,
     "connections_max"},
    {"idle",
     {.idle_timeout_ms = 86400001},
     FLARE_E_BAD_CONFIG,
     "idle_timeout_ms"},
    {"waiting",
     {.waiting_max = (1 << 20) + 1},
     FLARE_E_BAD_CONFIG,
     "waiting_max"},
    {"connect",
     {.connect_timeout_ms = FLARE_UNLIMITED},
     FLARE_E_BAD_CONFIG,
     "connect_timeout_ms"},
    {"first byte",
     {.first_byte_timeout_ms = 86400001},
     FLARE_E_BAD_CONFIG,
     "first_byte_timeout_ms"},
    {"gap",
     {.between_bytes_timeout_ms = 86400001},
     FLARE_E_BAD_CONFIG,
     "between_bytes_timeout_ms"},
    {"total",
     {.total_timeout_ms = 86400001},
     FLARE_E_BAD_CONFIG,
     "total_timeout_ms"},
    {"redirects", {.redirects_max = 101}, FLARE_E_BAD_CONFIG, "redirects_max"},
    {"head", {.head_bytes_max = 1023}, FLARE_E_BAD_CONFIG, "head_bytes_max"},
    {"fields",
     {.head_fields_max = 10001},
     FLARE_E_BAD_CONFIG,
     "head_fields_max"},
    {"body",
     {.body_bytes_max = 1u << 31},
     FLARE_E_BAD_CONFIG,
     "body_bytes_max"},
    {"ratio",
     {.decoded_ratio_max = (1 << 20) + 1},
     FLARE_E_BAD_CONFIG,
     "decoded_ratio_max"},
    {"a base of another scheme",
     {.base_url = "ftp://a/"},
     FLARE_E_BAD_URL,
     "base_url"},
    {"a relative base", {.base_url = "/a"}, FLARE_E_BAD_URL, "base_url"},
    {"a base with userinfo",
     {.base_url = "http://u:p@a/"},
     FLARE_E_BAD_URL,
     "user"},
    {"a base that is no URL", {.base_url = "http://a b/"}, FLARE_E_BAD_URL, ""},
    {"Host", {.headers = host_field}, FLARE_E_BAD_HEADER, "Host"},
    {"a line end", {.headers = bad_value}, FLARE_E_BAD_HEADER, "X-A"},
    {"a line end in the agent",
     {.user_agent = "a\r\nb"},
     FLARE_E_BAD_HEADER,
     "User-Agent"},
    {"a colon in a user", {.user = "a:b"}, FLARE_E_BAD_HEADER, "user"},
    {"two kinds", {.user = "a", .bearer = "b"}, FLARE_E_BAD_HEADER, "bearer"},
    {"an empty token", {.bearer = ""}, FLARE_E_BAD_HEADER, "bearer"},
    {"a proxy over TLS", {.proxy = "https://a/"}, FLARE_E_BAD_URL, "proxy"},
    {"a proxy without a host", {.proxy = "http:///"}, FLARE_E_BAD_URL, "proxy"},
    {"a proxy's bad host",
     {.proxy = "http://127.1/"},
     FLARE_E_BAD_HOSTNAME,
     "127.1"},
    {"a proxy's bad user",
     {.proxy = "http://a%3Ab:c@p/"},
     FLARE_E_BAD_HEADER,
     "proxy"},
};

START_TEST(test_client_config_what_is_wrong_is_named)
{
    struct flare__client_conf conf;
    struct flare_error err = {.code = 0};
    int rc = flare__client_conf_init(&conf, &flare__allocator_default,
                                     &bad[_i].config, &err);

    ck_assert_msg(rc == bad[_i].rc, "%s: %s", bad[_i].name, err.text);
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(strstr(err.text, bad[_i].culprit) != NULL, "%s: %s",
                  bad[_i].name, err.text);
    ck_assert_ptr_null(strstr(err.text, "p@")); /* never a password */
}
END_TEST

START_TEST(test_client_config_defaults)
{
    const struct flare_client_config config = {.idle_timeout_ms = 0};
    struct flare__client_conf conf;

    ck_assert_int_eq(flare__client_conf_init(&conf, &flare__allocator_default,
                                             &config, NULL),
                     0);
    ck_assert_uint_eq(conf.c.connections_per_origin_max, 6);
    ck_assert_uint_eq(conf.c.connections_max, 100);
    ck_assert_uint_eq(conf.c.waiting_max, 1024);
    ck_assert_uint_eq(conf.c.redirects_max, 10);
    ck_assert_uint_eq(conf.c.head_bytes_max, 300 * 1024);
    ck_assert_uint_eq(conf.c.body_bytes_max, 64 << 20);
    ck_assert_uint_eq(conf.c.connect_timeout_ms, 10000);
    ck_assert_uint_eq(conf.c.total_timeout_ms, 300000);
    ck_assert_uint_eq(conf.field_count, 1);
    flare__client_conf_fini(&conf);
}
END_TEST

START_TEST(test_client_config_an_empty_agent_is_none)
{
    const struct flare_client_config config = {.user_agent = ""};
    struct flare__client_conf conf;

    ck_assert_int_eq(flare__client_conf_init(&conf, &flare__allocator_default,
                                             &config, NULL),
                     0);
    ck_assert_uint_eq(conf.field_count, 0);
    flare__client_conf_fini(&conf);
}
END_TEST

static const struct {
    const char *no_proxy;
    const char *url;
    bool is_direct;
} direct[] = {
    {"a.test", "http://a.test/", true},
    {"a.test", "http://A.TEST/", true},
    {"a.test", "http://b.a.test/", true},
    {".a.test", "http://b.a.test/", true},
    {"a.test", "http://ba.test/", false},
    {"a.test", "http://test/", false},
    {"a.test:8080", "http://a.test:8080/", true},
    {"a.test:8080", "http://a.test/", false},
    {"a.test:443", "https://a.test/", true},
    {"x, a.test ,y", "http://a.test/", true},
    {"*", "http://whatever/", true},
    {"10.0.0.0/8", "http://10.1.2.3/", true},
    {"10.0.0.0/8", "http://11.1.2.3/", false},
    {"10.1.2.3", "http://10.1.2.3:81/", true},
    {"10.1.2.3:80", "http://10.1.2.3:81/", false},
    {"10.0.0.0/8", "http://[::ffff:10.1.2.3]/", true},
    {"fd00::/8", "http://[fd12::1]/", true},
    {"::1", "http://[::1]:99/", true},
    {"[::1]", "http://[::1]:99/", true},
    {"[::1]:80", "http://[::1]:99/", false},
    {"[::1]:99", "http://[::1]:99/", true},
    {"1.2.3.4", "http://a.1.2.3.4.test/", false},
    {"2.3.4", "http://1.2.3.4/", false}, /* an address is no name */
    {"", "http://a.test/", false},
    {" , ", "http://a.test/", false},
    {":80", "http://a.test/", false},
    {"a.test:8x", "http://a.test/", false},
    {"[::1%25eth0]", "http://[::1]/", false}, /* Go CVE-2025-22870 */
};

START_TEST(test_client_config_C15_who_needs_no_proxy)
{
    const struct flare_client_config config = {.proxy = "http://p.test:8080",
                                               .no_proxy = direct[_i].no_proxy};
    struct flare__client_conf conf;
    struct flare_url url;

    ck_assert_int_eq(flare__client_conf_init(&conf, &flare__allocator_default,
                                             &config, NULL),
                     0);
    ck_assert_int_eq(flare_url_parse(&url, flare_str(direct[_i].url), NULL), 0);
    ck_assert_msg(flare__client_is_direct(&conf, &url) == direct[_i].is_direct,
                  "%s: %s", direct[_i].no_proxy, direct[_i].url);
    flare__client_conf_fini(&conf);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    static const struct flare_field fields[] = FIELDS("X-A", "b");
    const struct flare_client_config config = {
        .base_url = "http://A.test/x/../y/",
        .headers = fields,
        .user = "u",
        .password = "p",
        .proxy = "http://a:b@p.test:8080",
        .no_proxy = "c.test",
    };
    struct flare__client_conf conf;
    int rc = flare__client_conf_init(&conf, &f->al, &config, NULL);

    (void)ctx;
    if (rc < 0)
        return rc;
    ck_assert(flare_str_equal(conf.auth, FLARE_STR("Basic dTpw")));
    ck_assert(flare_str_equal(conf.proxy_auth, FLARE_STR("Basic YTpi")));
    ck_assert(flare_str_equal(conf.base.host, FLARE_STR("a.test")));
    ck_assert(flare_str_equal(conf.base.path, FLARE_STR("/y/")));
    ck_assert_uint_eq(conf.field_count, 2);
    flare__client_conf_fini(&conf);
    return 0;
}

START_TEST(test_client_config_without_memory)
{
    (void)fault_each("client_config", scenario, NULL);
}
END_TEST

Suite *client_config_suite(void);

Suite *client_config_suite(void)
{
    Suite *s = suite_create("client_config");
    TCase *t = tcase_create("config");

    tcase_add_loop_test(t, test_client_config_what_is_wrong_is_named, 0,
                        ROWS(bad));
    tcase_add_test(t, test_client_config_defaults);
    tcase_add_test(t, test_client_config_an_empty_agent_is_none);
    tcase_add_loop_test(t, test_client_config_C15_who_needs_no_proxy, 0,
                        ROWS(direct));
    tcase_add_test(t, test_client_config_without_memory);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(client_config_suite());
}
