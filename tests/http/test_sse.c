/* SPDX-License-Identifier: MIT */
/* Server-sent events: their text, their silence, their end. */
#include <flare/sse.h>

#include "http/sse.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 41\r\n\r\n"
#define NEXT "GET /plain HTTP/1.1\r\nHost: h\r\n\r\n"

/* What the handler leaves for the test. */
static struct {
    flare_res *res;
    struct flare_sse_options options;
    int rc;
    int done;
    int done_rc;
    int drains;
    int ticks;
} saw;

static void on_done(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
    saw.done++;
    saw.done_rc = outcome->rc;
}

static int on_stream(flare_req *req, flare_res *res)
{
    if (flare_str_equal(flare_req_path(req), FLARE_STR("/plain")))
        return flare_res_text(res, 200, "plain\n");
    ck_assert_int_eq(flare_res_on_done(res, on_done, NULL), 0);
    ck_assert_int_eq(
        flare_sse_send(res, &(struct flare_sse_event){.data = {"x", 1}}),
        FLARE_E_NOT_STARTED);
    saw.res = res;
    saw.rc = flare_sse_start(res, &saw.options);
    return saw.rc;
}

static struct rig *rig_stream(struct flare_sse_options options)
{
    struct flare_server_config config = {
        .handler = {on_stream, NULL},
        .answer_timeout_ms = 1000, /* not of streams */
    };

    memset(&saw, 0, sizeof(saw));
    saw.options = options;
    return rig_new(&config);
}

static struct rig *rig_open(struct flare_sse_options options)
{
    struct rig *r = rig_stream(options);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    ck_assert_int_eq(saw.rc, FLARE_LATER);
    return r;
}

/* The chunked body so far, decoded. */
static const char *body_of(const struct rig *r)
{
    static char body[1 << 16];
    const char *p = strstr(r->peers[0].got, "\r\n\r\n") + 4;
    size_t len = 0;

    while (*p != '\0') {
        char *end;
        unsigned long size = strtoul(p, &end, 16);

        if (size == 0)
            break;
        memcpy(body + len, end + 2, size);
        len += size;
        p = end + 2 + size + 2;
    }
    body[len] = '\0';
    return body;
}

#define S(text)                                                                \
    {                                                                          \
        (text), sizeof(text) - 1                                               \
    }
#define NONE                                                                   \
    {                                                                          \
        NULL, 0                                                                \
    }

static const struct {
    const char *name;
    struct flare_sse_event event;
    int rc;
    const char *text;
} rows[] = {
    {"data", {NONE, NONE, S("hello")}, 0, "data: hello\n\n"},
    {"all three",
     {S("tick"), S("42"), S("x")},
     0,
     "event: tick\nid: 42\ndata: x\n\n"},
    {"lines by LF", {NONE, NONE, S("a\nb")}, 0, "data: a\ndata: b\n\n"},
    {"lines by CR", {NONE, NONE, S("a\rb")}, 0, "data: a\ndata: b\n\n"},
    {"lines by CRLF", {NONE, NONE, S("a\r\nb")}, 0, "data: a\ndata: b\n\n"},
    {"LF CR are two",
     {NONE, NONE, S("a\n\rb")},
     0,
     "data: a\ndata: \ndata: b\n\n"},
    {"a line end at the end", {NONE, NONE, S("a\n")}, 0, "data: a\ndata: \n\n"},
    {"CR at the end", {NONE, NONE, S("a\r")}, 0, "data: a\ndata: \n\n"},
    {"empty data", {NONE, NONE, S("")}, 0, "data: \n\n"},
    {"a field in data stays data",
     {NONE, NONE, S("a\n\nevent: evil")},
     0,
     "data: a\ndata: \ndata: event: evil\n\n"},
    {"a space is kept", {NONE, NONE, S(" a")}, 0, "data:  a\n\n"},
    {"an empty id forgets", {NONE, S(""), S("a")}, 0, "id: \ndata: a\n\n"},
    {"NUL in data", {NONE, NONE, S("a\0b")}, 0, NULL},
    {"LF in event", {S("a\nb"), NONE, S("x")}, -EINVAL, ""},
    {"CR in event", {S("a\rb"), NONE, S("x")}, -EINVAL, ""},
    {"LF in id", {NONE, S("a\ndata: b"), S("x")}, -EINVAL, ""},
    {"CR in id", {NONE, S("\r"), S("x")}, -EINVAL, ""},
    {"NUL in id", {NONE, S("\0"), S("x")}, -EINVAL, ""},
    {"NUL in event", {S("a\0"), NONE, S("x")}, -EINVAL, ""},
    {"data is no UTF-8", {NONE, NONE, S("\xff")}, -EILSEQ, ""},
    {"id is no UTF-8", {NONE, S("\xc3"), S("x")}, -EILSEQ, ""},
};

START_TEST(test_sse_text_of_an_event)
{
    struct rig *r = rig_open((struct flare_sse_options){0});
    int rc = flare_sse_send(saw.res, &rows[_i].event);

    rig_run(r, 10);
    ck_assert_msg(rc == rows[_i].rc, "%s: %d", rows[_i].name, rc);
    if (rows[_i].text != NULL)
        ck_assert_msg(strcmp(body_of(r), rows[_i].text) == 0, "%s: %s",
                      rows[_i].name, body_of(r));
    ck_assert_int_eq(rig_count(r, 0, "Content-Type: text/event-stream\r\n"), 1);
    ck_assert_int_eq(rig_count(r, 0, "Cache-Control: no-cache\r\n"), 1);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_retry_comes_first)
{
    struct rig *r = rig_open((struct flare_sse_options){.retry_ms = 2500});

    ck_assert_int_eq(flare_sse_comment(saw.res, FLARE_STR("a\nb")), 0);
    rig_run(r, 10);
    ck_assert_str_eq(body_of(r), "retry: 2500\n\n: a\n: b\n");
    rig_free(r);
}
END_TEST

START_TEST(test_sse_an_event_longer_than_the_stack_is_whole)
{
    static char data[5000];
    struct rig *r = rig_open((struct flare_sse_options){0});

    memset(data, 'a', sizeof(data));
    ck_assert_int_eq(
        flare_sse_send(saw.res,
                       &(struct flare_sse_event){.data = {data, 5000}}),
        0);
    rig_run(r, 10);
    ck_assert_uint_eq(strlen(body_of(r)), 5000 + sizeof("data: \n\n") - 1);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_numbers_out_of_range_are_refused)
{
    struct rig *r =
        rig_stream((struct flare_sse_options){.retry_ms = 86400001});

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    ck_assert_int_eq(saw.rc, -EINVAL);
    ck_assert_str_eq(rig_statuses(r, 0), "500");
    rig_free(r);
}
END_TEST

START_TEST(test_sse_silence_is_filled_and_outlives_the_time_of_answers)
{
    struct rig *r = rig_open((struct flare_sse_options){.heartbeat_ms = 2000});

    rig_run(r, 1500);
    ck_assert_int_eq(
        flare_sse_send(saw.res, &(struct flare_sse_event){.data = S("a")}), 0);
    rig_run(r, 1900);
    ck_assert_int_eq(rig_count(r, 0, ":\n\n"), 0);
    rig_run(r, 200);
    ck_assert_int_eq(rig_count(r, 0, ":\n\n"), 1);
    rig_run(r, 60000);
    ck_assert_int_eq(rig_count(r, 0, ":\n\n"), 31);
    ck_assert_int_eq(saw.done, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_the_default_heartbeat_is_15_seconds)
{
    struct rig *r = rig_open((struct flare_sse_options){0});

    rig_run(r, 14900);
    ck_assert_int_eq(rig_count(r, 0, ":\n\n"), 0);
    rig_run(r, 200);
    ck_assert_int_eq(rig_count(r, 0, ":\n\n"), 1);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_K01_a_peer_that_leaves_ends_the_stream)
{
    struct rig *r = rig_open((struct flare_sse_options){.heartbeat_ms = 100});

    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true;
    rig_run(r, 1000);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_int_eq(saw.done_rc, FLARE_E_GONE);
    ck_assert_ptr_null(r->http.streams);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_the_last_of_several_streams_is_not_forgotten)
{
    struct rig *r = rig_stream((struct flare_sse_options){0});

    for (int i = 0; i < 3; i++) {
        rig_connect(r, i);
        rig_text(r, i, GET);
        rig_run(r, 10);
    }
    flare__sim_peer_close(&r->peers[1].peer, /* is_abort = */ true);
    r->peers[1].has_rst = true;
    rig_run(r, 10);
    flare__http_drain(&r->http);
    rig_run(r, 100);
    ck_assert_int_eq(saw.done, 3);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_a_drain_ends_streams_in_order_and_at_once)
{
    struct rig *r = rig_open((struct flare_sse_options){0});

    flare__http_drain(&r->http);
    rig_run(r, 10);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_int_eq(saw.done_rc, 0);
    ck_assert_int_eq(rig_count(r, 0, "\r\n0\r\n\r\n"), 1);
    ck_assert(r->peers[0].has_fin);
    ck_assert_int_eq(
        flare_sse_send(saw.res, &(struct flare_sse_event){.data = S("a")}),
        FLARE_E_GONE);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_one_that_begins_in_a_drain_ends_at_once)
{
    struct rig *r = rig_stream((struct flare_sse_options){0});

    rig_connect(r, 0);
    flare__http_drain_begin(&r->http);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    ck_assert_int_eq(saw.rc, FLARE_OK);
    ck_assert_int_eq(rig_count(r, 0, "\r\n0\r\n\r\n"), 1);
    ck_assert_int_eq(saw.done, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_HEAD_is_answered_and_over)
{
    struct rig *r = rig_stream((struct flare_sse_options){.retry_ms = 1});

    rig_connect(r, 0);
    rig_text(r, 0, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" NEXT);
    rig_run(r, 10);
    ck_assert_int_eq(saw.rc, FLARE_OK);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert_int_eq(rig_count(r, 0, "retry"), 0);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_after_finish_the_connection_goes_on)
{
    struct rig *r = rig_open((struct flare_sse_options){0});

    rig_text(r, 0, NEXT);
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert_int_eq(flare_res_finish(saw.res), 0);
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    rig_free(r);
}
END_TEST

static void on_drain(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
    saw.drains++;
}

START_TEST(test_sse_a_slow_reader_is_felt_and_told_of_room)
{
    static char data[20000];
    struct flare_sse_event event = {.data = {data, sizeof(data)}};
    struct rig *r = rig_open((struct flare_sse_options){.heartbeat_ms = 500});
    int rc = 0;

    memset(data, 'd', sizeof(data));
    flare_res_on_drain(saw.res, on_drain, NULL);
    r->peers[0].is_deaf = true;
    for (int i = 0; i < 100 && rc == 0; i++) {
        rc = flare_sse_send(saw.res, &event);
        rig_run(r, 1);
    }
    ck_assert_int_eq(rc, 1);
    ck_assert_int_eq(flare_sse_send(saw.res, &event), FLARE_E_OUTPUT_FULL);
    rig_run(r, 2000); /* heartbeats find it full, and that is all */
    r->peers[0].is_deaf = false;
    for (int i = 0; i < 1000; i++) {
        r->peers[0].len += flare__sim_peer_recv(
            &r->peers[0].peer, r->peers[0].got + r->peers[0].len, 4096);
        rig_run(r, 1);
    }
    ck_assert_int_ge(saw.drains, 1);
    ck_assert_int_eq(flare_sse_send(saw.res, &event), 0);
    rig_free(r);
}
END_TEST

static int on_echo_id(flare_req *req, flare_res *res)
{
    return flare_res_copy(res, 200, (struct flare_str){NULL, 0},
                          flare_sse_last_event_id(req));
}

START_TEST(test_sse_the_last_event_id_is_read)
{
    struct flare_server_config config = {.handler = {on_echo_id, NULL}};
    struct rig *r = rig_new(&config);

    ck_assert_ptr_nonnull(strstr(rig_ask(r, GET), "\r\n\r\n41"));
    rig_free(r);
}
END_TEST

/* ---- timers of requests, on which periodic events stand ---- */

static void on_tick(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)ctx;
    saw.ticks++;
    ck_assert_int_ge(
        flare_sse_send(res, &(struct flare_sse_event){.data = S("t")}), 0);
    ck_assert_int_eq(flare_res_timer(res, 1000, on_tick, NULL), 0);
}

START_TEST(test_sse_a_timer_that_goes_on_takes_memory_once)
{
    struct rig *r = rig_open((struct flare_sse_options){0});
    size_t before;

    ck_assert_int_eq(flare_res_timer(saw.res, 1000, on_tick, NULL), 0);
    rig_run(r, 1500);
    before = r->fault.live_bytes;
    rig_run(r, 200000);
    ck_assert_int_eq(saw.ticks, 201);
    ck_assert_uint_eq(r->fault.live_bytes, before);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true;
    rig_run(r, 5000);
    ck_assert_int_le(saw.ticks, 202);
    ck_assert_int_eq(flare_res_timer(saw.res, 1, on_tick, NULL),
                     FLARE_E_ALREADY_ANSWERED);
    rig_free(r);
}
END_TEST

START_TEST(test_sse_a_timer_is_moved_and_stopped)
{
    struct rig *r = rig_open((struct flare_sse_options){0});

    ck_assert_int_eq(flare_res_timer(saw.res, 86400001, on_tick, NULL),
                     -EINVAL);
    ck_assert_int_eq(flare_res_timer(saw.res, 0, on_tick, NULL), 0);
    ck_assert_int_eq(flare_res_timer(saw.res, 100, on_tick, NULL), 0);
    ck_assert_int_eq(flare_res_timer(saw.res, 5000, on_tick, NULL), 0);
    rig_run(r, 4900);
    ck_assert_int_eq(saw.ticks, 0);
    rig_run(r, 200);
    ck_assert_int_eq(saw.ticks, 1);
    ck_assert_int_eq(flare_res_timer(saw.res, 0, on_tick, NULL), 0);
    rig_run(r, 5000);
    ck_assert_int_eq(saw.ticks, 1);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/sse");
    TCase *tc = tcase_create("sse");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_sse_text_of_an_event, 0, ROWS(rows));
    tcase_add_test(tc, test_sse_retry_comes_first);
    tcase_add_test(tc, test_sse_an_event_longer_than_the_stack_is_whole);
    tcase_add_test(tc, test_sse_numbers_out_of_range_are_refused);
    tcase_add_test(tc,
                   test_sse_silence_is_filled_and_outlives_the_time_of_answers);
    tcase_add_test(tc, test_sse_the_default_heartbeat_is_15_seconds);
    tcase_add_test(tc, test_sse_K01_a_peer_that_leaves_ends_the_stream);
    tcase_add_test(tc, test_sse_the_last_of_several_streams_is_not_forgotten);
    tcase_add_test(tc, test_sse_a_drain_ends_streams_in_order_and_at_once);
    tcase_add_test(tc, test_sse_one_that_begins_in_a_drain_ends_at_once);
    tcase_add_test(tc, test_sse_HEAD_is_answered_and_over);
    tcase_add_test(tc, test_sse_after_finish_the_connection_goes_on);
    tcase_add_test(tc, test_sse_a_slow_reader_is_felt_and_told_of_room);
    tcase_add_test(tc, test_sse_the_last_event_id_is_read);
    tcase_add_test(tc, test_sse_a_timer_that_goes_on_takes_memory_once);
    tcase_add_test(tc, test_sse_a_timer_is_moved_and_stopped);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
