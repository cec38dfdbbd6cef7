/* SPDX-License-Identifier: MIT */
/* See ws_rig.h. */
#include "tests/ws/ws_rig.h"

#include "tests/support/test.h"

#include <string.h>

struct ws_seen ws_seen;
ws_rig_fn ws_rig_on_message;
void (*ws_rig_on_open)(flare_ws *ws);
void (*ws_rig_on_closed)(flare_ws *ws);

static const struct flare_ws_handler *rig_handler;

/* ---- the server ---- */

static void note_bytes(struct flare_str bytes)
{
    ck_assert_uint_le(bytes.len, WS_RIG_BYTES);
    if (ws_seen.bytes == NULL)
        ws_seen.bytes = malloc(WS_RIG_BYTES + 1);
    ck_assert_ptr_nonnull(ws_seen.bytes);
    if (bytes.len > 0)
        memcpy(ws_seen.bytes, bytes.ptr, bytes.len);
    ws_seen.bytes[bytes.len] = '\0';
    ws_seen.len = bytes.len;
}

static void on_open(flare_ws *ws, void *ctx)
{
    ck_assert_ptr_eq(ctx, &ws_seen);
    ws_seen.ws = ws;
    ws_seen.opened++;
    if (ws_rig_on_open != NULL)
        ws_rig_on_open(ws);
}

static void send_back(flare_ws *ws, enum flare_ws_kind kind,
                      struct flare_str bytes)
{
    if (kind == FLARE_WS_TEXT)
        ws_seen.send_rc = flare_ws_send_text(ws, bytes);
    else
        ws_seen.send_rc = flare_ws_send_binary(ws, bytes);
}

static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    ck_assert_ptr_eq(ctx, &ws_seen);
    ws_seen.messages++;
    ws_seen.kind = kind;
    note_bytes(bytes);
    if (ws_rig_on_message != NULL)
        ws_rig_on_message(ws, bytes);
    else
        send_back(ws, kind, bytes);
}

static void on_drain(flare_ws *ws, void *ctx)
{
    (void)ws;
    ck_assert_ptr_eq(ctx, &ws_seen);
    ws_seen.drains++;
}

static void on_pong(flare_ws *ws, struct flare_str payload, void *ctx)
{
    (void)ws;
    ck_assert_ptr_eq(ctx, &ws_seen);
    ws_seen.pongs++;
    note_bytes(payload);
}

static void on_closed(flare_ws *ws, uint16_t code, struct flare_str reason,
                      void *ctx)
{
    ck_assert_ptr_eq(ctx, &ws_seen);
    ck_assert_uint_lt(reason.len, sizeof(ws_seen.reason));
    ws_seen.closed++;
    ws_seen.code = code;
    if (reason.len > 0)
        memcpy(ws_seen.reason, reason.ptr, reason.len);
    ws_seen.reason[reason.len] = '\0';
    if (ws_rig_on_closed != NULL)
        ws_rig_on_closed(ws);
}

void ws_rig_handler(struct flare_ws_handler *h)
{
    h->on_open = on_open;
    if (h->on_fragment == NULL)
        h->on_message = on_message;
    h->on_drain = on_drain;
    h->on_pong = on_pong;
    h->on_closed = on_closed;
}

static int on_request(flare_req *req, flare_res *res)
{
    ws_seen.accept_rc =
        flare_ws_accept(req, res, rig_handler, &ws_seen, &ws_seen.accept_open);
    return ws_seen.accept_rc;
}

struct rig *ws_rig_with(const struct flare_ws_handler *h,
                        struct flare_server_config config)
{
    free(ws_seen.bytes);
    memset(&ws_seen, 0, sizeof(ws_seen));
    ws_rig_on_message = NULL;
    ws_rig_on_open = NULL;
    ws_rig_on_closed = NULL;
    rig_handler = h;
    if (config.handler.fn == NULL)
        config.handler.fn = on_request;
    return rig_new(&config);
}

struct rig *ws_rig_new(const struct flare_ws_handler *h)
{
    return ws_rig_with(h, (struct flare_server_config){.listen = NULL});
}

void ws_rig_free(struct rig *r)
{
    rig_free(r);
    free(ws_seen.bytes);
    ws_seen.bytes = NULL;
}

/* ---- the client ---- */

void ws_rig_open(struct rig *r, int i)
{
    rig_connect(r, i);
    rig_text(r, i, WS_HELLO);
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, i), "101");
    ck_assert_ptr_nonnull(strstr(r->peers[i].got, WS_ACCEPTED));
}

size_t ws_rig_put(char *out, unsigned first, const void *bytes, size_t len)
{
    static const unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};
    const unsigned char *in = bytes;
    size_t at = 0;

    out[at++] = (char)first;
    if (len < 126) {
        out[at++] = (char)(0x80 | len);
    } else if (len < 65536) {
        out[at++] = (char)(0x80 | 126);
        out[at++] = (char)(len >> 8);
        out[at++] = (char)len;
    } else {
        out[at++] = (char)(0x80 | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            out[at++] = (char)((uint64_t)len >> shift);
    }
    memcpy(out + at, key, 4);
    at += 4;
    for (size_t n = 0; n < len; n++)
        out[at++] = (char)(in[n] ^ key[n % 4]);
    return at;
}

void ws_rig_frame(struct rig *r, int i, unsigned first, const void *bytes,
                  size_t len)
{
    char *frame = malloc(len + 14);

    ck_assert_ptr_nonnull(frame);
    rig_send(r, i, frame, ws_rig_put(frame, first, bytes, len));
    free(frame);
}

void ws_rig_text(struct rig *r, int i, const char *text)
{
    ws_rig_frame(r, i, 0x81, text, strlen(text));
}

void ws_rig_close(struct rig *r, int i, unsigned code, const char *reason)
{
    char payload[125];
    size_t len = strlen(reason);

    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    memcpy(payload + 2, reason, len);
    ws_rig_frame(r, i, 0x88, payload, len + 2);
}

/* ---- what came ---- */

static size_t take_length(const unsigned char *p, size_t left, size_t *at)
{
    size_t len = p[1] & 0x7f;
    int more = len == 126 ? 2 : len == 127 ? 8 : 0;

    *at = 2;
    if (more == 0)
        return len;
    if (left < 10)
        return SIZE_MAX;
    len = 0;
    for (int n = 0; n < more; n++)
        len = len << 8 | p[(*at)++];
    return len;
}

static size_t put_payload(char *out, unsigned opcode, const unsigned char *p,
                          size_t len)
{
    enum { ROOM = 256 };

    if (opcode == 8 && len >= 2)
        return (size_t)snprintf(out, ROOM, ":%u,%.*s", p[0] << 8 | p[1],
                                (int)(len - 2), (const char *)p + 2);
    if (len > 40)
        return (size_t)snprintf(out, ROOM, "#%zu", len);
    return (size_t)snprintf(out, ROOM, ":%.*s", (int)len, (const char *)p);
}

const char *ws_rig_got(const struct rig *r, int i)
{
    static char text[1 << 16];
    static const char names[] = "KTB?????CIO?????";
    const char *head = strstr(r->peers[i].got, "\r\n\r\n");
    const unsigned char *p = (const unsigned char *)head + 4;
    const unsigned char *end =
        (const unsigned char *)r->peers[i].got + r->peers[i].len;
    size_t out = 0;

    text[0] = '\0';
    while (p < end && out < sizeof(text) - 512) {
        size_t at;
        size_t len = take_length(p, (size_t)(end - p), &at);
        char name = names[p[0] & 15];

        if ((p[1] & 0x80) != 0 || len > (size_t)(end - p) - at || name == '?') {
            memcpy(text + out, "?", 2);
            break;
        }
        if (out > 0)
            text[out++] = ' ';
        text[out++] = (p[0] & 0x80) != 0 ? name : (char)(name | 0x20);
        if ((p[0] & 0x40) != 0)
            text[out++] = '*';
        out += put_payload(text + out, p[0] & 15, p + at, len);
        p += at + len;
    }
    return text;
}
