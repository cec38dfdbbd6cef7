/* SPDX-License-Identifier: MIT */
/* The client's part of the handshake.  See handshake.h. */
#include "ws/handshake.h"

#include "base/assert.h"
#include "base/log.h"
#include "ws/handshake_lines.h"

#include <string.h>

static bool are_bits(uint8_t bits)
{
    return bits >= FLARE__WS_WINDOW_BITS_MIN &&
           bits <= FLARE__WS_WINDOW_BITS_MAX;
}

static int check_protocols(const struct flare__ws_client *client,
                           struct flare_error *err)
{
    if (client->protocol_count > FLARE__WS_PROTOCOLS_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "WebSocket: %zu protocols, more than %d",
                            client->protocol_count, FLARE__WS_PROTOCOLS_MAX);
    for (size_t i = 0; i < client->protocol_count; i++) {
        if (!flare__ws_is_token(client->protocols[i]))
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "WebSocket: protocol %zu is no token", i);
        for (size_t j = 0; j < i; j++) {
            if (flare_str_equal(client->protocols[i], client->protocols[j]))
                return flare__error(
                    err, FLARE_E_BAD_CONFIG,
                    "WebSocket: protocols %zu and %zu are the same", j, i);
        }
    }
    return 0;
}

int flare__ws_client_check(const struct flare__ws_client *client,
                           struct flare_error *err)
{
    for (size_t i = 0; i < client->origin.len; i++) {
        if (client->origin.ptr[i] <= ' ' || client->origin.ptr[i] >= 0x7F)
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "WebSocket: byte %zu of the origin is not "
                                "printable",
                                i);
    }
    if (client->deflate != NULL &&
        !(are_bits(client->deflate->server_max_window_bits) &&
          are_bits(client->deflate->client_max_window_bits)))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "WebSocket: a window is not 8 to 15 bits");
    return check_protocols(client, err);
}

int flare__ws_request_write(char *out, size_t room,
                            const struct flare__ws_client *client,
                            const char key[FLARE__WS_KEY_LEN])
{
    struct flare__ws_text text = {out, room, 0, false};
    char value[FLARE__WS_EXTENSION_BYTES_MAX];
    size_t len;

    FLARE_DCHECK(flare__ws_client_check(client, NULL) == 0);
    flare__ws_add_line(&text, "Upgrade", FLARE_STR("websocket"));
    flare__ws_add_line(&text, "Connection", FLARE_STR("Upgrade"));
    flare__ws_add_line(&text, "Sec-WebSocket-Key",
                       (struct flare_str){key, FLARE__WS_KEY_LEN});
    flare__ws_add_line(&text, "Sec-WebSocket-Version", FLARE_STR("13"));
    if (client->origin.ptr != NULL)
        flare__ws_add_line(&text, "Origin", client->origin);
    for (size_t i = 0; i < client->protocol_count; i++) {
        flare__ws_add(&text, i == 0 ? FLARE_STR("Sec-WebSocket-Protocol: ")
                                    : FLARE_STR(", "));
        flare__ws_add(&text, client->protocols[i]);
    }
    if (client->protocol_count > 0)
        flare__ws_add(&text, FLARE_STR("\r\n"));
    if (client->deflate != NULL && flare__ws_deflate_is_here()) {
        len = flare__ws_offer_write(value, client->deflate);
        flare__ws_add_line(&text, "Sec-WebSocket-Extensions",
                           (struct flare_str){value, len});
    }
    return flare__ws_text_length(&text);
}

static int check_upgrade(const struct flare__ws_reply *reply,
                         struct flare_error *err)
{
    struct flare_str value;
    size_t count =
        flare__ws_field_find(&reply->fields, FLARE_STR("Upgrade"), &value);

    if (reply->minor < 1)
        return flare__error(err, FLARE_E_WS_UPGRADE,
                            "the server switches protocols in HTTP/1.0");
    /* the value alone: another protocol beside it would be spoken, too */
    if (count != 1 || !flare_str_equal_nocase(value, FLARE_STR("websocket")))
        return flare__error(err, FLARE_E_WS_UPGRADE,
                            "the server's Upgrade is not websocket");
    if (!flare__ws_field_has(&reply->fields, FLARE_STR("Connection"),
                             FLARE_STR("upgrade")))
        return flare__error(err, FLARE_E_WS_UPGRADE,
                            "the server's Connection has no upgrade");
    return 0;
}

static int check_accept(const struct flare__ws_reply *reply,
                        const char key[FLARE__WS_KEY_LEN],
                        struct flare_error *err)
{
    char accept[FLARE__WS_ACCEPT_LEN];
    struct flare_str value;
    size_t count = flare__ws_field_find(
        &reply->fields, FLARE_STR("Sec-WebSocket-Accept"), &value);

    if (count != 1)
        return flare__error(err, FLARE_E_WS_ACCEPT,
                            "the server's Sec-WebSocket-Accept is %s",
                            count == 0 ? "missing" : "repeated");
    flare__ws_accept_of(accept, key);
    if (!flare_str_equal(value, (struct flare_str){accept, sizeof(accept)}))
        return flare__error(err, FLARE_E_WS_ACCEPT,
                            "the server's Sec-WebSocket-Accept is not of the "
                            "key");
    return 0;
}

static int check_protocol(const struct flare__ws_reply *reply,
                          const struct flare__ws_client *client,
                          struct flare__ws_agreed *agreed,
                          struct flare_error *err)
{
    struct flare_str value;
    size_t count = flare__ws_field_find(
        &reply->fields, FLARE_STR("Sec-WebSocket-Protocol"), &value);

    if (count > 1)
        return flare__error(err, FLARE_E_WS_SUBPROTOCOL,
                            "the server chooses more than one protocol");
    if (count == 0)
        return 0; /* it speaks none of them: section 4.1 lets it */
    for (size_t i = 0; i < client->protocol_count; i++) {
        if (!flare_str_equal(client->protocols[i], value))
            continue;
        agreed->protocol = client->protocols[i];
        return 0;
    }
    return flare__error(err, FLARE_E_WS_SUBPROTOCOL,
                        "the server chooses a protocol that was not offered");
}

int flare__ws_reply_check(const struct flare__ws_reply *reply,
                          const struct flare__ws_client *client,
                          const char key[FLARE__WS_KEY_LEN],
                          struct flare__ws_agreed *agreed,
                          struct flare_error *err)
{
    const struct flare__ws_deflate_params *wish =
        flare__ws_deflate_is_here() ? client->deflate : NULL;
    const char *fault;
    int rc;

    *agreed = (struct flare__ws_agreed){0};
    if (reply->status != 101)
        return flare__error(err, FLARE_E_WS_REFUSED,
                            "the server answers the handshake with %d",
                            reply->status);
    rc = check_upgrade(reply, err);
    if (rc == 0)
        rc = check_accept(reply, key, err);
    if (rc == 0)
        rc = check_protocol(reply, client, agreed, err);
    if (rc < 0)
        return rc;
    rc = flare__ws_deflate_confirm(&reply->fields, wish, &agreed->deflate,
                                   &fault);
    if (rc < 0)
        return flare__error(err, FLARE_E_WS_EXTENSION, "%s", fault);
    agreed->has_deflate = rc > 0;
    return 0;
}
