/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the fields of a handshake.  The first byte chooses the role and
 * what it wishes, the second the bits of windows.
 *
 * A server: the same answer whatever stands behind; what it agrees on is within
 * its wish, and its answer is one that a client takes.  A client: what it takes
 * is within its offer; an answer that it refuses has a sentence.
 */
#include "ws/handshake.h"

#include "tests/support/ws_fields.h"
#include "ws/origin.h"

#include <stdio.h>
#include <stdlib.h>

/* The key and answer of RFC 6455 section 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct flare_str own[] = {{"chat", 4}, {"superchat", 9}};

static void check(bool is_right, const char *what)
{
    if (is_right)
        return;
    fprintf(stderr, "fuzz_ws_handshake: %s\n", what);
    abort();
}

static bool is_own(struct flare_str protocol)
{
    return protocol.len == 0 || protocol.ptr == own[0].ptr ||
           protocol.ptr == own[1].ptr;
}

/* What both keep to, whoever asked for it. */
static void check_within(const struct flare__ws_deflate_params *agreed,
                         const struct flare__ws_deflate_params *wish)
{
    check(agreed->server_max_window_bits >= FLARE__WS_WINDOW_BITS_MIN &&
              agreed->server_max_window_bits <= wish->server_max_window_bits,
          "the server's window is not within the wish");
    check(agreed->client_max_window_bits >= FLARE__WS_WINDOW_BITS_MIN &&
              agreed->client_max_window_bits <= wish->client_max_window_bits,
          "the client's window is not within the wish");
    check(agreed->server_no_context_takeover >=
                  wish->server_no_context_takeover &&
              agreed->client_no_context_takeover >=
                  wish->client_no_context_takeover,
          "a context is taken over against the wish");
}

static bool any_origin(struct flare_str origin, struct flare_str host,
                       void *ctx)
{
    (void)origin;
    (void)host;
    (void)ctx;
    return true;
}

/* The answer's lines, read by a client that offered all that it says. */
static void check_reply(const struct flare__ws_answer *answer)
{
    char out[FLARE__WS_HEAD_BYTES_MAX], value[FLARE__WS_EXTENSION_BYTES_MAX];
    int len = flare__ws_answer_write(out, sizeof(out), answer);
    struct flare_str lines = {out, (size_t)len};
    struct flare__ws_fields fields = ws_fields(&lines);
    struct flare_str text;
    size_t value_len;

    check(len > 0, "an answer has no room");
    check(flare__ws_field_find(&fields, FLARE_STR("Sec-WebSocket-Accept"),
                               &text) == 1 &&
              text.len == FLARE__WS_ACCEPT_LEN,
          "no key in the answer");
    check(flare__ws_field_find(&fields, FLARE_STR("Sec-WebSocket-Extensions"),
                               &text) == answer->agreed.has_deflate,
          "the extension is missing or too much");
    if (!answer->agreed.has_deflate)
        return;
    value_len = flare__ws_agreed_write(value, &answer->agreed.deflate);
    check(flare_str_equal(text, (struct flare_str){value, value_len}),
          "another extension is written than was agreed on");
}

static void serve(const struct flare__ws_deflate_params *wish, unsigned flags,
                  const struct flare_str *lines)
{
    struct flare__ws_server server = {
        .protocols = own,
        .protocol_count = 2,
        .deflate = flags & 2 ? wish : NULL,
        .origin_fn = flags & 4 ? any_origin : NULL,
    };
    struct flare__ws_request request = {
        FLARE_STR("GET"), FLARE_STR("example.com"), 1, ws_fields(lines)};
    struct flare__ws_answer answer, again;

    flare__ws_handshake_judge(&answer, &request, &server);
    flare__ws_handshake_judge(&again, &request, &server);
    check(answer.status == again.status && answer.text == again.text,
          "two answers to one request");
    check(answer.status == 101 || answer.status == 400 ||
              answer.status == 403 || answer.status == 426,
          "another status");
    check((answer.text[0] == '\0') == (answer.status == 101), "no sentence");
    if (answer.status != 101)
        return;
    check(answer.is_handshake && is_own(answer.agreed.protocol),
          "a protocol of nobody's");
    check(!answer.agreed.has_deflate || server.deflate != NULL,
          "deflate without a wish");
    if (answer.agreed.has_deflate)
        check_within(&answer.agreed.deflate, wish);
    check_reply(&answer);
}

static void ask(const struct flare__ws_deflate_params *wish, unsigned flags,
                const struct flare_str *lines)
{
    struct flare__ws_client client = {
        .protocols = own,
        .protocol_count = flags & 8 ? 2 : 0,
        .deflate = flags & 2 ? wish : NULL,
    };
    struct flare__ws_reply reply = {101, 1, ws_fields(lines)};
    struct flare__ws_agreed agreed;
    struct flare_error err = {0};
    int rc = flare__ws_reply_check(&reply, &client, KEY, &agreed, &err);

    check((rc < 0) == (err.text[0] != '\0'), "no sentence");
    check(rc == 0 || rc == FLARE_E_WS_UPGRADE || rc == FLARE_E_WS_ACCEPT ||
              rc == FLARE_E_WS_SUBPROTOCOL || rc == FLARE_E_WS_EXTENSION,
          "another error");
    if (rc < 0)
        return;
    check(is_own(agreed.protocol), "a protocol of nobody's");
    check(client.protocol_count > 0 || agreed.protocol.len == 0,
          "a protocol that was not offered");
    check(!agreed.has_deflate || client.deflate != NULL,
          "deflate that was not offered");
    if (agreed.has_deflate)
        check_within(&agreed.deflate, wish);
}

/* An origin taken for the host has the host in it. */
static void check_origin(struct flare_str lines)
{
    if (flare__ws_origin_is_host(lines, FLARE_STR("example.com")))
        check(lines.len >= strlen("http://example.com") &&
                  lines.len <= strlen("https://example.com:443"),
              "an origin of another host");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare__ws_deflate_params wish = {0};
    struct flare_str lines;

    if (size < 2 || size > 8192)
        return 0;
    wish.server_max_window_bits = (uint8_t)(8 + (data[1] & 7));
    wish.client_max_window_bits = (uint8_t)(8 + (data[1] >> 3 & 7));
    wish.server_no_context_takeover = (data[1] & 64) != 0;
    wish.client_no_context_takeover = (data[1] & 128) != 0;
    lines = (struct flare_str){(const char *)data + 2, size - 2};
    if ((data[0] & 1) == 0)
        serve(&wish, data[0], &lines);
    else
        ask(&wish, data[0], &lines);
    check_origin(lines);
    return 0;
}
