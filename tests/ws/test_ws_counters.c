/* SPDX-License-Identifier: MIT */
/* What a worker counts of its WebSockets (flare/stats.h). */
#include "tests/support/test.h"
#include "tests/ws/ws_rig.h"

#include <string.h>

static struct flare_ws_handler handler;
static flare_ws_hub *hub;

static const struct flare_stats *counters_of(const struct rig *r)
{
    return &r->http.counters;
}

static struct rig *rig_open(void)
{
    struct rig *r;

    ws_rig_handler(&handler);
    r = ws_rig_new(&handler);
    ws_rig_open(r, 0);
    return r;
}

static void on_subscribed(flare_ws *ws)
{
    ck_assert_int_eq(flare_ws_subscribe(ws, hub, FLARE_STR("t")), 0);
}

START_TEST(test_ws_counters_of_messages_are_of_what_the_handler_sees)
{
    struct rig *r = rig_open();
    const struct flare_stats *c = counters_of(r);

    ck_assert_uint_eq(c->ws_opened, 1);
    ws_rig_text(r, 0, "hello"); /* comes back */
    ws_rig_frame(r, 0, 0x01, "ab", 2);
    ws_rig_frame(r, 0, 0x89, "ping", 4); /* no message */
    ws_rig_frame(r, 0, 0x80, "c", 1);
    rig_run(r, 10);
    ck_assert_uint_eq(c->ws_messages_in, 2);
    ck_assert_uint_eq(c->ws_messages_out, 2);
    ck_assert_uint_eq(c->ws_bytes_out, 8);
    ck_assert_uint_eq(c->ws_bytes_in, 8);
    ck_assert_uint_eq(c->ws_refused, 0);
    ws_rig_free(r);
}
END_TEST

static const struct {
    const char *name;
    unsigned code; /* of the peer's close; 0: a reset */
    unsigned place;
} closes[] = {
    {"normal", 1000, 0},
    {"away", 1001, 1},
    {"registered", 3000, FLARE_STATS_CLOSE_3XXX},
    {"registered, the last", 3999, FLARE_STATS_CLOSE_3XXX},
    {"private", 4000, FLARE_STATS_CLOSE_4XXX},
    {"private, the last", 4999, FLARE_STATS_CLOSE_4XXX},
    {"not to be sent: a broken rule", 1006, 2},
    {"past all of them: a broken rule", 5000, 2},
};

START_TEST(test_ws_counters_of_closes_are_by_code)
{
    struct rig *r = rig_open();
    const struct flare_stats *c = counters_of(r);
    uint64_t others = 0;

    ws_rig_close(r, 0, closes[_i].code, "");
    rig_run(r, 10);
    ck_assert_uint_eq(c->ws_opened, 1);
    ck_assert_uint_eq(c->ws_closed, 1);
    for (unsigned i = 0; i < FLARE_STATS_CLOSES; i++)
        others += i == closes[_i].place ? 0 : c->ws_closes[i];
    ck_assert_msg(c->ws_closes[closes[_i].place] == 1 && others == 0, "%s",
                  closes[_i].name);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_ws_counters_W27_what_a_full_queue_refuses)
{
    struct rig *r;
    const struct flare_stats *c;
    int sent = 0;

    ck_assert_int_eq(flare_ws_hub_new(&hub, NULL), 0);
    ws_rig_handler(&handler);
    handler.queue_max = 1024;
    r = ws_rig_new(&handler);
    ws_rig_on_open = on_subscribed;
    ws_rig_open(r, 0);
    c = counters_of(r);
    for (; flare_ws_hub_dropped(hub) == 0; sent++) { /* all of one turn */
        static char bytes[600];

        ck_assert_int_lt(sent, 100);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(
                flare_ws_publish(hub, FLARE_STR("t"), FLARE_WS_BINARY,
                                 (struct flare_str){bytes, sizeof(bytes)}),
                0);
        rig_run(r, 1);
    }
    ck_assert_uint_eq(c->ws_refused, flare_ws_hub_dropped(hub));
    ck_assert_uint_gt(c->ws_messages_out, 0);
    ck_assert_uint_eq(c->ws_bytes_out, 600 * c->ws_messages_out);
    ws_rig_free(r);
    flare_ws_hub_free(hub);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/counters");
    TCase *tc = tcase_create("counters");

    tcase_add_test(tc,
                   test_ws_counters_of_messages_are_of_what_the_handler_sees);
    tcase_add_loop_test(tc, test_ws_counters_of_closes_are_by_code, 0,
                        (int)(sizeof(closes) / sizeof(closes[0])));
    tcase_add_test(tc, test_ws_counters_W27_what_a_full_queue_refuses);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
