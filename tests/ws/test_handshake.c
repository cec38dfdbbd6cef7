/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake, both roles: RFC 6455's examples, each way to be wrong
 * with its answer (W18 to W22), and that what one role writes the other takes.
 */
#include "ws/handshake.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"
#include "tests/support/ws_fields.h"

#include <errno.h>

/* The key and answer of RFC 6455 section 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define UP "Upgrade: websocket\r\n"
#define CO "Connection: Upgrade\r\n"
#define KE "Sec-WebSocket-Key: " KEY "\r\n"
#define VE "Sec-WebSocket-Version: 13\r\n"
#define ALL UP CO KE VE

static const struct flare_str own[] = {{"chat.v2", 7}, {"chat", 4}};
static const struct flare__ws_deflate_params any = {15, 15, false, false,
                                                    false};

START_TEST(test_accept_is_that_of_the_rfc)
{
    char accept[FLARE__WS_ACCEPT_LEN], key[FLARE__WS_KEY_LEN];

    flare__ws_accept_of(accept, KEY);
    ck_assert_mem_eq(accept, ACCEPT, sizeof(accept));
    flare__ws_key_of(key, (const uint8_t *)"the sample nonce");
    ck_assert_mem_eq(key, KEY, sizeof(key));
}
END_TEST

/* ---- server ---- */

static const struct {
    const char *name;
    const char *lines;
    int status;
    const char *method; /* NULL: GET */
    bool is_1_0;
    bool is_other; /* no handshake at all */
} requests[] = {
    {"the RFC's", ALL, 101, NULL, false, false},
    {"in another order", VE KE CO UP, 101, NULL, false, false},
    {"names in capitals",
     "UPGRADE: WEBSOCKET\r\nCONNECTION: UPGRADE\r\nSEC-WEBSOCKET-KEY: " KEY
     "\r\nSEC-WEBSOCKET-VERSION: 13\r\n",
     101, NULL, false, false},
    {"what Firefox sends",
     "Connection: keep-alive, Upgrade\r\n" UP KE VE
     "Sec-WebSocket-Extensions: permessage-deflate\r\n",
     101, NULL, false, false},
    {"Upgrade in a list", "Upgrade: h2c, websocket\r\n" CO KE VE, 101, NULL,
     false, false},
    {"Upgrade on two lines", "Upgrade: h2c\r\n" ALL, 101, NULL, false, false},
    {"Connection on two lines", "Connection: close\r\n" ALL, 101, NULL, false,
     false},
    {"a length of 0", ALL "Content-Length: 0\r\n", 101, NULL, false, false},
    {"bits behind the key's last byte",
     UP CO VE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n", 101, NULL,
     false, false},

    {"a plain request", "Accept: */*\r\n", 400, NULL, false, true},
    {"no field at all", "", 400, NULL, false, true},
    {"HTTP/1.0", ALL, 400, NULL, true, true},
    {"no Upgrade", CO KE VE, 400, NULL, false, true},
    {"an empty Upgrade", "Upgrade:\r\n" CO KE VE, 400, NULL, false, true},
    {"Upgrade to another", "Upgrade: h2c\r\n" CO KE VE, 400, NULL, false, true},
    {"Upgrade with a version", "Upgrade: websocket/13\r\n" CO KE VE, 400, NULL,
     false, true},
    {"Upgrade to something longer", "Upgrade: websockets\r\n" CO KE VE, 400,
     NULL, false, true},

    {"a POST", ALL, 400, "POST", false, false},
    {"a HEAD", ALL, 400, "HEAD", false, false},
    {"a get", ALL, 400, "get", false, false},
    {"a CONNECT", ALL, 400, "CONNECT", false, false},
    {"no Connection", UP KE VE, 400, NULL, false, false},
    {"Connection: close", UP "Connection: close\r\n" KE VE, 400, NULL, false,
     false},
    {"Connection: upgraded", UP "Connection: upgraded\r\n" KE VE, 400, NULL,
     false, false},

    {"no key", UP CO VE, 400, NULL, false, false},
    {"an empty key", UP CO VE "Sec-WebSocket-Key:\r\n", 400, NULL, false,
     false},
    {"a key twice", ALL KE, 400, NULL, false, false},
    {"two keys", ALL "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", 400,
     NULL, false, false},
    {"a key of 15 bytes",
     UP CO VE "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n", 400, NULL, false,
     false},
    {"a key of 17 bytes",
     UP CO VE "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n", 400, NULL,
     false, false},
    {"a key of 18 bytes",
     UP CO VE "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA\r\n", 400, NULL,
     false, false},
    {"a key without padding",
     UP CO VE "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA\r\n", 400, NULL, false,
     false},
    {"a key with white space",
     UP CO VE "Sec-WebSocket-Key: AAAAAAAAAAA AAAAAAAAAA==\r\n", 400, NULL,
     false, false},
    {"a key with padding inside",
     UP CO VE "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA====\r\n", 400, NULL,
     false, false},
    {"a key of base64url",
     UP CO VE "Sec-WebSocket-Key: AAAAAAAAAAA-_AAAAAAAAA==\r\n", 400, NULL,
     false, false},
    {"a key of any text", UP CO VE "Sec-WebSocket-Key: hello\r\n", 400, NULL,
     false, false},

    {"no version", UP CO KE, 400, NULL, false, false},
    {"a version twice", ALL VE, 400, NULL, false, false},
    {"two versions in one", UP CO KE "Sec-WebSocket-Version: 13, 8\r\n", 400,
     NULL, false, false},
    {"version 013", UP CO KE "Sec-WebSocket-Version: 013\r\n", 400, NULL, false,
     false},
    {"version +13", UP CO KE "Sec-WebSocket-Version: +13\r\n", 400, NULL, false,
     false},
    {"version 256", UP CO KE "Sec-WebSocket-Version: 256\r\n", 400, NULL, false,
     false},
    {"version x", UP CO KE "Sec-WebSocket-Version: x\r\n", 400, NULL, false,
     false},
    {"an empty version", UP CO KE "Sec-WebSocket-Version:\r\n", 400, NULL,
     false, false},
    {"version 0", UP CO KE "Sec-WebSocket-Version: 0\r\n", 426, NULL, false,
     false},
    {"version 8", UP CO KE "Sec-WebSocket-Version: 8\r\n", 426, NULL, false,
     false},
    {"version 14", UP CO KE "Sec-WebSocket-Version: 14\r\n", 426, NULL, false,
     false},
    {"version 255", UP CO KE "Sec-WebSocket-Version: 255\r\n", 426, NULL, false,
     false},
    {"version 8 without a key", UP CO "Sec-WebSocket-Version: 8\r\n", 426, NULL,
     false, false},

    {"a body W21", ALL "Content-Length: 5\r\n", 400, NULL, false, false},
    {"a chunked body W21", ALL "Transfer-Encoding: chunked\r\n", 400, NULL,
     false, false},
    {"two lengths W21", ALL "Content-Length: 0\r\nContent-Length: 5\r\n", 400,
     NULL, false, false},

    {"protocols", ALL "Sec-WebSocket-Protocol: a, b,, c\r\n", 101, NULL, false,
     false},
    {"an empty list of protocols", ALL "Sec-WebSocket-Protocol:\r\n", 101, NULL,
     false, false},
    {"a protocol that is no token", ALL "Sec-WebSocket-Protocol: a/b\r\n", 400,
     NULL, false, false},
    {"a protocol in quotes", ALL "Sec-WebSocket-Protocol: \"chat\"\r\n", 400,
     NULL, false, false},
    {"two words", ALL "Sec-WebSocket-Protocol: a b\r\n", 400, NULL, false,
     false},
    {"a fault on the second line",
     ALL "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: @\r\n", 400,
     NULL, false, false},
    {"an extension nobody knows", ALL "Sec-WebSocket-Extensions: x\r\n", 101,
     NULL, false, false},
    {"extensions that are malformed W18",
     ALL "Sec-WebSocket-Extensions: x;\r\n", 400, NULL, false, false},
    {"a window that cannot be W18",
     ALL "Sec-WebSocket-Extensions: permessage-deflate; "
         "server_max_window_bits=7\r\n",
     101, NULL, false, false},

    {"the same origin W19", ALL "Origin: http://example.com\r\n", 101, NULL,
     false, false},
    {"another origin W19", ALL "Origin: https://evil.example\r\n", 403, NULL,
     false, false},
    {"origin null W19", ALL "Origin: null\r\n", 403, NULL, false, false},
    {"an empty origin W19", ALL "Origin:\r\n", 403, NULL, false, false},
    {"two origins W19",
     ALL "Origin: http://example.com\r\nOrigin: http://example.com\r\n", 400,
     NULL, false, false},
};

static void judge(struct flare__ws_answer *answer, const char *text,
                  const struct flare__ws_server *server)
{
    struct flare_str lines = flare_str(text);
    struct flare__ws_request request = {
        FLARE_STR("GET"), FLARE_STR("example.com"), 1, ws_fields(&lines)};

    flare__ws_handshake_judge(answer, &request, server);
}

START_TEST(test_server_answers_a_request_as_W20_says)
{
    static const struct flare__ws_server server = {0};
    struct flare__ws_answer answer;
    struct flare_str lines;
    struct flare__ws_request request = {
        .method = flare_str(requests[_i].method ? requests[_i].method : "GET"),
        .host = FLARE_STR("example.com"),
        .minor = requests[_i].is_1_0 ? 0 : 1,
    };
    struct guard g;

    guard_init(&g, 4096);
    lines.len = strlen(requests[_i].lines);
    lines.ptr = guard_put(&g, requests[_i].lines, lines.len);
    request.fields = ws_fields(&lines);
    flare__ws_handshake_judge(&answer, &request, &server);
    ck_assert_msg(answer.status == requests[_i].status, "%s: %d %s",
                  requests[_i].name, answer.status, answer.text);
    ck_assert_msg(answer.is_handshake == !requests[_i].is_other, "%s",
                  requests[_i].name);
    ck_assert_int_eq(answer.text[0] == '\0', answer.status == 101);
    ck_assert_uint_eq(answer.agreed.protocol.len, 0);
    ck_assert(!answer.agreed.has_deflate); /* not asked to speak it */
    guard_fini(&g);
}
END_TEST

START_TEST(test_server_wants_a_host)
{
    static const struct flare__ws_server server = {0};
    struct flare_str lines = FLARE_STR(ALL);
    struct flare__ws_request request = {
        FLARE_STR("GET"), {NULL, 0}, 1, ws_fields(&lines)};
    struct flare__ws_answer answer;

    flare__ws_handshake_judge(&answer, &request, &server);
    ck_assert_int_eq(answer.status, 400);
}
END_TEST

/* What it writes: all of it, in every smaller room nothing. */
static void check_written(const struct flare__ws_answer *answer,
                          const char *expected)
{
    size_t len = strlen(expected);
    struct guard g;

    guard_init(&g, 1024);
    for (size_t room = 0; room < len; room++)
        ck_assert_int_eq(
            flare__ws_answer_write(guard_last(&g, room), room, answer),
            -ENOBUFS);
    ck_assert_int_eq(flare__ws_answer_write(guard_last(&g, len), len, answer),
                     (int)len);
    ck_assert(memcmp(guard_last(&g, len), expected, len) == 0);
    ck_assert_uint_le(len, FLARE__WS_HEAD_BYTES_MAX);
    guard_fini(&g);
}

START_TEST(test_server_writes_the_fields_of_its_answer)
{
    struct flare__ws_server server = {0};
    struct flare__ws_answer answer;

    judge(&answer, ALL, &server);
    check_written(&answer, UP CO "Sec-WebSocket-Accept: " ACCEPT "\r\n");
    judge(&answer, UP CO KE "Sec-WebSocket-Version: 7\r\n", &server);
    check_written(&answer, UP CO "Sec-WebSocket-Version: 13\r\n");
    judge(&answer, UP CO VE, &server);
    check_written(&answer, "");
    server.protocols = own;
    server.protocol_count = 2;
    judge(&answer, ALL "Sec-WebSocket-Protocol: chat\r\n", &server);
    check_written(&answer, UP CO "Sec-WebSocket-Accept: " ACCEPT
                                 "\r\nSec-WebSocket-Protocol: chat\r\n");
}
END_TEST

#ifdef FLARE_HAVE_ZLIB
START_TEST(test_server_answers_an_offer_of_permessage_deflate)
{
    struct flare__ws_server server = {.deflate = &any};
    struct flare__ws_answer answer;

    judge(&answer,
          ALL "Sec-WebSocket-Extensions: permessage-deflate; "
              "client_max_window_bits; server_max_window_bits=8\r\n",
          &server);
    ck_assert_int_eq(answer.status, 101);
    ck_assert(answer.agreed.has_deflate);
    ck_assert_uint_eq(answer.agreed.deflate.server_max_window_bits, 8);
    check_written(&answer, UP CO "Sec-WebSocket-Accept: " ACCEPT
                                 "\r\nSec-WebSocket-Extensions: "
                                 "permessage-deflate; "
                                 "server_max_window_bits=8\r\n");
}
END_TEST
#endif

START_TEST(test_server_chooses_by_its_own_order)
{
    static const struct {
        const char *lines;
        const char *chosen;
    } offers[] = {
        {ALL, ""},
        {ALL "Sec-WebSocket-Protocol: chat\r\n", "chat"},
        {ALL "Sec-WebSocket-Protocol: chat, chat.v2\r\n", "chat.v2"},
        {ALL "Sec-WebSocket-Protocol: chat\r\n"
             "Sec-WebSocket-Protocol: chat.v2\r\n",
         "chat.v2"},
        {ALL "Sec-WebSocket-Protocol: Chat\r\n", ""}, /* case counts */
        {ALL "Sec-WebSocket-Protocol: chat.v3, chat.v\r\n", ""},
    };
    struct flare__ws_server server = {.protocols = own, .protocol_count = 2};

    for (int i = 0; i < ROWS(offers); i++) {
        struct flare__ws_answer answer;

        judge(&answer, offers[i].lines, &server);
        ck_assert_int_eq(answer.status, 101);
        ck_assert_msg(flare_str_equal(answer.agreed.protocol,
                                      flare_str(offers[i].chosen)),
                      "row %d", i);
    }
}
END_TEST

struct origin_call {
    bool is_welcome;
    int calls;
    bool was_absent;
};

static bool on_origin(struct flare_str origin, struct flare_str host, void *ctx)
{
    struct origin_call *call = ctx;

    call->calls++;
    call->was_absent = origin.ptr == NULL;
    ck_assert(flare_str_equal(host, FLARE_STR("example.com")));
    return call->is_welcome;
}

START_TEST(test_server_asks_about_every_origin_W19)
{
    struct origin_call call = {0};
    struct flare__ws_server server = {.origin_fn = on_origin, .ctx = &call};
    struct flare__ws_answer answer;

    judge(&answer, ALL "Origin: http://example.com\r\n", &server);
    ck_assert_int_eq(answer.status, 403);
    ck_assert(!call.was_absent);
    judge(&answer, ALL, &server);
    ck_assert_int_eq(answer.status, 403);
    ck_assert(call.was_absent);
    call.is_welcome = true;
    judge(&answer, ALL "Origin: http://evil.example\r\n", &server);
    ck_assert_int_eq(answer.status, 101);
    ck_assert_int_eq(call.calls, 3);
    judge(&answer, UP CO VE, &server); /* not asked for what is refused */
    ck_assert_int_eq(call.calls, 3);
}
END_TEST

/* Fields whose empty values have no address. */
static bool at_without_address(const void *ctx, size_t index,
                               struct flare_str *name, struct flare_str *value)
{
    if (!ws_fields_at(ctx, index, name, value))
        return false;
    if (value->len == 0)
        value->ptr = NULL;
    return true;
}

START_TEST(test_server_tells_an_empty_origin_from_none_W19)
{
    struct origin_call call = {.is_welcome = false};
    struct flare__ws_server server = {.origin_fn = on_origin, .ctx = &call};
    struct flare_str lines = FLARE_STR(ALL "Origin:\r\n");
    struct flare__ws_request request = {FLARE_STR("GET"),
                                        FLARE_STR("example.com"),
                                        1,
                                        {at_without_address, &lines}};
    struct flare__ws_answer answer;

    flare__ws_handshake_judge(&answer, &request, &server);
    ck_assert_int_eq(answer.status, 403);
    ck_assert_int_eq(call.calls, 1);
    ck_assert(!call.was_absent);
}
END_TEST

/* ---- client ---- */

#define AC "Sec-WebSocket-Accept: " ACCEPT "\r\n"
#define OK UP CO AC

static const struct {
    const char *name;
    const char *lines;
    int rc;
    int status; /* 0: 101 */
    bool is_1_0;
} replies[] = {
    {"the RFC's", OK, 0, 0, false},
    {"words in other case", "upgrade: WebSocket\r\nconnection: upgrade\r\n" AC,
     0, 0, false},
    {"Connection in a list", UP "Connection: keep-alive, Upgrade\r\n" AC, 0, 0,
     false},
    {"a protocol that was offered", OK "Sec-WebSocket-Protocol: chat\r\n", 0, 0,
     false},

    {"200", OK, FLARE_E_WS_REFUSED, 200, false},
    {"301", OK, FLARE_E_WS_REFUSED, 301, false},
    {"401", OK, FLARE_E_WS_REFUSED, 401, false},
    {"426", OK, FLARE_E_WS_REFUSED, 426, false},
    {"503", OK, FLARE_E_WS_REFUSED, 503, false},
    {"100", OK, FLARE_E_WS_REFUSED, 100, false},

    {"HTTP/1.0", OK, FLARE_E_WS_UPGRADE, 0, true},
    {"nothing", "", FLARE_E_WS_UPGRADE, 0, false},
    {"no Upgrade", CO AC, FLARE_E_WS_UPGRADE, 0, false},
    {"an empty Upgrade", "Upgrade:\r\n" CO AC, FLARE_E_WS_UPGRADE, 0, false},
    {"Upgrade to another", "Upgrade: h2c\r\n" CO AC, FLARE_E_WS_UPGRADE, 0,
     false},
    {"Upgrade to two", "Upgrade: websocket, h2c\r\n" CO AC, FLARE_E_WS_UPGRADE,
     0, false},
    {"Upgrade twice", UP OK, FLARE_E_WS_UPGRADE, 0, false},
    {"no Connection", UP AC, FLARE_E_WS_UPGRADE, 0, false},
    {"Connection: close", UP "Connection: close\r\n" AC, FLARE_E_WS_UPGRADE, 0,
     false},

    {"no Accept", UP CO, FLARE_E_WS_ACCEPT, 0, false},
    {"an empty Accept", UP CO "Sec-WebSocket-Accept:\r\n", FLARE_E_WS_ACCEPT, 0,
     false},
    {"Accept of another key",
     UP CO "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
     FLARE_E_WS_ACCEPT, 0, false},
    {"Accept in other case",
     UP CO "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n",
     FLARE_E_WS_ACCEPT, 0, false},
    {"Accept with a byte more", UP CO "Sec-WebSocket-Accept: " ACCEPT "=\r\n",
     FLARE_E_WS_ACCEPT, 0, false},
    {"Accept twice", OK AC, FLARE_E_WS_ACCEPT, 0, false},
    {"the key itself", UP CO "Sec-WebSocket-Accept: " KEY "\r\n",
     FLARE_E_WS_ACCEPT, 0, false},

    {"a protocol that was not offered", OK "Sec-WebSocket-Protocol: other\r\n",
     FLARE_E_WS_SUBPROTOCOL, 0, false},
    {"a protocol in other case", OK "Sec-WebSocket-Protocol: CHAT\r\n",
     FLARE_E_WS_SUBPROTOCOL, 0, false},
    {"an empty protocol", OK "Sec-WebSocket-Protocol:\r\n",
     FLARE_E_WS_SUBPROTOCOL, 0, false},
    {"two protocols", OK "Sec-WebSocket-Protocol: chat, chat.v2\r\n",
     FLARE_E_WS_SUBPROTOCOL, 0, false},
    {"two lines of protocols",
     OK "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n",
     FLARE_E_WS_SUBPROTOCOL, 0, false},

    {"an extension that was not offered", OK "Sec-WebSocket-Extensions: x\r\n",
     FLARE_E_WS_EXTENSION, 0, false},
    {"deflate that was not offered",
     OK "Sec-WebSocket-Extensions: permessage-deflate\r\n",
     FLARE_E_WS_EXTENSION, 0, false},
    {"malformed extensions", OK "Sec-WebSocket-Extensions: ;\r\n",
     FLARE_E_WS_EXTENSION, 0, false},
};

START_TEST(test_client_judges_an_answer_as_W22_says)
{
    struct flare__ws_client client = {.protocols = own, .protocol_count = 2};
    struct flare__ws_reply reply = {
        .status = replies[_i].status == 0 ? 101 : replies[_i].status,
        .minor = replies[_i].is_1_0 ? 0 : 1,
    };
    struct flare__ws_agreed agreed;
    struct flare_error err = {0};
    struct flare_str lines;
    struct guard g;
    int rc;

    guard_init(&g, 4096);
    lines.len = strlen(replies[_i].lines);
    lines.ptr = guard_put(&g, replies[_i].lines, lines.len);
    reply.fields = ws_fields(&lines);
    rc = flare__ws_reply_check(&reply, &client, KEY, &agreed, &err);
    ck_assert_msg(rc == replies[_i].rc, "%s: %d", replies[_i].name, rc);
    ck_assert_int_eq(err.code, rc);
    ck_assert_int_eq(err.text[0] != '\0', rc < 0);
    ck_assert(!agreed.has_deflate);
    ck_assert_int_eq(flare__ws_reply_check(&reply, &client, KEY, &agreed, NULL),
                     rc);
    guard_fini(&g);
}
END_TEST

START_TEST(test_client_refuses_a_protocol_when_it_offered_none)
{
    struct flare__ws_client client = {0};
    struct flare_str lines = FLARE_STR(OK "Sec-WebSocket-Protocol: chat\r\n");
    struct flare__ws_reply reply = {101, 1, ws_fields(&lines)};
    struct flare__ws_agreed agreed;

    ck_assert_int_eq(flare__ws_reply_check(&reply, &client, KEY, &agreed, NULL),
                     FLARE_E_WS_SUBPROTOCOL);
}
END_TEST

START_TEST(test_client_writes_its_request)
{
    static const char expected[] =
        UP CO KE VE "Origin: https://example.com\r\n"
                    "Sec-WebSocket-Protocol: chat.v2, chat\r\n";
    struct flare__ws_client client = {own, 2, FLARE_STR("https://example.com"),
                                      NULL};
    char out[FLARE__WS_HEAD_BYTES_MAX];
    size_t len = sizeof(expected) - 1;

    ck_assert_int_eq(flare__ws_client_check(&client, NULL), 0);
    for (size_t room = 0; room < len; room++)
        ck_assert_int_eq(flare__ws_request_write(out, room, &client, KEY),
                         -ENOBUFS);
    ck_assert_int_eq(flare__ws_request_write(out, len, &client, KEY), (int)len);
    ck_assert_mem_eq(out, expected, len);
    client = (struct flare__ws_client){0};
    ck_assert_int_eq(flare__ws_request_write(out, sizeof(out), &client, KEY),
                     (int)strlen(ALL));
    ck_assert_mem_eq(out, ALL, strlen(ALL));
}
END_TEST

START_TEST(test_client_check_names_the_culprit)
{
    static const struct flare_str twice[] = {{"a", 1}, {"b", 1}, {"a", 1}};
    static const struct flare_str bad[] = {{"a", 1}, {"b c", 3}};
    static const struct flare_str empty[] = {{"", 0}};
    static const struct flare_str lf[] = {{"a\r\nX: y", 7}};
    static const struct flare__ws_deflate_params narrow = {7, 15, false, false,
                                                           false};
    static const struct flare__ws_deflate_params wide = {15, 16, false, false,
                                                         false};
    static const struct flare_str none = {NULL, 0};
    const struct {
        struct flare__ws_client client;
        const char *culprit;
    } faults[] = {
        {{twice, 3, none, NULL}, "protocols 0 and 2"},
        {{bad, 2, none, NULL}, "protocol 1"},
        {{empty, 1, none, NULL}, "protocol 0"},
        {{lf, 1, none, NULL}, "protocol 0"},
        {{own, FLARE__WS_PROTOCOLS_MAX + 1, none, NULL}, "65 protocols"},
        {{NULL, 0, FLARE_STR("http://a\r\n"), NULL}, "byte 8"},
        {{NULL, 0, FLARE_STR("http://\xC3\xA4"), NULL}, "byte 7"},
        {{NULL, 0, none, &narrow}, "window"},
        {{NULL, 0, none, &wide}, "window"},
    };

    for (int i = 0; i < ROWS(faults); i++) {
        struct flare_error err = {0};

        ck_assert_int_eq(flare__ws_client_check(&faults[i].client, &err),
                         FLARE_E_BAD_CONFIG);
        ck_assert_msg(strstr(err.text, faults[i].culprit) != NULL, "row %d: %s",
                      i, err.text);
    }
}
END_TEST

/* ---- both ---- */

/* What a client writes a server takes, what that answers the client takes, and
 * both have agreed on the same. */
START_TEST(test_both_roles_shake_hands)
{
    struct flare__ws_client client = {own, 2, FLARE_STR("https://example.com"),
                                      &any};
    struct flare__ws_server server = {own + 1, 1, &any, NULL, NULL};
    char request[FLARE__WS_HEAD_BYTES_MAX], reply[FLARE__WS_HEAD_BYTES_MAX];
    struct flare_str lines = {request, 0};
    struct flare__ws_reply heard = {101, 1, ws_fields(&lines)};
    struct flare__ws_answer answer;
    struct flare__ws_agreed agreed;
    char key[FLARE__WS_KEY_LEN];
    uint8_t nonce[FLARE__WS_NONCE_BYTES];

    for (unsigned round = 0; round < 256; round++) {
        memset(nonce, (int)round, sizeof(nonce));
        nonce[round % sizeof(nonce)] = 0x5A;
        flare__ws_key_of(key, nonce);
        lines.ptr = request;
        lines.len = (size_t)flare__ws_request_write(request, sizeof(request),
                                                    &client, key);
        request[lines.len] = '\0';
        judge(&answer, request, &server);
        ck_assert_int_eq(answer.status, 101);
        lines.len =
            (size_t)flare__ws_answer_write(reply, sizeof(reply), &answer);
        lines.ptr = reply;
        ck_assert_int_eq(
            flare__ws_reply_check(&heard, &client, key, &agreed, NULL), 0);
        ck_assert(flare_str_equal(agreed.protocol, FLARE_STR("chat")));
        ck_assert(flare_str_equal(answer.agreed.protocol, FLARE_STR("chat")));
        ck_assert_int_eq(agreed.has_deflate, answer.agreed.has_deflate);
        ck_assert_int_eq(agreed.has_deflate, flare__ws_deflate_is_here());
        key[0] = key[0] == 'A' ? 'B' : 'A';
        ck_assert_int_eq(
            flare__ws_reply_check(&heard, &client, key, &agreed, NULL),
            FLARE_E_WS_ACCEPT);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/handshake");
    TCase *tc = tcase_create("handshake");

    tcase_add_test(tc, test_accept_is_that_of_the_rfc);
    tcase_add_loop_test(tc, test_server_answers_a_request_as_W20_says, 0,
                        ROWS(requests));
    tcase_add_test(tc, test_server_wants_a_host);
    tcase_add_test(tc, test_server_writes_the_fields_of_its_answer);
#ifdef FLARE_HAVE_ZLIB
    tcase_add_test(tc, test_server_answers_an_offer_of_permessage_deflate);
#endif
    tcase_add_test(tc, test_server_chooses_by_its_own_order);
    tcase_add_test(tc, test_server_asks_about_every_origin_W19);
    tcase_add_test(tc, test_server_tells_an_empty_origin_from_none_W19);
    tcase_add_loop_test(tc, test_client_judges_an_answer_as_W22_says, 0,
                        ROWS(replies));
    tcase_add_test(tc, test_client_refuses_a_protocol_when_it_offered_none);
    tcase_add_test(tc, test_client_writes_its_request);
    tcase_add_test(tc, test_client_check_names_the_culprit);
    tcase_add_test(tc, test_both_roles_shake_hands);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
