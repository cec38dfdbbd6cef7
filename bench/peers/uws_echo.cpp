/* SPDX-License-Identifier: MIT */
/*
 * uWebSockets sends back what it gets, and in "/room" sends each message to all
 * who are there, as its own examples do.  It is not part of this repository:
 * bench/ws --uwebsockets DIR says where a copy is.
 *
 *   uws_echo PORT
 */
#include "App.h"

#include <cstdio>
#include <cstdlib>

namespace
{

struct Nothing {
};

using Socket = uWS::WebSocket<false, true, Nothing>;

uWS::App::WebSocketBehavior<Nothing> limits()
{
    uWS::App::WebSocketBehavior<Nothing> b;

    b.compression = uWS::DISABLED;
    b.maxPayloadLength = 16 * 1024 * 1024;
    b.idleTimeout = 120;
    b.maxBackpressure = 1024 * 1024;
    return b;
}

} // namespace

int main(int argc, char **argv)
{
    auto echo = limits();
    auto room = limits();
    uWS::App app;

    if (argc != 2)
        return std::fprintf(stderr, "usage: uws_echo PORT\n"), 2;
    echo.message = [](Socket *ws, std::string_view message, uWS::OpCode code) {
        ws->send(message, code);
    };
    room.open = [](Socket *ws) { ws->subscribe("room"); };
    room.message = [&app](Socket *, std::string_view message,
                          uWS::OpCode code) {
        app.publish("room", message, code);
    };
    app.ws<Nothing>("/", std::move(echo));
    app.ws<Nothing>("/room", std::move(room));
    app.listen("127.0.0.1", std::atoi(argv[1]), [argv](auto *socket) {
        if (socket == nullptr)
            std::exit(1);
        std::printf("listening on 127.0.0.1:%s\n", argv[1]);
        std::fflush(stdout);
    });
    app.run();
    return 1;
}
