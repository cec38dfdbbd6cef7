/* SPDX-License-Identifier: MIT */
/* Options: defaults, ranges, what does not fit together. */
#include "tcp/options.h"

#include "tests/support/test.h"

#include <string.h>

static void on_data(flare_stream *s, struct flare_str data, void *ctx)
{
    (void)s;
    (void)data;
    (void)ctx;
}

static const struct flare_stream_handler handler = {.on_data = on_data};
static const struct flare_stream_handler deaf = {.on_data = NULL};

START_TEST(test_options_zero_is_the_default)
{
    struct flare_tcp_options o;
    struct flare__stream_limits limits;
    struct flare__sock_wishes wishes;

    ck_assert_int_eq(flare__tcp_options_resolve(&o, NULL, NULL), 0);
    ck_assert_uint_eq(o.connect_timeout_ms, 30000);
    ck_assert_uint_eq(o.attempt_timeout_ms, 10000);
    ck_assert_uint_eq(o.attempt_delay_ms, 250);
    ck_assert_uint_eq(o.streams_max, FLARE_UNLIMITED);
    ck_assert_int_eq(o.backlog, 1024);
    limits = flare__tcp_limits(&o);
    ck_assert_uint_eq(limits.read_timeout_ms, FLARE_UNLIMITED);
    ck_assert_uint_eq(limits.write_timeout_ms, 30000);
    ck_assert_uint_eq(limits.close_timeout_ms, 2000);
    ck_assert_uint_eq(limits.queue_max, 1024 * 1024);
    ck_assert_uint_eq(limits.queue_high, 256 * 1024);
    ck_assert_uint_eq(limits.queue_low, 64 * 1024);
    wishes = flare__tcp_wishes(&o);
    ck_assert(wishes.nodelay);
    ck_assert(!wishes.keepalive && !wishes.has_linger);
}
END_TEST

START_TEST(test_options_small_queues_move_the_marks)
{
    const struct flare_tcp_options in = {.queue_max = 1000};
    struct flare_tcp_options o;

    ck_assert_int_eq(flare__tcp_options_resolve(&o, &in, NULL), 0);
    ck_assert_uint_eq(o.queue_high, 1000);
    ck_assert_uint_eq(o.queue_low, 1000);
}
END_TEST

static const struct {
    const char *culprit;
    struct flare_tcp_options in;
} bad[] = {
    {"connect_timeout_ms", {.connect_timeout_ms = 86400001}},
    {"attempt_timeout_ms", {.attempt_timeout_ms = 86400001}},
    {"attempt_delay_ms", {.attempt_delay_ms = 9}},
    {"attempt_delay_ms", {.attempt_delay_ms = 2001}},
    {"attempt_delay_ms", {.attempt_delay_ms = FLARE_UNLIMITED}},
    {"read_timeout_ms", {.read_timeout_ms = 86400001}},
    {"write_timeout_ms", {.write_timeout_ms = 86400001}},
    {"close_timeout_ms", {.close_timeout_ms = FLARE_UNLIMITED}},
    {"queue_max", {.queue_max = (1 << 30) + 1}},
    {"queue_high", {.queue_max = 10, .queue_high = 11}},
    {"queue_low", {.queue_high = 10, .queue_low = 11}},
    {"keepalive_idle_s", {.keepalive_idle_s = 32768}},
    {"keepalive_interval_s", {.keepalive_interval_s = 32768}},
    {"keepalive_count", {.keepalive_count = 128}},
    {"user_timeout_ms", {.user_timeout_ms = 86400001}},
    {"send_buffer_bytes", {.send_buffer_bytes = UINT32_MAX}},
    {"receive_buffer_bytes", {.receive_buffer_bytes = UINT32_MAX}},
    {"linger_s", {.linger_s = 1}},
    {"linger_s", {.linger_s = -1, .has_linger = true}},
    {"backlog", {.backlog = -1}},
    {"family", {.family = (enum flare_dns_family)3}},
};

START_TEST(test_options_out_of_range_are_named)
{
    struct flare_tcp_options o;
    struct flare_error err;

    ck_assert_int_eq(flare__tcp_options_resolve(&o, &bad[_i].in, &err),
                     FLARE_E_BAD_CONFIG);
    ck_assert_msg(strstr(err.text, bad[_i].culprit) != NULL, "%s: %s",
                  bad[_i].culprit, err.text);
    ck_assert_int_eq(flare__tcp_options_resolve(&o, &bad[_i].in, NULL),
                     FLARE_E_BAD_CONFIG);
}
END_TEST

START_TEST(test_options_on_a_loop_need_a_handler)
{
    struct flare_tcp_options in = {.handler = &deaf};
    struct flare_tcp_options o;
    struct flare_error err;

    ck_assert_int_eq(flare__tcp_options_for_loop(&o, NULL, &err),
                     FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(flare__tcp_options_for_loop(&o, &in, &err),
                     FLARE_E_BAD_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "on_data"));
    in.handler = &handler;
    ck_assert_int_eq(flare__tcp_options_for_loop(&o, &in, &err), 0);
}
END_TEST

START_TEST(test_options_unlimited_where_it_may_be)
{
    const struct flare_tcp_options in = {
        .connect_timeout_ms = FLARE_UNLIMITED,
        .attempt_timeout_ms = FLARE_UNLIMITED,
        .read_timeout_ms = FLARE_UNLIMITED,
        .write_timeout_ms = FLARE_UNLIMITED,
        .streams_max = FLARE_UNLIMITED,
        .has_linger = true,
    };
    struct flare_tcp_options o;

    ck_assert_int_eq(flare__tcp_options_resolve(&o, &in, NULL), 0);
    ck_assert_uint_eq(o.write_timeout_ms, FLARE_UNLIMITED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp/options");
    TCase *tc = tcase_create("options");

    tcase_add_test(tc, test_options_zero_is_the_default);
    tcase_add_test(tc, test_options_small_queues_move_the_marks);
    tcase_add_loop_test(tc, test_options_out_of_range_are_named, 0, ROWS(bad));
    tcase_add_test(tc, test_options_on_a_loop_need_a_handler);
    tcase_add_test(tc, test_options_unlimited_where_it_may_be);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
