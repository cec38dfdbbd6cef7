/* SPDX-License-Identifier: MIT */
/* What a handler's numbers come to, and which are refused. */
#include "tests/support/fault.h"
#include "tests/support/test.h"
#include "ws/end.h"

#include <string.h>

static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    (void)ws;
    (void)kind;
    (void)bytes;
    (void)ctx;
}

static void on_fragment(flare_ws *ws, const struct flare_ws_fragment *fragment,
                        void *ctx)
{
    (void)ws;
    (void)fragment;
    (void)ctx;
}

static const struct flare_str bad_protocol[] = {{"a b", 3}};
static const struct flare_str an_origin[] = {{"https://a", 9}};

static bool any_origin(struct flare_str origin, struct flare_str host,
                       void *ctx)
{
    (void)origin;
    (void)host;
    (void)ctx;
    return true;
}

#define ON .on_message = on_message

static const struct {
    const char *says; /* a part of the sentence; NULL: it is fine */
    struct flare_ws_handler handler;
} rows[] = {
    {NULL, {ON}},
    {NULL, {.on_fragment = on_fragment}},
    {NULL, {ON, .ping_interval_ms = FLARE_UNLIMITED}},
    {NULL, {ON, .queue_max = 1000}},
    {NULL, {ON, .deflate = {.is_on = true, .window_bits = 9, .level = 9}}},
    {"on_message and on_fragment", {.on_message = NULL}},
    {"on_message and on_fragment", {ON, .on_fragment = on_fragment}},
    {"message_bytes_max", {ON, .message_bytes_max = (1 << 30) + 1}},
    {"queue_max is", {ON, .queue_max = (1 << 30) + 1}},
    {"queue_high", {ON, .queue_max = 1000, .queue_high = 1001}},
    {"queue_low", {ON, .queue_high = 1000, .queue_low = 1001}},
    {"ping_interval_ms", {ON, .ping_interval_ms = 86400001}},
    {"pong_timeout_ms", {ON, .pong_timeout_ms = FLARE_UNLIMITED}},
    {"close_timeout_ms", {ON, .close_timeout_ms = 86400001}},
    {"window_bits", {ON, .deflate = {.window_bits = 8}}},
    {"window_bits", {ON, .deflate = {.window_bits = 16}}},
    {"level", {ON, .deflate = {.level = 10}}},
    {"64 protocols", {ON, .protocol_count = 65}},
    {"no token", {ON, .protocols = bad_protocol, .protocol_count = 1}},
    {"exclude",
     {ON, .origin_fn = any_origin, .origins = an_origin, .origin_count = 1}},
};

START_TEST(test_end_names_the_culprit)
{
    struct flare_error err = {0};
    int rc = flare_ws_check(&rows[_i].handler, &err);

    ck_assert_int_eq(rc, rows[_i].says == NULL ? 0 : FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(flare_ws_check(&rows[_i].handler, NULL), rc);
    if (rows[_i].says != NULL)
        ck_assert_msg(strstr(err.text, rows[_i].says) != NULL, "%s", err.text);
}
END_TEST

START_TEST(test_end_has_the_defaults_of_the_header)
{
    const struct flare_ws_handler handler = {ON};
    struct flare__ws_end end;

    ck_assert_int_eq(flare__ws_end_resolve(&end, &handler, NULL), 0);
    ck_assert_uint_eq(end.rules.message_bytes_max, 16 << 20);
    ck_assert_uint_eq(end.rules.message_frames_max, 16384);
    ck_assert_uint_eq(end.queue_max, 1 << 20);
    ck_assert_uint_eq(end.queue_high, 256 * 1024);
    ck_assert_uint_eq(end.queue_low, 64 * 1024);
    ck_assert_uint_eq(end.ping_interval_ms, 30000);
    ck_assert_uint_eq(end.pong_timeout_ms, 20000);
    ck_assert_uint_eq(end.close_timeout_ms, 5000);
    ck_assert_uint_eq(end.deflate_min_bytes, 256);
    ck_assert_uint_eq(end.deflate_level, 4);
    ck_assert_uint_eq(end.wish.server_max_window_bits, 15);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/end");
    TCase *tc = tcase_create("end");

    tcase_add_loop_test(tc, test_end_names_the_culprit, 0, ROWS(rows));
    tcase_add_test(tc, test_end_has_the_defaults_of_the_header);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
