/* SPDX-License-Identifier: MIT */
/* Defaults, ranges and contradictions of a configuration. */
#include "http/config.h"

#include "tests/support/test.h"

#include <string.h>

static int nothing(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "");
}

static struct flare_server_config valid(void)
{
    return (struct flare_server_config){
        .listen = "127.0.0.1:0",
        .handler = {nothing, NULL},
    };
}

START_TEST(test_config_zero_means_the_documented_default)
{
    struct flare_server_config c = valid();

    ck_assert_int_eq(flare__config_resolve(&c, 1024, NULL), 0);
    ck_assert_uint_eq(c.workers, 1);
    ck_assert_uint_eq(c.target_bytes_max, 8192);
    ck_assert_uint_eq(c.fields_bytes_max, 8192);
    ck_assert_uint_eq(c.fields_max, 100);
    ck_assert_uint_eq(c.body_bytes_max, 10 * 1024 * 1024);
    ck_assert_uint_eq(c.connections_max, 1024 - 64);
    ck_assert_uint_eq(c.head_timeout_ms, 10000);
    ck_assert_uint_eq(c.body_gap_ms, 30000);
    ck_assert_uint_eq(c.idle_timeout_ms, 60000);
    ck_assert_uint_eq(c.send_timeout_ms, 30000);
    ck_assert_uint_eq(c.drain_timeout_ms, 30000);
    ck_assert_uint_eq(c.requests_per_connection_max, FLARE_UNLIMITED);
    ck_assert_str_eq(c.server_name, "flare");
    ck_assert_ptr_nonnull(c.allocator.alloc_fn);
}
END_TEST

/* One wrong member each: M12 of the failure catalogue. */
#define WRONG(member, value, culprit)                                          \
    {                                                                          \
#member, offsetof(struct flare_server_config, member), value, culprit  \
    }

static const struct {
    const char *name;
    size_t offset;
    uint32_t value;
    const char *text;
} wrong[] = {
    WRONG(workers, 1025, "workers is 1025; it must be from 1 to 1024"),
    WRONG(target_bytes_max, 15, "target_bytes_max is 15"),
    WRONG(fields_bytes_max, 63, "fields_bytes_max is 63"),
    WRONG(fields_max, 10001, "fields_max is 10001"),
    WRONG(body_bytes_max, 1024u * 1024 * 1024 + 1, "body_bytes_max is"),
    WRONG(chunk_overhead_max, 1, "chunk_overhead_max is 1"),
    WRONG(output_bytes_max, 1023, "output_bytes_max is 1023"),
    WRONG(worker_memory_max, 1048575, "worker_memory_max is 1048575"),
    WRONG(stall_ms, 60001, "stall_ms is 60001"),
    WRONG(stall_abort_ms, 100, "stall_abort_ms needs stall_ms"),
    WRONG(head_timeout_ms, 86400001, "head_timeout_ms is 86400001"),
    WRONG(idle_timeout_ms, UINT32_MAX, "idle_timeout_ms is 4294967295"),
    WRONG(drain_timeout_ms, 86400001, "drain_timeout_ms is 86400001"),
};

START_TEST(test_config_a_number_out_of_range_is_named)
{
    struct flare_server_config c = valid();
    struct flare_error err;

    memcpy((char *)&c + wrong[_i].offset, &wrong[_i].value, sizeof(uint32_t));
    ck_assert_int_eq(flare__config_resolve(&c, 1024, &err), FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(err.code, FLARE_E_BAD_CONFIG);
    ck_assert_msg(strstr(err.text, wrong[_i].text) != NULL, "%s: \"%s\"",
                  wrong[_i].name, err.text);
}
END_TEST

START_TEST(test_config_what_contradicts_itself_is_refused)
{
    static const struct flare_route routes[] = {FLARE_GET("/", nothing)};
    struct flare_server_config c = valid();
    struct flare_error err;

    c.routes = FLARE_ROUTES(routes);
    ck_assert_int_eq(flare__config_resolve(&c, 1024, &err), FLARE_E_BAD_CONFIG);
    ck_assert_str_eq(err.text, "give either routes or a handler");
    c = valid();
    c.handler.fn = NULL;
    ck_assert_int_eq(flare__config_resolve(&c, 1024, &err), FLARE_E_BAD_CONFIG);
    c = valid();
    c.listen = NULL;
    ck_assert_int_eq(flare__config_resolve(&c, 1024, &err), FLARE_E_BAD_CONFIG);
    ck_assert_str_eq(err.text, "listen is not given");
    c = valid();
    c.allocator.ctx = &c;
    c.allocator.alloc_fn = (void *(*)(size_t, void *))(uintptr_t)1;
    ck_assert_int_eq(flare__config_resolve(&c, 1024, &err), FLARE_E_BAD_CONFIG);
}
END_TEST

/* Words about whom to believe that would have no effect are mistakes. */
static const struct {
    const char *trusted;
    int forwarded;
    bool is_proxied;
    const char *text; /* NULL: it is right */
} trusts[] = {
    {NULL, FLARE_FORWARDED_NONE, false, NULL},
    {NULL, FLARE_FORWARDED_NONE, true, NULL},
    {"unix", FLARE_FORWARDED_NONE, true, NULL},
    {"::1", FLARE_FORWARDED_X, false, NULL},
    {"::1", FLARE_FORWARDED_X_REAL_IP, true, NULL},
    {NULL, FLARE_FORWARDED_X, false, "forwarded needs trusted"},
    {NULL, FLARE_FORWARDED_STANDARD, true, "forwarded needs trusted"},
    {"::1", FLARE_FORWARDED_NONE, false, "trusted needs forwarded or"},
    {"::1", FLARE_FORWARDED_X_REAL_IP + 1, false, "forwarded is 4; there"},
    {"::1", -1, false, "forwarded is -1; there"},
    {"::1/200", FLARE_FORWARDED_X, false, "trusted: "},
    {"", FLARE_FORWARDED_X, false, "trusted: "},
};

START_TEST(test_config_whom_to_believe_is_said_with_effect)
{
    struct flare_server_config c = valid();
    struct flare_error err = {0};
    struct flare__http_options o;
    int rc;

    c.trusted = trusts[_i].trusted;
    c.forwarded = (enum flare_forwarded)trusts[_i].forwarded;
    c.proxy_protocol = trusts[_i].is_proxied;
    rc = flare__config_resolve(&c, 1024, &err);
    if (trusts[_i].text != NULL) {
        ck_assert_int_eq(rc, FLARE_E_BAD_CONFIG);
        ck_assert_msg(strstr(err.text, trusts[_i].text) != NULL, "\"%s\"",
                      err.text);
        return;
    }
    ck_assert_msg(rc == 0, "row %d: %s", _i, err.text);
    flare__config_options(&o, &c);
    ck_assert(o.has_proxy_header == trusts[_i].is_proxied);
    ck_assert_int_eq((int)o.forwarded, trusts[_i].forwarded);
    ck_assert(o.trust.is_given == (trusts[_i].trusted != NULL));
}
END_TEST

static const char *const bad_names[] = {"a\r\nb", " a", "a ", "a\x7f", "\t"};

START_TEST(test_config_H42_server_name_cannot_inject_a_field)
{
    struct flare_server_config c = valid();

    c.server_name = bad_names[_i];
    ck_assert_int_eq(flare__config_resolve(&c, 1024, NULL), FLARE_E_BAD_CONFIG);
}
END_TEST

START_TEST(test_config_connections_are_shared_out_to_the_workers)
{
    struct flare_server_config c = valid();
    struct flare__http_options o;

    c.workers = 4;
    c.connections_max = 10;
    ck_assert_int_eq(flare__config_resolve(&c, 1024, NULL), 0);
    flare__config_options(&o, &c);
    ck_assert_uint_eq(o.connections_max, 2);
    c.connections_max = 2;
    flare__config_options(&o, &c);
    ck_assert_uint_eq(o.connections_max, 1);
}
END_TEST

START_TEST(test_config_rate_can_be_switched_off)
{
    struct flare_server_config c = valid();
    struct flare__http_options o;

    c.body_rate_min = FLARE_UNLIMITED;
    ck_assert_int_eq(flare__config_resolve(&c, 1024, NULL), 0);
    flare__config_options(&o, &c);
    ck_assert_uint_eq(o.body_rate_min, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/config");
    TCase *t = tcase_create("config");

    tcase_add_test(t, test_config_zero_means_the_documented_default);
    tcase_add_loop_test(t, test_config_a_number_out_of_range_is_named, 0,
                        ROWS(wrong));
    tcase_add_test(t, test_config_what_contradicts_itself_is_refused);
    tcase_add_loop_test(t, test_config_whom_to_believe_is_said_with_effect, 0,
                        ROWS(trusts));
    tcase_add_loop_test(t, test_config_H42_server_name_cannot_inject_a_field, 0,
                        ROWS(bad_names));
    tcase_add_test(t, test_config_connections_are_shared_out_to_the_workers);
    tcase_add_test(t, test_config_rate_can_be_switched_off);
    suite_add_tcase(s, t);
    return test_run(s);
}
