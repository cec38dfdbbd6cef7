/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket server that sends every message back, at /echo compressed
 * on request.
 *
 *   ws_echo [HTTP [HTTPS]]    listens on 127.0.0.1:8080 unless told otherwise,
 *                             with a certificate of its own on the second
 *   python3 -m websockets ws://127.0.0.1:8080/echo
 */
#include <flare/flare.h>

#include <stdio.h>

static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    int rc = kind == FLARE_WS_TEXT ? flare_ws_send_text(ws, bytes)
                                   : flare_ws_send_binary(ws, bytes);

    (void)ctx;
    if (rc == FLARE_E_OUTPUT_FULL) /* it sends faster than it reads */
        (void)flare_ws_close(ws, FLARE_WS_CLOSE_TRY_LATER, FLARE_STR("slow"));
}

static const struct flare_ws_handler echo = {
    .on_message = on_message,
    .protocols = &(const struct flare_str){"echo", 4},
    .protocol_count = 1,
    .deflate.is_on = true,
};
static const struct flare_ws_handler plain = {.on_message = on_message};
/* The same for the pages of another site. */
static const struct flare_ws_handler shared = {
    .on_message = on_message,
    .origins = &(const struct flare_str){"https://flare.example", 21},
    .origin_count = 1,
};

static int on_echo(flare_req *req, flare_res *res)
{
    return flare_ws_accept(req, res, &echo, NULL, NULL);
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static int on_plain(flare_req *req, flare_res *res)
{
    return flare_ws_accept(req, res, &plain, NULL, NULL);
}

static int on_shared(flare_req *req, flare_res *res)
{
    return flare_ws_accept(req, res, &shared, NULL, NULL);
}

static const struct flare_route routes[] = {
    FLARE_GET("/echo", on_echo),
    FLARE_GET("/plain", on_plain),
    FLARE_GET("/shared", on_shared),
};

int main(int argc, char **argv)
{
    struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .tls_listen = argc > 2 ? argv[2] : NULL,
        .routes = FLARE_ROUTES(routes),
        .handle_signals = true,
        .on_listening = on_listening,
    };
    struct flare_tls_cert cert = {.chain.file = NULL};
    struct flare_tls_server_config tls = {.certs = &cert, .cert_count = 1};
    struct flare_error err;

    if (argc > 2 && (flare_tls_self_signed(&cert, NULL, 30, &err) < 0 ||
                     flare_tls_server_new(&config.tls, &tls, &err) < 0))
        return fprintf(stderr, "ws_echo: %s\n", err.text), 1;
    if (flare_serve(&config, &err) < 0)
        return fprintf(stderr, "ws_echo: %s\n", err.text), 1;
    flare_tls_server_free(config.tls);
    flare_tls_self_signed_free(&cert);
    return 0;
}
