/* SPDX-License-Identifier: MIT */
/* Publish and subscribe: who gets what, whoever comes, goes or does not read.
 */
#include "tests/support/test.h"
#include "tests/ws/ws_rig.h"
#include "ws/conn.h"

#include <errno.h>
#include <string.h>

static struct flare_ws_handler plain;
static struct flare_ws_handler narrow;
static flare_ws_hub *hub;
static struct fault hub_fault; /* its memory */
static flare_ws *peers[RIG_PEERS];
static int peer_count;

#define NEWS FLARE_STR("news")

static void note_peer(flare_ws *ws)
{
    peers[peer_count++ % RIG_PEERS] = ws;
}

static struct rig *rig_hub(const struct flare_ws_handler *h, int count)
{
    struct rig *r = ws_rig_new(h);

    peer_count = 0;
    fault_init(&hub_fault, FAULT_NEVER, 0);
    ck_assert_int_eq(flare_ws_hub_new(&hub, &hub_fault.al), 0);
    ws_rig_on_open = note_peer;
    for (int i = 0; i < count; i++)
        ws_rig_open(r, i);
    ck_assert_int_eq(peer_count, count);
    return r;
}

/* What is still posted goes with the loop. */
static void end(struct rig *r)
{
    ws_rig_free(r);
    flare_ws_hub_free(hub);
    fault_fini(&hub_fault, "hub");
}

static int publish(const char *text)
{
    return flare_ws_publish(hub, NEWS, FLARE_WS_TEXT, flare_str(text));
}

START_TEST(test_hub_subscribers_get_it_and_others_do_not)
{
    struct rig *r = rig_hub(&plain, 3);

    ck_assert_int_eq(publish("nobody"), 0);
    ck_assert_int_eq(flare_ws_subscribe(peers[0], hub, NEWS), 0);
    ck_assert_int_eq(flare_ws_subscribe(peers[0], hub, NEWS), 0); /* once */
    ck_assert_int_eq(flare_ws_subscribe(peers[1], hub, NEWS), 0);
    ck_assert_int_eq(flare_ws_subscribe(peers[2], hub, FLARE_STR("new")), 0);
    ck_assert_int_eq(publish("one"), 0);
    ck_assert_int_eq(publish("two"), 0);
    rig_run(r, 10);
    flare_ws_unsubscribe(peers[0], hub, NEWS);
    flare_ws_unsubscribe(peers[0], hub, NEWS);
    ck_assert_int_eq(publish("three"), 0);
    rig_run(r, 10);
    ck_assert_str_eq(ws_rig_got(r, 0), "T:one T:two");
    ck_assert_str_eq(ws_rig_got(r, 1), "T:one T:two T:three");
    ck_assert_str_eq(ws_rig_got(r, 2), "");
    ck_assert_ptr_null(peers[0]->reader); /* at rest again */
    end(r);
}
END_TEST

START_TEST(test_hub_what_cannot_be_said)
{
    struct rig *r = rig_hub(&plain, 1);
    char name[257];

    memset(name, 'n', sizeof(name));
    ck_assert_int_eq(flare_ws_subscribe(peers[0], hub, FLARE_STR("")),
                     FLARE_E_RANGE);
    ck_assert_int_eq(
        flare_ws_subscribe(peers[0], hub, (struct flare_str){name, 256}),
        FLARE_E_RANGE);
    ck_assert_int_eq(flare_ws_publish(hub, (struct flare_str){name, 256},
                                      FLARE_WS_TEXT, NEWS),
                     FLARE_E_RANGE);
    ck_assert_int_eq(publish("\xff"), FLARE_E_WS_TEXT);
    ck_assert_ptr_null(peers[0]->reader);
    for (int i = 0; i < 1024; i++) {
        (void)snprintf(name, sizeof(name), "topic %d", i);
        ck_assert_int_eq(flare_ws_subscribe(peers[0], hub, flare_str(name)), 0);
    }
    ck_assert_int_eq(flare_ws_subscribe(peers[0], hub, NEWS),
                     FLARE_E_OVERLOADED);
    ck_assert_int_eq(flare_ws_publish(hub, FLARE_STR("topic 777"),
                                      FLARE_WS_BINARY, FLARE_STR("x")),
                     0);
    rig_run(r, 10);
    ck_assert_str_eq(ws_rig_got(r, 0), "B:x");
    flare_ws_abort(peers[0]);
    ck_assert_int_eq(flare_ws_subscribe(peers[0], hub, NEWS), FLARE_E_GONE);
    end(r);
}
END_TEST

START_TEST(test_hub_W26_peers_come_and_go)
{
    struct rig *r = rig_hub(&plain, 3);

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(flare_ws_subscribe(peers[i], hub, NEWS), 0);
    ws_rig_close(r, 1, 1000, "");
    rig_run(r, 10);
    flare_ws_abort(peers[2]);
    ck_assert_int_eq(publish("left"), 0);
    rig_run(r, 10);
    ck_assert_str_eq(ws_rig_got(r, 0), "T:left");
    ck_assert_uint_eq(flare_ws_hub_dropped(hub), 0);
    ck_assert_int_eq(publish("too late"), 0); /* the loop ends before */
    end(r);
}
END_TEST

/* W27: one block for all, a bound for each. */
START_TEST(test_hub_W27_a_slow_one_does_not_hold_up_the_others)
{
    struct rig *r = rig_hub(&narrow, 3);
    static char bytes[8000];

    memset(bytes, 'b', sizeof(bytes));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(flare_ws_subscribe(peers[i], hub, NEWS), 0);
    r->peers[0].is_deaf = true;
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(
            flare_ws_publish(hub, NEWS, FLARE_WS_BINARY,
                             (struct flare_str){bytes, sizeof(bytes)}),
            0);
        rig_run(r, 2);
        ck_assert_uint_le(flare_ws_queued(peers[0]), 20000);
    }
    ck_assert_uint_gt(flare_ws_hub_dropped(hub), 10);
    ck_assert_uint_le(hub_fault.peak_bytes, 8 * sizeof(bytes));
    ck_assert_uint_gt(r->peers[1].len, 100 * sizeof(bytes));
    ck_assert_uint_eq(r->peers[1].len, r->peers[2].len);
    end(r);
}
END_TEST

/* Every allocation of a publisher fails in turn, and of a subscriber. */
static int scenario_hub(struct fault *f, void *ctx)
{
    struct rig *r = ctx;
    flare_ws_hub *own;
    int rc = flare_ws_hub_new(&own, &f->al);

    if (rc < 0)
        return rc;
    rc = flare_ws_publish(own, NEWS, FLARE_WS_TEXT, NEWS);
    ck_assert_int_eq(rc, 0); /* nobody is there: no memory */
    flare_ws_hub_free(own);
    (void)r;
    return rc;
}

START_TEST(test_hub_memory_may_be_short)
{
    struct rig *r = rig_hub(&plain, 2);
    uint64_t at;
    int rc = -1;

    (void)fault_each("hub", scenario_hub, r);
    for (at = 1; rc < 0; at++) { /* reader, desk, buckets, sub, topic */
        r->fault.mode = FAULT_ONCE;
        r->fault.at = r->fault.sites + at;
        rc = flare_ws_subscribe(peers[0], hub, NEWS);
        fault_disarm(&r->fault);
        ck_assert(rc == 0 || rc == -ENOMEM);
        ck_assert(rc == 0 || peers[0]->reader == NULL);
    }
    ck_assert_uint_ge(at, 4);
    hub_fault.mode = FAULT_ONCE;
    hub_fault.at = hub_fault.sites + 1;
    ck_assert_int_eq(publish("lost"), -ENOMEM);
    ck_assert_int_eq(publish("kept"), 0);
    rig_run(r, 10);
    ck_assert_str_eq(ws_rig_got(r, 0), "T:kept");
    end(r);
}
END_TEST

/* In a callback: subscribing while a message is looked at. */
static void subscribe_now(flare_ws *ws, struct flare_str bytes)
{
    ck_assert_int_eq(flare_ws_subscribe(ws, hub, bytes), 0);
    ck_assert_int_eq(
        flare_ws_publish(hub, bytes, FLARE_WS_TEXT, FLARE_STR("welcome")), 0);
    flare_ws_unsubscribe(ws, hub, FLARE_STR("other"));
}

START_TEST(test_hub_W26_in_a_callback)
{
    struct rig *r = rig_hub(&plain, 1);
    char wire[64];
    size_t len = ws_rig_put(wire, 0x81, "news", 4);

    len += ws_rig_put(wire + len, 0x81, "other", 5);
    ws_rig_on_message = subscribe_now;
    rig_send(r, 0, wire, len);
    rig_run(r, 10);
    ck_assert_str_eq(ws_rig_got(r, 0), "T:welcome");
    flare_ws_unsubscribe(peers[0], hub, NEWS);
    ck_assert_ptr_null(peers[0]->reader);
    end(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/hub");
    TCase *tc = tcase_create("hub");

    ws_rig_handler(&plain);
    narrow = plain;
    narrow.queue_max = 20000;
    narrow.queue_high = 10000;
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_hub_subscribers_get_it_and_others_do_not);
    tcase_add_test(tc, test_hub_what_cannot_be_said);
    tcase_add_test(tc, test_hub_W26_peers_come_and_go);
    tcase_add_test(tc, test_hub_W27_a_slow_one_does_not_hold_up_the_others);
    tcase_add_test(tc, test_hub_W26_in_a_callback);
    tcase_add_test(tc, test_hub_memory_may_be_short);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
