/* SPDX-License-Identifier: MIT */
/*
 * The smallest server: one handler, one route.
 *
 *   hello [ADDRESS]       listens on 127.0.0.1:8080 unless told otherwise
 *   curl http://127.0.0.1:8080/
 */
#include <flare/flare.h>

#include <stdio.h>

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "hello\n");
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static const struct flare_route routes[] = {
    FLARE_GET("/", on_hello),
};

int main(int argc, char **argv)
{
    struct flare_error err;
    int rc = flare_serve(
        &(struct flare_server_config){
            .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
            .routes = FLARE_ROUTES(routes),
            .handle_signals = true,
            .on_listening = on_listening,
        },
        &err);

    if (rc < 0)
        return fprintf(stderr, "hello: %s\n", err.text), 1;
    return 0;
}
