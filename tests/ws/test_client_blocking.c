/* SPDX-License-Identifier: MIT */
/* The blocking client, against our server in a thread, on each backend. */
#include <flare/flare.h>

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static flare_server *server;
static flare_tls_server *shows; /* its TLS; NULL: none */
static pthread_t thread;
static char url[96];

/* Sends messages back; and does what some of them say. */
static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    (void)ctx;
    if (flare_str_equal(bytes, FLARE_STR("close")))
        (void)flare_ws_close(ws, 4001, FLARE_STR("as you say"));
    else if (flare_str_equal(bytes, FLARE_STR("abort")))
        flare_ws_abort(ws);
    else if (flare_str_equal(bytes, FLARE_STR("deaf")))
        flare_ws_pause(ws);
    else if (!flare_str_equal(bytes, FLARE_STR("quiet")))
        (void)!(kind == FLARE_WS_TEXT ? flare_ws_send_text(ws, bytes)
                                      : flare_ws_send_binary(ws, bytes));
}

static const struct flare_ws_handler handler = {
    .on_message = on_message,
    .protocols = &(const struct flare_str){"echo", 4},
    .protocol_count = 1,
    .deflate.is_on = true,
    .message_bytes_max = 32 << 20,
    .queue_max = 64 << 20,
};

static int on_request(flare_req *req, flare_res *res)
{
    if (flare_str_equal(flare_req_path(req), FLARE_STR("/moved")))
        return flare_res_redirect(res, 302, "/");
    return flare_ws_accept(req, res, &handler, NULL, NULL);
}

static void *serve(void *arg)
{
    ck_assert_int_eq(flare_server_run(arg, NULL), 0);
    return NULL;
}

static void setup(void)
{
    const struct flare_server_config config = {
        .listen = "127.0.0.1:0",
        .workers = 1,
        .handler.fn = on_request,
        .drain_timeout_ms = 100,
    };
    struct flare_error err;
    int rc = flare_server_open(&server, &config, &err);

    ck_assert_msg(rc == 0, "%s", err.text);
    (void)snprintf(url, sizeof(url), "ws://%s/", flare_server_address(server));
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, server), 0);
}

static void teardown(void)
{
    flare_server_stop(server);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    flare_server_free(server);
    flare_tls_server_free(shows);
    shows = NULL;
}

static flare_ws_client *opened(const struct flare_ws_client_options *options)
{
    const struct flare_ws_client_config config = {.url = url};
    flare_ws_client *c;
    struct flare_error err;
    int rc = flare_ws_client_open(&c, &config, options, &err);

    ck_assert_msg(rc == 0, "%s", err.text);
    return c;
}

START_TEST(test_blocking_messages_of_all_lengths)
{
    static const size_t lens[] = {0, 1, 126, 70000, 16 << 20};
    const struct flare_ws_client_options options = {
        .deflate.is_on = _i == 1,
        .protocols = &(const struct flare_str){"echo", 4},
        .protocol_count = 1,
    };
    flare_ws_client *c = opened(&options);
    struct flare_ws_message m;
    char *bytes = malloc(16 << 20);

    ck_assert(
        flare_str_equal(flare_ws_client_subprotocol(c), FLARE_STR("echo")));
    for (size_t i = 0; i < 16 << 20; i++)
        bytes[i] = (char)(i * 2654435761u >> 24);
    for (int i = 0; i < ROWS(lens); i++) {
        ck_assert_int_eq(
            flare_ws_client_send_binary(c, (struct flare_str){bytes, lens[i]}),
            0);
        ck_assert_int_eq(flare_ws_client_recv(c, &m), 1);
        ck_assert_uint_eq(m.bytes.len, lens[i]);
        ck_assert_int_eq(memcmp(m.bytes.ptr, bytes, lens[i]), 0);
        ck_assert_int_eq(m.kind, FLARE_WS_BINARY);
    }
    ck_assert_int_eq(flare_ws_client_ping(c, FLARE_STR("p")), 0);
    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("\xff")),
                     FLARE_E_WS_TEXT);
    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("t")), 0);
    ck_assert_int_eq(flare_ws_client_recv(c, &m), 1);
    ck_assert_int_eq(m.kind, FLARE_WS_TEXT);
    ck_assert_int_eq(flare_ws_client_close(c, 1005 + 10, FLARE_STR("")),
                     FLARE_E_WS_BAD_CLOSE);
    ck_assert_int_eq(flare_ws_client_close(c, 1000, FLARE_STR("")), 0);
    ck_assert_int_eq(flare_ws_client_close(c, 1000, FLARE_STR("")), 0);
    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("t")),
                     FLARE_E_GONE);
    ck_assert_int_eq(flare_ws_client_recv(c, &m), 0);
    ck_assert_uint_eq(m.close_code, 1000);
    flare_ws_client_free(c);
    free(bytes);
}
END_TEST

START_TEST(test_blocking_a_close_comes_behind_the_messages)
{
    flare_ws_client *c = opened(NULL);
    struct flare_ws_message m;

    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("one")), 0);
    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("close")), 0);
    ck_assert_int_eq(flare_ws_client_recv(c, &m), 1);
    ck_assert(flare_str_equal(m.bytes, FLARE_STR("one")));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(flare_ws_client_recv(c, &m), 0);
        ck_assert_uint_eq(m.close_code, 4001);
        ck_assert(flare_str_equal(m.bytes, FLARE_STR("as you say")));
    }
    flare_ws_client_free(c);
}
END_TEST

START_TEST(test_blocking_tells_silence_from_loss)
{
    const struct flare_ws_client_options options = {.recv_timeout_ms = 30,
                                                    .close_timeout_ms = 50};
    flare_ws_client *c = opened(&options);
    struct flare_ws_message m;

    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("quiet")), 0);
    ck_assert_int_eq(flare_ws_client_recv(c, &m), -ETIMEDOUT);
    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("abort")), 0);
    ck_assert_int_eq(flare_ws_client_recv(c, &m), -ECONNRESET);
    ck_assert_int_eq(flare_ws_client_recv(c, &m), -ECONNRESET);
    flare_ws_client_free(c);
    c = opened(&options);
    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("deaf")), 0);
    ck_assert_int_eq(flare_ws_client_recv(c, &m), -ETIMEDOUT);
    ck_assert_int_eq(flare_ws_client_close(c, 1000, FLARE_STR("")), -ETIMEDOUT);
    flare_ws_client_free(c);
}
END_TEST

START_TEST(test_blocking_a_deaf_peer_times_a_send_out)
{
    const struct flare_ws_client_options options = {.send_timeout_ms = 100};
    flare_ws_client *c = opened(&options);
    size_t size = 64 << 20;
    char *bytes = calloc(1, size);

    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("deaf")), 0);
    ck_assert_int_eq(
        flare_ws_client_send_binary(c, (struct flare_str){bytes, size}),
        -ETIMEDOUT);
    flare_ws_client_free(c);
    free(bytes);
}
END_TEST

/* More than is kept: the server waits, and nothing is lost. */
START_TEST(test_blocking_what_comes_meanwhile_is_kept_in_order)
{
    static char bytes[100000];
    flare_ws_client *c = opened(NULL);
    struct flare_ws_message m;

    for (int i = 0; i < 15; i++) {
        bytes[0] = (char)i;
        ck_assert_int_eq(flare_ws_client_send_binary(
                             c, (struct flare_str){bytes, sizeof(bytes)}),
                         0);
    }
    for (int i = 0; i < 15; i++) {
        ck_assert_int_eq(flare_ws_client_recv(c, &m), 1);
        ck_assert_int_eq(m.bytes.ptr[0], (char)i);
    }
    flare_ws_client_free(c);
}
END_TEST

START_TEST(test_blocking_says_why_it_does_not_open)
{
    struct flare_ws_client_config config = {.url = "http://127.0.0.1/"};
    struct flare_ws_client_options options = {.recv_timeout_ms = 86400001};
    flare_ws_client *c = NULL;
    struct flare_error err;
    char moved[128];

    ck_assert_int_eq(flare_ws_client_open(&c, &config, NULL, &err),
                     FLARE_E_BAD_URL);
    config.url = url;
    ck_assert_int_eq(flare_ws_client_open(&c, &config, &options, &err),
                     FLARE_E_BAD_CONFIG);
    (void)snprintf(moved, sizeof(moved), "%smoved", url);
    config.url = moved;
    ck_assert_int_eq(flare_ws_client_open(&c, &config, NULL, &err),
                     FLARE_E_WS_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.text, "302"));
    config.url = "ws://127.0.0.1:1/";
    ck_assert_int_eq(flare_ws_client_open(&c, &config, NULL, &err),
                     -ECONNREFUSED);
    ck_assert_ptr_null(c);
}
END_TEST

/* wss, against a certificate that is trusted, and the same that is not. */
START_TEST(test_blocking_over_tls)
{
    static const char *const names[] = {"127.0.0.2", NULL};
    struct flare_server_config config = {
        .listen = "127.0.0.1:0",
        .tls_listen = "127.0.0.2:0",
        .workers = 1,
        .handler.fn = on_request,
        .drain_timeout_ms = 100,
    };
    struct flare_tls_client_config trust = {.insecure = false};
    struct flare_tls_server_config shown = {.cert_count = 1};
    struct flare_ws_client_config to = {.url = url};
    struct flare_ws_message m;
    struct flare_tls_cert cert;
    struct flare_error err;
    flare_ws_client *c;
    int rc = flare_tls_self_signed(&cert, names, 2, &err);

    if (rc == -EOPNOTSUPP)
        TEST_SKIP("built without TLS");
    ck_assert_msg(rc == 0, "%s", err.text);
    teardown();
    shown.certs = &cert;
    ck_assert_int_eq(flare_tls_server_new(&shows, &shown, &err), 0);
    config.tls = shows;
    ck_assert_int_eq(flare_server_open(&server, &config, &err), 0);
    (void)snprintf(url, sizeof(url), "wss://%s/",
                   flare_server_address_at(server, 1));
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, server), 0);
    ck_assert_int_lt(flare_ws_client_open(&c, &to, NULL, &err), 0);
    ck_assert_msg(flare_error_class(err.code) == FLARE_CLASS_TLS, "%s",
                  err.text);
    trust.ca = cert.chain;
    ck_assert_int_eq(flare_tls_client_new(&to.tls, &trust, &err), 0);
    rc = flare_ws_client_open(&c, &to, NULL, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    flare_tls_client_free(to.tls); /* nobody needs it any more */
    ck_assert_int_eq(flare_ws_client_send_text(c, FLARE_STR("hidden")), 0);
    ck_assert_int_eq(flare_ws_client_recv(c, &m), 1);
    ck_assert(flare_str_equal(m.bytes, FLARE_STR("hidden")));
    ck_assert_int_eq(flare_ws_client_close(c, 1000, FLARE_STR("")), 0);
    flare_ws_client_free(c);
    flare_tls_self_signed_free(&cert);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    const struct flare_ws_client_options options = {.allocator = &f->al};
    const struct flare_ws_client_config config = {.url = url};
    struct flare_ws_message m;
    flare_ws_client *c;
    int rc = flare_ws_client_open(&c, &config, &options, NULL);

    (void)ctx;
    if (rc < 0)
        return rc;
    rc = flare_ws_client_send_text(c, FLARE_STR("hello"));
    if (rc == 0)
        rc = flare_ws_client_recv(c, &m);
    if (rc == 1)
        rc = flare_ws_client_close(c, 1000, FLARE_STR(""));
    flare_ws_client_free(c);
    return rc;
}

START_TEST(test_blocking_every_allocation_fails_in_turn)
{
    struct fault_report report =
        fault_each("blocking WebSocket client", scenario, NULL);

    ck_assert_uint_gt(report.sites, 10);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ws/client_blocking");
    TCase *t = tcase_create("blocking");

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_blocking_messages_of_all_lengths, 0, 2);
    tcase_add_test(t, test_blocking_a_close_comes_behind_the_messages);
    tcase_add_test(t, test_blocking_tells_silence_from_loss);
    tcase_add_test(t, test_blocking_a_deaf_peer_times_a_send_out);
    tcase_add_test(t, test_blocking_what_comes_meanwhile_is_kept_in_order);
    tcase_add_test(t, test_blocking_says_why_it_does_not_open);
    tcase_add_test(t, test_blocking_over_tls);
    tcase_add_test(t, test_blocking_every_allocation_fails_in_turn);
    suite_add_tcase(s, t);
    return test_run(s);
}
