/* SPDX-License-Identifier: MIT */
/* As consumer.c, from C++: the macros too, and the loop. */
#include <flare/flare.h>

#include <cstdio>
#include <cstring>

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_copy(res, 200, FLARE_STR("text/plain"),
                          FLARE_STR("hello\n"));
}

static const struct flare_route routes[] = {FLARE_GET("/", on_hello)};

static void on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    bool *got = static_cast<bool *>(ctx);

    *got = data.len == 5;
    flare_loop_stop(flare_stream_loop(stream));
}

static void on_datagrams(flare_udp *, const flare_datagram *list, size_t count,
                         void *ctx)
{
    *static_cast<bool *>(ctx) = count == 1 && list->bytes.len == 1;
}

/* A stream and a datagram to ourselves. */
static int talk()
{
    static const flare_stream_handler handler = {nullptr, on_data, nullptr,
                                                 nullptr, nullptr};
    static const flare_udp_handler hears = {on_datagrams, nullptr, nullptr,
                                            nullptr};
    bool got = false, heard = false;
    flare_error err = {};
    flare_tcp_options options = {};
    flare_udp_options udp_options = {};
    flare_listener *listener;
    flare_stream *stream;
    flare_loop *loop;
    flare_udp *udp;
    flare_addr at;

    options.handler = &handler;
    options.ctx = &got;
    udp_options.handler = &hears;
    udp_options.ctx = &heard;
    if (flare_loop_new(&loop, nullptr, &err) < 0)
        return std::fprintf(stderr, "consumer: %s\n", err.text), 1;
    if (flare_udp_open(loop, &udp, FLARE_STR("127.0.0.1:0"), &udp_options,
                       &err) < 0 ||
        flare_udp_local(udp, &at) < 0 ||
        flare_udp_send(udp, &at, FLARE_STR("x")) < 0 ||
        flare_tcp_listen(loop, &listener, FLARE_STR("127.0.0.1:0"), &options,
                         &err) < 0)
        return std::fprintf(stderr, "consumer: %s\n", err.text), 1;
    at = flare_listener_local(listener);
    if (flare_tcp_connect_addr(loop, &stream, &at, &options, &err) < 0 ||
        flare_stream_write(stream, FLARE_STR("hello")) < 0 ||
        flare_loop_run(loop) < 0)
        return std::fprintf(stderr, "consumer: %s\n", err.text), 1;
    for (int i = 0; i < 100 && !heard; i++)
        if (flare_loop_run_once(loop, 100) < 0)
            return 1;
    flare_loop_free(loop);
    return got && heard ? 0 : 1;
}

int main()
{
    flare_server_config config = {};
    flare_error err;
    flare_server *server;

    config.listen = "127.0.0.1:0";
    config.routes = FLARE_ROUTES(routes);
    if (flare_server_open(&server, &config, &err) < 0)
        return std::fprintf(stderr, "consumer: %s\n", err.text), 1;
    std::printf("flare %s on %s\n", flare_version(), flare_server_address(server));
    flare_server_free(server);
    if (talk() != 0)
        return 1;
    return std::strcmp(flare_version(), FLARE_VERSION) != 0;
}
