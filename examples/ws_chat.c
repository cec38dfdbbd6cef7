/* SPDX-License-Identifier: MIT */
/*
 * A chat of all who look at the page, on whichever worker they are.
 *   ws_chat [ADDRESS]    listens on 127.0.0.1:8080 unless told otherwise
 */
#include <flare/flare.h>

#include <stdio.h>

static flare_ws_hub *hub;

static const char page[] =
    "<!DOCTYPE html><meta charset=utf-8><form id=f><input id=i></form>\n"
    "<ul id=u></ul><script>\n"
    "const ws = new WebSocket(location.href.replace(/^http/, 'ws') + 'chat')\n"
    "ws.onmessage = e => { const l = document.createElement('li')\n"
    "  l.textContent = e.data; u.prepend(l) }\n"
    "f.onsubmit = () => { ws.send(i.value); i.value = ''; return false }\n"
    "</script>";

static void on_open(flare_ws *ws, void *ctx)
{
    (void)ctx;
    if (flare_ws_subscribe(ws, hub, FLARE_STR("room")) < 0)
        flare_ws_abort(ws);
}

static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    (void)ctx;
    if (flare_ws_publish(hub, FLARE_STR("room"), kind, bytes) < 0)
        flare_ws_abort(ws);
}

static const struct flare_ws_handler chat = {
    .on_open = on_open,
    .on_message = on_message,
    .message_bytes_max = 4096,
    .closes_slow = true,
};

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static int on_chat(flare_req *req, flare_res *res)
{
    return flare_ws_accept(req, res, &chat, NULL, NULL);
}

static int on_page(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_static(res, 200, FLARE_STR("text/html"), flare_str(page));
}

static const struct flare_route routes[] = {
    FLARE_GET("/", on_page),
    FLARE_GET("/chat", on_chat),
};

int main(int argc, char **argv)
{
    struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .workers = 4,
        .routes = FLARE_ROUTES(routes),
        .handle_signals = true,
        .on_listening = on_listening,
    };
    struct flare_error err = {.text = "no memory"};
    if (flare_ws_hub_new(&hub, NULL) < 0 || flare_serve(&config, &err) < 0)
        return fprintf(stderr, "ws_chat: %s\n", err.text), 1;
    flare_ws_hub_free(hub);
    return 0;
}
