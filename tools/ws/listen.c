/* SPDX-License-Identifier: MIT */
/*
 * The server: one worker, any path.  What comes is shown, sent back, or sent to
 * all; lines of the input go to all.
 */
#include "tools/common/tool.h"
#include "tools/ws/input.h"
#include "tools/ws/show.h"
#include "tools/ws/ws.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVERYBODY FLARE_STR("all")

static struct {
    flare_server *server;
    flare_ws_hub *hub;
    struct flare_ws_handler handler;
    struct flare_str origin;
} s;

static const char *who(flare_ws *peer, char text[FLARE_ADDR_TEXT_MAX])
{
    (void)flare_addr_format(flare_ws_peer(peer), text, FLARE_ADDR_TEXT_MAX);
    return text;
}

static void on_open(flare_ws *peer, void *ctx)
{
    char text[FLARE_ADDR_TEXT_MAX];
    int rc = flare_ws_subscribe(peer, s.hub, EVERYBODY);

    (void)ctx;
    show_open(who(peer, text), flare_ws_subprotocol(peer));
    if (rc < 0)
        (void)flare_ws_close(peer, FLARE_WS_CLOSE_TRY_LATER, FLARE_STR(""));
}

static void on_message(flare_ws *peer, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    char text[FLARE_ADDR_TEXT_MAX];
    int rc = 0;

    (void)ctx;
    if (ws.role == WS_PRINT || !ws.quiet)
        show_message(who(peer, text), kind, bytes);
    if (ws.role == WS_ECHO)
        rc = kind == FLARE_WS_TEXT ? flare_ws_send_text(peer, bytes)
                                   : flare_ws_send_binary(peer, bytes);
    else if (ws.role == WS_BROADCAST)
        rc = flare_ws_publish(s.hub, EVERYBODY, kind, bytes);
    if (rc < 0)
        (void)flare_ws_close(peer, FLARE_WS_CLOSE_TRY_LATER, FLARE_STR(""));
}

static void on_closed(flare_ws *peer, uint16_t code, struct flare_str reason,
                      void *ctx)
{
    char text[FLARE_ADDR_TEXT_MAX];

    (void)ctx;
    show_closed(who(peer, text), code, reason);
}

static int on_request(flare_req *req, flare_res *res)
{
    return flare_ws_accept(req, res, &s.handler, NULL, NULL);
}

static void on_line(struct flare_str line, void *ctx)
{
    (void)ctx;
    if (line.ptr == NULL)
        return;
    if (!ws_decode(&line))
        tool_warn("a line is not hexadecimal");
    else if (flare_ws_publish(s.hub, EVERYBODY,
                              ws.binary ? FLARE_WS_BINARY : FLARE_WS_TEXT,
                              line) < 0)
        tool_warn("a line was not sent: is it UTF-8?");
    input_next();
}

static int on_start(flare_worker *worker)
{
    input_start(flare_worker_loop(worker), on_line, NULL);
    return 0;
}

static void on_stop(flare_worker *worker)
{
    (void)worker;
    input_stop();
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    show_listening(address);
}

static flare_tls_server *make_tls(void)
{
    struct flare_tls_cert cert = {.chain.file = ws.cert_file,
                                  .key.file = ws.key_file};
    struct flare_tls_server_config config = {.certs = &cert, .cert_count = 1};
    struct flare_error err;
    flare_tls_server *tls;

    if (ws.self_signed && flare_tls_self_signed(&cert, NULL, 30, &err) < 0)
        tool_die("%s", err.text);
    if (flare_tls_server_new(&tls, &config, &err) < 0)
        tool_die("%s", err.text);
    if (ws.self_signed)
        flare_tls_self_signed_free(&cert);
    return tls;
}

static void prepare_handler(void)
{
    s.handler = (struct flare_ws_handler){
        .on_open = on_open,
        .on_message = on_message,
        .on_closed = on_closed,
        .protocols = ws.protocols,
        .protocol_count = ws.protocol_count,
        .deflate.is_on = ws.deflate,
    };
    if (ws.origin != NULL) {
        s.origin = flare_str(ws.origin);
        s.handler.origins = &s.origin;
        s.handler.origin_count = 1;
    }
}

int ws_listen(void)
{
    bool has_tls = ws.self_signed || ws.cert_file != NULL;
    struct flare_server_config config = {
        .listen = has_tls ? NULL : ws.listen,
        .tls_listen = has_tls ? ws.listen : NULL,
        .tls = has_tls ? make_tls() : NULL,
        .handler.fn = on_request,
        .handle_signals = true,
        .on_worker_start = on_start,
        .on_worker_stop = on_stop,
        .on_listening = on_listening,
        .drain_timeout_ms = 5000,
    };
    struct flare_error err;
    int rc;

    prepare_handler();
    rc = flare_ws_check(&s.handler, &err);
    if (rc < 0)
        tool_usage("%s", err.text);
    rc = flare_ws_hub_new(&s.hub, NULL);
    if (rc < 0)
        tool_die("%s", flare_strerror(rc));
    rc = flare_server_open(&s.server, &config, &err);
    if (rc == FLARE_E_BAD_ADDRESS || rc == FLARE_E_BAD_CONFIG)
        tool_usage("%s", err.text);
    if (rc == 0)
        rc = flare_server_run(s.server, &err);
    if (rc < 0)
        tool_die("%s", err.text);
    flare_server_free(s.server);
    flare_ws_hub_free(s.hub);
    flare_tls_server_free((flare_tls_server *)config.tls);
    return TOOL_EXIT_OK;
}
