/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket server in a calm simulated world (tests/http/conn_rig.h), and a
 * client written down by hand: frames out, whatever their faults, and the
 * frames that came back.
 */
#ifndef FLARE__TEST_WS_RIG_H
#define FLARE__TEST_WS_RIG_H

#include <flare/ws.h>

#include "tests/http/conn_rig.h"

enum { WS_RIG_MESSAGES = 64, WS_RIG_BYTES = 1 << 20 };

/* RFC 6455 section 1.2's handshake, without an origin. */
#define WS_GET                                                                 \
    "GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"                       \
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"                            \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define WS_VERSION "Sec-WebSocket-Version: 13\r\n"
#define WS_HELLO WS_GET WS_VERSION "\r\n"
#define WS_ACCEPTED "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

/* What the server's callbacks saw; of all connections. */
struct ws_seen {
    flare_ws *ws; /* the last that opened */
    int opened;
    int messages;
    int fragments;
    int drains;
    int pongs;
    int closed;
    uint16_t code;
    char reason[128];
    enum flare_ws_kind kind;
    size_t len; /* of the last message, or pong */
    char *bytes;
    int send_rc; /* of what was sent back */
    int accept_rc;
    bool accept_open;
};
extern struct ws_seen ws_seen;

/* What is done in on_message beside noting it; NULL: it is sent back. */
typedef void (*ws_rig_fn)(flare_ws *ws, struct flare_str bytes);
extern ws_rig_fn ws_rig_on_message;
extern void (*ws_rig_on_open)(flare_ws *ws);
extern void (*ws_rig_on_closed)(flare_ws *ws);

/* The callbacks that fill ws_seen. */
void ws_rig_handler(struct flare_ws_handler *h);

/* A server whose every request is accepted with `h`, which must outlive it. */
struct rig *ws_rig_new(const struct flare_ws_handler *h);
struct rig *ws_rig_with(const struct flare_ws_handler *h,
                        struct flare_server_config config);
void ws_rig_free(struct rig *r);

/* Peer `i` connects and shakes hands; the test fails if that does. */
void ws_rig_open(struct rig *r, int i);

/* Sends one masked frame; `first` is its first byte, FIN and RSV too. */
void ws_rig_frame(struct rig *r, int i, unsigned first, const void *bytes,
                  size_t len);
void ws_rig_text(struct rig *r, int i, const char *text);
void ws_rig_close(struct rig *r, int i, unsigned code, const char *reason);

/* The same, written to `out`; returns its length. */
size_t ws_rig_put(char *out, unsigned first, const void *bytes, size_t len);

/*
 * What peer `i` got behind the head, as text: "T:hello C:1000,bye" where T, B,
 * K, C, I and O are text, binary, continuation, close, ping and pong; lower
 * case without FIN, with '*' for RSV1; payloads past 40 bytes are their length,
 * "B#5000".  Masked or malformed frames give "?".
 */
const char *ws_rig_got(const struct rig *r, int i);

#endif
