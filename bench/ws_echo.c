/* SPDX-License-Identifier: MIT */
/*
 * The server of bench/ws on the public API: what examples/ws_echo.c and
 * examples/ws_chat.c are, without TLS and compression.
 *
 *   ws_echo ADDRESS    "/" sends messages back; "/room" sends each message to
 *                      all who are there
 */
#include <flare/flare.h>

#include <stdio.h>

static flare_ws_hub *hub;

static void on_echo(flare_ws *ws, enum flare_ws_kind kind,
                    struct flare_str bytes, void *ctx)
{
    int rc = kind == FLARE_WS_TEXT ? flare_ws_send_text(ws, bytes)
                                   : flare_ws_send_binary(ws, bytes);

    (void)ctx;
    if (rc < 0)
        flare_ws_abort(ws);
}

static void on_enter(flare_ws *ws, void *ctx)
{
    (void)ctx;
    if (flare_ws_subscribe(ws, hub, FLARE_STR("room")) < 0)
        flare_ws_abort(ws);
}

static void on_say(flare_ws *ws, enum flare_ws_kind kind,
                   struct flare_str bytes, void *ctx)
{
    (void)ctx;
    if (flare_ws_publish(hub, FLARE_STR("room"), kind, bytes) < 0)
        flare_ws_abort(ws);
}

static const struct flare_ws_handler echo = {.on_message = on_echo};
static const struct flare_ws_handler room = {.on_open = on_enter,
                                             .on_message = on_say};

static int get_echo(flare_req *req, flare_res *res)
{
    return flare_ws_accept(req, res, &echo, NULL, NULL);
}

static int get_room(flare_req *req, flare_res *res)
{
    return flare_ws_accept(req, res, &room, NULL, NULL);
}

static const struct flare_route routes[] = {
    FLARE_GET("/", get_echo),
    FLARE_GET("/room", get_room),
};

int main(int argc, char **argv)
{
    struct flare_server_config config = {
        .routes = FLARE_ROUTES(routes),
        .handle_signals = true,
    };
    struct flare_error err;
    int rc;

    if (argc != 2)
        return fprintf(stderr, "usage: ws_echo ADDRESS\n"), 2;
    config.listen = argv[1];
    if (flare_ws_hub_new(&hub, NULL) < 0)
        return fprintf(stderr, "ws_echo: no hub\n"), 1;
    rc = flare_serve(&config, &err);
    if (rc < 0)
        fprintf(stderr, "ws_echo: %s\n", err.text);
    flare_ws_hub_free(hub);
    return rc < 0;
}
