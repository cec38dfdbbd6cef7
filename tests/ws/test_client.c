/* SPDX-License-Identifier: MIT */
/* A client against our server, on one simulated loop. */
#include "tests/support/test.h"
#include "tests/ws/ws_rig.h"
#include "ws/deflate.h"

#include <flare/ws_client.h>

#include <errno.h>
#include <string.h>

/* What the client's callbacks saw. */
static struct seen {
    flare_ws *ws; /* NULL: gone */
    int opened;
    int failed;
    int closed;
    int messages;
    int pongs;
    int drains;
    uint16_t code;
    char reason[128];
    int status;
    struct flare_error err;
    size_t len;
    char *bytes;
    char doing; /* what is done in a callback, and where */
} seen;

static void do_it(flare_ws *ws, char where)
{
    if (seen.doing != where)
        return;
    flare_ws_abort(ws);
    ck_assert_int_eq(flare_ws_send_text(ws, FLARE_STR("x")), FLARE_E_GONE);
    ck_assert_int_eq(flare_ws_close(ws, 1000, FLARE_STR("")), 0);
}

static void on_open(flare_ws *ws, void *ctx)
{
    ck_assert_ptr_eq(ctx, &seen);
    ck_assert_int_eq(seen.opened++, 0);
    seen.ws = ws;
    do_it(ws, 'o');
}

static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    (void)kind, (void)ctx;
    seen.messages++;
    seen.len = bytes.len;
    seen.bytes = realloc(seen.bytes, bytes.len + 1);
    memcpy(seen.bytes, bytes.ptr, bytes.len);
    seen.bytes[bytes.len] = '\0';
    do_it(ws, 'm');
}

static void on_pong(flare_ws *ws, struct flare_str payload, void *ctx)
{
    (void)ws, (void)ctx;
    if (flare_str_equal(payload, FLARE_STR("p"))) /* else a keep-alive's */
        seen.pongs++;
}

static void on_drain(flare_ws *ws, void *ctx)
{
    (void)ws, (void)ctx;
    seen.drains++;
}

static void on_closed(flare_ws *ws, uint16_t code, struct flare_str reason,
                      void *ctx)
{
    (void)ctx;
    ck_assert_int_eq(seen.closed++ + seen.failed, 0);
    seen.code = code;
    (void)snprintf(seen.reason, sizeof(seen.reason), "%.*s",
                   FLARE_STR_ARG(reason));
    do_it(ws, 'c');
    seen.ws = NULL;
}

static void on_failed(flare_ws *ws, int status, const struct flare_error *err,
                      void *ctx)
{
    ck_assert_ptr_eq(ctx, &seen);
    ck_assert_int_eq(seen.failed++ + seen.closed + seen.opened, 0);
    ck_assert_int_lt(err->code, 0);
    ck_assert_str_ne(err->text, "");
    seen.status = status;
    seen.err = *err;
    do_it(ws, 'f');
    seen.ws = NULL;
}

static struct flare_ws_handler at_client;
static struct flare_ws_handler at_server;
static struct flare_ws_client_config config;

static void reset(void)
{
    free(seen.bytes);
    seen = (struct seen){.code = 0};
}

static void setup(void)
{
    reset();
    at_client = (struct flare_ws_handler){
        .on_open = on_open,
        .on_message = on_message,
        .on_pong = on_pong,
        .on_drain = on_drain,
        .on_closed = on_closed,
    };
    at_server = (struct flare_ws_handler){.on_open = NULL};
    ws_rig_handler(&at_server);
    config = (struct flare_ws_client_config){
        .url = "ws://127.0.0.1/chat",
        .on_failed = on_failed,
    };
}

static void dial(struct rig *r)
{
    struct flare_error err;
    int rc =
        flare_ws_connect(r->loop, &config, &at_client, &seen, &seen.ws, &err);

    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_int_eq(seen.opened + seen.failed + seen.closed, 0);
}

static struct rig *dialled(void)
{
    struct rig *r = ws_rig_new(&at_server);

    dial(r);
    rig_run(r, 20);
    ck_assert_msg(seen.opened == 1, "%s", seen.err.text);
    return r;
}

static void finish(struct rig *r)
{
    if (seen.ws != NULL)
        flare_ws_abort(seen.ws);
    rig_run(r, 50);
    ck_assert_ptr_null(seen.ws);
    ws_rig_free(r);
    reset();
}

START_TEST(test_client_echo_of_every_length_class)
{
    static const size_t lens[] = {0, 1, 125, 126, 1015, 65535, 65536, 300000};
    struct rig *r = dialled();
    char *bytes = malloc(300000);

    for (size_t i = 0; i < 300000; i++)
        bytes[i] = (char)('a' + i % 26);
    for (int i = 0; i < ROWS(lens); i++) {
        ck_assert_int_ge(
            flare_ws_send_binary(seen.ws, (struct flare_str){bytes, lens[i]}),
            0);
        rig_run(r, 200);
        ck_assert_int_eq(seen.messages, i + 1);
        ck_assert_uint_eq(seen.len, lens[i]);
        ck_assert_int_eq(memcmp(seen.bytes, bytes, lens[i]), 0);
    }
    ck_assert_int_eq(flare_ws_close(seen.ws, 4000, FLARE_STR("bye")), 0);
    rig_run(r, 50);
    ck_assert_int_eq(seen.closed, 1);
    ck_assert_uint_eq(seen.code, 4000);
    ck_assert_uint_eq(ws_seen.code, 4000);
    ck_assert_str_eq(ws_seen.reason, "bye");
    free(bytes);
    finish(r);
}
END_TEST

START_TEST(test_client_deflate_and_subprotocol_are_agreed_on)
{
    static const struct flare_str mine[] = {FLARE_STR("a"), FLARE_STR("b")};
    static const struct flare_str theirs[] = {FLARE_STR("b")};
    static const struct flare_ws_deflate kinds[] = {
        {.is_on = true, .min_bytes = 1},
        {.is_on = true, .min_bytes = 1, .no_takeover = true},
        {.is_on = true, .min_bytes = 1, .window_bits = 9},
    };
    char bytes[5000];
    struct rig *r;

    memset(bytes, 'z', sizeof(bytes));
    at_client.deflate = kinds[_i];
    at_client.protocols = mine;
    at_client.protocol_count = 2;
    at_server.deflate =
        (struct flare_ws_deflate){.is_on = true, .min_bytes = 1};
    at_server.protocols = theirs;
    at_server.protocol_count = 1;
    r = dialled();
    ck_assert(flare_str_equal(flare_ws_subprotocol(seen.ws), FLARE_STR("b")));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(flare_ws_send_text(
                             seen.ws, (struct flare_str){bytes, sizeof(bytes)}),
                         0);
        if (flare__ws_deflate_is_here())
            ck_assert_uint_lt(flare_ws_queued(seen.ws), 200);
        rig_run(r, 50);
        ck_assert_uint_eq(seen.len, sizeof(bytes));
    }
    finish(r);
}
END_TEST

START_TEST(test_client_fragments_pings_and_gifts)
{
    struct flare_ws_fragment part = {FLARE_STR("one "), FLARE_WS_TEXT,
                                     .is_first = true};
    struct rig *r = dialled();

    ck_assert_int_eq(flare_ws_send_fragment(seen.ws, &part), 0);
    ck_assert_int_eq(flare_ws_ping(seen.ws, FLARE_STR("p")), 0);
    part = (struct flare_ws_fragment){FLARE_STR("two"), FLARE_WS_TEXT,
                                      .is_last = true};
    ck_assert_int_eq(flare_ws_send_fragment(seen.ws, &part), 0);
    rig_run(r, 20);
    ck_assert_str_eq(seen.bytes, "one two");
    ck_assert_int_eq(seen.pongs, 1);
    ck_assert_int_eq(flare_ws_send_give(seen.ws, FLARE_WS_TEXT,
                                        FLARE_STR("given"), NULL, NULL),
                     0);
    rig_run(r, 20);
    ck_assert_str_eq(seen.bytes, "given");
    ck_assert_int_eq(flare_ws_peer(seen.ws)->kind, FLARE_ADDR_IP);
    finish(r);
}
END_TEST

START_TEST(test_client_may_end_in_any_callback)
{
    struct rig *r = ws_rig_new(&at_server);

    seen.doing = "omcf"[_i];
    if (seen.doing == 'f')
        config.url = "ws://127.0.0.1:81/";
    dial(r);
    rig_run(r, 50);
    if (seen.doing == 'm' || seen.doing == 'c') {
        ck_assert_int_eq(flare_ws_send_text(seen.ws, FLARE_STR("x")), 0);
        rig_run(r, 20);
    }
    if (seen.doing == 'c')
        (void)flare_ws_close(seen.ws, 1000, FLARE_STR(""));
    rig_run(r, 50);
    ck_assert_int_eq(seen.closed + seen.failed, 1);
    finish(r);
}
END_TEST

/* Cancelled after so many turns: before, in and behind the handshake. */
START_TEST(test_client_is_cancelled_in_every_state)
{
    struct rig *r = ws_rig_new(&at_server);

    dial(r);
    for (int i = 0; i < _i; i++)
        ck_assert_int_eq(flare__loop_turn(r->loop, r->loop->now_ns + 1000), 0);
    if (_i % 2 == 0)
        flare_ws_abort(seen.ws);
    else
        (void)flare_ws_close(seen.ws, 1000, FLARE_STR(""));
    rig_run(r, 6000);
    ck_assert_int_eq(seen.closed + seen.failed, 1);
    if (seen.failed)
        ck_assert_int_eq(seen.err.code, -ECANCELED);
    finish(r);
}
END_TEST

START_TEST(test_client_that_nobody_hears_gives_up)
{
    struct rig *r;

    at_client.ping_interval_ms = 100;
    at_client.pong_timeout_ms = 50;
    r = dialled();
    rig_run(r, 1000); /* it is answered */
    ck_assert_int_eq(seen.closed, 0);
    flare_ws_pause(ws_seen.ws);
    rig_run(r, 1000);
    ck_assert_int_eq(seen.closed, 1);
    ck_assert_uint_eq(seen.code, FLARE_WS_CLOSE_ABNORMAL);
    finish(r);
}
END_TEST

START_TEST(test_client_hears_of_a_drain_and_waits_for_no_close)
{
    struct rig *r;

    at_client.close_timeout_ms = 100;
    r = dialled();
    if (_i == 0) {
        flare__http_drain(&r->http);
        rig_run(r, 50);
        ck_assert_uint_eq(seen.code, FLARE_WS_CLOSE_GOING_AWAY);
    } else {
        flare_ws_pause(ws_seen.ws);
        rig_run(r, 10);
        ck_assert_int_eq(flare_ws_close(seen.ws, 1000, FLARE_STR("")), 0);
        rig_run(r, 300);
        ck_assert_uint_eq(seen.code, FLARE_WS_CLOSE_ABNORMAL);
    }
    ck_assert_int_eq(seen.closed, 1);
    finish(r);
}
END_TEST

START_TEST(test_client_queue_fills_and_drains)
{
    static char bytes[100000];
    struct rig *r;

    at_client.queue_max = 250000;
    at_client.queue_high = 90000;
    at_client.queue_low = 1000;
    at_server.message_bytes_max = 1 << 20;
    r = dialled();
    flare_ws_pause(ws_seen.ws);
    ck_assert_int_eq(
        flare_ws_send_binary(seen.ws, (struct flare_str){bytes, sizeof(bytes)}),
        1);
    ck_assert_int_eq(
        flare_ws_send_binary(seen.ws, (struct flare_str){bytes, sizeof(bytes)}),
        1);
    ck_assert_int_eq(
        flare_ws_send_binary(seen.ws, (struct flare_str){bytes, sizeof(bytes)}),
        FLARE_E_OUTPUT_FULL);
    flare_ws_resume(ws_seen.ws);
    rig_run(r, 500);
    ck_assert_int_ge(seen.drains, 1);
    ck_assert_int_eq(seen.messages, 2);
    finish(r);
}
END_TEST

START_TEST(test_client_of_a_hub_masks_what_it_is_sent)
{
    flare_ws_hub *hub;
    struct rig *r = dialled();
    char bytes[3000];

    memset(bytes, 'h', sizeof(bytes));
    ck_assert_int_eq(flare_ws_hub_new(&hub, NULL), 0);
    ck_assert_int_eq(flare_ws_subscribe(seen.ws, hub, FLARE_STR("t")), 0);
    ck_assert_int_eq(flare_ws_publish(hub, FLARE_STR("t"), FLARE_WS_TEXT,
                                      FLARE_STR("to all")),
                     0);
    ck_assert_int_eq(flare_ws_publish(hub, FLARE_STR("t"), FLARE_WS_BINARY,
                                      (struct flare_str){bytes, sizeof(bytes)}),
                     0);
    rig_run(r, 50);
    ck_assert_int_eq(seen.messages, 2); /* the server has sent them back */
    ck_assert_uint_eq(seen.len, sizeof(bytes));
    finish(r);
    flare_ws_hub_free(hub);
}
END_TEST

static const struct flare_field our_field[] = {
    {{"sec-websocket-key", 17}, {"x", 1}}, {{NULL, 0}, {NULL, 0}}};

static const struct bad {
    const char *name;
    struct flare_ws_client_config config;
    int rc;
} bad[] = {
    {"no url", {.url = NULL}, FLARE_E_BAD_URL},
    {"http", {.url = "http://a/"}, FLARE_E_BAD_URL},
    {"userinfo", {.url = "ws://u:p@a/"}, FLARE_E_BAD_URL},
    {"no host", {.url = "ws:///a"}, FLARE_E_BAD_URL},
    {"origin", {.url = "ws://a/", .origin = "a b"}, FLARE_E_BAD_CONFIG},
    {"proxy", {.url = "ws://a/", .proxy = "socks://a"}, FLARE_E_BAD_URL},
    {"time",
     {.url = "ws://a/", .connect_timeout_ms = 86400001},
     FLARE_E_BAD_CONFIG},
    {"field", {.url = "ws://a/", .headers = our_field}, FLARE_E_BAD_HEADER},
};

START_TEST(test_client_refuses_a_bad_configuration)
{
    struct rig *r = ws_rig_new(&at_server);
    struct flare_error err = {.code = 0};

    ck_assert_msg(flare_ws_connect(r->loop, &bad[_i].config, &at_client, &seen,
                                   NULL, &err) == bad[_i].rc,
                  "%s: %d %s", bad[_i].name, err.code, err.text);
    ck_assert_int_eq(err.code, bad[_i].rc);
    ck_assert_str_ne(err.text, "");
    finish(r);
}
END_TEST

/* Site `at` of the rig's memory fails, or all from there on; false: there is no
 * such site. */
static bool torture(enum fault_mode mode, uint64_t at)
{
    struct rig *r = ws_rig_new(&at_server);
    bool has_failed;

    reset();
    r->fault.mode = mode;
    r->fault.at = r->fault.sites + at;
    if (flare_ws_connect(r->loop, &config, &at_client, &seen, &seen.ws, NULL) ==
        0) {
        rig_run(r, 20);
        if (seen.ws != NULL)
            (void)!flare_ws_send_text(seen.ws, FLARE_STR("hello"));
        rig_run(r, 20);
        if (seen.ws != NULL)
            (void)flare_ws_close(seen.ws, 1000, FLARE_STR(""));
        rig_run(r, 50000);
        ck_assert_int_eq(seen.closed + seen.failed, 1);
    }
    has_failed = r->fault.failed > 0;
    fault_disarm(&r->fault);
    ck_assert(has_failed || seen.code == 1000);
    if (seen.opened + seen.failed + seen.closed == 0) { /* and it goes on */
        dial(r);
        rig_run(r, 20);
        ck_assert_int_eq(seen.opened, 1);
    }
    finish(r);
    return has_failed;
}

START_TEST(test_client_every_allocation_fails_in_turn)
{
    uint64_t sites = 1;

    at_client.deflate.is_on = at_server.deflate.is_on = true;
    at_client.deflate.min_bytes = at_server.deflate.min_bytes = 1;
    while (torture(FAULT_ONCE, sites))
        sites++;
    ck_assert_uint_gt(sites, 20);
    for (uint64_t at = 1; torture(FAULT_FROM, at); at++)
        ;
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ws/client");
    TCase *t = tcase_create("client");

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, test_client_echo_of_every_length_class);
    tcase_add_loop_test(t, test_client_deflate_and_subprotocol_are_agreed_on, 0,
                        3);
    tcase_add_test(t, test_client_fragments_pings_and_gifts);
    tcase_add_loop_test(t, test_client_may_end_in_any_callback, 0, 4);
    tcase_add_loop_test(t, test_client_is_cancelled_in_every_state, 0, 24);
    tcase_add_test(t, test_client_that_nobody_hears_gives_up);
    tcase_add_loop_test(t, test_client_hears_of_a_drain_and_waits_for_no_close,
                        0, 2);
    tcase_add_test(t, test_client_queue_fills_and_drains);
    tcase_add_test(t, test_client_of_a_hub_masks_what_it_is_sent);
    tcase_add_loop_test(t, test_client_refuses_a_bad_configuration, 0,
                        ROWS(bad));
    tcase_add_test(t, test_client_every_allocation_fails_in_turn);
    suite_add_tcase(s, t);
    return test_run(s);
}
