/* SPDX-License-Identifier: MIT */
/*
 * Routes with parameters, bodies, several workers.
 *
 *   users [ADDRESS]       listens on 127.0.0.1:8080 unless told otherwise
 *   curl http://127.0.0.1:8080/users/7
 *   curl -d 'some text' http://127.0.0.1:8080/echo
 */
#include <flare/flare.h>

#include <stdio.h>

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "hello\n");
}

static int on_user(flare_req *req, flare_res *res)
{
    uint64_t id;
    int rc = flare_req_param_u64(req, "id", &id);

    if (rc < 0)
        return rc; /* the peer gets a plain 400 */
    return flare_res_printf(res, 200, "user %" PRIu64 "\n", id);
}

static int on_echo(flare_req *req, flare_res *res)
{
    return flare_res_copy(res, 200, FLARE_STR("application/octet-stream"),
                          flare_req_body(req));
}

static int on_file(flare_req *req, flare_res *res)
{
    struct flare_str path = flare_req_param(req, "path");

    return flare_res_printf(res, 200, "path %.*s\n", FLARE_STR_ARG(path));
}

static int on_delete(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_empty(res, 204);
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static const struct flare_route routes[] = {
    FLARE_GET("/", on_hello),
    FLARE_GET("/users/:id", on_user),
    FLARE_DELETE("/users/:id", on_delete),
    FLARE_POST("/echo", on_echo),
    FLARE_GET("/files/*path", on_file),
};

int main(int argc, char **argv)
{
    struct flare_error err;
    int rc = flare_serve(
        &(struct flare_server_config){
            .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
            .routes = FLARE_ROUTES(routes),
            .workers = 2,
            .handle_signals = true,
            .on_listening = on_listening,
        },
        &err);

    if (rc < 0)
        return fprintf(stderr, "users: %s\n", err.text), 1;
    return 0;
}
