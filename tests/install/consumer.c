/* SPDX-License-Identifier: MIT */
/* A user's program, built against what was installed and nothing else. */
#include <flare/flare.h>

#include <stdio.h>
#include <string.h>

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "hello\n");
}

static const struct flare_route routes[] = {FLARE_GET("/", on_hello)};

int main(void)
{
    struct flare_server_config config = {
        .listen = "127.0.0.1:0",
        .routes = FLARE_ROUTES(routes),
    };
    struct flare_error err;
    flare_server *server;

    if (flare_server_open(&server, &config, &err) < 0)
        return fprintf(stderr, "consumer: %s\n", err.text), 1;
    printf("flare %s on %s\n", flare_version(), flare_server_address(server));
    flare_server_free(server);
    return strcmp(flare_version(), FLARE_VERSION) != 0;
}
