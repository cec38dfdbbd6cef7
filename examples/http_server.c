/* SPDX-License-Identifier: MIT */
/*
 * Limits that are checked when this is compiled, a middleware around the whole
 * server, fields, queries and bodies.
 *
 *   http_server [ADDRESS]   listens on 127.0.0.1:8080 unless told otherwise
 *   curl -i http://127.0.0.1:8080/agent
 *   curl -d 'some text' http://127.0.0.1:8080/count
 */
#include <flare/flare.h>

#include <stdio.h>

#define LIMITS(X)                                                              \
    X(workers, 2)                                                              \
    X(body_bytes_max, 65536)                                                   \
    X(idle_timeout_ms, 15000)
FLARE_CONSTANT_CONFIG(limits, LIMITS);

static int on_home(flare_req *req, flare_res *res)
{
    struct flare_str host = flare_req_host(req);

    return flare_res_printf(res, 200, "this is %.*s\n", FLARE_STR_ARG(host));
}

static int on_agent(flare_req *req, flare_res *res)
{
    struct flare_str agent = flare_req_header(req, "User-Agent");

    if (agent.ptr == NULL)
        return FLARE_E_BAD_INPUT; /* the peer gets a plain 400 */
    return flare_res_copy(res, 200, FLARE_STR("text/plain"), agent);
}

static int on_count(flare_req *req, flare_res *res)
{
    return flare_res_printf(res, 200, "%zu bytes\n", flare_req_body(req).len);
}

/* Around every request, also one that no route is for. */
static int with_version(flare_req *req, flare_res *res,
                        struct flare_handler next, void *ctx)
{
    int rc = flare_res_header(res, "X-Version", flare_str(ctx));

    return rc < 0 ? rc : flare_next(req, res, next);
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static const struct flare_middleware version = {with_version, (void *)"7"};
static const struct flare_route routes[] = {
    FLARE_GET("/", on_home),
    FLARE_GET("/agent", on_agent),
    FLARE_POST("/count", on_count),
};

int main(int argc, char **argv)
{
    struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .routes = FLARE_ROUTES(routes),
        .middleware = {&version},
        .handle_signals = true,
        .on_listening = on_listening,
    };
    struct flare_error err;

    limits_apply(&config);
    if (flare_serve(&config, &err) < 0)
        return fprintf(stderr, "http_server: %s\n", err.text), 1;
    return 0;
}
