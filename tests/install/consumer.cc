/* SPDX-License-Identifier: MIT */
/* As consumer.c, from C++: the macros too. */
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
    return std::strcmp(flare_version(), FLARE_VERSION) != 0;
}
