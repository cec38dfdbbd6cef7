/* SPDX-License-Identifier: MIT */
/* The blocking client, against a scripted server on real sockets. */
#include <flare/flare.h>

#include "tests/http/script_rig.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct script server;

static void is_text(struct flare_str got, const char *wanted)
{
    ck_assert_uint_eq(got.len, strlen(wanted));
    ck_assert_mem_eq(got.ptr, wanted, got.len);
}

static void finish_server(void)
{
    script_finish(&server);
}

/* ---- by method ---- */

typedef int (*plain_fn)(const char *url, flare_reply **out,
                        struct flare_error *err);
typedef int (*body_fn)(const char *url, const char *type, struct flare_str body,
                       flare_reply **out, struct flare_error *err);

static const struct {
    const char *method;
    plain_fn plain;
    body_fn body;
} methods[] = {
    {"GET", flare_get, NULL},       {"HEAD", flare_head, NULL},
    {"DELETE", flare_delete, NULL}, {"POST", NULL, flare_post},
    {"PUT", NULL, flare_put},       {"PATCH", NULL, flare_patch},
};

START_TEST(test_once_by_method)
{
    static const struct script_answer answers[] = {{OK, 0, false},
                                                   {NULL, 0, false}};
    struct flare_error err;
    flare_reply *reply;
    char line[64];
    int rc;

    script_start(&server, answers);
    rc = methods[_i].plain != NULL
             ? methods[_i].plain(script_url(&server, "/a"), &reply, &err)
             : methods[_i].body(script_url(&server, "/a"), "text/x",
                                FLARE_STR("body"), &reply, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_int_eq(flare_reply_status(reply), 200);
    is_text(flare_reply_body(reply),
            strcmp(methods[_i].method, "HEAD") == 0 ? "" : "hello");
    (void)snprintf(line, sizeof(line), "%s /a HTTP/1.1\r\n",
                   methods[_i].method);
    ck_assert_mem_eq(server.asked[0], line, strlen(line));
    if (methods[_i].body != NULL) {
        ck_assert_ptr_nonnull(
            strstr(server.asked[0], "\r\nContent-Type: text/x\r\n"));
        ck_assert_ptr_nonnull(strstr(server.asked[0], "\r\n\r\nbody"));
    }
    flare_reply_free(reply);
    finish_server();
}
END_TEST

static flare_client *client_new(const struct flare_client_config *config)
{
    struct flare_error err;
    flare_client *client;

    ck_assert_msg(flare_client_new(&client, NULL, config, &err) == 0, "%s",
                  err.text);
    return client;
}

START_TEST(test_calls_of_a_client_share_a_connection)
{
    static const struct script_answer answers[] = {
        {OK, 0, false},
        {OK, 0, false},
        {OK, 0, false},
        {OK, 0, false},
        {OK, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 0, false},
        {NULL, 0, false}};
    struct flare_client_config config = {0};
    struct flare_error err;
    flare_reply *replies[6];
    flare_client *client;

    script_start(&server, answers);
    config.base_url = script_url(&server, "/");
    client = client_new(&config);
    ck_assert_int_eq(flare_client_get(client, "g", &replies[0], &err), 0);
    ck_assert_int_eq(flare_client_delete(client, "d", &replies[1], &err), 0);
    ck_assert_int_eq(flare_client_post(client, "p", "a/b", FLARE_STR("1"),
                                       &replies[2], &err),
                     0);
    ck_assert_int_eq(
        flare_client_put(client, "p", "a/b", FLARE_STR(""), &replies[3], &err),
        0);
    ck_assert_int_eq(flare_client_patch(client, "p", NULL, FLARE_STR("2"),
                                        &replies[4], &err),
                     0);
    ck_assert_int_eq(flare_client_head(client, "h", &replies[5], &err), 0);
    flare_client_free(client); /* they outlive it */
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(flare_reply_is_reused(replies[i]), i > 0);
        is_text(flare_reply_body(replies[i]), i < 5 ? "hello" : "");
        flare_reply_free(replies[i]);
    }
    finish_server();
    ck_assert_uint_eq(server.connections, 1);
    ck_assert_uint_eq(server.resets, 0); /* an idle one ends in order */
    ck_assert_ptr_nonnull(strstr(server.asked[3], "Content-Length: 0\r\n"));
}
END_TEST

/* C08: what happened between two calls is known before the second. */
START_TEST(test_C08_a_connection_closed_meanwhile_is_not_used)
{
    static const struct script_answer answers[] = {
        {OK, 0, true}, {OK, 0, false}, {NULL, 0, false}};
    flare_client *client = client_new(NULL);
    struct flare_client_stats stats;
    struct flare_error err;
    flare_reply *reply;

    script_start(&server, answers);
    ck_assert_int_eq(
        flare_client_get(client, script_url(&server, "/"), &reply, &err), 0);
    flare_reply_free(reply);
    script_wait_closed(&server, 1);
    ck_assert_int_eq(flare_client_post(client, script_url(&server, "/"), "a/b",
                                       FLARE_STR("once"), &reply, &err),
                     0);
    ck_assert(!flare_reply_is_reused(reply));
    flare_reply_free(reply);
    flare_client_stats(client, &stats);
    ck_assert_uint_eq(stats.retried, 0);
    ck_assert_uint_eq(stats.connections, 2);
    flare_client_free(client);
    finish_server();
}
END_TEST

/* ---- errors ---- */

START_TEST(test_an_error_names_method_and_url)
{
    static const struct script_answer answers[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", 0, true},
        {NULL, 0, false}};
    flare_reply *untouched = (flare_reply *)(void *)&server;
    flare_reply *reply = untouched;
    struct flare_error err;

    script_start(&server, answers);
    ck_assert_int_eq(flare_get(script_url(&server, "/a?b"), &reply, &err),
                     FLARE_E_REPLY_SHORT);
    ck_assert_ptr_eq(reply, untouched);
    ck_assert_int_eq(err.code, FLARE_E_REPLY_SHORT);
    ck_assert_ptr_nonnull(strstr(err.text, "GET"));
    ck_assert_ptr_nonnull(strstr(err.text, script_url(&server, "/a?b")));
    finish_server();
    ck_assert_int_eq(flare_get(script_url(&server, "/"), &reply, &err),
                     -ECONNREFUSED);
    ck_assert_int_eq(flare_get("ftp://a.test/", &reply, NULL), FLARE_E_BAD_URL);
    ck_assert_int_eq(flare_get("http://a.test/\r\nX: y", &reply, &err),
                     FLARE_E_BAD_URL);
    ck_assert_ptr_eq(reply, untouched);
}
END_TEST

static int inner_rc[2];

static void on_post(void *ctx)
{
    flare_reply *reply;
    struct flare_error err;

    inner_rc[0] = flare_get("http://127.0.0.1:1/", &reply, &err);
    ck_assert_int_eq(err.code, inner_rc[0]);
    inner_rc[1] = flare_client_get(ctx, "http://127.0.0.1:1/", &reply, NULL);
}

START_TEST(test_a_blocking_call_in_a_callback_is_an_error)
{
    flare_client *client = client_new(NULL);
    struct flare_error err;
    flare_loop *loop;

    ck_assert_int_eq(flare_loop_new(&loop, NULL, &err), 0);
    ck_assert_int_eq(flare_loop_post(loop, on_post, client), 0);
    ck_assert_int_eq(flare_loop_run(loop), 0);
    ck_assert_int_eq(inner_rc[0], FLARE_E_WOULD_DEADLOCK);
    ck_assert_int_eq(inner_rc[1], FLARE_E_WOULD_DEADLOCK);
    flare_loop_free(loop);
    flare_client_free(client);
}
END_TEST

START_TEST(test_a_client_on_a_loop_of_yours_does_not_block)
{
    struct flare_error err;
    flare_client *client;
    flare_reply *reply;
    flare_loop *loop;

    ck_assert_int_eq(flare_loop_new(&loop, NULL, &err), 0);
    ck_assert_int_eq(flare_client_new(&client, loop, NULL, &err), 0);
    ck_assert_int_eq(
        flare_client_get(client, "http://127.0.0.1:1/", &reply, &err),
        FLARE_E_WOULD_DEADLOCK);
    ck_assert_int_eq(err.code, FLARE_E_WOULD_DEADLOCK);
    flare_client_free(client);
    flare_loop_free(loop);
}
END_TEST

/* ---- in pieces ---- */

struct seen {
    char body[64];
    size_t len;
    int heads;
    int rc; /* of a blocking call inside */
    bool cancels;
};

static void seen_on_head(flare_call *call, const flare_reply *reply, void *ctx)
{
    struct seen *s = ctx;
    flare_reply *inner;

    ck_assert_ptr_eq(flare_call_ctx(call), s);
    ck_assert_int_eq(flare_reply_status(reply), 200);
    s->heads++;
    s->rc = flare_client_get(flare_call_client(call), "http://127.0.0.1:1/",
                             &inner, NULL);
}

static void seen_on_data(flare_call *call, struct flare_str data, void *ctx)
{
    struct seen *s = ctx;

    memcpy(s->body + s->len, data.ptr, data.len);
    s->len += data.len;
    if (s->cancels)
        flare_call_cancel(call);
}

static const struct flare_call_handler seen_handler = {.on_head = seen_on_head,
                                                       .on_data = seen_on_data};

START_TEST(test_a_body_may_come_in_pieces)
{
    static const struct script_answer answers[] = {
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "3\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n",
         0, false},
        {OK, 0, true},
        {NULL, 0, false}};
    flare_client *client = client_new(NULL);
    struct flare_ask ask = {.method = FLARE_METHOD_GET};
    struct seen seen = {.rc = 0};
    struct flare_error err;
    flare_reply *reply;

    script_start(&server, answers);
    ask.url = flare_str(script_url(&server, "/"));
    ck_assert_int_eq(
        flare_client_stream(client, &ask, &seen_handler, &seen, &reply, &err),
        0);
    is_text((struct flare_str){seen.body, seen.len}, "hello");
    ck_assert_int_eq(seen.heads, 1);
    ck_assert_int_eq(seen.rc, FLARE_E_WOULD_DEADLOCK);
    is_text(flare_reply_body(reply), "");
    is_text(flare_reply_trailer(reply, "x-t"), "1");
    flare_reply_free(reply);
    seen = (struct seen){.cancels = true};
    ck_assert_int_eq(
        flare_client_stream(client, &ask, &seen_handler, &seen, &reply, &err),
        -ECANCELED);
    ck_assert_int_eq(err.code, -ECANCELED);
    flare_client_free(client);
    finish_server();
}
END_TEST

/* ---- waiting ---- */

static void on_resume(flare_timer *timer, void *call)
{
    (void)timer;
    flare_call_resume(call);
}

/* Its body comes in one piece: behind it there is only the end. */
static void slow_on_data(flare_call *call, struct flare_str data, void *ctx)
{
    flare_timer **timer = ctx;

    is_text(data, "hello");
    flare_call_pause(call);
    ck_assert_int_eq(flare_timer_new(flare_client_loop(flare_call_client(call)),
                                     timer, on_resume, call),
                     0);
    flare_timer_start(*timer, 1, 0);
}

START_TEST(test_a_call_paused_at_its_last_byte_ends_when_resumed)
{
    static const struct flare_call_handler handler = {.on_data = slow_on_data};
    static const struct script_answer answers[] = {{OK, 0, false},
                                                   {NULL, 0, false}};
    flare_client *client = client_new(NULL);
    struct flare_ask ask = {.method = FLARE_METHOD_GET};
    flare_timer *timer = NULL;
    struct flare_error err;
    flare_reply *reply;

    script_start(&server, answers);
    ask.url = flare_str(script_url(&server, "/"));
    ck_assert_int_eq(
        flare_client_stream(client, &ask, &handler, &timer, &reply, &err), 0);
    flare_timer_free(timer);
    flare_reply_free(reply);
    flare_client_free(client);
    finish_server();
}
END_TEST

/* ---- without memory ---- */

static int scenario_get(struct fault *f, void *ctx)
{
    struct flare_client_config config = {.allocator = &f->al};
    struct flare_error err = {0};
    flare_client *client;
    flare_reply *reply;
    int rc;

    (void)ctx;
    rc = flare_client_new(&client, NULL, &config, &err);
    if (rc < 0)
        return rc;
    rc = flare_client_get(client, script_url(&server, "/"), &reply, &err);
    if (rc == 0)
        flare_reply_free(reply);
    else
        ck_assert_int_eq(err.code, rc);
    flare_client_free(client);
    return rc;
}

START_TEST(test_every_allocation_may_fail)
{
    static const struct script_answer answers[] = {{OK, 0, false}};

    script_start(&server, answers);
    server.is_endless = true;
    fault_each("client_blocking", scenario_get, NULL);
    finish_server();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_blocking");
    TCase *tc = tcase_create("all");

    tcase_add_loop_test(tc, test_once_by_method, 0, ROWS(methods));
    tcase_add_test(tc, test_calls_of_a_client_share_a_connection);
    tcase_add_test(tc, test_C08_a_connection_closed_meanwhile_is_not_used);
    tcase_add_test(tc, test_an_error_names_method_and_url);
    tcase_add_test(tc, test_a_blocking_call_in_a_callback_is_an_error);
    tcase_add_test(tc, test_a_client_on_a_loop_of_yours_does_not_block);
    tcase_add_test(tc, test_a_body_may_come_in_pieces);
    tcase_add_test(tc, test_a_call_paused_at_its_last_byte_ends_when_resumed);
    tcase_add_test(tc, test_every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
