/* SPDX-License-Identifier: MIT */
/* See wire_rig.h. */
#include "tests/ws/wire_rig.h"

#include "tests/support/test.h"
#include "ws/handshake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { WIRE_PORT = 80, TURNS_MAX = 100000 };

#define WIRE_KEY "dGhlIHNhbXBsZSBub25jZQ=="

/* Check notes each of its assertions with a write, and there are a million
 * here. */
static void wire_must(bool is_so)
{
    if (!is_so)
        ck_abort_msg("not so");
}

/* ---- ours ---- */

static void on_open(flare_ws *ws, void *ctx)
{
    struct wire *w = ctx;

    (void)ws;
    w->seen.opened++;
}

static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    struct wire *w = ctx;

    w->seen.messages++;
    if (kind == FLARE_WS_TEXT)
        wire_must(flare_ws_send_text(ws, bytes) >= 0);
    else
        wire_must(flare_ws_send_binary(ws, bytes) >= 0);
}

static void on_pong(flare_ws *ws, struct flare_str payload, void *ctx)
{
    struct wire *w = ctx;

    (void)ws;
    (void)payload;
    w->seen.pongs++;
}

static void on_closed(flare_ws *ws, uint16_t code, struct flare_str reason,
                      void *ctx)
{
    struct wire *w = ctx;

    (void)ws;
    (void)reason;
    w->seen.closed++;
    w->seen.code = code;
}

static void on_failed(flare_ws *ws, int status, const struct flare_error *err,
                      void *ctx)
{
    struct wire *w = ctx;

    (void)ws;
    (void)status;
    w->seen.failed++;
    w->seen.rc = err->code;
}

void wire_handler(struct flare_ws_handler *h)
{
    h->on_open = on_open;
    h->on_message = on_message;
    h->on_pong = on_pong;
    h->on_closed = on_closed;
}

static struct wire *wire_now; /* handlers of routes have no context */

static int on_request(flare_req *req, flare_res *res)
{
    return flare_ws_accept(req, res, wire_now->plan->handler, wire_now, NULL);
}

/* ---- the peer ---- */

static void peer_write(struct wire *w, const void *bytes, size_t len)
{
    int rc = w->peer == NULL
                 ? 0
                 : flare_stream_write(w->peer, (struct flare_str){bytes, len});

    wire_must(rc >= 0 || rc == -EPIPE); /* ours has seen enough */
}

static void peer_hello(struct wire *w, bool has_early)
{
    char head[2048];
    int len = snprintf(head, sizeof(head),
                       "GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"
                       "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Key: " WIRE_KEY
                       "\r\nSec-WebSocket-Version: 13\r\n"
                       "%s\r\n",
                       w->plan->fields != NULL ? w->plan->fields : "");

    wire_must(len < (int)sizeof(head));
    peer_write(w, head, (size_t)len);
    if (has_early) {
        peer_write(w, w->plan->bytes.ptr, w->plan->bytes.len);
        w->at = w->plan->bytes.len;
    }
}

static const char peer_accept[] =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";

/* The server's part of the handshake. */
static void peer_answer(struct wire *w)
{
    char accept[FLARE__WS_ACCEPT_LEN];
    const char *key = strcasestr(w->seen.got, "\r\nSec-WebSocket-Key: ");
    char head[1024];
    int len;

    wire_must(key != NULL);
    key += strlen("\r\nSec-WebSocket-Key: ");
    flare__ws_accept_of(accept, key);
    len = snprintf(head, sizeof(head), "%s\r\n%s%.*s\r\n%s\r\n",
                   w->plan->status != NULL ? w->plan->status
                                           : "HTTP/1.1 101 Switching Protocols",
                   peer_accept, (int)sizeof(accept), accept,
                   w->plan->fields != NULL ? w->plan->fields : "");
    wire_must(len < (int)sizeof(head));
    peer_write(w, head, (size_t)len);
    if (w->plan->is_early) {
        peer_write(w, w->plan->bytes.ptr, w->plan->bytes.len);
        w->at = w->plan->bytes.len;
    }
}

static void peer_on_open(flare_stream *stream, void *ctx)
{
    struct wire *w = ctx;

    w->peer = stream;
    if (!w->is_client)
        peer_hello(w, w->plan->is_early);
}

static void peer_on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    struct wire *w = ctx;
    struct wire_seen *seen = &w->seen;
    const char *end;

    (void)stream;
    wire_must(seen->len + data.len <= WIRE_GOT_MAX);
    memcpy(seen->got + seen->len, data.ptr, data.len);
    seen->len += data.len;
    seen->got[seen->len] = '\0';
    if (seen->frames == NULL) {
        end = strstr(seen->got, "\r\n\r\n");
        if (end == NULL)
            return;
        seen->frames = end + 4;
        w->is_ready = true;
        if (w->is_client)
            peer_answer(w);
    }
    seen->frames_len = seen->len - (size_t)(seen->frames - seen->got);
}

static void peer_on_end(flare_stream *stream, void *ctx)
{
    struct wire *w = ctx;

    w->seen.has_fin = true;
    flare_stream_close(stream);
}

static void peer_on_closed(flare_stream *stream, int rc,
                           const struct flare_error *err, void *ctx)
{
    struct wire *w = ctx;

    (void)stream;
    (void)rc;
    (void)err;
    w->peer = NULL;
    w->is_over = true;
}

static const struct flare_stream_handler peer_handler = {
    .on_open = peer_on_open,
    .on_data = peer_on_data,
    .on_end = peer_on_end,
    .on_closed = peer_on_closed,
};

/* The next piece of what it has to say. */
static void peer_go_on(struct wire *w)
{
    static const char masked[] = "\x88\x82\x01\x02\x03\x04\x02\xea";
    static const char bare[] = "\x88\x02\x03\xe8";
    struct flare_str bytes = w->plan->bytes;
    size_t left = bytes.len - w->at;
    size_t n = w->at == 0 && w->plan->first > 0 ? w->plan->first
               : w->plan->piece > 0             ? w->plan->piece
                                                : left;

    if (left > 0) {
        n = n < left ? n : left;
        peer_write(w, bytes.ptr + w->at, n);
        w->at += n;
        return;
    }
    w->is_ended = true;
    if (w->plan->end == WIRE_LEAVES && w->peer != NULL)
        flare_stream_shutdown(w->peer);
    if (w->plan->end == WIRE_CLOSES && w->is_client)
        peer_write(w, bare, sizeof(bare) - 1);
    if (w->plan->end == WIRE_CLOSES && !w->is_client)
        peer_write(w, masked, sizeof(masked) - 1);
}

/* ---- both ---- */

static int wire_socket(struct wire *w)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    char text[64];
    int fd;

    if (w->rig.world != NULL) {
        fd = flare__sim_listen(w->rig.world, WIRE_PORT, 64);
        in.sin_port = htons(WIRE_PORT);
    } else {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
        ck_assert_int_eq(listen(fd, 64), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    }
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(in.sin_port));
    (void)snprintf(w->url, sizeof(w->url), "ws://%s/chat", text);
    ck_assert_int_eq(flare_addr_parse(&w->address, flare_str(text), NULL), 0);
    return fd;
}

static void wire_serve(struct wire *w)
{
    w->config = (struct flare_server_config){
        .listen = "127.0.0.1:80",
        .connections_max = 64,
        .handler.fn = on_request,
    };
    ck_assert_int_eq(flare__config_resolve(&w->config, 1024, NULL), 0);
    flare__config_options(&w->options, &w->config);
    ck_assert_int_eq(flare__http_init(&w->http, w->rig.loop, &w->options), 0);
    ck_assert_int_eq(
        flare__http_listen(&w->http, wire_socket(w), /* is_tls = */ false), 0);
}

bool wire_open(struct wire *w, int backend, bool is_client)
{
    const struct flare_tcp_options options = {.handler = &peer_handler,
                                              .ctx = w};

    memset(w, 0, sizeof(*w));
    if (!loop_rig_open(&w->rig, backend))
        return false;
    w->is_client = is_client;
    w->seen.got = malloc(WIRE_GOT_MAX + 1);
    ck_assert_ptr_nonnull(w->seen.got);
    wire_now = w;
    if (!is_client)
        wire_serve(w);
    else
        ck_assert_int_eq(flare_tcp_listen_fd(w->rig.loop, &w->listener,
                                             wire_socket(w), &options, NULL),
                         0);
    return true;
}

void wire_close(struct wire *w)
{
    if (w->is_client) {
        flare_listener_close(w->listener);
    } else {
        flare__http_drain(&w->http);
        flare__http_abort(&w->http);
        LOOP_RIG_UNTIL(&w->rig, flare__http_is_idle(&w->http));
        flare__http_fini(&w->http);
    }
    loop_rig_close(&w->rig);
    free(w->seen.got);
}

static void wire_begin(struct wire *w, const struct wire_plan *plan)
{
    char *got = w->seen.got;

    got[0] = '\0';
    w->seen = (struct wire_seen){.got = got};
    w->plan = plan;
    w->at = 0;
    w->is_ready = w->is_ended = w->is_over = false;
}

/* Ours connects to the peer, or the peer to ours. */
static void wire_connect(struct wire *w)
{
    const struct flare_tcp_options options = {.handler = &peer_handler,
                                              .ctx = w};
    const struct flare_ws_client_config config = {.url = w->url,
                                                  .on_failed = on_failed};

    if (w->is_client)
        wire_must(flare_ws_connect(w->rig.loop, &config, w->plan->handler, w,
                                   NULL, NULL) == 0);
    else
        wire_must(flare_tcp_connect_addr(w->rig.loop, &w->peer, &w->address,
                                         &options, NULL) == 0);
}

static bool wire_is_over(const struct wire *w)
{
    if (!w->is_over || w->seen.closed < w->seen.opened)
        return false;
    return !w->is_client || w->seen.opened + w->seen.failed == 1;
}

void wire_run(struct wire *w, const struct wire_plan *plan)
{
    wire_begin(w, plan);
    wire_connect(w);
    for (int turns = 0; !wire_is_over(w); turns++) {
        bool is_busy = w->is_ready && !w->is_ended;

        if (turns > TURNS_MAX)
            ck_abort_msg("%s: no end", w->rig.name);
        if (is_busy && turns % 3 == 0)
            peer_go_on(w);
        wire_must(flare_loop_run_once(w->rig.loop, is_busy ? 0 : 1000) >= 0);
    }
}
