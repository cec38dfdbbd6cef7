/* SPDX-License-Identifier: MIT */
/*
 * What a server may answer to a client's handshake, and say behind it: a
 * scripted one that is wrong in one point at a time, on every backend.
 */
#include "tests/http/client_rig.h"
#include "tests/support/test.h"
#include "ws/handshake.h"

#include <flare/ws_client.h>

#include <errno.h>
#include <string.h>

static struct client_rig rig;
static char answer[4096];
static struct rig_line script[3];

/* What is said; "%s" is the key's answer. */
static const char *says;
static const char *behind;
static size_t behind_len;

#define SWITCH "HTTP/1.1 101 x\r\nConnection: Upgrade\r\n"
#define TO_WS "Upgrade: websocket\r\n"
#define ACCEPT "Sec-WebSocket-Accept: %s\r\n"
#define GOOD SWITCH TO_WS ACCEPT "\r\n"

static struct seen {
    flare_ws *ws;
    int opened;
    int messages;
    int ended; /* on_failed or on_closed */
    int status;
    struct flare_error err;
    uint16_t code;
    char text[256];
} seen;

static void on_open(flare_ws *ws, void *ctx)
{
    (void)ctx;
    seen.ws = ws;
    seen.opened++;
}

static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    (void)ws, (void)kind, (void)ctx;
    seen.messages++;
    (void)snprintf(seen.text, sizeof(seen.text), "%.*s", FLARE_STR_ARG(bytes));
}

static void on_closed(flare_ws *ws, uint16_t code, struct flare_str reason,
                      void *ctx)
{
    (void)ws, (void)reason, (void)ctx;
    seen.ended++;
    seen.code = code;
    seen.ws = NULL;
}

static void on_failed(flare_ws *ws, int status, const struct flare_error *err,
                      void *ctx)
{
    (void)ws, (void)ctx;
    ck_assert_int_eq(seen.opened, 0);
    seen.ended++;
    seen.status = status;
    seen.err = *err;
    seen.ws = NULL;
}

static const struct flare_ws_handler handler = {
    .on_open = on_open,
    .on_message = on_message,
    .on_closed = on_closed,
    .protocols = &(const struct flare_str){"chat", 4},
    .protocol_count = 1,
    .deflate.is_on = true,
};

/* `says` with the key's answer in its place, if it has one. */
static int put_answer(const char *accept)
{
    const char *hole = strstr(says, "%s");
    int before = hole != NULL ? (int)(hole - says) : (int)strlen(says);

    return snprintf(answer, sizeof(answer), "%.*s%s%s", before, says,
                    hole != NULL ? accept : "", hole != NULL ? hole + 2 : "");
}

/* The answer of the key that was asked with. */
static void on_asked(struct client_rig *r, int which)
{
    const char *name = "Sec-WebSocket-Key: ";
    const char *key = strstr(r->asked[which], name);
    char accept[FLARE__WS_ACCEPT_LEN + 1] = {0};
    int len;

    if (key == NULL)
        return; /* a proxy's CONNECT */
    flare__ws_accept_of(accept, key + strlen(name));
    len = put_answer(accept);
    memcpy(answer + len, behind, behind_len);
    script[r->lines].len = (size_t)len + behind_len;
}

static bool start(int backend, const char *what)
{
    seen = (struct seen){.code = 0};
    says = what;
    if (behind == NULL)
        behind = "";
    script[0] = (struct rig_line){answer, 0, 0};
    script[1] = (struct rig_line){NULL, 0, 0};
    if (!client_rig_start(&rig, backend, script, NULL))
        return false;
    rig.on_asked = on_asked;
    return true;
}

static void dial(struct flare_ws_client_config config)
{
    char url[256];
    struct flare_error err;
    int rc;

    (void)snprintf(url, sizeof(url), "ws%s/a?b", rig.address + 4);
    if (config.url == NULL)
        config.url = url;
    config.on_failed = on_failed;
    rc = flare_ws_connect(rig.loop, &config, &handler, NULL, &seen.ws, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
}

static void finish(void)
{
    if (seen.ws != NULL)
        flare_ws_abort(seen.ws);
    RIG_UNTIL(&rig, seen.ended == 1);
    client_rig_close(&rig);
    behind = NULL;
    behind_len = 0;
}

/* ---- W22 ---- */

static const struct refusal {
    const char *says;
    int rc;
    int status;
} refusals[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", FLARE_E_WS_REFUSED, 200},
    {"HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
     FLARE_E_WS_REFUSED, 302},
    {"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=\"a\"\r\n"
     "Content-Length: 0\r\n\r\n",
     FLARE_E_WS_REFUSED, 401},
    {"HTTP/1.1 426 x\r\nSec-WebSocket-Version: 8\r\nContent-Length: 0\r\n\r\n",
     FLARE_E_WS_REFUSED, 426},
    {SWITCH ACCEPT "\r\n", FLARE_E_WS_UPGRADE, 101},
    {SWITCH "Upgrade: h2c\r\n" ACCEPT "\r\n", FLARE_E_WS_UPGRADE, 101},
    {"HTTP/1.1 101 x\r\n" TO_WS ACCEPT "\r\n", FLARE_E_WS_UPGRADE, 101},
    {SWITCH TO_WS "\r\n", FLARE_E_WS_ACCEPT, 101},
    {SWITCH TO_WS "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
     FLARE_E_WS_ACCEPT, 101},
    {SWITCH TO_WS ACCEPT "Sec-WebSocket-Accept: x\r\n\r\n", FLARE_E_WS_ACCEPT,
     101},
    {SWITCH TO_WS ACCEPT "Sec-WebSocket-Protocol: other\r\n\r\n",
     FLARE_E_WS_SUBPROTOCOL, 101},
    {SWITCH TO_WS ACCEPT "Sec-WebSocket-Extensions: x-y\r\n\r\n",
     FLARE_E_WS_EXTENSION, 101},
    {SWITCH TO_WS ACCEPT "Sec-WebSocket-Extensions: permessage-deflate; "
                         "server_max_window_bits=99\r\n\r\n",
     FLARE_E_WS_EXTENSION, 101},
    {"gibberish\r\n\r\n", FLARE_E_REPLY_STATUS, 0},
};

START_TEST(test_dial_W22_refuses_each_wrong_answer)
{
    for (int i = 0; i < ROWS(refusals); i++) {
        behind = "\x81\x02hi";
        behind_len = 4;
        if (!start(_i, refusals[i].says))
            return;
        dial((struct flare_ws_client_config){.url = NULL});
        RIG_UNTIL(&rig, seen.ended == 1);
        ck_assert_int_eq(seen.opened + seen.messages, 0);
        ck_assert_msg(seen.err.code == refusals[i].rc, "%d: %s, %s", i,
                      flare_strerror(seen.err.code), seen.err.text);
        ck_assert_msg(seen.status == refusals[i].status, "%d: %d", i,
                      seen.status);
        ck_assert_int_eq(rig.asked_count, 1); /* nothing is followed */
        finish();
    }
}
END_TEST

START_TEST(test_dial_asks_for_what_is_configured)
{
    static const struct flare_field fields[] = {{{"X-A", 3}, {"b", 1}},
                                                {{NULL, 0}, {NULL, 0}}};

    behind = "\x81\x02hi"; /* with the head: it is not lost */
    behind_len = 4;
    if (!start(_i, SWITCH TO_WS ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n"))
        return;
    dial((struct flare_ws_client_config){.headers = fields,
                                         .origin = "https://a.test",
                                         .user = "u",
                                         .password = "p"});
    RIG_UNTIL(&rig, seen.messages == 1);
    ck_assert_str_eq(seen.text, "hi");
    ck_assert(
        flare_str_equal(flare_ws_subprotocol(seen.ws), FLARE_STR("chat")));
    ck_assert(client_rig_has(&rig, 0, "GET /a?b HTTP/1.1\r\n"));
    ck_assert(client_rig_has(&rig, 0, "\r\nX-A: b\r\n"));
    ck_assert(client_rig_has(&rig, 0, "\r\nOrigin: https://a.test\r\n"));
    ck_assert(client_rig_has(&rig, 0, "\r\nAuthorization: Basic dTpw\r\n"));
    ck_assert(client_rig_has(&rig, 0, "\r\nSec-WebSocket-Version: 13\r\n"));
    ck_assert(client_rig_has(&rig, 0, "\r\nSec-WebSocket-Protocol: chat\r\n"));
    ck_assert(client_rig_has(&rig, 0, "websocket\r\n"));
    finish();
}
END_TEST

/* ---- behind the handshake ---- */

static const struct {
    const char *name;
    const char *bytes;
    size_t len;
    uint16_t code;
} frames[] = {
    {"W02 masked", "\x81\x82\1\2\3\4hi", 8, 1002},
    {"W03 RSV2", "\xa1\x00", 2, 1002},
    {"W04 opcode", "\x83\x00", 2, 1002},
    {"W06 too large", "\x82\x7f\0\0\0\1\0\0\0\0", 10, 1009},
    {"W11 text", "\x81\x01\xff", 3, 1007},
    {"a close", "\x88\x02\x0f\xa1", 4, 4001},
    {"an end without one", "", 0, 1006},
};

START_TEST(test_dial_W02_a_server_that_breaks_the_rules_is_told)
{
    for (int i = 0; i < ROWS(frames); i++) {
        const struct rig_peer *p;

        if (!start(_i, GOOD))
            return;
        dial((struct flare_ws_client_config){.url = NULL});
        RIG_UNTIL(&rig, seen.opened == 1);
        p = &rig.peers[0];
        if (frames[i].len == 0)
            client_rig_shut(&rig, 0);
        else
            ck_assert_int_eq(flare_stream_write(
                                 p->stream, (struct flare_str){frames[i].bytes,
                                                               frames[i].len}),
                             0);
        RIG_UNTIL(&rig, seen.ended == 1);
        ck_assert_msg(seen.code == frames[i].code, "%s: %u", frames[i].name,
                      seen.code);
        ck_assert_int_eq(seen.messages, 0);
        if (frames[i].len > 0) { /* a masked close, whose key is not zero */
            RIG_UNTIL(&rig, p->len >= 8);
            ck_assert_uint_eq((unsigned char)p->in[0], 0x88);
            ck_assert_uint_ge((unsigned char)p->in[1], 0x82);
            ck_assert_uint_eq(
                (unsigned)((unsigned char)(p->in[6] ^ p->in[2]) << 8 |
                           (unsigned char)(p->in[7] ^ p->in[3])),
                frames[i].code);
        }
        finish();
    }
}
END_TEST

START_TEST(test_dial_W23_no_key_comes_twice)
{
    enum { COUNT = 300 };
    const struct rig_peer *p;

    if (!start(_i, GOOD))
        return;
    dial((struct flare_ws_client_config){.url = NULL});
    RIG_UNTIL(&rig, seen.opened == 1);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(flare_ws_send_text(seen.ws, FLARE_STR("")), 0);
    p = &rig.peers[0];
    RIG_UNTIL(&rig, p->len == COUNT * 6);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(memcmp(p->in + i * 6, "\x81\x80", 2), 0);
        for (int j = 0; j < i; j++)
            ck_assert_int_ne(memcmp(p->in + i * 6 + 2, p->in + j * 6 + 2, 4),
                             0);
    }
    finish();
}
END_TEST

/* ---- in time, and on the way ---- */

START_TEST(test_dial_has_a_deadline)
{
    const struct flare_ws_client_config config = {.handshake_timeout_ms = 20};

    if (!start(_i, GOOD))
        return;
    script[0].flags = RIG_SILENT;
    dial(config);
    RIG_UNTIL(&rig, seen.ended == 1);
    ck_assert_int_eq(seen.err.code, FLARE_E_TIMEOUT_FIRST_BYTE);
    finish();
}
END_TEST

START_TEST(test_dial_of_a_name_that_is_none)
{
    if (!start(_i, GOOD))
        return;
    dial((struct flare_ws_client_config){.url = "ws://nowhere.test/"});
    RIG_UNTIL(&rig, seen.ended == 1);
    ck_assert_int_eq(seen.err.code, FLARE_E_DNS_NOT_FOUND);
    ck_assert_int_eq(seen.status, 0);
    finish();
}
END_TEST

START_TEST(test_dial_through_a_proxy_connects_first)
{
    char proxy[256];

    if (!start(_i, GOOD))
        return;
    script[0] = (struct rig_line){
        _i == 0 ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 200 x\r\n\r\n", 0, 0};
    script[1] = (struct rig_line){answer, 0, 0};
    script[2] = (struct rig_line){NULL, 0, 0};
    (void)snprintf(proxy, sizeof(proxy), "http://u:p@%s", rig.address + 7);
    dial((struct flare_ws_client_config){.url = "ws://far.test/x",
                                         .proxy = proxy});
    RIG_UNTIL(&rig, seen.opened + seen.ended == 1);
    ck_assert_msg(seen.opened == 1, "%s", seen.err.text);
    ck_assert(client_rig_has(&rig, 0, "CONNECT far.test:80 HTTP/1.1\r\n"));
    ck_assert(client_rig_has(&rig, 0, "Proxy-Authorization: Basic dTpw\r\n"));
    ck_assert(client_rig_has(&rig, 1, "GET /x HTTP/1.1\r\n"));
    ck_assert(!client_rig_has(&rig, 1, "Proxy-Authorization"));
    finish();
}
END_TEST

START_TEST(test_dial_ends_with_its_loop)
{
    if (!start(_i, GOOD))
        return;
    if (_i == CLIENT_RIG_SIM)
        script[0].flags = RIG_SILENT;
    dial((struct flare_ws_client_config){.url = NULL});
    if (_i != CLIENT_RIG_SIM)
        RIG_UNTIL(&rig, seen.opened == 1);
    client_rig_close(&rig);
    ck_assert_int_eq(seen.ended, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ws/client_dial");
    TCase *t = tcase_create("dial");
    const int count = CLIENT_RIG_BACKENDS;

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_dial_W22_refuses_each_wrong_answer, 0, count);
    tcase_add_loop_test(t, test_dial_asks_for_what_is_configured, 0, count);
    tcase_add_loop_test(t, test_dial_W02_a_server_that_breaks_the_rules_is_told,
                        0, count);
    tcase_add_loop_test(t, test_dial_W23_no_key_comes_twice, 0, count);
    tcase_add_loop_test(t, test_dial_has_a_deadline, 0, count);
    tcase_add_loop_test(t, test_dial_of_a_name_that_is_none, 0, count);
    tcase_add_loop_test(t, test_dial_through_a_proxy_connects_first, 0, count);
    tcase_add_loop_test(t, test_dial_ends_with_its_loop, 0, count);
    suite_add_tcase(s, t);
    return test_run(s);
}
