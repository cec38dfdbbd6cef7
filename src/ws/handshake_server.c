/* SPDX-License-Identifier: MIT */
/* The server's part of the handshake.  See handshake.h. */
#include "ws/handshake.h"

#include "base/assert.h"
#include "base/base64.h"
#include "ws/handshake_lines.h"
#include "ws/origin.h"

#include <string.h>

/* Sentences and statuses of what is wrong; the first that is wins. */
struct fault {
    int status;
    const char *text;
};

static const struct fault none = {101, ""};

/* Whether the value is 16 bytes in base64.  Bits behind the last byte do not
 * matter: the answer is made of the text, and clients leave them as they are.
 */
static bool is_key(struct flare_str value)
{
    char text[FLARE__WS_KEY_LEN];

    if (value.len != FLARE__WS_KEY_LEN ||
        memcmp(value.ptr + FLARE__WS_KEY_LEN - 2, "==", 2) != 0)
        return false;
    memcpy(text, value.ptr, FLARE__WS_KEY_LEN - 2);
    memcpy(text + FLARE__WS_KEY_LEN - 2, "AA", 2);
    return flare__base64_decode(text, (struct flare_str){text, sizeof(text)}) >
           0;
}

/* Whether it is one of the versions that can be: 0 to 255 (section 11.6). */
static bool is_version(struct flare_str value)
{
    unsigned number = 0;

    if (value.len == 0 || value.len > 3 ||
        (value.len > 1 && value.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
        number = number * 10 + (unsigned)(value.ptr[i] - '0');
    }
    return number <= 255;
}

static struct fault judge_version(const struct flare__ws_fields *fields)
{
    struct flare_str value;
    size_t count = flare__ws_field_find(
        fields, FLARE_STR("Sec-WebSocket-Version"), &value);

    if (count != 1)
        return (struct fault){400, count == 0
                                       ? "no Sec-WebSocket-Version"
                                       : "Sec-WebSocket-Version is repeated"};
    if (flare_str_equal(value, FLARE_STR("13")))
        return none;
    if (!is_version(value))
        return (struct fault){400, "Sec-WebSocket-Version is no version"};
    return (struct fault){426, "only version 13 of WebSocket is spoken here"};
}

static struct fault judge_key(const struct flare__ws_fields *fields,
                              char accept[FLARE__WS_ACCEPT_LEN])
{
    struct flare_str value;
    size_t count =
        flare__ws_field_find(fields, FLARE_STR("Sec-WebSocket-Key"), &value);

    if (count != 1)
        return (struct fault){400, count == 0
                                       ? "no Sec-WebSocket-Key"
                                       : "Sec-WebSocket-Key is repeated"};
    if (!is_key(value))
        return (struct fault){400, "Sec-WebSocket-Key is not 16 bytes in "
                                   "base64"};
    flare__ws_accept_of(accept, value.ptr);
    return none;
}

/* A body would be read as frames by the one and as a body by the other (W21).
 */
static bool has_body(const struct flare__ws_fields *fields)
{
    struct flare_str value;
    size_t count =
        flare__ws_field_find(fields, FLARE_STR("Content-Length"), &value);

    if (count > 0 && !flare_str_equal(value, FLARE_STR("0")))
        return true;
    return count > 1 || flare__ws_field_find(
                            fields, FLARE_STR("Transfer-Encoding"), &value) > 0;
}

/* Whether the client's list, on any line, has `protocol`; exactly. */
static bool is_offered(const struct flare__ws_fields *fields,
                       struct flare_str protocol)
{
    struct flare__ws_lines lines = {fields, FLARE_STR("Sec-WebSocket-Protocol"),
                                    0};
    struct flare_str line, element;

    while (flare__ws_line_next(&lines, &line)) {
        while (flare__ws_element_next(&line, &element)) {
            if (flare_str_equal(element, protocol))
                return true;
        }
    }
    return false;
}

static bool are_tokens(const struct flare__ws_fields *fields)
{
    struct flare__ws_lines lines = {fields, FLARE_STR("Sec-WebSocket-Protocol"),
                                    0};
    struct flare_str line, element;

    while (flare__ws_line_next(&lines, &line)) {
        while (flare__ws_element_next(&line, &element)) {
            if (!flare__ws_is_token(element))
                return false;
        }
    }
    return true;
}

/* The server's first choice that the client has, if any. */
static struct fault judge_protocol(const struct flare__ws_fields *fields,
                                   const struct flare__ws_server *server,
                                   struct flare_str *chosen)
{
    FLARE_ASSERT(server->protocol_count <= FLARE__WS_PROTOCOLS_MAX);
    if (!are_tokens(fields))
        return (struct fault){400, "Sec-WebSocket-Protocol is no list of "
                                   "tokens"};
    for (size_t i = 0; i < server->protocol_count; i++) {
        if (!is_offered(fields, server->protocols[i]))
            continue;
        *chosen = server->protocols[i];
        break;
    }
    return none;
}

/* The extensions are read even if none is spoken, so that a fault in them
 * does not depend on what is. */
static struct fault judge_extensions(const struct flare__ws_fields *fields,
                                     const struct flare__ws_server *server,
                                     struct flare__ws_agreed *agreed)
{
    const struct flare__ws_deflate_params any = FLARE__WS_DEFLATE_ANY;
    const struct flare__ws_deflate_params *wish =
        server->deflate ? server->deflate : &any;
    int rc = flare__ws_deflate_accept(fields, wish, &agreed->deflate);

    if (rc < 0)
        return (struct fault){400, "Sec-WebSocket-Extensions is malformed"};
    agreed->has_deflate = rc > 0 && server->deflate != NULL;
    return none;
}

static struct fault judge_origin(const struct flare__ws_request *request,
                                 const struct flare__ws_server *server)
{
    struct flare_str origin = {NULL, 0};
    size_t count =
        flare__ws_field_find(&request->fields, FLARE_STR("Origin"), &origin);
    bool is_welcome;

    if (count > 1)
        return (struct fault){400, "Origin is repeated"};
    if (count == 1 && origin.ptr == NULL)
        origin = FLARE_STR(""); /* NULL says that it is absent */
    if (server->origin_fn != NULL)
        is_welcome = server->origin_fn(origin, request->host, server->ctx);
    else
        is_welcome =
            count == 0 || flare__ws_origin_is_host(origin, request->host);
    return is_welcome ? none
                      : (struct fault){403, "this origin may not connect"};
}

/* What makes the request one for WebSocket; only then is the rest looked at.
 * HTTP/1.0 has no Upgrade (RFC 9110 section 7.8). */
static struct fault judge_upgrade(const struct flare__ws_request *request)
{
    if (request->minor < 1)
        return (struct fault){400, "HTTP/1.0 has no WebSocket"};
    if (!flare__ws_field_has(&request->fields, FLARE_STR("Upgrade"),
                             FLARE_STR("websocket")))
        return (struct fault){400, "no Upgrade: websocket"};
    return none;
}

static struct fault judge_framing(const struct flare__ws_request *request)
{
    if (!flare_str_equal(request->method, FLARE_STR("GET")))
        return (struct fault){400, "a WebSocket handshake is a GET"};
    if (!flare__ws_field_has(&request->fields, FLARE_STR("Connection"),
                             FLARE_STR("upgrade")))
        return (struct fault){400, "no Connection: upgrade"};
    if (request->host.len == 0)
        return (struct fault){400, "no Host"};
    if (has_body(&request->fields))
        return (struct fault){400, "a WebSocket handshake has no body"};
    return none;
}

static struct fault judge(struct flare__ws_answer *answer,
                          const struct flare__ws_request *request,
                          const struct flare__ws_server *server)
{
    struct fault fault = judge_upgrade(request);

    answer->is_handshake = fault.status == 101;
    if (fault.status == 101)
        fault = judge_framing(request);
    if (fault.status == 101)
        fault = judge_version(&request->fields);
    if (fault.status == 101)
        fault = judge_key(&request->fields, answer->accept);
    if (fault.status == 101)
        fault =
            judge_protocol(&request->fields, server, &answer->agreed.protocol);
    if (fault.status == 101)
        fault = judge_extensions(&request->fields, server, &answer->agreed);
    if (fault.status == 101)
        fault = judge_origin(request, server);
    return fault;
}

void flare__ws_handshake_judge(struct flare__ws_answer *answer,
                               const struct flare__ws_request *request,
                               const struct flare__ws_server *server)
{
    struct fault fault;

    *answer = (struct flare__ws_answer){0};
    fault = judge(answer, request, server);
    answer->status = fault.status;
    answer->text = fault.text;
    if (fault.status != 101)
        answer->agreed = (struct flare__ws_agreed){0};
}

int flare__ws_answer_write(char *out, size_t room,
                           const struct flare__ws_answer *answer)
{
    struct flare__ws_text text = {out, room, 0, false};
    char value[FLARE__WS_EXTENSION_BYTES_MAX];
    size_t len;

    if (answer->status != 101 && answer->status != 426)
        return 0;
    flare__ws_add_line(&text, "Upgrade", FLARE_STR("websocket"));
    flare__ws_add_line(&text, "Connection", FLARE_STR("Upgrade"));
    if (answer->status == 426) {
        flare__ws_add_line(&text, "Sec-WebSocket-Version", FLARE_STR("13"));
        return flare__ws_text_length(&text);
    }
    flare__ws_add_line(
        &text, "Sec-WebSocket-Accept",
        (struct flare_str){answer->accept, sizeof(answer->accept)});
    if (answer->agreed.protocol.len > 0)
        flare__ws_add_line(&text, "Sec-WebSocket-Protocol",
                           answer->agreed.protocol);
    if (answer->agreed.has_deflate) {
        len = flare__ws_agreed_write(value, &answer->agreed.deflate);
        flare__ws_add_line(&text, "Sec-WebSocket-Extensions",
                           (struct flare_str){value, len});
    }
    return flare__ws_text_length(&text);
}
