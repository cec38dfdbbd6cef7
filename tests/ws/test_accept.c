/* SPDX-License-Identifier: MIT */
/* From a request to a connection: what is answered, and what follows. */
#include "tests/support/test.h"
#include "tests/ws/ws_rig.h"

#include <string.h>

static struct flare_ws_handler plain;
static struct flare_ws_handler chooses;

static const struct flare_str protocols[] = {
    {"chat.v2", 7},
    {"chat.v1", 7},
};
static const struct flare_str origins[] = {
    {"https://app.example", 19},
};

static const struct {
    const char *name;
    const char *head;
    int status;
    const char *says; /* a part of the answer */
} rows[] = {
    {"the RFC's own", WS_HELLO, 101, WS_ACCEPTED},
    {"same host", WS_GET WS_VERSION "Origin: http://server.example.com\r\n\r\n",
     101, "Upgrade: websocket\r\nConnection: Upgrade\r\n"},
    {"W19 another site",
     WS_GET WS_VERSION "Origin: https://evil.example\r\n\r\n", 403,
     "403 this origin may not connect\n"},
    {"W20 another version", WS_GET "Sec-WebSocket-Version: 12\r\n\r\n", 426,
     "Sec-WebSocket-Version: 13\r\n"},
    {"W20 no version", WS_GET "\r\n", 400, "400 no Sec-WebSocket-Version\n"},
    {"W20 no WebSocket at all", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400,
     "400 no Upgrade: websocket\n"},
    {"W20 HTTP/1.0",
     "GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\n"
     "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
     "Sec-WebSocket-Version: 13\r\n\r\n",
     400, "HTTP/1.0 has no WebSocket"},
    {"W20 POST",
     "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
     "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
     "Sec-WebSocket-Version: 13\r\n\r\n",
     400, "a WebSocket handshake is a GET"},
    {"W21 a body", WS_GET WS_VERSION "Content-Length: 2\r\n\r\nab", 400,
     "a WebSocket handshake has no body"},
    {"W21 a chunked body",
     WS_GET WS_VERSION "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
     400, "a WebSocket handshake has no body"},
    {"an empty body is none", WS_GET WS_VERSION "Content-Length: 0\r\n\r\n",
     101, WS_ACCEPTED},
};

START_TEST(test_accept_answers_each_handshake)
{
    struct rig *r = ws_rig_new(&plain);
    const char *got = rig_ask(r, rows[_i].head);
    char status[8];

    (void)snprintf(status, sizeof(status), "%d", rows[_i].status);
    ck_assert_msg(strcmp(rig_statuses(r, 0), status) == 0, "%s: %s",
                  rows[_i].name, got);
    ck_assert_msg(strstr(got, rows[_i].says) != NULL, "%s: %s", rows[_i].name,
                  got);
    ck_assert_int_eq(ws_seen.accept_rc, 0);
    ck_assert_int_eq(ws_seen.accept_open, rows[_i].status == 101);
    ck_assert_int_eq(ws_seen.opened, rows[_i].status == 101);
    if (rows[_i].status == 101) {
        ck_assert_ptr_null(strstr(got, "Content-Length"));
        ck_assert_ptr_nonnull(strstr(got, "Date: "));
    }
    ws_rig_free(r);
    ck_assert_int_eq(ws_seen.closed, rows[_i].status == 101);
}
END_TEST

START_TEST(test_accept_a_refused_connection_goes_on_with_http)
{
    struct rig *r = ws_rig_new(&plain);

    rig_connect(r, 0);
    rig_text(r, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n" WS_HELLO);
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "400 101");
    ws_rig_free(r);
}
END_TEST

START_TEST(test_accept_chooses_a_subprotocol_and_origins)
{
    struct rig *r = ws_rig_new(&chooses);
    const char *got =
        rig_ask(r, WS_GET WS_VERSION "Origin: https://app.example\r\n"
                                     "Sec-WebSocket-Protocol: x, chat.v1, "
                                     "chat.v2\r\n\r\n");

    ck_assert_ptr_nonnull(strstr(got, "Sec-WebSocket-Protocol: chat.v2\r\n"));
    ck_assert(flare_str_equal(flare_ws_subprotocol(ws_seen.ws), protocols[0]));
    rig_connect(r, 1);
    rig_text(r, 1,
             WS_GET WS_VERSION "Origin: http://server.example.com\r\n\r\n");
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 1), "403");
    ws_rig_open(r, 2);
    ck_assert_uint_eq(flare_ws_subprotocol(ws_seen.ws).len, 0);
    ws_rig_free(r);
}
END_TEST

/* The bytes behind the head, cut at every place, are read once. */
START_TEST(test_accept_W21_bytes_behind_the_handshake_are_read_once)
{
    char wire[sizeof(WS_HELLO) + 64];
    size_t head = sizeof(WS_HELLO) - 1;
    size_t len = head;

    memcpy(wire, WS_HELLO, head);
    len += ws_rig_put(wire + len, 0x81, "one", 3);
    len += ws_rig_put(wire + len, 0x82, "two", 3);
    for (size_t cut = head - 4; cut <= len; cut++) {
        struct rig *r = ws_rig_new(&plain);

        rig_connect(r, 0);
        rig_send(r, 0, wire, cut);
        rig_run(r, 5);
        rig_send(r, 0, wire + cut, len - cut);
        rig_run(r, 5);
        ck_assert_msg(strcmp(ws_rig_got(r, 0), "T:one B:two") == 0,
                      "cut at %zu: %s", cut, ws_rig_got(r, 0));
        ws_rig_free(r);
    }
}
END_TEST

/* ---- later ---- */

static flare_req *later_req;
static flare_res *later_res;

static int on_later(flare_req *req, flare_res *res)
{
    later_req = req;
    later_res = res;
    return FLARE_LATER;
}

START_TEST(test_accept_later_reads_what_waited)
{
    struct flare_server_config config = {.handler = {on_later, NULL}};
    struct rig *r = ws_rig_with(&plain, config);
    char frame[32];

    rig_connect(r, 0);
    rig_text(r, 0, WS_HELLO);
    rig_send(r, 0, frame, ws_rig_put(frame, 0x81, "early", 5));
    rig_run(r, 10);
    ck_assert_int_eq(
        flare_ws_accept(later_req, later_res, &plain, &ws_seen, NULL), 0);
    ck_assert_int_eq(ws_seen.opened, 0); /* nothing is called from inside */
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.opened, 1);
    ck_assert_str_eq(ws_rig_got(r, 0), "T:early");
    ws_rig_text(r, 0, "more");
    rig_run(r, 10);
    ck_assert_str_eq(ws_rig_got(r, 0), "T:early T:more");
    ws_rig_free(r);
}
END_TEST

/* ---- what stands against it ---- */

static int on_twice(flare_req *req, flare_res *res)
{
    int rc = flare_ws_accept(req, res, &plain, &ws_seen, NULL);

    ck_assert_int_eq(flare_ws_accept(req, res, &plain, &ws_seen, NULL),
                     FLARE_E_ALREADY_ANSWERED);
    return rc;
}

START_TEST(test_accept_twice_is_once)
{
    struct flare_server_config config = {.handler = {on_twice, NULL}};
    struct rig *r = ws_rig_with(&plain, config);

    ws_rig_open(r, 0);
    ck_assert_int_eq(ws_seen.opened, 1);
    ws_rig_free(r);
    ck_assert_int_eq(ws_seen.closed, 1);
}
END_TEST

static void drain_now(struct rig *r)
{
    flare__http_drain_begin(&r->http);
}

START_TEST(test_accept_in_a_drain_is_503)
{
    struct rig *r = ws_rig_new(&plain);

    rig_connect(r, 0);
    drain_now(r);
    rig_text(r, 0, WS_HELLO);
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "503");
    ck_assert_int_eq(ws_seen.accept_rc, FLARE_E_OVERLOADED);
    ws_rig_free(r);
}
END_TEST

/* A hook before the head, and its end. */
static int add_cookie(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)ctx;
    ck_assert_int_eq(flare_res_status(res), 101);
    return flare_res_header(res, "Set-Cookie", FLARE_STR("a=b"));
}

static int done_status;

static void on_done(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
    done_status = outcome->status;
}

static int on_hooked(flare_req *req, flare_res *res)
{
    ck_assert_int_eq(flare_res_before_head(res, add_cookie, NULL), 0);
    ck_assert_int_eq(flare_res_on_done(res, on_done, NULL), 0);
    return flare_ws_accept(req, res, &plain, &ws_seen, NULL);
}

START_TEST(test_accept_hooks_see_a_101)
{
    struct flare_server_config config = {.handler = {on_hooked, NULL}};
    struct rig *r = ws_rig_with(&plain, config);

    done_status = 0;
    ws_rig_open(r, 0);
    ck_assert_ptr_nonnull(strstr(r->peers[0].got, "Set-Cookie: a=b\r\n"));
    ck_assert_int_eq(done_status, 101);
    ws_rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/accept");
    TCase *tc = tcase_create("accept");

    ws_rig_handler(&plain);
    chooses = plain;
    chooses.protocols = protocols;
    chooses.protocol_count = 2;
    chooses.origins = origins;
    chooses.origin_count = 1;
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_accept_answers_each_handshake, 0, ROWS(rows));
    tcase_add_test(tc, test_accept_a_refused_connection_goes_on_with_http);
    tcase_add_test(tc, test_accept_chooses_a_subprotocol_and_origins);
    tcase_add_test(tc,
                   test_accept_W21_bytes_behind_the_handshake_are_read_once);
    tcase_add_test(tc, test_accept_later_reads_what_waited);
    tcase_add_test(tc, test_accept_twice_is_once);
    tcase_add_test(tc, test_accept_in_a_drain_is_503);
    tcase_add_test(tc, test_accept_hooks_see_a_101);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
