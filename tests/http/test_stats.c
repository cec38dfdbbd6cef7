/* SPDX-License-Identifier: MIT */
/* What a worker counts is what others read. */
#include "http/stats.h"

#include "base/alloc.h"
#include "http/memory.h"
#include "tests/support/test.h"

#include <string.h>

START_TEST(test_stats_every_number_is_published_in_its_place)
{
    static struct flare__http h;
    static struct flare__stats_cell cell;
    struct flare__listener listeners[2] = {{.pauses = 10}, {.pauses = 6}};
    struct flare_stats s = {0};

    h.counters = (struct flare_stats){
        .accepted = 1,
        .closed = 2,
        .requests = 3,
        .responses = 26, /* the rest of them are 2xx */
        .responses_3xx = 6,
        .responses_4xx = 7,
        .responses_5xx = 8,
        .refused = 9,
        .timeouts = 10,
        .aborted = 11,
        .shed = 12,
        .bytes_in = UINT64_MAX,
        .bytes_out = 14,
    };
    h.conns.live = 15;
    h.listeners = listeners;
    h.listener_count = 2;
    flare__stats_publish(&cell, &h, 17);
    flare__stats_add(&cell, &s);
    ck_assert_uint_eq(s.accepted, 1);
    ck_assert_uint_eq(s.closed, 2);
    ck_assert_uint_eq(s.requests, 3);
    ck_assert_uint_eq(s.responses, 26);
    ck_assert_uint_eq(s.responses_2xx, 5);
    ck_assert_uint_eq(s.responses_3xx, 6);
    ck_assert_uint_eq(s.responses_4xx, 7);
    ck_assert_uint_eq(s.responses_5xx, 8);
    ck_assert_uint_eq(s.refused, 9);
    ck_assert_uint_eq(s.timeouts, 10);
    ck_assert_uint_eq(s.aborted, 11);
    ck_assert_uint_eq(s.shed, 12);
    ck_assert_uint_eq(s.bytes_in, UINT64_MAX);
    ck_assert_uint_eq(s.bytes_out, 14);
    ck_assert_uint_eq(s.connections, 15);
    ck_assert_uint_eq(s.accept_pauses, 16);
    ck_assert_uint_eq(s.turns, 17);
}
END_TEST

START_TEST(test_stats_K13_workers_are_added_up)
{
    static struct flare__http h;
    static struct flare__stats_cell cells[3];
    struct flare_stats s = {0};

    for (uint32_t i = 0; i < 3; i++) {
        h.conns.live = i + 1;
        flare__stats_publish(&cells[i], &h, 10);
        flare__stats_publish(&cells[i], &h, 20); /* in place of the first */
        flare__stats_add(&cells[i], &s);
    }
    ck_assert_uint_eq(s.connections, 6);
    ck_assert_uint_eq(s.turns, 60);
}
END_TEST

START_TEST(test_stats_of_memory_and_websockets_once_there_are_some)
{
    static struct flare__http h;
    static struct flare__stats_cell cell;
    struct flare__memory memory = {.used = 5, .max = 9};
    struct flare_stats s = {0};

    h.counters.ws_refused = 4; /* nobody can have refused one yet */
    flare__stats_publish(&cell, &h, 1);
    flare__stats_add(&cell, &s);
    ck_assert_uint_eq(s.ws_refused, 0);
    h.memory = &memory;
    h.counters.ws_opened = 7;
    h.counters.ws_closed = 2;
    h.counters.ws_closes[FLARE_STATS_CLOSE_OTHER] = 2;
    flare__stats_publish(&cell, &h, 1);
    flare__stats_add(&cell, &s);
    ck_assert_uint_eq(s.memory_used, 5);
    ck_assert_uint_eq(s.memory_max, 9);
    ck_assert_uint_eq(s.ws_connections, 5);
    ck_assert_uint_eq(s.ws_opened, 7);
    ck_assert_uint_eq(s.ws_refused, 4);
    ck_assert_uint_eq(s.ws_closes[FLARE_STATS_CLOSE_OTHER], 2);
}
END_TEST

static Suite *stats_suite(void)
{
    Suite *suite = suite_create("http/stats");
    TCase *tc = tcase_create("stats");

    tcase_add_test(tc, test_stats_every_number_is_published_in_its_place);
    tcase_add_test(tc, test_stats_K13_workers_are_added_up);
    tcase_add_test(tc, test_stats_of_memory_and_websockets_once_there_are_some);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(stats_suite());
}
